//! The statements on tenants.

use super::TenantConfig;
use crate::{Result, Scope};
use portcullis_db::{Tx, args};
use portcullis_wire::Object;

type ConfigRow = (Option<String>, Option<bool>, Option<bool>, Option<bool>, Option<bool>);

/// Creates the app if it is not there.
pub(super) async fn insert_app(tx: &mut Tx, app_id: &str, now: i64) -> Result<bool> {
    let sql = "insert into apps (app_id, created_at_time) values ($1, $2) on conflict (app_id) do nothing";
    Ok(tx.execute(sql, args![app_id, now]).await? > 0)
}

/// Creates the tenant if it is not there.
pub(super) async fn insert_tenant(tx: &mut Tx, scope: &Scope, now: i64) -> Result<bool> {
    let sql = "insert into tenants (app_id, tenant_id, created_at_time) values ($1, $2, $3)
        on conflict (app_id, tenant_id) do nothing";
    Ok(tx.execute(sql, args![&scope.app_id, &scope.tenant_id, now]).await? > 0)
}

/// Whether the tenant is there at all; the base tenant has no configuration of its own until it is changed.
pub(super) async fn has_tenant(tx: &mut Tx, scope: &Scope) -> Result<bool> {
    let sql = "select app_id from tenants where app_id = $1 and tenant_id = $2";
    let row: Option<(String,)> = tx.fetch_optional(sql, args![&scope.app_id, &scope.tenant_id]).await?;
    Ok(row.is_some())
}

/// What is stored about the tenant.
pub(super) async fn find_config(tx: &mut Tx, scope: &Scope) -> Result<Option<TenantConfig>> {
    let sql = "select core_config, email_password_enabled, third_party_enabled, passwordless_enabled,
        is_first_factors_null from tenant_configs
        where connection_uri_domain = $1 and app_id = $2 and tenant_id = $3";
    let row: Option<ConfigRow> =
        tx.fetch_optional(sql, args![&scope.domain, &scope.app_id, &scope.tenant_id]).await?;
    let Some((core_config, email_password, third_party, passwordless, factors_null)) = row else {
        return Ok(None);
    };
    let first = list_factors(tx, scope, "tenant_first_factors").await?;
    let second = list_factors(tx, scope, "tenant_required_secondary_factors").await?;
    Ok(Some(TenantConfig {
        core_config: core_config
            .map_or_else(Object::new, |text| serde_json::from_str(&text).unwrap_or_default()),
        email_password_enabled: email_password.unwrap_or(true),
        third_party_enabled: third_party.unwrap_or(true),
        passwordless_enabled: passwordless.unwrap_or(true),
        // An empty list means "unset" only when the flag says so; NULL means an empty list.
        first_factors: (!first.is_empty() || factors_null != Some(true)).then_some(first),
        required_secondary_factors: (!second.is_empty()).then_some(second),
    }))
}

async fn list_factors(tx: &mut Tx, scope: &Scope, table: &'static str) -> Result<Vec<String>> {
    let sql = format!(
        "select factor_id from {table} where connection_uri_domain = $1 and app_id = $2 and tenant_id = $3
         order by factor_id"
    );
    let rows: Vec<(String,)> =
        tx.fetch_all(sql, args![&scope.domain, &scope.app_id, &scope.tenant_id]).await?;
    Ok(rows.into_iter().map(|(factor,)| factor).collect())
}
