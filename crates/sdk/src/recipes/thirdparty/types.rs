//! What the functions take, and what comes of them.

use crate::recipes::accountlinking::LinkingFailure;
use crate::recipes::flow::Caller;
use crate::recipes::session::Session;
use crate::{Error, ThirdParty, User};
use portcullis_wire::Object;
use serde_json::Value;
use std::fmt;

/// Where a frontend sends the user.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorisationUrl {
    /// The address, but for `state`, which the frontend adds.
    pub url: String,
    /// What the frontend must keep and send along with the code, if PKCE is used.
    pub pkce_code_verifier: Option<String>,
}

// Without the verifier, which is as good as the code.
impl fmt::Debug for AuthorisationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorisationUrl").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What came back from the provider to the frontend.
#[derive(Clone, Default)]
pub struct RedirectUriInfo {
    /// The address that the provider sent the user back to, as it is registered there.
    pub redirect_uri_on_provider_dashboard: String,
    /// The parameters that it was called with, `code` among them.
    pub redirect_uri_query_params: Object,
    /// What the frontend has kept, if PKCE is used.
    pub pkce_code_verifier: Option<String>,
}

// Whoever has code and verifier has the user's tokens.
impl fmt::Debug for RedirectUriInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedirectUriInfo")
            .field("redirect_uri", &self.redirect_uri_on_provider_dashboard)
            .finish_non_exhaustive()
    }
}

impl RedirectUriInfo {
    /// A parameter, if it is text.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.redirect_uri_query_params.get(name)?.as_str()
    }
}

/// How tokens came to the SDK, and so what they prove.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// The provider gave them for a code and the app's secret or verifier: they were issued to this app.
    Provider {
        /// What the frontend had kept, if PKCE was used.
        pkce_code_verifier: Option<String>,
    },
    /// A frontend sent them. Anybody could have: they may have been issued to another app.
    Frontend,
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provider { .. } => "Provider",
            Self::Frontend => "Frontend",
        })
    }
}

/// A provider's tokens.
#[derive(Clone)]
pub struct OAuthTokens {
    /// As they came: `access_token`, `id_token` and whatever else.
    pub values: Object,
    /// How they came.
    pub source: TokenSource,
}

// Tokens are secrets.
impl fmt::Debug for OAuthTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.values.keys().collect();
        f.debug_struct("OAuthTokens").field("names", &names).finish_non_exhaustive()
    }
}

impl OAuthTokens {
    /// Tokens that a frontend sent.
    pub fn of_frontend(values: Object) -> Self {
        Self { values, source: TokenSource::Frontend }
    }

    /// A token, if it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.as_str()
    }
}

/// What a provider tells about a user.
#[derive(Clone, Debug)]
pub struct UserInfo {
    /// The user's id there.
    pub third_party_user_id: String,
    /// The user's address, if it tells one.
    pub email: Option<ProviderEmail>,
    /// Everything that it tells.
    pub raw: RawUserInfo,
}

/// An address that a provider tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderEmail {
    /// The address.
    pub id: String,
    /// Whether the provider has verified it.
    pub is_verified: bool,
}

/// Everything that a provider tells about a user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawUserInfo {
    /// What its id token says; empty if there was none.
    pub from_id_token_payload: Object,
    /// What it answered when it was asked; empty if it was not.
    pub from_user_info_api: Value,
}

/// A user of a provider, who is to be made or brought up to date.
#[derive(Clone, Debug)]
#[must_use]
pub struct ProviderUser {
    /// The tenant.
    pub tenant: String,
    /// The provider.
    pub third_party_id: String,
    /// The user's id there.
    pub third_party_user_id: String,
    /// The user's address.
    pub email: String,
    /// Whether it is verified.
    pub is_verified: bool,
    /// The session that the request shows.
    pub session: Option<Session>,
    /// Whether the login method is to be linked to the session's user; `None` if the frontend is too old
    /// to say so.
    pub link_to_session_user: Option<bool>,
}

impl ProviderUser {
    /// A user with an address that is not verified, who has nothing to do with a session.
    pub fn new(
        tenant: impl Into<String>,
        third_party_id: impl Into<String>,
        third_party_user_id: impl Into<String>,
        email: impl Into<String>,
    ) -> Self {
        Self {
            tenant: tenant.into(),
            third_party_id: third_party_id.into(),
            third_party_user_id: third_party_user_id.into(),
            email: email.into(),
            is_verified: false,
            session: None,
            link_to_session_user: Some(false),
        }
    }

    /// What the login method is known by.
    pub(super) fn identity(&self) -> ThirdParty {
        ThirdParty { id: self.third_party_id.clone(), user_id: self.third_party_user_id.clone() }
    }

    pub(super) fn caller(&self) -> Caller<'_> {
        Caller { tenant: &self.tenant, session: self.session.as_ref(), linking: self.link_to_session_user }
    }

    /// The provider, or the app, knows that the address is the user's.
    pub fn verified(mut self) -> Self {
        self.is_verified = true;
        self
    }
}

/// A sign-in by way of a provider.
#[derive(Clone, Debug)]
pub struct SignInUpInput {
    /// Who signs in.
    pub user: ProviderUser,
    /// The provider's tokens.
    pub tokens: OAuthTokens,
    /// Everything that the provider tells.
    pub raw: RawUserInfo,
}

/// The outcome of a sign-in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SignInUp {
    /// The user is known, or was made.
    Ok {
        /// The user.
        user: User,
        /// The login method.
        recipe_user_id: String,
        /// Whether it was the first time.
        created_new_recipe_user: bool,
    },
    /// Refused.
    NotAllowed {
        /// Why, for the user to read.
        reason: String,
    },
    /// The login method is there, but could not be linked to the session's user.
    LinkingFailed(LinkingFailure),
}

/// The outcome of making a user or bringing it up to date.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CreatedOrUpdated {
    /// Done.
    Ok {
        /// The user.
        user: User,
        /// The login method.
        recipe_user_id: String,
        /// Whether it is new.
        created_new_recipe_user: bool,
    },
    /// The provider tells another address than before, which the user cannot have.
    EmailChangeNotAllowed {
        /// Why.
        reason: String,
    },
    /// The login method is there, but could not be linked to the session's user.
    LinkingFailed(LinkingFailure),
}

/// What a frontend brings, or the provider answers, does not prove what it should: 400. The log tells, as it
/// may be the configuration that is wrong.
pub(super) fn refused(reason: &str) -> Error {
    tracing::warn!(reason, "a provider's user is refused");
    Error::BadInput(format!("The provider's user is refused: {reason}"))
}
