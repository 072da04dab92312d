//! The statements on domains, apps and tenants.

use super::TenantConfig;
use crate::{Error, PUBLIC, Result, Scope};
use portcullis_db::{Engine, FromRow, Row, Tx, Value, args, placeholders, sql};
use portcullis_wire::Object;
use portcullis_wire::providers::{Provider, ProviderClient, UserInfoFields, UserInfoMap};
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
    let mut providers = list_providers(tx, which).await?;
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
            providers: providers.remove(&scope).unwrap_or_default(),
        };
        configs.push((scope, tenant));
    }
    Ok(configs)
}

/// What is stored about one tenant.
pub(super) async fn find_config(tx: &mut Tx, scope: &Scope) -> Result<Option<TenantConfig>> {
    Ok(list_configs(tx, Which::Tenant(scope)).await?.pop().map(|(_, tenant)| tenant))
}

/// The settings of apps of a domain, by their ids: those of their public tenants.
pub(super) async fn list_app_settings(
    tx: &mut Tx,
    domain: &str,
    app_ids: &[&str],
) -> Result<HashMap<String, Object>> {
    let sql = format!(
        "select app_id, core_config from tenant_configs
         where connection_uri_domain = $1 and tenant_id = $2 and app_id in ({})",
        placeholders(3, app_ids.len())
    );
    let args: Vec<Value<'_>> =
        [domain, PUBLIC].into_iter().chain(app_ids.iter().copied()).map(Value::from).collect();
    let rows: Vec<(String, Option<String>)> = tx.fetch_all(sql, &args).await?;
    let parse = |(app_id, text): (String, Option<String>)| {
        let settings = parse_core_config(&Scope::new(domain, &app_id, PUBLIC), text.as_deref())?;
        Ok((app_id, settings))
    };
    rows.into_iter().map(parse).collect()
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

/// A tenant's provider without its clients.
struct ProviderRow(Scope, Provider);

impl FromRow for ProviderRow {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        let scope = Scope { domain: row.get(0)?, app_id: row.get(1)?, tenant_id: row.get(2)? };
        let fields = |first: usize| -> portcullis_db::Result<UserInfoFields> {
            let [user_id, email, email_verified] =
                [row.get(first)?, row.get(first + 1)?, row.get(first + 2)?];
            Ok(UserInfoFields { user_id, email, email_verified })
        };
        let provider = Provider {
            third_party_id: row.get(3)?,
            name: row.get(4)?,
            clients: Vec::new(),
            authorization_endpoint: row.get(5)?,
            authorization_endpoint_query_params: parse_object(row.get(6)?)?,
            token_endpoint: row.get(7)?,
            token_endpoint_body_params: parse_object(row.get(8)?)?,
            user_info_endpoint: row.get(9)?,
            user_info_endpoint_query_params: parse_object(row.get(10)?)?,
            user_info_endpoint_headers: parse_object(row.get(11)?)?,
            jwks_uri: row.get(12)?,
            oidc_discovery_endpoint: row.get(13)?,
            require_email: row.get(14)?,
            user_info_map: UserInfoMap {
                from_id_token_payload: fields(15)?,
                from_user_info_api: fields(18)?,
            },
        };
        Ok(Self(scope, provider))
    }
}

/// In the order of [`ProviderRow`].
const PROVIDER_COLUMNS: &str = "connection_uri_domain, app_id, tenant_id, third_party_id, name,
    authorization_endpoint, authorization_endpoint_query_params, token_endpoint, token_endpoint_body_params,
    user_info_endpoint, user_info_endpoint_query_params, user_info_endpoint_headers, jwks_uri,
    oidc_discovery_endpoint, require_email, user_info_map_from_id_token_payload_user_id,
    user_info_map_from_id_token_payload_email, user_info_map_from_id_token_payload_email_verified,
    user_info_map_from_user_info_endpoint_user_id, user_info_map_from_user_info_endpoint_email,
    user_info_map_from_user_info_endpoint_email_verified";

/// The scopes as JSON: PostgreSQL keeps them in an array.
macro_rules! select_clients {
    ($scope:literal) => {
        concat!(
            "select connection_uri_domain, app_id, tenant_id, third_party_id, client_type, client_id, client_secret, ",
            $scope,
            ", force_pkce, additional_config from tenant_thirdparty_provider_clients "
        )
    };
}

/// A client and whose it is.
struct ClientRow(Scope, String, ProviderClient);

impl FromRow for ClientRow {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        let scope = Scope { domain: row.get(0)?, app_id: row.get(1)?, tenant_id: row.get(2)? };
        let client = ProviderClient {
            client_type: Some(row.get::<String>(4)?).filter(|kind| !kind.is_empty()),
            client_id: row.get(5)?,
            client_secret: row.get(6)?,
            scope: parse(row.get(7)?)?,
            force_pkce: row.get(8)?,
            additional_config: parse_object(row.get(9)?)?,
        };
        Ok(Self(scope, row.get(3)?, client))
    }
}

fn parse<T: serde::de::DeserializeOwned>(text: Option<String>) -> portcullis_db::Result<Option<T>> {
    let fault = |error| portcullis_db::Error::Engine(format!("a stored provider: {error}"));
    text.map(|text| serde_json::from_str(&text).map_err(fault)).transpose()
}

fn parse_object(text: Option<String>) -> portcullis_db::Result<Option<Object>> {
    parse(text)
}

