//! A small version of the simulation, on the engine that the tests run on.

use portcullis_bench_calm::{Cores, Plan, Tally, run};
use portcullis_testkit::TestCore;
use std::sync::Arc;

async fn simulate(cdi: &str, refreshes: u64, lost: f64, grace_seconds: u32) -> Tally {
    let core = TestCore::start().await;
    let cores = Arc::new(Cores::open(std::array::from_fn(|_| core.app.db.clone()), grace_seconds).await);
    let plan = Plan { cdi: cdi.to_owned(), refreshes, browsers: 12, tabs: 8, lost, stolen: 0.05, seed: 1 };
    let tally = run(&cores, &plan).await;
    cores.stop().await;
    tally
}

fn assert_calm(tally: &Tally) {
    assert_eq!(tally.false_sign_outs, Vec::<String>::new());
    assert_eq!((tally.found, tally.survived), (tally.replays, 0));
    assert!(tally.replays > 50 && tally.retries > 30 && tally.cut > 0, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_signed_out_for_nothing_and_every_replay_is_found_up_to_5_5() {
    assert_calm(&simulate("5.4", 2_500, 0.05, 30).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_signed_out_for_nothing_and_every_replay_is_found_from_5_6_on() {
    assert_calm(&simulate("5.6", 2_500, 0.05, 30).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_grace_period_lost_answers_cost_sessions() {
    let tally = simulate("5.6", 1_000, 0.3, 0).await;
    assert!(!tally.false_sign_outs.is_empty(), "{tally:?}");
}
