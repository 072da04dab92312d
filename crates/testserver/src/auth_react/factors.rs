//! Sign-ins in several steps, as the suite describes them.

use portcullis::recipes::multifactorauth::{
    Apis, AuthState, Functions, MfaInfo, MultiFactorAuth, Requirement, SetUp,
};
use portcullis::recipes::session::Session;
use portcullis::{ClaimFailure, Cx, Result, SessionError, User, async_trait};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// What the suite wants; what is not said is as usual.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Described {
    first_factors: Option<Vec<String>>,
    already_setup: Option<Vec<String>>,
    allowed_to_setup: Option<Vec<String>>,
    requirements: Option<Vec<Step>>,
    no_contacts: bool,
}

/// One step of a sign-in.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Step {
    Factor(String),
    OneOf {
        #[serde(rename = "oneOf")]
        one_of: Vec<String>,
    },
    AllOf {
        #[serde(rename = "allOfInAnyOrder")]
        all_of: Vec<String>,
    },
}

impl From<Step> for Requirement {
    fn from(step: Step) -> Self {
        match step {
            Step::Factor(id) => Self::Factor(id),
            Step::OneOf { one_of } => Self::OneOf(one_of),
            Step::AllOf { all_of } => Self::AllOfInAnyOrder(all_of),
        }
    }
}

/// The recipe as it is described.
pub(crate) fn recipe(described: &Described) -> MultiFactorAuth {
    let mut recipe = MultiFactorAuth::new();
    if let Some(factors) = &described.first_factors {
        recipe = recipe.first_factors(factors.clone());
    }
    recipe
        .override_functions(|original| Replaced { original, described: described.clone() })
        .override_apis(|original| ReplacedApi { original, described: described.clone() })
}

struct Replaced {
    original: Arc<dyn Functions>,
    described: Described,
}

#[async_trait]
impl Functions for Replaced {
    fn original(&self) -> &dyn Functions {
        &*self.original
    }

    async fn factors_setup_for_user(&self, cx: &Cx, user: &User) -> Result<Vec<String>> {
        match &self.described.already_setup {
            Some(factors) => Ok(factors.clone()),
            None => self.original().factors_setup_for_user(cx, user).await,
        }
    }

    async fn assert_allowed_to_setup_factor(
        &self,
        cx: &Cx,
        session: &Session,
        factor: &str,
        set_up: &SetUp,
    ) -> Result<()> {
        match &self.described.allowed_to_setup {
            Some(allowed) if allowed.iter().any(|id| id == factor) => Ok(()),
            Some(_) => {
                let failure = ClaimFailure { id: "test".to_owned(), reason: json!("test override") };
                Err(SessionError::InvalidClaims(vec![failure]).into())
            }
            None => self.original().assert_allowed_to_setup_factor(cx, session, factor, set_up).await,
        }
    }

    async fn mfa_requirements_for_auth(&self, cx: &Cx, state: &AuthState) -> Result<Vec<Requirement>> {
        match &self.described.requirements {
            Some(steps) => Ok(steps.iter().cloned().map(Requirement::from).collect()),
            None => self.original().mfa_requirements_for_auth(cx, state).await,
        }
    }
}

struct ReplacedApi {
    original: Arc<dyn Apis>,
    described: Described,
}

#[async_trait]
impl Apis for ReplacedApi {
    fn original(&self) -> &dyn Apis {
        &*self.original
    }

    async fn resync_session_and_fetch_mfa_info(&self, cx: &Cx, session: &Session) -> Result<MfaInfo> {
        let mut info = self.original().resync_session_and_fetch_mfa_info(cx, session).await?;
        if self.described.no_contacts {
            info.emails.clear();
            info.phone_numbers.clear();
        }
        Ok(info)
    }
}
