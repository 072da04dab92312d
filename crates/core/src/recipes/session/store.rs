//! The statements on sessions.

use super::lineage::Lineage;
use super::model::{Stored, UserIds};
use crate::ground::audit::Entry;
use crate::{Error, Result, Scope};
use portcullis_db::{FromRow, Row, Sql, Tx, Value, args, placeholders, sql};
use portcullis_wire::Object;

impl FromRow for Stored {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        let object = |index| -> portcullis_db::Result<Object> {
            let text: Option<String> = row.get(index)?;
            let read = text.as_deref().map_or(Ok(Object::new()), serde_json::from_str);
            read.map_err(|error| portcullis_db::Error::Engine(format!("stored session data: {error}")))
        };
        Ok(Self {
            user_id: row.get(0)?,
            lineage: Lineage {
                current: row.get(1)?,
                previous: row.get(7)?,
                rotated_at: row.get(8)?,
                expires_at: row.get(3)?,
            },
            data: object(2)?,
            created_at: row.get(4)?,
            payload: object(5)?,
            use_static_key: row.get(6)?,
        })
    }
}

/// Which session: app, tenant, handle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    pub(super) app_id: &'a str,
    pub(super) tenant_id: &'a str,
    pub(super) handle: &'a str,
}

const SELECT: &str = "select user_id, refresh_token_hash_2, session_data, expires_at, created_at_time,
    jwt_user_payload, use_static_key, prev_refresh_token_hash_2, refresh_token_rotated_at
    from session_info where app_id = $1 and tenant_id = $2 and session_handle = $3";

/// The session, expired or not.
pub(super) async fn find(tx: &mut Tx, key: Key<'_>) -> Result<Option<Stored>> {
    Ok(tx.fetch_optional(SELECT, args![key.app_id, key.tenant_id, key.handle]).await?)
}

/// The session, locked until the unit of work ends.
pub(super) async fn find_for_update(tx: &mut Tx, key: Key<'_>) -> Result<Option<Stored>> {
    Ok(tx.fetch_optional_for_update(SELECT, args![key.app_id, key.tenant_id, key.handle]).await?)
}

/// [`SELECT`] and [`resolve_user`] at once, of session `s`.
macro_rules! select_with_user {
    ($tail:literal) => {
        concat!(
            "select s.user_id, s.refresh_token_hash_2, s.session_data, s.expires_at, s.created_at_time,
            s.jwt_user_payload, s.use_static_key, s.prev_refresh_token_hash_2, s.refresh_token_rotated_at,
            coalesce(r.external_user_id, cast(g.supertokens_user_id as text), s.user_id),
            case when u.user_id is null
                then coalesce(r.external_user_id, cast(g.supertokens_user_id as text), s.user_id)
                else coalesce(p.external_user_id, cast(u.primary_or_recipe_user_id as text)) end,
            coalesce(cast(u.primary_or_recipe_user_id as text), cast(g.supertokens_user_id as text), s.user_id)
            from session_info s
            left join userid_mapping g on g.app_id = s.app_id and g.external_user_id = s.user_id
            left join app_id_to_user_id u on u.app_id = s.app_id
                and u.user_id = cast(coalesce(cast(g.supertokens_user_id as text), s.user_id) as char(36))
                and cast(u.user_id as text) = coalesce(cast(g.supertokens_user_id as text), s.user_id)
            left join userid_mapping r on r.app_id = s.app_id
                and r.supertokens_user_id
                    = cast(coalesce(cast(g.supertokens_user_id as text), s.user_id) as char(36))
                and cast(r.supertokens_user_id as text)
                    = coalesce(cast(g.supertokens_user_id as text), s.user_id)
            left join userid_mapping p on p.app_id = s.app_id
                and p.supertokens_user_id = u.primary_or_recipe_user_id
            where s.app_id = $1 and s.tenant_id = $2 and s.session_handle = $3",
            $tail
        )
    };
}

/// A session with the ids of its user.
struct WithUser(Stored, UserIds);

