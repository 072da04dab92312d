//! A database moves from one engine to the other, while cores use it.
//!
//! Triggers note the keys of the rows that change, and all tables are copied, page by page. Then, round after round, the
//! rows that have changed meanwhile are taken out and put in again as they are now, and every row is compared, in both
//! directions. When little is left, changes are held up for the last of them; after that the old database refuses
//! changes, and the new one may be used. Each step is one that can be done again: a move that was broken off goes on.

mod notes;
mod record;
mod table;

use crate::{Db, Engine, Error, Result, Tx};
use aws_lc_rs::rand;
pub(crate) use notes::LEFT;
pub use notes::MoveState;
use notes::{Change, Copied};
use record::Record;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};
use table::Table;

/// Rows that are copied, or compared, together.
const PAGE: usize = 1000;
/// Changes of a round.
const ROUND: usize = 5000;
/// So few changes are left for when changes are held up.
const FEW: usize = 200;
/// So many rounds are tried to come to so few.
const ROUNDS: usize = 100;
/// How long the locks are tried for: an autovacuum may have them.
const PATIENCE: Duration = Duration::from_mins(4);
const PAUSE: Duration = Duration::from_millis(200);

/// The move of a database.
#[derive(Debug)]
pub struct Move {
    from: Db,
    to: Db,
    tables: Vec<Table>,
    /// The old database takes no changes any more, so all is copied.
    has_left: bool,
}

/// How far a move has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveStep {
    /// So many rows of about so many were copied.
    Copied(u64, u64),
    /// So many rows of about so many were compared.
    Compared(u64, u64),
}

/// What came of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Rows that were compared.
    pub rows: u64,
    /// Tables that they are in.
    pub tables: usize,
    /// How long nobody could change anything.
    pub pause: Duration,
}

/// Whether a database is being moved, or was.
pub(crate) async fn state(db: &Db) -> Result<Option<MoveState>> {
    Ok(notes::read(db).await?.map(|note| note.state))
}

fn refuse<T>(why: &str) -> Result<T> {
    Err(Error::CannotMove(why.to_owned()))
}

impl Move {
    /// Begins a move, or goes on with one. The migrations of both are the same; the other database is empty.
    pub async fn begin(from: &Db, to: &Db) -> Result<Self> {
        let tables = match (from.engine(), to.engine()) {
            (Engine::Sqlite, Engine::Postgres) => read_tables(from, to).await?,
            (Engine::Postgres, Engine::Sqlite) => read_tables(to, from).await?,
            _ => return refuse("a database moves from SQLite to PostgreSQL, or back"),
        };
        let (left, arriving) = (notes::read(from).await?, notes::read(to).await?);
        let mut has_left = false;
        let token = match left {
            None if arriving.is_some() => {
                return refuse("into the other database another move was begun: choose an empty one");
            }
            None => {
                notes::check_empty(&mut to.read().await?, &tables).await?;
                let token = new_token()?;
                patiently(async || notes::begin_leaving(from, &tables, &token).await).await?;
                token
            }
            Some(note) if note.state == MoveState::Arriving => {
                return refuse("the database is not whole: another one is being moved to it");
            }
            Some(note) => {
                has_left = note.state == MoveState::Left;
                note.token
            }
        };
        match arriving {
            None if has_left => return refuse("the database was moved already"),
            None => notes::begin_arriving(to, &tables, &token).await?,
            Some(note) if note.state == MoveState::Arriving && note.token == token => {}
            Some(_) => return refuse("the other database is of another move: choose an empty one"),
        }
        Ok(Self { from: from.clone(), to: to.clone(), tables, has_left })
    }

    /// Gives up a move, or what is left of one: the database takes changes again, and notes none. What was copied of it
    /// stays where it is. Whether there was one.
    pub async fn cancel(from: &Db) -> Result<bool> {
        match notes::read(from).await? {
            None => Ok(false),
            Some(note) if note.state == MoveState::Arriving => {
                refuse("another database is being moved to this one: delete it, if it is not wanted")
            }
            Some(_) => patiently(async || notes::end_leaving(from).await).await.map(|()| true),
        }
    }

