//! What the frontend may ask. Each API can be replaced or taken away.

use super::provider::Provider;
use super::types::{
    AuthorisationUrl, OAuthTokens, ProviderEmail, ProviderUser, RawUserInfo, RedirectUriInfo, SignInUp,
    SignInUpInput,
};
use super::{Providers, apple_callback};
use crate::handle::{ApiMethod, ApiRoute, Route, enabled_routes, json_body, ok};
use crate::recipes::accountlinking::LoginInfo;
use crate::recipes::factors::THIRD_PARTY as FACTOR;
use crate::recipes::flow::{self, Before};
use crate::recipes::session::Session;
use crate::{AccountInfo, Cx, Error, Result, User, fdi};
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use portcullis_wire::Object;
use serde_json::{Value, json};

/// The first of the codes for what cannot be linked to the session's user.
const LINKING_CODES: u8 = 20;

/// The frontend APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `GET /authorisationurl`
    AuthorisationUrl,
    /// `POST /signinup`
    SignInUp,
    /// `POST /callback/apple`
    AppleRedirectHandler,
}

/// What a frontend brings to sign in with.
#[derive(Clone, Debug)]
pub enum Brought {
    /// What came back from the provider.
    RedirectUriInfo(RedirectUriInfo),
    /// The provider's tokens, which a native app may have got without this server.
    OAuthTokens(OAuthTokens),
}

/// A sign-in.
#[derive(Clone, Debug)]
pub struct SignInUpRequest {
    /// The tenant.
    pub tenant: String,
    /// Its provider.
    pub provider: Provider,
    /// What the frontend brings.
    pub brought: Brought,
    /// The session of the request, if it was asked for.
    pub session: Option<Session>,
    /// Whether the login method is to be linked to the session's user; `None` if the frontend is too old
    /// to say so.
    pub link_to_session_user: Option<bool>,
}

/// What `POST /signinup` answers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SignInUpOutcome {
    /// The user has a session.
    Ok {
        /// The user.
        user: User,
        /// The session, whose tokens are in the response.
        session: Session,
        /// Whether it was the first time.
        created_new_recipe_user: bool,
        /// The provider's tokens. The frontend does not get them.
        tokens: OAuthTokens,
        /// Everything that the provider tells. The frontend does not get it.
        raw: RawUserInfo,
    },
    /// The provider tells no address, and users without one are not let in.
    NoEmailGivenByProvider,
    /// Refused.
    NotAllowed {
        /// Why, for the user to read.
        reason: String,
    },
}

/// The frontend APIs of the thirdparty recipe. A replacement implements [`Apis::original`] and what it changes.
/// The first two may answer [`Error::General`], whose text the frontend shows.
#[async_trait]
pub trait Apis: Send + Sync {
    /// The APIs below.
    fn original(&self) -> &dyn Apis;

    /// Where the frontend sends the user.
    async fn authorisation_url(
        &self,
        cx: &Cx,
        tenant: &str,
        provider: &Provider,
        redirect_uri: &str,
    ) -> Result<AuthorisationUrl> {
        self.original().authorisation_url(cx, tenant, provider, redirect_uri).await
    }

    /// Makes a session for a user of a provider, who is made the first time.
    async fn sign_in_up(&self, cx: &Cx, request: SignInUpRequest) -> Result<SignInUpOutcome> {
        self.original().sign_in_up(cx, request).await
    }

    /// The address that the browser is sent on to with the fields of Apple's form.
    async fn apple_redirect_handler(&self, cx: &Cx, form: &[(String, String)]) -> Result<String> {
        self.original().apple_redirect_handler(cx, form).await
    }
}

/// What the APIs do unless they are replaced.
#[derive(Debug)]
pub(super) struct BaseApis;

#[async_trait]
impl Apis for BaseApis {
    fn original(&self) -> &dyn Apis {
        self
    }

    async fn authorisation_url(
        &self,
        cx: &Cx,
        tenant: &str,
        provider: &Provider,
        redirect_uri: &str,
    ) -> Result<AuthorisationUrl> {
        provider.authorisation_redirect_url(cx, tenant, redirect_uri).await
    }