impl FromRow for WithUser {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        let user = UserIds { recipe: row.get(9)?, primary: row.get(10)?, primary_internal: row.get(11)? };
        Ok(Self(Stored::from_row(row)?, user))
    }
}

/// The session and the ids of its user.
pub(super) async fn find_with_user(tx: &mut Tx, key: Key<'_>) -> Result<Option<(Stored, UserIds)>> {
    select_with_user(tx, key, select_with_user!("").into()).await
}

/// As [`find_with_user`], the session locked until the unit of work ends.
pub(super) async fn find_with_user_for_update(
    tx: &mut Tx,
    key: Key<'_>,
) -> Result<Option<(Stored, UserIds)>> {
    let sql = sql!(postgres: select_with_user!(" for update of s"), sqlite: select_with_user!(""));
    select_with_user(tx, key, sql).await
}

async fn select_with_user(tx: &mut Tx, key: Key<'_>, sql: Sql) -> Result<Option<(Stored, UserIds)>> {
    let found: Option<WithUser> =
        tx.fetch_optional(sql, args![key.app_id, key.tenant_id, key.handle]).await?;
    Ok(found.map(|WithUser(row, user)| (row, user)))
}

/// Adds a session, and ends the unit of work.
pub(super) async fn insert(tx: Tx, key: Key<'_>, new: &Stored, entry: Entry<'_>) -> Result<()> {
    let sql = "insert into session_info (app_id, tenant_id, session_handle, user_id, refresh_token_hash_2,
        session_data, expires_at, created_at_time, jwt_user_payload, use_static_key)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let (data, payload) = (to_text(&new.data)?, to_text(&new.payload)?);
    let args = args![
        key.app_id,
        key.tenant_id,
        key.handle,
        &new.user_id,
        &new.lineage.current,
        &data,
        new.lineage.expires_at,
        new.created_at,
        &payload,
        new.use_static_key
    ];
    entry.execute(tx, sql, args).await?;
    Ok(())
}

/// Writes what a refresh or a promotion changes (hashes, expiry, kind of key) if the current refresh token is
/// still the one whose hash is given, and ends the unit of work; whether it was. No hash becomes the current
/// one twice, so then nothing has happened since it was read.
pub(super) async fn commit_lineage(
    tx: Tx,
    key: Key<'_>,
    was_current: &str,
    row: &Stored,
    entry: Option<Entry<'_>>,
) -> Result<bool> {
    let sql = "update session_info set refresh_token_hash_2 = $5, prev_refresh_token_hash_2 = $6,
        refresh_token_rotated_at = $7, expires_at = $8, use_static_key = $9
        where app_id = $1 and tenant_id = $2 and session_handle = $3 and refresh_token_hash_2 = $4";
    let args = args![
        key.app_id,
        key.tenant_id,
        key.handle,
        was_current,
        &row.lineage.current,
        &row.lineage.previous,
        row.lineage.rotated_at,
        row.lineage.expires_at,
        row.use_static_key
    ];
    if let Some(entry) = entry {
        return Ok(entry.execute(tx, sql, args).await? > 0);
    }
    // no event: unless it is asked for, a session that goes on is no change
    Ok(tx.execute_and_commit(sql, args).await? > 0)
}

/// What an event tells of a session: its login method and that one's user, as callers know them, its tenant and its
/// handle. Sessions may belong to ids that are no user of the core.
const TOLD: &str = "returning user_id as recipe_user_id,
    coalesce((select coalesce(p.external_user_id, cast(u.primary_or_recipe_user_id as text))
        from app_id_to_user_id u
        left join userid_mapping p on p.app_id = u.app_id
            and p.supertokens_user_id = u.primary_or_recipe_user_id
        where u.app_id = session_info.app_id and u.user_id = coalesce(
            (select m.supertokens_user_id from userid_mapping m
                where m.app_id = session_info.app_id and m.external_user_id = session_info.user_id),
            cast(session_info.user_id as char(36)))), user_id) as user_id,
    tenant_id, session_handle as name";

/// Which part of a session's data.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// What is kept in the database.
    Data,
    /// The payload of new access tokens.
    Payload,
}

