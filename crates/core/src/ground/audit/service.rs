//! Writing events together with what they tell of, and reading them.

use super::batch::{Batches, Waiting};
use super::entry::{Entry, entry};
use super::model::{Event, Filter, StoredEvent};
use super::store;
use crate::ground::users::service::OwnRow;
use crate::{Cx, Result};
use portcullis_db::{Db, Tx, Value};
use std::sync::Arc;
use tokio::sync::{Notify, oneshot};

/// What a running core knows of its own events.
#[derive(Debug, Default)]
pub struct Audit {
    written: Arc<Notify>,
    batches: Arc<Batches>,
}

impl Audit {
    /// Told when this core has written an event.
    pub(super) fn written(&self) -> Arc<Notify> {
        Arc::clone(&self.written)
    }

    fn tell(&self) {
        self.written.notify_one();
    }
}

impl Entry<'_> {
    /// The event as a row that is added together with a new user, whom it is about.
    pub fn row(&self) -> OwnRow<'_> {
        let [_, tenant, _, _, rest @ ..] = self.values();
        OwnRow {
            table: "activity_log",
            user_columns: &["recipe_user_id", "primary_or_recipe_user_id"],
            columns: &[
                "tenant_id",
                "event_type",
                "status",
                "auth_principal",
                "identifier",
                "created_at",
                "payload",
            ],
            values: std::iter::once(tenant).chain(rest).collect(),
        }
    }

    /// Runs the only statement of a unit of work, which has no `returning`; if it changes anything, the event is
    /// written with it. Ends the unit of work, and tells how many rows the statement changed. On PostgreSQL this is
    /// one statement.
    pub async fn execute(self, tx: Tx, sql: &str, args: &[Value<'_>]) -> Result<u64> {
        let changed = store::execute_and_insert(tx, sql, args, &self).await?;
        self.cx.app.audit.tell();
        Ok(changed)
    }

    /// Runs a statement that returns, for each row that it changes, its login method, its user, its tenant and its
    /// name, as `recipe_user_id, user_id, tenant_id, name`, and writes the event about each. Answers the names. On
    /// PostgreSQL this is one statement. The unit of work is to be ended by [`commit_logged`].
    pub async fn execute_for_each(&self, tx: &mut Tx, sql: &str, args: &[Value<'_>]) -> Result<Vec<String>> {
        store::execute_and_insert_each(tx, sql, args, self).await
    }
}

/// Writes an event that is all there is to write, about the login method and the group with these internal ids;
/// `false` if the login method is not in the group any more. Calls that do so at the same time are written together.
pub async fn log(cx: &Cx, event: Event, member: (&str, &str)) -> Result<bool> {
    let audit = &cx.app.audit;
    let id = |id: &Option<String>| id.clone().unwrap_or_default();
    let about = (cx.app_id().to_owned(), id(&event.recipe_user_id), id(&event.user_id));
    let entry = entry(cx, event);
    let written = if cx.db().groups_commits() {
        store::insert_of_member(cx.db().write_one().await?, &entry, member).await?
    } else {
        let (done, written) = oneshot::channel();
        let json = store::to_json_of_member(&entry, member)?;
        if let Some(writer) = audit.batches.add(cx.db(), Waiting { json, about, done }) {
            cx.app.tasks.spawn(writer.run());
        }
        // A writer that was cut off has written nothing.
        written.await.unwrap_or(Err(portcullis_db::Error::Busy))?
    };
    audit.tell();
    Ok(written)
}

/// Writes events and ends the unit of work that they tell of: on PostgreSQL in one round trip.
pub async fn commit(cx: &Cx, tx: Tx, events: Vec<Event>) -> Result<()> {
    let entries: Vec<Entry<'_>> = events.into_iter().map(|event| entry(cx, event)).collect();
    store::insert_and_commit(tx, &entries).await?;
    if !entries.is_empty() {
        cx.app.audit.tell();
    }
    Ok(())
}

/// Ends a unit of work whose statement wrote its event.
pub async fn commit_logged(cx: &Cx, tx: Tx) -> Result<()> {
    tx.commit().await?;
    cx.app.audit.tell();
    Ok(())
}

/// Events above an id, in the order of their ids.
pub async fn list(db: &Db, after: i64, filter: &Filter, limit: i64) -> Result<Vec<StoredEvent>> {
    store::list_after(&mut db.read().await?, after, filter, limit).await
}
