//! How far an adoption has come, kept in a table of its own until it is over.

use crate::{Error, Result};
use portcullis_db::{Error as DbError, Tx, args};

/// The table.
pub(in crate::adoption) const TABLE: &str = "portcullis_adoption";

pub(in crate::adoption) async fn create(tx: &mut Tx) -> Result<()> {
    let sql = "create table if not exists portcullis_adoption (name varchar(32) not null primary key, value text not null)";
    tx.execute(sql, &[]).await?;
    Ok(())
}

pub(in crate::adoption) async fn find(tx: &mut Tx, name: &str) -> Result<Option<String>> {
    let sql = "select value from portcullis_adoption where name = $1";
    let found: Option<(String,)> = tx.fetch_optional(sql, args![name]).await?;
    Ok(found.map(|(value,)| value))
}

pub(in crate::adoption) async fn note(tx: &mut Tx, name: &str, value: &str) -> Result<()> {
    let sql = "insert into portcullis_adoption (name, value) values ($1, $2)
        on conflict (name) do update set value = excluded.value";
    tx.execute(sql, args![name, value]).await?;
    Ok(())
}

pub(in crate::adoption) async fn forget(tx: &mut Tx, name: &str) -> Result<()> {
    let sql = "delete from portcullis_adoption where name = $1";
    tx.execute(sql, args![name]).await?;
    Ok(())
}

pub(in crate::adoption) async fn drop_table(tx: &mut Tx) -> Result<()> {
    tx.execute("drop table if exists portcullis_adoption", &[]).await?;
    Ok(())
}

/// Keeps others from adopting this database as long as the connection is kept; busy if somebody does so now.
pub(in crate::adoption) async fn lock(tx: &mut Tx) -> Result<()> {
    let sql = "select pg_try_advisory_lock(hashtext(current_schema()), 7368616)";
    let got: Option<(bool,)> = tx.fetch_optional(sql, &[]).await?;
    if got.is_some_and(|(got,)| got) { Ok(()) } else { Err(Error::Db(DbError::Busy)) }
}
