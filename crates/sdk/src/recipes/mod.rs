//! The recipes: each is a builder that is given to [`crate::Builder::recipe`], functions that the app
//! calls, and frontend APIs.

pub mod accountlinking;
mod addressee;
mod contact;
pub mod dashboard;
pub mod emailpassword;
pub mod emailverification;
pub mod factors;
mod flow;
pub mod jwt;
pub mod multifactorauth;
pub mod multitenancy;
pub mod openid;
pub mod passwordless;
mod replaceable;
pub mod session;
pub mod thirdparty;
pub mod totp;
pub mod usermetadata;
pub mod userroles;
pub mod webauthn;

use crate::BuildError;
use crate::app_info::App;
use crate::handle::Route;
use emailpassword::{EmailPassword, Passwords};
use emailverification::{EmailVerification, Mode, Verifications};
use passwordless::{Codes, Passwordless};
use session::{SessionRecipe, Sessions};
use thirdparty::ThirdPartyRecipe;
use webauthn::{Passkeys, WebAuthn};

/// What [`crate::Builder::recipe`] takes.
pub trait Recipe: sealed::Sealed {
    #[doc(hidden)]
    fn add_to(self, recipes: &mut Recipes) -> Result<(), BuildError>;
}

mod sealed {
    /// Recipes are those of this crate.
    pub trait Sealed {}
    impl Sealed for super::EmailPassword {}
    impl Sealed for super::EmailVerification {}
    impl Sealed for super::Passwordless {}
    impl Sealed for super::SessionRecipe {}
    impl Sealed for super::ThirdPartyRecipe {}
    impl Sealed for super::accountlinking::AccountLinking {}
    impl Sealed for super::WebAuthn {}
    impl Sealed for super::jwt::Jwt {}
    impl Sealed for super::dashboard::Dashboard {}
    impl Sealed for super::multifactorauth::MultiFactorAuth {}
    impl Sealed for super::multitenancy::Multitenancy {}
    impl Sealed for super::openid::OpenId {}
    impl Sealed for super::totp::Totp {}
    impl Sealed for super::usermetadata::UserMetadata {}
    impl Sealed for super::userroles::UserRoles {}
}

/// The recipes of an app.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct Recipes {
    /// In the order in which they were added.
    order: Vec<Kind>,
    described_session: Option<SessionRecipe>,
    pub(crate) dashboard: Option<dashboard::Board>,
    pub(crate) email_password: Option<Passwords>,
    pub(crate) email_verification: Option<Verifications>,
    pub(crate) multi_factor_auth: Option<multifactorauth::Factors>,
    pub(crate) passwordless: Option<Codes>,
    pub(crate) session: Option<Sessions>,
    pub(crate) third_party: Option<thirdparty::Providers>,
    pub(crate) totp: Option<totp::Devices>,
    pub(crate) user_roles: Option<userroles::Roles>,
    pub(crate) webauthn: Option<Passkeys>,
    // Those that every app has.
    pub(crate) account_linking: accountlinking::Accounts,
    pub(crate) jwt: jwt::JwtSigner,
    pub(crate) multitenancy: multitenancy::Tenants,
    pub(crate) open_id: openid::Issuer,
    pub(crate) user_metadata: usermetadata::Metadata,
}

/// Names a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    AccountLinking,
    Dashboard,
    EmailPassword,
    EmailVerification,
    Jwt,
    MultiFactorAuth,
    Multitenancy,
    OpenId,
    Passwordless,
    Session,
    ThirdParty,
    Totp,
    UserMetadata,
    UserRoles,
    WebAuthn,
}

/// The recipes that are nothing without sessions.
const NEED_SESSIONS: [Kind; 7] = [
    Kind::EmailPassword,
    Kind::EmailVerification,
    Kind::MultiFactorAuth,
    Kind::ThirdParty,
    Kind::Passwordless,
    Kind::WebAuthn,
    Kind::UserRoles,
];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::AccountLinking => "accountlinking",
            Self::Dashboard => "dashboard",
            Self::EmailPassword => "emailpassword",
            Self::EmailVerification => "emailverification",
            Self::Jwt => "jwt",
            Self::MultiFactorAuth => "multifactorauth",
            Self::Multitenancy => "multitenancy",
            Self::OpenId => "openid",
            Self::Passwordless => "passwordless",
            Self::Session => "session",
            Self::ThirdParty => "thirdparty",
            Self::Totp => "totp",
            Self::UserMetadata => "usermetadata",
            Self::UserRoles => "userroles",
            Self::WebAuthn => "webauthn",
        }
    }
}

