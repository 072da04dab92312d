//! What the two databases of a move note about it: which is which, how far it has come, and, in the one that is moved,
//! the keys of the rows that changed, which triggers write. The same triggers refuse every change once it was moved.

use super::table::Table;
use crate::{Db, Engine, Error, Result, Sql, Tx, args, sql};
use std::collections::HashMap;

/// What stands in `portcullis_move`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) state: MoveState,
    /// What both databases of one move have.
    pub(super) token: String,
}

/// What a database is in a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveState {
    /// It is being moved, and may be used meanwhile.
    Leaving,
    /// It was moved: it takes no changes any more.
    Left,
    /// Another one is being moved here: not all of it is here yet.
    Arriving,
}

const STATES: [(MoveState, &str); 3] =
    [(MoveState::Leaving, "leaving"), (MoveState::Left, "left"), (MoveState::Arriving, "arriving")];

/// What whoever changes it is told.
pub(crate) const LEFT: &str = "this database was moved to another one, and takes no changes any more";

impl MoveState {
    fn name(self) -> &'static str {
        STATES.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }
}

/// A row that changed.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) number: i64,
    pub(super) table: String,
    pub(super) key: String,
}

/// How far the copy of a table has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Copied {
    pub(super) last_key: Option<String>,
    pub(super) is_whole: bool,
}

pub(super) async fn read(db: &Db) -> Result<Option<Note>> {
    let mut tx = db.read().await?;
    let is_there = sql!(
        postgres: "select to_regclass('portcullis_move') is not null",
        sqlite: "select exists (select 1 from sqlite_master where name = 'portcullis_move')"
    );
    let found: Option<(bool,)> = tx.fetch_optional(is_there, &[]).await?;
    if found != Some((true,)) {
        return Ok(None);
    }
    let found = match tx.fetch_optional("select state, token from portcullis_move", &[]).await {
        // It has arrived just now.
        Err(Error::MissingTable(_)) => None,
        found => found?,
    };
    let Some((name, token)): Option<(String, String)> = found else { return Ok(None) };
    let state = STATES.iter().find(|(_, known)| *known == name);
    let state = state.ok_or_else(|| Error::CannotMove(format!("portcullis_move is in the state {name}")))?.0;
    Ok(Some(Note { state, token }))
}

async fn note(tx: &mut Tx, state: MoveState, token: &str) -> Result<()> {
    let table = "create table portcullis_move (id bigint not null primary key check (id = 1),
        state varchar(16) not null, token varchar(64) not null)";
    tx.execute(table, &[]).await?;
    let sql = "insert into portcullis_move (id, state, token) values (1, $1, $2)";
    tx.execute(sql, args![state.name(), token]).await.map(drop)
}

/// The tables are locked one after the other, and whoever changes some of them may hold one that is still to come: then
/// that caller waits for this, and all others behind both. PostgreSQL would look for such a knot after a second.
const HAND_OVER: &str = "set local lock_timeout = '200ms'";

/// Has the changes of the database noted that is to be moved.
pub(super) async fn begin_leaving(db: &Db, tables: &[Table], token: &str) -> Result<()> {
    let mut tx = db.write().await?;
    note(&mut tx, MoveState::Leaving, token).await?;
    let table = sql!(
        postgres: "create table portcullis_move_changes (number bigint generated always as identity primary key,
            table_name varchar(64) not null, key text not null)",
        sqlite: "create table portcullis_move_changes (number integer primary key autoincrement,
            table_name varchar(64) not null, key text not null)"
    );
    tx.execute(table, &[]).await?;
    if tx.engine() == Engine::Postgres {
        tx.execute(HAND_OVER, &[]).await?;
        tx.execute(NOTE_ON_POSTGRES.replace("{LEFT}", LEFT), &[]).await?;
    }
    for table in tables {
        let triggers: String = match tx.engine() {
            Engine::Postgres => trigger_of_postgres(table),
            Engine::Sqlite => triggers_of_sqlite(table),
        };
        tx.execute_script(&Sql::from(triggers)).await?;
    }
    tx.commit().await
}

/// For every client of the database, whatever its search path. `57P` is that it does not answer.
const NOTE_ON_POSTGRES: &str = "create function portcullis_move_note() returns trigger
    language plpgsql set search_path from current as $note$
    declare
        is_old boolean := tg_op <> 'INSERT';
        is_new boolean := tg_op <> 'DELETE';
        names text[] := tg_argv[1:tg_nargs - 1];
        old_key text;
        new_key text;
    begin
        if exists (select 1 from portcullis_move where state = 'left') then
            raise exception using errcode = '57PMV', message = '{LEFT}';
        end if;
        if is_old then
            select json_agg(to_jsonb(old) -> name order by place) into old_key
                from unnest(names) with ordinality as parts (name, place);
            insert into portcullis_move_changes (table_name, key) values (tg_argv[0], old_key);
        end if;
        if is_new then
            select json_agg(to_jsonb(new) -> name order by place) into new_key
                from unnest(names) with ordinality as parts (name, place);
            if new_key is distinct from old_key then
                insert into portcullis_move_changes (table_name, key) values (tg_argv[0], new_key);
            end if;
        end if;
        return null;
    end $note$";