    async fn sign_in_up(&self, cx: &Cx, request: SignInUpRequest) -> Result<SignInUpOutcome> {
        let SignInUpRequest { tenant, provider, brought, session, link_to_session_user } = request;
        let tokens = match brought {
            Brought::RedirectUriInfo(came_back) => {
                provider.exchange_auth_code(cx, &tenant, &came_back).await?
            }
            Brought::OAuthTokens(tokens) => tokens,
        };
        let told = provider.user_info(cx, &tenant, &tokens).await?;
        let mut email = told.email;
        if email.is_none() {
            let fake = provider.fake_email(cx, &tenant, &told.third_party_user_id).await?;
            email = fake.map(|id| ProviderEmail { id, is_verified: true });
        }
        let Some(email) = email else { return Ok(SignInUpOutcome::NoEmailGivenByProvider) };
        let mut user = ProviderUser {
            tenant,
            third_party_id: provider.id().to_owned(),
            third_party_user_id: told.third_party_user_id,
            is_verified: email.is_verified && is_kept_as_it_is(&email.id),
            email: email.id,
            session,
            link_to_session_user,
        };
        let account = AccountInfo { third_party: Some(user.identity()), ..AccountInfo::default() };
        // The provider has said who it is, which is the same in every tenant.
        let fits = |_| std::future::ready(Ok(true));
        let known = flow::authenticating_user(cx, &user.caller(), FACTOR, &account, fits).await?;
        if let Some((_, method)) = &known
            && !user.is_verified
            && let Ok(proofs) = cx.sdk().email_verification()
        {
            // The user may have proven the address to this app, though the provider has no proof.
            let functions = &proofs.functions;
            user.is_verified = functions.is_email_verified(cx, &method.recipe_user_id, &user.email).await?;
        }
        let login = LoginInfo::new(FACTOR).email(&user.email).third_party(user.identity());
        let attempt = flow::Attempt {
            login: login.verified(user.is_verified),
            user: known.as_ref().map(|(known, _)| known),
            factors: &[FACTOR],
            only_asks: false,
        };
        match flow::before(cx, &user.caller(), attempt).await? {
            Before::Ok { .. } => {}
            Before::NotAllowed => return Ok(refused(if known.is_some() { 4 } else { 6 })),
            Before::LinkingFailed(failure) => {
                return Ok(SignInUpOutcome::NotAllowed { reason: failure.reason(LINKING_CODES) });
            }
        }
        let input = SignInUpInput { user, tokens, raw: told.raw };
        match cx.sdk().third_party()?.functions.sign_in_up(cx, &input).await? {
            SignInUp::Ok { user, recipe_user_id, created_new_recipe_user } => {
                let session = flow::after(cx, &input.user.caller(), FACTOR, &user, &recipe_user_id).await?;
                let SignInUpInput { tokens, raw, .. } = input;
                Ok(SignInUpOutcome::Ok { user, session, created_new_recipe_user, tokens, raw })
            }
            SignInUp::NotAllowed { reason } => Ok(SignInUpOutcome::NotAllowed { reason }),
            SignInUp::LinkingFailed(failure) => {
                Ok(SignInUpOutcome::NotAllowed { reason: failure.reason(LINKING_CODES) })
            }
        }
    }

    async fn apple_redirect_handler(&self, cx: &Cx, form: &[(String, String)]) -> Result<String> {
        apple_callback::location(cx, form)
    }
}

/// Whether the address is the same mailbox once the core has written it in lower case. The Kelvin sign becomes a
/// `k`, and the provider has verified another address than that.
fn is_kept_as_it_is(email: &str) -> bool {
    email.to_lowercase() == email.to_ascii_lowercase()
}

fn refused(code: u8) -> SignInUpOutcome {
    SignInUpOutcome::NotAllowed {
        reason: format!(
            "Cannot sign in / up due to security reasons. Please try a different login method or contact support. (ERR_CODE_{code:03})"
        ),
    }
}

/// The provider that a request names, of the tenant.
async fn provider(cx: &Cx, tenant: &str, id: &str, client_type: Option<&str>) -> Result<Provider> {
    let found = cx.sdk().third_party()?.functions.get_provider(cx, tenant, id, client_type).await?;
    found
        .ok_or_else(|| Error::bad_input(format!("the provider {id} could not be found in the configuration")))
}

async fn authorisation_url(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let query = |name: &str| cx.exchange().and_then(|exchange| exchange.query(name));
    let required = |name: &str| {
        query(name).ok_or_else(|| Error::bad_input(format!("Please provide the {name} as a GET param")))
    };
    let id = required("thirdPartyId")?;
    let redirect_uri = required("redirectURIOnProviderDashboard")?;
    let provider = provider(cx, tenant, &id, query("clientType").as_deref()).await?;
    let apis = &cx.sdk().third_party()?.apis;
    let AuthorisationUrl { url, pkce_code_verifier } =
        apis.authorisation_url(cx, tenant, &provider, &redirect_uri).await?;
    let mut body = json!({"status": "OK", "urlWithQueryParams": url});
    if let Some(verifier) = pkce_code_verifier {
        body["pkceCodeVerifier"] = verifier.into();
    }
    ok(&body)
}

