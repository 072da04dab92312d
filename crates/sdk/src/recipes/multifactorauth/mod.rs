//! Sign-ins in several steps: which factors a session went through, which are asked of it, and which its user
//! may set up.

mod addresses;
mod apis;
mod claim;
mod config;
mod functions;
mod requirements;
mod state;

pub use apis::{Api, Apis, MfaInfo};
pub use claim::{ClaimValue, claim, has_completed_mfa_requirements_for_auth, has_completed_requirement_list};
pub use config::MultiFactorAuth;
pub use functions::{Functions, SetUp};
pub use requirements::Requirement;
pub use state::AuthState;

pub(crate) use apis::routes;

use super::session::Session;
use crate::{Cx, Error, Result, SessionError, User};
use std::collections::HashSet;
use std::sync::Arc;

/// The multifactorauth recipe at work.
#[derive(Debug)]
pub struct Factors {
    /// The first factors that the app names.
    pub(crate) first: Option<Vec<String>>,
    pub(crate) functions: Arc<dyn Functions>,
    pub(crate) apis: Arc<dyn Apis>,
    pub(crate) disabled: HashSet<Api>,
}

impl Factors {
    /// Whether the app replaced functions: what a tenant requires may then be without effect.
    pub(crate) fn has_own_functions(&self) -> bool {
        // Those that nothing is below answer themselves.
        !std::ptr::addr_eq(Arc::as_ptr(&self.functions), self.functions.original())
    }

    /// What signing in asks of a session's user, step by step. The session learns whether it has gone through it.
    pub async fn mfa_requirements_for_auth(&self, cx: &Cx, session: &Session) -> Result<Vec<Requirement>> {
        Ok(state::look_at(cx, session, None).await?.requirements)
    }

    /// A 403 unless a session's user may set a factor up: once the session has gone through what signing in asks,
    /// or if the factor is one of the next step, of which the user has set up none.
    pub async fn assert_allowed_to_setup_factor(
        &self,
        cx: &Cx,
        session: &Session,
        factor: &str,
    ) -> Result<()> {
        let user = cx.sdk().find_user(cx, session.user_id()).await?;
        let user = user.ok_or_else(|| SessionError::over("Session user not found"))?;
        self.allowed_to_setup(cx, session, &user, &[factor]).await.map(drop)
    }

    /// Those of some factors that a session's user may set up; the 403 of the last one if there is none.
    pub(crate) async fn allowed_to_setup(
        &self,
        cx: &Cx,
        session: &Session,
        user: &User,
        factors: &[&str],
    ) -> Result<Vec<String>> {
        // What the session has learnt may be out of date: one that was stolen before its user asked for a second
        // factor is not to set up another.
        let set_up = SetUp::of(user, state::look_at(cx, session, None).await?.requirements);
        match allowed(cx, session, factors, &set_up).await? {
            (allowed, Some(refusal)) if allowed.is_empty() => Err(refusal.into()),
            (allowed, _) => Ok(allowed),
        }
    }

    /// Lets a session know that it went through a factor, and whether that is enough.
    pub async fn mark_factor_as_complete_in_session(
        &self,
        cx: &Cx,
        session: &Session,
        factor: &str,
    ) -> Result<()> {
        self.functions.mark_factor_as_complete_in_session(cx, session, factor).await
    }

    /// The factors that a user has set up.
    pub async fn factors_setup_for_user(&self, cx: &Cx, user_id: &str) -> Result<Vec<String>> {
        let user = cx.sdk().find_user(cx, user_id).await?;
        let user = user.ok_or_else(|| Error::Internal(format!("there is no user '{user_id}'")))?;
        self.functions.factors_setup_for_user(cx, &user).await
    }

    /// The second factors of which the app asks a user for one, by the primary user's id.
    pub async fn required_secondary_factors_for_user(&self, cx: &Cx, user_id: &str) -> Result<Vec<String>> {
        self.functions.required_secondary_factors_for_user(cx, user_id).await
    }

    /// Adds a factor to those. Sessions that are there learn of it when they are made anew or looked at by
    /// [`Factors::mfa_requirements_for_auth`].
    pub async fn add_to_required_secondary_factors_for_user(
        &self,
        cx: &Cx,
        user_id: &str,
        factor: &str,
    ) -> Result<()> {
        self.functions.add_to_required_secondary_factors_for_user(cx, user_id, factor).await
    }

    /// Takes a factor from those.
    pub async fn remove_from_required_secondary_factors_for_user(
        &self,
        cx: &Cx,
        user_id: &str,
        factor: &str,
    ) -> Result<()> {
        self.functions.remove_from_required_secondary_factors_for_user(cx, user_id, factor).await
    }
}

/// Those of some factors that a session's user may set up, and the last refusal.
async fn allowed(
    cx: &Cx,
    session: &Session,
    factors: &[&str],
    set_up: &SetUp,
) -> Result<(Vec<String>, Option<SessionError>)> {
    let functions = &cx.sdk().multi_factor_auth()?.functions;
    let (mut allowed, mut refusal) = (Vec::new(), None);
    for factor in factors {
        match functions.assert_allowed_to_setup_factor(cx, session, factor, set_up).await {
            Ok(()) => allowed.push((*factor).to_owned()),
            Err(Error::Session(error @ SessionError::InvalidClaims(_))) => refusal = Some(error),
            Err(error) => return Err(error),
        }
    }
    Ok((allowed, refusal))
}
