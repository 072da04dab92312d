//! The statements on activity.

use crate::Result;
use crate::ground::users::service::OwnRow;
use portcullis_db::{Tx, args};

/// The row of a new user who is active now.
pub(super) fn row(now: i64) -> OwnRow<'static> {
    OwnRow::new("user_last_active", &["last_active_time"], vec![now.into()])
}

/// Notes that the user is active now.
pub(super) async fn upsert_last_active(tx: &mut Tx, app_id: &str, user_id: &str, now: i64) -> Result<()> {
    let sql = "insert into user_last_active (app_id, user_id, last_active_time) values ($1, $2, $3)
        on conflict (app_id, user_id) do update set last_active_time = excluded.last_active_time";
    tx.execute(sql, args![app_id, user_id, now]).await?;
    Ok(())
}

/// How many users were active since a time.
pub(super) async fn count_since(tx: &mut Tx, app_id: &str, since: i64) -> Result<i64> {
    let sql = "select count(*) from user_last_active where app_id = $1 and last_active_time >= $2";
    let row: Option<(i64,)> = tx.fetch_optional(sql, args![app_id, since]).await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Forgets when the user was active.
pub(super) async fn delete_user(tx: &mut Tx, app_id: &str, user_id: &str) -> portcullis_db::Result<()> {
    let sql = "delete from user_last_active where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, user_id]).await?;
    Ok(())
}
