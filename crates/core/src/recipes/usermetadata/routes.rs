//! The recipe's endpoints.

use super::service;
use crate::http::Routes;
use crate::{Cx, Error, Result};
use portcullis_wire::Status;
use portcullis_wire::admin::StatusOk;
use portcullis_wire::usermetadata as wire;
use serde_json::Value;

/// Users in one bulk call at most.
const BULK_LIMIT: usize = 500;

/// The endpoints.
pub(super) fn routes() -> Routes {
    Routes::new()
        .at::<wire::GetMetadata>(get_metadata)
        .at::<wire::UpdateMetadata>(update_metadata)
        .at::<wire::RemoveMetadata>(remove_metadata)
        .at::<wire::BulkGetMetadata>(bulk_get_metadata)
}

async fn get_metadata(cx: Cx, input: wire::MetadataOfRequest) -> Result<wire::MetadataResponse> {
    let cx = cx.of_user(&input.user_id).await?;
    Ok(wire::MetadataResponse { status: Status::Ok, metadata: service::find(&cx, &input.user_id).await? })
}

async fn update_metadata(cx: Cx, input: wire::UpdateMetadataRequest) -> Result<wire::MetadataResponse> {
    let cx = cx.of_user(&input.user_id).await?;
    let metadata = service::update(&cx, &input.user_id, input.metadata_update).await?;
    Ok(wire::MetadataResponse { status: Status::Ok, metadata })
}

async fn remove_metadata(cx: Cx, input: wire::MetadataOfRequest) -> Result<StatusOk> {
    let cx = cx.of_user(&input.user_id).await?;
    service::remove(&cx, &input.user_id).await?;
    Ok(StatusOk::default())
}

async fn bulk_get_metadata(cx: Cx, input: wire::BulkRequest) -> Result<wire::BulkResponse> {
    if input.user_ids.len() > BULK_LIMIT {
        return Err(Error::bad_input("You can only query up to 500 users at a time."));
    }
    let text = |id: Value| match id {
        Value::String(id) => Ok(id),
        _ => Err(Error::bad_input("userIds array must contain only strings")),
    };
    let ids = input.user_ids.into_iter().map(text).collect::<Result<Vec<_>>>()?;
    let found = service::list(&cx, &ids).await?;
    let entry = |user_id: String| wire::BulkEntry { metadata: found.get(&user_id).cloned(), user_id };
    Ok(wire::BulkResponse { status: Status::Ok, users: ids.into_iter().map(entry).collect() })
}
