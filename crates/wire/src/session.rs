//! The session recipe: making, verifying, refreshing and revoking sessions.

use crate::endpoint::endpoint;
use crate::input::request;
use crate::{Cdi, Object};
use serde::{Deserialize, Serialize};

endpoint! {
    /// Makes a session of a user.
    CreateSession: Post "/recipe/session" Tenant, CreateSessionRequest => CreateSessionResponse;
    /// Tells what is stored about a session.
    FindSession: Get "/recipe/session" Any, SessionHandleRequest => FindSessionResponse;
    /// Checks an access token.
    VerifySession: Post "/recipe/session/verify" Any, VerifySessionRequest => VerifySessionResponse;
    /// Exchanges a refresh token for new tokens.
    RefreshSession: Post "/recipe/session/refresh" Tenant, RefreshSessionRequest => RefreshSessionResponse;
    /// Changes an access token's payload without extending its life.
    RegenerateSession: Post "/recipe/session/regenerate" Any, RegenerateSessionRequest => RegenerateSessionResponse;
    /// Ends sessions, by handle or of a user.
    RemoveSessions: Post "/recipe/session/remove" Tenant, RemoveSessionsRequest => RemoveSessionsResponse;
    /// Lists a user's sessions.
    ListSessions: Get "/recipe/session/user" Tenant, ListSessionsRequest => ListSessionsResponse;
    /// Replaces the data kept in the database.
    UpdateSessionData: Put "/recipe/session/data" Any, UpdateSessionDataRequest => UpdateResponse;
    /// Tells the data kept in the database (deprecated).
    FindSessionData: Get "/recipe/session/data" Any, SessionHandleRequest => SessionDataResponse;
    /// Replaces the data that new access tokens will carry.
    UpdateJwtData: Put "/recipe/jwt/data" Any, UpdateJwtDataRequest => UpdateResponse;
    /// Tells the data that new access tokens will carry (deprecated).
    FindJwtData: Get "/recipe/jwt/data" Any, SessionHandleRequest => JwtDataResponse;
    /// Keys and lifetimes, before CDI 2.21.
    Handshake: Post "/recipe/handshake" Any, () => HandshakeResponse;
}

request! {
    /// Whose session, and what it carries.
    CreateSessionRequest {
        /// Any text; it need not be a user of the core.
        user_id: String = "userId",
        /// Whether an anti-CSRF value is made.
        enable_anti_csrf: bool = "enableAntiCsrf",
        /// Claims of the access token.
        user_data_in_jwt: Object = "userDataInJWT",
        /// Data that stays in the database.
        user_data_in_database: Object = "userDataInDatabase",
        /// Lifetime of the access token in milliseconds, from CDI 5.6 on.
        access_token_validity: Option<i64> = "accessTokenValidity",
        /// `false` for the static key, from CDI 2.21 on.
        use_dynamic_signing_key: Option<bool> = "useDynamicSigningKey",
    }
    /// Names a session.
    SessionHandleRequest {
        /// The session's handle.
        session_handle: String = "sessionHandle",
    }
    /// An access token and how to check it.
    VerifySessionRequest {
        /// The token.
        access_token: String = "accessToken",
        /// The anti-CSRF value that came along.
        anti_csrf_token: Option<String> = "antiCsrfToken",
        /// Whether this call needs the anti-CSRF check.
        do_anti_csrf_check: bool = "doAntiCsrfCheck",
        /// Whether the check is in use at all.
        enable_anti_csrf: bool = "enableAntiCsrf",
        /// Whether the session must still be there; before CDI 2.21 the configuration says so.
        check_database: Option<bool> = "checkDatabase" if |cdi| cdi >= Cdi::V2_21,
    }
    /// A refresh token.
    RefreshSessionRequest {
        /// The token.
        refresh_token: String = "refreshToken",
        /// The anti-CSRF value that came along.
        anti_csrf_token: Option<String> = "antiCsrfToken",
        /// Whether the check is in use.
        enable_anti_csrf: bool = "enableAntiCsrf",
        /// The kind of signing key from now on; required from CDI 5.0 on, ignored before 3.0.
        use_dynamic_signing_key: Option<bool> = "useDynamicSigningKey",
        /// Lifetime of the access token in milliseconds, from CDI 5.6 on.
        access_token_validity: Option<i64> = "accessTokenValidity",
    }
    /// An access token whose payload changes.
    RegenerateSessionRequest {
        /// The token.
        access_token: String = "accessToken",
        /// The new payload; absent keeps the stored one.
        user_data_in_jwt: Option<Object> = "userDataInJWT",
    }
    /// Which sessions end: exactly one of the first two.
    RemoveSessionsRequest {
        /// A user.
        user_id: Option<String> = "userId",
        /// Handles.
        session_handles: Option<Vec<String>> = "sessionHandles",
        /// With a user: in every tenant of the app (default).
        revoke_across_all_tenants: Option<bool> = "revokeAcrossAllTenants",
        /// With a user: of all linked login methods (default).
        revoke_sessions_for_linked_accounts: Option<bool> = "revokeSessionsForLinkedAccounts",
    }
    /// Whose sessions are listed.
    ListSessionsRequest {
        /// The user.
        user_id: String = "userId",
        /// In every tenant of the app (default).
        fetch_across_all_tenants: Option<bool> = "fetchAcrossAllTenants",
        /// Of all linked login methods (default).
        fetch_sessions_for_all_linked_accounts: Option<bool> = "fetchSessionsForAllLinkedAccounts",
    }
    /// New data for the database.
    UpdateSessionDataRequest {
        /// The session.
        session_handle: String = "sessionHandle",
        /// The whole new data.
        user_data_in_database: Object = "userDataInDatabase",
    }
    /// New data for access tokens.
    UpdateJwtDataRequest {
        /// The session.
        session_handle: String = "sessionHandle",
        /// The whole new data.
        user_data_in_jwt: Object = "userDataInJWT",
    }
}

