//! About how many users a tenant has: those who had joined by some moment are counted every ten minutes, those
//! who have joined since are counted at each call. So new users are counted at once, and who was deleted,
//! linked or unlinked, at the next count. Each core remembers counts of its own.

use super::service::UserFilter;
use super::store::{self, Joined};
use crate::reading::Reading;
use crate::{App, Cx, Result, Scope};
use papaya::HashMap;
use portcullis_db::Db;
use std::sync::Arc;

/// From this age on they are counted again, in milliseconds.
const RENEW_AFTER_MS: i64 = 600_000;
/// How far back the moment lies, in milliseconds: users who joined before it must not turn up later, with a
/// unit of work that took its time or from a core whose clock is behind.
const MARGIN_MS: i64 = 60_000;

/// What was counted, for each tenant that was asked for.
#[derive(Debug, Default)]
pub struct Counts(HashMap<Scope, Arc<Counted>>);

#[derive(Debug)]
struct Counted {
    /// Of those who had joined by `until`.
    count: i64,
    until: i64,
    reading: Reading,
}

impl Counts {
    /// Forgets the tenant, or all tenants of the app if it is the public one.
    pub(crate) fn forget(&self, gone: &Scope) {
        self.0.pin().retain(|scope, _| scope != gone && !(gone.is_public_tenant() && scope.is_of_app(gone)));
    }
}

/// A number that may be a little old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Approximate {
    /// How many.
    pub(super) count: i64,
    /// Whoever left or was linked later is still counted, in milliseconds since 1970.
    pub(super) as_of: i64,
}

/// About how many users the call's tenant has.
pub(super) async fn approximate(cx: &Cx) -> Result<Approximate> {
    let known = cx.app.counts.0.pin().get(&cx.scope).cloned();
    let counted = match known {
        Some(counted) => counted,
        None => count(&cx.app, cx.db(), &cx.scope, cx.now).await?,
    };
    if counted.reading.age(cx.now) >= RENEW_AFTER_MS {
        let again = || {
            let (app, db, scope) = (Arc::clone(&cx.app), cx.db().clone(), cx.scope.clone());
            let now = cx.now;
            async move {
                let counted = count(&app, &db, &scope, now).await;
                counted.map(drop).map_err(|error| error.of(scope.in_log()))
            }
        };
        counted.reading.due_now(cx.now).begin(&cx.app.tasks, again);
    }
    let (all, newer) = (UserFilter::default(), Joined::After(counted.until));
    let newer = store::count_groups(&mut cx.db().read().await?, &cx.scope, &all, newer).await?;
    Ok(Approximate { count: counted.count + newer, as_of: counted.until })
}

async fn count(app: &App, db: &Db, scope: &Scope, now: i64) -> Result<Arc<Counted>> {
    let until = now - MARGIN_MS;
    let all = UserFilter::default();
    let count = store::count_groups(&mut db.read().await?, scope, &all, Joined::Until(until)).await?;
    let counted = Arc::new(Counted { count, until, reading: Reading::new(now) });
    app.counts.0.pin().insert(scope.clone(), Arc::clone(&counted));
    Ok(counted)
}
