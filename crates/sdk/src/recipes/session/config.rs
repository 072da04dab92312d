//! How sessions travel and what is answered when there is none.

use super::apis::{self, Api, Apis};
use super::functions::{BaseFunctions, Functions};
use super::verified::VerifiedTokens;
use super::{Sessions, jwks, same_site};
use crate::app_info::{App, normalise_path};
use crate::recipes::replaceable::replaceable;
use crate::recipes::{Kind, Recipe, Recipes};
use crate::{BuildError, ClaimFailure, Cx, Exchange, SameSite};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Response, StatusCode};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How tokens travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransferMethod {
    /// In cookies that scripts cannot read.
    Cookie,
    /// In headers, kept by the frontend.
    Header,
}

impl TransferMethod {
    pub(crate) const ALL: [Self; 2] = [Self::Header, Self::Cookie];
}

/// Which of a session's two tokens is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// Shown with every request.
    Access,
    /// Shown to get new tokens.
    Refresh,
}

/// How requests that another site made in the user's name are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AntiCsrf {
    /// By a value that only the app's own scripts know.
    ViaToken,
    /// By a header that only scripts can set, which browsers ask about first.
    ViaCustomHeader,
    /// Not at all: the cookies' `SameSite` does it.
    None,
}

type ChooseTransfer = dyn Fn(&Exchange, bool) -> Option<TransferMethod> + Send + Sync;
type TokenName = dyn Fn(&Exchange, TokenType) -> String + Send + Sync;

/// A replaced answer to a session error. Gets what went wrong.
pub(super) type ErrorHandler<T> = Arc<dyn Fn(Cx, T) -> BoxFuture<'static, Response<Bytes>> + Send + Sync>;

/// The answers to session errors; each can be replaced.
#[derive(Clone, Default)]
pub struct ErrorHandlers {
    /// 401: there is no session. Gets a text for the log.
    pub on_unauthorised: Option<ErrorHandler<String>>,
    /// 401: a refresh may help. Gets a text for the log.
    pub on_try_refresh_token: Option<ErrorHandler<String>>,
    /// 401: a refresh token was used again. Gets session handle, user id and login method.
    pub on_token_theft_detected: Option<ErrorHandler<(String, String, String)>>,
    /// 403: claims are missing.
    pub on_invalid_claim: Option<ErrorHandler<Vec<ClaimFailure>>>,
    /// 200: an older cookie was taken away. Gets a text for the frontend.
    pub on_clear_duplicate_cookies: Option<ErrorHandler<String>>,
}

impl fmt::Debug for ErrorHandlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorHandlers").finish_non_exhaustive()
    }
}

/// The settings of [`SessionRecipe`], checked.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) use_dynamic_signing_key: bool,
    pub(crate) expose_access_token: bool,
    pub(crate) access_token_path: String,
    pub(crate) refresh_token_path: String,
    pub(crate) cookie_domain: Option<String>,
    pub(crate) older_cookie_domain: Option<OlderDomain>,
    pub(crate) cookie_secure: bool,
    pub(crate) cookie_same_site: Option<SameSite>,
    /// What cookies need for each website, where the app does not say.
    pub(crate) same_site_of: Vec<(String, SameSite)>,
    pub(crate) anti_csrf: Option<AntiCsrf>,
    pub(crate) session_expired_status: StatusCode,
    pub(crate) invalid_claim_status: StatusCode,
    pub(crate) choose_transfer: Arc<ChooseTransfer>,
    pub(crate) cookie_name: Arc<TokenName>,
    pub(crate) header_name: Arc<TokenName>,
    pub(crate) error_handlers: ErrorHandlers,
}

/// The domain of cookies that an older configuration set; `None` inside for the API's own host.
#[derive(Clone, Debug)]
pub(crate) struct OlderDomain(pub(crate) Option<String>);

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("cookie_domain", &self.cookie_domain).finish_non_exhaustive()
    }
}

/// Sessions, as the app wants them.
///
/// ```
/// use portcullis::recipes::session::{AntiCsrf, SessionRecipe};
///
/// let session = SessionRecipe::new().cookie_domain(".example.com").anti_csrf(AntiCsrf::ViaToken);
/// ```
#[must_use]
pub struct SessionRecipe {
    use_dynamic_signing_key: bool,
    expose_access_token: bool,
    access_token_path: String,
    cookie_domain: Option<String>,
    older_cookie_domain: Option<String>,
    cookie_secure: Option<bool>,
    cookie_same_site: Option<SameSite>,
    anti_csrf: Option<AntiCsrf>,
    session_expired_status: u16,
    invalid_claim_status: u16,
    jwks_refresh_interval: Duration,
    verified_tokens_max: usize,
    choose_transfer: Arc<ChooseTransfer>,
    cookie_name: Arc<TokenName>,
    header_name: Arc<TokenName>,
    error_handlers: ErrorHandlers,
    functions: Arc<dyn Functions>,
    apis: Arc<dyn Apis>,
    disabled: HashSet<Api>,
}

