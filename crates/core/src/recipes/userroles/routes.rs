//! The recipe's endpoints.

use super::service;
use crate::http::Routes;
use crate::{Cx, Error, Result};
use portcullis_wire::Status;
use portcullis_wire::userroles as wire;

/// The endpoints.
pub(super) fn routes() -> Routes {
    Routes::new()
        .at::<wire::CreateRole>(create_role)
        .at::<wire::GetPermissions>(get_permissions)
        .at::<wire::RemovePermissions>(remove_permissions)
        .at::<wire::GetRolesOfPermission>(get_roles_of_permission)
        .at::<wire::RemoveRole>(remove_role)
        .at::<wire::GetRoles>(get_roles)
        .at::<wire::AddUserRole>(add_user_role)
        .at::<wire::RemoveUserRole>(remove_user_role)
        .at::<wire::GetUserRoles>(get_user_roles)
        .at::<wire::GetRoleUsers>(get_role_users)
}

fn trimmed(field: &str, text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::BadInput(format!("Field name '{field}' cannot be an empty String")));
    }
    Ok(text.to_owned())
}

fn permissions(list: Option<Vec<String>>) -> Result<Option<Vec<String>>> {
    let Some(list) = list else { return Ok(None) };
    let list: Vec<String> = list.iter().map(|text| text.trim().to_owned()).collect();
    if list.contains(&String::new()) {
        return Err(Error::bad_input("Field name 'permissions' cannot contain an empty string"));
    }
    Ok(Some(list))
}

async fn create_role(cx: Cx, input: wire::CreateRoleRequest) -> Result<wire::CreateRoleResponse> {
    let role = trimmed("role", &input.role)?;
    let permissions = permissions(input.permissions)?.unwrap_or_default();
    let created_new_role = service::create_role(&cx, &role, &permissions).await?;
    Ok(wire::CreateRoleResponse { status: Status::Ok, created_new_role })
}

async fn get_permissions(cx: Cx, input: wire::RoleRequest) -> Result<wire::PermissionsResponse> {
    let permissions = service::list_permissions(&cx, &trimmed("role", &input.role)?).await?;
    Ok(permissions.map_or(wire::PermissionsResponse::UnknownRole, |permissions| {
        wire::PermissionsResponse::Ok { permissions }
    }))
}

async fn remove_permissions(
    cx: Cx,
    input: wire::RemovePermissionsRequest,
) -> Result<wire::RemovePermissionsResponse> {
    let role = trimmed("role", &input.role)?;
    let permissions = permissions(input.permissions)?;
    let known = service::remove_permissions(&cx, &role, permissions.as_deref()).await?;
    Ok(if known { wire::RemovePermissionsResponse::Ok } else { wire::RemovePermissionsResponse::UnknownRole })
}

async fn get_roles_of_permission(cx: Cx, input: wire::PermissionRequest) -> Result<wire::RolesResponse> {
    let permission = trimmed("permission", &input.permission)?;
    Ok(wire::RolesResponse {
        status: Status::Ok,
        roles: service::list_roles_of_permission(&cx, &permission).await?,
    })
}

async fn remove_role(cx: Cx, input: wire::RoleRequest) -> Result<wire::RemoveRoleResponse> {
    let did_role_exist = service::remove_role(&cx, &trimmed("role", &input.role)?).await?;
    Ok(wire::RemoveRoleResponse { status: Status::Ok, did_role_exist })
}

async fn get_roles(cx: Cx, (): ()) -> Result<wire::RolesResponse> {
    Ok(wire::RolesResponse { status: Status::Ok, roles: service::list_roles(&cx).await? })
}

async fn add_user_role(cx: Cx, input: wire::UserRoleRequest) -> Result<wire::AddUserRoleResponse> {
    let is_new = service::add_user_role(&cx, &input.user_id, &trimmed("role", &input.role)?).await?;
    Ok(is_new.map_or(wire::AddUserRoleResponse::UnknownRole, |is_new| wire::AddUserRoleResponse::Ok {
        did_user_already_have_role: !is_new,
    }))
}

async fn remove_user_role(cx: Cx, input: wire::UserRoleRequest) -> Result<wire::RemoveUserRoleResponse> {
    let had = service::remove_user_role(&cx, &input.user_id, &trimmed("role", &input.role)?).await?;
    Ok(had.map_or(wire::RemoveUserRoleResponse::UnknownRole, |did_user_have_role| {
        wire::RemoveUserRoleResponse::Ok { did_user_have_role }
    }))
}

async fn get_user_roles(cx: Cx, input: wire::UserRolesRequest) -> Result<wire::RolesResponse> {
    Ok(wire::RolesResponse {
        status: Status::Ok,
        roles: service::list_user_roles(&cx, &input.user_id).await?,
    })
}

async fn get_role_users(cx: Cx, input: wire::RoleRequest) -> Result<wire::RoleUsersResponse> {
    let users = service::list_role_users(&cx, &trimmed("role", &input.role)?).await?;
    Ok(users.map_or(wire::RoleUsersResponse::UnknownRole, |users| wire::RoleUsersResponse::Ok { users }))
}
