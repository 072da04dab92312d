//! The SDK: built once, cloned cheaply, shared by everything that serves requests.

use crate::app_info::{App, AppInfo};
use crate::core_client::{Core, HttpTransport, TIMEOUT, Transport, parse_hosts};
use crate::email::{EmailDelivery, LogEmails};
use crate::handle::Routes;
use crate::recipes::{self, Recipe, Recipes};
use crate::sms::{LogSms, SmsDelivery};
use crate::{BuildError, Clock, Error, Result};
use http::HeaderName;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// The SDK of one app. Clones share everything.
#[derive(Clone, Debug)]
pub struct Portcullis(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    app: App,
    core: Core,
    recipes: Recipes,
    routes: Routes,
    email_delivery: Arc<dyn EmailDelivery>,
    sms_delivery: Arc<dyn SmsDelivery>,
    body_limit: usize,
    trusted_proxies: usize,
    clock: Clock,
}

/// The headers that the frontend SDKs send.
const REQUEST_HEADERS: [&str; 5] = ["rid", "fdi-version", "anti-csrf", "authorization", "st-auth-mode"];
/// The headers that the frontend SDKs read.
const RESPONSE_HEADERS: [&str; 4] = ["front-token", "anti-csrf", "st-access-token", "st-refresh-token"];

impl Portcullis {
    /// Begins to describe an app.
    ///
    /// ```
    /// use portcullis::{AppInfo, Portcullis};
    /// use portcullis::recipes::session::SessionRecipe;
    ///
    /// let portcullis = Portcullis::builder(AppInfo::new("Demo", "http://localhost:3001", "http://localhost:3000"))
    ///     .core("http://localhost:3567")
    ///     .recipe(SessionRecipe::new())
    ///     .build()?;
    /// # Ok::<(), portcullis::BuildError>(())
    /// ```
    pub fn builder(app: AppInfo) -> Builder {
        Builder::new(app)
    }

    /// Where the app lives.
    pub fn app(&self) -> &App {
        &self.0.app
    }

    /// The request headers that the frontend SDKs send: a CORS setting must allow them, beside
    /// `content-type`.
    pub fn cors_headers(&self) -> Vec<HeaderName> {
        REQUEST_HEADERS.map(HeaderName::from_static).to_vec()
    }

    /// The response headers that the frontend SDKs read. The SDK exposes them itself, so most apps need
    /// not name them; but a CORS setting that exposes headers of the app's own must name these too, because
    /// tower-http's `CorsLayer` and actix-cors replace the list that they find in a response.
    pub fn cors_expose_headers(&self) -> Vec<HeaderName> {
        RESPONSE_HEADERS.map(HeaderName::from_static).to_vec()
    }

    /// The largest body of a request to the SDK's own paths, in bytes.
    pub fn body_limit(&self) -> usize {
        self.0.body_limit
    }

