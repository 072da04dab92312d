//! The statements on failed attempts.

use crate::Result;
use portcullis_db::{Tx, args};

/// Counts an attempt now, from one on if the ones before began before a time; how many there are, and when
/// the first was.
pub(super) async fn count(
    tx: &mut Tx,
    app_id: &str,
    subject: &str,
    (now, old): (i64, i64),
) -> Result<(i64, i64)> {
    let sql = "insert into portcullis_guesses (app_id, subject, began_at, attempts) values ($1, $2, $3, 1)
        on conflict (app_id, subject) do update set
        attempts = case when portcullis_guesses.began_at <= $4 then 1 else portcullis_guesses.attempts + 1 end,
        began_at = case when portcullis_guesses.began_at <= $4 then excluded.began_at
            else portcullis_guesses.began_at end
        returning attempts, began_at";
    let counted = tx.fetch_optional(sql, args![app_id, subject, now, old]).await?;
    counted.ok_or_else(|| crate::Error::internal("an attempt was not counted"))
}

/// Takes an attempt back.
pub(super) async fn take_back(tx: &mut Tx, app_id: &str, subject: &str) -> Result<()> {
    let sql = "update portcullis_guesses set attempts = attempts - 1
        where app_id = $1 and subject = $2 and attempts > 0";
    tx.execute(sql, args![app_id, subject]).await?;
    Ok(())
}

/// Forgets all attempts.
pub(super) async fn delete(tx: &mut Tx, app_id: &str, subject: &str) -> Result<()> {
    tx.execute("delete from portcullis_guesses where app_id = $1 and subject = $2", args![app_id, subject])
        .await?;
    Ok(())
}

/// Deletes those that began before a time.
pub(super) async fn delete_older(tx: &mut Tx, time: i64) -> portcullis_db::Result<()> {
    tx.execute("delete from portcullis_guesses where began_at < $1", args![time]).await.map(drop)
}
