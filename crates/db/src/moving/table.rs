//! The tables that are moved, and the statements that work on any of them.

use super::record::Record;
use crate::{Engine, Error, Result, Sql, Tx, Value};
use std::collections::HashMap;
use std::fmt::Write as _;

/// Tables of the move itself begin so.
pub(super) const OWN: &str = "portcullis_move";
/// Each database has run its own.
const MIGRATIONS: &str = "portcullis_migrations";
/// A table whose one row the migrations make.
const MADE: &str = "portcullis_audit_head";
/// Arguments of a statement: both engines allow a few more.
const ARGUMENTS: usize = 30_000;
/// Rows in a statement.
const ROWS: usize = 500;

/// A table that both databases have, as SQLite describes it.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    /// Places of the columns of its primary key.
    pub(super) key: Vec<usize>,
    /// Whether its key is a number that the database counts up, and never gives twice.
    pub(super) is_counted: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// PostgreSQL's type of it.
    cast: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Text,
    Bool,
    Bytes,
    /// An array on PostgreSQL, and on SQLite its JSON.
    Texts,
}

/// The tables that SQLite has, which are all ours; PostgreSQL must have the same.
pub(super) async fn read(sqlite: &mut Tx, postgres: &mut Tx) -> Result<Vec<Table>> {
    let of_postgres = "select cast(table_name as text), cast(column_name as text), cast(data_type as text),
            cast(udt_name as text) from information_schema.columns where table_schema = current_schema()";
    let rows: Vec<(String, String, String, String)> = postgres.fetch_all(of_postgres, &[]).await?;
    let types: HashMap<_, _> =
        rows.into_iter().map(|(table, column, kind, name)| ((table, column), (kind, name))).collect();
    let of_sqlite = "select m.name, m.sql like '%autoincrement%', c.name, lower(c.type), c.pk
        from sqlite_master m join pragma_table_info(m.name) c
        where m.type = 'table' and m.name not like 'sqlite_%' order by m.name, c.cid";
    let rows: Vec<(String, bool, String, String, i64)> = sqlite.fetch_all(of_sqlite, &[]).await?;
    let mut tables: Vec<Table> = Vec::new();
    let mut keys: Vec<Vec<(i64, usize)>> = Vec::new();
    for (name, is_counted, column, kind, place) in rows {
        if name.starts_with(OWN) || name == MIGRATIONS {
            continue;
        }
        if tables.last().is_none_or(|table| table.name != name) {
            tables.push(Table { name: name.clone(), columns: Vec::new(), key: Vec::new(), is_counted });
            keys.push(Vec::new());
        }
        let (Some(table), Some(key)) = (tables.last_mut(), keys.last_mut()) else { continue };
        let missing = || Error::CannotMove(format!("{name}.{column} is not there on PostgreSQL"));
        let (of, cast) = types.get(&(name.clone(), column.clone())).ok_or_else(missing)?;
        if place > 0 {
            key.push((place, table.columns.len()));
        }
        let kind = if of == "ARRAY" { Kind::Texts } else { kind_of(&kind, &name, &column)? };
        table.columns.push(Column { name: column, kind, cast: cast.clone() });
    }
    for (table, mut key) in tables.iter_mut().zip(keys) {
        key.sort_unstable();
        table.key = key.into_iter().map(|(_, at)| at).collect();
        if table.key.is_empty() {
            return Err(Error::CannotMove(format!("{} has no key", table.name)));
        }
    }
    Ok(tables)
}

fn kind_of(declared: &str, table: &str, column: &str) -> Result<Kind> {
    match declared.split('(').next().unwrap_or_default() {
        "bigint" | "integer" | "int" => Ok(Kind::Int),
        "varchar" | "char" | "text" => Ok(Kind::Text),
        "boolean" => Ok(Kind::Bool),
        "bytea" => Ok(Kind::Bytes),
        other => Err(Error::CannotMove(format!("{table}.{column} is of a type that is not known: {other}"))),
    }
}

