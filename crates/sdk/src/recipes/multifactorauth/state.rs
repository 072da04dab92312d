//! How far a session has come, and what is asked of it.

use super::claim::{ClaimValue, claim};
use super::requirements::{Requirement, next};
use crate::recipes::factors;
use crate::recipes::session::Session;
use crate::{Cx, LoginMethod, Result, SessionError, User};
use portcullis_wire::Object;

/// How far a session has come. What else may matter is asked for when it is needed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthState {
    /// The session's tenant.
    pub tenant: String,
    /// The session's login method.
    pub recipe_user_id: String,
    /// What the access token says.
    pub payload: Object,
    /// The factors that the session went through, with seconds since 1970.
    pub completed: Object,
}

impl AuthState {
    /// The session's user.
    pub async fn user(&self, cx: &Cx) -> Result<User> {
        user(cx, &self.recipe_user_id).await
    }

    /// The factors that the user has set up.
    pub async fn factors_setup_for_user(&self, cx: &Cx) -> Result<Vec<String>> {
        let user = self.user(cx).await?;
        cx.sdk().multi_factor_auth()?.functions.factors_setup_for_user(cx, &user).await
    }

    /// The second factors of which the app asks this user for one.
    pub async fn required_secondary_factors_for_user(&self, cx: &Cx) -> Result<Vec<String>> {
        let user = self.user(cx).await?;
        cx.sdk().multi_factor_auth()?.functions.required_secondary_factors_for_user(cx, &user.id).await
    }

    /// The second factors of which the tenant asks for one.
    pub async fn required_secondary_factors_for_tenant(&self, cx: &Cx) -> Result<Vec<String>> {
        let tenant = cx.sdk().multitenancy().functions.get_tenant(cx, &self.tenant).await?;
        let tenant = tenant.ok_or_else(|| SessionError::over("Tenant not found"))?;
        Ok(tenant.required_secondary_factors.unwrap_or_default())
    }
}

async fn user(cx: &Cx, id: &str) -> Result<User> {
    let user = cx.sdk().find_user(cx, id).await?;
    user.ok_or_else(|| SessionError::over("Session user not found").into())
}

/// What the claim is now, and what it was worked out from.
pub(super) struct Now {
    pub(super) value: ClaimValue,
    pub(super) requirements: Vec<Requirement>,
    is_changed: bool,
}

/// What the claim of a session is, once it went through a factor, if one is named.
pub(super) async fn look(
    cx: &Cx,
    tenant: &str,
    recipe_user_id: &str,
    payload: Object,
    completed: Option<&str>,
) -> Result<Now> {
    let known = ClaimValue::of(&payload);
    let is_new = known.is_none() || completed.is_some();
    let mut value = match known {
        Some(value) => value,
        None if completed.is_some() => ClaimValue::default(),
        None => of_older_session(cx, tenant, recipe_user_id, &payload).await?,
    };
    if let Some(factor) = completed {
        value.completed.insert(factor.to_owned(), (cx.now() / 1000).into());
    }
    let state = AuthState {
        tenant: tenant.to_owned(),
        recipe_user_id: recipe_user_id.to_owned(),
        payload,
        completed: value.completed.clone(),
    };
    let functions = &cx.sdk().multi_factor_auth()?.functions;
    let requirements = functions.mfa_requirements_for_auth(cx, &state).await?;
    let is_satisfied = next(&value.completed, &requirements).is_none();
    let is_changed = is_new || is_satisfied != value.is_satisfied;
    value.is_satisfied = is_satisfied;
    Ok(Now { value, requirements, is_changed })
}

/// The same of a session, whose access token learns of it.
pub(super) async fn look_at(cx: &Cx, session: &Session, completed: Option<&str>) -> Result<Now> {
    let (tenant, recipe_user_id) = (session.tenant_id(), session.recipe_user_id());
    let now = look(cx, tenant, recipe_user_id, session.access_token_payload(), completed).await?;
    if now.is_changed {
        session.set_claim_value(cx, &claim(), now.value.to_json()).await?;
    }
    Ok(now)
}

/// A session that was made before the app had the recipe went through the factor of its login method.
async fn of_older_session(
    cx: &Cx,
    tenant: &str,
    recipe_user_id: &str,
    payload: &Object,
) -> Result<ClaimValue> {
    let user = user(cx, recipe_user_id).await?;
    let handle = payload.get("sessionHandle").and_then(|handle| handle.as_str()).unwrap_or_default();
    let information = cx.session()?.functions.session_information(cx, handle).await?;
    let information = information.ok_or_else(|| SessionError::over("Session not found"))?;
    let tenant = cx.sdk().multitenancy().functions.get_tenant(cx, tenant).await?;
    let tenant = tenant.ok_or_else(|| SessionError::over("Tenant not found"))?;
    let allowed = cx.sdk().first_factors_of(&tenant);
    let own = user.login_methods.iter().filter(|method| method.recipe_user_id == recipe_user_id);
    let mut factors = own.flat_map(factors_of);
    let factor = factors.find(|factor| allowed.iter().any(|allowed| allowed == factor));
    let factor = factor.ok_or_else(|| SessionError::over("Incorrect login method used"))?;
    let mut value = ClaimValue::default();
    value.completed.insert(factor.to_owned(), (information.created_at / 1000).into());
    Ok(value)
}

/// The factors that a login method may have been used by.
fn factors_of(method: &LoginMethod) -> Vec<&'static str> {
    match method.recipe_id.as_str() {
        "emailpassword" => vec![factors::EMAIL_PASSWORD],
        "thirdparty" => vec![factors::THIRD_PARTY],
        "webauthn" => vec![factors::WEBAUTHN],
        _ => {
            let by_email = method.email.iter().flat_map(|_| [factors::LINK_EMAIL, factors::OTP_EMAIL]);
            let by_phone = method.phone_number.iter().flat_map(|_| [factors::LINK_PHONE, factors::OTP_PHONE]);
            by_email.chain(by_phone).collect()
        }
    }
}
