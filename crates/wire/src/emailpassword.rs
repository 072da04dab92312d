//! The emailpassword recipe: sign-up, sign-in, password reset, changing address and password.

use crate::Cdi;
use crate::endpoint::endpoint;
use crate::input::request;
use crate::users::User;
use serde::{Deserialize, Serialize};

request! {
    /// Address and password, of a new user or of one who signs in.
    CredentialsRequest {
        /// The e-mail address.
        email: String = "email",
        /// The password.
        password: String = "password",
    }
    /// A password that somebody wants to choose.
    CheckPasswordRequest {
        /// The password.
        password: String = "password",
    }
    /// For whom a reset token is made.
    ResetTokenRequest {
        /// Internal or external; of any recipe from CDI 4.0 on.
        user_id: String = "userId",
        /// Stored as it is given (from CDI 4.0 on). Required, but only for a user who exists.
        email: Option<Option<String>> = "email" if |cdi| cdi >= Cdi::V4_0,
    }
    /// A reset token that is used up.
    ConsumeTokenRequest {
        /// The token.
        token: String = "token",
    }
    /// The older way to reset: token and new password in one call.
    ResetRequest {
        /// Must be `token`.
        method: String = "method",
        /// The token.
        token: String = "token",
        /// The new password.
        new_password: String = "newPassword",
    }
    /// What is changed about a user.
    UpdateRequest {
        /// The user (from CDI 4.0 on).
        recipe_user_id: Option<String> = "recipeUserId" if |cdi| cdi >= Cdi::V4_0,
        /// The user (before CDI 4.0).
        user_id: Option<String> = "userId" if |cdi| cdi < Cdi::V4_0,
        /// The new address.
        email: Option<String> = "email",
        /// The new password.
        password: Option<String> = "password",
    }
    /// A user by id or by address, but not both.
    GetUserRequest {
        /// Internal or external.
        user_id: Option<String> = "userId",
        /// The e-mail address.
        email: Option<String> = "email",
    }
    /// A user who brings a password hash.
    ImportRequest {
        /// The e-mail address.
        email: String = "email",
        /// bcrypt, argon2 or Firebase scrypt.
        password_hash: String = "passwordHash",
        /// `ARGON2`, `BCRYPT` or `FIREBASE_SCRYPT`; without it the hash tells.
        hashing_algorithm: Option<String> = "hashingAlgorithm",
    }
}

/// The outcome of a sign-up.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum SignUpResponse {
    /// The user was created.
    #[serde(rename = "OK")]
    Ok {
        /// The user.
        user: User,
        /// The recipe user (from CDI 4.0 on).
        #[serde(rename = "recipeUserId", skip_serializing_if = "Option::is_none")]
        recipe_user_id: Option<String>,
    },
    /// The tenant has such a user.
    #[serde(rename = "EMAIL_ALREADY_EXISTS_ERROR")]
    EmailAlreadyExists,
    /// The password is too well known: only where the core was told to refuse such ones.
    #[serde(rename = "PASSWORD_POLICY_VIOLATED_ERROR")]
    PasswordPolicyViolated {
        /// In words.
        #[serde(rename = "failureReason")]
        failure_reason: String,
    },
}

/// The outcome of a sign-in.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum SignInResponse {
    /// Address and password fit.
    #[serde(rename = "OK")]
    Ok {
        /// The user.
        user: User,
        /// The recipe user (from CDI 4.0 on).
        #[serde(rename = "recipeUserId", skip_serializing_if = "Option::is_none")]
        recipe_user_id: Option<String>,
    },
    /// They do not.
    #[serde(rename = "WRONG_CREDENTIALS_ERROR")]
    WrongCredentials,
}

/// A reset token.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum ResetTokenResponse {
    /// Made.
    #[serde(rename = "OK")]
    Ok {
        /// The token; only a hash of it is kept.
        token: String,
    },
    /// There is no such user.
    #[serde(rename = "UNKNOWN_USER_ID_ERROR")]
    UnknownUserId,
}

/// Whose token was used up.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum ConsumeTokenResponse {
    /// The token was good, and is gone.
    #[serde(rename = "OK")]
    Ok {
        /// The user; external if mapped.
        #[serde(rename = "userId")]
        user_id: String,
        /// The address that was given when the token was made.
        email: String,
    },
    /// Unknown, used or expired.
    #[serde(rename = "RESET_PASSWORD_INVALID_TOKEN_ERROR")]
    InvalidToken,
}