fn trigger_of_postgres(table: &Table) -> String {
    let (name, key) = (&table.name, table.key_names().join("', '"));
    format!(
        "create trigger portcullis_move after insert or update or delete on {name}
            for each row execute function portcullis_move_note('{name}', '{key}')"
    )
}

fn triggers_of_sqlite(table: &Table) -> String {
    let name = &table.name;
    let key = |row: &str| {
        let parts: Vec<String> = table.key_names().iter().map(|column| format!("{row}.{column}")).collect();
        format!("select '{name}', json_array({})", parts.join(", "))
    };
    let (old, new) = (key("old"), key("new"));
    let trigger = |event: &str, keys: &str| {
        format!(
            "create trigger portcullis_move_{name}_{event} after {event} on {name} begin
                select raise(abort, '{LEFT}') from portcullis_move where state = 'left';
                insert into portcullis_move_changes (table_name, key) {keys};
            end;"
        )
    };
    [trigger("insert", &new), trigger("update", &format!("{old} union {new}")), trigger("delete", &old)]
        .concat()
}

/// Nothing is noted about a move any more; changes are taken again.
pub(super) async fn end_leaving(db: &Db) -> Result<()> {
    let mut tx = db.write().await?;
    if tx.engine() == Engine::Postgres {
        tx.execute(HAND_OVER, &[]).await?;
        // The triggers go with it.
        tx.execute("drop function if exists portcullis_move_note() cascade", &[]).await?;
    } else {
        let sql = "select name from sqlite_master where type = 'trigger' and name like 'portcullis_move%'";
        let triggers: Vec<(String,)> = tx.fetch_all(sql, &[]).await?;
        for (name,) in triggers {
            tx.execute(format!("drop trigger {name}"), &[]).await?;
        }
    }
    tx.execute("drop table portcullis_move_changes", &[]).await?;
    tx.execute("drop table portcullis_move", &[]).await?;
    tx.commit().await
}

/// From here on nothing changes until the unit of work ends.
pub(super) async fn lock(tx: &mut Tx, tables: &[Table]) -> Result<()> {
    // SQLite's only writer is the unit of work itself.
    if tx.engine() == Engine::Postgres {
        tx.execute(HAND_OVER, &[]).await?;
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        tx.execute(format!("lock table {} in share row exclusive mode", names.join(", ")), &[]).await?;
    }
    Ok(())
}

/// The database takes no changes any more.
pub(super) async fn leave(tx: &mut Tx) -> Result<()> {
    let sql = "update portcullis_move set state = $1";
    tx.execute(sql, args![MoveState::Left.name()]).await.map(drop)
}

/// The oldest changes that were not looked at yet.
pub(super) async fn list_changes(tx: &mut Tx, limit: usize) -> Result<Vec<Change>> {
    let sql =
        format!("select number, table_name, key from portcullis_move_changes order by number limit {limit}");
    let rows: Vec<(i64, String, String)> = tx.fetch_all(sql, &[]).await?;
    Ok(rows.into_iter().map(|(number, table, key)| Change { number, table, key }).collect())
}

/// One by one, as a change with a lower number may be committed later.
pub(super) async fn forget(tx: &mut Tx, changes: &[Change]) -> Result<()> {
    let numbers: Vec<String> = changes.iter().map(|change| change.number.to_string()).collect();
    let numbers = format!("[{}]", numbers.join(","));
    let sql = sql!(
        postgres: "delete from portcullis_move_changes where number in (
            select cast(told as bigint) from json_array_elements_text(cast(cast($1 as text) as json)) as n (told))",
        sqlite: "delete from portcullis_move_changes where number in (select value from json_each($1))"
    );
    tx.execute(sql, args![&numbers]).await.map(drop)
}

/// Has rows looked at again.
pub(super) async fn note_changes(tx: &mut Tx, table: &Table, keys: &[String]) -> Result<()> {
    for key in keys {
        let sql = "insert into portcullis_move_changes (table_name, key) values ($1, $2)";
        tx.execute(sql, args![&table.name, key]).await?;
    }
    Ok(())
}

