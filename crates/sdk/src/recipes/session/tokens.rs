//! Tokens on their way: found in requests, written into responses, taken away.

use super::access_token::AccessToken;
use super::config::{AntiCsrf, Config, OlderDomain, TokenType, TransferMethod};
use super::types::{NewSession, VerifyOptions};
use super::{ClaimSubject, PROTECTED_CLAIMS, Session, Sessions, same_site};
use crate::{Cookie, Cx, Error, Exchange, Result, SameSite, SessionError};
use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, ORIGIN};
use portcullis_wire::Object;
use std::borrow::Cow;
use std::sync::Arc;

const FRONT_TOKEN: HeaderName = HeaderName::from_static("front-token");
const ANTI_CSRF: HeaderName = HeaderName::from_static("anti-csrf");
/// A cookie of very old SDKs: whoever holds it must refresh.
const LEGACY_COOKIE: &str = "sIdRefreshToken";
/// Browsers keep cookies for 400 days at most; the token inside dies much earlier.
const ONE_YEAR_MS: i64 = 365 * 24 * 3_600_000;

/// A token to give to the browser; an empty one takes away what is there.
struct Token<'t> {
    kind: TokenType,
    value: &'t str,
    /// In milliseconds since 1970.
    expires_at: i64,
}

/// A header's value that is kept out of logs.
fn secret_value(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text).map_err(|error| Error::Internal(error.to_string()))?;
    value.set_sensitive(true);
    Ok(value)
}

pub(super) fn set_access(
    cx: &Cx,
    exchange: &Exchange,
    transfer: TransferMethod,
    token: &str,
    front_token: &str,
) -> Result<()> {
    exchange.set_header(FRONT_TOKEN, secret_value(front_token)?);
    exchange.expose_header(FRONT_TOKEN.as_str());
    let config = &cx.session()?.config;
    let token = Token { kind: TokenType::Access, value: token, expires_at: cx.now() + ONE_YEAR_MS };
    set(cx, exchange, transfer, &token)?;
    if config.expose_access_token && transfer == TransferMethod::Cookie {
        set(cx, exchange, TransferMethod::Header, &token)?;
    }
    Ok(())
}

pub(super) fn set_refresh(
    cx: &Cx,
    exchange: &Exchange,
    transfer: TransferMethod,
    token: &str,
    expires_at: i64,
) -> Result<()> {
    set(cx, exchange, transfer, &Token { kind: TokenType::Refresh, value: token, expires_at })
}

pub(super) fn set_anti_csrf(exchange: &Exchange, token: &str) {
    if let Ok(value) = secret_value(token) {
        exchange.set_header(ANTI_CSRF, value);
        exchange.expose_header(ANTI_CSRF.as_str());
    }
}

/// Takes the tokens of one kind of transfer out of the browser.
pub(super) fn clear(cx: &Cx, exchange: &Exchange, transfer: TransferMethod) -> Result<()> {
    for kind in [TokenType::Access, TokenType::Refresh] {
        set(cx, exchange, transfer, &Token { kind, value: "", expires_at: 0 })?;
    }
    exchange.remove_header(&ANTI_CSRF);
    exchange.set_header(FRONT_TOKEN, HeaderValue::from_static("remove"));
    exchange.expose_header(FRONT_TOKEN.as_str());
    Ok(())
}

/// Takes all tokens out of the browser, those included that this response was about to give.
pub(super) fn clear_all(cx: &Cx, exchange: &Exchange) -> Result<()> {
    TransferMethod::ALL.into_iter().try_for_each(|transfer| clear(cx, exchange, transfer))
}

/// Takes back the tokens of a session that was made for this request. What is in the browser stays.
pub(super) fn take_back_new(config: &Config, exchange: &Exchange) {
    if !exchange.take_new_session() {
        return;
    }
    for header in [&FRONT_TOKEN, &ANTI_CSRF] {
        exchange.remove_header(header);
    }
    for kind in [TokenType::Access, TokenType::Refresh] {
        if let Ok(header) = HeaderName::try_from((config.header_name)(exchange, kind)) {
            exchange.remove_header(&header);
        }
        exchange.remove_cookies(&(config.cookie_name)(exchange, kind));
    }
}