/// The outcome of the older way to reset.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum ResetResponse {
    /// The password was changed.
    #[serde(rename = "OK")]
    Ok {
        /// The user (from CDI 2.12 on).
        #[serde(rename = "userId", skip_serializing_if = "Option::is_none")]
        user_id: Option<String>,
    },
    /// Unknown, used or expired.
    #[serde(rename = "RESET_PASSWORD_INVALID_TOKEN_ERROR")]
    InvalidToken,
    /// The password is too well known: only where the core was told to refuse such ones. The token stays.
    #[serde(rename = "PASSWORD_POLICY_VIOLATED_ERROR")]
    PasswordPolicyViolated {
        /// In words.
        #[serde(rename = "failureReason")]
        failure_reason: String,
    },
}

/// The outcome of a change.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum UpdateResponse {
    /// Changed.
    #[serde(rename = "OK")]
    Ok,
    /// There is no such emailpassword user.
    #[serde(rename = "UNKNOWN_USER_ID_ERROR")]
    UnknownUserId,
    /// One of the user's tenants has another user with this address.
    #[serde(rename = "EMAIL_ALREADY_EXISTS_ERROR")]
    EmailAlreadyExists,
    /// Another primary user has this address.
    #[serde(rename = "EMAIL_CHANGE_NOT_ALLOWED_ERROR")]
    EmailChangeNotAllowed {
        /// In words.
        reason: String,
    },
    /// The password is too well known: only where the core was told to refuse such ones.
    #[serde(rename = "PASSWORD_POLICY_VIOLATED_ERROR")]
    PasswordPolicyViolated {
        /// In words.
        #[serde(rename = "failureReason")]
        failure_reason: String,
    },
}

/// Whether a password may be chosen.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum CheckPasswordResponse {
    /// It may.
    #[serde(rename = "OK")]
    Ok,
    /// It is too well known.
    #[serde(rename = "PASSWORD_POLICY_VIOLATED_ERROR")]
    PasswordPolicyViolated {
        /// In words.
        #[serde(rename = "failureReason")]
        failure_reason: String,
    },
}

/// A user by id or by address.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum GetUserResponse {
    /// Found.
    #[serde(rename = "OK")]
    Ok {
        /// The user.
        user: User,
    },
    /// No such id.
    #[serde(rename = "UNKNOWN_USER_ID_ERROR")]
    UnknownUserId,
    /// No such address.
    #[serde(rename = "UNKNOWN_EMAIL_ERROR")]
    UnknownEmail,
}

/// The outcome of an import.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum ImportResponse {
    /// The user has the hash now.
    #[serde(rename = "OK")]
    Ok {
        /// The user.
        user: User,
        /// Whether the user was there, and only the hash was replaced.
        #[serde(rename = "didUserAlreadyExist")]
        did_user_already_exist: bool,
    },
}

endpoint! {
    /// Creates a user.
    SignUp: Post "/recipe/signup" Tenant, CredentialsRequest => SignUpResponse;
    /// Checks address and password.
    SignIn: Post "/recipe/signin" Tenant, CredentialsRequest => SignInResponse;
    /// Makes a reset token.
    CreateResetToken: Post "/recipe/user/password/reset/token" Tenant, ResetTokenRequest => ResetTokenResponse;
    /// Uses a reset token up, without changing the password.
    ConsumeResetToken: Post "/recipe/user/password/reset/token/consume" Tenant, ConsumeTokenRequest => ConsumeTokenResponse;
    /// Uses a reset token up and changes the password.
    ResetPassword: Post "/recipe/user/password/reset" Tenant, ResetRequest => ResetResponse;
    /// Changes address or password.
    UpdateUser: Put "/recipe/user" App, UpdateRequest => UpdateResponse, RID: Option<&'static str> = Some("emailpassword");
    /// Whether a password may be chosen; not in SuperTokens.
    CheckPassword: Post "/recipe/user/password/check" Tenant, CheckPasswordRequest => CheckPasswordResponse;
    /// A user by id or address.
    GetUser: Get "/recipe/user" Any, GetUserRequest => GetUserResponse, RID: Option<&'static str> = Some("emailpassword");
    /// Creates a user from a password hash, or replaces the hash.
    ImportUser: Post "/recipe/user/passwordhash/import" Tenant, ImportRequest => ImportResponse;
}
