//! The statements on users and sessions of the dashboard.

use super::model::{DashboardSession, DashboardUser, Whom};
use crate::Result;
use crate::ground::audit::Entry;
use portcullis_db::{FromRow, Row, Tx, args};

impl FromRow for DashboardUser {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        let (user_id, email, password_hash, time_joined) = FromRow::from_row(row)?;
        Ok(Self { user_id, email, password_hash, time_joined })
    }
}

impl FromRow for DashboardSession {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        let (session_id, user_id, created_at, expires_at) = FromRow::from_row(row)?;
        Ok(Self { session_id, user_id, created_at, expires_at })
    }
}

const SELECT_USERS: &str = "select user_id, email, password_hash, time_joined from dashboard_users";

fn condition(whom: &Whom) -> (&'static str, &str) {
    match whom {
        Whom::Id(id) => ("where app_id = $1 and user_id = $2", id),
        Whom::Email(email) => ("where app_id = $1 and email = $2", email),
    }
}

/// A user.
pub(super) async fn find_user(tx: &mut Tx, app_id: &str, whom: &Whom) -> Result<Option<DashboardUser>> {
    let (condition, value) = condition(whom);
    Ok(tx.fetch_optional(format!("{SELECT_USERS} {condition}"), args![app_id, value]).await?)
}

/// As [`find_user`], the user locked until the unit of work ends.
pub(super) async fn lock_user(tx: &mut Tx, app_id: &str, whom: &Whom) -> Result<Option<DashboardUser>> {
    let (condition, value) = condition(whom);
    let sql = format!("{SELECT_USERS} {condition}");
    Ok(tx.fetch_optional_for_update(sql, args![app_id, value]).await?)
}

/// All users, oldest first.
pub(super) async fn list_users(tx: &mut Tx, app_id: &str) -> Result<Vec<DashboardUser>> {
    let sql = format!("{SELECT_USERS} where app_id = $1 order by time_joined, user_id");
    Ok(tx.fetch_all(sql, args![app_id]).await?)
}

/// Adds a user, and ends the unit of work; false if another one has the address.
pub(super) async fn insert_user(tx: Tx, app_id: &str, new: &DashboardUser, entry: Entry<'_>) -> Result<bool> {
    let sql = "insert into dashboard_users (app_id, user_id, email, password_hash, time_joined)
        values ($1, $2, $3, $4, $5) on conflict do nothing";
    let args = args![app_id, &new.user_id, &new.email, &new.password_hash, new.time_joined];
    Ok(entry.execute(tx, sql, args).await? > 0)
}

/// Replaces address and hash; a duplicate if another user has the address.
pub(super) async fn update_user(tx: &mut Tx, app_id: &str, user: &DashboardUser) -> Result<()> {
    let sql = "update dashboard_users set email = $3, password_hash = $4 where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, &user.user_id, &user.email, &user.password_hash]).await?;
    Ok(())
}

/// Deletes a user and the user's sessions, and ends the unit of work; whether there was one.
pub(super) async fn delete_user(tx: Tx, app_id: &str, whom: &Whom, entry: Entry<'_>) -> Result<bool> {
    let (condition, value) = condition(whom);
    let sql = format!("delete from dashboard_users {condition}");
    Ok(entry.execute(tx, &sql, args![app_id, value]).await? > 0)
}

/// Adds a session.
pub(super) async fn insert_session(tx: &mut Tx, app_id: &str, new: &DashboardSession) -> Result<()> {
    let sql = "insert into dashboard_user_sessions (app_id, session_id, user_id, time_created, expiry)
        values ($1, $2, $3, $4, $5)";
    tx.execute(sql, args![app_id, &new.session_id, &new.user_id, new.created_at, new.expires_at]).await?;
    Ok(())
}

/// A user's living sessions, oldest first.
pub(super) async fn list_sessions(
    tx: &mut Tx,
    app_id: &str,
    user_id: &str,
    now: i64,
) -> Result<Vec<DashboardSession>> {
    let sql = "select session_id, user_id, time_created, expiry from dashboard_user_sessions
        where app_id = $1 and user_id = $2 and expiry >= $3 order by time_created, session_id";
    Ok(tx.fetch_all(sql, args![app_id, user_id, now]).await?)
}

/// The address of a living session's user.
pub(super) async fn find_email(
    tx: &mut Tx,
    app_id: &str,
    session_id: &str,
    now: i64,
) -> Result<Option<String>> {
    let sql = "select u.email from dashboard_user_sessions s
        join dashboard_users u on u.app_id = s.app_id and u.user_id = s.user_id
        where s.app_id = $1 and s.session_id = $2 and s.expiry >= $3";
    let row: Option<(String,)> = tx.fetch_optional(sql, args![app_id, session_id, now]).await?;
    Ok(row.map(|(email,)| email))
}

/// Ends a session and the unit of work.
pub(super) async fn delete_session(tx: Tx, app_id: &str, session_id: &str, entry: Entry<'_>) -> Result<()> {
    let sql = "delete from dashboard_user_sessions where app_id = $1 and session_id = $2";
    entry.execute(tx, sql, args![app_id, session_id]).await?;
    Ok(())
}

/// Ends all sessions of a user.
pub(super) async fn delete_sessions(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<()> {
    let sql = "delete from dashboard_user_sessions where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, user_id]).await?;
    Ok(())
}

/// Deletes what has expired.
pub(super) async fn delete_expired(tx: &mut Tx, now: i64) -> portcullis_db::Result<()> {
    tx.execute("delete from dashboard_user_sessions where expiry < $1", args![now]).await.map(drop)
}