impl Recipes {
    /// Whether the app has a recipe: one that every app has, or one that was added.
    pub(crate) fn has(&self, id: &str) -> bool {
        let always = [Kind::AccountLinking, Kind::Jwt, Kind::Multitenancy, Kind::OpenId, Kind::UserMetadata];
        always.iter().chain(&self.order).any(|kind| kind.name() == id)
    }

    fn note(&mut self, kind: Kind) -> Result<(), BuildError> {
        if self.order.contains(&kind) {
            return Err(BuildError::DuplicateRecipe(kind.name()));
        }
        self.order.push(kind);
        Ok(())
    }

    /// Checks the recipes together, now that the app's addresses are known.
    pub(crate) fn complete(&mut self, app: &App) -> Result<(), BuildError> {
        if self.order.is_empty() {
            return Err(BuildError::NoRecipe);
        }
        self.session = self.described_session.take().map(|recipe| recipe.resolve(app)).transpose()?;
        self.give_to_sessions()?;
        if self.totp.is_some() && self.multi_factor_auth.is_none() {
            let (recipe, needs) = (Kind::Totp.name(), Kind::MultiFactorAuth.name());
            return Err(BuildError::MissingRecipe { recipe, needs });
        }
        for kind in [Kind::OpenId, Kind::Jwt, Kind::Multitenancy] {
            if !self.order.contains(&kind) {
                self.order.push(kind);
            }
        }
        Ok(())
    }

    /// Adds to sessions the claims and validators of the other recipes, of which most need the session recipe.
    fn give_to_sessions(&mut self) -> Result<(), BuildError> {
        let Some(session) = &mut self.session else {
            let missing = NEED_SESSIONS.iter().find(|kind| self.order.contains(kind));
            return missing.map_or(Ok(()), |kind| {
                Err(BuildError::MissingRecipe { recipe: kind.name(), needs: Kind::Session.name() })
            });
        };
        if let Some(recipe) = &self.email_verification {
            session.claims.push(emailverification::claim());
            if recipe.mode == Mode::Required {
                session.validators.push(emailverification::is_verified(None, None));
            }
        }
        if self.multitenancy.allowed_domains.is_some() {
            session.claims.push(multitenancy::allowed_domains_claim());
        }
        if self.multi_factor_auth.is_some() {
            session.validators.push(multifactorauth::has_completed_mfa_requirements_for_auth());
        }
        session.claims.extend(self.user_roles.iter().flat_map(userroles::Roles::claims));
        Ok(())
    }

    /// The frontend APIs, in the order in which the recipes were added.
    pub(crate) fn routes(&self) -> Vec<Route> {
        let routes_of = |kind: &Kind| match kind {
            Kind::Dashboard => dashboard::routes(),
            Kind::EmailPassword => {
                self.email_password.as_ref().map(emailpassword::routes).unwrap_or_default()
            }
            Kind::EmailVerification => {
                self.email_verification.as_ref().map(emailverification::routes).unwrap_or_default()
            }
            Kind::MultiFactorAuth => {
                self.multi_factor_auth.as_ref().map(multifactorauth::routes).unwrap_or_default()
            }
            Kind::Totp => self.totp.as_ref().map(totp::routes).unwrap_or_default(),
            Kind::Passwordless => self.passwordless.as_ref().map(passwordless::routes).unwrap_or_default(),
            Kind::WebAuthn => self.webauthn.as_ref().map(webauthn::routes).unwrap_or_default(),
            Kind::Session => self.session.as_ref().map(session::routes).unwrap_or_default(),
            Kind::ThirdParty => self.third_party.as_ref().map(thirdparty::routes).unwrap_or_default(),
            Kind::Jwt => jwt::routes(&self.jwt),
            Kind::OpenId => openid::routes(&self.open_id),
            Kind::Multitenancy => multitenancy::routes(&self.multitenancy),
            Kind::AccountLinking | Kind::UserMetadata | Kind::UserRoles => Vec::new(),
        };
        self.order.iter().flat_map(routes_of).collect()
    }
}
