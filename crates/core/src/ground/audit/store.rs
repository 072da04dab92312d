//! The statements on the log and on the chain of its seals.

use super::canonical::{
    HASH, Hash, Head, Seal, SealedEvent, read_events, read_gaps, write_events, write_gaps,
};
use super::entry::Entry;
use super::model::{Filter, StoredEvent};
use crate::{Error, Result};
use portcullis_db::{Engine, FromRow, Row, Sql, Tx, Value, args, placeholders, sql};
use serde::Serialize;

/// All columns but the id, in the order of [`Entry::values`].
const COLUMNS: &str = "app_id, tenant_id, recipe_user_id, primary_or_recipe_user_id, event_type, status,
    auth_principal, identifier, created_at, payload";
const WIDTH: usize = 10;

/// Several events are one argument, so that there is one statement however many there are.
const INSERT_SEVERAL: Sql = sql!(
    postgres: "insert into activity_log (app_id, tenant_id, recipe_user_id, primary_or_recipe_user_id, event_type,
        status, auth_principal, identifier, created_at, payload)
        select * from json_to_recordset(cast(cast($1 as text) as json)) as event(a text, t text, r text, u text,
            k text, s text, p text, i text, c bigint, d text)",
    sqlite: "insert into activity_log (app_id, tenant_id, recipe_user_id, primary_or_recipe_user_id, event_type,
        status, auth_principal, identifier, created_at, payload)
        select value ->> 'a', value ->> 't', value ->> 'r', value ->> 'u', value ->> 'k', value ->> 's',
            value ->> 'p', value ->> 'i', value ->> 'c', value ->> 'd' from json_each($1)",
);

fn insert(first: usize) -> String {
    format!("insert into activity_log ({COLUMNS}) values ({})", placeholders(first, WIDTH))
}

/// Adds events, and ends the unit of work: in one round trip.
pub(super) async fn insert_and_commit(tx: Tx, entries: &[Entry<'_>]) -> Result<()> {
    match entries {
        [] => tx.commit().await?,
        [entry] => drop(tx.execute_and_commit(insert(1), &entry.values()).await?),
        _ => {
            let events: Vec<Json<'_>> = entries.iter().map(Json::of).collect();
            let events = serde_json::to_string(&events).map_err(Error::internal)?;
            tx.execute_and_commit(INSERT_SEVERAL, args![&events]).await?;
        }
    }
    Ok(())
}

/// An event as the statements read it: the columns, each by a letter.
#[derive(Serialize)]
struct Json<'a> {
    #[serde(rename = "a")]
    app_id: Option<&'a str>,
    #[serde(rename = "t")]
    tenant_id: Option<&'a str>,
    #[serde(rename = "r")]
    recipe_user_id: Option<&'a str>,
    #[serde(rename = "u")]
    user_id: Option<&'a str>,
    #[serde(rename = "k")]
    kind: Option<&'a str>,
    #[serde(rename = "s")]
    status: Option<&'a str>,
    #[serde(rename = "p")]
    principal: Option<&'a str>,
    #[serde(rename = "i")]
    identifier: Option<&'a str>,
    #[serde(rename = "c")]
    created_at: i64,
    #[serde(rename = "d")]
    payload: &'a str,
}

impl<'a> Json<'a> {
    fn of(entry: &'a Entry<'_>) -> Self {
        let [app_id, tenant_id, recipe_user_id, user_id, kind, status, principal, identifier] = entry.texts();
        let (created_at, payload) = (entry.created_at(), entry.payload());
        Self {
            app_id,
            tenant_id,
            recipe_user_id,
            user_id,
            kind,
            status,
            principal,
            identifier,
            created_at,
            payload,
        }
    }
}

/// Runs the only statement of a unit of work, adds an event if it changed anything, and ends the unit of work: on
/// PostgreSQL in one statement. Tells how many rows it changed.
pub(super) async fn execute_and_insert(
    mut tx: Tx,
    sql: &str,
    args: &[Value<'_>],
    entry: &Entry<'_>,
) -> Result<u64> {
    if tx.engine() == Engine::Sqlite {
        let changed = tx.execute(sql.to_owned(), args).await?;
        if changed > 0 {
            tx.execute(insert(1), &entry.values()).await?;
        }
        tx.commit().await?;
        return Ok(changed);
    }
    let values = placeholders(args.len() + 1, WIDTH);
    let sql = format!(
        "with changed as ({sql} returning 1), logged as (insert into activity_log ({COLUMNS})
            select {values} where exists (select 1 from changed))
         select count(*) from changed"
    );
    let mut all = args.to_vec();
    all.extend(entry.values());
    let row: Option<(i64,)> = tx.fetch_optional(sql, &all).await?;
    tx.commit().await?;
    Ok(row.map_or(0, |(count,)| count.unsigned_abs()))
}

