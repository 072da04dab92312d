//! What can be done with roles. Each function can be replaced.

use super::types::{AddRole, Permissions, RemoveRole, RoleUsers, Stripped};
use crate::{Cx, Result};
use async_trait::async_trait;
use portcullis_wire::userroles as wire;

/// The functions of the userroles recipe. A replacement implements [`Functions::original`] and what it
/// changes; everything else goes to the functions below.
#[async_trait]
pub trait Functions: Send + Sync {
    /// The functions below.
    fn original(&self) -> &dyn Functions;

    /// Gives a user a role in a tenant.
    async fn add_to_user(&self, cx: &Cx, tenant: &str, user_id: &str, role: &str) -> Result<AddRole> {
        self.original().add_to_user(cx, tenant, user_id, role).await
    }

    /// Takes a role from a user in a tenant.
    async fn remove_from_user(&self, cx: &Cx, tenant: &str, user_id: &str, role: &str) -> Result<RemoveRole> {
        self.original().remove_from_user(cx, tenant, user_id, role).await
    }

    /// A user's roles in a tenant. The claims ask for them here.
    async fn of_user(&self, cx: &Cx, tenant: &str, user_id: &str) -> Result<Vec<String>> {
        self.original().of_user(cx, tenant, user_id).await
    }

    /// Who has a role in a tenant.
    async fn users_with(&self, cx: &Cx, tenant: &str, role: &str) -> Result<RoleUsers> {
        self.original().users_with(cx, tenant, role).await
    }

    /// Makes a role, or gives it more permissions; true if it is new.
    async fn create_or_add_permissions(&self, cx: &Cx, role: &str, permissions: &[String]) -> Result<bool> {
        self.original().create_or_add_permissions(cx, role, permissions).await
    }

    /// The permissions of a role. The claims ask for them here.
    async fn permissions_of(&self, cx: &Cx, role: &str) -> Result<Permissions> {
        self.original().permissions_of(cx, role).await
    }

    /// Takes permissions from a role.
    async fn remove_permissions(&self, cx: &Cx, role: &str, permissions: &[String]) -> Result<Stripped> {
        self.original().remove_permissions(cx, role, permissions).await
    }

    /// The roles that have a permission.
    async fn with_permission(&self, cx: &Cx, permission: &str) -> Result<Vec<String>> {
        self.original().with_permission(cx, permission).await
    }

    /// Deletes a role; true if it was there.
    async fn delete(&self, cx: &Cx, role: &str) -> Result<bool> {
        self.original().delete(cx, role).await
    }

    /// Every role.
    async fn all(&self, cx: &Cx) -> Result<Vec<String>> {
        self.original().all(cx).await
    }
}

/// What the functions do unless they are replaced.
#[derive(Debug)]
pub(super) struct BaseFunctions;

fn of_role(role: &str) -> wire::RoleRequest {
    wire::RoleRequest { role: role.to_owned() }
}

fn of_user_and_role(user_id: &str, role: &str) -> wire::UserRoleRequest {
    wire::UserRoleRequest { user_id: user_id.to_owned(), role: role.to_owned() }
}

#[async_trait]
impl Functions for BaseFunctions {
    fn original(&self) -> &dyn Functions {
        self
    }

    async fn add_to_user(&self, cx: &Cx, tenant: &str, user_id: &str, role: &str) -> Result<AddRole> {
        let request = of_user_and_role(user_id, role);
        let outcome = cx.sdk().core().call::<wire::AddUserRole>(cx, Some(tenant), &request).await?;
        Ok(match outcome {
            wire::AddUserRoleResponse::Ok { did_user_already_have_role: had_already } => {
                AddRole::Ok { had_already }
            }
            wire::AddUserRoleResponse::UnknownRole => AddRole::UnknownRole,
        })
    }

    async fn remove_from_user(&self, cx: &Cx, tenant: &str, user_id: &str, role: &str) -> Result<RemoveRole> {
        let request = of_user_and_role(user_id, role);
        let outcome = cx.sdk().core().call::<wire::RemoveUserRole>(cx, Some(tenant), &request).await?;
        Ok(match outcome {
            wire::RemoveUserRoleResponse::Ok { did_user_have_role: had_it } => RemoveRole::Ok { had_it },
            wire::RemoveUserRoleResponse::UnknownRole => RemoveRole::UnknownRole,
        })
    }

    async fn of_user(&self, cx: &Cx, tenant: &str, user_id: &str) -> Result<Vec<String>> {
        let request = wire::UserRolesRequest { user_id: user_id.to_owned() };
        Ok(cx.sdk().core().call::<wire::GetUserRoles>(cx, Some(tenant), &request).await?.roles)
    }

    async fn users_with(&self, cx: &Cx, tenant: &str, role: &str) -> Result<RoleUsers> {
        let outcome = cx.sdk().core().call::<wire::GetRoleUsers>(cx, Some(tenant), &of_role(role)).await?;
        Ok(match outcome {
            wire::RoleUsersResponse::Ok { users } => RoleUsers::Ok(users),
            wire::RoleUsersResponse::UnknownRole => RoleUsers::UnknownRole,
        })
    }

    async fn create_or_add_permissions(&self, cx: &Cx, role: &str, permissions: &[String]) -> Result<bool> {
        let request =
            wire::CreateRoleRequest { role: role.to_owned(), permissions: Some(permissions.to_vec()) };
        Ok(cx.sdk().core().call::<wire::CreateRole>(cx, None, &request).await?.created_new_role)
    }

    async fn permissions_of(&self, cx: &Cx, role: &str) -> Result<Permissions> {
        let outcome = cx.sdk().core().call::<wire::GetPermissions>(cx, None, &of_role(role)).await?;
        Ok(match outcome {
            wire::PermissionsResponse::Ok { permissions } => Permissions::Ok(permissions),
            wire::PermissionsResponse::UnknownRole => Permissions::UnknownRole,
        })
    }

    async fn remove_permissions(&self, cx: &Cx, role: &str, permissions: &[String]) -> Result<Stripped> {
        let request =
            wire::RemovePermissionsRequest { role: role.to_owned(), permissions: Some(permissions.to_vec()) };
        let outcome = cx.sdk().core().call::<wire::RemovePermissions>(cx, None, &request).await?;
        Ok(match outcome {
            wire::RemovePermissionsResponse::Ok => Stripped::Ok,
            wire::RemovePermissionsResponse::UnknownRole => Stripped::UnknownRole,
        })
    }

    async fn with_permission(&self, cx: &Cx, permission: &str) -> Result<Vec<String>> {
        let request = wire::PermissionRequest { permission: permission.to_owned() };
        Ok(cx.sdk().core().call::<wire::GetRolesOfPermission>(cx, None, &request).await?.roles)
    }

    async fn delete(&self, cx: &Cx, role: &str) -> Result<bool> {
        Ok(cx.sdk().core().call::<wire::RemoveRole>(cx, None, &of_role(role)).await?.did_role_exist)
    }

    async fn all(&self, cx: &Cx) -> Result<Vec<String>> {
        Ok(cx.sdk().core().call::<wire::GetRoles>(cx, None, &()).await?.roles)
    }
}
