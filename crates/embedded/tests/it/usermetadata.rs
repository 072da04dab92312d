//! User metadata.

use crate::app::{TestApp, info, object};
use async_trait::async_trait;
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::usermetadata::{Functions, UserMetadata};
use portcullis::{BuildError, Cx, Result};
use portcullis_testkit::Shape;
use portcullis_wire::Object;
use rstest::rstest;
use serde_json::json;
use std::sync::Arc;

#[rstest]
#[tokio::test]
async fn metadata_are_laid_over_each_other_and_cleared(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = TestApp::new(shape, |builder| builder.recipe(SessionRecipe::new())).await;
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

#[rstest]
#[tokio::test]
async fn functions_are_replaced_one_above_the_other(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let recipe = UserMetadata::new()
        .override_functions(|original| Stamped(original, "inner"))
        .override_functions(|original| Stamped(original, "outer"));
    let app = TestApp::new(shape, |builder| builder.recipe(recipe).recipe(SessionRecipe::new())).await;
    let cx = Cx::new(&app.sdk);
    let whole = app.sdk.user_metadata().update(&cx, "ann", Object::new()).await.unwrap();
    assert_eq!(json!(whole), json!({"outer": true, "inner": true}));
    assert_eq!(
        app.sdk.user_metadata().get(&cx, "ann").await.unwrap(),
        whole,
        "what is not replaced is as it was"
    );

    let twice = portcullis::Portcullis::builder(info()).core("http://localhost:3567");
    let twice = twice.recipe(UserMetadata::new()).recipe(UserMetadata::new()).build();
    assert_eq!(twice.err(), Some(BuildError::DuplicateRecipe("usermetadata")));
}
