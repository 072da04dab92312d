//! The useridmapping recipe: ids that users are known by outside of the core.

use crate::endpoint::endpoint;
use crate::input::{Nullable, request};
use serde::{Deserialize, Serialize};

request! {
    /// A user and an id that it shall be known by.
    CreateMappingRequest {
        /// The internal id.
        super_tokens_user_id: String = "superTokensUserId",
        /// The external id.
        external_user_id: String = "externalUserId",
        /// What the caller wants to remember about it.
        external_user_id_info: Nullable<String> = "externalUserIdInfo",
        /// Whether it is made although it may tear apart what is kept about users.
        force: Option<bool> = "force",
    }
    /// A mapping by one of its ids.
    MappingRequest {
        /// Internal or external.
        user_id: String = "userId",
        /// `SUPERTOKENS`, `EXTERNAL` or `ANY`, which it is by default.
        user_id_type: Option<String> = "userIdType",
    }
    /// A mapping to remove, by one of its ids.
    RemoveMappingRequest {
        /// Internal or external.
        user_id: String = "userId",
        /// `SUPERTOKENS`, `EXTERNAL` or `ANY`, which it is by default.
        user_id_type: Option<String> = "userIdType",
        /// Whether it is removed although something is kept under the external id.
        force: Option<bool> = "force",
    }
    /// What to remember about an external id.
    UpdateInfoRequest {
        /// Internal or external.
        user_id: String = "userId",
        /// `SUPERTOKENS`, `EXTERNAL` or `ANY`, which it is by default.
        user_id_type: Option<String> = "userIdType",
        /// `null` for nothing; it must be there.
        external_user_id_info: Nullable<String> = "externalUserIdInfo",
    }
}

/// The outcome of making a mapping.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum CreateMappingResponse {
    /// The user is known by the external id.
    #[serde(rename = "OK")]
    Ok,
    /// There is no such user.
    #[serde(rename = "UNKNOWN_SUPERTOKENS_USER_ID_ERROR")]
    UnknownUserId,
    /// One of the two ids, or both, have a mapping.
    #[serde(rename = "USER_ID_MAPPING_ALREADY_EXISTS_ERROR")]
    AlreadyExists {
        /// Whether the user has one.
        #[serde(rename = "doesSuperTokensUserIdExist")]
        does_super_tokens_user_id_exist: bool,
        /// Whether somebody is known by the external id.
        #[serde(rename = "doesExternalUserIdExist")]
        does_external_user_id_exist: bool,
    },
}

/// A mapping.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum MappingResponse {
    /// Found.
    #[serde(rename = "OK", rename_all = "camelCase")]
    Ok {
        /// The internal id.
        super_tokens_user_id: String,
        /// The external id.
        external_user_id: String,
        /// What is remembered about it.
        #[serde(skip_serializing_if = "Option::is_none")]
        external_user_id_info: Option<String>,
    },
    /// There is none.
    #[serde(rename = "UNKNOWN_MAPPING_ERROR")]
    UnknownMapping,
}

/// The outcome of removing a mapping.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum RemoveMappingResponse {
    /// The mapping is not there.
    #[serde(rename = "OK", rename_all = "camelCase")]
    Ok {
        /// Whether it was there before.
        did_mapping_exist: bool,
    },
}

/// The outcome of remembering something about an external id.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum UpdateInfoResponse {
    /// It is remembered.
    #[serde(rename = "OK")]
    Ok,
    /// There is no such mapping.
    #[serde(rename = "UNKNOWN_MAPPING_ERROR")]
    UnknownMapping,
}

endpoint! {
    /// Makes a user known by an external id.
    CreateMapping: Post "/recipe/userid/map" App, CreateMappingRequest => CreateMappingResponse;
    /// A mapping by one of its ids.
    GetMapping: Get "/recipe/userid/map" App, MappingRequest => MappingResponse;
    /// Removes a mapping.
    RemoveMapping: Post "/recipe/userid/map/remove" App, RemoveMappingRequest => RemoveMappingResponse;
    /// Remembers something about an external id.
    UpdateInfo: Put "/recipe/userid/external-user-id-info" App, UpdateInfoRequest => UpdateInfoResponse;
}
