//! Bare statements by rusqlite: reads one by one, writes in groups of 64 that are committed durably.

use super::statement::{Argument, Arguments, texts, writes};
use super::{Cost, Floor};
use crate::cpu;
use crate::paths::Users;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, ToSql, params_from_iter};
use std::path::Path;
use std::time::Duration;

const GROUP: usize = 64;

/// One connection.
pub(crate) struct Sqlite {
    connection: Connection,
    arguments: Arguments,
}

impl Sqlite {
    /// A copy of the core's database, with the core's settings.
    pub(crate) fn copy(of: &Path, to: &Path, users: Users) -> Self {
        let original = Connection::open(of).unwrap();
        original.execute("vacuum into ?1", [to.to_str()]).unwrap();
        let connection = Connection::open(to).unwrap();
        for (pragma, value) in [("journal_mode", "wal"), ("synchronous", "full"), ("foreign_keys", "on")] {
            connection.pragma_update(None, pragma, value).unwrap();
        }
        connection.pragma_update(None, "wal_autocheckpoint", 16_000).unwrap();
        connection.pragma_update(None, "cache_size", -16_000).unwrap();
        // As in the core: the limit is a statement that is not prepared again either.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).unwrap();
        let mut floors = Self { connection, arguments: Arguments::new(users) };
        floors.measure(Floor::InsertSession);
        floors.connection.execute_batch("analyze").unwrap();
        floors
    }

    pub(crate) fn measure(&mut self, floor: Floor) -> Cost {
        let number = if writes(floor) { GROUP * 16 } else { 3000 };
        let number = if floor == Floor::ListUsers { 200 } else { number };
        // `$1` would be bound by the order of first use.
        let texts: Vec<String> = texts(floor, false).iter().map(|text| text.replace('$', "?")).collect();
        let work: Vec<_> = (0..number).map(|_| self.arguments.next(floor)).collect();
        let before = cpu::of_thread();
        for group in work.chunks(GROUP) {
            if writes(floor) {
                self.connection.execute_batch("begin immediate").unwrap();
            }
            for (arguments, text) in
                group.iter().flat_map(|arguments| texts.iter().map(move |text| (arguments, text)))
            {
                let mut statement = self.connection.prepare_cached(text).unwrap();
                let needed = &arguments[..];
                let mut bound = statement.query(params_from_iter(used(text, needed))).unwrap();
                while let Some(row) = bound.next().unwrap() {
                    std::hint::black_box(row.get::<_, Value>(0).unwrap());
                }
            }
            if writes(floor) {
                self.connection.execute_batch("commit").unwrap();
            }
        }
        Cost::each(cpu::of_thread().saturating_sub(before), Duration::ZERO, number)
    }
}

/// The arguments up to the last one that the statement has.
fn used<'a>(text: &str, arguments: &'a [Argument]) -> &'a [Argument] {
    let last = (1..=arguments.len()).rev().find(|number| text.contains(&format!("?{number}")));
    &arguments[..last.unwrap_or(0)]
}

impl ToSql for Argument {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Text(text) => text.to_sql(),
            Self::Int(number) => number.to_sql(),
        }
    }
}
