//! The recipe's endpoints.

use super::model::{IdKind, Mapping};
use super::service::{self, Creation};
use crate::http::Routes;
use crate::{Cx, Error, Result};
use portcullis_wire::useridmapping as wire;
use portcullis_wire::{Cdi, InputError, Nullable};

/// The endpoints.
pub(super) fn routes() -> Routes {
    Routes::new()
        .at::<wire::CreateMapping>(create)
        .at::<wire::GetMapping>(get)
        .at::<wire::RemoveMapping>(remove)
        .at::<wire::UpdateInfo>(update_info)
}

fn trimmed(field: &str, text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::BadInput(format!("Field name '{field}' cannot be an empty String")));
    }
    Ok(text.to_owned())
}

fn info(given: Nullable<String>) -> Result<Option<String>> {
    match given {
        Nullable::Absent | Nullable::Null => Ok(None),
        Nullable::Set(text) => trimmed("externalUserIdInfo", &text).map(Some),
    }
}

fn kind(name: Option<&str>) -> Result<IdKind> {
    let text = "Field name 'userIdType' should be one of 'SUPERTOKENS', 'EXTERNAL' or 'ANY'";
    name.map_or(Some(IdKind::Any), IdKind::parse).ok_or_else(|| Error::bad_input(text))
}

async fn create(cx: Cx, input: wire::CreateMappingRequest) -> Result<wire::CreateMappingResponse> {
    let mapping = Mapping {
        user_id: trimmed("superTokensUserId", &input.super_tokens_user_id)?,
        external_id: trimmed("externalUserId", &input.external_user_id)?,
        info: info(input.external_user_id_info)?,
    };
    let follows = cx.cdi >= Cdi::V4_0;
    if let Some(taken) = service::find_elsewhere(&cx, &mapping).await? {
        return Ok(exists(taken.user_id == mapping.user_id, true));
    }
    let cx = cx.of_user(&mapping.user_id).await?;
    Ok(match service::create(&cx, &mapping, input.force.unwrap_or(false), follows).await? {
        Creation::Created => wire::CreateMappingResponse::Ok,
        Creation::UnknownUser => wire::CreateMappingResponse::UnknownUserId,
        Creation::Exists { internal, external } => exists(internal, external),
    })
}

fn exists(internal: bool, external: bool) -> wire::CreateMappingResponse {
    wire::CreateMappingResponse::AlreadyExists {
        does_super_tokens_user_id_exist: internal,
        does_external_user_id_exist: external,
    }
}

async fn get(cx: Cx, input: wire::MappingRequest) -> Result<wire::MappingResponse> {
    let id = trimmed("userId", &input.user_id)?;
    let kind = kind(input.user_id_type.as_deref())?;
    let cx = service::of_id(cx, &id, kind).await?;
    let found = service::find(&cx, &id, kind).await?;
    Ok(found.map_or(wire::MappingResponse::UnknownMapping, |mapping| wire::MappingResponse::Ok {
        super_tokens_user_id: mapping.user_id,
        external_user_id: mapping.external_id,
        external_user_id_info: mapping.info,
    }))
}

async fn remove(cx: Cx, input: wire::RemoveMappingRequest) -> Result<wire::RemoveMappingResponse> {
    let id = trimmed("userId", &input.user_id)?;
    let kind = kind(input.user_id_type.as_deref())?;
    let cx = service::of_id(cx, &id, kind).await?;
    let did_mapping_exist = service::remove(&cx, &id, kind, input.force.unwrap_or(false)).await?;
    Ok(wire::RemoveMappingResponse::Ok { did_mapping_exist })
}

async fn update_info(cx: Cx, input: wire::UpdateInfoRequest) -> Result<wire::UpdateInfoResponse> {
    let id = trimmed("userId", &input.user_id)?;
    let kind = kind(input.user_id_type.as_deref())?;
    if input.external_user_id_info == Nullable::Absent {
        return Err(InputError::InvalidField("externalUserIdInfo").into());
    }
    let info = info(input.external_user_id_info)?;
    let cx = service::of_id(cx, &id, kind).await?;
    let known = service::update_info(&cx, &id, kind, info.as_deref()).await?;
    Ok(if known { wire::UpdateInfoResponse::Ok } else { wire::UpdateInfoResponse::UnknownMapping })
}
