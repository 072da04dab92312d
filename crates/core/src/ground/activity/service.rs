//! Noting activity, for each user at most once in five minutes.

use super::store;
use crate::ground::users::service::OwnRow;
use crate::{Cx, Result, Scope};
use papaya::HashMap;

const THROTTLE_MS: i64 = 300_000;
/// Above this many remembered users, those whose time is over are dropped.
const REMEMBERED_MAX: usize = 100_000;

/// Who was noted lately in this process, with the time in milliseconds.
#[derive(Debug, Default)]
pub struct Activity {
    noted: HashMap<(String, String, String), i64>,
}

impl Activity {
    fn is_due(&self, scope: &Scope, user_id: &str, now: i64) -> bool {
        let noted = self.noted.pin();
        let key = (scope.domain.clone(), scope.app_id.clone(), user_id.to_owned());
        let recent = |at: i64| (now - at).abs() < THROTTLE_MS;
        if noted.get(&key).is_some_and(|at| recent(*at)) {
            return false;
        }
        if noted.len() >= REMEMBERED_MAX {
            noted.retain(|_, at| recent(*at));
        }
        noted.insert(key, now);
        true
    }
}

/// As [`touch`], for a user who is about to be made: the row that goes with it.
pub fn first_touch(cx: &Cx, user_id: &str) -> Option<OwnRow<'static>> {
    is_due(cx, user_id).then(|| store::row(cx.now))
}

/// The official suites expect to see every activity.
fn is_due(cx: &Cx, user_id: &str) -> bool {
    cx.app.test_mode || cx.app.activity.is_due(&cx.scope, user_id, cx.now)
}

/// Notes that the user (internal id) is active. Best effort: a failure is logged, the call goes on.
pub async fn touch(cx: &Cx, user_id: &str) {
    if !is_due(cx, user_id) {
        return;
    }
    if let Err(error) = write(cx, user_id).await {
        tracing::warn!(%error, "a user's activity could not be noted");
    }
}

/// How many users were active since a time in milliseconds.
pub(super) async fn count_since(cx: &Cx, since: i64) -> Result<i64> {
    store::count_since(&mut cx.db().read().await?, cx.app_id(), since).await
}

async fn write(cx: &Cx, user_id: &str) -> Result<()> {
    let mut tx = cx.db().write_one().await?;
    store::upsert_last_active(&mut tx, cx.app_id(), user_id, cx.now).await?;
    tx.commit().await?;
    Ok(())
}
