//! What the frontend may ask about tenants. Each API can be replaced or taken away.

use super::Tenants;
use crate::handle::{ApiMethod, ApiRoute, Route, enabled_routes, ok};
use crate::recipes::factors::{
    EMAIL_PASSWORD, LINK_EMAIL, LINK_PHONE, OTP_EMAIL, OTP_PHONE, THIRD_PARTY, WEBAUTHN,
};
use crate::recipes::thirdparty::login_providers;
use crate::{Cx, Error, Result};
use async_trait::async_trait;
use bytes::Bytes;
use http::Response;
use serde::Serialize;
use serde_json::json;

/// The frontend APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `GET /loginmethods`
    LoginMethods,
}

/// What `GET /loginmethods` answers: the ways of signing in to a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginMethods {
    /// The first factors, of which the frontend shows those that it knows.
    pub first_factors: Vec<String>,
    /// The providers.
    pub providers: Vec<LoginProvider>,
}

/// A provider of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoginProvider {
    /// Its id.
    pub id: String,
    /// What pages call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The frontend APIs of the multitenancy recipe. A replacement implements [`Apis::original`] and what it
/// changes. Any of them may answer [`Error::General`], whose text the frontend shows.
#[async_trait]
pub trait Apis: Send + Sync {
    /// The APIs below.
    fn original(&self) -> &dyn Apis;

    /// The ways of signing in to a tenant, for a kind of client if the frontend says which it is.
    async fn login_methods(&self, cx: &Cx, tenant: &str, client_type: Option<&str>) -> Result<LoginMethods> {
        self.original().login_methods(cx, tenant, client_type).await
    }
}

/// What the APIs do unless they are replaced.
#[derive(Debug)]
pub(super) struct BaseApis;

#[async_trait]
impl Apis for BaseApis {
    fn original(&self) -> &dyn Apis {
        self
    }

    async fn login_methods(&self, cx: &Cx, tenant: &str, client_type: Option<&str>) -> Result<LoginMethods> {
        let found = cx.sdk().multitenancy().functions.get_tenant(cx, tenant).await?;
        let known = found.ok_or_else(|| Error::Internal(format!("there is no tenant {tenant}")))?;
        let first_factors = cx.sdk().first_factors_of(&known);
        let providers = login_providers(cx.sdk(), &known, client_type);
        Ok(LoginMethods { first_factors, providers })
    }
}

async fn login_methods(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let client_type = cx.exchange().and_then(|exchange| exchange.query("clientType"));
    let apis = &cx.sdk().multitenancy().apis;
    let found = apis.login_methods(cx, tenant, client_type.as_deref()).await?;
    let enables = |factors: &[&str]| found.first_factors.iter().any(|id| factors.contains(&id.as_str()));
    ok(&json!({
        "status": "OK",
        "emailPassword": {"enabled": enables(&[EMAIL_PASSWORD])},
        "thirdParty": {"enabled": enables(&[THIRD_PARTY]), "providers": found.providers},
        "webauthn": {"enabled": enables(&[WEBAUTHN])},
        "passwordless": {"enabled": enables(&[OTP_EMAIL, OTP_PHONE, LINK_EMAIL, LINK_PHONE])},
        "firstFactors": found.first_factors,
    }))
}

/// The routes that are not taken away.
pub(crate) fn routes(recipe: &Tenants) -> Vec<Route> {
    let all: [ApiRoute<Api>; 1] = [(Api::LoginMethods, ApiMethod::Get, "/loginmethods", |cx, tenant| {
        Box::pin(login_methods(cx, tenant))
    })];
    enabled_routes(&recipe.disabled, "multitenancy", all)
}