fn set(cx: &Cx, exchange: &Exchange, transfer: TransferMethod, token: &Token<'_>) -> Result<()> {
    let config = &cx.session()?.config;
    match transfer {
        TransferMethod::Header => {
            let name = (config.header_name)(exchange, token.kind);
            let header = HeaderName::try_from(&name).map_err(|error| Error::Internal(error.to_string()))?;
            exchange.set_header(header, secret_value(token.value)?);
            exchange.expose_header(&name);
        }
        TransferMethod::Cookie => {
            let name = (config.cookie_name)(exchange, token.kind);
            exchange.set_cookie(cookie(cx, config, name, token))?;
        }
    }
    Ok(())
}

fn cookie(cx: &Cx, config: &Config, name: String, token: &Token<'_>) -> Cookie {
    let path = match token.kind {
        TokenType::Access => &config.access_token_path,
        TokenType::Refresh => &config.refresh_token_path,
    };
    Cookie {
        name,
        value: token.value.to_owned(),
        domain: config.cookie_domain.clone(),
        path: path.clone(),
        expires_at: token.expires_at,
        secure: config.cookie_secure,
        same_site: same_site::of_call(cx, config),
    }
}

/// The token that a request shows.
fn shown<'e>(
    config: &Config,
    exchange: &'e Exchange,
    token: TokenType,
    transfer: TransferMethod,
) -> Option<Cow<'e, str>> {
    match transfer {
        TransferMethod::Cookie => exchange.cookie(&(config.cookie_name)(exchange, token)).map(Cow::Owned),
        TransferMethod::Header => {
            let header = exchange.known_header(&AUTHORIZATION)?;
            header.strip_prefix("Bearer ").map(|token| Cow::Borrowed(token.trim()))
        }
    }
}

fn exchange_of(cx: &Cx) -> Result<&Arc<Exchange>> {
    cx.exchange().ok_or_else(|| Error::Internal("the call belongs to no request".to_owned()))
}

/// The access token of a request: the header's before the cookie's. What is no access token of ours does
/// not count, so that routes may use other tokens beside it.
pub(super) fn access_token_of(
    sessions: &Sessions,
    exchange: &Exchange,
) -> Result<Option<(TransferMethod, AccessToken)>> {
    let config = &sessions.config;
    let allowed = (config.choose_transfer)(exchange, false);
    for transfer in TransferMethod::ALL {
        if allowed.is_some_and(|allowed| allowed != transfer) {
            continue;
        }
        let token = shown(config, exchange, TokenType::Access, transfer);
        let Some(token) = token.and_then(|token| sessions.parse(&token)) else { continue };
        if transfer == TransferMethod::Cookie && has_duplicates(config, exchange, TokenType::Access) {
            let text = "Multiple access tokens present in the request cookies.";
            return Err(SessionError::try_refresh(text).into());
        }
        return Ok(Some((transfer, token)));
    }
    Ok(None)
}

fn has_duplicates(config: &Config, exchange: &Exchange, token: TokenType) -> bool {
    exchange.cookies(&(config.cookie_name)(exchange, token)).len() > 1
}

/// The session of the call's request.
pub(super) async fn verify_in_exchange(cx: &Cx, options: &VerifyOptions) -> Result<Option<Session>> {
    let (sessions, exchange) = (cx.session()?, exchange_of(cx)?);
    let config = &sessions.config;
    if exchange.cookie(LEGACY_COOKIE).is_some() {
        let text = "using legacy session, please call the refresh API";
        return Err(SessionError::try_refresh(text).into());
    }
    let shown = access_token_of(sessions, exchange)?;
    let by_cookie = matches!(shown, Some((TransferMethod::Cookie, _)));
    let wanted = options.wants_anti_csrf_check().unwrap_or(exchange.method() != Method::GET);
    let mut check = by_cookie && wanted;
    if check && same_site::anti_csrf(cx, config) == AntiCsrf::ViaCustomHeader {
        if exchange.header("rid").is_none() {
            let text = "anti-csrf check failed. Please pass 'rid: \"session\"' header in the request, or set anti_csrf_check(false) for this API";
            return Err(SessionError::try_refresh(text).into());
        }
        check = false;
    }
    let access_token = shown.as_ref().map(|(_, token)| token);
    let anti_csrf_token = exchange.known_header(&ANTI_CSRF);
    let checked = options.clone().anti_csrf_check(check);
    let session = sessions.verify_token(cx, access_token, anti_csrf_token, &checked).await?;
    let Some(session) = session else { return Ok(None) };
    let allowed = (config.choose_transfer)(exchange, false);
    let transfer = shown.map(|(transfer, _)| transfer).or(allowed).unwrap_or(TransferMethod::Header);
    session.attach(cx, transfer)?;
    let validators = sessions.required_validators(cx, &session, options).await?;
    session.assert_claims(cx, &validators).await?;
    Ok(Some(session))
}

