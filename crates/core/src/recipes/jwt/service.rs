//! Signing.

use super::model;
use crate::crypto::jws;
use crate::ground::keys::service as keys;
use crate::{Cx, Error, Result};
use portcullis_wire::Cdi;
use portcullis_wire::jwt::CreateJwtRequest;
use serde_json::json;

/// A signed token, or `None` for an algorithm that is not known. 400 for a lifetime that is not positive.
pub(super) async fn create(cx: &Cx, asked: CreateJwtRequest) -> Result<Option<String>> {
    if asked.validity <= 0 {
        return Err(Error::bad_input("validity must be greater than or equal to 0"));
    }
    if !asked.algorithm.eq_ignore_ascii_case("RS256") {
        return Ok(None);
    }
    let dynamic = cx.cdi >= Cdi::V2_21 && asked.use_static_signing_key == Some(false);
    let key = keys::signer(cx, !dynamic).await?;
    let header = json!({"kid": key.kid(), "typ": "JWT", "alg": "RS256"});
    let claims = model::claims(&asked.jwks_domain, cx.now / 1000, asked.validity, asked.payload);
    let claims = serde_json::to_string(&claims).map_err(Error::internal)?;
    Ok(Some(jws::encode(&key, &header.to_string(), &claims)))
}
