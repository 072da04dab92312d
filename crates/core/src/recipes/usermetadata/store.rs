//! The statements on metadata.

use crate::ground::audit::Entry;
use crate::{Error, Result};
use portcullis_db::{Tx, Value, args, placeholders};
use portcullis_wire::Object;

fn parse(text: &str) -> Result<Object> {
    serde_json::from_str(text).map_err(|error| Error::Internal(format!("stored metadata: {error}")))
}

/// A user's metadata.
pub(super) async fn find(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<Option<Object>> {
    let sql = "select user_metadata from user_metadata where app_id = $1 and user_id = $2";
    let row: Option<(String,)> = tx.fetch_optional(sql, args![app_id, user_id]).await?;
    row.map(|(text,)| parse(&text)).transpose()
}

/// A user's metadata, locked until the unit of work ends. A row is made first, so that there is one to lock.
pub(super) async fn find_for_update(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<Object> {
    let sql = "insert into user_metadata (app_id, user_id, user_metadata) values ($1, $2, '{}')
        on conflict do nothing";
    tx.execute(sql, args![app_id, user_id]).await?;
    let sql = "select user_metadata from user_metadata where app_id = $1 and user_id = $2";
    let row: Option<(String,)> = tx.fetch_optional_for_update(sql, args![app_id, user_id]).await?;
    row.map_or_else(|| Ok(Object::new()), |(text,)| parse(&text))
}

/// Replaces a user's metadata.
pub(super) async fn update(tx: &mut Tx, app_id: &str, user_id: &str, metadata: &str) -> Result<()> {
    let sql = "update user_metadata set user_metadata = $3 where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, user_id, metadata]).await?;
    Ok(())
}

/// The metadata of several users, in no order.
pub(in crate::recipes) async fn list(
    tx: &mut Tx,
    app_id: &str,
    user_ids: &[String],
) -> Result<Vec<(String, Object)>> {
    if user_ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "select user_id, user_metadata from user_metadata where app_id = $1 and user_id in ({})",
        placeholders(2, user_ids.len())
    );
    let args: Vec<Value<'_>> =
        std::iter::once(app_id).chain(user_ids.iter().map(String::as_str)).map(Value::from).collect();
    let rows: Vec<(String, String)> = tx.fetch_all(sql, &args).await?;
    rows.into_iter().map(|(user_id, text)| Ok((user_id, parse(&text)?))).collect()
}

/// Whether a user has metadata, be they empty.
pub(super) async fn has_user(tx: &mut Tx, app_id: &str, user_id: &str) -> portcullis_db::Result<bool> {
    let sql = "select user_id from user_metadata where app_id = $1 and user_id = $2";
    Ok(tx.fetch_optional::<(String,)>(sql, args![app_id, user_id]).await?.is_some())
}

const DELETE: &str = "delete from user_metadata where app_id = $1 and user_id = $2";

/// Deletes a user's metadata, and ends the unit of work.
pub(super) async fn delete(tx: Tx, app_id: &str, user_id: &str, entry: Entry<'_>) -> Result<()> {
    entry.execute(tx, DELETE, args![app_id, user_id]).await?;
    Ok(())
}

/// Deletes a user's metadata.
pub(super) async fn delete_user(tx: &mut Tx, app_id: &str, user_id: &str) -> portcullis_db::Result<()> {
    tx.execute(DELETE, args![app_id, user_id]).await.map(drop)
}