/// The payload of a new session: the app's claims, the issuer, and the claims of the recipes.
pub(super) async fn new_payload(cx: &Cx, new: &NewSession) -> Result<Object> {
    let mut payload = new.payload.clone();
    let issuer = cx.sdk().open_id().functions.discovery(cx).await?.issuer;
    payload.insert("iss".to_owned(), issuer.into());
    payload.retain(|name, _| !PROTECTED_CLAIMS.contains(&name.as_str()));
    let claims = &cx.session()?.claims;
    if claims.is_empty() {
        return Ok(payload);
    }
    let user = cx.sdk().find_user(cx, &new.recipe_user_id).await?;
    let user_id = user.map_or_else(|| new.recipe_user_id.clone(), |user| user.id);
    let subject = ClaimSubject::new(user_id, &new.recipe_user_id, &new.tenant);
    for claim in claims {
        payload.extend(claim.build(cx, &subject, &payload).await?);
    }
    Ok(payload)
}

/// Makes a session and gives it to the call's response.
pub(super) async fn create_in_exchange(cx: &Cx, mut new: NewSession) -> Result<Session> {
    let (sessions, exchange) = (cx.session()?, exchange_of(cx)?);
    let config = &sessions.config;
    refuse_strangers(cx, config, exchange)?;
    let transfer = transfer_of_new(config, exchange);
    if transfer == TransferMethod::Cookie {
        refuse_useless_cookies(cx, config)?;
    }
    new.payload = new_payload(cx, &new).await?;
    new.disable_anti_csrf = transfer == TransferMethod::Header;
    let session = sessions.functions.create_session(cx, new).await?;
    for other in TransferMethod::ALL.into_iter().filter(|other| *other != transfer) {
        if shown(config, exchange, TokenType::Access, other).is_some() {
            clear(cx, exchange, other)?;
        }
    }
    session.attach(cx, transfer)?;
    exchange.note_new_session();
    Ok(session)
}

fn refuse_useless_cookies(cx: &Cx, config: &Config) -> Result<()> {
    let lost = same_site::of_call(cx, config) == SameSite::None && !config.cookie_secure;
    if !lost || same_site::is_own_machine(cx) {
        return Ok(());
    }
    Err(Error::Internal(
        "API and website are different sites, so that browsers keep cookies only if they are secure: use https for the API's address, and do not set cookie_secure(false)".to_owned(),
    ))
}

/// How the tokens of a session travel that the request is to get.
fn transfer_of_new(config: &Config, exchange: &Exchange) -> TransferMethod {
    let chosen = (config.choose_transfer)(exchange, true).or_else(|| asked_transfer(exchange));
    chosen.unwrap_or(TransferMethod::Header)
}

/// A page of another site may send a form with its own user's password, and would sign the visitor in as that
/// user. The header that asks for cookies shows that no such page sent the request; where the app chooses
/// cookies by itself, this looks for what else shows it.
pub(super) fn refuse_strangers(cx: &Cx, config: &Config, exchange: &Exchange) -> Result<()> {
    if transfer_of_new(config, exchange) != TransferMethod::Cookie {
        return Ok(());
    }
    let Some(origin) = exchange.headers().get(ORIGIN) else { return Ok(()) };
    let is_own = origin.to_str().is_ok_and(|origin| cx.sdk().app().is_own_origin(origin));
    // A page with `Referrer-Policy: no-referrer` sends its forms to its own server with `Origin: null`.
    let is_same_origin = exchange.header("sec-fetch-site") == Some("same-origin");
    if is_own || is_same_origin || !any_page_could_send(exchange) {
        return Ok(());
    }
    Err(Error::bad_input(
        "a page of this origin gets no session in cookies: send the request with the header st-auth-mode, or name the origin among the app's websites",
    ))
}

