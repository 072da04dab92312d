//! The endpoints about the core itself.

use super::model::{TenantUsage, Usage, is_enterprise};
use super::service;
use crate::ground::tenancy::service as tenancy;
use crate::http::{Reply, Routes};
use crate::{Cx, Error, Result, Scope};
use portcullis_wire::Status;
use portcullis_wire::admin::{self as wire, Migration, MigrationMode, MigrationResponse, Migrations};
use portcullis_wire::{Cdi, Object};

/// What the reference sells, and what is free here.
const FEATURES: [&str; 7] =
    ["account_linking", "multi_tenancy", "dashboard_login", "mfa", "security", "oauth", "saml"];

/// The endpoints.
pub(super) fn routes() -> Routes {
    Routes::new()
        .at_raw::<wire::HelloGet>(hello)
        .at_raw::<wire::HelloPost>(hello)
        .at_raw::<wire::HelloPut>(hello)
        .at_raw::<wire::HelloDelete>(hello)
        .at_raw::<wire::RootGet>(root)
        .at_raw::<wire::RootPost>(root)
        .at_raw::<wire::RootPut>(root)
        .at_raw::<wire::RootDelete>(root)
        .at::<wire::ApiVersion>(api_version)
        .at::<wire::Config>(config)
        .at::<wire::Telemetry>(telemetry)
        .at::<wire::MigrationModeOf>(migration_mode)
        .at::<wire::MigrationProgress>(migration_progress)
        .at_raw::<wire::RequestsStats>(requests_stats)
        .at::<wire::FeatureFlag>(feature_flag)
        .at::<wire::SetLicense>(set_license)
        .at::<wire::GetLicense>(license)
        .at::<wire::RemoveLicense>(remove_license)
}

async fn hello(cx: Cx, (): ()) -> Result<Reply> {
    if !cx.app.greetings.may_ask(&cx.scope, cx.now) {
        return Ok(Reply::text(if cx.app.test_mode { "RateLimitedHello" } else { "Hello" }));
    }
    cx.db().ping().await?;
    Ok(Reply::text("Hello"))
}

/// Unlike `/hello`, only a tenant who exists is greeted.
async fn root(cx: Cx, (): ()) -> Result<Reply> {
    if cx.tenant.scope == cx.scope { hello(cx, ()).await } else { Err(Error::NotFound) }
}

async fn api_version(cx: Cx, input: wire::ApiVersionRequest) -> Result<wire::ApiVersionResponse> {
    service::note_domains(&cx, &input).await;
    let max = cx.config().max_cdi.as_ref().and_then(|max| max.parse().ok()).unwrap_or(Cdi::LATEST);
    let served = Cdi::SUPPORTED.iter().filter(|cdi| **cdi <= max);
    Ok(wire::ApiVersionResponse { versions: served.map(ToString::to_string).collect() })
}

async fn config(cx: Cx, input: wire::ConfigRequest) -> Result<wire::ConfigResponse> {
    if !cx.scope.is_base() {
        let text = "you can call this only from the base connection uri domain, public app and tenant";
        return Err(Error::forbidden(text));
    }
    if u32::try_from(input.pid) != Ok(std::process::id()) {
        return Ok(wire::ConfigResponse::NotAllowed);
    }
    let path = cx.app.config_path.as_ref().map(|path| path.display().to_string());
    Ok(wire::ConfigResponse::Ok { path: path.unwrap_or_default() })
}

async fn telemetry(_: Cx, (): ()) -> Result<wire::TelemetryResponse> {
    Ok(wire::TelemetryResponse { exists: false })
}

async fn migration_mode(cx: Cx, (): ()) -> Result<MigrationResponse> {
    migration(&cx, |domain| Migration {
        connection_uri_domain: domain,
        mode: MigrationMode::Migrated,
        pending_users: None,
        verify_skipped: None,
    })
    .await
}

async fn migration_progress(cx: Cx, input: wire::ProgressRequest) -> Result<MigrationResponse> {
    let asked = input.verify.as_deref() == Some("true");
    migration(&cx, |domain| Migration {
        connection_uri_domain: domain,
        mode: MigrationMode::Migrated,
        pending_users: Some(0),
        verify_skipped: asked.then(|| "migrated".to_owned()),
    })
    .await
}

/// What is told of one domain, or of all to who asks the default one.
async fn migration(cx: &Cx, of: impl Fn(Option<String>) -> Migration) -> Result<MigrationResponse> {
    let migrations = if cx.scope.domain.is_empty() && cx.scope.is_public_app() {
        let domains = tenancy::list_domains(cx).await?;
        Migrations::All { cuds: domains.into_iter().map(|domain| of(Some(domain))).collect() }
    } else {
        Migrations::One(of(None))
    };
    Ok(MigrationResponse { status: Status::Ok, migrations })
}

async fn requests_stats(cx: Cx, (): ()) -> Result<Reply> {
    Reply::json(&cx.app.stats.report(&cx.scope.public_tenant(), cx.now))
}

async fn feature_flag(cx: Cx, (): ()) -> Result<wire::FeatureFlagResponse> {
    let features = FEATURES.map(str::to_owned).to_vec();
    let usage_stats = usage_stats(&cx, service::usage(&cx).await?);
    Ok(wire::FeatureFlagResponse { status: Status::Ok, features, usage_stats })
}

fn usage_stats(cx: &Cx, usage: Usage) -> wire::UsageStats {
    let Scope { domain, app_id, .. } = &cx.scope;
    // Each domain has a database of its own, and some tenants have another one.
    let pool = if domain.is_empty() { "default" } else { domain };
    let tenant = |of: TenantUsage| wire::TenantUsage {
        tenant_id: of.tenant_id,
        users_count: of.users,
        has_users_or_sessions: of.users > 0 || of.has_sessions,
        first_factors: of.config.first_factors,
        required_secondary_factors: of.config.required_secondary_factors,
        user_pool_id: of.pool.unwrap_or_else(|| pool.to_owned()),
        has_enterprise_login: of.config.providers.iter().any(|it| is_enterprise(&it.third_party_id)),
    };
    wire::UsageStats {
        maus: usage.active.to_vec(),
        dashboard_login: wire::DashboardUsage { user_count: usage.dashboard_users },
        multi_tenancy: wire::TenancyUsage {
            connection_uri_domain: domain.clone(),
            app_id: app_id.clone(),
            tenants: usage.tenants.into_iter().map(tenant).collect(),
        },
        account_linking: wire::LinkingUsage { uses_account_linking: usage.has_primary_users },
        mfa: Object::new(),
        security: Object::new(),
    }
}

async fn set_license(_: Cx, input: Object) -> Result<wire::StatusOk> {
    match input.get("licenseKey") {
        Some(key) if !key.is_string() => {
            Err(Error::bad_input("Field name 'licenseKey' is invalid in JSON input"))
        }
        None if !input.is_empty() => {
            Err(Error::bad_input("Field name 'licenseKey' is missing in JSON input"))
        }
        _ => Ok(wire::StatusOk::default()),
    }
}

async fn license(_: Cx, (): ()) -> Result<wire::LicenseKeyResponse> {
    Ok(wire::LicenseKeyResponse::NoLicenseKeyFound)
}

async fn remove_license(_: Cx, (): ()) -> Result<wire::StatusOk> {
    Ok(wire::StatusOk::default())
}