    /// Moves everything.
    pub async fn run(self, tell: &mut (dyn FnMut(MoveStep) + Send)) -> Result<Moved> {
        let (mut rows, mut pause) = (0, Duration::ZERO);
        if !self.has_left {
            self.copy(tell).await?;
            self.follow().await?;
            rows = self.compare(tell).await?;
            self.gather_statistics().await?;
            pause = self.switch().await?;
        }
        let begun = Instant::now();
        self.arrive().await?;
        pause += begun.elapsed();
        notes::validate_keys(&self.to).await?;
        Ok(Moved { rows, tables: self.tables.len(), pause })
    }

    async fn count(&self) -> Result<u64> {
        let (mut tx, mut all) = (self.from.read().await?, 0);
        for table in &self.tables {
            all += table.count(&mut tx).await?;
        }
        Ok(all)
    }

    async fn copy(&self, tell: &mut (dyn FnMut(MoveStep) + Send)) -> Result<()> {
        let all = self.count().await?;
        let mut copied = notes::list_copied(&self.to).await?;
        let mut done = 0;
        for table in &self.tables {
            let mut so_far = copied.remove(&table.name).unwrap_or_default();
            while !so_far.is_whole {
                let (rows, next) = self.copy_page(table, &so_far).await?;
                done += rows;
                so_far = next;
                tell(MoveStep::Copied(done, all));
            }
        }
        Ok(())
    }

    async fn copy_page(&self, table: &Table, so_far: &Copied) -> Result<(u64, Copied)> {
        let after = so_far.last_key.as_deref().map(|key| Record::of_key(key, table)).transpose()?;
        let rows = table.page(&mut self.from.read().await?, after.as_ref(), PAGE).await?;
        let last_key = rows.last().map(|row| row.key(table)).or_else(|| so_far.last_key.clone());
        let next = Copied { last_key, is_whole: rows.len() < PAGE };
        let mut tx = self.to.write().await?;
        let added = table.insert(&mut tx, &rows).await?;
        if added < rows.len() as u64 {
            // Something that has changed meanwhile was in the way.
            let keys: Vec<String> = rows.iter().map(|row| row.key(table)).collect();
            let there = table.find(&mut tx, &keys).await?;
            self.note(table, &differing(table, &rows, &there)).await?;
        }
        notes::note_copied(&mut tx, table, so_far, &next).await?;
        tx.commit().await?;
        Ok((rows.len() as u64, next))
    }

