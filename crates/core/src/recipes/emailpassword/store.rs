//! The statements on emailpassword users and their reset tokens.

use super::model::{RECIPE_ID, ResetToken};

use crate::ground::users::service::{OwnColumn, OwnRow};
use crate::{Result, Scope};
use portcullis_db::{Tx, Value, args, placeholders};

/// What a password is checked against.
pub(super) const PASSWORD_HASH: OwnColumn =
    OwnColumn { recipe_id: RECIPE_ID, table: "emailpassword_users", column: "password_hash" };

/// The recipe's part of a new user.
pub(in crate::recipes) fn row<'a>(email: &'a str, password_hash: &'a str, now: i64) -> OwnRow<'a> {
    let columns = &["email", "password_hash", "time_joined"];
    OwnRow::new("emailpassword_users", columns, vec![email.into(), password_hash.into(), now.into()])
}

/// The internal id of the tenant's user with an address.
pub(super) async fn find_id(tx: &mut Tx, scope: &Scope, email: &str) -> Result<Option<String>> {
    let sql = "select u.user_id from recipe_user_tenants t
        join emailpassword_users u on u.app_id = t.app_id and u.user_id = t.recipe_user_id
        where t.app_id = $1 and t.tenant_id = $2 and t.recipe_id = 'emailpassword'
        and t.account_info_type = 'email' and t.third_party_id = '' and t.third_party_user_id = ''
        and t.account_info_value = $3";
    let row: Option<(String,)> =
        tx.fetch_optional(sql, args![&scope.app_id, &scope.tenant_id, email]).await?;
    Ok(row.map(|(user_id,)| user_id))
}

/// The hashes of several login methods, by their internal ids.
pub(in crate::recipes) async fn list_hashes(
    tx: &mut Tx,
    app_id: &str,
    user_ids: &[&str],
) -> Result<Vec<(String, String)>> {
    let sql = format!(
        "select user_id, password_hash from emailpassword_users where app_id = $1 and user_id in ({})",
        placeholders(2, user_ids.len())
    );
    let args: Vec<Value<'_>> =
        std::iter::once(app_id).chain(user_ids.iter().copied()).map(Value::from).collect();
    Ok(tx.fetch_all(sql, &args).await?)
}

/// Replaces a hash; false if there is no such user.
pub(super) async fn update_hash(tx: &mut Tx, app_id: &str, user_id: &str, hash: &str) -> Result<bool> {
    let sql = "update emailpassword_users set password_hash = $3 where app_id = $1 and user_id = $2";
    Ok(tx.execute(sql, args![app_id, user_id, hash]).await? > 0)
}

/// Replaces a hash unless it was changed since it was read.
pub(super) async fn replace_hash(
    tx: &mut Tx,
    app_id: &str,
    user_id: &str,
    old: &str,
    new: &str,
) -> Result<()> {
    let sql = "update emailpassword_users set password_hash = $4
        where app_id = $1 and user_id = $2 and password_hash = $3";
    tx.execute(sql, args![app_id, user_id, old, new]).await?;
    Ok(())
}

/// Replaces an address in the recipe's own table.
pub(super) async fn update_email(tx: &mut Tx, app_id: &str, user_id: &str, email: &str) -> Result<()> {
    let sql = "update emailpassword_users set email = $3 where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, user_id, email]).await?;
    Ok(())
}

/// Keeps a token's hash.
pub(super) async fn insert_token(tx: &mut Tx, app_id: &str, token: &str, row: &ResetToken) -> Result<()> {
    let sql = "insert into emailpassword_pswd_reset_tokens (app_id, user_id, token, email, token_expiry)
        values ($1, $2, $3, $4, $5)";
    tx.execute(sql, args![app_id, &row.user_id, token, &row.email, row.expires_at]).await?;
    Ok(())
}

/// The token with a hash.
pub(super) async fn find_token(tx: &mut Tx, app_id: &str, token: &str) -> Result<Option<ResetToken>> {
    let sql = "select user_id, email, token_expiry from emailpassword_pswd_reset_tokens
        where app_id = $1 and token = $2";
    let row: Option<(String, Option<String>, i64)> = tx.fetch_optional(sql, args![app_id, token]).await?;
    Ok(row.map(|(user_id, email, expires_at)| ResetToken { user_id, email, expires_at }))
}

/// Deletes every token of a user, if this one is still there: it works once, and ends the others.
pub(super) async fn delete_tokens(tx: &mut Tx, app_id: &str, user_id: &str, token: &str) -> Result<bool> {
    let sql = "delete from emailpassword_pswd_reset_tokens where app_id = $1 and user_id = $2 and token = $3";
    let was_there = tx.execute(sql, args![app_id, user_id, token]).await? > 0;
    if was_there {
        delete_tokens_of(tx, app_id, user_id).await?;
    }
    Ok(was_there)
}

/// Deletes every token of a user, or of one of a user's login methods, by the internal id.
pub(super) async fn delete_tokens_of(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<()> {
    let sql = "delete from emailpassword_pswd_reset_tokens where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, user_id]).await?;
    Ok(())
}

/// Deletes what has expired.
pub(super) async fn delete_expired_tokens(tx: &mut Tx, now: i64) -> portcullis_db::Result<()> {
    let sql = "delete from emailpassword_pswd_reset_tokens where token_expiry < $1";
    tx.execute(sql, args![now]).await.map(drop)
}

/// Deletes a login method, by the internal id.
pub(super) async fn delete_user(tx: &mut Tx, app_id: &str, user_id: &str) -> portcullis_db::Result<()> {
    for table in ["emailpassword_pswd_reset_tokens", "emailpassword_users"] {
        let sql = format!("delete from {table} where app_id = $1 and user_id = $2");
        tx.execute(sql, args![app_id, user_id]).await?;
    }
    Ok(())
}
