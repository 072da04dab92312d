//! What the frontend may ask about sessions. Each API can be replaced or taken away.

use super::{Session, Sessions};
use crate::handle::{ApiMethod, ApiRoute, Route, enabled_routes, ok};
use crate::{Cx, Result};
use async_trait::async_trait;
use bytes::Bytes;
use http::Response;
use serde_json::json;

/// The frontend APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `POST /session/refresh`
    Refresh,
    /// `POST /signout`
    SignOut,
}

/// The frontend APIs of the session recipe. A replacement implements [`Apis::original`] and what it
/// changes.
#[async_trait]
pub trait Apis: Send + Sync {
    /// The APIs below.
    fn original(&self) -> &dyn Apis;

    /// Exchanges the refresh token; the new tokens are in the response.
    async fn refresh(&self, cx: &Cx) -> Result<Session> {
        self.original().refresh(cx).await
    }

    /// Ends the session.
    async fn sign_out(&self, cx: &Cx, session: &Session) -> Result<()> {
        self.original().sign_out(cx, session).await
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

    async fn refresh(&self, cx: &Cx) -> Result<Session> {
        cx.session()?.refresh(cx).await
    }

    async fn sign_out(&self, cx: &Cx, session: &Session) -> Result<()> {
        session.revoke(cx).await
    }
}

async fn refresh(cx: &Cx) -> Result<Response<Bytes>> {
    cx.session()?.apis.refresh(cx).await?;
    ok(&json!({}))
}

async fn sign_out(cx: &Cx) -> Result<Response<Bytes>> {
    let sessions = cx.session()?;
    let session = sessions.verify_unfinished(cx).await?;
    sessions.apis.sign_out(cx, &session).await?;
    ok(&json!({"status": "OK"}))
}

/// The routes that are not taken away.
pub(crate) fn routes(recipe: &Sessions) -> Vec<Route> {
    let all: [ApiRoute<Api>; 2] = [
        (Api::Refresh, ApiMethod::Post, "/session/refresh", |cx, _| Box::pin(refresh(cx))),
        (Api::SignOut, ApiMethod::Post, "/signout", |cx, _| Box::pin(sign_out(cx))),
    ];
    enabled_routes(&recipe.disabled, "session", all)
}
