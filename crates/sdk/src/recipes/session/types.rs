//! What goes into the session functions and comes out of them.

use super::ClaimValidator;
use crate::{ClaimFailure, Cx, PUBLIC_TENANT};
use portcullis_wire::Object;
use std::fmt;
use std::sync::Arc;

/// A session that is to be made.
///
/// ```
/// use portcullis::recipes::session::NewSession;
///
/// let new = NewSession::of("a user's id").tenant("public");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct NewSession {
    /// The tenant.
    pub tenant: String,
    /// The login method.
    pub recipe_user_id: String,
    /// Claims of the access token.
    pub payload: Object,
    /// Data that stay in the database.
    pub session_data: Object,
    /// Whether no anti-CSRF value is wanted.
    pub disable_anti_csrf: bool,
}

impl NewSession {
    /// A session of a login method, in the public tenant, with nothing in it.
    pub fn of(recipe_user_id: impl Into<String>) -> Self {
        Self {
            tenant: PUBLIC_TENANT.to_owned(),
            recipe_user_id: recipe_user_id.into(),
            payload: Object::new(),
            session_data: Object::new(),
            disable_anti_csrf: false,
        }
    }

    /// In another tenant.
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = tenant.into();
        self
    }

    /// With claims in the access token, which everybody can read who has it.
    pub fn payload(mut self, payload: Object) -> Self {
        self.payload = payload;
        self
    }

    /// With data that stay in the database.
    pub fn session_data(mut self, data: Object) -> Self {
        self.session_data = data;
        self
    }
}

/// Tokens that a call brought forth.
#[derive(Clone, Default)]
pub struct NewTokens {
    /// The refresh token and until when it works, in milliseconds.
    pub refresh: Option<(String, i64)>,
    /// The anti-CSRF value.
    pub anti_csrf: Option<String>,
    /// Whether the access token is new, so that the frontend must get it.
    pub is_access_new: bool,
}

impl fmt::Debug for NewTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewTokens([secret])")
    }
}

/// All tokens of a session, for callers that carry them themselves.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionTokens {
    /// The access token.
    pub access_token: String,
    /// Whether access token and front token are new.
    pub access_and_front_token_updated: bool,
    /// The refresh token, if it is new.
    pub refresh_token: Option<String>,
    /// What the frontend may know, encoded.
    pub front_token: String,
    /// The anti-CSRF value.
    pub anti_csrf_token: Option<String>,
}

impl fmt::Debug for SessionTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionTokens([secret])")
    }
}

/// What is stored about a session.
#[derive(Clone, Debug)]
pub struct SessionInformation {
    /// The handle.
    pub handle: String,
    /// The primary user.
    pub user_id: String,
    /// The login method.
    pub recipe_user_id: String,
    /// The tenant.
    pub tenant_id: String,
    /// Data that stay in the database.
    pub session_data: Object,
    /// Claims of the next access tokens.
    pub payload: Object,
    /// When it dies unless it is refreshed, in milliseconds.
    pub expires_at: i64,
    /// When it was made, in milliseconds.
    pub created_at: i64,
}

/// What a session must hold after its claims were looked at.
#[derive(Clone, Debug)]
pub struct ValidatedClaims {
    /// The payload with claims that were fetched again, if there are any.
    pub update: Option<Object>,
    /// What is missing.
    pub failures: Vec<ClaimFailure>,
}

type OverrideValidators = dyn Fn(Vec<ClaimValidator>) -> Vec<ClaimValidator> + Send + Sync;

/// How a session is verified.
#[derive(Clone, Default)]
pub struct VerifyOptions {
    optional: bool,
    anti_csrf_check: Option<bool>,
    check_database: bool,
    validators: Option<Arc<OverrideValidators>>,
}

impl fmt::Debug for VerifyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyOptions").field("optional", &self.optional).finish_non_exhaustive()
    }
}

impl VerifyOptions {
    /// A session is needed, the access token is believed, and every validator of the recipes must hold.
    pub fn new() -> Self {
        Self::default()
    }

    /// A missing session is no error.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Whether the anti-CSRF check is made; by default unless the request is a `GET`.
    #[must_use]
    pub fn anti_csrf_check(mut self, check: bool) -> Self {
        self.anti_csrf_check = Some(check);
        self
    }

    /// Asks the core whether the session is still there.
    #[must_use]
    pub fn check_database(mut self) -> Self {
        self.check_database = true;
        self
    }

    /// Replaces the validators: gets those of the recipes.
    #[must_use]
    pub fn validators_from(
        mut self,
        replace: impl Fn(Vec<ClaimValidator>) -> Vec<ClaimValidator> + Send + Sync + 'static,
    ) -> Self {
        self.validators = Some(Arc::new(replace));
        self
    }

    /// Asks nothing of claims.
    #[must_use]
    pub fn without_claims(self) -> Self {
        self.validators_from(|_| Vec::new())
    }

    /// Asks for a claim beside what the recipes ask for.
    #[must_use]
    pub fn also(self, validator: ClaimValidator) -> Self {
        let before = self.validators.clone();
        self.validators_from(move |global| {
            let mut all = before.as_ref().map_or(global.clone(), |replace| replace(global));
            all.push(validator.clone());
            all
        })
    }

    pub(crate) fn validators(&self, global: Vec<ClaimValidator>) -> Vec<ClaimValidator> {
        match &self.validators {
            Some(replace) => replace(global),
            None => global,
        }
    }

    /// Whether a missing session is no error.
    pub fn is_optional(&self) -> bool {
        self.optional
    }

    pub(crate) fn asks_database(&self) -> bool {
        self.check_database
    }

    pub(crate) fn wants_anti_csrf_check(&self) -> Option<bool> {
        self.anti_csrf_check
    }
}

/// What a route asks of a session, as a type: for the extractors of the adapters.
///
/// ```
/// use portcullis::Cx;
/// use portcullis::recipes::session::{Claim, SessionPolicy, VerifyOptions};
///
/// struct Paying;
///
/// impl SessionPolicy for Paying {
///     fn options(_: &Cx) -> VerifyOptions {
///         let plan = Claim::new("plan", |_cx, _subject| Box::pin(async { Ok(Some("free".into())) }));
///         VerifyOptions::new().also(plan.has_value("paid", None))
///     }
/// }
/// ```
pub trait SessionPolicy: Send + Sync + 'static {
    /// How the session is verified.
    fn options(cx: &Cx) -> VerifyOptions;
}

/// The policy that is content with every session that the recipes are content with.
#[derive(Clone, Copy, Debug)]
pub struct SignedIn;

impl SessionPolicy for SignedIn {
    fn options(_: &Cx) -> VerifyOptions {
        VerifyOptions::new()
    }
}
