//! User metadata from end to end: the SDK, and the core in the same process.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

mod app;

use app::{TestApp, object};
use async_trait::async_trait;
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::usermetadata::{Functions, UserMetadata};
use portcullis::{BuildError, Cx, Result};
use portcullis_wire::Object;
use serde_json::json;
use std::sync::Arc;

#[tokio::test]
async fn metadata_are_laid_over_each_other_and_cleared() {
    let app = TestApp::new(|builder| builder.recipe(SessionRecipe::new()));
    let (cx, metadata) = (Cx::new(&app.sdk), app.sdk.user_metadata());
    assert!(metadata.get(&cx, "ann").await.unwrap().is_empty());
    let first = json!({"theme": "dark", "address": {"city": "Paris", "zip": "1"}, "gone": 1});
    metadata.update(&cx, "ann", object(&first)).await.unwrap();
    let second = json!({"address": {"city": "Rome"}, "gone": null});
    let both = metadata.update(&cx, "ann", object(&second)).await.unwrap();
    assert_eq!(json!(both), json!({"theme": "dark", "address": {"city": "Rome"}}));
    assert_eq!(metadata.get(&cx, "ann").await.unwrap(), both);
    assert!(metadata.get(&cx, "bob").await.unwrap().is_empty());
    metadata.clear(&cx, "ann").await.unwrap();
    assert!(metadata.get(&cx, "ann").await.unwrap().is_empty());
}

/// Keeps a word of its own beside what the app keeps.
struct Stamped(Arc<dyn Functions>, &'static str);

#[async_trait]
impl Functions for Stamped {
    fn original(&self) -> &dyn Functions {
        &*self.0
    }

    async fn update(&self, cx: &Cx, user_id: &str, mut update: Object) -> Result<Object> {
        update.insert(self.1.to_owned(), true.into());
        self.original().update(cx, user_id, update).await
    }
}

#[tokio::test]
async fn functions_are_replaced_one_above_the_other() {
    let recipe = UserMetadata::new()
        .override_functions(|original| Stamped(original, "inner"))
        .override_functions(|original| Stamped(original, "outer"));
    let app = TestApp::new(|builder| builder.recipe(recipe).recipe(SessionRecipe::new()));
    let cx = Cx::new(&app.sdk);
    let whole = app.sdk.user_metadata().update(&cx, "ann", Object::new()).await.unwrap();
    assert_eq!(json!(whole), json!({"outer": true, "inner": true}));
    assert_eq!(
        app.sdk.user_metadata().get(&cx, "ann").await.unwrap(),
        whole,
        "what is not replaced is as it was"
    );

    let twice = portcullis::Portcullis::builder(app::info()).core("http://localhost:3567");
    let twice = twice.recipe(UserMetadata::new()).recipe(UserMetadata::new()).build();
    assert_eq!(twice.err(), Some(BuildError::DuplicateRecipe("usermetadata")));
}
