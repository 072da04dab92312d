//! The dashboard recipe: who may use the dashboard, their sessions there, and what it shows of a tenant's settings.

use crate::Status;
use crate::admin::StatusOk;
use crate::endpoint::endpoint;
use crate::input::request;
use serde::{Deserialize, Serialize};
use serde_json::Value;

request! {
    /// Somebody who shall use the dashboard.
    CreateUserRequest {
        /// The address.
        email: String = "email",
        /// The password.
        password: String = "password",
    }
    /// What to change about a user, who is named by id or else by address.
    UpdateUserRequest {
        /// The new address.
        new_email: Option<String> = "newEmail",
        /// The new password.
        new_password: Option<String> = "newPassword",
        /// The id.
        user_id: Option<String> = "userId",
        /// The address.
        email: Option<String> = "email",
    }
    /// A user, by id or else by address.
    DeleteUserRequest {
        /// The id.
        user_id: Option<String> = "userId",
        /// The address.
        email: Option<String> = "email",
    }
    /// A user.
    UserSessionsRequest {
        /// The id.
        user_id: String = "userId",
    }
    /// A session.
    SessionRequest {
        /// Its id, which is its secret too.
        session_id: String = "sessionId",
    }
    /// Who signs in.
    SignInRequest {
        /// The address.
        email: String = "email",
        /// The password.
        password: String = "password",
    }
}

/// A user of the dashboard.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DashboardUser {
    /// The address.
    pub email: String,
    /// The id.
    pub user_id: String,
    /// Milliseconds since 1970.
    pub time_joined: i64,
}

/// The outcome of making or changing a user.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum UserResponse {
    /// Done.
    #[serde(rename = "OK")]
    Ok {
        /// The user.
        user: DashboardUser,
    },
    /// Another user has the address.
    #[serde(rename = "EMAIL_ALREADY_EXISTS_ERROR")]
    EmailAlreadyExists,
    /// The address is none.
    #[serde(rename = "INVALID_EMAIL_ERROR")]
    InvalidEmail,
    /// The password may not be chosen.
    #[serde(rename = "PASSWORD_WEAK_ERROR")]
    WeakPassword {
        /// Why.
        message: String,
    },
    /// There is no such user to change.
    #[serde(rename = "UNKNOWN_USER_ERROR")]
    UnknownUser,
}

/// The outcome of deleting a user.
#[derive(Debug, Deserialize, Serialize)]
pub struct DeleteUserResponse {
    /// Always `OK`.
    pub status: Status,
    /// Whether there was one.
    #[serde(rename = "didUserExist")]
    pub did_user_exist: bool,
}

/// All users.
#[derive(Debug, Deserialize, Serialize)]
pub struct UsersResponse {
    /// Always `OK`.
    pub status: Status,
    /// Oldest first.
    pub users: Vec<DashboardUser>,
}

/// A session.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DashboardSession {
    /// Whose it is.
    pub user_id: String,
    /// Its id, which is its secret too.
    pub session_id: String,
    /// Milliseconds since 1970.
    pub time_created: i64,
    /// Milliseconds since 1970.
    pub expiry: i64,
}

/// The living sessions of a user.
#[derive(Debug, Deserialize, Serialize)]
pub struct SessionsResponse {
    /// Always `OK`.
    pub status: Status,
    /// Oldest first.
    pub sessions: Vec<DashboardSession>,
}

/// The outcome of a sign-in.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum SignInResponse {
    /// Address and password fit.
    #[serde(rename = "OK")]
    Ok {
        /// The new session.
        #[serde(rename = "sessionId")]
        session_id: String,
    },
    /// They do not.
    #[serde(rename = "INVALID_CREDENTIALS_ERROR")]
    InvalidCredentials,
    /// They do, but the licence of SuperTokens' core does not let in so many users; ours has no such limit.
    #[serde(rename = "USER_SUSPENDED_ERROR")]
    Suspended {
        /// Why.
        message: String,
    },
}

/// Whether a session is one.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum VerifySessionResponse {
    /// It is.
    #[serde(rename = "OK")]
    Ok {
        /// Whose it is (from CDI 3.0 on).
        #[serde(skip_serializing_if = "Option::is_none")]
        email: Option<String>,
    },
    /// It is over, or never was.
    #[serde(rename = "INVALID_SESSION_ERROR")]
    InvalidSession,
}

/// What a setting's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
    /// Text.
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// One of a few texts.
    Enum,
}

/// A setting of a tenant.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "they are the protocol's")]
pub struct Setting {
    /// Its name.
    pub key: String,
    /// What its value is.
    pub value_type: ValueType,
    /// What holds for the tenant; asterisks for a secret that is set.
    pub value: Value,
    /// What it does.
    pub description: String,
    /// Whether each tenant may have its own.
    pub is_different_across_tenants: bool,
    /// The values of an `enum`.
    pub possible_values: Option<Vec<String>>,
    /// Whether it may be without a value.
    pub is_nullable: bool,
    /// What holds where nothing is set.
    pub default_value: Value,
    /// Whether it is about the database.
    pub is_plugin_property: bool,
    /// Whether the dashboard lets it be changed although it is about the database.
    pub is_plugin_property_editable: bool,
}

/// A tenant's settings.
#[derive(Debug, Deserialize, Serialize)]
pub struct SettingsResponse {
    /// Always `OK`.
    pub status: Status,
    /// One entry for each.
    pub config: Vec<Setting>,
}

endpoint! {
    /// Lets somebody use the dashboard.
    CreateUser: Post "/recipe/dashboard/user" App, CreateUserRequest => UserResponse;
    /// Changes a user's address or password, and ends the user's sessions.
    UpdateUser: Put "/recipe/dashboard/user" App, UpdateUserRequest => UserResponse;
    /// Deletes a user.
    DeleteUser: Delete "/recipe/dashboard/user" App, DeleteUserRequest => DeleteUserResponse;
    /// All users.
    ListUsers: Get "/recipe/dashboard/users" App, () => UsersResponse;
    /// A user's sessions.
    ListSessions: Get "/recipe/dashboard/user/sessions" App, UserSessionsRequest => SessionsResponse;
    /// Ends a session; an unknown one is no error.
    RevokeSession: Delete "/recipe/dashboard/session" App, SessionRequest => StatusOk;
    /// Makes a session of address and password.
    SignIn: Post "/recipe/dashboard/signin" App, SignInRequest => SignInResponse;
    /// Whether a session is one.
    VerifySession: Post "/recipe/dashboard/session/verify" App, SessionRequest => VerifySessionResponse;
    /// What holds for a tenant.
    GetSettings: Get "/recipe/dashboard/tenant/core-config" Tenant, () => SettingsResponse;
}
