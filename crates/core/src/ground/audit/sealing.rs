//! Closing the chain over what was written since the last time: no writer waits for it.

use super::model::Filter;
use super::store;
use crate::ground::webhooks;
use crate::{App, Result};
use portcullis_db::Db;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Events in one link at most.
const BATCH: i64 = 2000;
/// The shortest time between two passes that follow upon what was written.
const PAUSE: Duration = Duration::from_secs(1);

/// Seals what this core has written soon, without waiting for the job: for those who wait for it.
pub(crate) fn follow(app: &Arc<App>) {
    app.tasks.spawn(keep_following(Arc::downgrade(app), app.audit.written(), app.tasks.stopping()));
}

/// The task holds the core only while it seals.
async fn keep_following(app: Weak<App>, written: Arc<Notify>, stopping: CancellationToken) {
    while stopping.run_until_cancelled(written.notified()).await.is_some() {
        let Some(app) = app.upgrade() else { return };
        if let Err(error) = settle_all(&app, app.clock.now()).await {
            tracing::warn!(%error, "events could not be sealed, which is tried again: {error}");
        }
        drop(app);
        stopping.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
    }
}

/// Seals what was written in every open database.
async fn settle_all(app: &Arc<App>, now: i64) -> Result<()> {
    let mut outcome = Ok(());
    for (domain, db) in app.open_databases() {
        // One database that fails does not keep the others from their turn.
        let settled = settle(app, &domain, &db, now).await;
        outcome = outcome.and(settled.map_err(|error| error.of_domain(&domain)));
    }
    outcome
}

/// Seals each event of a domain's database that no link names yet, once, however many cores do so at a time. What
/// else is to be done once for each event is done in the same unit of work.
pub async fn settle(app: &Arc<App>, domain: &str, db: &Db, now: i64) -> Result<()> {
    // What was there before the first link may take minutes.
    while seal(app, domain, db, now).await? && !app.tasks.stopping().is_cancelled() {}
    Ok(())
}

/// Makes one link; whether there may be more to seal.
async fn seal(app: &App, domain: &str, db: &Db, now: i64) -> Result<bool> {
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
    let is_told = webhooks::service::enqueue(app, &mut tx, domain, late.iter().chain(&new), now).await?;
    tx.commit().await?;
    if is_told {
        webhooks::look(app);
    }
    Ok(i64::try_from(new.len()).is_ok_and(|count| count == BATCH))
}
