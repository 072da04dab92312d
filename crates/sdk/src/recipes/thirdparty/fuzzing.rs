//! Doors for the fuzz targets: what is believed of an id token.

use super::types::{OAuthTokens, TokenSource};
use super::{id_token, pkce};
use portcullis_wire::Object;
use serde_json::Value;

/// What a token says, if one of a provider's keys made its signature.
pub fn signed_by(token: &str, keys: &Value) -> Option<Object> {
    id_token::signed_by(token, keys)
}

/// Whether a token is meant for a client, and in time: in milliseconds since 1970.
pub fn is_for(payload: &Object, client_id: &str, now: i64) -> bool {
    id_token::check_claims(payload, client_id, now).is_ok()
}

/// Whether a token's nonce is that of the verifier that came with the code.
pub fn is_of_verifier(payload: &Object, verifier: Option<&str>) -> bool {
    let source = TokenSource::Provider { pkce_code_verifier: verifier.map(str::to_owned) };
    id_token::check_nonce(payload, &OAuthTokens { values: Object::new(), source }).is_ok()
}

/// Whether a token's nonce is that of a frontend which brings the token along.
pub fn is_of_frontend(payload: &Object, kept: Option<&str>) -> bool {
    let kept = kept.map(|kept| ("nonce".to_owned(), Value::from(kept)));
    let tokens = OAuthTokens { values: kept.into_iter().collect(), source: TokenSource::Frontend };
    id_token::check_nonce(payload, &tokens).is_ok()
}

/// The nonce that goes with a verifier.
pub fn nonce(verifier: &str) -> String {
    pkce::nonce(verifier)
}