/// Runs a statement that returns login method, user, tenant and name of each row that it changes, and adds an event
/// about each: on PostgreSQL in one statement. Answers the names.
pub(super) async fn execute_and_insert_each(
    tx: &mut Tx,
    sql: &str,
    args: &[Value<'_>],
    entry: &Entry<'_>,
) -> Result<Vec<String>> {
    if tx.engine() == Engine::Sqlite {
        let rows: Vec<(String, String, String, String)> = tx.fetch_all(sql.to_owned(), args).await?;
        for (recipe_user_id, user_id, tenant_id, name) in &rows {
            let [app, _, _, _, kind, status, principal, _, at, payload] = entry.values();
            let (method, user, tenant) = (recipe_user_id.into(), user_id.into(), tenant_id.into());
            let row = [app, tenant, method, user, kind, status, principal, name.into(), at, payload];
            tx.execute(insert(1), &row).await?;
        }
        return Ok(rows.into_iter().map(|(.., name)| name).collect());
    }
    let [app, _, _, _, kind, status, principal, _, at, payload] = entry.values();
    let first = args.len() + 1;
    let [kind_at, status_at, principal_at, time_at, payload_at]: [usize; 5] =
        std::array::from_fn(|number| first + 1 + number);
    let sql = format!(
        "with changed as ({sql}), logged as (insert into activity_log ({COLUMNS})
            select ${first}, tenant_id, recipe_user_id, user_id, ${kind_at}, ${status_at}, ${principal_at}, name,
                ${time_at}, ${payload_at} from changed)
         select name from changed"
    );
    let mut all = args.to_vec();
    all.extend([app, kind, status, principal, at, payload]);
    let rows: Vec<(String,)> = tx.fetch_all(sql, &all).await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// An event, by the internal ids of the login method that it is about and of its group, as JSON.
pub(super) fn to_json_of_member(entry: &Entry<'_>, (user_id, primary_id): (&str, &str)) -> Result<String> {
    #[derive(Serialize)]
    struct Member<'a> {
        #[serde(rename = "m")]
        user_id: &'a str,
        #[serde(rename = "g")]
        primary_id: &'a str,
        #[serde(flatten)]
        event: Json<'a>,
    }
    let member = Member { user_id, primary_id, event: Json::of(entry) };
    serde_json::to_string(&member).map_err(Error::internal)
}

/// Adds an event, and ends the unit of work: as [`insert_of_members`] for one, without JSON on the way. Whether it was
/// added.
pub(super) async fn insert_of_member(tx: Tx, entry: &Entry<'_>, member: (&str, &str)) -> Result<bool> {
    let columns = (1..=WIDTH)
        .map(|column| if column == 9 { "cast($9 as bigint)".to_owned() } else { format!("${column}") });
    let sql = format!(
        "insert into activity_log ({COLUMNS}) select {} where (
            select method.primary_or_recipe_user_id from app_id_to_user_id method
            where method.app_id = $1 and method.user_id = $11) = $12",
        columns.collect::<Vec<_>>().join(", ")
    );
    let values: Vec<Value<'_>> =
        entry.values().into_iter().chain([member.0.into(), member.1.into()]).collect();
    Ok(tx.execute_and_commit(sql, &values).await? > 0)
}

/// Adds events, given as a JSON array of [`to_json_of_member`], and ends the unit of work. An event is left out if its
/// login method is not in its group any more. Tells of which apps, login methods and users events were added, by the
/// ids that callers know: those of two apps may be the same. The condition is a subquery of each event, so that
/// PostgreSQL does not take it for a join of all users.
pub(super) async fn insert_of_members(
    mut tx: Tx,
    events: &str,
) -> portcullis_db::Result<Vec<(String, String, String)>> {
    let sql = "insert into activity_log (app_id, tenant_id, recipe_user_id, primary_or_recipe_user_id, event_type,
        status, auth_principal, identifier, created_at, payload)
        select a, t, r, u, k, s, p, i, c, d from json_to_recordset(cast(cast($1 as text) as json)) as event(
            m char(36), g char(36), a text, t text, r text, u text, k text, s text, p text, i text, c bigint, d text)
        where (select method.primary_or_recipe_user_id from app_id_to_user_id method
            where method.app_id = a and method.user_id = m) = g
        returning app_id, recipe_user_id, primary_or_recipe_user_id";
    let added = tx.fetch_all(sql, args![events]).await?;
    tx.commit().await?;
    Ok(added)
}