/// Replaces a part of a session's data; whether a living session was there.
pub(super) async fn update(
    tx: &mut Tx,
    key: Key<'_>,
    (part, data): (Part, &Object),
    now: i64,
    entry: &Entry<'_>,
) -> Result<bool> {
    let column = match part {
        Part::Data => "session_data",
        Part::Payload => "jwt_user_payload",
    };
    let sql = format!(
        "update session_info set {column} = $4
         where app_id = $1 and tenant_id = $2 and session_handle = $3 and expires_at > $5 {TOLD}"
    );
    let text = to_text(data)?;
    let args = args![key.app_id, key.tenant_id, key.handle, &text, now];
    Ok(!entry.execute_for_each(tx, &sql, args).await?.is_empty())
}

/// Ends a session; whether it was there.
pub(super) async fn delete(tx: &mut Tx, key: Key<'_>) -> Result<bool> {
    let sql = "delete from session_info where app_id = $1 and tenant_id = $2 and session_handle = $3";
    Ok(tx.execute(sql, args![key.app_id, key.tenant_id, key.handle]).await? > 0)
}

/// Ends sessions of a tenant; answers those that were there.
pub(super) async fn delete_several(
    tx: &mut Tx,
    app_id: &str,
    (tenant_id, handles): (&str, &[String]),
    entry: &Entry<'_>,
) -> Result<Vec<String>> {
    let mut args = vec![app_id.into(), tenant_id.into()];
    args.extend(handles.iter().map(Value::from));
    let sql = format!(
        "delete from session_info where app_id = $1 and tenant_id = $2 and session_handle in ({}) {TOLD}",
        placeholders(3, handles.len())
    );
    entry.execute_for_each(tx, &sql, &args).await
}

/// Ends all sessions of a user, under exactly this id, in every tenant of the app.
pub(super) async fn delete_user(tx: &mut Tx, app_id: &str, user_id: &str) -> portcullis_db::Result<()> {
    let sql = "delete from session_info where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, user_id]).await?;
    Ok(())
}

/// Deletes the sessions that have expired, of all apps.
pub(super) async fn delete_expired(tx: &mut Tx, now: i64) -> portcullis_db::Result<()> {
    tx.execute("delete from session_info where expires_at <= $1", args![now]).await?;
    Ok(())
}

/// Whether a user has living sessions, in any tenant.
pub(super) async fn has_user(
    tx: &mut Tx,
    app_id: &str,
    user_id: &str,
    now: i64,
) -> portcullis_db::Result<bool> {
    let sql = "select user_id from session_info
        where app_id = $1 and user_id = $2 and expires_at >= $3 limit 1";
    Ok(tx.fetch_optional::<(String,)>(sql, args![app_id, user_id, now]).await?.is_some())
}

/// Whose sessions: app, one tenant or all, the users' ids.
#[derive(Clone, Copy, Debug)]
pub(super) struct Of<'a> {
    pub(super) app_id: &'a str,
    pub(super) tenant_id: Option<&'a str>,
    pub(super) user_ids: &'a [String],
}

impl<'a> Of<'a> {
    fn condition(self, now: i64) -> (String, Vec<Value<'a>>) {
        let mut args = vec![self.app_id.into(), now.into()];
        args.extend(self.user_ids.iter().map(Value::from));
        let users = placeholders(3, self.user_ids.len());
        let mut sql = format!("where app_id = $1 and expires_at >= $2 and user_id in ({users})");
        if let Some(tenant_id) = self.tenant_id {
            args.push(tenant_id.into());
            sql.push_str(&format!(" and tenant_id = ${}", args.len()));
        }
        (sql, args)
    }
}

/// The handles of the users' living sessions.
pub(super) async fn list_handles(tx: &mut Tx, of: Of<'_>, now: i64) -> Result<Vec<String>> {
    let (condition, args) = of.condition(now);
    let sql = format!("select session_handle from session_info {condition}");
    let rows: Vec<(String,)> = tx.fetch_all(sql, &args).await?;
    Ok(rows.into_iter().map(|(handle,)| handle).collect())
}

