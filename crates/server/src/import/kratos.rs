//! Ory Kratos: identities as its administrative API lists them, with credentials; in an array or on a line each.
//!
//! Hashes are those of Kratos' `hash` package: bcrypt, argon2, PBKDF2 and scrypt are taken, as they are.

use super::described::Described;
use super::fields::{flag, object, objects, text, time};
use super::{Converted, Object, Wishes};
use serde_json::Value;
use url::Url;

pub(super) fn convert(row: &Object, wishes: &Wishes) -> Converted {
    let mut user = Described::new(text(row, &["id"]), time(row, &["created_at"]), wishes);
    user.refuse_if(text(row, &["state"]) == Some("inactive"), "inactive");
    for name in ["traits", "metadata_public", "metadata_admin"] {
        user.note(name, object(row, name).cloned());
    }
    let none = Object::new();
    let traits = object(row, "traits").unwrap_or(&none);
    let credentials = object(row, "credentials").unwrap_or(&none);
    let credential = |name: &str| object(credentials, name);
    let is_verified = |address: &str| {
        let same = |known: &&Object| {
            text(known, &["value"]).is_some_and(|value| value.eq_ignore_ascii_case(address))
        };
        objects(row, "verifiable_addresses").find(same).is_some_and(|known| flag(known, &["verified"]))
    };
    let email = text(traits, &["email"]);
    if let Some(password) = credential("password") {
        let hash = object(password, "config").and_then(|config| text(config, &["hashed_password"]));
        let own_email = identifiers(password).find(|identifier| identifier.contains('@')).or(email);
        match hash {
            Some(hash) => user.with_password(own_email, own_email.is_some_and(is_verified), hash),
            None => user.refuse(
                "the user has a password whose hash is not in the row: list identities with include_credential=password",
            ),
        }
    }
    if let Some(oidc) = credential("oidc") {
        let config = object(oidc, "config").unwrap_or(&none);
        let told = objects(config, "providers")
            .filter_map(|told| Some((text(told, &["provider"])?, text(told, &["subject"])?)));
        let mut providers: Vec<(&str, &str)> = told.collect();
        if providers.is_empty() {
            providers.extend(identifiers(oidc).filter_map(|identifier| identifier.split_once(':')));
        }
        for (provider, subject) in providers {
            user.with_provider(provider, subject, email, email.is_some_and(is_verified));
        }
    }
    if let Some(code) = credential("code") {
        for address in identifiers(code) {
            if address.contains('@') {
                user.with_email(address, is_verified(address));
            } else {
                user.with_phone(address);
            }
        }
    }
    if let Some(totp) = credential("totp") {
        let url = object(totp, "config").and_then(|config| text(config, &["totp_url"]));
        match url.and_then(device) {
            Some((secret, period)) => user.with_device(&secret, period, None),
            None => user.lose_second_factor(
                "an authenticator app that is not TOTP with SHA-1 and 6 digits, or whose secret is not in the row,",
            ),
        }
    }
    if credential("webauthn").is_some() {
        user.lose_second_factor("a security key");
    }
    user.finish()
}

fn identifiers(credential: &Object) -> impl Iterator<Item = &str> {
    credential.get("identifiers").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The secret and the period in an `otpauth` URL; the core knows no other codes.
fn device(url: &str) -> Option<(String, i64)> {
    let url =
        Url::parse(url).ok().filter(|url| url.scheme() == "otpauth" && url.host_str() == Some("totp"))?;
    let find =
        |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let is_known = find("algorithm").is_none_or(|algorithm| algorithm == "SHA1")
        && find("digits").is_none_or(|digits| digits == "6");
    let period = find("period").map_or(Some(30), |period| period.parse().ok())?;
    find("secret").filter(|_| is_known).map(|secret| (secret, period))
}
