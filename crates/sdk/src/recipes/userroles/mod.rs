//! Roles with permissions, who has which role in a tenant, and the claims that tell it to every route.

mod claims;
mod functions;
mod types;

pub use claims::{permission_claim, role_claim};
pub use functions::Functions;
pub use types::{AddRole, Permissions, RemoveRole, RoleUsers, Stripped};

use super::replaceable::replaceable;
use super::session::Claim;
use super::{Kind, Recipe, Recipes};
use crate::{BuildError, Cx, Result};
use functions::BaseFunctions;
use std::sync::Arc;

/// Roles and permissions. New sessions carry both as claims, unless they are switched off.
///
/// ```
/// use portcullis::recipes::session::{SessionRecipe, VerifyOptions};
/// use portcullis::recipes::userroles::{self, UserRoles};
/// use portcullis::{AppInfo, Cx, Portcullis, Result};
///
/// let sdk = Portcullis::builder(AppInfo::new("Demo", "http://localhost:3001", "http://localhost:3000"))
///     .core("http://localhost:3567")
///     .recipe(UserRoles::new())
///     .recipe(SessionRecipe::new())
///     .build()?;
///
/// /// Only admins get past the route that verifies with these options.
/// fn only_admins() -> VerifyOptions {
///     VerifyOptions::new().also(userroles::role_claim().includes("admin", None))
/// }
///
/// async fn promote(sdk: &Portcullis, user_id: &str) -> Result<()> {
///     let cx = Cx::new(sdk);
///     let roles = sdk.user_roles()?;
///     roles.create_or_add_permissions(&cx, "admin", &["delete:posts"]).await?;
///     roles.add_to_user(&cx, "public", user_id, "admin").await?;
///     Ok(())
/// }
/// # Ok::<(), portcullis::BuildError>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct UserRoles(Roles);

impl Default for UserRoles {
    fn default() -> Self {
        Self::new()
    }
}

impl UserRoles {
    /// The recipe as it is.
    pub fn new() -> Self {
        let functions = Arc::new(BaseFunctions);
        Self(Roles { functions, has_role_claim: true, has_permission_claim: true })
    }

    /// Whether new sessions carry the user's roles; they do by default.
    pub fn roles_in_token(mut self, carry: bool) -> Self {
        self.0.has_role_claim = carry;
        self
    }

    /// Whether new sessions carry the permissions of the user's roles; they do by default.
    pub fn permissions_in_token(mut self, carry: bool) -> Self {
        self.0.has_permission_claim = carry;
        self
    }
}

replaceable!(UserRoles.0: functions);

impl Recipe for UserRoles {
    fn add_to(self, recipes: &mut Recipes) -> std::result::Result<(), BuildError> {
        recipes.note(Kind::UserRoles)?;
        recipes.user_roles = Some(self.0);
        Ok(())
    }
}

/// The userroles recipe at work.
#[derive(Debug)]
pub struct Roles {
    pub(crate) functions: Arc<dyn Functions>,
    has_role_claim: bool,
    has_permission_claim: bool,
}

impl Roles {
    /// What new sessions carry.
    pub(crate) fn claims(&self) -> impl Iterator<Item = Claim> {
        let roles = self.has_role_claim.then(role_claim);
        roles.into_iter().chain(self.has_permission_claim.then(permission_claim))
    }

    /// Gives a user, who need not exist, a role in a tenant.
    pub async fn add_to_user(&self, cx: &Cx, tenant: &str, user_id: &str, role: &str) -> Result<AddRole> {
        self.functions.add_to_user(cx, tenant, user_id, role).await
    }

    /// Takes a role from a user in a tenant.
    pub async fn remove_from_user(
        &self,
        cx: &Cx,
        tenant: &str,
        user_id: &str,
        role: &str,
    ) -> Result<RemoveRole> {
        self.functions.remove_from_user(cx, tenant, user_id, role).await
    }

    /// A user's roles in a tenant.
    pub async fn of_user(&self, cx: &Cx, tenant: &str, user_id: &str) -> Result<Vec<String>> {
        self.functions.of_user(cx, tenant, user_id).await
    }

    /// Who has a role in a tenant.
    pub async fn users_with(&self, cx: &Cx, tenant: &str, role: &str) -> Result<RoleUsers> {
        self.functions.users_with(cx, tenant, role).await
    }

    /// Makes a role, or gives it more permissions. Answers whether it is new.
    pub async fn create_or_add_permissions(&self, cx: &Cx, role: &str, permissions: &[&str]) -> Result<bool> {
        self.functions.create_or_add_permissions(cx, role, &owned(permissions)).await
    }

    /// The permissions of a role.
    pub async fn permissions_of(&self, cx: &Cx, role: &str) -> Result<Permissions> {
        self.functions.permissions_of(cx, role).await
    }

    /// Takes permissions from a role.
    pub async fn remove_permissions(&self, cx: &Cx, role: &str, permissions: &[&str]) -> Result<Stripped> {
        self.functions.remove_permissions(cx, role, &owned(permissions)).await
    }

    /// The roles that have a permission.
    pub async fn with_permission(&self, cx: &Cx, permission: &str) -> Result<Vec<String>> {
        self.functions.with_permission(cx, permission).await
    }

    /// Deletes a role, and takes it from everybody. Answers whether it was there.
    pub async fn delete(&self, cx: &Cx, role: &str) -> Result<bool> {
        self.functions.delete(cx, role).await
    }

    /// Every role of the app.
    pub async fn all(&self, cx: &Cx) -> Result<Vec<String>> {
        self.functions.all(cx).await
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