/// Whether browsers send such a request for any page, without asking this server first.
fn any_page_could_send(exchange: &Exchange) -> bool {
    if ["rid", "fdi-version", "st-auth-mode"].into_iter().any(|name| exchange.headers().contains_key(name)) {
        return false;
    }
    // One that is no plain text counts as none: browsers do not ask about `text/plain;x=ü`.
    let content_type = exchange.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_lowercase();
    ["", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain"].contains(&kind.as_str())
}

/// What the frontend asks for when a session is made.
fn asked_transfer(exchange: &Exchange) -> Option<TransferMethod> {
    match exchange.header("st-auth-mode")?.to_lowercase().as_str() {
        "cookie" => Some(TransferMethod::Cookie),
        "header" => Some(TransferMethod::Header),
        _ => None,
    }
}

/// Exchanges the refresh token of the call's request.
pub(super) async fn refresh_in_exchange(cx: &Cx) -> Result<Session> {
    let (sessions, exchange) = (cx.session()?, exchange_of(cx)?);
    let config = &sessions.config;
    clear_duplicates(cx, config, exchange)?;
    let Some((transfer, token)) = refresh_token_of(config, exchange) else {
        clear_legacy(cx, config, exchange)?;
        let text = "Refresh token not found. Are you sending the refresh token in the request?";
        return Err(SessionError::over(text).into());
    };
    let mut disable_anti_csrf = transfer == TransferMethod::Header;
    if !disable_anti_csrf && same_site::anti_csrf(cx, config) == AntiCsrf::ViaCustomHeader {
        if exchange.header("rid").is_none() {
            let text = "anti-csrf check failed. Please pass 'rid: \"session\"' header in the request.";
            return Err(SessionError::over(text).into());
        }
        disable_anti_csrf = true;
    }
    let anti_csrf_token = exchange.known_header(&ANTI_CSRF);
    let refreshed = sessions.functions.refresh_session(cx, &token, anti_csrf_token, disable_anti_csrf).await;
    clear_legacy(cx, config, exchange)?;
    let session = refreshed?;
    for other in TransferMethod::ALL.into_iter().filter(|other| *other != transfer) {
        if shown(config, exchange, TokenType::Refresh, other).is_some() {
            clear(cx, exchange, other)?;
        }
    }
    session.attach(cx, transfer)?;
    Ok(session)
}

fn refresh_token_of(config: &Config, exchange: &Exchange) -> Option<(TransferMethod, String)> {
    let allowed = (config.choose_transfer)(exchange, false);
    let methods = TransferMethod::ALL.into_iter();
    let mut usable = methods.filter(|transfer| allowed.is_none_or(|allowed| allowed == *transfer));
    usable.find_map(|transfer| {
        let token = shown(config, exchange, TokenType::Refresh, transfer)?;
        (!token.is_empty()).then(|| (transfer, token.into_owned()))
    })
}

/// A change of the cookies' domain leaves browsers with two cookies of one name: the older one goes, and
/// the next call finds only the other.
fn clear_duplicates(cx: &Cx, config: &Config, exchange: &Exchange) -> Result<()> {
    if (config.choose_transfer)(exchange, false) == Some(TransferMethod::Header) {
        return Ok(());
    }
    let tokens = [TokenType::Access, TokenType::Refresh];
    let doubled: Vec<_> =
        tokens.into_iter().filter(|token| has_duplicates(config, exchange, *token)).collect();
    if doubled.is_empty() {
        return Ok(());
    }
    let Some(OlderDomain(domain)) = &config.older_cookie_domain else {
        return Err(Error::Internal(
            "The request contains multiple session cookies. This happens after a change of cookie_domain: set older_cookie_domain to the one that was used before".to_owned(),
        ));
    };
    for kind in doubled {
        let name = (config.cookie_name)(exchange, kind);
        let old = cookie(cx, config, name, &Token { kind, value: "", expires_at: 0 });
        exchange.set_cookie(Cookie { domain: domain.clone(), ..old })?;
    }
    Err(SessionError::DuplicateCookies.into())
}

fn clear_legacy(cx: &Cx, config: &Config, exchange: &Exchange) -> Result<()> {
    if exchange.cookie(LEGACY_COOKIE).is_some() {
        let name = LEGACY_COOKIE.to_owned();
        let gone = Token { kind: TokenType::Access, value: "", expires_at: 0 };
        exchange.set_cookie(cookie(cx, config, name, &gone))?;
    }
    Ok(())
}