/// A session as most replies show it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The handle.
    pub handle: String,
    /// The primary user.
    pub user_id: String,
    /// The login method, from CDI 4.0 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe_user_id: Option<String>,
    /// The claims.
    #[serde(rename = "userDataInJWT")]
    pub user_data_in_jwt: Object,
    /// The tenant, from CDI 3.0 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
}

/// A token with its times, in milliseconds.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenInfo {
    /// The text.
    pub token: String,
    /// When it dies.
    pub expiry: i64,
    /// When it was made.
    pub created_time: i64,
}

/// What a call learns about signing keys before CDI 2.21.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LegacyKeys {
    /// The key in use, base64.
    pub jwt_signing_public_key: String,
    /// When it is replaced, in milliseconds.
    pub jwt_signing_public_key_expiry_time: i64,
    /// All keys, from CDI 2.9 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt_signing_public_key_list: Option<Vec<LegacyKey>>,
}

/// One signing key as shown before CDI 2.21.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LegacyKey {
    /// The key, base64.
    pub public_key: String,
    /// When it stops verifying, in milliseconds.
    pub expiry_time: i64,
    /// When it was made, in milliseconds.
    pub created_at: i64,
}

/// A session with all its tokens.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionTokens {
    /// The session.
    pub session: Session,
    /// The access token.
    pub access_token: TokenInfo,
    /// The refresh token.
    pub refresh_token: TokenInfo,
    /// A marker without meaning, before CDI 2.21.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_refresh_token: Option<TokenInfo>,
    /// The anti-CSRF value, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anti_csrf_token: Option<String>,
    /// Signing keys, before CDI 2.21.
    #[serde(flatten)]
    pub keys: Option<LegacyKeys>,
}

/// A session was made.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum CreateSessionResponse {
    /// The session with its tokens.
    #[serde(rename = "OK")]
    Ok(Box<SessionTokens>),
}

/// What is stored about a session.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredSession {
    /// The handle.
    pub session_handle: String,
    /// The primary user.
    pub user_id: String,
    /// The login method, from CDI 4.0 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe_user_id: Option<String>,
    /// Data kept in the database.
    pub user_data_in_database: Object,
    /// Claims of new access tokens.
    #[serde(rename = "userDataInJWT")]
    pub user_data_in_jwt: Object,
    /// When it dies unless refreshed, in milliseconds.
    pub expiry: i64,
    /// When it was made, in milliseconds.
    pub time_created: i64,
    /// The tenant, from CDI 3.0 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
}

/// Whether a session is there.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum FindSessionResponse {
    /// It is there.
    #[serde(rename = "OK")]
    Ok(Box<StoredSession>),
    /// It is not.
    #[serde(rename = "UNAUTHORISED")]
    Unauthorised {
        /// Why.
        message: String,
    },
}

/// A session whose access token holds.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedSession {
    /// The session.
    pub session: Session,
    /// A token to use from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<TokenInfo>,
    /// Whether the stored payload is newer; with `checkDatabase` from CDI 5.6 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_update_available: Option<bool>,
    /// Signing keys, before CDI 2.21.
    #[serde(flatten)]
    pub keys: Option<LegacyKeys>,
}

