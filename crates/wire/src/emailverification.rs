//! The emailverification recipe: tokens that prove an address, and which addresses are proven.

use crate::Status;
use crate::admin::StatusOk;
use crate::endpoint::endpoint;
use crate::input::request;
use serde::{Deserialize, Serialize};

request! {
    /// A user and an address. The user need not exist: any id can have verified addresses.
    UserEmailRequest {
        /// The id as callers know it.
        user_id: String = "userId",
        /// The address.
        email: String = "email",
    }
    /// A token that is used up.
    VerifyRequest {
        /// Must be `token`.
        method: String = "method",
        /// The token.
        token: String = "token",
    }
}

/// A verification token.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum TokenResponse {
    /// Made.
    #[serde(rename = "OK")]
    Ok {
        /// The token; only a hash of it is kept.
        token: String,
    },
    /// No token is needed.
    #[serde(rename = "EMAIL_ALREADY_VERIFIED_ERROR")]
    EmailAlreadyVerified,
}

/// The outcome of a verification.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum VerifyResponse {
    /// The address is verified now.
    #[serde(rename = "OK")]
    Ok {
        /// The user.
        #[serde(rename = "userId")]
        user_id: String,
        /// The address.
        email: String,
    },
    /// Unknown, used or expired.
    #[serde(rename = "EMAIL_VERIFICATION_INVALID_TOKEN_ERROR")]
    InvalidToken,
}

/// Whether an address is verified.
#[derive(Debug, Deserialize, Serialize)]
pub struct IsVerifiedResponse {
    /// Always `OK`.
    pub status: Status,
    /// Whether it is.
    #[serde(rename = "isVerified")]
    pub is_verified: bool,
}

endpoint! {
    /// Makes a token.
    CreateToken: Post "/recipe/user/email/verify/token" Tenant, UserEmailRequest => TokenResponse;
    /// Uses a token up and verifies its address.
    Verify: Post "/recipe/user/email/verify" Tenant, VerifyRequest => VerifyResponse;
    /// Whether an address is verified.
    IsVerified: Get "/recipe/user/email/verify" App, UserEmailRequest => IsVerifiedResponse;
    /// Ends every token of an address.
    RemoveTokens: Post "/recipe/user/email/verify/token/remove" Tenant, UserEmailRequest => StatusOk;
    /// Forgets that an address was verified.
    Unverify: Post "/recipe/user/email/verify/remove" App, UserEmailRequest => StatusOk;
}
