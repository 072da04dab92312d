//! One JSON object for each user, for the app to keep what it likes.

mod functions;

pub use functions::Functions;

use super::{Kind, Recipe, Recipes};
use crate::{BuildError, Cx, Result};
use functions::BaseFunctions;
use portcullis_wire::Object;
use std::fmt;
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
#[must_use]
pub struct UserMetadata {
    functions: Arc<dyn Functions>,
}

impl fmt::Debug for UserMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserMetadata").finish_non_exhaustive()
    }
}

impl Default for UserMetadata {
    fn default() -> Self {
        Self::new()
    }
}

impl UserMetadata {
    /// The recipe as it is.
    pub fn new() -> Self {
        Self { functions: Arc::new(BaseFunctions) }
    }

    /// Replaces functions: `replace` gets those below and answers those above.
    pub fn override_functions<F: Functions + 'static>(
        mut self,
        replace: impl FnOnce(Arc<dyn Functions>) -> F,
    ) -> Self {
        self.functions = Arc::new(replace(self.functions));
        self
    }
}

impl Recipe for UserMetadata {
    fn add_to(self, recipes: &mut Recipes) -> std::result::Result<(), BuildError> {
        recipes.note(Kind::UserMetadata)?;
        recipes.user_metadata = Metadata { functions: self.functions };
        Ok(())
    }
}

/// The usermetadata recipe at work.
pub struct Metadata {
    pub(crate) functions: Arc<dyn Functions>,
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata").finish_non_exhaustive()
    }
}

impl Default for Metadata {
    fn default() -> Self {
        Self { functions: UserMetadata::new().functions }
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