/// Nobody has begun to use the other database.
pub(super) async fn check_empty(tx: &mut Tx, tables: &[Table]) -> Result<()> {
    for table in tables {
        if table.is_used(tx).await? {
            let name = &table.name;
            return Err(Error::CannotMove(format!(
                "the other database is in use, as there is something in {name}: choose an empty one"
            )));
        }
    }
    Ok(())
}

/// Makes the other database ready for the rows, which come in any order.
pub(super) async fn begin_arriving(db: &Db, tables: &[Table], token: &str) -> Result<()> {
    let mut tx = db.write().await?;
    check_empty(&mut tx, tables).await?;
    for table in tables {
        table.clear(&mut tx).await?;
    }
    note(&mut tx, MoveState::Arriving, token).await?;
    let sql =
        "create table portcullis_move_tables (table_name varchar(64) not null primary key, last_key text,
        is_whole boolean not null)";
    tx.execute(sql, &[]).await?;
    for Table { name, .. } in tables {
        let sql = "insert into portcullis_move_tables (table_name, is_whole) values ($1, $2)";
        tx.execute(sql, args![name, false]).await?;
    }
    if tx.engine() == Engine::Postgres {
        let sql = "create table portcullis_move_keys as select cast(r.relname as text) as table_name,
                cast(c.conname as text) as name, pg_get_constraintdef(c.oid) as definition
            from pg_constraint c join pg_class r on r.oid = c.conrelid
            where c.contype = 'f' and c.connamespace = cast(current_schema() as regnamespace)";
        tx.execute(sql, &[]).await?;
        for (table, name, _) in foreign_keys(&mut tx).await? {
            tx.execute(format!("alter table {table} drop constraint {name}"), &[]).await?;
        }
    }
    tx.commit().await
}

async fn foreign_keys(tx: &mut Tx) -> Result<Vec<(String, String, String)>> {
    tx.fetch_all("select table_name, name, definition from portcullis_move_keys", &[]).await
}

/// The other database is as any: cores may begin to use it.
pub(super) async fn arrive(mut tx: Tx) -> Result<()> {
    if tx.engine() == Engine::Postgres {
        let keys = foreign_keys(&mut tx).await?;
        // The rows that are there are looked at later, beside the cores.
        let add = |(table, name, definition): &(String, String, String)| {
            format!("alter table {table} add constraint {name} {definition} not valid;")
        };
        tx.execute_script(&Sql::from(keys.iter().map(add).collect::<String>())).await?;
        tx.execute("drop table portcullis_move_keys", &[]).await?;
    }
    tx.execute("drop table portcullis_move_tables", &[]).await?;
    tx.execute("drop table portcullis_move", &[]).await?;
    tx.commit().await
}

/// Looks at every row that belongs to another one.
pub(super) async fn validate_keys(db: &Db) -> Result<()> {
    let sql = sql!(
        postgres: "select cast(r.relname as text), cast(c.conname as text)
            from pg_constraint c join pg_class r on r.oid = c.conrelid
            where not c.convalidated and c.connamespace = cast(current_schema() as regnamespace)",
        sqlite: "select \"table\", parent from pragma_foreign_key_check limit 1"
    );
    let found: Vec<(String, String)> = db.read().await?.fetch_all(sql, &[]).await?;
    for (table, key) in found {
        if db.engine() == Engine::Sqlite {
            return Err(Error::CannotMove(format!(
                "a row of {table} belongs to one of {key} that is not there"
            )));
        }
        let mut tx = db.write().await?;
        tx.execute(format!("alter table {table} validate constraint {key}"), &[]).await?;
        tx.commit().await?;
    }
    Ok(())
}

pub(super) async fn list_copied(db: &Db) -> Result<HashMap<String, Copied>> {
    let sql = "select table_name, last_key, is_whole from portcullis_move_tables";
    let rows: Vec<(String, Option<String>, bool)> = db.read().await?.fetch_all(sql, &[]).await?;
    Ok(rows.into_iter().map(|(name, last_key, is_whole)| (name, Copied { last_key, is_whole })).collect())
}

/// Notes how far a table has come, unless another process has done so.
pub(super) async fn note_copied(tx: &mut Tx, table: &Table, from: &Copied, to: &Copied) -> Result<()> {
    let sql = "update portcullis_move_tables set last_key = $1, is_whole = $2
        where table_name = $3 and coalesce(last_key, '') = $4";
    let before = from.last_key.as_deref().unwrap_or_default();
    if tx.execute(sql, args![&to.last_key, to.is_whole, &table.name, before]).await? == 0 {
        return Err(Error::CannotMove("another process is at it".to_owned()));
    }
    Ok(())
}
