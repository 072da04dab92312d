//! The core about itself: is it alive, which versions does it speak, what is it allowed to do.

use crate::endpoint::endpoint;
use crate::input::request;
use crate::{Access, Object, Status, Versioning};
use serde::{Deserialize, Serialize};

request! {
    /// Where the SDK lives; kept for statistics only.
    ApiVersionRequest {
        /// The website's domain.
        website_domain: Option<String> = "websiteDomain",
        /// The API's domain.
        api_domain: Option<String> = "apiDomain",
    }
    /// Which process is meant.
    ConfigRequest {
        /// The process id.
        pid: i32 = "pid",
    }
}

/// The versions that both sides may choose from.
#[derive(Debug, Deserialize, Serialize)]
pub struct ApiVersionResponse {
    /// `major.minor`, in no order that means anything.
    pub versions: Vec<String>,
}

/// Where the configuration came from.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum ConfigResponse {
    /// The process id is this process's.
    #[serde(rename = "OK")]
    Ok {
        /// The file's absolute path; empty without one.
        path: String,
    },
    /// Another process.
    #[serde(rename = "NOT_ALLOWED")]
    NotAllowed,
}

/// Whether the core has a telemetry id. This one never calls home and has none.
#[derive(Debug, Deserialize, Serialize)]
pub struct TelemetryResponse {
    /// Always false.
    pub exists: bool,
}

/// Every feature is on.
#[derive(Debug, Deserialize, Serialize)]
pub struct FeatureFlagResponse {
    /// Always `OK`.
    pub status: Status,
    /// The features.
    pub features: Vec<String>,
    /// What the app uses of them.
    #[serde(rename = "usageStats")]
    pub usage_stats: UsageStats,
}

/// What an app uses, by feature.
#[derive(Debug, Deserialize, Serialize)]
pub struct UsageStats {
    /// How many users were active on the last day, on the last two days, and so on to the last 31.
    pub maus: Vec<i64>,
    /// The dashboard.
    pub dashboard_login: DashboardUsage,
    /// The app's tenants.
    pub multi_tenancy: TenancyUsage,
    /// Account linking.
    pub account_linking: LinkingUsage,
    /// Second factors: nothing is told.
    pub mfa: Object,
    /// Guards against guessing: nothing is told.
    pub security: Object,
}

/// What is used of the dashboard.
#[derive(Debug, Deserialize, Serialize)]
pub struct DashboardUsage {
    /// How many may use it.
    pub user_count: i64,
}

/// What is used of account linking.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkingUsage {
    /// Whether there are primary users.
    pub uses_account_linking: bool,
}

/// What is used of multi-tenancy.
#[derive(Debug, Deserialize, Serialize)]
pub struct TenancyUsage {
    /// The domain.
    #[serde(rename = "connectionUriDomain")]
    pub connection_uri_domain: String,
    /// The app.
    #[serde(rename = "appId")]
    pub app_id: String,
    /// Its tenants.
    pub tenants: Vec<TenantUsage>,
}

/// What is used of a tenant.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantUsage {
    /// The tenant.
    pub tenant_id: String,
    /// How many users are members.
    pub users_count: i64,
    /// Whether anybody is, or has a session there.
    pub has_users_or_sessions: bool,
    /// The first factors allowed, if they are limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_factors: Option<Vec<String>>,
    /// The second factors of which one is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_secondary_factors: Option<Vec<String>>,
    /// The same for tenants in the same database.
    pub user_pool_id: String,
    /// Whether users sign in with a company's own provider.
    pub has_enterprise_login: bool,
}

/// A call that has nothing to say but `OK`.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct StatusOk {
    status: Status,
}

/// The licence key of an installation that has none.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum LicenseKeyResponse {
    /// No key is needed, and none is kept.
    #[serde(rename = "NO_LICENSE_KEY_FOUND_ERROR")]
    NoLicenseKeyFound,
}

request! {
    /// How far a move of stored users is.
    ProgressRequest {
        /// `true`: whether all of them are consistent, too.
        verify: Option<String> = "verify",
    }
}

/// How users are stored in a database. The reference's own kinds are being replaced by one; nothing else is
/// written here.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub enum MigrationMode {
    /// In the tables of the replacement only.
    #[serde(rename = "MIGRATED")]
    Migrated,
}

/// How users are stored, and how much is left to do, in one connection URI domain.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Migration {
    /// The domain; left out where the call was made to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_uri_domain: Option<String>,
    /// How.
    pub mode: MigrationMode,
    /// Users who are stored otherwise; told with the progress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_users: Option<i64>,
    /// Why nothing was verified; told if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify_skipped: Option<String>,
}

/// As [`Migration`], of all domains for the default one.
#[derive(Debug, Deserialize, Serialize)]
pub struct MigrationResponse {
    /// Always `OK`.
    pub status: Status,
    /// How.
    #[serde(flatten)]
    pub migrations: Migrations,
}

/// Of which domains [`MigrationResponse`] tells.
#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Migrations {
    /// Of every one.
    All {
        /// The domains.
        cuds: Vec<Migration>,
    },
    /// Of the one that was asked.
    One(Migration),
}

endpoint! {
    /// How users are stored.
    MigrationModeOf: Get "/migration/mode" Any, () => MigrationResponse;
    /// How far the move of stored users is.
    MigrationProgress: Get "/migration/backfill/progress" Any, ProgressRequest => MigrationResponse;
    /// Is the core alive, and its database?
    HelloGet: Get "/hello" Any, () => (), ACCESS: Access = Access::Open, VERSIONING: Versioning = Versioning::Ignored;
    /// See [`HelloGet`].
    HelloPost: Post "/hello" Any, () => (), ACCESS: Access = Access::Open, VERSIONING: Versioning = Versioning::Ignored;
    /// See [`HelloGet`].
    HelloPut: Put "/hello" Any, () => (), ACCESS: Access = Access::Open, VERSIONING: Versioning = Versioning::Ignored;
    /// See [`HelloGet`].
    HelloDelete: Delete "/hello" Any, () => (), ACCESS: Access = Access::Open, VERSIONING: Versioning = Versioning::Ignored;
    /// As `/hello`, but for a tenant that exists.
    RootGet: Get "/" Any, () => (), ACCESS: Access = Access::Open;
    /// See [`RootGet`].
    RootPost: Post "/" Any, () => (), ACCESS: Access = Access::Open;
    /// See [`RootGet`].
    RootPut: Put "/" Any, () => (), ACCESS: Access = Access::Open;
    /// See [`RootGet`].
    RootDelete: Delete "/" Any, () => (), ACCESS: Access = Access::Open;
    /// The versions that the core speaks.
    ApiVersion: Get "/apiversion" App, ApiVersionRequest => ApiVersionResponse, VERSIONING: Versioning = Versioning::Ignored;
    /// Where the configuration came from.
    Config: Get "/config" Any, ConfigRequest => ConfigResponse, ACCESS: Access = Access::Open;
    /// Whether there is a telemetry id.
    Telemetry: Get "/telemetry" App, () => TelemetryResponse;
    /// Requests per second, minute by minute.
    RequestsStats: Get "/requests/stats" App, () => ();
    /// The features that are on: all.
    FeatureFlag: Get "/ee/featureflag" App, () => FeatureFlagResponse;
    /// Takes any licence key and needs none.
    SetLicense: Put "/ee/license" App, Object => StatusOk;
    /// The licence key: there is none.
    GetLicense: Get "/ee/license" App, () => LicenseKeyResponse;
    /// Removes the licence key: there is none.
    RemoveLicense: Delete "/ee/license" App, () => StatusOk;
}