/// Whether an access token holds.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "status", rename_all_fields = "camelCase")]
pub enum VerifySessionResponse {
    /// It holds.
    #[serde(rename = "OK")]
    Ok(Box<VerifiedSession>),
    /// The session is over.
    #[serde(rename = "UNAUTHORISED")]
    Unauthorised {
        /// Why.
        message: String,
    },
    /// The token does not hold; a refresh may help.
    #[serde(rename = "TRY_REFRESH_TOKEN")]
    TryRefreshToken {
        /// Why.
        message: String,
        /// Signing keys, before CDI 2.21.
        #[serde(flatten)]
        keys: Option<LegacyKeys>,
    },
}

/// What became of a refresh token.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "status", rename_all_fields = "camelCase")]
pub enum RefreshSessionResponse {
    /// The session with new tokens.
    #[serde(rename = "OK")]
    Ok(Box<SessionTokens>),
    /// The session is over, or the token is none.
    #[serde(rename = "UNAUTHORISED")]
    Unauthorised {
        /// Why.
        message: String,
        /// How an old token was used again, from CDI 5.6 on.
        #[serde(skip_serializing_if = "Option::is_none")]
        recent_token_reuse_subtype: Option<ReuseSubtype>,
    },
    /// A token that was replaced has been used again.
    #[serde(rename = "TOKEN_THEFT_DETECTED")]
    TokenTheftDetected {
        /// The session.
        session: StolenSession,
        /// How an old token was used again, from CDI 5.6 on.
        #[serde(skip_serializing_if = "Option::is_none")]
        recent_token_reuse_subtype: Option<ReuseSubtype>,
    },
}

/// How a replaced refresh token was used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReuseSubtype {
    /// The token before the current one, after its grace period.
    RecentPrev,
    /// A child of the token before the current one, displaced by another child.
    OrphanedBranch,
    /// Anything older.
    StaleLineage,
}

/// The session of a token that was used again.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StolenSession {
    /// The handle.
    pub handle: String,
    /// The primary user.
    pub user_id: String,
    /// The login method.
    pub recipe_user_id: String,
}

/// The changed token.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "status", rename_all_fields = "camelCase")]
pub enum RegenerateSessionResponse {
    /// The payload is stored.
    #[serde(rename = "OK")]
    Ok {
        /// The session.
        session: Session,
        /// The new token, unless the old one had expired.
        #[serde(skip_serializing_if = "Option::is_none")]
        access_token: Option<TokenInfo>,
    },
    /// The session is over.
    #[serde(rename = "UNAUTHORISED")]
    Unauthorised {
        /// Why.
        message: String,
    },
}

/// Which sessions ended.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "status", rename_all_fields = "camelCase")]
pub enum RemoveSessionsResponse {
    /// Those that were there.
    #[serde(rename = "OK")]
    Ok {
        /// Their handles.
        session_handles_revoked: Vec<String>,
    },
}

/// A user's sessions.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "status", rename_all_fields = "camelCase")]
pub enum ListSessionsResponse {
    /// Those that are alive.
    #[serde(rename = "OK")]
    Ok {
        /// Their handles.
        session_handles: Vec<String>,
    },
}

/// Whether data was replaced.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum UpdateResponse {
    /// It was.
    #[serde(rename = "OK")]
    Ok,
    /// The session is over.
    #[serde(rename = "UNAUTHORISED")]
    Unauthorised {
        /// Why.
        message: String,
    },
}

/// The data kept in the database.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "status", rename_all_fields = "camelCase")]
pub enum SessionDataResponse {
    /// The data.
    #[serde(rename = "OK")]
    Ok {
        /// The whole data.
        user_data_in_database: Object,
    },
    /// The session is over.
    #[serde(rename = "UNAUTHORISED")]
    Unauthorised {
        /// Why.
        message: String,
    },
}

/// The claims of new access tokens.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum JwtDataResponse {
    /// The claims.
    #[serde(rename = "OK")]
    Ok {
        /// All of them.
        #[serde(rename = "userDataInJWT")]
        user_data_in_jwt: Object,
    },
    /// The session is over.
    #[serde(rename = "UNAUTHORISED")]
    Unauthorised {
        /// Why.
        message: String,
    },
}

/// Keys and lifetimes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "status", rename_all_fields = "camelCase")]
pub enum HandshakeResponse {
    /// Keys and lifetimes.
    #[serde(rename = "OK")]
    Ok {
        /// Signing keys.
        #[serde(flatten)]
        keys: LegacyKeys,
        /// Whether verifying asks the database.
        access_token_blacklisting_enabled: bool,
        /// In milliseconds.
        access_token_validity: i64,
        /// In milliseconds.
        refresh_token_validity: i64,
    },
}
