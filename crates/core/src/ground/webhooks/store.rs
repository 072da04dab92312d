//! The statements on the outbox.

use super::model::State;
use crate::Result;
use portcullis_db::{FromRow, Row, Sql, Tx, Value, args, sql};

/// An event that is to be told to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The event's number in the audit trail.
    pub event_id: i64,
    /// What is posted.
    pub body: String,
    /// What has become of it.
    pub state: State,
    /// Attempts that have ended.
    pub attempts: i64,
    /// When it is due, in milliseconds since 1970.
    pub next_attempt_at: i64,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When the event happened, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was delivered or given up, in milliseconds since 1970.
    pub ended_at: Option<i64>,
}

impl FromRow for Delivery {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        let state: String = row.get(2)?;
        Ok(Self {
            event_id: row.get(0)?,
            body: row.get(1)?,
            state: State::parse(&state).unwrap_or(State::Pending),
            attempts: row.get(3)?,
            next_attempt_at: row.get(4)?,
            last_error: row.get(5)?,
            created_at: row.get(6)?,
            ended_at: row.get(7)?,
        })
    }
}

/// The order is that of [`Delivery`]'s fields.
macro_rules! columns {
    () => {
        "event_id, body, state, attempts, next_attempt_at, last_error, created_at, ended_at"
    };
}

/// Adds deliveries, given as JSON: an array of objects with the event's number `e`, its order key `k`, its time `c`,
/// and the body `b`.
pub(super) async fn insert(tx: &mut Tx, endpoint: &str, deliveries: &str, now: i64) -> Result<()> {
    const INSERT: Sql = sql!(
        postgres: "insert into portcullis_webhook_deliveries
            (endpoint, event_id, order_key, body, state, attempts, next_attempt_at, created_at)
            select $1, e, k, b, 'pending', 0, $3, c
            from json_to_recordset(cast(cast($2 as text) as json)) as event(e bigint, k text, b text, c bigint)
            order by e on conflict do nothing",
        sqlite: "insert into portcullis_webhook_deliveries
            (endpoint, event_id, order_key, body, state, attempts, next_attempt_at, created_at)
            select $1, value ->> 'e', value ->> 'k', value ->> 'b', 'pending', 0, $3, value ->> 'c'
            from json_each($2) where true on conflict do nothing",
    );
    tx.execute(INSERT, args![endpoint, deliveries, now]).await?;
    Ok(())
}

/// Takes deliveries that are due, each the oldest that is pending of its order key, until a time: a core that has not
/// noted by then how they ended is taken to have died. The conditions that all rows fulfil are those of the indexes.
pub(super) async fn claim(
    tx: &mut Tx,
    endpoint: &str,
    limit: i64,
    now: i64,
    until: i64,
) -> Result<Vec<Delivery>> {
    macro_rules! due {
        ($end:literal) => {
            concat!(
                "select event_id from portcullis_webhook_deliveries due
                 where state = 'pending' and next_attempt_at >= 0 and endpoint = $1 and next_attempt_at <= $2
                    and (order_key = '' or not exists (
                        select 1 from portcullis_webhook_deliveries older
                        where older.state = 'pending' and older.event_id >= 0 and older.endpoint = due.endpoint
                            and older.order_key = due.order_key and older.event_id < due.event_id))
                 order by next_attempt_at limit $3",
                $end
            )
        };
    }
    const CLAIM: Sql = sql!(
        postgres: concat!(
            "with taken as materialized (", due!(" for update skip locked"), ")
             update portcullis_webhook_deliveries set next_attempt_at = $4
             where endpoint = $1 and event_id in (select event_id from taken) returning ", columns!()
        ),
        sqlite: concat!(
            "update portcullis_webhook_deliveries set next_attempt_at = $4
             where endpoint = $1 and event_id in (", due!(""), ") returning ", columns!()
        ),
    );
    Ok(tx.fetch_all(CLAIM, args![endpoint, now, limit, until]).await?)
}

/// What is noted about a delivery.
pub(super) struct Note<'a> {
    pub(super) state: State,
    pub(super) attempts: i64,
    pub(super) next_attempt_at: i64,
    pub(super) last_error: Option<&'a str>,
    pub(super) ended_at: Option<i64>,
}

/// Notes how an attempt ended, unless the delivery was taken by another core meanwhile.
pub(super) async fn note(
    tx: &mut Tx,
    endpoint: &str,
    event_id: i64,
    until: i64,
    note: &Note<'_>,
) -> Result<()> {
    let sql = "update portcullis_webhook_deliveries
        set state = $4, attempts = $5, next_attempt_at = $6, last_error = $7, ended_at = $8
        where endpoint = $1 and event_id = $2 and state = 'pending' and next_attempt_at = $3";
    let args = args![
        endpoint,
        event_id,
        until,
        note.state.name(),
        note.attempts,
        note.next_attempt_at,
        note.last_error,
        note.ended_at,
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// Deliveries, the newest events first.
pub(super) async fn list(
    tx: &mut Tx,
    endpoint: &str,
    state: Option<State>,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let mut args = args![endpoint, limit].to_vec();
    let mut condition = "";
    if let Some(state) = state {
        args.push(Value::from(state.name()));
        condition = " and state = $3";
    }
    let sql = format!(
        "select {} from portcullis_webhook_deliveries where endpoint = $1{condition} order by event_id desc limit $2",
        columns!()
    );
    Ok(tx.fetch_all(sql, &args).await?)
}

/// Makes a delivery pending, whatever became of it; whether there is one.
pub(super) async fn replay(tx: &mut Tx, endpoint: &str, event_id: i64, now: i64) -> Result<bool> {
    let sql = "update portcullis_webhook_deliveries
        set state = 'pending', attempts = 0, next_attempt_at = $3, last_error = null, ended_at = null
        where endpoint = $1 and event_id = $2";
    Ok(tx.execute(sql, args![endpoint, event_id, now]).await? > 0)
}

/// Makes all dead deliveries pending; how many.
pub(super) async fn replay_dead(tx: &mut Tx, endpoint: &str, now: i64) -> Result<u64> {
    let sql = "update portcullis_webhook_deliveries
        set state = 'pending', attempts = 0, next_attempt_at = $2, last_error = null, ended_at = null
        where endpoint = $1 and state = 'dead'";
    Ok(tx.execute(sql, args![endpoint, now]).await?)
}

/// Deletes some of the deliveries that ended before a time; how many.
pub(super) async fn delete_ended(tx: &mut Tx, state: State, before: i64, limit: i64) -> Result<u64> {
    let sql = "delete from portcullis_webhook_deliveries where (endpoint, event_id) in (
        select endpoint, event_id from portcullis_webhook_deliveries
        where state = $1 and ended_at < $2 order by ended_at limit $3)";
    Ok(tx.execute(sql, args![state.name(), before, limit]).await?)
}
