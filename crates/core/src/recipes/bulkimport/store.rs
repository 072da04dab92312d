//! The statements on the queue.

use super::model::State;
use crate::Result;
use crate::ground::users::model::Cursor;
use portcullis_db::{FromRow, Row, Tx, Value, args, placeholders};

/// An entry.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) id: String,
    /// JSON.
    pub(super) user: String,
    pub(super) state: String,
    pub(super) error: Option<String>,
    /// Milliseconds since 1970.
    pub(super) created_at: i64,
    /// Milliseconds since 1970.
    pub(super) updated_at: i64,
}

impl FromRow for Entry {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            user: row.get(1)?,
            state: row.get(2)?,
            error: row.get(3)?,
            created_at: row.get(4)?,
            updated_at: row.get(5)?,
        })
    }
}

const COLUMNS: &str = "id, raw_data, coalesce(status, 'NEW'), error_msg, created_at, updated_at";

/// Adds an entry.
pub(super) async fn insert(tx: &mut Tx, app_id: &str, id: &str, user: &str, now: i64) -> Result<()> {
    let sql = "insert into bulk_import_users (app_id, id, raw_data, status, created_at, updated_at)
        values ($1, $2, $3, 'NEW', $4, $4)";
    tx.execute(sql, args![app_id, id, user, now]).await?;
    Ok(())
}

/// A page, newest first; the cursor names its first entry by id and time, as one of users does.
pub(super) async fn list(
    tx: &mut Tx,
    app_id: &str,
    state: Option<State>,
    limit: i64,
    from: Option<&Cursor>,
) -> Result<Vec<Entry>> {
    let mut args = vec![Value::from(app_id)];
    let mut sql = format!("select {COLUMNS} from bulk_import_users where app_id = $1");
    if let Some(state) = state {
        args.push(state.name().into());
        sql.push_str(" and status = $2");
    }
    if let Some(from) = from {
        let (time, id) = (args.len() + 1, args.len() + 2);
        sql.push_str(&format!(" and (created_at < ${time} or (created_at = ${time} and id <= ${id}))"));
        args.extend([Value::from(from.time_joined), Value::from(&from.user_id)]);
    }
    sql.push_str(&format!(" order by created_at desc, id desc limit {limit}"));
    Ok(tx.fetch_all(sql, &args).await?)
}

/// How many entries there are.
pub(super) async fn count(tx: &mut Tx, app_id: &str, state: Option<State>) -> Result<i64> {
    let mut args = vec![Value::from(app_id)];
    let mut sql = "select count(*) from bulk_import_users where app_id = $1".to_owned();
    if let Some(state) = state {
        args.push(state.name().into());
        sql.push_str(" and status = $2");
    }
    let row: Option<(i64,)> = tx.fetch_optional(sql, &args).await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Deletes entries; those that were there.
pub(super) async fn delete(tx: &mut Tx, app_id: &str, ids: &[String]) -> Result<Vec<String>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let list = placeholders(2, ids.len());
    let sql = format!("delete from bulk_import_users where app_id = $1 and id in ({list}) returning id");
    let args: Vec<Value<'_>> =
        std::iter::once(app_id).chain(ids.iter().map(String::as_str)).map(Value::from).collect();
    let rows: Vec<(String,)> = tx.fetch_all(sql, &args).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The apps with entries that are to be imported.
pub(super) async fn list_apps(tx: &mut Tx) -> Result<Vec<String>> {
    let sql = "select distinct app_id from bulk_import_users where status in ('NEW', 'PROCESSING')";
    let rows: Vec<(String,)> = tx.fetch_all(sql, &[]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Entries that were claimed before a time, and are still there, are to be imported again: their worker has gone.
pub(super) async fn reset(tx: &mut Tx, app_id: &str, before: i64) -> Result<()> {
    let sql = "update bulk_import_users set status = 'NEW'
        where app_id = $1 and status = 'PROCESSING' and updated_at < $2";
    tx.execute(sql, args![app_id, before]).await?;
    Ok(())
}

/// Claims an entry that is to be imported; false if somebody else has done so.
pub(super) async fn claim(tx: &mut Tx, app_id: &str, id: &str, now: i64) -> Result<bool> {
    let sql = "update bulk_import_users set status = 'PROCESSING', updated_at = $3
        where app_id = $1 and id = $2 and status = 'NEW'";
    Ok(tx.execute(sql, args![app_id, id, now]).await? > 0)
}

/// Locks the oldest entries that are to be imported, without those that another worker has locked.
pub(super) async fn take(tx: &mut Tx, app_id: &str, limit: i64) -> Result<Vec<Entry>> {
    let sql = format!(
        "select {COLUMNS} from bulk_import_users where app_id = $1 and status = 'NEW'
         order by updated_at limit {limit}"
    );
    Ok(tx.fetch_all_unlocked_for_update(sql, args![app_id]).await?)
}

/// Locks one entry, once nobody else has locked it; `None` if it is gone, or has failed. It waits, and does not pass
/// over: the lock may be that of a unit of work of the caller's own which is still being undone.
pub(super) async fn take_one(tx: &mut Tx, app_id: &str, id: &str) -> Result<Option<Entry>> {
    let sql = format!(
        "select {COLUMNS} from bulk_import_users
         where app_id = $1 and id = $2 and status in ('NEW', 'PROCESSING')"
    );
    Ok(tx.fetch_optional_for_update(sql, args![app_id, id]).await?)
}

/// Notes why an entry cannot be imported.
pub(super) async fn fail(tx: &mut Tx, app_id: &str, id: &str, error: &str, now: i64) -> Result<()> {
    let sql = "update bulk_import_users set status = 'FAILED', error_msg = $3, updated_at = $4
        where app_id = $1 and id = $2";
    tx.execute(sql, args![app_id, id, error, now]).await?;
    Ok(())
}
