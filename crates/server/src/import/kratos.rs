//! Ory Kratos: identities as its administrative API lists them, with credentials; in an array or on a line each.
//!
//! Hashes are those of Kratos' `hash` package: bcrypt, argon2, PBKDF2, scrypt and Firebase's are taken. What a credential
//! has besides its identifiers is in the row only if it was asked for; those that a schema names identifiers for are
//! there for everybody, with an empty `config` for whoever has no such credential.

use super::described::{Described, FirebaseHash};
use super::fields::{flag, object, objects, text, time, value};
use super::{Converted, Object, Wishes};
use serde_json::Value;
use url::Url;

pub(super) fn convert(row: &Object, wishes: &Wishes) -> Converted {
    let mut user = Described::new(text(row, &["id"]), time(row, &["created_at"]), wishes);
    user.refuse_if(text(row, &["state"]) == Some("inactive"), "inactive");
    for name in ["traits", "metadata_public", "metadata_admin", "external_id", "organization_id"] {
        user.note(name, value(row, &[name]).cloned());
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
    let is_mail = |known: &&Object| text(known, &["via"]) == Some("email");
    let known_email = || text(objects(row, "verifiable_addresses").find(is_mail)?, &["value"]);
    let email = text(traits, &["email"]).or_else(known_email);
    if let Some(password) = credential("password") {
        let config = password.get("config").and_then(Value::as_object);
        let hash = config.and_then(|config| text(config, &["hashed_password"]));
        let own_email = identifiers(password).find(|identifier| identifier.contains('@')).or(email);
        let is_verified = own_email.is_some_and(is_verified);
        match (hash, config) {
            (Some(hash), _) if is_of_sha3(hash) => user.refuse(
                "the password's hash is of a form that is not taken: what Kratos calls PBKDF2 with SHA-224 or SHA-384 is with SHA-3",
            ),
            (Some(hash), _) => match firebase(hash) {
                Some(hash) => user.with_firebase_password(own_email, is_verified, &hash),
                None => user.with_password(own_email, is_verified, hash),
            },
            (None, Some(config)) if flag(config, &["use_password_migration_hook"]) => {
                user.refuse("the user's password was never told to Kratos: its migration hook knows it");
            }
            // There is none.
            (None, Some(_)) => {}
            (None, None) => user.refuse(
                "the user may have a password, but its hash is not in the row: list identities with include_credential=password",
            ),
        }
    }
    for oidc in ["oidc", "saml"].into_iter().filter_map(credential) {
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
    second_factors(credentials, &mut user);
    user.finish()
}

fn second_factors(credentials: &Object, user: &mut Described<'_>) {
    let credential = |name: &str| object(credentials, name);
    if let Some(totp) = credential("totp") {
        let url = object(totp, "config").and_then(|config| text(config, &["totp_url"]));
        match url.and_then(device) {
            Some((secret, period)) => user.with_device(&secret, period, None),
            None => user.lose_second_factor(
                "an authenticator app that is not TOTP with SHA-1 and 6 digits, or whose secret is not in the row,",
            ),
        }
    }
    if let Some(keys) = credential("webauthn") {
        match keys.get("config").and_then(Value::as_object) {
            None => user.lose_second_factor(
                "a security key that the row would tell with include_credential=webauthn",
            ),
            // One more way to sign in is no second factor: nobody is less safe without.
            Some(config) if objects(config, "credentials").all(|key| flag(key, &["is_passwordless"])) => {}
            Some(_) => user.lose_second_factor("a security key"),
        }
    }
    if let Some(keys) = credential("deviceauthn") {
        let config = keys.get("config").and_then(Value::as_object);
        if config.is_none_or(|config| objects(config, "credentials").next().is_some()) {
            user.lose_second_factor("the key of a device");
        }
    }
}

/// Kratos' names for PBKDF2 are not those of others.
fn is_of_sha3(stored: &str) -> bool {
    ["$pbkdf2-sha224$", "$pbkdf2-sha384$"].iter().any(|form| stored.starts_with(form))
}

/// `$firescrypt$ln=<mem cost>,r=<rounds>,p=1$<salt>$<hash>$<separator>$<signer key>`
fn firebase(stored: &str) -> Option<FirebaseHash<'_>> {
    let parts = stored.strip_prefix("$firescrypt$")?.split('$').collect::<Vec<_>>();
    let [costs, salt, hash, salt_separator, signer_key]: [&str; 5] = parts.try_into().ok()?;
    let (mem_cost, rounds) = costs.strip_prefix("ln=")?.strip_suffix(",p=1")?.split_once(",r=")?;
    Some(FirebaseHash {
        hash,
        salt,
        mem_cost: mem_cost.parse().ok()?,
        rounds: rounds.parse().ok()?,
        salt_separator,
        signer_key: Some(signer_key),
    })
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
