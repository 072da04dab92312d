//! One JSON object for each user, for the app to keep what it likes.

mod functions;

pub use functions::Functions;

use super::replaceable::replaceable;
use super::{Kind, Recipe, Recipes};
use crate::{BuildError, Cx, Result};
use functions::BaseFunctions;
use portcullis_wire::Object;
use std::sync::Arc;

/// The user metadata of an app. It is there also if it is not added: only who replaces functions adds it.
///
/// ```
/// use portcullis::{Cx, Portcullis, Result};
/// use serde_json::{Value, json};
///
/// async fn choose_theme(sdk: &Portcullis, user_id: &str) -> Result<Value> {
///     let cx = Cx::new(sdk);
///     let update = json!({"theme": "dark"}).as_object().cloned().unwrap_or_default();
///     let metadata = sdk.user_metadata().update(&cx, user_id, update).await?;
///     Ok(metadata["theme"].clone())
/// }
/// ```
#[derive(Debug, Default)]
#[must_use]
pub struct UserMetadata(Metadata);

impl UserMetadata {
    /// The recipe as it is.
    pub fn new() -> Self {
        Self::default()
    }
}

replaceable!(UserMetadata.0: functions);

impl Recipe for UserMetadata {
    fn add_to(self, recipes: &mut Recipes) -> std::result::Result<(), BuildError> {
        recipes.note(Kind::UserMetadata)?;
        recipes.user_metadata = self.0;
        Ok(())
    }
}

/// The usermetadata recipe at work.
#[derive(Debug)]
pub struct Metadata {
    pub(crate) functions: Arc<dyn Functions>,
}

impl Default for Metadata {
    fn default() -> Self {
        Self { functions: Arc::new(BaseFunctions) }
    }
}

impl Metadata {
    /// What is kept about a user, who need not exist; `{}` if nothing is.
    pub async fn get(&self, cx: &Cx, user_id: &str) -> Result<Object> {
        self.functions.get(cx, user_id).await
    }

    /// Lays an update over what is kept, key by key at the top, and answers the whole; a `null` takes its
    /// key away.
    pub async fn update(&self, cx: &Cx, user_id: &str, update: Object) -> Result<Object> {
        self.functions.update(cx, user_id, update).await
    }

    /// Forgets everything about a user.
    pub async fn clear(&self, cx: &Cx, user_id: &str) -> Result<()> {
        self.functions.clear(cx, user_id).await
    }
}
