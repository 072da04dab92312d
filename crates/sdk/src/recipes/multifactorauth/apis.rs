//! What the frontend may ask. The API can be replaced or taken away.

use super::requirements::Requirement;
use super::{Factors, SetUp, addresses, requirements, state};
use crate::handle::{ApiMethod, ApiRoute, Route, enabled_routes, ok};
use crate::recipes::session::Session;
use crate::{Cx, Error, Result, SessionError};
use async_trait::async_trait;
use bytes::Bytes;
use http::Response;
use serde_json::json;
use std::collections::BTreeMap;

/// The frontend APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `PUT /mfa/info`
    ResyncSessionAndFetchMfaInfo,
}

/// What `PUT /mfa/info` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MfaInfo {
    /// The factors of which the user goes through one now; none if the session has come far enough.
    pub next: Vec<String>,
    /// The factors that the user has set up.
    pub already_setup: Vec<String>,
    /// The factors that the user may set up now.
    pub allowed_to_setup: Vec<String>,
    /// The addresses to choose among, by factor, the best first.
    pub emails: BTreeMap<String, Vec<String>>,
    /// The numbers to choose among, by factor, the best first.
    pub phone_numbers: BTreeMap<String, Vec<String>>,
}

/// The frontend APIs of the multifactorauth recipe. A replacement implements [`Apis::original`] and what it
/// changes. It may answer [`Error::General`], whose text the frontend shows.
#[async_trait]
pub trait Apis: Send + Sync {
    /// The APIs below.
    fn original(&self) -> &dyn Apis;

    /// What the session's user goes through next. The session learns what is asked of it now.
    async fn resync_session_and_fetch_mfa_info(&self, cx: &Cx, session: &Session) -> Result<MfaInfo> {
        self.original().resync_session_and_fetch_mfa_info(cx, session).await
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

    async fn resync_session_and_fetch_mfa_info(&self, cx: &Cx, session: &Session) -> Result<MfaInfo> {
        let user = cx.sdk().find_user(cx, session.user_id()).await?;
        let user = user.ok_or_else(|| SessionError::over("Session user not found"))?;
        let now = state::look_at(cx, session, None).await?;
        let set_up = SetUp::of(&user, now.requirements);
        let already_setup = set_up.factors(cx).await?;
        let offered = cx.sdk().recipes().second_factors();
        let (allowed, _) = super::allowed(cx, session, &offered, &set_up).await?;
        let addresses = addresses::of_user(&user, session.recipe_user_id(), &offered);
        let addresses =
            addresses.ok_or_else(|| SessionError::over("User no longer associated with the session"))?;
        let open = requirements::next(&now.value.completed, &set_up.requirements);
        let open = open.as_ref().map(Requirement::factors).unwrap_or_default();
        // A factor that is neither there nor can be is no way on.
        let works = |factor: &&String| allowed.contains(factor) || already_setup.contains(factor);
        let next: Vec<String> = open.iter().filter(works).cloned().collect();
        if next.is_empty() && !open.is_empty() {
            return Err(Error::Internal(format!(
                "The user is required to complete secondary factors they are not allowed to ({}), likely because of configuration issues.",
                open.join(", ")
            )));
        }
        Ok(MfaInfo {
            next,
            already_setup: already_setup.to_vec(),
            allowed_to_setup: allowed,
            emails: addresses.emails,
            phone_numbers: addresses.phone_numbers,
        })
    }
}

async fn mfa_info(cx: &Cx) -> Result<Response<Bytes>> {
    let session = cx.session()?.verify_unfinished(cx).await?;
    let apis = &cx.sdk().multi_factor_auth()?.apis;
    let info = apis.resync_session_and_fetch_mfa_info(cx, &session).await?;
    ok(&json!({
        "status": "OK",
        "factors": {
            "next": info.next,
            "alreadySetup": info.already_setup,
            "allowedToSetup": info.allowed_to_setup,
        },
        "emails": info.emails,
        "phoneNumbers": info.phone_numbers,
    }))
}

/// The routes that are not taken away.
pub(crate) fn routes(recipe: &Factors) -> Vec<Route> {
    let all: [ApiRoute<Api>; 1] =
        [(Api::ResyncSessionAndFetchMfaInfo, ApiMethod::Put, "/mfa/info", |cx, _| Box::pin(mfa_info(cx)))];
    enabled_routes(&recipe.disabled, "multifactorauth", all)
}
