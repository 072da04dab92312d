//! What ties a code and an id token to the browser that asked for them. Nothing is kept here: the frontend
//! keeps the verifier, and everything else follows from it.

use crate::{Error, Result};
use aws_lc_rs::digest::{self, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What nonces begin with that were made here, so that those of native apps are not taken for one.
const MADE_HERE: &str = "pkce.";

/// A new verifier: 64 characters, of which RFC 7636 wants 43 at least.
pub(super) fn new_verifier() -> Result<String> {
    let mut bytes = [0; 48];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Internal("no random bytes".to_owned()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What the provider is told of the verifier at first (`S256`).
pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&SHA256, verifier.as_bytes()))
}

/// The nonce that goes with a verifier: a provider that knows nothing of PKCE puts it into the id token all
/// the same.
pub(super) fn nonce(verifier: &str) -> String {
    let told = format!("the nonce of {verifier}");
    format!("{MADE_HERE}{}", URL_SAFE_NO_PAD.encode(digest::digest(&SHA256, told.as_bytes())))
}

/// Whether a nonce was made by [`nonce`].
pub(super) fn is_made_here(nonce: &str) -> bool {
    nonce.starts_with(MADE_HERE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Appendix B of RFC 7636.
    #[test]
    fn a_challenge_is_that_of_the_rfc() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn verifiers_are_new_and_their_nonces_tell_nothing_of_them() {
        let (first, second) = (new_verifier().unwrap(), new_verifier().unwrap());
        assert_eq!((first.len(), first == second), (64, false));
        assert!(is_made_here(&nonce(&first)) && nonce(&first) != nonce(&second));
        assert!(!nonce(&first).contains(&challenge(&first)) && !nonce(&first).contains(&first));
    }
}