async fn list_providers(tx: &mut Tx, which: Which<'_>) -> Result<HashMap<Scope, Vec<Provider>>> {
    let (condition, args) = which.condition();
    let sql = format!(
        "select {PROVIDER_COLUMNS} from tenant_thirdparty_providers {condition} order by third_party_id"
    );
    let rows: Vec<ProviderRow> = tx.fetch_all(sql, &args).await?;
    let mut providers: HashMap<Scope, Vec<Provider>> = HashMap::new();
    for ProviderRow(scope, provider) in rows {
        providers.entry(scope).or_default().push(provider);
    }
    if providers.is_empty() {
        return Ok(providers);
    }
    let select = match tx.engine() {
        Engine::Postgres => select_clients!("cast(array_to_json(scope) as text)"),
        Engine::Sqlite => select_clients!("scope"),
    };
    let rows: Vec<ClientRow> =
        tx.fetch_all(format!("{select}{condition} order by client_type"), &args).await?;
    for ClientRow(scope, third_party_id, client) in rows {
        let of_tenant = providers.get_mut(&scope).into_iter().flatten();
        for provider in of_tenant.filter(|provider| provider.third_party_id == third_party_id) {
            provider.clients.push(client.clone());
        }
    }
    Ok(providers)
}

/// Deletes a tenant's provider; whether it was there.
pub(super) async fn delete_provider(tx: &mut Tx, scope: &Scope, third_party_id: &str) -> Result<bool> {
    let sql = "delete from tenant_thirdparty_providers
        where connection_uri_domain = $1 and app_id = $2 and tenant_id = $3 and third_party_id = $4";
    let args = args![&scope.domain, &scope.app_id, &scope.tenant_id, third_party_id];
    Ok(tx.execute(sql, args).await? > 0)
}

/// Stores a tenant's provider, which is not there.
pub(super) async fn insert_provider(tx: &mut Tx, scope: &Scope, provider: &Provider) -> Result<()> {
    let maps = [
        provider.authorization_endpoint_query_params.as_ref(),
        provider.token_endpoint_body_params.as_ref(),
        provider.user_info_endpoint_query_params.as_ref(),
        provider.user_info_endpoint_headers.as_ref(),
    ];
    let [query, body, info_query, info_headers] = maps.map(to_text);
    let (token, info) =
        (&provider.user_info_map.from_id_token_payload, &provider.user_info_map.from_user_info_api);
    let args = args![
        &scope.domain,
        &scope.app_id,
        &scope.tenant_id,
        &provider.third_party_id,
        &provider.name,
        &provider.authorization_endpoint,
        &query,
        &provider.token_endpoint,
        &body,
        &provider.user_info_endpoint,
        &info_query,
        &info_headers,
        &provider.jwks_uri,
        &provider.oidc_discovery_endpoint,
        provider.require_email,
        &token.user_id,
        &token.email,
        &token.email_verified,
        &info.user_id,
        &info.email,
        &info.email_verified,
    ];
    let list = placeholders(1, args.len());
    let sql = format!("insert into tenant_thirdparty_providers ({PROVIDER_COLUMNS}) values ({list})");
    tx.execute(sql, args).await?;
    for client in &provider.clients {
        insert_client(tx, scope, &provider.third_party_id, client).await?;
    }
    Ok(())
}

fn to_text(map: Option<&Object>) -> Option<String> {
    map.map(|map| serde_json::Value::Object(map.clone()).to_string())
}

macro_rules! insert_client {
    ($scope:literal) => {
        concat!(
            "insert into tenant_thirdparty_provider_clients (connection_uri_domain, app_id, tenant_id,
             third_party_id, client_type, client_id, client_secret, force_pkce, additional_config, scope)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, ",
            $scope,
            ")"
        )
    };
}

async fn insert_client(
    tx: &mut Tx,
    scope: &Scope,
    third_party_id: &str,
    client: &ProviderClient,
) -> Result<()> {
    let sql = sql!(
        postgres: insert_client!(
            "case when cast($10 as text) is not null
             then array(select json_array_elements_text(cast(cast($10 as text) as json))) end"
        ),
        sqlite: insert_client!("$10"),
    );
    let additional_config = to_text(client.additional_config.as_ref());
    let asked = client.scope.as_ref().map(|scope| serde_json::Value::from(scope.clone()).to_string());
    let args = args![
        &scope.domain,
        &scope.app_id,
        &scope.tenant_id,
        third_party_id,
        client.client_type.as_deref().unwrap_or_default(),
        &client.client_id,
        &client.client_secret,
        client.force_pkce,
        &additional_config,
        &asked,
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

/// The settings of every domain but the default one, and of whoever has settings with names that begin so.
pub(super) async fn list_deciding(tx: &mut Tx, prefix: &str) -> Result<Vec<(Scope, Object)>> {
    let sql = "select connection_uri_domain, app_id, tenant_id, core_config from tenant_configs
        where (connection_uri_domain <> '' and app_id = $1 and tenant_id = $1) or core_config like $2";
    let names = format!("%\"{prefix}%");
    let rows: Vec<(String, String, String, Option<String>)> =
        tx.fetch_all(sql, args![PUBLIC, &names]).await?;
    let parse = |(domain, app_id, tenant_id, text): (String, String, String, Option<String>)| {
        let scope = Scope { domain, app_id, tenant_id };
        let settings = parse_core_config(&scope, text.as_deref())?;
        Ok((scope, settings))
    };
    rows.into_iter().map(parse).collect()
}

/// The connection URI domains, without the default one.
pub(super) async fn list_domains(tx: &mut Tx) -> Result<Vec<String>> {
    let sql = "select distinct connection_uri_domain from tenant_configs where connection_uri_domain <> ''";
    let rows: Vec<(String,)> = tx.fetch_all(sql, &[]).await?;
    Ok(rows.into_iter().map(|(domain,)| domain).collect())
}