impl fmt::Debug for SessionRecipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRecipe").finish_non_exhaustive()
    }
}

impl Default for SessionRecipe {
    fn default() -> Self {
        Self::new()
    }
}

impl SessionRecipe {
    /// The defaults of the official SDKs.
    pub fn new() -> Self {
        Self {
            use_dynamic_signing_key: true,
            expose_access_token: false,
            access_token_path: "/".to_owned(),
            cookie_domain: None,
            older_cookie_domain: None,
            cookie_secure: None,
            cookie_same_site: None,
            anti_csrf: None,
            session_expired_status: 401,
            invalid_claim_status: 403,
            jwks_refresh_interval: Duration::from_hours(4),
            verified_tokens_max: 4096,
            choose_transfer: Arc::new(|_, _| None),
            cookie_name: Arc::new(|_, token| cookie_name(token).to_owned()),
            header_name: Arc::new(|_, token| header_name(token).to_owned()),
            error_handlers: ErrorHandlers::default(),
            functions: Arc::new(BaseFunctions),
            apis: Arc::new(apis::BaseApis),
            disabled: HashSet::new(),
        }
    }

    /// Whether access tokens are signed with the key that is rotated (as they are by default).
    pub fn use_dynamic_signing_key(mut self, dynamic: bool) -> Self {
        self.use_dynamic_signing_key = dynamic;
        self
    }

    /// Whether scripts get the access token also when sessions travel in cookies.
    pub fn expose_access_token(mut self, expose: bool) -> Self {
        self.expose_access_token = expose;
        self
    }

    /// The paths that get the access token's cookie; `/` by default.
    pub fn access_token_path(mut self, path: impl Into<String>) -> Self {
        self.access_token_path = path.into();
        self
    }

    /// The hosts that get the cookies; with a dot before it, all below a domain. By default the API's own.
    pub fn cookie_domain(mut self, domain: impl Into<String>) -> Self {
        self.cookie_domain = Some(domain.into());
        self
    }

    /// The domain that was used before; empty for the API's own host. Browsers that hold cookies of both
    /// lose the older one.
    pub fn older_cookie_domain(mut self, domain: impl Into<String>) -> Self {
        self.older_cookie_domain = Some(domain.into());
        self
    }

    /// Whether cookies are only sent over TLS; by default if the API's address is `https`.
    pub fn cookie_secure(mut self, secure: bool) -> Self {
        self.cookie_secure = Some(secure);
        self
    }

    /// When cookies are sent from other sites; by default as the addresses of API and website need it.
    pub fn cookie_same_site(mut self, same_site: SameSite) -> Self {
        self.cookie_same_site = Some(same_site);
        self
    }

    /// How requests made by other sites are told apart; by default by a header if cookies need
    /// `SameSite=None`, else not.
    pub fn anti_csrf(mut self, anti_csrf: AntiCsrf) -> Self {
        self.anti_csrf = Some(anti_csrf);
        self
    }

    /// The status of an answer to a caller without a session; 401 by default. At least 300, and another one
    /// than [`SessionRecipe::invalid_claim_status`].
    pub fn session_expired_status(mut self, status: u16) -> Self {
        self.session_expired_status = status;
        self
    }

    /// The status of an answer to a caller whose session lacks a claim; 403 by default. At least 300, and
    /// another one than [`SessionRecipe::session_expired_status`].
    pub fn invalid_claim_status(mut self, status: u16) -> Self {
        self.invalid_claim_status = status;
        self
    }

    /// How long the list of signing keys is kept; four hours by default. An unknown key is asked for
    /// at once.
    pub fn jwks_refresh_interval(mut self, interval: Duration) -> Self {
        self.jwks_refresh_interval = interval;
        self
    }

    /// How many verified access tokens are remembered, so that the next request with one costs no
    /// verification of its signature; 4096 by default, of about 4 KB each. 0 remembers none. None is
    /// remembered longer than it lives, than its key is in use, or than this SDK has ended its session.
    /// Remembered or not, the token of a session that was ended is good until it expires, unless the core
    /// is asked: see [`VerifyOptions::check_database`](super::VerifyOptions::check_database).
    pub fn verified_tokens_max(mut self, tokens: usize) -> Self {
        self.verified_tokens_max = tokens;
        self
    }

    /// Chooses how tokens travel: `(request, whether a session is made)`; `None` leaves it to the request,
    /// as it is by default: a new session's tokens travel as the frontend says with `st-auth-mode`, and in
    /// headers if it says nothing; afterwards both ways are looked at.
    ///
    /// Cookies that the request did not ask for are refused with 400 if it could come from any page: see the
    /// guide's page on sessions.
    pub fn choose_transfer(
        mut self,
        choose: impl Fn(&Exchange, bool) -> Option<TransferMethod> + Send + Sync + 'static,
    ) -> Self {
        self.choose_transfer = Arc::new(choose);
        self
    }

    /// Names the tokens' cookies otherwise. A name that no cookie can have is an error of the call that sets
    /// it.
    pub fn cookie_name(
        mut self,
        name: impl Fn(&Exchange, TokenType) -> String + Send + Sync + 'static,
    ) -> Self {
        self.cookie_name = Arc::new(name);
        self
    }

