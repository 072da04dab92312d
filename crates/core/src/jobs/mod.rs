//! The clockwork that runs what recipes do on a schedule.
//!
//! Many cores may share a database. Nobody elects one of them: each runs every job, at times that drift
//! apart, and a job that finds nothing left to do costs one statement in each database. Databases of
//! domains that nobody calls are left alone.

use crate::crypto::random;
use crate::ground::tenancy::service as tenancy;
use crate::ground::webhooks;
use crate::{App, Chore, DeleteExpired, DeleteOfTenant, Job, ListTenants, Result, Scope};
use portcullis_db::Db;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The longest wait for a job's first run. The reference waits for one whole interval, which a core that is
/// replaced every day never sees the end of.
const FIRST_RUN_WITHIN: Duration = Duration::from_mins(10);
/// A time without jobs after the start: seeding the random generator takes tens of milliseconds, which no
/// caller shall wait for.
const START: Duration = Duration::from_secs(1);
/// How many times as often jobs run in test mode.
const TEST_MODE_HASTE: u32 = 10;
/// How much longer than its interval a wait may be, as a fraction.
const DRIFT: f64 = 0.1;

/// Starts every recipe's jobs, and the delivery of webhooks if there is an endpoint; they end with the app's tasks.
pub fn start(app: &Arc<App>) {
    webhooks::start(app);
    let jobs = app.recipes.iter().flat_map(|recipe| recipe.jobs);
    jobs.for_each(|job| start_one(app, *job));
}

/// Starts one job.
pub fn start_one(app: &Arc<App>, job: Job) {
    app.tasks.spawn(keep_running(Arc::downgrade(app), app.tasks.stopping(), job, app.test_mode));
}

/// Runs every job once, in the recipes' order; `now` in milliseconds. As one by one, a job that fails keeps no other from
/// its turn; the first failure is told.
pub async fn run_all(app: &Arc<App>, now: i64) -> Result<()> {
    let mut outcome = Ok(());
    for job in app.recipes.iter().flat_map(|recipe| recipe.jobs) {
        outcome = outcome.and(run(app, job, now).await);
    }
    outcome
}

/// The task holds the core only while the job runs.
async fn keep_running(app: Weak<App>, stopping: CancellationToken, job: Job, in_test_mode: bool) {
    let mut wait = Duration::ZERO;
    // Test suites set lifetimes of seconds and do not wait for minutes, nor ten seconds for each import.
    let every = if in_test_mode { job.every / TEST_MODE_HASTE } else { job.every };
    if !in_test_mode {
        stopping.run_until_cancelled(tokio::time::sleep(START)).await;
        wait = first_wait(job.every, random::unit_interval());
    }
    while stopping.run_until_cancelled(tokio::time::sleep(wait)).await.is_some() {
        let Some(app) = app.upgrade() else { return };
        match run(&app, &job, app.clock.now()).await {
            Ok(()) => tracing::debug!(job = job.name, "job done: {}", job.name),
            Err(error) => {
                tracing::error!(job = job.name, %error, "job failed, next time it is tried again: {}: {error}", job.name);
            }
        }
        wait = next_wait(every, random::unit_interval());
    }
}

async fn run(app: &Arc<App>, job: &Job, now: i64) -> Result<()> {
    let mut outcome = Ok(());
    for (domain, db) in app.open_databases() {
        let done = match job.chore {
            Chore::DeleteExpired(delete) => delete_expired(&db, delete, now).await,
            Chore::DeleteExpiredByTenant(list, delete) => {
                delete_expired_by_tenant(app, (&domain, &db), list, delete, now).await
            }
            Chore::InDatabase(work) => work(app, &domain, &db, now).await,
        };
        // One database that fails does not keep the others from their turn.
        outcome = outcome.and(done.map_err(|error| error.of_domain(&domain)));
    }
    outcome
}

async fn delete_expired(db: &Db, delete: DeleteExpired, now: i64) -> Result<()> {
    let mut tx = db.write().await?;
    delete(&mut tx, now).await?;
    // no event: what has expired counts no more
    Ok(tx.commit().await?)
}

async fn delete_expired_by_tenant(
    app: &Arc<App>,
    (domain, db): (&str, &Db),
    list: ListTenants,
    delete: DeleteOfTenant,
    now: i64,
) -> Result<()> {
    let listed = list(&mut db.read().await?, now).await?;
    for (app_id, tenant_id) in listed {
        let scope = Scope::new(domain, &app_id, &tenant_id);
        let Some(tenant) = tenancy::find(app, &scope).await? else { continue };
        let mut tx = db.write().await?;
        delete(&mut tx, &tenant, now).await?;
        // no event: what has expired counts no more
        tx.commit().await?;
    }
    Ok(())
}

/// Cores that start together begin apart; `chance` is in `[0, 1)`.
fn first_wait(every: Duration, chance: f64) -> Duration {
    every.min(FIRST_RUN_WITHIN).mul_f64(chance)
}

fn next_wait(every: Duration, chance: f64) -> Duration {
    every.mul_f64(1.0 + DRIFT * chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_runs_are_spread_over_ten_minutes_or_the_interval_if_it_is_shorter() {
        let (hour, minute) = (Duration::from_hours(1), Duration::from_mins(1));
        assert_eq!(first_wait(hour, 0.5), Duration::from_mins(5));
        assert_eq!(first_wait(minute, 0.5), Duration::from_secs(30));
        assert_eq!(first_wait(hour, 0.0), Duration::ZERO);
    }

    #[test]
    fn waits_are_never_shorter_than_the_interval_and_drift_apart() {
        let hour = Duration::from_hours(1);
        assert_eq!(next_wait(hour, 0.0), hour);
        assert_eq!(next_wait(hour, 0.5), Duration::from_mins(63));
    }
}
