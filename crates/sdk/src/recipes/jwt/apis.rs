//! What other services may ask. The API can be replaced or taken away.

use super::{Jwks, JwtSigner};
use crate::handle::{ApiMethod, ApiRoute, Route, enabled_routes, ok};
use crate::{Cx, Error, Result};
use async_trait::async_trait;
use bytes::Bytes;
use http::Response;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, HeaderValue};
use serde_json::json;

/// The frontend APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `GET /jwt/jwks.json`
    Jwks,
}

/// The frontend APIs of the jwt recipe. A replacement implements [`Apis::original`] and what it changes.
#[async_trait]
pub trait Apis: Send + Sync {
    /// The APIs below.
    fn original(&self) -> &dyn Apis;

    /// The public keys, and how long they may be kept.
    async fn jwks(&self, cx: &Cx) -> Result<Jwks> {
        self.original().jwks(cx).await
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

    async fn jwks(&self, cx: &Cx) -> Result<Jwks> {
        cx.sdk().jwt().jwks(cx).await
    }
}

async fn jwks(cx: &Cx) -> Result<Response<Bytes>> {
    let jwks = cx.sdk().jwt().apis.jwks(cx).await?;
    let mut response = ok(&json!({"keys": jwks.keys}))?;
    let caching = HeaderValue::try_from(format!("max-age={}, must-revalidate", jwks.validity_secs));
    let caching = caching.map_err(|error| Error::Internal(error.to_string()))?;
    response.headers_mut().insert(CACHE_CONTROL, caching);
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(response)
}

/// The routes that are not taken away.
pub(crate) fn routes(recipe: &JwtSigner) -> Vec<Route> {
    let all: [ApiRoute<Api>; 1] = [(Api::Jwks, ApiMethod::Get, "/jwt/jwks.json", |cx, _| Box::pin(jwks(cx)))];
    enabled_routes(&recipe.disabled, "jwt", all)
}
