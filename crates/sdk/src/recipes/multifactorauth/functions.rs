//! What can be done about factors. Each function can be replaced.

use super::claim::{ClaimValue, needs};
use super::requirements::{Requirement, distinct, next};
use super::state::{self, AuthState};
use crate::recipes::factors;
use crate::recipes::session::Session;
use crate::{Cx, Result, User};
use async_trait::async_trait;
use portcullis_wire::Object;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// What decides whether a factor may be set up.
#[derive(Clone, Debug)]
pub struct SetUp {
    /// What signing in asks of the session's user.
    pub requirements: Vec<Requirement>,
    user: User,
    factors: OnceCell<Vec<String>>,
}

impl SetUp {
    /// What is asked of a user now.
    pub(super) fn of(user: &User, requirements: Vec<Requirement>) -> Self {
        Self { requirements, user: user.clone(), factors: OnceCell::new() }
    }

    /// The factors that the user has set up. They are looked up once, when they are first asked for: to a session
    /// that has gone through what signing in asks they do not matter.
    pub async fn factors(&self, cx: &Cx) -> Result<&[String]> {
        let functions = &cx.sdk().multi_factor_auth()?.functions;
        let factors = self.factors.get_or_try_init(|| functions.factors_setup_for_user(cx, &self.user));
        factors.await.map(Vec::as_slice)
    }
}

/// The functions of the multifactorauth recipe. A replacement implements [`Functions::original`] and what it
/// changes; everything else goes to the functions below.
#[async_trait]
pub trait Functions: Send + Sync {
    /// The functions below.
    fn original(&self) -> &dyn Functions;

    /// The factors that a user has set up.
    async fn factors_setup_for_user(&self, cx: &Cx, user: &User) -> Result<Vec<String>> {
        self.original().factors_setup_for_user(cx, user).await
    }

    /// What signing in asks of a session's user, step by step: unless replaced, one of the second factors that
    /// user and tenant require.
    async fn mfa_requirements_for_auth(&self, cx: &Cx, state: &AuthState) -> Result<Vec<Requirement>> {
        self.original().mfa_requirements_for_auth(cx, state).await
    }

    /// Whether a session's user may set a factor up: a 403 if not.
    async fn assert_allowed_to_setup_factor(
        &self,
        cx: &Cx,
        session: &Session,
        factor: &str,
        set_up: &SetUp,
    ) -> Result<()> {
        self.original().assert_allowed_to_setup_factor(cx, session, factor, set_up).await
    }

    /// Lets a session know that it went through a factor.
    async fn mark_factor_as_complete_in_session(
        &self,
        cx: &Cx,
        session: &Session,
        factor: &str,
    ) -> Result<()> {
        self.original().mark_factor_as_complete_in_session(cx, session, factor).await
    }

    /// The second factors of which the app asks a user for one.
    async fn required_secondary_factors_for_user(&self, cx: &Cx, user_id: &str) -> Result<Vec<String>> {
        self.original().required_secondary_factors_for_user(cx, user_id).await
    }

    /// Adds a factor to those.
    async fn add_to_required_secondary_factors_for_user(
        &self,
        cx: &Cx,
        user_id: &str,
        factor: &str,
    ) -> Result<()> {
        self.original().add_to_required_secondary_factors_for_user(cx, user_id, factor).await
    }

    /// Takes a factor from those.
    async fn remove_from_required_secondary_factors_for_user(
        &self,
        cx: &Cx,
        user_id: &str,
        factor: &str,
    ) -> Result<()> {
        self.original().remove_from_required_secondary_factors_for_user(cx, user_id, factor).await
    }
}

/// What the functions do unless they are replaced.
#[derive(Debug)]
pub(super) struct BaseFunctions;

#[async_trait]
impl Functions for BaseFunctions {
    fn original(&self) -> &dyn Functions {
        self
    }

    async fn factors_setup_for_user(&self, cx: &Cx, user: &User) -> Result<Vec<String>> {
        let mut set_up = Vec::new();
        for factor in cx.sdk().recipes().second_factors() {
            let is_set_up = match factor {
                factors::TOTP => has_device(cx, user).await?,
                _ => user.login_methods.iter().any(|method| factors::is_of(factor, method)),
            };
            if is_set_up {
                set_up.push(factor.to_owned());
            }
        }
        Ok(set_up)
    }

    async fn mfa_requirements_for_auth(&self, cx: &Cx, state: &AuthState) -> Result<Vec<Requirement>> {
        let mut required = state.required_secondary_factors_for_user(cx).await?;
        required.extend(state.required_secondary_factors_for_tenant(cx).await?);
        Ok(vec![Requirement::OneOf(distinct(required.iter()))])
    }

    async fn assert_allowed_to_setup_factor(
        &self,
        cx: &Cx,
        session: &Session,
        factor: &str,
        set_up: &SetUp,
    ) -> Result<()> {
        let claim = ClaimValue::of(&session.access_token_payload()).unwrap_or_default();
        if claim.is_satisfied {
            return Ok(());
        }
        match refusal(&claim.completed, factor, &set_up.requirements, set_up.factors(cx).await?) {
            Some(refusal) => session.assert_claims(cx, &[needs(move |_| Some(refusal.into()))]).await,
            None => Ok(()),
        }
    }

