//! Sign-ups through the core in this process, on a SQLite file, as fast as 64 callers can: no socket, but all of
//! the rest, a hash at its cheapest included. Each is on the disk before its caller goes on.

use crate::paths;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use portcullis_core::http::handle;
use portcullis_core::{App, AppSettings, Clock};
use portcullis_db::{Db, Settings};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const CALLERS: usize = 64;

/// How many there were in a second.
pub(crate) async fn sign_ups(file: &Path, lasting: Duration) -> f64 {
    let url = format!("sqlite:{}", file.display());
    let settings = json!({
        "password_hashing_alg": "ARGON2", "argon2_memory_kb": 8, "argon2_iterations": 1, "argon2_parallelism": 1,
    });
    let app = App::open(AppSettings {
        db: Db::open(&url, &Settings::default()).await.unwrap(),
        base_values: settings.as_object().unwrap().clone(),
        config_path: None,
        test_mode: false,
        clock: Clock::default(),
    });
    let app = app.await.unwrap();
    let (began, mut callers) = (Instant::now(), JoinSet::new());
    for _ in 0..CALLERS {
        callers.spawn(caller(Arc::clone(&app), began + lasting));
    }
    let done: u32 = callers.join_all().await.into_iter().sum();
    let rate = f64::from(done) / began.elapsed().as_secs_f64();
    app.stop().await;
    rate
}

async fn caller(app: Arc<App>, end: Instant) -> u32 {
    let mut done = 0;
    while Instant::now() < end {
        let call = paths::sign_up_call();
        let request = Request::builder().method(call.method).uri(call.path).header("cdi-version", call.cdi);
        let answer = handle(Arc::clone(&app), request.body(Full::new(call.body)).unwrap(), None).await;
        assert_eq!(answer.status(), 200);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        paths::signed_up(&body);
        done += 1;
    }
    done
}
