//! Users: the user object in the shape of each version, and the calls about users of any recipe.

use crate::Cdi;
use crate::Status;
use crate::admin::StatusOk;
use crate::endpoint::endpoint;
use crate::input::request;
use serde::{Deserialize, Serialize};

/// A user of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ThirdParty {
    /// The provider.
    pub id: String,
    /// The user there.
    #[serde(rename = "userId")]
    pub user_id: String,
}

/// The passkeys of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Webauthn {
    /// Their ids.
    #[serde(rename = "credentialIds")]
    pub credential_ids: Vec<String>,
}

/// One way in which a user signs in (from CDI 4.0 on).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoginMethod {
    /// The tenants in which it works.
    pub tenant_ids: Vec<String>,
    /// The recipe user.
    pub recipe_user_id: String,
    /// Whether its e-mail address or phone number is verified.
    pub verified: bool,
    /// Milliseconds since 1970.
    pub time_joined: i64,
    /// The recipe.
    pub recipe_id: String,
    /// The e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// The provider's user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub third_party: Option<ThirdParty>,
    /// The passkeys (from CDI 5.3 on).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webauthn: Option<Webauthn>,
}

/// A user (from CDI 4.0 on).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FullUser {
    /// The primary user's id.
    pub id: String,
    /// Whether other login methods may be linked to it.
    pub is_primary_user: bool,
    /// The tenants of all login methods.
    pub tenant_ids: Vec<String>,
    /// When the oldest login method was made, in milliseconds since 1970.
    pub time_joined: i64,
    /// All e-mail addresses.
    pub emails: Vec<String>,
    /// All phone numbers.
    pub phone_numbers: Vec<String>,
    /// All provider users.
    pub third_party: Vec<ThirdParty>,
    /// All passkeys (from CDI 5.3 on).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webauthn: Option<Webauthn>,
    /// Oldest first.
    pub login_methods: Vec<LoginMethod>,
}

/// A user before CDI 4.0: its oldest login method.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OldUser {
    /// The user's id.
    pub id: String,
    /// Milliseconds since 1970.
    pub time_joined: i64,
    /// The tenants (from CDI 3.0 on).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_ids: Option<Vec<String>>,
    /// The e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The phone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// The provider's user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub third_party: Option<ThirdParty>,
}

/// A user in the shape of the call's version.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum User {
    /// From CDI 4.0 on.
    Full(FullUser),
    /// Before.
    Old(OldUser),
}

/// A user in a list: before CDI 4.0 with the recipe beside it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum ListedUser {
    /// From CDI 4.0 on.
    Full(FullUser),
    /// Before.
    Old {
        /// The recipe.
        #[serde(rename = "recipeId")]
        recipe_id: String,
        /// The user.
        user: OldUser,
    },
}

request! {
    /// A user by id.
    UserIdRequest {
        /// Internal or external.
        user_id: String = "userId",
    }
    /// Which user to delete.
    RemoveUserRequest {
        /// Internal or external.
        user_id: String = "userId",
        /// Whether every linked login method goes too; by default it does.
        remove_all_linked_accounts: Option<bool> = "removeAllLinkedAccounts",
    }
    /// Which users to count.
    CountRequest {
        /// Recipes, separated by commas.
        include_recipe_ids: Option<String> = "includeRecipeIds",
        /// Whether every tenant of the app counts.
        include_all_tenants: Option<bool> = "includeAllTenants",
        /// Whether a number that is a few minutes old will do (from CDI 5.6 on).
        allow_approximate: Option<Option<bool>> = "allowApproximate" if |cdi| cdi >= Cdi::V5_6,
    }
    /// A page of users.
    ListRequest {
        /// Recipes, separated by commas.
        include_recipe_ids: Option<String> = "includeRecipeIds",
        /// Users on the page at most.
        limit: Option<i32> = "limit",
        /// `ASC` or `DESC`.
        time_joined_order: Option<String> = "timeJoinedOrder",
        /// Where the page begins.
        pagination_token: Option<String> = "paginationToken",
        /// Beginnings of addresses or of their domains, separated by `;`: a search, not a page.
        email: Option<String> = "email",
        /// Beginnings of phone numbers, separated by `;`.
        phone: Option<String> = "phone",
        /// Beginnings of `<provider>::<user>`, separated by `;`.
        provider: Option<String> = "provider",
    }
    /// From when on users count as active.
    ActiveCountRequest {
        /// Milliseconds since 1970.
        since: i64 = "since",
    }
    /// Users by what they sign in with.
    AccountInfoRequest {
        /// The e-mail address.
        email: Option<String> = "email",
        /// The phone number.
        phone_number: Option<String> = "phoneNumber",
        /// The provider.
        third_party_id: Option<String> = "thirdPartyId",
        /// The user there.
        third_party_user_id: Option<String> = "thirdPartyUserId",
        /// The passkey.
        webauthn_credential_id: Option<String> = "webauthnCredentialId",
        /// `true` if one match is enough, `false` if all must match.
        do_union_of_account_info: String = "doUnionOfAccountInfo",
    }
}

/// A user by id.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum UserResponse {
    /// Found.
    #[serde(rename = "OK")]
    Ok {
        /// The user, whole in every version.
        user: FullUser,
    },
    /// There is no such user.
    #[serde(rename = "UNKNOWN_USER_ID_ERROR")]
    UnknownUserId,
}

/// Some users, whole in every version.
#[derive(Debug, Deserialize, Serialize)]
pub struct UsersResponse {
    /// Always `OK`.
    pub status: Status,
    /// The users.
    pub users: Vec<FullUser>,
}

/// A page of users.
#[derive(Debug, Deserialize, Serialize)]
pub struct UserPageResponse {
    /// Always `OK`.
    pub status: Status,
    /// The users.
    pub users: Vec<ListedUser>,
    /// Where the next page begins, if there is one.
    #[serde(rename = "nextPaginationToken", skip_serializing_if = "Option::is_none")]
    pub next_pagination_token: Option<String>,
}

/// How many.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CountResponse {
    /// Always `OK`.
    pub status: Status,
    /// How many.
    pub count: i64,
    /// Whether the number may be a little old; told to those who allowed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approximate: Option<bool>,
    /// When it was counted, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<i64>,
}

/// What users can be searched by.
#[derive(Debug, Deserialize, Serialize)]
pub struct SearchTagsResponse {
    /// Always `OK`.
    pub status: Status,
    /// The names of the query's fields.
    pub tags: Vec<String>,
}

endpoint! {
    /// A user by internal or external id.
    GetUser: Get "/user/id" App, UserIdRequest => UserResponse;
    /// Deletes a user; an unknown one is no error.
    RemoveUser: Post "/user/remove" App, RemoveUserRequest => StatusOk;
    /// Counts users.
    CountUsers: Get "/users/count" Tenant, CountRequest => CountResponse;
    /// A page of users.
    ListUsers: Get "/users" Tenant, ListRequest => UserPageResponse;
    /// What users can be searched by.
    SearchTags: Get "/user/search/tags" App, () => SearchTagsResponse;
    /// Counts the users who were active.
    CountActiveUsers: Get "/users/count/active" App, ActiveCountRequest => CountResponse;
    /// Users by what they sign in with.
    UsersByAccountInfo: Get "/users/by-accountinfo" Tenant, AccountInfoRequest => UsersResponse;
}
