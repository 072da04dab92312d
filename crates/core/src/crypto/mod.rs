//! Hashes, signatures, encryption and randomness. No database, no HTTP.

pub mod digest;
pub mod firebase_scrypt;
mod foreign_hash;
pub mod jws;
pub mod known_passwords;
pub mod password_filter;
pub mod password_hash;
pub mod password_pool;
pub mod random;
pub mod refresh_token;
pub mod signing_key;
pub mod webhook_signature;

/// A cryptographic operation that could not be done: bad key material or a failing primitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// Stored key material does not have the form it should have.
    #[error("stored key material is malformed: {0}")]
    MalformedKey(&'static str),
    /// The cryptographic library refused the operation.
    #[error("cryptographic operation failed: {0}")]
    Failed(&'static str),
}

impl From<CryptoError> for crate::Error {
    fn from(error: CryptoError) -> Self {
        Self::internal(error)
    }
}
