//! The HTTP face of the jwt recipe.

use super::service;
use crate::ground::keys::service as keys;
use crate::http::Routes;
use crate::{Cx, Result};
use portcullis_wire::jwt as wire;

/// The endpoints.
pub(super) fn routes() -> Routes {
    Routes::new().at::<wire::CreateJwt>(create).at::<wire::ListJwks>(list_jwks)
}

async fn create(cx: Cx, asked: wire::CreateJwtRequest) -> Result<wire::CreateJwtResponse> {
    Ok(match service::create(&cx, asked).await? {
        Some(jwt) => wire::CreateJwtResponse::Ok { jwt },
        None => wire::CreateJwtResponse::UnsupportedAlgorithm,
    })
}

async fn list_jwks(cx: Cx, (): ()) -> Result<wire::ListJwksResponse> {
    let keys = keys::list_jwks(&cx).await?;
    Ok(wire::ListJwksResponse::Ok { keys })
}
