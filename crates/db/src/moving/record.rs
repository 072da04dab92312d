//! A row as it is, of whatever table, in terms that both engines share.

use super::table::{Kind, Table};
use crate::row::Source;
use crate::{Error, FromRow, Result, Row, Value};
use rusqlite::types::ValueRef;
use serde_json::Value as Json;
use tokio_postgres::types::Type;

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bool(bool),
    Bytes(Vec<u8>),
}

/// The values of a row, in the order of the table's columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record(Vec<Cell>);

impl FromRow for Record {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let cells: Result<Vec<Cell>> = match row.0 {
            Source::Sqlite(row) => (0..row.as_ref().column_count()).map(|at| of_sqlite(row, at)).collect(),
            Source::Postgres(inner) => inner
                .columns()
                .iter()
                .enumerate()
                .map(|(at, column)| of_postgres(row, at, column.type_()))
                .collect(),
        };
        cells.map(Self)
    }
}

fn of_sqlite(row: &rusqlite::Row<'_>, at: usize) -> Result<Cell> {
    Ok(match row.get_ref(at)? {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Int(number),
        ValueRef::Text(text) => Cell::Text(
            String::from_utf8(text.to_vec()).map_err(|_| Error::Engine("a text is not UTF-8".to_owned()))?,
        ),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
        ValueRef::Real(_) => return Err(Error::Engine("a number is not whole".to_owned())),
    })
}

fn of_postgres(row: &Row<'_>, at: usize, of: &Type) -> Result<Cell> {
    let cell = match *of {
        Type::BOOL => row.get::<Option<bool>>(at)?.map(Cell::Bool),
        Type::INT8 => row.get::<Option<i64>>(at)?.map(Cell::Int),
        Type::BYTEA => row.get::<Option<Vec<u8>>>(at)?.map(Cell::Bytes),
        _ => row.get::<Option<String>>(at)?.map(Cell::Text),
    };
    Ok(cell.unwrap_or(Cell::Null))
}

impl Record {
    /// SQLite keeps truth values as numbers.
    pub(super) fn settle(mut self, table: &Table) -> Self {
        for (cell, column) in self.0.iter_mut().zip(&table.columns) {
            if let (Cell::Int(number), Kind::Bool) = (&*cell, column.kind) {
                *cell = Cell::Bool(*number != 0);
            }
        }
        self
    }

    pub(super) fn values(&self) -> impl Iterator<Item = Value<'_>> {
        self.0.iter().map(Cell::value)
    }

    pub(super) fn key_values<'a>(&'a self, table: &'a Table) -> impl Iterator<Item = Value<'a>> {
        table.key.iter().filter_map(|at| self.0.get(*at)).map(Cell::value)
    }

    /// The key as a JSON array.
    pub(super) fn key(&self, table: &Table) -> String {
        let parts = table.key.iter().filter_map(|at| self.0.get(*at));
        Json::Array(parts.map(Cell::to_json).collect()).to_string()
    }

    /// The row with this key, and nothing else.
    pub(super) fn of_key(key: &str, table: &Table) -> Result<Self> {
        let fault = || Error::CannotMove(format!("a key of {} cannot be read: {key}", table.name));
        let parts: Vec<Json> = serde_json::from_str(key).map_err(|_| fault())?;
        let mut record = Self(vec![Cell::Null; table.columns.len()]);
        for (at, part) in table.key.iter().zip(parts) {
            let cell = record.0.get_mut(*at).ok_or_else(fault)?;
            *cell = match part {
                Json::String(text) => Cell::Text(text),
                Json::Number(number) => Cell::Int(number.as_i64().ok_or_else(fault)?),
                _ => return Err(fault()),
            };
        }
        Ok(record)
    }
}

impl Cell {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Int(number) => Value::Int(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }

    fn to_json(&self) -> Json {
        match self {
            Self::Null | Self::Bytes(_) => Json::Null,
            Self::Int(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Bool(truth) => (*truth).into(),
        }
    }
}