/// What the frontend brings, in a body.
fn brought(body: &Object) -> Result<Brought> {
    let given = |name: &str| body.get(name).filter(|value| !value.is_null());
    let of_wrong_kind = |name: &str, kind: &str| Error::bad_input(format!("{name} must be {kind}"));
    if let Some(info) = given("redirectURIInfo") {
        let info = info.as_object().ok_or_else(|| of_wrong_kind("redirectURIInfo", "an object"))?;
        let redirect_uri = info.get("redirectURIOnProviderDashboard").and_then(Value::as_str);
        let redirect_uri = redirect_uri.ok_or_else(|| {
            Error::bad_input("Please provide the redirectURIOnProviderDashboard in request body")
        })?;
        let params = info.get("redirectURIQueryParams").and_then(Value::as_object);
        let params = params.ok_or_else(|| of_wrong_kind("redirectURIQueryParams", "an object"))?;
        let verifier = match info.get("pkceCodeVerifier") {
            None | Some(Value::Null) => None,
            Some(Value::String(verifier)) => Some(verifier.clone()),
            Some(_) => return Err(of_wrong_kind("pkceCodeVerifier", "a string")),
        };
        return Ok(Brought::RedirectUriInfo(RedirectUriInfo {
            redirect_uri_on_provider_dashboard: redirect_uri.to_owned(),
            redirect_uri_query_params: params.clone(),
            pkce_code_verifier: verifier,
        }));
    }
    let tokens = given("oAuthTokens").ok_or_else(|| {
        Error::bad_input("Please provide one of redirectURIInfo or oAuthTokens in the request body")
    })?;
    let tokens = tokens.as_object().ok_or_else(|| of_wrong_kind("oAuthTokens", "an object"))?;
    Ok(Brought::OAuthTokens(OAuthTokens::of_frontend(tokens.clone())))
}

/// A session decides about the tenant, if the request is to build on it: of its providers too, as those of
/// another tenant may say what they like.
async fn sign_in_up(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let body = json_body(cx)?;
    let id = body.get("thirdPartyId").and_then(Value::as_str);
    let id = id.ok_or_else(|| Error::bad_input("Please provide the thirdPartyId in request body"))?;
    let client_type = match body.get("clientType") {
        None | Some(Value::Null) => None,
        Some(Value::String(kind)) => Some(kind.as_str()),
        Some(_) => return Err(Error::bad_input("clientType must be a string")),
    };
    let brought = brought(&body)?;
    let link_to_session_user = fdi::linking_flag(cx, &body);
    let session = flow::session_to_link(cx, link_to_session_user).await?;
    let tenant = session.as_ref().map_or(tenant, Session::tenant_id).to_owned();
    let provider = provider(cx, &tenant, id, client_type).await?;
    let request = SignInUpRequest { tenant, provider, brought, session, link_to_session_user };
    match cx.sdk().third_party()?.apis.sign_in_up(cx, request).await? {
        SignInUpOutcome::Ok { user, session, created_new_recipe_user, .. } => {
            fdi::signed_in_or_up(cx, &user, &session, created_new_recipe_user)
        }
        SignInUpOutcome::NoEmailGivenByProvider => {
            fdi::turned_away(cx, ok(&json!({"status": "NO_EMAIL_GIVEN_BY_PROVIDER"})))
        }
        SignInUpOutcome::NotAllowed { reason } => {
            fdi::turned_away(cx, ok(&json!({"status": "SIGN_IN_UP_NOT_ALLOWED", "reason": reason})))
        }
    }
}

/// Apple sends a form, and the browser is to go on with `GET`: 303.
async fn apple_redirect_handler(cx: &Cx) -> Result<Response<Bytes>> {
    let body = cx.exchange().map(|exchange| exchange.body().as_ref()).unwrap_or_default();
    let form: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let location = cx.sdk().third_party()?.apis.apple_redirect_handler(cx, &form).await?;
    let location = HeaderValue::try_from(location);
    let location = location.map_err(|_| Error::Internal("the address to go on to is none".to_owned()))?;
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Ok(response)
}

/// The routes that are not taken away.
pub(crate) fn routes(recipe: &Providers) -> Vec<Route> {
    use ApiMethod::{Get, Post};
    let all: [ApiRoute<Api>; 3] = [
        (Api::SignInUp, Post, "/signinup", |cx, tenant| Box::pin(sign_in_up(cx, tenant))),
        (Api::AuthorisationUrl, Get, "/authorisationurl", |cx, tenant| {
            Box::pin(authorisation_url(cx, tenant))
        }),
        (Api::AppleRedirectHandler, Post, "/callback/apple", |cx, _| Box::pin(apple_redirect_handler(cx))),
    ];
    enabled_routes(&recipe.disabled, FACTOR, all)
}
