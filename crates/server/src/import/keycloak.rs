//! Keycloak: the JSON of `kc.sh export`, a realm with its users, or users alone.
//!
//! Credentials are `CredentialRepresentation`s, whose `secretData` and `credentialData` are JSON in a text:
//! `PasswordCredentialData`, `PasswordSecretData`, `OTPCredentialData` and `OTPSecretData` of Keycloak's `server-spi`.

use super::described::Described;
use super::fields::{flag, json, object, objects, text, time, value};
use super::{Converted, Object, Wishes};
use data_encoding::{BASE32_NOPAD, BASE64, BASE64_NOPAD};
use serde_json::Value;

pub(super) fn convert(row: &Object, wishes: &Wishes) -> Converted {
    let mut user = Described::new(text(row, &["id"]), time(row, &["createdTimestamp"]), wishes);
    user.refuse_if(row.contains_key("enabled") && !flag(row, &["enabled"]), "disabled");
    let (email, is_verified) = (text(row, &["email"]), flag(row, &["emailVerified"]));
    user.note("first_name", text(row, &["firstName"]));
    user.note("last_name", text(row, &["lastName"]));
    user.note("username", text(row, &["username"]));
    user.note("attributes", object(row, "attributes").cloned());
    for name in ["realmRoles", "clientRoles", "groups", "requiredActions"] {
        user.note(name, value(row, &[name]).filter(|all| **all != Value::Array(Vec::new())).cloned());
    }
    for credential in objects(row, "credentials") {
        let kind = text(credential, &["type"]).unwrap_or_default();
        let data = json(credential, "credentialData").zip(json(credential, "secretData"));
        match (kind, data) {
            ("password", Some((data, secret))) => match password(&data, &secret) {
                Ok(hash) => user.with_password(email, is_verified, &hash),
                Err(reason) => user.refuse(reason),
            },
            ("otp", Some((data, secret))) => match device(&data, &secret) {
                Some((secret, period)) => user.with_device(&secret, period, text(credential, &["userLabel"])),
                None => {
                    user.lose_second_factor("an authenticator app that is not TOTP with SHA-1 and 6 digits");
                }
            },
            // Passwords that may not be chosen again, codes for those who have lost another factor, and one more way to
            // sign in: nobody is less safe without.
            ("password-history" | "recovery-authn-codes" | "webauthn-passwordless", _) => {}
            ("password" | "otp", None) => user.refuse(format!("the credential `{kind}` cannot be read")),
            (kind, _) => user.lose_second_factor(&format!("the credential `{kind}`")),
        }
    }
    for identity in objects(row, "federatedIdentities") {
        if let (Some(provider), Some(id)) =
            (text(identity, &["identityProvider"]), text(identity, &["userId"]))
        {
            user.with_provider(provider, id, email, is_verified);
        }
    }
    user.keep_addresses(email, None);
    user.finish()
}

/// The hash, as the core writes it.
fn password(data: &Object, secret: &Object) -> Result<String, String> {
    let algorithm = text(data, &["algorithm"]).unwrap_or_default();
    let unreadable = || format!("the password's hash, {algorithm}, cannot be read");
    let iterations = value(data, &["hashIterations"]).and_then(Value::as_u64).unwrap_or_default();
    let bytes = |name: &str| BASE64.decode(text(secret, &[name])?.as_bytes()).ok();
    let both = bytes("salt").zip(bytes("value"));
    let (salt, hash) = both.ok_or_else(unreadable)?;
    let (length, salt, hash) = (hash.len(), BASE64_NOPAD.encode(&salt), BASE64_NOPAD.encode(&hash));
    let digest = match algorithm {
        "pbkdf2" => "sha1",
        "pbkdf2-sha256" => "sha256",
        "pbkdf2-sha512" => "sha512",
        "argon2" => return argon2(data, iterations, &salt, &hash).ok_or_else(unreadable),
        other => return Err(format!("the password's hash is of an unknown form: `{other}`")),
    };
    Ok(format!("$pbkdf2-{digest}$i={iterations},l={length}${salt}${hash}"))
}

fn argon2(data: &Object, iterations: u64, salt: &str, hash: &str) -> Option<String> {
    let parameters = object(data, "additionalParameters")?;
    // Each has a list of values.
    let parameter = |name: &str| match parameters.get(name)? {
        Value::Array(values) => values.first()?.as_str(),
        other => other.as_str(),
    };
    let version = match parameter("version")? {
        "1.3" => 19,
        "1.0" => 16,
        _ => return None,
    };
    let (kind, memory, lanes) = (parameter("type")?, parameter("memory")?, parameter("parallelism")?);
    Some(format!("$argon2{kind}$v={version}$m={memory},t={iterations},p={lanes}${salt}${hash}"))
}

/// The secret in base32, and the period; the core knows no other codes.
fn device(data: &Object, secret: &Object) -> Option<(String, i64)> {
    let is_known = text(data, &["subType"]) == Some("totp")
        && text(data, &["algorithm"]) == Some("HmacSHA1")
        && value(data, &["digits"]).and_then(Value::as_i64) == Some(6);
    let secret = text(secret, &["value"]).filter(|_| is_known)?;
    let secret = match text(data, &["secretEncoding"]) {
        None => BASE32_NOPAD.encode(secret.as_bytes()),
        Some(encoding) if encoding.eq_ignore_ascii_case("BASE32") => secret.to_owned(),
        Some(_) => return None,
    };
    Some((secret, value(data, &["period"]).and_then(Value::as_i64).unwrap_or(30)))
}