impl Table {
    pub(super) fn key_names(&self) -> Vec<&str> {
        self.key.iter().filter_map(|at| self.columns.get(*at)).map(|column| column.name.as_str()).collect()
    }

    fn key_list(&self) -> String {
        self.key_names().join(", ")
    }

    /// The columns, as both engines tell them alike.
    fn select_list(&self) -> Sql {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        let told = self.columns.iter().map(|Column { name, kind, .. }| match kind {
            Kind::Int => format!("cast({name} as bigint)"),
            Kind::Texts => format!("cast(array_to_json({name}) as text)"),
            _ => name.clone(),
        });
        Sql::of(told.collect::<Vec<_>>().join(", "), names.join(", "))
    }

    /// The keys in the JSON array `$1`.
    fn keys_told(&self) -> Sql {
        let columns = self.key.iter().filter_map(|at| self.columns.get(*at));
        let casts = columns.enumerate().map(|(at, column)| format!("cast(told ->> {at} as {})", column.cast));
        let parts = (0..self.key.len()).map(|at| format!("json_extract(value, '$[{at}]')"));
        Sql::of(
            format!(
                "select {} from json_array_elements(cast(cast($1 as text) as json)) as keys (told)",
                casts.collect::<Vec<_>>().join(", ")
            ),
            format!("select {} from json_each($1)", parts.collect::<Vec<_>>().join(", ")),
        )
    }

    /// Rows in the order of their keys, those after a key.
    pub(super) async fn page(
        &self,
        tx: &mut Tx,
        after: Option<&Record>,
        limit: usize,
    ) -> Result<Vec<Record>> {
        let key = self.key_list();
        let after: Vec<Value<'_>> = after.into_iter().flat_map(|record| record.key_values(self)).collect();
        let condition = if after.is_empty() {
            String::new()
        } else {
            format!("where ({key}) > ({})", crate::placeholders(1, after.len()))
        };
        let sql = self
            .select_list()
            .map(|list| format!("select {list} from {} {condition} order by {key} limit {limit}", self.name));
        self.fetch(tx, sql, &after).await
    }

