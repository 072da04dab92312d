//! The userroles recipe: roles with permissions, and who has which role in a tenant.

use crate::Status;
use crate::endpoint::endpoint;
use crate::input::request;
use serde::{Deserialize, Serialize};

request! {
    /// A role to make, or to give more permissions to.
    CreateRoleRequest {
        /// The role.
        role: String = "role",
        /// Added to those that it has.
        permissions: Option<Vec<String>> = "permissions",
    }
    /// A role.
    RoleRequest {
        /// The role.
        role: String = "role",
    }
    /// Permissions to take from a role.
    RemovePermissionsRequest {
        /// The role.
        role: String = "role",
        /// All of them if left out.
        permissions: Option<Vec<String>> = "permissions",
    }
    /// A permission.
    PermissionRequest {
        /// The permission.
        permission: String = "permission",
    }
    /// A user and a role.
    UserRoleRequest {
        /// The user, who need not exist.
        user_id: String = "userId",
        /// The role.
        role: String = "role",
    }
    /// A user.
    UserRolesRequest {
        /// The user, who need not exist.
        user_id: String = "userId",
    }
}

/// The outcome of making a role.
#[derive(Debug, Deserialize, Serialize)]
pub struct CreateRoleResponse {
    /// Always `OK`.
    pub status: Status,
    /// Whether it was not there before.
    #[serde(rename = "createdNewRole")]
    pub created_new_role: bool,
}

/// The permissions of a role.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum PermissionsResponse {
    /// The role exists.
    #[serde(rename = "OK")]
    Ok {
        /// Its permissions.
        permissions: Vec<String>,
    },
    /// There is no such role.
    #[serde(rename = "UNKNOWN_ROLE_ERROR")]
    UnknownRole,
}

/// The outcome of taking permissions.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum RemovePermissionsResponse {
    /// The role does not have them any more.
    #[serde(rename = "OK")]
    Ok,
    /// There is no such role.
    #[serde(rename = "UNKNOWN_ROLE_ERROR")]
    UnknownRole,
}

/// Some roles.
#[derive(Debug, Deserialize, Serialize)]
pub struct RolesResponse {
    /// Always `OK`.
    pub status: Status,
    /// The roles.
    pub roles: Vec<String>,
}

/// The outcome of deleting a role.
#[derive(Debug, Deserialize, Serialize)]
pub struct RemoveRoleResponse {
    /// Always `OK`.
    pub status: Status,
    /// Whether it was there.
    #[serde(rename = "didRoleExist")]
    pub did_role_exist: bool,
}

/// The outcome of giving a role.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum AddUserRoleResponse {
    /// The user has the role.
    #[serde(rename = "OK")]
    Ok {
        /// Whether the user had it before.
        #[serde(rename = "didUserAlreadyHaveRole")]
        did_user_already_have_role: bool,
    },
    /// There is no such role.
    #[serde(rename = "UNKNOWN_ROLE_ERROR")]
    UnknownRole,
}

/// The outcome of taking a role.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum RemoveUserRoleResponse {
    /// The user does not have the role.
    #[serde(rename = "OK")]
    Ok {
        /// Whether the user had it before.
        #[serde(rename = "didUserHaveRole")]
        did_user_have_role: bool,
    },
    /// There is no such role.
    #[serde(rename = "UNKNOWN_ROLE_ERROR")]
    UnknownRole,
}

/// Who has a role.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum RoleUsersResponse {
    /// The role exists.
    #[serde(rename = "OK")]
    Ok {
        /// The users.
        users: Vec<String>,
    },
    /// There is no such role.
    #[serde(rename = "UNKNOWN_ROLE_ERROR")]
    UnknownRole,
}

endpoint! {
    /// Makes a role, or gives it more permissions.
    CreateRole: Put "/recipe/role" App, CreateRoleRequest => CreateRoleResponse;
    /// The permissions of a role.
    GetPermissions: Get "/recipe/role/permissions" App, RoleRequest => PermissionsResponse;
    /// Takes permissions from a role.
    RemovePermissions: Post "/recipe/role/permissions/remove" App, RemovePermissionsRequest => RemovePermissionsResponse;
    /// The roles that have a permission.
    GetRolesOfPermission: Get "/recipe/permission/roles" App, PermissionRequest => RolesResponse;
    /// Deletes a role, and takes it from everybody.
    RemoveRole: Post "/recipe/role/remove" App, RoleRequest => RemoveRoleResponse;
    /// Every role.
    GetRoles: Get "/recipe/roles" App, () => RolesResponse;
    /// Gives a user a role in a tenant.
    AddUserRole: Put "/recipe/user/role" Tenant, UserRoleRequest => AddUserRoleResponse;
    /// Takes a role from a user in a tenant.
    RemoveUserRole: Post "/recipe/user/role/remove" Tenant, UserRoleRequest => RemoveUserRoleResponse;
    /// A user's roles in a tenant.
    GetUserRoles: Get "/recipe/user/roles" Tenant, UserRolesRequest => RolesResponse;
    /// Who has a role in a tenant.
    GetRoleUsers: Get "/recipe/role/users" Tenant, RoleRequest => RoleUsersResponse;
}
