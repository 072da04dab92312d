//! The statement on activity.

use crate::Result;
use portcullis_db::{Tx, args};

/// Notes that the user is active now.
pub(super) async fn upsert_last_active(tx: &mut Tx, app_id: &str, user_id: &str, now: i64) -> Result<()> {
    let sql = "insert into user_last_active (app_id, user_id, last_active_time) values ($1, $2, $3)
        on conflict (app_id, user_id) do update set last_active_time = excluded.last_active_time";
    tx.execute(sql, args![app_id, user_id, now]).await?;
    Ok(())
}
