//! The binary runs the recipes' jobs by itself.

use crate::caller::Caller;
use crate::place::Place;
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn expired_rows_are_deleted_while_the_core_runs() {
    // In test mode the first run comes at once.
    let settings = [("TEST_MODE", "true"), ("PASSWORD_RESET_TOKEN_LIFETIME", "1")];
    let place = Place::new("jobs", &settings);
    let core = place.start();
    let caller = Caller::new(&core.address);
    let credentials = json!({"email": "ann@example.com", "password": "password1"});
    let signed_up = caller.post("5.4", "/recipe/signup", &credentials).expect("answers");
    let body = json!({"userId": signed_up["user"]["id"], "email": "ann@example.com"});
    let made = caller.post("5.4", "/recipe/user/password/reset/token", &body).expect("answers");
    assert_eq!(made["status"], "OK");
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
    assert_eq!(tokens(&place).await, 1);

    let core = place.start();
    let begun = Instant::now();
    while tokens(&place).await > 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", core.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
}

async fn tokens(place: &Place) -> i64 {
    let db = place.open_database().await;
    let sql = "select count(*) from emailpassword_pswd_reset_tokens";
    let mut tx = db.read().await.expect("the database answers");
    let row: Option<(i64,)> = tx.fetch_optional(sql, &[]).await.expect("the table is there");
    row.expect("one row").0
}
