//! The statements on roles, permissions and who has them.

use crate::{Result, Scope};
use portcullis_db::{Tx, Value, args, placeholders};

fn texts(rows: Vec<(String,)>) -> Vec<String> {
    rows.into_iter().map(|(text,)| text).collect()
}

/// Makes a role; false if it is there.
pub(super) async fn insert_role(tx: &mut Tx, app_id: &str, role: &str) -> Result<bool> {
    let sql = "insert into roles (app_id, role) values ($1, $2) on conflict do nothing";
    Ok(tx.execute(sql, args![app_id, role]).await? > 0)
}

/// Gives a role a permission; false if the role has it.
pub(super) async fn insert_permission(
    tx: &mut Tx,
    app_id: &str,
    role: &str,
    permission: &str,
) -> Result<bool> {
    let sql =
        "insert into role_permissions (app_id, role, permission) values ($1, $2, $3) on conflict do nothing";
    Ok(tx.execute(sql, args![app_id, role, permission]).await? > 0)
}

/// Locks a role until the unit of work ends; false if there is no such role.
pub(super) async fn lock_role(tx: &mut Tx, app_id: &str, role: &str) -> Result<bool> {
    let sql = "select role from roles where app_id = $1 and role = $2";
    Ok(tx.fetch_optional_for_update::<(String,)>(sql, args![app_id, role]).await?.is_some())
}

/// Whether a role exists.
pub(super) async fn has_role(tx: &mut Tx, app_id: &str, role: &str) -> Result<bool> {
    let sql = "select role from roles where app_id = $1 and role = $2";
    Ok(tx.fetch_optional::<(String,)>(sql, args![app_id, role]).await?.is_some())
}

/// Every role.
pub(super) async fn list_roles(tx: &mut Tx, app_id: &str) -> Result<Vec<String>> {
    Ok(texts(tx.fetch_all("select role from roles where app_id = $1 order by role", args![app_id]).await?))
}

/// The permissions of a role.
pub(super) async fn list_permissions(tx: &mut Tx, app_id: &str, role: &str) -> Result<Vec<String>> {
    let sql = "select permission from role_permissions where app_id = $1 and role = $2 order by permission";
    Ok(texts(tx.fetch_all(sql, args![app_id, role]).await?))
}

/// The roles that have a permission.
pub(super) async fn list_roles_of_permission(
    tx: &mut Tx,
    app_id: &str,
    permission: &str,
) -> Result<Vec<String>> {
    let sql = "select role from role_permissions where app_id = $1 and permission = $2 order by role";
    Ok(texts(tx.fetch_all(sql, args![app_id, permission]).await?))
}

/// Takes one permission from a role; whether the role had it.
pub(super) async fn delete_permission(
    tx: &mut Tx,
    app_id: &str,
    role: &str,
    permission: &str,
) -> Result<bool> {
    let sql = "delete from role_permissions where app_id = $1 and role = $2 and permission = $3";
    Ok(tx.execute(sql, args![app_id, role, permission]).await? > 0)
}

/// Takes every permission from a role; those that it had.
pub(super) async fn delete_permissions(tx: &mut Tx, app_id: &str, role: &str) -> Result<Vec<String>> {
    let sql = "delete from role_permissions where app_id = $1 and role = $2 returning permission";
    Ok(texts(tx.fetch_all(sql, args![app_id, role]).await?))
}

/// Takes a role from everybody, in every tenant; whether anybody had it.
pub(super) async fn delete_assignments(tx: &mut Tx, app_id: &str, role: &str) -> Result<bool> {
    let sql = "delete from user_roles where app_id = $1 and role = $2";
    Ok(tx.execute(sql, args![app_id, role]).await? > 0)
}

/// Deletes a role; whether it was there.
pub(super) async fn delete_role(tx: &mut Tx, app_id: &str, role: &str) -> Result<bool> {
    Ok(tx.execute("delete from roles where app_id = $1 and role = $2", args![app_id, role]).await? > 0)
}

/// Gives a user a role; false if the user has it.
pub(super) async fn insert_user_role(tx: &mut Tx, scope: &Scope, user_id: &str, role: &str) -> Result<bool> {
    let sql = "insert into user_roles (app_id, tenant_id, user_id, role) values ($1, $2, $3, $4)
        on conflict do nothing";
    Ok(tx.execute(sql, args![&scope.app_id, &scope.tenant_id, user_id, role]).await? > 0)
}

/// Takes a role from a user; whether the user had it.
pub(super) async fn delete_user_role(tx: &mut Tx, scope: &Scope, user_id: &str, role: &str) -> Result<bool> {
    let sql = "delete from user_roles where app_id = $1 and tenant_id = $2 and user_id = $3 and role = $4";
    Ok(tx.execute(sql, args![&scope.app_id, &scope.tenant_id, user_id, role]).await? > 0)
}

/// A user's roles in a tenant.
pub(super) async fn list_user_roles(tx: &mut Tx, scope: &Scope, user_id: &str) -> Result<Vec<String>> {
    let sql =
        "select role from user_roles where app_id = $1 and tenant_id = $2 and user_id = $3 order by role";
    Ok(texts(tx.fetch_all(sql, args![&scope.app_id, &scope.tenant_id, user_id]).await?))
}

/// The roles of several users in all tenants: user, role, tenant.
pub(in crate::recipes) async fn list_assignments(
    tx: &mut Tx,
    app_id: &str,
    user_ids: &[String],
) -> Result<Vec<(String, String, String)>> {
    let sql = format!(
        "select user_id, role, tenant_id from user_roles where app_id = $1 and user_id in ({})
         order by user_id, role, tenant_id",
        placeholders(2, user_ids.len())
    );
    let args: Vec<Value<'_>> =
        std::iter::once(Value::from(app_id)).chain(user_ids.iter().map(Value::from)).collect();
    Ok(tx.fetch_all(sql, &args).await?)
}

/// Who has a role in a tenant.
pub(super) async fn list_role_users(tx: &mut Tx, scope: &Scope, role: &str) -> Result<Vec<String>> {
    let sql =
        "select user_id from user_roles where app_id = $1 and tenant_id = $2 and role = $3 order by user_id";
    Ok(texts(tx.fetch_all(sql, args![&scope.app_id, &scope.tenant_id, role]).await?))
}

/// Whether a user has a role in any tenant.
pub(super) async fn has_user(tx: &mut Tx, app_id: &str, user_id: &str) -> portcullis_db::Result<bool> {
    let sql = "select role from user_roles where app_id = $1 and user_id = $2 limit 1";
    Ok(tx.fetch_optional::<(String,)>(sql, args![app_id, user_id]).await?.is_some())
}

/// Takes every role from a user, in every tenant.
pub(super) async fn delete_user(tx: &mut Tx, app_id: &str, user_id: &str) -> portcullis_db::Result<()> {
    tx.execute("delete from user_roles where app_id = $1 and user_id = $2", args![app_id, user_id])
        .await
        .map(drop)
}

/// Takes all roles in one tenant from a user; whether there were any.
pub(super) async fn delete_member(tx: &mut Tx, scope: &Scope, user_id: &str) -> portcullis_db::Result<bool> {
    let sql = "delete from user_roles where app_id = $1 and tenant_id = $2 and user_id = $3";
    Ok(tx.execute(sql, args![&scope.app_id, &scope.tenant_id, user_id]).await? > 0)
}
