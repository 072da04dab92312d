//! Sign-ins in several steps.

use crate::body::{Body, unknown};
use crate::emailpassword::take_from_request;
use crate::session::session_of;
use portcullis::recipes::multifactorauth::{
    self, Apis, AuthState, Functions, MfaInfo, MultiFactorAuth, Requirement,
};
use portcullis::recipes::multitenancy::TenantConfig;
use portcullis::recipes::session::{ClaimSubject, NewSession, Session};
use portcullis::{Cx, Error, Result, async_trait};
use serde_json::{Value, json};
use std::sync::Arc;

/// The recipe as the suite describes it.
pub(crate) fn recipe(config: &Body) -> MultiFactorAuth {
    let mut recipe = MultiFactorAuth::new();
    if config.get("firstFactors").is_some() {
        recipe = recipe.first_factors(config.texts("firstFactors"));
    }
    let replaced = config.inner("override");
    if let Some(text) = replaced.optional("functions") {
        let always_totp = text.contains("\"totp\"");
        recipe = recipe.override_functions(|original| Asks { original, always_totp });
    }
    if replaced.has("apis") {
        recipe = recipe.override_apis(Replaced);
    }
    recipe
}

/// Another answer to what signing in asks.
struct Asks {
    original: Arc<dyn Functions>,
    /// Always for a code of an authenticator app; otherwise for one by phone, if the call says so.
    always_totp: bool,
}

#[async_trait]
impl Functions for Asks {
    fn original(&self) -> &dyn Functions {
        &*self.original
    }

    async fn mfa_requirements_for_auth(&self, cx: &Cx, _: &AuthState) -> Result<Vec<Requirement>> {
        Ok(if self.always_totp {
            vec![Requirement::factor("totp")]
        } else if cx.user_context().named("requireFactor") == Some(true.into()) {
            vec![Requirement::factor("otp-phone")]
        } else {
            Vec::new()
        })
    }
}

/// What the suite replaces.
struct Replaced(Arc<dyn Apis>);

#[async_trait]
impl Apis for Replaced {
    fn original(&self) -> &dyn Apis {
        &*self.0
    }

    async fn resync_session_and_fetch_mfa_info(&self, cx: &Cx, session: &Session) -> Result<MfaInfo> {
        take_from_request(cx, "requireFactor");
        self.original().resync_session_and_fetch_mfa_info(cx, session).await
    }
}

pub(crate) async fn call(cx: &Cx, function: &str, body: &Body) -> Result<Value> {
    let recipe = cx.sdk().multi_factor_auth()?;
    let (user_id, factor) = (body.text("userId"), body.text("factorId"));
    Ok(match function {
        "multifactorauthclaim.fetchvalue" => {
            let subject = ClaimSubject::new(body.text("_userId"), body.recipe_user_id(), body.tenant());
            json!(multifactorauth::claim().fetch(cx, &subject, &body.object("currentPayload")).await?)
        }
        "getfactorssetupforuser" => json!(recipe.factors_setup_for_user(cx, user_id).await?),
        "assertallowedtosetupfactorelsethowinvalidclaimerror" => {
            recipe.assert_allowed_to_setup_factor(cx, &session(cx, body).await?, factor).await?;
            Value::Null
        }
        "getmfarequirementsforauth" => {
            shown(&recipe.mfa_requirements_for_auth(cx, &session(cx, body).await?).await?)
        }
        "markfactorascompleteinsession" => {
            recipe.mark_factor_as_complete_in_session(cx, &session(cx, body).await?, factor).await?;
            Value::Null
        }
        "getrequiredsecondaryfactorsforuser" => {
            json!(recipe.required_secondary_factors_for_user(cx, user_id).await?)
        }
        "addtorequiredsecondaryfactorsforuser" => {
            recipe.add_to_required_secondary_factors_for_user(cx, user_id, factor).await?;
            Value::Null
        }
        "removefromrequiredsecondaryfactorsforuser" => {
            recipe.remove_from_required_secondary_factors_for_user(cx, user_id, factor).await?;
            Value::Null
        }
        "recipeimplementation.getmfarequirementsforauth" => shown(&requirements(cx, body).await?),
        _ => return Err(unknown(function)),
    })
}

async fn session(cx: &Cx, body: &Body) -> Result<Session> {
    session_of(cx, body).await?.ok_or_else(|| Error::Internal("the call has no session".to_owned()))
}

/// What signing in asks where these factors are required. The SDK's function looks them up itself, so that they are
/// kept first.
async fn requirements(cx: &Cx, body: &Body) -> Result<Vec<Requirement>> {
    let (recipe, user) = (cx.sdk().multi_factor_auth()?, body.inner("user"));
    let user_id = user.text("id");
    for factor in recipe.required_secondary_factors_for_user(cx, user_id).await? {
        recipe.remove_from_required_secondary_factors_for_user(cx, user_id, &factor).await?;
    }
    for factor in body.texts("requiredSecondaryFactorsForUser") {
        recipe.add_to_required_secondary_factors_for_user(cx, user_id, &factor).await?;
    }
    let of_tenant = body.texts("requiredSecondaryFactorsForTenant");
    let config = if of_tenant.is_empty() {
        TenantConfig::new().no_secondary_factor()
    } else {
        TenantConfig::new().required_secondary_factors(of_tenant)
    };
    cx.sdk().multitenancy().create_or_update_tenant(cx, body.tenant(), config).await?;
    let new = NewSession::of(user_id).tenant(body.tenant());
    let session = cx.sdk().session()?.create_without_request(cx, new).await?;
    recipe.mfa_requirements_for_auth(cx, &session).await
}

fn shown(requirements: &[Requirement]) -> Value {
    let shown = requirements.iter().map(|requirement| match requirement {
        Requirement::Factor(id) => json!(id),
        Requirement::OneOf(ids) => json!({"oneOf": ids}),
        Requirement::AllOfInAnyOrder(ids) => json!({"allOfInAnyOrder": ids}),
    });
    shown.collect()
}