    async fn mark_factor_as_complete_in_session(
        &self,
        cx: &Cx,
        session: &Session,
        factor: &str,
    ) -> Result<()> {
        state::look_at(cx, session, Some(factor)).await.map(drop)
    }

    async fn required_secondary_factors_for_user(&self, cx: &Cx, user_id: &str) -> Result<Vec<String>> {
        let kept = kept(cx, user_id).await?;
        let listed = kept.get(REQUIRED).and_then(Value::as_array).into_iter().flatten();
        Ok(listed.filter_map(|factor| factor.as_str().map(str::to_owned)).collect())
    }

    async fn add_to_required_secondary_factors_for_user(
        &self,
        cx: &Cx,
        user_id: &str,
        factor: &str,
    ) -> Result<()> {
        let functions = &cx.sdk().multi_factor_auth()?.functions;
        let mut required = functions.required_secondary_factors_for_user(cx, user_id).await?;
        if required.iter().any(|known| known == factor) {
            return Ok(());
        }
        required.push(factor.to_owned());
        keep(cx, user_id, required).await
    }

    async fn remove_from_required_secondary_factors_for_user(
        &self,
        cx: &Cx,
        user_id: &str,
        factor: &str,
    ) -> Result<()> {
        let functions = &cx.sdk().multi_factor_auth()?.functions;
        let mut required = functions.required_secondary_factors_for_user(cx, user_id).await?;
        let before = required.len();
        required.retain(|known| known != factor);
        if required.len() == before { Ok(()) } else { keep(cx, user_id, required).await }
    }
}

/// Why a factor may not be set up by a session that has not come far enough.
fn refusal(
    completed: &Object,
    factor: &str,
    requirements: &[Requirement],
    set_up: &[String],
) -> Option<&'static str> {
    let next = next(completed, requirements);
    let next = next.as_ref().map(Requirement::factors).unwrap_or_default();
    if next.iter().any(|id| set_up.contains(id)) {
        // There is a way on for the user, and a thief of the first factor shall not make another one.
        return Some("Completed factors in the session does not satisfy the MFA requirements for auth");
    }
    // Whoever could set up a later factor now would have it once it is that one's turn.
    let is_too_early = !next.is_empty() && !next.iter().any(|id| id == factor);
    is_too_early.then_some("Not allowed to setup factor that is not in the next set of unsatisfied factors")
}

async fn has_device(cx: &Cx, user: &User) -> Result<bool> {
    let devices = cx.sdk().totp()?.functions.list_devices(cx, &user.id).await?;
    Ok(devices.iter().any(|device| device.verified))
}

/// Where the metadata holds what SDKs keep about a user.
const KEPT: &str = "_supertokens";
const REQUIRED: &str = "requiredSecondaryFactors";

async fn kept(cx: &Cx, user_id: &str) -> Result<Object> {
    let metadata = cx.sdk().user_metadata().functions.get(cx, user_id).await?;
    Ok(metadata.get(KEPT).and_then(Value::as_object).cloned().unwrap_or_default())
}

/// Writes nothing but this key, so that nobody else's change of the metadata is undone.
async fn keep(cx: &Cx, user_id: &str, required: Vec<String>) -> Result<()> {
    let mut kept = kept(cx, user_id).await?;
    kept.insert(REQUIRED.to_owned(), json!(required));
    let update = std::iter::once((KEPT.to_owned(), Value::Object(kept))).collect();
    cx.sdk().user_metadata().functions.update(cx, user_id, update).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_set_up_in_its_turn_and_only_if_there_is_no_other_way_on() {
        let first = "Completed factors in the session does not satisfy the MFA requirements for auth";
        let later = "Not allowed to setup factor that is not in the next set of unsatisfied factors";
        let one_of = || Requirement::one_of(["totp", "otp-email"]);
        let steps = || vec![one_of(), Requirement::factor("otp-phone")];
        for (requirements, set_up, completed, factor, told) in [
            (vec![one_of()], &[][..], &[][..], "totp", None),
            (vec![one_of()], &[], &[], "otp-phone", Some(later)),
            (vec![one_of()], &["otp-email"], &[], "totp", Some(first)),
            (vec![one_of()], &["otp-phone"], &[], "totp", None),
            (steps(), &[], &["totp"], "otp-phone", None),
            (steps(), &[], &[], "otp-phone", Some(later)),
            (steps(), &["otp-phone"], &["totp"], "otp-email", Some(first)),
            // As when the claim is not up to date.
            (Vec::new(), &[], &[], "totp", None),
        ] {
            let completed = completed.iter().map(|id: &&str| ((*id).to_owned(), 1.into())).collect();
            let set_up: Vec<_> = set_up.iter().map(|id: &&str| (*id).to_owned()).collect();
            let refusal = refusal(&completed, factor, &requirements, &set_up);
            assert_eq!(refusal, told, "{requirements:?} {set_up:?} {completed:?} {factor}");
        }
    }
}
