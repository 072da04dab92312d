//! What runs on a schedule: which rows each job deletes, and how the clockwork runs and ends.

use super::session::{DAY, create};
use portcullis_core::{Chore, Error, Job, jobs};
use portcullis_testkit::{START, TestCore};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const HOUR: i64 = 3_600_000;
const RESET_TOKENS: &str = "emailpassword_pswd_reset_tokens";
const SIGNING_KEYS: &str = "session_access_token_signing_keys";

async fn count(core: &TestCore, table: &str) -> i64 {
    let mut tx = core.app.db.read().await.unwrap();
    let rows: Vec<(i64,)> = tx.fetch_all(format!("select count(*) from {table}"), &[]).await.unwrap();
    rows[0].0
}

async fn run_all(core: &TestCore) {
    jobs::run_all(&core.app, core.app.clock.now()).await.unwrap();
}

#[tokio::test]
async fn the_intervals_are_the_reference_s() {
    let core = TestCore::start().await;
    let jobs = core.app.recipes.iter().flat_map(|recipe| recipe.jobs);
    let intervals: Vec<(&str, u64)> = jobs.map(|job| (job.name, job.every.as_secs() / 3600)).collect();
    for (name, hours) in [
        ("expired signing keys", 24),
        ("expired password reset tokens", 1),
        ("expired e-mail verification tokens", 12),
        ("expired passwordless devices", 1),
        ("expired sessions", 12),
        ("expired dashboard sessions", 12),
        ("expired TOTP codes", 1),
    ] {
        assert!(intervals.contains(&(name, hours)), "{name}: {intervals:?}");
    }
}

#[tokio::test]
async fn expired_sessions_go_and_the_others_stay() {
    let core = TestCore::start().await.cdi("5.4");
    create(&core, json!({})).await;
    core.advance(DAY);
    create(&core, json!({})).await;
    core.advance(99 * DAY - 1);
    run_all(&core).await;
    assert_eq!(count(&core, "session_info").await, 2);
    core.advance(1);
    run_all(&core).await;
    assert_eq!(count(&core, "session_info").await, 1);
    core.advance(DAY);
    run_all(&core).await;
    assert_eq!(count(&core, "session_info").await, 0);
}

#[tokio::test]
async fn expired_password_reset_tokens_go_and_the_others_stay() {
    let core = TestCore::start().await;
    let id = core.sign_up("ann@example.com", "password1").await["id"].clone();
    for wait in [1, HOUR] {
        let body = json!({"userId": id, "email": "ann@example.com"});
        assert_eq!(core.post("/recipe/user/password/reset/token", body).await.status_word(), "OK");
        core.advance(wait);
    }
    assert_eq!(count(&core, RESET_TOKENS).await, 2);
    run_all(&core).await;
    assert_eq!(count(&core, RESET_TOKENS).await, 1);
    core.advance(1);
    run_all(&core).await;
    assert_eq!(count(&core, RESET_TOKENS).await, 0);
}

#[tokio::test]
async fn expired_verification_tokens_go_and_the_others_stay() {
    let core = TestCore::start().await;
    for wait in [1, DAY] {
        let body = json!({"userId": "ann", "email": "ann@example.com"});
        assert_eq!(core.post("/recipe/user/email/verify/token", body).await.status_word(), "OK");
        core.advance(wait);
    }
    assert_eq!(count(&core, "emailverification_tokens").await, 2);
    run_all(&core).await;
    assert_eq!(count(&core, "emailverification_tokens").await, 1);
    core.advance(1);
    run_all(&core).await;
    assert_eq!(count(&core, "emailverification_tokens").await, 0);
}

/// A key verifies for its interval and twice the validity of what it signed.
const KEY_LIFETIME: i64 = 7 * DAY + 2 * HOUR;

#[tokio::test]
async fn signing_keys_that_verify_no_more_go_even_if_nobody_calls() {
    let core = TestCore::start().await.cdi("5.4");
    create(&core, json!({})).await;
    core.advance(KEY_LIFETIME);
    run_all(&core).await;
    assert_eq!(count(&core, SIGNING_KEYS).await, 1, "it still verifies");
    core.advance(1);
    run_all(&core).await;
    assert_eq!(count(&core, SIGNING_KEYS).await, 0);
    assert_eq!(count(&core, "jwt_signing_keys").await, 1, "static keys stay");
}

