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
    let write = |keys| Reply::json(&wire::JwksResponse { keys }).map(Reply::into_body);
    let (page, max_age) = service::jwks_page(&cx, write).await?;
    Ok(Reply::ready_json(page).cached(&format!("max-age={max_age}, must-revalidate")))
}
