//! What the core keeps about the applications that use it.

use super::store;
use crate::{Cx, Result};
use portcullis_wire::admin::ApiVersionRequest;

/// Keeps where the application lives. Best effort: a failure is logged, the call goes on.
pub(super) async fn note_domains(cx: &Cx, told: &ApiVersionRequest) {
    if let Err(error) = write(cx, told).await {
        tracing::warn!(%error, "the application's domains could not be noted");
    }
}

async fn write(cx: &Cx, told: &ApiVersionRequest) -> Result<()> {
    for (name, domain) in [("websiteDomain", &told.website_domain), ("apiDomain", &told.api_domain)] {
        let Some(domain) = domain else { continue };
        let mut tx = cx.db().write_one().await?;
        store::upsert_domain(&mut tx, cx.app_id(), name, domain, cx.now).await?;
        // no event: where the application lives is noted at each of its starts, and nothing depends on it
        tx.commit().await?;
    }
    Ok(())
}
