//! Events that are all there is to write, as those of sign-ins: what calls want to write at the same time is written
//! by one statement, unless the database does as much by itself. Each call waits until its event is committed; one
//! that comes alone waits for no other.

use super::store;
use portcullis_db::{Db, Error, Result};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Events of one statement at most.
const MOST: usize = 64;

/// A call's event.
#[derive(Debug)]
pub(super) struct Waiting {
    /// As [`store::insert_of_members`] reads it.
    pub(super) json: String,
    /// App, login method and user, by the ids that callers know.
    pub(super) about: (String, String, String),
    /// Told whether it was written.
    pub(super) done: oneshot::Sender<Result<bool>>,
}

/// What waits in each database that somebody writes to now, by the database's number.
#[derive(Debug, Default)]
pub(super) struct Batches(Mutex<HashMap<u64, Vec<Waiting>>>);

impl Batches {
    /// Adds an event; what is answered, if anything, is to be run to its end: nobody else writes to this database.
    pub(super) fn add(self: &Arc<Self>, db: &Db, event: Waiting) -> Option<Writer> {
        match self.waiting().entry(db.number()) {
            Entry::Occupied(mut waiting) => {
                waiting.get_mut().push(event);
                None
            }
            Entry::Vacant(place) => {
                place.insert(vec![event]);
                Some(Writer { batches: Arc::clone(self), db: db.clone(), has_ended: false })
            }
        }
    }

    /// The oldest of what waits. If nothing does, whoever adds something next is to write.
    fn take(&self, number: u64) -> Vec<Waiting> {
        let mut all = self.waiting();
        let Some(waiting) = all.get_mut(&number) else { return Vec::new() };
        if waiting.is_empty() {
            all.remove(&number);
            return Vec::new();
        }
        waiting.drain(..waiting.len().min(MOST)).collect()
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, Vec<Waiting>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes to one database until nothing waits.
#[derive(Debug)]
pub(super) struct Writer {
    batches: Arc<Batches>,
    db: Db,
    has_ended: bool,
}

impl Writer {
    pub(super) async fn run(mut self) {
        loop {
            let batch = self.batches.take(self.db.number());
            if batch.is_empty() {
                self.has_ended = true;
                return;
            }
            let outcome = write(&self.db, &batch).await;
            for Waiting { about, done, .. } in batch {
                // A call that was broken off does not hear of it.
                let _ =
                    done.send(outcome.as_ref().map(|written| written.contains(&about)).map_err(Error::clone));
            }
        }
    }
}

impl Drop for Writer {
    /// If it was cut off, nobody is to wait for it, and the next call is to write again.
    fn drop(&mut self) {
        if !self.has_ended {
            self.batches.waiting().remove(&self.db.number());
        }
    }
}

async fn write(db: &Db, batch: &[Waiting]) -> Result<Vec<(String, String, String)>> {
    let events: Vec<&str> = batch.iter().map(|event| event.json.as_str()).collect();
    store::insert_of_members(db.write_one().await?, &format!("[{}]", events.join(","))).await
}
