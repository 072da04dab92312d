//! The statements on domains, apps and tenants.

use super::TenantConfig;
use crate::{Error, Result, Scope};
use portcullis_db::{Tx, Value, args};
use portcullis_wire::Object;
use std::collections::HashMap;

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

/// Deletes the tenant and all that is kept there.
pub(super) async fn delete_tenant(tx: &mut Tx, scope: &Scope) -> Result<()> {
    let sql = "delete from tenants where app_id = $1 and tenant_id = $2";
    tx.execute(sql, args![&scope.app_id, &scope.tenant_id]).await?;
    Ok(())
}

/// Deletes the app and all that is kept there.
pub(super) async fn delete_app(tx: &mut Tx, app_id: &str) -> Result<()> {
    tx.execute("delete from apps where app_id = $1", args![app_id]).await?;
    Ok(())
}

/// Makes room for what is stored about a tenant; whether it is new.
pub(super) async fn insert_config(tx: &mut Tx, scope: &Scope) -> Result<bool> {
    let sql = "insert into tenant_configs (connection_uri_domain, app_id, tenant_id, core_config,
        email_password_enabled, third_party_enabled, passwordless_enabled, is_first_factors_null)
        values ($1, $2, $3, '{}', true, true, true, true)
        on conflict (connection_uri_domain, app_id, tenant_id) do nothing";
    Ok(tx.execute(sql, args![&scope.domain, &scope.app_id, &scope.tenant_id]).await? > 0)
}

/// Locks what is stored about a tenant until the unit of work ends; whether there is anything.
pub(super) async fn lock_config(tx: &mut Tx, scope: &Scope) -> Result<bool> {
    let sql = "select tenant_id from tenant_configs
        where connection_uri_domain = $1 and app_id = $2 and tenant_id = $3";
    let args = args![&scope.domain, &scope.app_id, &scope.tenant_id];
    Ok(tx.fetch_optional_for_update::<(String,)>(sql, args).await?.is_some())
}

/// Stores what a tenant is to be.
pub(super) async fn update_config(tx: &mut Tx, scope: &Scope, tenant: &TenantConfig) -> Result<()> {
    let sql = "update tenant_configs set core_config = $4, email_password_enabled = $5,
        third_party_enabled = $6, passwordless_enabled = $7, is_first_factors_null = $8
        where connection_uri_domain = $1 and app_id = $2 and tenant_id = $3";
    let core_config = serde_json::Value::Object(tenant.core_config.clone()).to_string();
    let args = args![
        &scope.domain,
        &scope.app_id,
        &scope.tenant_id,
        &core_config,
        tenant.email_password_enabled,
        tenant.third_party_enabled,
        tenant.passwordless_enabled,
        tenant.first_factors.is_none()
    ];
    tx.execute(sql, args).await?;
    replace_factors(tx, scope, "tenant_first_factors", tenant.first_factors.as_ref()).await?;
    let second = tenant.required_secondary_factors.as_ref();
    replace_factors(tx, scope, "tenant_required_secondary_factors", second).await
}

async fn replace_factors(
    tx: &mut Tx,
    scope: &Scope,
    table: &'static str,
    factors: Option<&Vec<String>>,
) -> Result<()> {
    let sql =
        format!("delete from {table} where connection_uri_domain = $1 and app_id = $2 and tenant_id = $3");
    tx.execute(sql, args![&scope.domain, &scope.app_id, &scope.tenant_id]).await?;
    for factor in factors.into_iter().flatten() {
        let sql = format!(
            "insert into {table} (connection_uri_domain, app_id, tenant_id, factor_id) values ($1, $2, $3, $4)"
        );
        tx.execute(sql, args![&scope.domain, &scope.app_id, &scope.tenant_id, factor]).await?;
    }
    Ok(())
}

/// Deletes what is stored about a tenant; whether there was anything.
pub(super) async fn delete_config(tx: &mut Tx, scope: &Scope) -> Result<bool> {
    let sql =
        "delete from tenant_configs where connection_uri_domain = $1 and app_id = $2 and tenant_id = $3";
    Ok(tx.execute(sql, args![&scope.domain, &scope.app_id, &scope.tenant_id]).await? > 0)
}