    /// The rows that there are of some keys.
    pub(super) async fn find(&self, tx: &mut Tx, keys: &[String]) -> Result<Vec<Record>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let told = self.keys_told();
        let sql = Sql::of(
            format!(
                "select {} from {} where ({}) in ({})",
                self.select_list().postgres(),
                self.name,
                self.key_list(),
                told.postgres()
            ),
            format!(
                "select {} from {} where ({}) in ({})",
                self.select_list().sqlite(),
                self.name,
                self.key_list(),
                told.sqlite()
            ),
        );
        self.fetch(tx, sql, &[Value::Text(&array(keys))]).await
    }

    async fn fetch(&self, tx: &mut Tx, sql: Sql, args: &[Value<'_>]) -> Result<Vec<Record>> {
        let rows: Vec<Record> = tx.fetch_all(sql, args).await?;
        Ok(rows.into_iter().map(|record| record.settle(self)).collect())
    }

    pub(super) async fn delete(&self, tx: &mut Tx, keys: &[String]) -> Result<()> {
        let begins = format!("delete from {} where ({}) in", self.name, self.key_list());
        let sql = self.keys_told().map(|told| format!("{begins} ({told})"));
        tx.execute(sql, &[Value::Text(&array(keys))]).await.map(drop)
    }

    /// Adds rows but for those that another one is in the way of; how many.
    pub(super) async fn insert(&self, tx: &mut Tx, rows: &[Record]) -> Result<u64> {
        let mut added = 0;
        for rows in rows.chunks((ARGUMENTS / self.columns.len().max(1)).clamp(1, ROWS)) {
            let args: Vec<Value<'_>> = rows.iter().flat_map(Record::values).collect();
            added += tx.execute(self.insert_sql(rows.len()), &args).await?;
        }
        Ok(added)
    }

    fn insert_sql(&self, rows: usize) -> Sql {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        let (names, mut number) = (names.join(", "), 0);
        let (mut postgres, mut sqlite) = (String::new(), String::new());
        for row in 0..rows {
            let open = if row == 0 { "(" } else { ", (" };
            for text in [&mut postgres, &mut sqlite] {
                text.push_str(open);
            }
            for (at, column) in self.columns.iter().enumerate() {
                number += 1;
                let comma = if at == 0 { "" } else { ", " };
                let _ = write!(sqlite, "{comma}${number}");
                let _ = match column.kind {
                    Kind::Texts => write!(
                        postgres,
                        "{comma}case when cast(${number} as text) is null then null else array(select
                            json_array_elements_text(cast(cast(${number} as text) as json))) end"
                    ),
                    _ => write!(postgres, "{comma}${number}"),
                };
            }
            postgres.push(')');
            sqlite.push(')');
        }
        let table = &self.name;
        Sql::of(
            format!(
                "insert into {table} ({names}) overriding system value values {postgres} on conflict do nothing"
            ),
            format!("insert into {table} ({names}) values {sqlite} on conflict do nothing"),
        )
    }

    pub(super) async fn count(&self, tx: &mut Tx) -> Result<u64> {
        let found: Option<(i64,)> =
            tx.fetch_optional(format!("select count(*) from {}", self.name), &[]).await?;
        Ok(found.map_or(0, |(count,)| count.unsigned_abs()))
    }

    /// Whether there is a row that no migration made.
    pub(super) async fn is_used(&self, tx: &mut Tx) -> Result<bool> {
        Ok(self.name != MADE && !self.page(tx, None, 1).await?.is_empty())
    }

    /// Takes away what the migrations made.
    pub(super) async fn clear(&self, tx: &mut Tx) -> Result<()> {
        tx.execute(format!("delete from {}", self.name), &[]).await.map(drop)
    }

    /// The last number that was given.
    pub(super) async fn counter(&self, tx: &mut Tx) -> Result<i64> {
        let sql = match tx.engine() {
            Engine::Postgres => {
                format!(
                    "select case when is_called then last_value else 0 end from {}",
                    self.sequence(tx).await?
                )
            }
            Engine::Sqlite => format!("select seq from sqlite_sequence where name = '{}'", self.name),
        };
        let found: Option<(i64,)> = tx.fetch_optional(sql, &[]).await?;
        Ok(found.map_or(0, |(number,)| number))
    }

    /// No number up to this one is given any more.
    pub(super) async fn set_counter(&self, tx: &mut Tx, number: i64) -> Result<()> {
        let name = &self.name;
        if tx.engine() == Engine::Postgres {
            let sequence = self.sequence(tx).await?;
            let sql = format!("select setval('{sequence}', {}, {})", number.max(1), number > 0);
            return tx.fetch_all::<(i64,)>(sql, &[]).await.map(drop);
        }
        tx.execute(format!("delete from sqlite_sequence where name = '{name}'"), &[]).await?;
        let sql = format!("insert into sqlite_sequence (name, seq) values ('{name}', {number})");
        tx.execute(sql, &[]).await.map(drop)
    }

    /// PostgreSQL's counter.
    async fn sequence(&self, tx: &mut Tx) -> Result<String> {
        let sql =
            format!("select cast(pg_get_serial_sequence('{}', '{}') as text)", self.name, self.key_list());
        let found: Option<(Option<String>,)> = tx.fetch_optional(sql, &[]).await?;
        let missing = || Error::CannotMove(format!("{} has no counter", self.name));
        found.and_then(|(name,)| name).ok_or_else(missing)
    }
}

/// Keys, which are JSON arrays, as one.
fn array(keys: &[String]) -> String {
    format!("[{}]", keys.join(","))
}
