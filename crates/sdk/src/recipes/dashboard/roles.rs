//! Roles: made, looked at, given and taken.

use super::input::{any_query, text, texts};
use crate::handle::{json_body, ok};
use crate::recipes::userroles::{AddRole, Functions, Permissions, RemoveRole, Stripped};
use crate::{Cx, Result};
use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

type Answer = Result<Response<Bytes>>;

fn functions(cx: &Cx) -> Option<&dyn Functions> {
    cx.sdk().user_roles().ok().map(|roles| &*roles.functions)
}

fn not_enabled() -> Answer {
    ok(&json!({"status": "FEATURE_NOT_ENABLED_ERROR"}))
}

fn unknown_role() -> Value {
    json!({"status": "UNKNOWN_ROLE_ERROR"})
}

/// `GET /dashboard/api/userroles/roles`
pub(super) async fn list(cx: &Cx) -> Answer {
    let Some(functions) = functions(cx) else { return not_enabled() };
    ok(&json!({"status": "OK", "roles": functions.all(cx).await?}))
}

/// `PUT /dashboard/api/userroles/role`
pub(super) async fn put(cx: &Cx) -> Answer {
    let Some(functions) = functions(cx) else { return not_enabled() };
    let body = json_body(cx)?;
    let (role, permissions) = (text(&body, "role")?, texts(&body, "permissions")?);
    let is_new = functions.create_or_add_permissions(cx, role, &permissions).await?;
    ok(&json!({"status": "OK", "createdNewRole": is_new}))
}

/// `DELETE /dashboard/api/userroles/role`
pub(super) async fn delete(cx: &Cx) -> Answer {
    let Some(functions) = functions(cx) else { return not_enabled() };
    let did_exist = functions.delete(cx, &any_query(cx, "role")?).await?;
    ok(&json!({"status": "OK", "didRoleExist": did_exist}))
}

/// `GET /dashboard/api/userroles/role/permissions`
pub(super) async fn get_permissions(cx: &Cx) -> Answer {
    let Some(functions) = functions(cx) else { return not_enabled() };
    ok(&match functions.permissions_of(cx, &any_query(cx, "role")?).await? {
        Permissions::Ok(permissions) => json!({"status": "OK", "permissions": permissions}),
        Permissions::UnknownRole => unknown_role(),
    })
}

/// `PUT /dashboard/api/userroles/role/permissions/remove`
pub(super) async fn remove_permissions(cx: &Cx) -> Answer {
    let Some(functions) = functions(cx) else { return not_enabled() };
    let body = json_body(cx)?;
    let (role, permissions) = (text(&body, "role")?, texts(&body, "permissions")?);
    ok(&match functions.remove_permissions(cx, role, &permissions).await? {
        Stripped::Ok => json!({"status": "OK"}),
        Stripped::UnknownRole => unknown_role(),
    })
}

/// `GET /dashboard/api/userroles/user/roles`
pub(super) async fn of_user(cx: &Cx, tenant: &str) -> Answer {
    let Some(functions) = functions(cx) else { return not_enabled() };
    let roles = functions.of_user(cx, tenant, &any_query(cx, "userId")?).await?;
    ok(&json!({"status": "OK", "roles": roles}))
}

/// `PUT /dashboard/api/userroles/user/roles`
pub(super) async fn add_to_user(cx: &Cx, tenant: &str) -> Answer {
    let Some(functions) = functions(cx) else { return not_enabled() };
    let body = json_body(cx)?;
    let (role, user_id) = (text(&body, "role")?, text(&body, "userId")?);
    ok(&match functions.add_to_user(cx, tenant, user_id, role).await? {
        AddRole::Ok { had_already } => json!({"status": "OK", "didUserAlreadyHaveRole": had_already}),
        AddRole::UnknownRole => unknown_role(),
    })
}

/// `DELETE /dashboard/api/userroles/user/roles`
pub(super) async fn remove_from_user(cx: &Cx, tenant: &str) -> Answer {
    let Some(functions) = functions(cx) else { return not_enabled() };
    let (role, user_id) = (any_query(cx, "role")?, any_query(cx, "userId")?);
    ok(&match functions.remove_from_user(cx, tenant, &user_id, &role).await? {
        RemoveRole::Ok { had_it } => json!({"status": "OK", "didUserHaveRole": had_it}),
        RemoveRole::UnknownRole => unknown_role(),
    })
}