impl FromRow for StoredEvent {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            app_id: row.get(1)?,
            tenant_id: row.get(2)?,
            recipe_user_id: row.get(3)?,
            user_id: row.get(4)?,
            kind: row.get(5)?,
            status: row.get(6)?,
            principal: row.get(7)?,
            identifier: row.get(8)?,
            created_at: row.get(9)?,
            payload: row.get(10)?,
        })
    }
}

/// Events above an id, in the order of their ids.
pub(super) async fn list_after(
    tx: &mut Tx,
    id: i64,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<StoredEvent>> {
    let mut args = args![id].to_vec();
    let mut conditions = String::new();
    let equal =
        [(&filter.app_id, "app_id = "), (&filter.tenant_id, "tenant_id = "), (&filter.kind, "event_type = ")];
    for (value, condition) in equal {
        let Some(value) = value else { continue };
        args.push(value.into());
        conditions.push_str(&format!(" and {condition}${}", args.len()));
    }
    if let Some(user_id) = &filter.user_id {
        args.push(user_id.into());
        let number = args.len();
        conditions
            .push_str(&format!(" and (recipe_user_id = ${number} or primary_or_recipe_user_id = ${number})"));
    }
    if let Some(since) = filter.since {
        args.push(since.into());
        conditions.push_str(&format!(" and created_at >= ${}", args.len()));
    }
    let sql =
        format!("select id, {COLUMNS} from activity_log where id > $1{conditions} order by id limit {limit}");
    Ok(tx.fetch_all(sql, &args).await?)
}

/// Those of the events with these ids that are there, in the order of their ids.
pub(super) async fn list_by_ids(tx: &mut Tx, ids: &[i64]) -> Result<Vec<StoredEvent>> {
    let Some(last) = ids.last() else { return Ok(Vec::new()) };
    // Of some lengths only, so that there are few statements.
    let length = ids.len().next_power_of_two();
    let args: Vec<Value<'_>> =
        ids.iter().chain(std::iter::repeat(last)).take(length).copied().map(Value::from).collect();
    let list = placeholders(1, length);
    let sql = format!("select id, {COLUMNS} from activity_log where id in ({list}) order by id");
    Ok(tx.fetch_all(sql, &args).await?)
}

/// How many events there are above an id.
pub(super) async fn count_after(tx: &mut Tx, id: i64) -> Result<u64> {
    let row: Option<(i64,)> =
        tx.fetch_optional("select count(*) from activity_log where id > $1", args![id]).await?;
    Ok(row.map_or(0, |(count,)| count.unsigned_abs()))
}

fn to_hash(bytes: &[u8]) -> portcullis_db::Result<Hash> {
    bytes.try_into().map_err(|_| portcullis_db::Error::Engine(format!("a hash has {HASH} bytes")))
}

impl FromRow for Head {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        let (hash, gaps): (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(3)?);
        Ok(Self {
            position: row.get(0)?,
            hash: to_hash(&hash)?,
            highest_id: row.get(2)?,
            gaps: read_gaps(&gaps),
            kept_since: row.get(4)?,
        })
    }
}

const SELECT_HEAD: &str =
    "select position, hash, highest_id, gaps, kept_since from portcullis_audit_head where id = 1";

/// The end of the chain.
pub(super) async fn find_head(tx: &mut Tx) -> Result<Head> {
    let head = tx.fetch_optional(SELECT_HEAD, &[]).await?;
    head.ok_or_else(|| Error::internal("the audit trail has no head"))
}

/// The end of the chain, locked until the unit of work ends; `None` if somebody else has locked it.
pub(super) async fn lock_head(tx: &mut Tx) -> Result<Option<Head>> {
    Ok(tx.fetch_all_unlocked_for_update(SELECT_HEAD, &[]).await?.pop())
}

/// Adds a link, with the end of the chain moved behind it.
pub(super) async fn insert_seal(tx: &mut Tx, seal: &Seal, head: &Head) -> Result<()> {
    let sql = "insert into portcullis_audit_seals
        (position, previous_hash, hash, event_count, newest_created_at, sealed_at, events)
        values ($1, $2, $3, $4, $5, $6, $7)";
    let events = write_events(&seal.events);
    let args = args![
        seal.position,
        &seal.previous_hash[..],
        &head.hash[..],
        i64::try_from(seal.events.len()).unwrap_or(i64::MAX),
        seal.newest_created_at(),
        seal.sealed_at,
        &events[..],
    ];
    tx.execute(sql, args).await?;
    let sql =
        "update portcullis_audit_head set position = $1, hash = $2, highest_id = $3, gaps = $4 where id = 1";
    let gaps = write_gaps(&head.gaps);
    tx.execute(sql, args![head.position, &head.hash[..], head.highest_id, &gaps[..]]).await?;
    Ok(())
}

