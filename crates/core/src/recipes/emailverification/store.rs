//! The statements on verified addresses and on the tokens that verify them.

use crate::ground::audit::Entry;
use crate::{Result, Scope};
use portcullis_db::{Engine, Tx, args};

/// Whether an address is verified.
pub(super) async fn is_verified(tx: &mut Tx, app_id: &str, user_id: &str, email: &str) -> Result<bool> {
    let sql = "select user_id from emailverification_verified_emails
        where app_id = $1 and user_id = $2 and email = $3";
    Ok(tx.fetch_optional::<(String,)>(sql, args![app_id, user_id, email]).await?.is_some())
}

/// Forgets that an address was verified, and ends the unit of work.
pub(super) async fn delete_verified(
    tx: Tx,
    app_id: &str,
    (user_id, email): (&str, &str),
    entry: Entry<'_>,
) -> Result<()> {
    let sql =
        "delete from emailverification_verified_emails where app_id = $1 and user_id = $2 and email = $3";
    entry.execute(tx, sql, args![app_id, user_id, email]).await?;
    Ok(())
}

/// Keeps a token's hash.
pub(super) async fn insert_token(
    tx: &mut Tx,
    scope: &Scope,
    (user_id, email): (&str, &str),
    token: &str,
    expires_at: i64,
) -> Result<()> {
    let sql = "insert into emailverification_tokens (app_id, tenant_id, user_id, email, token, token_expiry)
        values ($1, $2, $3, $4, $5, $6)";
    tx.execute(sql, args![&scope.app_id, &scope.tenant_id, user_id, email, token, expires_at]).await?;
    Ok(())
}

/// The user and the address of a token.
pub(super) async fn find_token(tx: &mut Tx, scope: &Scope, token: &str) -> Result<Option<(String, String)>> {
    let sql = "select user_id, email from emailverification_tokens
        where app_id = $1 and tenant_id = $2 and token = $3";
    Ok(tx.fetch_optional(sql, args![&scope.app_id, &scope.tenant_id, token]).await?)
}

/// Tokens that fit a condition. Whoever changes several locks them in one order: two calls with tokens of one address
/// would else each have one and wait for the other's. As an array they are looked for once: PostgreSQL finds the table
/// as good as empty whenever it looks, plans for that, and would look for them again for each row of what has become
/// thousands. And in another collation's order than the index has, which it would read whole rather than sort two tokens.
fn in_order(tx: &Tx, condition: &str) -> String {
    match tx.engine() {
        Engine::Postgres => format!(
            "token = any(array(select token from emailverification_tokens where {condition}
                order by token collate \"C\" for update))"
        ),
        Engine::Sqlite => condition.to_owned(),
    }
}

/// Ends every token of an address in the tenant; each with the time when it expires. Of many callers one gets it.
pub(super) async fn delete_tokens(
    tx: &mut Tx,
    scope: &Scope,
    user_id: &str,
    email: &str,
) -> Result<Vec<(String, i64)>> {
    let those = in_order(tx, "app_id = $1 and tenant_id = $2 and user_id = $3 and email = $4");
    let sql = format!("delete from emailverification_tokens where {those} returning token, token_expiry");
    Ok(tx.fetch_all(sql, args![&scope.app_id, &scope.tenant_id, user_id, email]).await?)
}

/// Deletes what has expired.
pub(super) async fn delete_expired_tokens(tx: &mut Tx, now: i64) -> portcullis_db::Result<()> {
    let those = in_order(tx, "token_expiry < $1");
    tx.execute(format!("delete from emailverification_tokens where {those}"), args![now]).await.map(drop)
}

/// Whether there is a token or a verified address of a user.
pub(super) async fn has_user(tx: &mut Tx, app_id: &str, user_id: &str) -> portcullis_db::Result<bool> {
    let sql = "select user_id from emailverification_tokens where app_id = $1 and user_id = $2
        union all select user_id from emailverification_verified_emails where app_id = $1 and user_id = $2
        limit 1";
    Ok(tx.fetch_optional::<(String,)>(sql, args![app_id, user_id]).await?.is_some())
}

/// Keeps everything about a user under another id. Tokens first: one that is being used is waited for, and the
/// address that it verified comes along.
pub(super) async fn rename_user(
    tx: &mut Tx,
    app_id: &str,
    from: &str,
    to: &str,
) -> portcullis_db::Result<()> {
    let those = in_order(tx, "app_id = $1 and user_id = $2");
    let sql = format!("update emailverification_tokens set user_id = $3 where {those}");
    tx.execute(sql, args![app_id, from, to]).await?;
    let sql = "insert into emailverification_verified_emails (app_id, user_id, email)
        select app_id, $3, email from emailverification_verified_emails where app_id = $1 and user_id = $2
        on conflict do nothing";
    tx.execute(sql, args![app_id, from, to]).await?;
    let sql = "delete from emailverification_verified_emails where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, from]).await.map(drop)
}

/// Deletes everything about a user.
pub(super) async fn delete_user(tx: &mut Tx, app_id: &str, user_id: &str) -> portcullis_db::Result<()> {
    let those = in_order(tx, "app_id = $1 and user_id = $2");
    let sql = format!("delete from emailverification_tokens where {those}");
    tx.execute(sql, args![app_id, user_id]).await?;
    let sql = "delete from emailverification_verified_emails where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, user_id]).await.map(drop)
}

/// Forgets a user's tokens of one tenant; whether there were any.
pub(super) async fn delete_member(tx: &mut Tx, scope: &Scope, user_id: &str) -> portcullis_db::Result<bool> {
    let those = in_order(tx, "app_id = $1 and tenant_id = $2 and user_id = $3");
    let sql = format!("delete from emailverification_tokens where {those}");
    Ok(tx.execute(sql, args![&scope.app_id, &scope.tenant_id, user_id]).await? > 0)
}
