//! How long events are kept: on PostgreSQL by months, which come and go as a whole; on SQLite row by row.

use super::months::Month;
use super::store;
use crate::crypto::digest::hex;
use crate::{App, Result};
use portcullis_db::Db;
use std::sync::Arc;

/// Events that are deleted in one unit of work, so that nobody waits long for it.
const BATCH: i64 = 1000;

/// Makes the parts of the log for this month and the next one, where it has parts. What has none goes into a part for
/// everything else, so that a failure is only logged; it is tried again every day.
pub async fn prepare(db: &Db, now: i64) {
    let month = Month::of(now);
    for month in [month, month.next()] {
        if let Err(error) = make_part(db, month).await {
            let name = month.partition();
            tracing::warn!(%error, "events of a month have no part of their own: {name}: {error}");
        }
    }
}

async fn make_part(db: &Db, month: Month) -> portcullis_db::Result<()> {
    let name = month.partition();
    // To ask first keeps nobody waiting.
    if store::has_partition(&mut db.read().await?, &name).await? {
        return Ok(());
    }
    let mut tx = db.write().await?;
    match store::create_partition(&mut tx, &name, (month.start(), month.next().start())).await {
        // Another core was faster.
        Err(portcullis_db::Error::Duplicate(_)) => Ok(()),
        made => {
            made?;
            tx.commit().await
        }
    }
}

/// Deletes events that are older than they are to be kept, and the links of the chain that name nothing else. Makes
/// the parts that are needed next.
pub async fn delete_old(app: &Arc<App>, domain: &str, db: &Db, now: i64) -> Result<()> {
    prepare(db, now).await;
    let oldest = now - app.base_config.audit.retention_ms;
    let mut tx = db.write().await?;
    let kept_since = if store::is_parted(&tx) { Month::of(oldest).start() } else { oldest };
    store::keep_since(&mut tx, kept_since).await?;
    tx.commit().await?;
    let partitions = store::list_partitions(&mut db.read().await?).await?;
    for name in partitions.iter().filter(|name| ended_before(name, kept_since)) {
        let mut tx = db.write().await?;
        store::drop_partition(&mut tx, name).await?;
        tx.commit().await?;
    }
    tell_head(domain, db).await?;
    loop {
        let mut tx = db.write().await?;
        let deleted = store::delete_some_before(&mut tx, kept_since, BATCH).await?;
        tx.commit().await?;
        if i64::try_from(deleted).is_ok_and(|deleted| deleted < BATCH) {
            return Ok(());
        }
    }
}

/// A log is often kept elsewhere, where nobody who can write to the database reaches it.
async fn tell_head(domain: &str, db: &Db) -> Result<()> {
    let head = store::find_head(&mut db.read().await?).await?;
    tracing::info!(domain, "the audit trail ends with {}:{}", head.position, hex(&head.hash));
    Ok(())
}

fn ended_before(partition: &str, time: i64) -> bool {
    Month::of_partition(partition).is_some_and(|month| month.next().start() <= time)
}
