//! The statements on keys.

use crate::{PUBLIC, Result};
use portcullis_db::{Tx, args};

const REFRESH_TOKEN_KEY: &str = "refresh_token_key";

/// Locks the app's row until the unit of work ends; whether the app exists.
pub(super) async fn lock_app(tx: &mut Tx, app_id: &str) -> Result<bool> {
    let sql = "select app_id from apps where app_id = $1";
    let row: Option<(String,)> = tx.fetch_optional_for_update(sql, args![app_id]).await?;
    Ok(row.is_some())
}

/// The dynamic keys made since `oldest`, newest first.
pub(super) async fn list_dynamic(tx: &mut Tx, app_id: &str, oldest: i64) -> Result<Vec<(i64, String)>> {
    let sql = "select created_at_time, value from session_access_token_signing_keys
        where app_id = $1 and created_at_time >= $2 and value is not null order by created_at_time desc";
    Ok(tx.fetch_all(sql, args![app_id, oldest]).await?)
}

/// Adds a dynamic key.
pub(super) async fn insert_dynamic(tx: &mut Tx, app_id: &str, created_at: i64, key: &str) -> Result<()> {
    let sql = "insert into session_access_token_signing_keys (app_id, created_at_time, value)
        values ($1, $2, $3)";
    tx.execute(sql, args![app_id, created_at, key]).await?;
    Ok(())
}

/// Deletes dynamic keys that verify no more.
pub(super) async fn delete_dynamic_before(tx: &mut Tx, app_id: &str, oldest: i64) -> Result<()> {
    let sql = "delete from session_access_token_signing_keys where app_id = $1 and created_at_time < $2";
    tx.execute(sql, args![app_id, oldest]).await?;
    Ok(())
}

/// The apps that have dynamic keys.
pub(super) async fn list_apps(tx: &mut Tx) -> Result<Vec<String>> {
    let sql = "select distinct app_id from session_access_token_signing_keys";
    let rows: Vec<(String,)> = tx.fetch_all(sql, args![]).await?;
    Ok(rows.into_iter().map(|(app_id,)| app_id).collect())
}

/// Every app's keys, as app, key id and key: those that change, then those that stay.
pub(super) async fn list_all(tx: &mut Tx) -> Result<Vec<(String, String, String)>> {
    let sql = "select app_id, created_at_time, value from session_access_token_signing_keys
        where value is not null order by app_id, created_at_time";
    let dynamic: Vec<(String, i64, String)> = tx.fetch_all(sql, args![]).await?;
    let sql = "select app_id, key_id, key_string from jwt_signing_keys where algorithm = 'RS256'
        order by app_id, key_id";
    let fixed: Vec<(String, String, String)> = tx.fetch_all(sql, args![]).await?;
    let dynamic = dynamic.into_iter().map(|(app_id, at, key)| (app_id, format!("d-{at}"), key));
    Ok(dynamic.chain(fixed).collect())
}

/// The static keys as id, time and key, newest first.
pub(super) async fn list_static(tx: &mut Tx, app_id: &str) -> Result<Vec<(String, i64, String)>> {
    let sql = "select key_id, coalesce(created_at, 0), key_string from jwt_signing_keys
        where app_id = $1 and algorithm = 'RS256' order by created_at desc, key_id";
    Ok(tx.fetch_all(sql, args![app_id]).await?)
}

/// Adds a static key.
pub(super) async fn insert_static(
    tx: &mut Tx,
    app_id: &str,
    key_id: &str,
    created_at: i64,
    key: &str,
) -> Result<()> {
    let sql = "insert into jwt_signing_keys (app_id, key_id, key_string, algorithm, created_at)
        values ($1, $2, $3, 'RS256', $4)";
    tx.execute(sql, args![app_id, key_id, key, created_at]).await?;
    Ok(())
}

/// The key that seals the app's refresh tokens.
pub(super) async fn find_refresh_token_key(tx: &mut Tx, app_id: &str) -> Result<Option<String>> {
    let sql = "select value from key_value where app_id = $1 and tenant_id = $2 and name = $3
        and value is not null";
    let row: Option<(String,)> = tx.fetch_optional(sql, args![app_id, PUBLIC, REFRESH_TOKEN_KEY]).await?;
    Ok(row.map(|(key,)| key))
}

/// Stores the key that seals the app's refresh tokens, if there is none.
pub(super) async fn insert_refresh_token_key(tx: &mut Tx, app_id: &str, key: &str, now: i64) -> Result<()> {
    let sql = "insert into key_value (app_id, tenant_id, name, value, created_at_time)
        values ($1, $2, $3, $4, $5) on conflict (app_id, tenant_id, name) do nothing";
    tx.execute(sql, args![app_id, PUBLIC, REFRESH_TOKEN_KEY, key, now]).await?;
    Ok(())
}
