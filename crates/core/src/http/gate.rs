//! Who may call, and in which version: address filter, API key, `cdi-version`.

use crate::config::CoreConfig;
use crate::crypto::digest::Fingerprint;
use crate::{Error, Result};
use http::HeaderMap;
use portcullis_wire::{Cdi, Versioning};
use std::net::IpAddr;

/// 403 unless the tenant's address filter lets the peer through. Deny wins over allow.
pub(super) fn check_address(config: &CoreConfig, peer: Option<IpAddr>) -> Result<()> {
    if config.ip_deny.is_none() && config.ip_allow.is_none() {
        return Ok(());
    }
    let address = peer.map(|peer| peer.to_canonical().to_string()).unwrap_or_default();
    // A pattern that does not come to an end lets nobody through.
    let denied = config.ip_deny.as_ref().is_some_and(|deny| deny.is_match(&address).unwrap_or(true));
    let allowed = config.ip_allow.as_ref().is_none_or(|allow| allow.is_match(&address).unwrap_or(false));
    if denied || !allowed { Err(Error::forbidden("Forbidden")) } else { Ok(()) }
}

/// 401 unless the call shows one of the app's keys, or the operator's secret, if any is configured. Tells which one.
pub(super) fn check_api_key(
    app: &CoreConfig,
    base: &CoreConfig,
    headers: &HeaderMap,
) -> Result<Option<Fingerprint>> {
    let secret = base.saas_secret.as_ref();
    if app.api_keys.is_empty() && secret.is_none() {
        return Ok(None);
    }
    let shown = shown_key(headers).unwrap_or_default();
    // Every key is compared, so that the time does not tell which one was close.
    let mut shows = None;
    for key in app.api_keys.iter().chain(secret) {
        if key.equals(shown) {
            shows = Some(key.fingerprint());
        }
    }
    shows.map(Some).ok_or(Error::Unauthorized)
}

/// Whether the call shows the operator's secret, or there is none that would set the operator apart.
pub(super) fn is_operator(base: &CoreConfig, headers: &HeaderMap) -> bool {
    let shown = shown_key(headers).unwrap_or_default();
    base.saas_secret.as_ref().is_none_or(|secret| secret.equals(shown))
}

fn shown_key(headers: &HeaderMap) -> Option<&str> {
    if let Some(key) = headers.get("api-key") {
        return key.to_str().ok().map(str::trim);
    }
    let authorization = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let bearer = authorization.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
    Some(bearer.map_or(authorization, |_| &authorization[7..]).trim())
}

/// The version of a call. Without the header it is the newest that the app allows.
pub(super) fn version<'h>(config: &CoreConfig, headers: &'h HeaderMap) -> Result<Asked<'h>> {
    let limit = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<Cdi>().ok());
    let (min, max) = (limit(&config.min_cdi), limit(&config.max_cdi).unwrap_or(Cdi::LATEST));
    let Some(header) = headers.get("cdi-version") else {
        return Ok(Asked { cdi: max, unknown: None });
    };
    let text = header.to_str().unwrap_or_default();
    if !is_dotted_number(text) {
        return Err(Error::bad_input("cdi-version header is invalid"));
    }
    let Ok(cdi) = text.parse::<Cdi>() else {
        return Ok(Asked { cdi: max, unknown: Some(text) });
    };
    if cdi > max {
        return Err(not_supported(text));
    }
    if let Some(min) = min.filter(|min| cdi < *min) {
        let text = format!("cdi-version {text} is lower than the minimum allowed version {min}");
        return Err(Error::BadInput(text));
    }
    Ok(Asked { cdi, unknown: (!cdi.is_supported()).then_some(text) })
}

/// The version that a call asked for.
#[derive(Debug)]
pub(super) struct Asked<'h> {
    pub(super) cdi: Cdi,
    /// The header, if the version that it names is not served.
    unknown: Option<&'h str>,
}

impl Asked<'_> {
    /// 400 if the endpoint checks versions and this one is not served.
    pub(super) fn check(&self, versioning: Versioning) -> Result<()> {
        match self.unknown {
            Some(text) if versioning != Versioning::Ignored => Err(not_supported(text)),
            _ => Ok(()),
        }
    }
}

fn not_supported(text: &str) -> Error {
    Error::BadInput(format!("cdi-version {text} not supported"))
}

fn is_dotted_number(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

/// Whom the backend that asks is itself asked by, if it says so: the core sees the backend's own address only.
pub(super) fn caller(headers: &HeaderMap) -> Result<Option<IpAddr>> {
    let Some(header) = headers.get("caller-address") else { return Ok(None) };
    let address = header.to_str().ok().and_then(|text| text.trim().parse().ok());
    address.map(Some).ok_or_else(|| Error::bad_input("The header caller-address is not an IP address"))
}