    /// Milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.0.clock.now()
    }

    pub(crate) fn trusted_proxies(&self) -> usize {
        self.0.trusted_proxies
    }

    /// How e-mails are sent by the recipes that are told no other way.
    pub(crate) fn email_delivery(&self) -> &Arc<dyn EmailDelivery> {
        &self.0.email_delivery
    }

    /// How text messages are sent by a recipe that is told no other way.
    pub(crate) fn sms_delivery(&self) -> &Arc<dyn SmsDelivery> {
        &self.0.sms_delivery
    }

    pub(crate) fn core(&self) -> &Core {
        &self.0.core
    }

    pub(crate) fn routes(&self) -> &Routes {
        &self.0.routes
    }

    pub(crate) fn recipes(&self) -> &Recipes {
        &self.0.recipes
    }

    /// Whether the app has the recipe with this id, such as `emailpassword`.
    pub fn has_recipe(&self, id: &str) -> bool {
        self.recipes().has(id)
    }

    /// The session recipe; an error if it was not added.
    pub fn session(&self) -> Result<&recipes::session::Sessions> {
        self.0.recipes.session.as_ref().ok_or(Error::NoSuchRecipe("session"))
    }

    /// The dashboard recipe; an error if it was not added.
    pub fn dashboard(&self) -> Result<&recipes::dashboard::Board> {
        self.0.recipes.dashboard.as_ref().ok_or(Error::NoSuchRecipe("dashboard"))
    }

    /// The emailverification recipe; an error if it was not added.
    pub fn email_verification(&self) -> Result<&recipes::emailverification::Verifications> {
        self.0.recipes.email_verification.as_ref().ok_or(Error::NoSuchRecipe("emailverification"))
    }

    /// The emailpassword recipe; an error if it was not added.
    pub fn email_password(&self) -> Result<&recipes::emailpassword::Passwords> {
        self.0.recipes.email_password.as_ref().ok_or(Error::NoSuchRecipe("emailpassword"))
    }

    /// The multifactorauth recipe; an error if it was not added.
    pub fn multi_factor_auth(&self) -> Result<&recipes::multifactorauth::Factors> {
        self.0.recipes.multi_factor_auth.as_ref().ok_or(Error::NoSuchRecipe("multifactorauth"))
    }

    /// The totp recipe; an error if it was not added.
    pub fn totp(&self) -> Result<&recipes::totp::Devices> {
        self.0.recipes.totp.as_ref().ok_or(Error::NoSuchRecipe("totp"))
    }

    /// The thirdparty recipe; an error if it was not added.
    pub fn third_party(&self) -> Result<&recipes::thirdparty::Providers> {
        self.0.recipes.third_party.as_ref().ok_or(Error::NoSuchRecipe("thirdparty"))
    }

    /// The passwordless recipe; an error if it was not added.
    pub fn passwordless(&self) -> Result<&recipes::passwordless::Codes> {
        self.0.recipes.passwordless.as_ref().ok_or(Error::NoSuchRecipe("passwordless"))
    }

    /// The webauthn recipe; an error if it was not added.
    pub fn webauthn(&self) -> Result<&recipes::webauthn::Passkeys> {
        self.0.recipes.webauthn.as_ref().ok_or(Error::NoSuchRecipe("webauthn"))
    }

    /// The userroles recipe; an error if it was not added.
    pub fn user_roles(&self) -> Result<&recipes::userroles::Roles> {
        self.0.recipes.user_roles.as_ref().ok_or(Error::NoSuchRecipe("userroles"))
    }

    /// The accountlinking recipe.
    pub fn account_linking(&self) -> &recipes::accountlinking::Accounts {
        &self.0.recipes.account_linking
    }

    /// The usermetadata recipe.
    pub fn user_metadata(&self) -> &recipes::usermetadata::Metadata {
        &self.0.recipes.user_metadata
    }

    /// The jwt recipe.
    pub fn jwt(&self) -> &recipes::jwt::JwtSigner {
        &self.0.recipes.jwt
    }

    /// The openid recipe.
    pub fn open_id(&self) -> &recipes::openid::Issuer {
        &self.0.recipes.open_id
    }

    /// The multitenancy recipe.
    pub fn multitenancy(&self) -> &recipes::multitenancy::Tenants {
        &self.0.recipes.multitenancy
    }
}

/// Describes an app, and checks the description.
#[must_use]
pub struct Builder {
    app: AppInfo,
    core: Option<CoreAddress>,
    api_key: Option<String>,
    core_timeout: Duration,
    remembers_answers: bool,
    recipes: Recipes,
    email_delivery: Arc<dyn EmailDelivery>,
    sms_delivery: Arc<dyn SmsDelivery>,
    fault: Option<BuildError>,
    body_limit: usize,
    trusted_proxies: usize,
    clock: Clock,
}

/// Where the core is.
pub enum CoreAddress {
    /// One or several addresses, separated by `;`.
    Http(String),
    /// A core in this process, or any other way to reach one.
    Transport(Arc<dyn Transport>),
}

impl fmt::Debug for CoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http(_) => "Http(..)",
            Self::Transport(_) => "Transport(..)",
        })
    }
}

impl From<&str> for CoreAddress {
    fn from(addresses: &str) -> Self {
        Self::Http(addresses.to_owned())
    }
}

impl From<String> for CoreAddress {
    fn from(addresses: String) -> Self {
        Self::Http(addresses)
    }
}

impl<T: Transport> From<T> for CoreAddress {
    fn from(transport: T) -> Self {
        Self::Transport(Arc::new(transport))
    }
}

