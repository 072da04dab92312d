//! What can be done with metadata. Each function can be replaced.

use crate::{Cx, Result};
use async_trait::async_trait;
use portcullis_wire::Object;
use portcullis_wire::usermetadata as wire;

/// The functions of the usermetadata recipe. A replacement implements [`Functions::original`] and what it
/// changes; everything else goes to the functions below.
#[async_trait]
pub trait Functions: Send + Sync {
    /// The functions below.
    fn original(&self) -> &dyn Functions;

    /// What is kept about a user; `{}` if nothing is.
    async fn get(&self, cx: &Cx, user_id: &str) -> Result<Object> {
        self.original().get(cx, user_id).await
    }

    /// Lays an update over what is kept, and answers the whole; a `null` takes its key away.
    async fn update(&self, cx: &Cx, user_id: &str, update: Object) -> Result<Object> {
        self.original().update(cx, user_id, update).await
    }

    /// Forgets everything about a user.
    async fn clear(&self, cx: &Cx, user_id: &str) -> Result<()> {
        self.original().clear(cx, user_id).await
    }
}

/// What the functions do unless they are replaced.
#[derive(Debug)]
pub(super) struct BaseFunctions;

#[async_trait]
impl Functions for BaseFunctions {
    fn original(&self) -> &dyn Functions {
        self
    }

    async fn get(&self, cx: &Cx, user_id: &str) -> Result<Object> {
        let request = wire::MetadataOfRequest { user_id: user_id.to_owned() };
        Ok(cx.sdk().core().call::<wire::GetMetadata>(cx, None, &request).await?.metadata)
    }

    async fn update(&self, cx: &Cx, user_id: &str, update: Object) -> Result<Object> {
        let request = wire::UpdateMetadataRequest { user_id: user_id.to_owned(), metadata_update: update };
        Ok(cx.sdk().core().call::<wire::UpdateMetadata>(cx, None, &request).await?.metadata)
    }

    async fn clear(&self, cx: &Cx, user_id: &str) -> Result<()> {
        let request = wire::MetadataOfRequest { user_id: user_id.to_owned() };
        cx.sdk().core().call::<wire::RemoveMetadata>(cx, None, &request).await.map(drop)
    }
}