/// A link as it is stored; `seal` is `None` if its events cannot be read.
pub(super) struct StoredSeal {
    pub(super) position: i64,
    pub(super) hash: Hash,
    pub(super) seal: Option<Seal>,
}

impl FromRow for StoredSeal {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        let (previous, hash, events): (Vec<u8>, Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(2)?, row.get(4)?);
        let (position, sealed_at) = (row.get(0)?, row.get(3)?);
        let read = |events: Vec<SealedEvent>| {
            Some(Seal { position, previous_hash: to_hash(&previous).ok()?, sealed_at, events })
        };
        // Bytes that are no hash are none that any link has.
        Ok(Self {
            position,
            hash: to_hash(&hash).unwrap_or_default(),
            seal: read_events(&events).and_then(read),
        })
    }
}

/// Links behind a position, in order.
pub(super) async fn list_seals(tx: &mut Tx, after: i64, limit: i64) -> Result<Vec<StoredSeal>> {
    let sql = format!(
        "select position, previous_hash, hash, sealed_at, events from portcullis_audit_seals
         where position > $1 order by position limit {limit}"
    );
    Ok(tx.fetch_all(sql, args![after]).await?)
}

/// Notes that what happened before a time may be gone, and deletes the links that name nothing else, but for the last
/// of them: the chain must be seen to begin where it may.
pub(super) async fn keep_since(tx: &mut Tx, time: i64) -> Result<()> {
    let sql = "update portcullis_audit_head set kept_since = $1 where id = 1 and kept_since < $1";
    tx.execute(sql, args![time]).await?;
    // A link after the last one that is of before may name older events as well; only what comes before all that
    // name something younger goes.
    let sql = "delete from portcullis_audit_seals where position < (
        select coalesce(min(position), 0) - 1 from portcullis_audit_seals where newest_created_at >= $1)";
    tx.execute(sql, args![time]).await?;
    Ok(())
}

/// Deletes some of the events of before a time, the lowest ids first; how many.
pub(super) async fn delete_some_before(tx: &mut Tx, time: i64, limit: i64) -> Result<u64> {
    // Months go as a whole; what belongs to none is here.
    let table = if is_parted(tx) { "activity_log_default" } else { "activity_log" };
    let sql = format!(
        "delete from {table} where created_at < $1 and id in (select id from {table} order by id limit {limit})"
    );
    Ok(tx.execute(sql, args![time]).await?)
}

/// Whether the log has parts, by months: on PostgreSQL.
pub(super) fn is_parted(tx: &Tx) -> bool {
    tx.engine() == Engine::Postgres
}

/// Whether a part of the log is there; where it has none, nothing is missing.
pub(super) async fn has_partition(tx: &mut Tx, name: &str) -> portcullis_db::Result<bool> {
    Ok(!is_parted(tx) || list_partitions(tx).await?.iter().any(|part| part == name))
}

/// The parts of the log by their names.
pub(super) async fn list_partitions(tx: &mut Tx) -> portcullis_db::Result<Vec<String>> {
    if !is_parted(tx) {
        return Ok(Vec::new());
    }
    let sql =
        "select cast(part.relname as text) from pg_inherits i join pg_class part on part.oid = i.inhrelid
        where i.inhparent = cast('activity_log' as regclass) order by 1";
    let rows: Vec<(String,)> = tx.fetch_all(sql, &[]).await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// Whoever writes an event waits while a part is added or taken away, and so does this for those who read the log:
/// better another time than for long.
async fn limit_wait(tx: &mut Tx) -> portcullis_db::Result<()> {
    tx.execute("set local lock_timeout = '1s'", &[]).await.map(drop)
}

/// Adds a part for events from one time on, up to another.
pub(super) async fn create_partition(
    tx: &mut Tx,
    name: &str,
    (from, to): (i64, i64),
) -> portcullis_db::Result<()> {
    limit_wait(tx).await?;
    let sql = format!(
        "create table if not exists {name} partition of activity_log for values from ({from}) to ({to})"
    );
    tx.execute(sql, &[]).await.map(drop)
}

/// Takes a part away, with all its events.
pub(super) async fn drop_partition(tx: &mut Tx, name: &str) -> Result<()> {
    limit_wait(tx).await?;
    tx.execute(format!("drop table if exists {name}"), &[]).await?;
    Ok(())
}
