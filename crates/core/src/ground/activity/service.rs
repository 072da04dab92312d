//! Noting activity, for each user at most once in five minutes.

use super::store;
use crate::ground::users::service::OwnRow;
use crate::{Cx, Result, Scope};
use portcullis_db::Tx;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

const THROTTLE_MS: i64 = 300_000;
/// Above this many users in five minutes some are noted more often.
const REMEMBERED_MAX: usize = 1_000_000;

/// Who was noted lately in this process.
#[derive(Debug, Default)]
pub struct Activity {
    hasher: RandomState,
    noted: Mutex<Noted>,
}

/// When users were noted, by a hash of who they are: that two of them have the same is as good as impossible,
/// and would only leave one of them unnoted for five minutes.
#[derive(Debug, Default)]
struct Noted {
    /// When `newer` was begun, in milliseconds.
    since: i64,
    newer: HashMap<u64, i64>,
    /// Those of the five minutes before: they are forgotten all at once.
    older: HashMap<u64, i64>,
}

impl Activity {
    fn is_due(&self, scope: &Scope, user_id: &str, now: i64) -> bool {
        let user = self.hasher.hash_one((&scope.domain, &scope.app_id, user_id));
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).is_due(user, now)
    }
}

impl Noted {
    fn is_due(&mut self, user: u64, now: i64) -> bool {
        let is_recent = |at: &i64| (now - at).abs() < THROTTLE_MS;
        if !is_recent(&self.since) || self.newer.len() >= REMEMBERED_MAX {
            self.older = std::mem::take(&mut self.newer);
            self.since = now;
        }
        if self.newer.get(&user).or_else(|| self.older.get(&user)).is_some_and(is_recent) {
            return false;
        }
        self.newer.insert(user, now);
        true
    }
}

/// As [`touch`], for a user who is about to be made: the row that goes with it, if it is kept where the user is.
pub fn first_touch(cx: &Cx, user_id: &str) -> Option<OwnRow<'static>> {
    (!cx.is_apart() && is_due(cx, user_id)).then(|| store::row(cx.now))
}

/// As [`touch`], for a user who was made just now: what [`first_touch`] left out.
pub async fn touch_new(cx: &Cx, user_id: &str) {
    if cx.is_apart() {
        touch(cx, user_id).await;
    }
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
        tracing::warn!(tenant = %cx.scope.in_log(), %error, "a user's activity could not be noted");
    }
}

/// A login method that was linked is not active any more, the user that it belongs to is (internal ids).
pub async fn replace(cx: &Cx, tx: &mut Tx, linked: &str, primary: &str) -> Result<()> {
    let mut apart = if cx.is_apart() { Some(cx.app_db().write().await?) } else { None };
    let own = apart.as_mut().unwrap_or(tx);
    store::delete_user(own, cx.app_id(), linked).await?;
    store::upsert_last_active(own, cx.app_id(), primary, cx.now).await?;
    if let Some(apart) = apart {
        // no event: that a user is active is not a change
        apart.commit().await?;
    }
    Ok(())
}

/// How many users were active since a time in milliseconds.
pub(super) async fn count_since(cx: &Cx, since: i64) -> Result<i64> {
    store::count_since(&mut cx.app_db().read().await?, cx.app_id(), since).await
}

async fn write(cx: &Cx, user_id: &str) -> Result<()> {
    let mut tx = cx.app_db().write_one().await?;
    store::upsert_last_active(&mut tx, cx.app_id(), user_id, cx.now).await?;
    // no event: that a user is active is not a change
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_noted_once_in_five_minutes() {
        let (activity, scope) = (Activity::default(), Scope::base());
        let is_due = |user: &str, minutes: i64| activity.is_due(&scope, user, minutes * 60_000);
        for (user, minutes, due) in [
            ("ann", 100, true),
            ("ann", 104, false),
            ("bob", 104, true),
            ("ann", 105, true),
            ("bob", 108, false),
            ("ann", 109, false),
            ("bob", 109, true),
            // A clock that was set back.
            ("ann", 50, true),
        ] {
            assert_eq!(is_due(user, minutes), due, "{user} after {minutes} minutes");
        }
        let other = Scope::new("", "other", "public");
        assert!(activity.is_due(&other, "bob", 109 * 60_000), "of another app");
    }

    #[test]
    fn who_was_active_long_ago_is_forgotten() {
        let mut noted = Noted::default();
        for user in 0..1000 {
            // A thousand users, one a second.
            assert!(noted.is_due(user, 1_000_000_000 + i64::try_from(user).unwrap() * 1000));
        }
        assert!(noted.newer.len() + noted.older.len() <= 600);
    }
}
