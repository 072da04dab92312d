//! The recipe's endpoints. They refuse with a JSON document in a 400, as the reference does.

use super::model::State;
use super::reading::{Ids, Reader};
use super::service;
use crate::ground::users::model::Cursor;
use crate::ground::users::routes::full_user;
use crate::http::Routes;
use crate::{Cx, Error, Result};
use portcullis_wire::bulkimport::{self as wire, Added, AddedMethod, ImportUser, Queued};
use portcullis_wire::{Object, Status};
use serde_json::json;
use std::collections::HashSet;

/// Users in one call at most.
const ADDED_MAX: usize = 10_000;
/// Entries of a page, and of a call that removes, at most.
const PAGE_MAX: i32 = 500;

/// The endpoints.
pub(super) fn routes() -> Routes {
    Routes::new()
        .at::<wire::AddUsers>(add_users)
        .at::<wire::ListUsers>(list_users)
        .at::<wire::CountUsers>(count_users)
        .at::<wire::RemoveUsers>(remove_users)
        .at::<wire::Import>(import)
}

async fn add_users(cx: Cx, input: wire::AddUsersRequest) -> Result<wire::AddUsersResponse> {
    if input.users.is_empty() {
        return Ok(wire::AddUsersResponse { status: Status::Ok, users: None });
    }
    if input.users.len() > ADDED_MAX {
        return Err(refusal(&json!({"error": format!("You can only add {ADDED_MAX} users at a time.")})));
    }
    let known = service::known(&cx).await?;
    let mut reader = Reader::new(&known, Ids::New);
    let (mut users, mut faults) = (Vec::new(), Vec::new());
    for (index, object) in input.users.iter().enumerate() {
        match reader.user(object) {
            Ok(user) => users.push(user),
            Err(errors) => faults.push(json!({"index": index, "errors": errors})),
        }
    }
    if !faults.is_empty() {
        let text = "Data has missing or invalid fields. Please check the users field for more details.";
        return Err(refusal(&json!({"error": text, "users": faults})));
    }
    service::add(&cx, &users).await?;
    let users = users.iter().map(added).collect();
    Ok(wire::AddUsersResponse { status: Status::Ok, users: Some(users) })
}

fn refusal(document: &serde_json::Value) -> Error {
    Error::BadInput(document.to_string())
}

fn added(user: &ImportUser) -> Added {
    let internal_id = user.named_after().map(|method| method.user_id.clone());
    let user_id = user.external_user_id.clone().or(internal_id).unwrap_or_default();
    let method = |method: &wire::ImportMethod| AddedMethod {
        recipe_id: method.recipe_id.clone(),
        user_id: method.user_id.clone(),
        tenants: method.tenant_ids.clone(),
        email: method.email.clone(),
        third_party_id: method.third_party_id.clone(),
        third_party_user_id: method.third_party_user_id.clone(),
        phone_number: method.phone_number.clone(),
    };
    Added { user_id, login_methods: user.login_methods.iter().map(method).collect() }
}

async fn list_users(cx: Cx, input: wire::ListRequest) -> Result<wire::ListResponse> {
    let limit = input.limit.unwrap_or(100);
    if limit > PAGE_MAX {
        return Err(Error::BadInput(format!("Max limit allowed is {PAGE_MAX}")));
    }
    if limit < 1 {
        return Err(Error::bad_input("limit must a positive integer with min value 1"));
    }
    let state = state(input.status.as_deref())?;
    let from = input.pagination_token.as_deref().map(cursor).transpose()?;
    let (entries, next) = service::list(&cx, state, i64::from(limit), from.as_ref()).await?;
    let users: Result<Vec<Queued>> = entries
        .into_iter()
        .map(|entry| {
            let mut user: ImportUser = serde_json::from_str(&entry.user).map_err(Error::internal)?;
            for method in &mut user.login_methods {
                (method.password_hash, method.plain_text_password) = (None, None);
            }
            for device in user.totp_devices.iter_mut().flatten() {
                device.secret_key.clear();
            }
            Ok(Queued {
                id: entry.id,
                status: entry.state,
                error_message: entry.error,
                created_at: entry.created_at,
                updated_at: entry.updated_at,
                user,
            })
        })
        .collect();
    let next_pagination_token = next.map(|cursor| cursor.to_token());
    Ok(wire::ListResponse { status: Status::Ok, users: users?, next_pagination_token })
}

fn state(name: Option<&str>) -> Result<Option<State>> {
    let unknown = || Error::bad_input("Invalid value for status. Pass one of NEW, PROCESSING, or FAILED!");
    name.map(|name| State::parse(name).ok_or_else(unknown)).transpose()
}

fn cursor(token: &str) -> Result<Cursor> {
    Cursor::parse(token).ok_or_else(|| Error::bad_input("invalid pagination token"))
}

async fn count_users(cx: Cx, input: wire::CountRequest) -> Result<wire::CountResponse> {
    let count = service::count(&cx, state(input.status.as_deref())?).await?;
    Ok(wire::CountResponse { status: Status::Ok, count })
}

async fn remove_users(cx: Cx, input: wire::RemoveRequest) -> Result<wire::RemoveResponse> {
    if input.ids.len() > usize::try_from(PAGE_MAX).unwrap_or_default() {
        return Err(Error::BadInput(format!(
            "Field name 'ids' cannot contain more than {PAGE_MAX} elements"
        )));
    }
    if input.ids.iter().any(|id| id.trim().is_empty()) {
        return Err(Error::bad_input("Field name 'ids' cannot contain an empty string"));
    }
    let ids: Vec<String> = input.ids.iter().map(|id| id.trim().to_owned()).collect();
    let deleted_ids = service::remove(&cx, &ids).await?;
    let gone: HashSet<&String> = deleted_ids.iter().collect();
    let invalid_ids = ids.iter().filter(|id| !gone.contains(id)).cloned().collect();
    Ok(wire::RemoveResponse { deleted_ids, invalid_ids })
}

async fn import(cx: Cx, input: Object) -> Result<wire::ImportResponse> {
    let known = service::known(&cx).await?;
    let read = Reader::new(&known, Ids::New).user(&input);
    let user = read.map_err(|errors| refusal(&json!({"errors": errors})))?;
    match service::import_now(&cx, user).await? {
        Ok(user) => Ok(wire::ImportResponse { status: Status::Ok, user: full_user(&user, cx.cdi) }),
        Err(verdict) => Err(refusal(&json!({"errors": [verdict.to_string()]}))),
    }
}