// Without the API key, and without addresses that may hold a password.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("app", &self.app).finish_non_exhaustive()
    }
}

impl Builder {
    fn new(app: AppInfo) -> Self {
        Self {
            app,
            core: None,
            api_key: None,
            core_timeout: TIMEOUT,
            remembers_answers: true,
            recipes: Recipes::default(),
            email_delivery: Arc::new(LogEmails::new()),
            sms_delivery: Arc::new(LogSms::new()),
            fault: None,
            body_limit: 1 << 20,
            trusted_proxies: 0,
            clock: Clock::system(),
        }
    }

    /// Where the core is: an address, several separated by `;`, or a core in this process.
    pub fn core(mut self, core: impl Into<CoreAddress>) -> Self {
        self.core = Some(core.into());
        self
    }

    /// The key that the core asks for.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// How long a core may take to answer a call; 30 seconds unless set. After that another core is asked, but
    /// not to do what the first one may have done.
    pub fn core_timeout(mut self, timeout: Duration) -> Self {
        self.core_timeout = timeout;
        self
    }

    /// Asks the core anew for what it has answered to the same call already. Unless this is called, a [`Cx`](crate::Cx)
    /// remembers what was asked by way of it until something is changed by way of it.
    pub fn disable_core_call_cache(mut self) -> Self {
        self.remembers_answers = false;
        self
    }

    /// Adds a recipe. The order decides which one serves a path that two of them know.
    pub fn recipe(mut self, recipe: impl Recipe) -> Self {
        if let Err(fault) = recipe.add_to(&mut self.recipes) {
            self.fault.get_or_insert(fault);
        }
        self
    }

    /// How e-mails are sent, by the recipes that are told no other way. Unless this is called they are
    /// logged and not sent.
    pub fn email_delivery(mut self, delivery: impl EmailDelivery + 'static) -> Self {
        self.email_delivery = Arc::new(delivery);
        self
    }

    /// How text messages are sent, by the recipes that are told no other way. Unless this is called they are
    /// logged and not sent.
    pub fn sms_delivery(mut self, delivery: impl SmsDelivery + 'static) -> Self {
        self.sms_delivery = Arc::new(delivery);
        self
    }

    /// The largest body of a request to the SDK's own paths, in bytes; 1 MiB unless set.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Through how many proxies of the app's own every request comes. Each adds to `X-Forwarded-For` whom it got
    /// the request from, and the callers' addresses are read from there. Unless this is called there is none, and
    /// the header, which anybody can write, is not read. A number that is too large lets callers choose their
    /// address; with one that is too small, all have that of a proxy.
    pub fn trusted_proxies(mut self, count: usize) -> Self {
        self.trusted_proxies = count;
        self
    }

    /// Another clock than the machine's: for tests.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Checks everything. The core is asked nothing yet.
    pub fn build(self) -> std::result::Result<Portcullis, BuildError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if self.core_timeout.is_zero() {
            return Err(BuildError::NoTimeForCore);
        }
        let app = self.app.normalise()?;
        let (hosts, transport): (_, Arc<dyn Transport>) = match self.core.ok_or(BuildError::MissingCore)? {
            CoreAddress::Http(addresses) => {
                let hosts = parse_hosts(&addresses)?;
                let needs_certificates = hosts.iter().any(|host| host.starts_with("https:"));
                let http = if needs_certificates {
                    HttpTransport::new()
                } else {
                    HttpTransport::without_certificates()
                };
                let http = http.map_err(|error| BuildError::NoCertificates(error.to_string()))?;
                (hosts, Arc::new(http))
            }
            CoreAddress::Transport(transport) => (vec!["http://core".to_owned()], transport),
        };
        let core = Core::new(hosts, self.api_key.as_deref(), transport, self.core_timeout, &app)?;
        let core = if self.remembers_answers { core } else { core.forgetful() };
        let mut recipes = self.recipes;
        recipes.complete(&app)?;
        Ok(Portcullis(Arc::new(Inner {
            routes: Routes::new(&app, &recipes),
            app,
            core,
            recipes,
            email_delivery: self.email_delivery,
            sms_delivery: self.sms_delivery,
            body_limit: self.body_limit,
            trusted_proxies: self.trusted_proxies,
            clock: self.clock,
        })))
    }
}
