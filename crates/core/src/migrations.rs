//! Every change of the tables, in order.

use portcullis_db::{Migration, Sql};

/// All migrations, oldest first. One that has been released is never edited: add another.
pub fn all() -> Vec<Migration> {
    vec![Migration { name: "0001_base", sql: Sql::from(include_str!("../migrations/0001_base.sql")) }]
}
