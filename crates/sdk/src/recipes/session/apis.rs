//! What the frontend may ask about sessions. Each API can be replaced or taken away.

use super::{Session, Sessions, VerifyOptions};
use crate::handle::{ApiMethod, Route, ok};
use crate::{Cx, Result, SessionError};
use async_trait::async_trait;
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

/// The routes that are not taken away.
pub(crate) fn routes(sessions: &Sessions) -> Vec<Route> {
    let route = |path, handler| Route { rid: "session", method: ApiMethod::Post, path, handler };
    let all: [(Api, Route); 2] = [
        (
            Api::Refresh,
            route("/session/refresh", |cx, _| {
                Box::pin(async move {
                    cx.session()?.apis.refresh(cx).await?;
                    ok(&json!({}))
                })
            }),
        ),
        (
            Api::SignOut,
            route("/signout", |cx, _| {
                Box::pin(async move {
                    let sessions = cx.session()?;
                    let options = VerifyOptions::new().without_claims();
                    let session = sessions.verify(cx, &options).await?;
                    let session = session.ok_or_else(|| SessionError::missing("no session"))?;
                    sessions.apis.sign_out(cx, &session).await?;
                    ok(&json!({"status": "OK"}))
                })
            }),
        ),
    ];
    all.into_iter().filter(|(api, _)| !sessions.disabled.contains(api)).map(|(_, route)| route).collect()
}
