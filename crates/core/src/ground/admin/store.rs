//! The statements on the applications' domains, and on what apps use.

use crate::{PUBLIC, Result};
use portcullis_db::{Tx, args};
use std::collections::{HashMap, HashSet};

/// Keeps a domain under a name. What is known already is not written again: SDKs tell it at each start.
pub(super) async fn upsert_domain(
    tx: &mut Tx,
    app_id: &str,
    name: &str,
    domain: &str,
    now: i64,
) -> Result<()> {
    let sql = "insert into key_value (app_id, tenant_id, name, value, created_at_time)
        values ($1, $2, $3, $4, $5)
        on conflict (app_id, tenant_id, name)
        do update set value = excluded.value, created_at_time = excluded.created_at_time
        where key_value.value is distinct from excluded.value";
    tx.execute(sql, args![app_id, PUBLIC, name, domain, now]).await?;
    Ok(())
}

/// How many users each tenant of an app has; tenants without any are left out.
pub(super) async fn count_users_by_tenant(tx: &mut Tx, app_id: &str) -> Result<HashMap<String, i64>> {
    let sql = "select t.tenant_id, count(distinct a.primary_or_recipe_user_id) from recipe_user_tenants t
        join app_id_to_user_id a on a.app_id = t.app_id and a.user_id = t.recipe_user_id
        where t.app_id = $1 group by t.tenant_id";
    let rows: Vec<(String, i64)> = tx.fetch_all(sql, args![app_id]).await?;
    Ok(rows.into_iter().collect())
}

/// The tenants of an app in which somebody has a session.
pub(super) async fn list_tenants_with_sessions(tx: &mut Tx, app_id: &str) -> Result<HashSet<String>> {
    let sql = "select t.tenant_id from tenants t where t.app_id = $1 and exists (
            select 1 from session_info s where s.app_id = t.app_id and s.tenant_id = t.tenant_id)";
    let rows: Vec<(String,)> = tx.fetch_all(sql, args![app_id]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// How many users of an app were active for the last time one day ago or less, more than one and up to two, and
/// so on, as far back as the given number of days; `now` in milliseconds.
pub(super) async fn count_active_by_day(
    tx: &mut Tx,
    app_id: &str,
    now: i64,
    days: i64,
) -> Result<Vec<(i64, i64)>> {
    let sql = "select ($2 - last_active_time + 86399999) / 86400000, count(*) from user_last_active
        where app_id = $1 and last_active_time >= $3 group by 1";
    Ok(tx.fetch_all(sql, args![app_id, now, now - days * 86_400_000]).await?)
}

/// How many may use an app's dashboard.
pub(super) async fn count_dashboard_users(tx: &mut Tx, app_id: &str) -> Result<i64> {
    let sql = "select count(*) from dashboard_users where app_id = $1";
    let row: Option<(i64,)> = tx.fetch_optional(sql, args![app_id]).await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Whether something is reserved for a primary user of an app.
pub(super) async fn has_primary_users(tx: &mut Tx, app_id: &str) -> Result<bool> {
    let sql = "select tenant_id from primary_user_tenants where app_id = $1 limit 1";
    Ok(tx.fetch_optional::<(String,)>(sql, args![app_id]).await?.is_some())
}