/// Which tenants are read.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// One.
    Tenant(&'a Scope),
    /// Those of an app.
    App(&'a Scope),
    /// Those of every app of a domain.
    Domain(&'a str),
    /// All.
    All,
}

impl<'a> Which<'a> {
    fn condition(self) -> (&'static str, Vec<Value<'a>>) {
        match self {
            Self::Tenant(scope) => (
                "where connection_uri_domain = $1 and app_id = $2 and tenant_id = $3",
                vec![(&scope.domain).into(), (&scope.app_id).into(), (&scope.tenant_id).into()],
            ),
            Self::App(scope) => (
                "where connection_uri_domain = $1 and app_id = $2",
                vec![(&scope.domain).into(), (&scope.app_id).into()],
            ),
            Self::Domain(domain) => ("where connection_uri_domain = $1", vec![domain.into()]),
            Self::All => ("", Vec::new()),
        }
    }
}

type ConfigRow =
    (String, String, String, Option<String>, Option<bool>, Option<bool>, Option<bool>, Option<bool>);

/// What is stored about tenants, in the order of domain, app and tenant.
pub(super) async fn list_configs(tx: &mut Tx, which: Which<'_>) -> Result<Vec<(Scope, TenantConfig)>> {
    let (condition, args) = which.condition();
    let sql = format!(
        "select connection_uri_domain, app_id, tenant_id, core_config, email_password_enabled,
         third_party_enabled, passwordless_enabled, is_first_factors_null from tenant_configs {condition}
         order by connection_uri_domain, app_id, tenant_id"
    );
    let rows: Vec<ConfigRow> = tx.fetch_all(sql, &args).await?;
    let mut first = list_factors(tx, which, "tenant_first_factors").await?;
    let mut second = list_factors(tx, which, "tenant_required_secondary_factors").await?;
    let mut configs = Vec::with_capacity(rows.len());
    for (domain, app_id, tenant_id, core_config, email_password, third_party, passwordless, unset) in rows {
        let scope = Scope { domain, app_id, tenant_id };
        let listed = first.remove(&scope);
        let tenant = TenantConfig {
            core_config: parse_core_config(&scope, core_config.as_deref())?,
            email_password_enabled: email_password.unwrap_or(true),
            third_party_enabled: third_party.unwrap_or(true),
            passwordless_enabled: passwordless.unwrap_or(true),
            // An empty list means "unset" only when the flag says so; NULL means an empty list.
            first_factors: listed.or_else(|| (unset != Some(true)).then(Vec::new)),
            required_secondary_factors: second.remove(&scope),
        };
        configs.push((scope, tenant));
    }
    Ok(configs)
}

/// What is stored about one tenant.
pub(super) async fn find_config(tx: &mut Tx, scope: &Scope) -> Result<Option<TenantConfig>> {
    Ok(list_configs(tx, Which::Tenant(scope)).await?.pop().map(|(_, tenant)| tenant))
}

fn parse_core_config(scope: &Scope, text: Option<&str>) -> Result<Object> {
    let fault = |error| Error::internal(format!("the stored configuration of tenant {scope}: {error}"));
    text.map_or_else(|| Ok(Object::new()), |text| serde_json::from_str(text).map_err(fault))
}

async fn list_factors(
    tx: &mut Tx,
    which: Which<'_>,
    table: &'static str,
) -> Result<HashMap<Scope, Vec<String>>> {
    let (condition, args) = which.condition();
    let sql = format!(
        "select connection_uri_domain, app_id, tenant_id, factor_id from {table} {condition} order by factor_id"
    );
    let rows: Vec<(String, String, String, String)> = tx.fetch_all(sql, &args).await?;
    let mut factors: HashMap<Scope, Vec<String>> = HashMap::new();
    for (domain, app_id, tenant_id, factor) in rows {
        factors.entry(Scope { domain, app_id, tenant_id }).or_default().push(factor);
    }
    Ok(factors)
}

/// The connection URI domains, without the default one.
pub(super) async fn list_domains(tx: &mut Tx) -> Result<Vec<String>> {
    let sql = "select distinct connection_uri_domain from tenant_configs where connection_uri_domain <> ''";
    let rows: Vec<(String,)> = tx.fetch_all(sql, &[]).await?;
    Ok(rows.into_iter().map(|(domain,)| domain).collect())
}
