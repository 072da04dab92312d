//! `GET /users/count/active`.

use super::service;
use crate::http::Routes;
use crate::{Cx, Error, Result};
use portcullis_wire::Status;
use portcullis_wire::users as wire;

/// The endpoint.
pub(super) fn routes() -> Routes {
    Routes::new().at::<wire::CountActiveUsers>(count_active)
}

async fn count_active(cx: Cx, input: wire::ActiveCountRequest) -> Result<wire::CountResponse> {
    if input.since < 0 {
        return Err(Error::bad_input("'since' query parameter must be >= 0"));
    }
    let count = service::count_since(&cx, input.since).await?;
    Ok(wire::CountResponse { status: Status::Ok, count, approximate: None, as_of: None })
}