#[tokio::test]
async fn an_app_whose_tokens_live_longer_keeps_its_keys_longer() {
    let core = TestCore::start().await.cdi("5.4");
    let mut tx = core.app.db.write().await.unwrap();
    for sql in [
        "insert into apps (app_id, created_at_time) values ('a1', 1)",
        "insert into tenants (app_id, tenant_id, created_at_time) values ('a1', 'public', 1)",
        "insert into tenant_configs (connection_uri_domain, app_id, tenant_id, core_config)
            values ('', 'a1', 'public', '{\"access_token_validity\": 7200}')",
    ] {
        tx.execute(sql, &[]).await.unwrap();
    }
    let sql = "insert into session_access_token_signing_keys (app_id, created_at_time, value)
        values ('a1', $1, 'public|private')";
    tx.execute(sql, portcullis_db::args![START]).await.unwrap();
    tx.commit().await.unwrap();
    core.advance(KEY_LIFETIME + 2 * HOUR);
    run_all(&core).await;
    assert_eq!(count(&core, SIGNING_KEYS).await, 1);
    core.advance(1);
    run_all(&core).await;
    assert_eq!(count(&core, SIGNING_KEYS).await, 0);
}

async fn wait_for(reached: impl Fn() -> bool) {
    let waiting = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap();
}

const OFTEN: Duration = Duration::from_millis(5);

#[tokio::test]
async fn a_job_that_fails_is_run_again_and_a_stopped_core_runs_none() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let job = Job {
        name: "fails at first",
        every: OFTEN,
        chore: Chore::InDatabase(|_, _, _, now| {
            Box::pin(async move {
                assert_eq!(now, START, "the time is the core's");
                match RUNS.fetch_add(1, Ordering::SeqCst) {
                    0 => Err(Error::internal("not today")),
                    _ => Ok(()),
                }
            })
        }),
    };
    let core = TestCore::start().await;
    jobs::start_one(&core.app, job);
    wait_for(|| RUNS.load(Ordering::SeqCst) > 2).await;
    core.app.tasks.stop().await;
    let runs = RUNS.load(Ordering::SeqCst);
    tokio::time::sleep(OFTEN * 20).await;
    assert_eq!(RUNS.load(Ordering::SeqCst), runs);
}

#[tokio::test]
async fn in_test_mode_the_next_run_comes_ten_times_as_soon() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let job = Job {
        name: "after forty seconds, out of test mode",
        every: Duration::from_secs(40),
        chore: Chore::InDatabase(|_, _, _, _| {
            Box::pin(async {
                RUNS.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
        }),
    };
    let core = TestCore::start().await;
    jobs::start_one(&core.app, job);
    wait_for(|| RUNS.load(Ordering::SeqCst) == 2).await;
}

#[tokio::test]
async fn a_stop_waits_for_the_job_that_runs() {
    static STATE: AtomicUsize = AtomicUsize::new(0);
    let job = Job {
        name: "slow",
        every: Duration::from_hours(1),
        chore: Chore::InDatabase(|_, _, _, _| {
            Box::pin(async {
                STATE.store(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(200)).await;
                STATE.store(2, Ordering::SeqCst);
                Ok(())
            })
        }),
    };
    let core = TestCore::start().await;
    jobs::start_one(&core.app, job);
    wait_for(|| STATE.load(Ordering::SeqCst) == 1).await;
    core.app.tasks.stop().await;
    assert_eq!(STATE.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn all_jobs_run_by_themselves_and_do_not_keep_a_core_alive() {
    let core = TestCore::start().await.cdi("5.4");
    create(&core, json!({})).await;
    core.advance(101 * DAY);
    jobs::start(&core.app);
    let deleted = async {
        while count(&core, "session_info").await + count(&core, SIGNING_KEYS).await > 0 {
            tokio::time::sleep(OFTEN).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), deleted).await.unwrap();
    let app = Arc::downgrade(&core.app);
    drop(core);
    wait_for(|| app.strong_count() == 0).await;
}
