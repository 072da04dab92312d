//! Users of another system who are brought along: at once, or in a queue that is worked off in the background.

use crate::endpoint::endpoint;
use crate::input::request;
use crate::users::FullUser;
use crate::{Object, Status};
use serde::{Deserialize, Serialize};

request! {
    /// Users for the queue.
    AddUsersRequest {
        /// At most 10,000; each is looked at by itself.
        users: Vec<Object> = "users",
    }
    /// A page of the queue.
    ListRequest {
        /// `NEW`, `PROCESSING` or `FAILED`; all if left out.
        status: Option<String> = "status",
        /// Entries at most; 100 if left out.
        limit: Option<i32> = "limit",
        /// Where the page begins.
        pagination_token: Option<String> = "paginationToken",
    }
    /// How many are in the queue.
    CountRequest {
        /// As in [`ListRequest`].
        status: Option<String> = "status",
    }
    /// Entries that are to be taken out of the queue.
    RemoveRequest {
        /// Their ids, 500 at most.
        ids: Vec<String> = "ids",
    }
}

/// A user to bring along: what callers send and what the queue keeps, once it is checked.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportUser {
    /// The id that the user is known by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_user_id: Option<String>,
    /// The user's metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_metadata: Option<Object>,
    /// The user's roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_roles: Option<Vec<ImportRole>>,
    /// The user's verified TOTP devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totp_devices: Option<Vec<ImportDevice>>,
    /// How the user signs in; one at least.
    pub login_methods: Vec<ImportMethod>,
}

/// A role in tenants.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportRole {
    /// The role, which must exist.
    pub role: String,
    /// The tenants in which the user has it.
    pub tenant_ids: Vec<String>,
}

/// A TOTP device. Its secret is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportDevice {
    /// The secret, base32; empty where it is not to be shown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub secret_key: String,
    /// Seconds.
    pub period: i64,
    /// Periods.
    pub skew: i64,
    /// The name; it gets one if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
}

impl std::fmt::Debug for ImportDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportDevice").field("device_name", &self.device_name).finish_non_exhaustive()
    }
}

/// A login method. Its password and hash are not shown by `Debug`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportMethod {
    /// Where it works.
    pub tenant_ids: Vec<String>,
    /// `emailpassword`, `thirdparty` or `passwordless`.
    pub recipe_id: String,
    /// Whether the address is verified.
    pub is_verified: bool,
    /// Whether the others are linked to it.
    pub is_primary: bool,
    /// Milliseconds since 1970.
    #[serde(rename = "timeJoinedInMSSinceEpoch")]
    pub time_joined: i64,
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The password's hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    /// What made the hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hashing_algorithm: Option<String>,
    /// The password, which is hashed on import.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain_text_password: Option<String>,
    /// The provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub third_party_id: Option<String>,
    /// The user there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub third_party_user_id: Option<String>,
    /// The number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// The internal id that it will have.
    #[serde(rename = "superTokensUserId")]
    pub user_id: String,
    /// The id that a login method is known by which the user is not named after. Exports alone have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_user_id: Option<String>,
}

impl std::fmt::Debug for ImportMethod {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportMethod")
            .field("recipe_id", &self.recipe_id)
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

impl ImportUser {
    /// The login method that the user is named after: the primary one, or else the oldest. `None` without any.
    pub fn named_after(&self) -> Option<&ImportMethod> {
        let primary = self.login_methods.iter().find(|method| method.is_primary);
        primary.or_else(|| self.login_methods.iter().min_by_key(|method| method.time_joined))
    }
}

/// Who will be in the core.
#[derive(Debug, Deserialize, Serialize)]
pub struct AddUsersResponse {
    /// Always `OK`.
    pub status: Status,
    /// In the order of the call; left out if it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<Added>>,
}

/// The ids of a user who was added to the queue.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Added {
    /// The id that the user will be known by.
    pub user_id: String,
    /// How the user will sign in.
    pub login_methods: Vec<AddedMethod>,
}

/// The ids of a login method that was added to the queue.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddedMethod {
    /// The recipe.
    pub recipe_id: String,
    /// The internal id that it will have, whatever the user will be known by.
    pub user_id: String,
    /// The tenants.
    pub tenants: Vec<String>,
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The provider.
    #[serde(rename = "thirdpartyId", skip_serializing_if = "Option::is_none")]
    pub third_party_id: Option<String>,
    /// The user there.
    #[serde(rename = "thirdpartyUserId", skip_serializing_if = "Option::is_none")]
    pub third_party_user_id: Option<String>,
    /// The number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
}

/// A page of the queue, newest first.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListResponse {
    /// Always `OK`.
    pub status: Status,
    /// The entries.
    pub users: Vec<Queued>,
    /// Where the next page begins, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_pagination_token: Option<String>,
}

/// An entry of the queue; passwords, their hashes and TOTP secrets are left out.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Queued {
    /// The entry's id.
    pub id: String,
    /// `NEW` or `FAILED`.
    pub status: String,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub updated_at: i64,
    /// Who.
    #[serde(flatten)]
    pub user: ImportUser,
}

/// How many are in the queue.
#[derive(Debug, Deserialize, Serialize)]
pub struct CountResponse {
    /// Always `OK`.
    pub status: Status,
    /// How many.
    pub count: i64,
}

/// What was taken out of the queue.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveResponse {
    /// Those that were there.
    pub deleted_ids: Vec<String>,
    /// Those that were not.
    pub invalid_ids: Vec<String>,
}

/// Who was brought along.
#[derive(Debug, Deserialize, Serialize)]
pub struct ImportResponse {
    /// Always `OK`.
    pub status: Status,
    /// The user.
    pub user: FullUser,
}

endpoint! {
    /// Adds users to the queue: all of them, or none if one cannot be imported.
    AddUsers: Post "/bulk-import/users" App, AddUsersRequest => AddUsersResponse,
        BODY_MAX_AT_LEAST: usize = 32 << 20;
    /// A page of the queue.
    ListUsers: Get "/bulk-import/users" App, ListRequest => ListResponse;
    /// Counts the queue.
    CountUsers: Get "/bulk-import/users/count" App, CountRequest => CountResponse;
    /// Takes entries out of the queue.
    RemoveUsers: Post "/bulk-import/users/remove" App, RemoveRequest => RemoveResponse;
    /// Imports one user at once.
    Import: Post "/bulk-import/import" App, Object => ImportResponse;
}