    async fn note(&self, table: &Table, keys: &[String]) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let note = async || {
            let mut tx = self.from.write().await?;
            notes::note_changes(&mut tx, table, keys).await?;
            tx.commit().await
        };
        patiently(note).await
    }

    /// Takes over what has changed, until little is left.
    async fn follow(&self) -> Result<()> {
        for _ in 0..ROUNDS {
            let mut reader = self.from.read().await?;
            let changes = notes::list_changes(&mut reader, ROUND).await?;
            if changes.is_empty() {
                return Ok(());
            }
            let differ = self.take_over(&mut reader, &changes).await?;
            drop(reader);
            let note = async || {
                let mut tx = self.from.write().await?;
                for (table, keys) in &differ {
                    notes::note_changes(&mut tx, table, keys).await?;
                }
                notes::forget(&mut tx, &changes).await?;
                tx.commit().await
            };
            patiently(note).await?;
            if changes.len() < FEW {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Makes changed rows the same in the other database. Those that are not the same then, as they have changed again.
    async fn take_over(&self, from: &mut Tx, changes: &[Change]) -> Result<Vec<(&Table, Vec<String>)>> {
        let mut keys: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for change in changes {
            keys.entry(&change.table).or_default().insert(&change.key);
        }
        let mut changed = Vec::new();
        for table in &self.tables {
            if let Some(keys) = keys.get(table.name.as_str()) {
                let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
                let rows = table.find(from, &keys).await?;
                changed.push((table, keys, rows));
            }
        }
        let mut tx = self.to.write().await?;
        let mut differ = Vec::new();
        for (table, keys, rows) in changed {
            // All of them go first: one may have what another one had.
            table.delete(&mut tx, &keys).await?;
            table.insert(&mut tx, &rows).await?;
            let there = table.find(&mut tx, &keys).await?;
            let keys = differing(table, &rows, &there);
            if !keys.is_empty() {
                differ.push((table, keys));
            }
        }
        tx.commit().await?;
        Ok(differ)
    }

    /// Compares all rows, in both directions, and notes those that differ; how many there are.
    async fn compare(&self, tell: &mut (dyn FnMut(MoveStep) + Send)) -> Result<u64> {
        let all = self.count().await?;
        let mut done = 0;
        for table in &self.tables {
            for (from, to, counts) in [(&self.from, &self.to, true), (&self.to, &self.from, false)] {
                let mut after: Option<Record> = None;
                loop {
                    let rows = table.page(&mut from.read().await?, after.as_ref(), PAGE).await?;
                    let keys: Vec<String> = rows.iter().map(|row| row.key(table)).collect();
                    let there = table.find(&mut to.read().await?, &keys).await?;
                    self.note(table, &differing(table, &rows, &there)).await?;
                    done += if counts { rows.len() as u64 } else { 0 };
                    tell(MoveStep::Compared(done, all));
                    let is_last = rows.len() < PAGE;
                    after = rows.into_iter().next_back();
                    if is_last {
                        break;
                    }
                }
            }
        }
        Ok(done)
    }

    /// The first calls on the new database are to be planned as well as those on the old one.
    async fn gather_statistics(&self) -> Result<()> {
        if self.to.engine() == Engine::Postgres {
            for table in &self.tables {
                let mut tx = self.to.write_one().await?;
                tx.execute(format!("analyze {}", table.name), &[]).await?;
                tx.commit().await?;
            }
        }
        Ok(())
    }

    /// Takes over the last changes while there can be no others, and ends the old database; how long that took.
    async fn switch(&self) -> Result<Duration> {
        patiently(async || {
            self.follow().await?;
            let begun = Instant::now();
            self.try_to_switch().await.map(|()| begun.elapsed())
        })
        .await
    }

    async fn try_to_switch(&self) -> Result<()> {
        let mut tx = self.from.write().await?;
        notes::lock(&mut tx, &self.tables).await?;
        loop {
            let changes = notes::list_changes(&mut tx, ROUND).await?;
            if changes.is_empty() {
                break;
            }
            if let Some((table, keys)) = self.take_over(&mut tx, &changes).await?.into_iter().next() {
                let key = keys.into_iter().next().unwrap_or_default();
                let name = &table.name;
                return Err(Error::CannotMove(format!("a row of {name} is not the same there: {key}")));
            }
            notes::forget(&mut tx, &changes).await?;
        }
        notes::leave(&mut tx).await?;
        tx.commit().await
    }

    /// Hands the new database over to whoever waits for it.
    async fn arrive(&self) -> Result<()> {
        let mut from = self.from.read().await?;
        let mut tx = self.to.write().await?;
        for table in self.tables.iter().filter(|table| table.is_counted) {
            let number = table.counter(&mut from).await?;
            table.set_counter(&mut tx, number).await?;
        }
        notes::arrive(tx).await
    }
}

async fn read_tables(sqlite: &Db, postgres: &Db) -> Result<Vec<Table>> {
    table::read(&mut sqlite.read().await?, &mut postgres.read().await?).await
}

/// Cores are at work on the database meanwhile, and whoever has a lock for long is let through first.
async fn patiently<T>(work: impl AsyncFn() -> Result<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        match work().await {
            Err(Error::Busy | Error::Locked | Error::PoolFull) if begun.elapsed() < PATIENCE => {
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

fn new_token() -> Result<String> {
    let mut bytes = [0_u8; 16];
    rand::fill(&mut bytes).map_err(|_| Error::Engine("there is no randomness".to_owned()))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// The keys of the rows that are not there, or not the same.
fn differing(table: &Table, rows: &[Record], there: &[Record]) -> Vec<String> {
    let there: HashMap<String, &Record> = there.iter().map(|row| (row.key(table), row)).collect();
    let keys = rows.iter().map(|row| (row.key(table), row));
    keys.filter(|(key, row)| there.get(key) != Some(row)).map(|(key, _)| key).collect()
}
