//! What everybody may ask. The API can be replaced or taken away.

use super::{Discovery, Issuer};
use crate::handle::{ApiMethod, ApiRoute, Route, enabled_routes, ok};
use crate::{Cx, Result};
use async_trait::async_trait;
use bytes::Bytes;
use http::Response;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue};

/// The frontend APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `GET /.well-known/openid-configuration`
    Discovery,
}

/// The frontend APIs of the openid recipe. A replacement implements [`Apis::original`] and what it changes.
#[async_trait]
pub trait Apis: Send + Sync {
    /// The APIs below.
    fn original(&self) -> &dyn Apis;

    /// The discovery document.
    async fn discovery(&self, cx: &Cx) -> Result<Discovery> {
        self.original().discovery(cx).await
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

    async fn discovery(&self, cx: &Cx) -> Result<Discovery> {
        cx.sdk().open_id().discovery(cx).await
    }
}

async fn discovery(cx: &Cx) -> Result<Response<Bytes>> {
    let mut response = ok(&cx.sdk().open_id().apis.discovery(cx).await?)?;
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(response)
}

/// The routes that are not taken away.
pub(crate) fn routes(recipe: &Issuer) -> Vec<Route> {
    let all: [ApiRoute<Api>; 1] =
        [(Api::Discovery, ApiMethod::Get, "/.well-known/openid-configuration", |cx, _| {
            Box::pin(discovery(cx))
        })];
    enabled_routes(&recipe.disabled, "openid", all)
}