/// Ends the users' living sessions; answers their handles.
pub(super) async fn delete_of_users(
    tx: &mut Tx,
    of: Of<'_>,
    now: i64,
    entry: &Entry<'_>,
) -> Result<Vec<String>> {
    let (condition, args) = of.condition(now);
    entry.execute_for_each(tx, &format!("delete from session_info {condition} {TOLD}"), &args).await
}

/// A given id, external or not, as the core's own. Sessions may belong to ids that are no user of the core.
const INNER: &str = "with given as (select cast($2 as text) as id), inside as (
    select coalesce((select cast(m.supertokens_user_id as text) from userid_mapping m
        where m.app_id = $1 and m.external_user_id = given.id), given.id) as id from given)";

/// The ids of a user, by any of them.
pub(super) async fn resolve_user(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<UserIds> {
    // The second comparison is there because a cast to `char(36)` cuts longer ids.
    let sql = format!(
        "{INNER}, known as (select inside.id as recipe,
            coalesce(cast(u.primary_or_recipe_user_id as text), inside.id) as main
            from inside left join app_id_to_user_id u on u.app_id = $1
            and u.user_id = cast(inside.id as char(36)) and cast(u.user_id as text) = inside.id)
        select coalesce(r.external_user_id, known.recipe), coalesce(p.external_user_id, known.main), known.main
        from known
        left join userid_mapping r on r.app_id = $1 and r.supertokens_user_id = cast(known.recipe as char(36))
            and cast(r.supertokens_user_id as text) = known.recipe
        left join userid_mapping p on p.app_id = $1 and p.supertokens_user_id = cast(known.main as char(36))
            and cast(p.supertokens_user_id as text) = known.main"
    );
    let row: Option<(String, String, String)> = tx.fetch_optional(sql, args![app_id, user_id]).await?;
    let (recipe, primary, primary_internal) = row.ok_or_else(|| Error::internal("a user id has no row"))?;
    Ok(UserIds { recipe, primary, primary_internal })
}

/// The ids, internal and external, of all login methods of the user with the given id.
pub(super) async fn list_linked(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<Vec<String>> {
    let sql = format!(
        "{INNER} select l.user_id, m.external_user_id from inside
        join app_id_to_user_id u on u.app_id = $1 and u.user_id = cast(inside.id as char(36))
            and cast(u.user_id as text) = inside.id
        join app_id_to_user_id l on l.app_id = u.app_id
            and l.primary_or_recipe_user_id = u.primary_or_recipe_user_id
        left join userid_mapping m on m.app_id = $1 and m.supertokens_user_id = l.user_id"
    );
    let rows: Vec<(String, Option<String>)> = tx.fetch_all(sql, args![app_id, user_id]).await?;
    Ok(rows.into_iter().flat_map(|(id, external)| std::iter::once(id).chain(external)).collect())
}

/// The primary user of a login method, both by internal id; an unknown id stands for itself.
pub(super) async fn find_primary(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<String> {
    let sql = "select user_id, primary_or_recipe_user_id from app_id_to_user_id
        where app_id = $1 and user_id = $2";
    let row: Option<(String, String)> = tx.fetch_optional(sql, args![app_id, user_id]).await?;
    // PostgreSQL passes over blanks at the end of a `char(36)`: such an id is another one.
    let known = row.filter(|(found, _)| found == user_id);
    Ok(known.map_or_else(|| user_id.to_owned(), |(_, primary)| primary))
}

fn to_text(object: &Object) -> Result<String> {
    serde_json::to_string(object).map_err(Error::internal)
}

/// Ends all sessions of a user in one tenant; whether there were any.
pub(super) async fn delete_member(tx: &mut Tx, scope: &Scope, user_id: &str) -> portcullis_db::Result<bool> {
    let sql = "delete from session_info where app_id = $1 and tenant_id = $2 and user_id = $3";
    Ok(tx.execute(sql, args![&scope.app_id, &scope.tenant_id, user_id]).await? > 0)
}