    /// Names the tokens' response headers otherwise. A name that no header can have is an error of the call
    /// that sets it. Requests show access tokens as `Authorization: Bearer …` whatever the name.
    pub fn header_name(
        mut self,
        name: impl Fn(&Exchange, TokenType) -> String + Send + Sync + 'static,
    ) -> Self {
        self.header_name = Arc::new(name);
        self
    }

    /// Replaces answers to session errors.
    pub fn error_handlers(mut self, handlers: ErrorHandlers) -> Self {
        self.error_handlers = handlers;
        self
    }

    pub(crate) fn resolve(self, app: &App) -> Result<Sessions, BuildError> {
        let fault = |reason: String| BuildError::Recipe { recipe: "session", reason };
        if self.session_expired_status == self.invalid_claim_status {
            return Err(fault(
                "session_expired_status and invalid_claim_status must be different".to_owned(),
            ));
        }
        let status = |field: &str, code: u16| {
            let refusal = StatusCode::from_u16(code).ok().filter(|_| code >= 300);
            refusal.ok_or_else(|| {
                fault(format!("{field} is {code}, which refuses nothing; write for example 401"))
            })
        };
        let domain = |field: &str, text: String| {
            let wrong =
                || fault(format!("{field} is not a domain: '{text}'; write for example .example.com"));
            normalise_cookie_domain(&text).ok_or_else(wrong)
        };
        let older = match self.older_cookie_domain {
            None => None,
            Some(text) if text.is_empty() => Some(OlderDomain(None)),
            Some(text) => Some(OlderDomain(Some(domain("older_cookie_domain", text)?))),
        };
        let given = &self.access_token_path;
        let path = normalise_path(given).filter(|path| !path.contains(';')).ok_or_else(|| {
            fault(format!("access_token_path is not a path of cookies: '{given}'; write for example /"))
        })?;
        let cookie_domain = self.cookie_domain.map(|text| domain("cookie_domain", text)).transpose()?;
        let config = Config {
            use_dynamic_signing_key: self.use_dynamic_signing_key,
            expose_access_token: self.expose_access_token,
            access_token_path: if path.is_empty() { "/".to_owned() } else { path },
            refresh_token_path: format!("{}/session/refresh", app.api_base_path),
            cookie_domain,
            older_cookie_domain: older,
            cookie_secure: self.cookie_secure.unwrap_or_else(|| app.api_domain.starts_with("https")),
            cookie_same_site: self.cookie_same_site,
            same_site_of: same_site::of_websites(app),
            anti_csrf: self.anti_csrf,
            session_expired_status: status("session_expired_status", self.session_expired_status)?,
            invalid_claim_status: status("invalid_claim_status", self.invalid_claim_status)?,
            choose_transfer: self.choose_transfer,
            cookie_name: self.cookie_name,
            header_name: self.header_name,
            error_handlers: self.error_handlers,
        };
        Ok(Sessions {
            config,
            is_replaced: !self.functions.is_original(),
            functions: self.functions,
            apis: self.apis,
            disabled: self.disabled,
            keys: jwks::Keys::new(self.jwks_refresh_interval),
            verified: VerifiedTokens::new(self.verified_tokens_max),
            claims: Vec::new(),
            validators: Vec::new(),
        })
    }
}

replaceable!(SessionRecipe: functions, apis, disabled);

impl Recipe for SessionRecipe {
    fn add_to(self, recipes: &mut Recipes) -> Result<(), BuildError> {
        recipes.note(Kind::Session)?;
        recipes.described_session = Some(self);
        Ok(())
    }
}

fn cookie_name(token: TokenType) -> &'static str {
    match token {
        TokenType::Access => "sAccessToken",
        TokenType::Refresh => "sRefreshToken",
    }
}

fn header_name(token: TokenType) -> &'static str {
    match token {
        TokenType::Access => "st-access-token",
        TokenType::Refresh => "st-refresh-token",
    }
}

/// A host in lower case, with a dot before it if all hosts below it are meant.
fn normalise_cookie_domain(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let below = text.starts_with('.');
    let bare = text.trim_start_matches('.');
    let bare = if bare.starts_with("http://") || bare.starts_with("https://") {
        bare.to_owned()
    } else {
        format!("http://{bare}")
    };
    let url = url::Url::parse(&bare).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty() && !host.contains(';'))?;
    let is_plain = host == "localhost" || matches!(url.host(), Some(url::Host::Ipv4(_)));
    Some(if below && !is_plain { format!(".{host}") } else { host.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookie_domains_keep_their_dot() {
        for (text, domain) in [
            (".Example.com", ".example.com"),
            ("https://example.com:3000/x", "example.com"),
            (".localhost", "localhost"),
            (".127.0.0.1", "127.0.0.1"),
        ] {
            assert_eq!(normalise_cookie_domain(text).as_deref(), Some(domain));
        }
    }
}
