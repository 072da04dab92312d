//! `GET /.well-known/jwks.json`.

use super::service;
use crate::http::{Reply, Routes};
use crate::{Cx, Result};
use portcullis_wire::keys as wire;

/// The key list.
pub(super) fn routes() -> Routes {
    Routes::new().at_raw::<wire::Jwks>(list_jwks)
}

async fn list_jwks(cx: Cx, (): ()) -> Result<Reply> {
    let (keys, max_age) = service::list_jwks(&cx).await?;
    let reply = Reply::json(&wire::JwksResponse { keys })?;
    Ok(reply.cached(&format!("max-age={max_age}, must-revalidate")))
}
