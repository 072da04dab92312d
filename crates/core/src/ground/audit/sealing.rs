//! Closing the chain over what was written since the last time: no writer waits for it.

use super::model::Filter;
use super::store;
use crate::{App, Result};
use portcullis_db::Db;
use std::sync::Arc;

/// Events in one link at most.
const BATCH: i64 = 2000;

/// Seals what was written in every open database.
pub(super) async fn settle_all(app: &Arc<App>, now: i64) -> Result<()> {
    let mut outcome = Ok(());
    for (_, db) in app.open_databases() {
        // One database that fails does not keep the others from their turn.
        outcome = outcome.and(settle(app, &db, now).await);
    }
    outcome
}

/// Seals each event that no link names yet, once, however many cores do so at a time. What else is to be done once
/// for each event is done in the same unit of work.
pub async fn settle(app: &Arc<App>, db: &Db, now: i64) -> Result<()> {
    // What was there before the first link may take minutes.
    while seal(db, now).await? && !app.tasks.stopping().is_cancelled() {}
    Ok(())
}

/// Makes one link; whether there may be more to seal.
async fn seal(db: &Db, now: i64) -> Result<bool> {
    let mut tx = db.write().await?;
    let Some(head) = store::lock_head(&mut tx).await? else { return Ok(false) };
    let awaited: Vec<i64> = head.gaps.iter().map(|gap| gap.id).collect();
    let late = store::list_by_ids(&mut tx, &awaited).await?;
    let new = store::list_after(&mut tx, head.highest_id, &Filter::default(), BATCH).await?;
    if late.is_empty() && new.is_empty() {
        return Ok(false);
    }
    let (seal, head) = head.seal(&late, &new, now);
    store::insert_seal(&mut tx, &seal, &head).await?;
    tx.commit().await?;
    Ok(i64::try_from(new.len()).is_ok_and(|count| count == BATCH))
}
