//! The usermetadata recipe: one JSON object for each user.

use crate::Object;
use crate::Status;
use crate::admin::StatusOk;
use crate::endpoint::endpoint;
use crate::input::request;
use serde::{Deserialize, Serialize};
use serde_json::Value;

request! {
    /// A user, who need not exist.
    MetadataOfRequest {
        /// The id as callers know it.
        user_id: String = "userId",
    }
    /// What is changed: a `null` at the top deletes its key.
    UpdateMetadataRequest {
        /// The id as callers know it.
        user_id: String = "userId",
        /// Laid over what is there, key by key at the top.
        metadata_update: Object = "metadataUpdate",
    }
    /// Several users.
    BulkRequest {
        /// At most 500 ids.
        user_ids: Vec<Value> = "userIds",
    }
}

/// A user's metadata.
#[derive(Debug, Deserialize, Serialize)]
pub struct MetadataResponse {
    /// Always `OK`.
    pub status: Status,
    /// `{}` if there is none.
    pub metadata: Object,
}

/// The metadata of one of several users.
#[derive(Debug, Deserialize, Serialize)]
pub struct BulkEntry {
    /// The user.
    #[serde(rename = "userId")]
    pub user_id: String,
    /// `null` if there is none.
    pub metadata: Option<Object>,
}

/// The metadata of several users, in the order of the call.
#[derive(Debug, Deserialize, Serialize)]
pub struct BulkResponse {
    /// Always `OK`.
    pub status: Status,
    /// One entry for each id.
    pub users: Vec<BulkEntry>,
}

endpoint! {
    /// Reads a user's metadata.
    GetMetadata: Get "/recipe/user/metadata" App, MetadataOfRequest => MetadataResponse;
    /// Changes a user's metadata.
    UpdateMetadata: Put "/recipe/user/metadata" App, UpdateMetadataRequest => MetadataResponse;
    /// Deletes a user's metadata.
    RemoveMetadata: Post "/recipe/user/metadata/remove" App, MetadataOfRequest => StatusOk;
    /// Reads the metadata of several users.
    BulkGetMetadata: Post "/recipe/user/metadata/bulk" App, BulkRequest => BulkResponse;
}
