//! Auth0: users as the Management API exports and imports them, and the export of the hashes of their passwords, which
//! Auth0's support makes. A JSON object on each line.
//!
//! Hashes: <https://auth0.com/docs/manage-users/user-migration/bulk-user-import-database-schema-and-examples>, and
//! "How to Use the Password Hashes Export from Auth0" of Auth0's support.

use super::described::Described;
use super::fields::{flag, object, objects, text, time, value};
use super::{Converted, Object, Wishes};
use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER_PERMISSIVE};
use serde_json::Value;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

/// Hashes by the ids of their users.
pub(super) type Hashes = HashMap<String, String>;

/// Reads the export of hashes.
pub(super) fn read_hashes(path: &Path) -> Result<Hashes, String> {
    let explain = |reason: String| format!("{}: {reason}", path.display());
    let file = File::open(path).map_err(|error| explain(error.to_string()))?;
    let mut hashes = Hashes::new();
    for (at, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| explain(error.to_string()))?;
        if line.trim().is_empty() {
            continue;
        }
        let row: Object =
            serde_json::from_str(&line).map_err(|error| explain(format!("line {}: {error}", at + 1)))?;
        if let (Some(id), Some(hash)) = (id_of_hash(&row), text(&row, &["passwordHash"])) {
            hashes.insert(id, hash.to_owned());
        }
    }
    Ok(hashes)
}

/// The user's id, in a row of the export of hashes: one that the app has given, or else Auth0's own.
fn id_of_hash(row: &Object) -> Option<String> {
    let own = row.get("_id").and_then(|id| id["$oid"].as_str());
    let id = text(row, &["alt_id"]).or(own)?;
    Some(if id.starts_with("auth0|") { id.to_owned() } else { format!("auth0|{id}") })
}

/// Users of a database of Auth0's have ids that begin with `auth0|`, which the form for imports leaves out.
fn whole_id(id: &str) -> String {
    if id.contains('|') { id.to_owned() } else { format!("auth0|{id}") }
}

pub(super) fn convert(row: &Object, hashes: &Hashes, wishes: &Wishes) -> Converted {
    let id = text(row, &["user_id"]).map(whole_id).or_else(|| id_of_hash(row));
    let joined = time(row, &["created_at"]);
    let mut user = Described::new(id.as_deref(), joined, wishes);
    user.refuse_if(flag(row, &["blocked"]), "blocked");
    user.note_all(object(row, "user_metadata"));
    user.note("app_metadata", object(row, "app_metadata").cloned());
    for (name, field) in
        [("first_name", "given_name"), ("last_name", "family_name"), ("name", "name"), ("picture", "picture")]
    {
        user.note(name, text(row, &[field]));
    }
    if value(row, &["multifactor"]).and_then(Value::as_array).is_some_and(|factors| !factors.is_empty())
        || objects(row, "mfa_factors").next().is_some()
    {
        user.lose_second_factor("a second factor");
    }
    let own_hash = match hash(row) {
        Ok(hash) => hash,
        Err(reason) => {
            user.refuse(reason);
            return user.finish();
        }
    };
    let is_hashed = own_hash.is_some();
    let hash = own_hash.or_else(|| hashes.get(id.as_deref().unwrap_or_default()).cloned());
    let (email, is_verified) = address(row);
    let mut identities: Vec<(&str, String, Object)> =
        objects(row, "identities").filter_map(identity).collect();
    if identities.is_empty() {
        // Rows without them are of the user's own identity, which its id names.
        let own = id.as_deref().and_then(|id| id.split_once('|'));
        identities.extend(own.map(|(provider, user)| (provider, user.to_owned(), Object::new())));
    }
    if is_hashed && !identities.iter().any(|(provider, ..)| *provider == "auth0") {
        identities.push(("auth0", String::new(), Object::new()));
    }
    // The password first: the user is known by what it signs in with there.
    identities.sort_by_key(|(provider, ..)| *provider != "auth0");
    for (provider, provider_user, profile) in &identities {
        let own_email = text(profile, &["email"]);
        let is_own_verified = if own_email.is_none() || own_email == email {
            is_verified || flag(profile, &["email_verified"])
        } else {
            flag(profile, &["email_verified"])
        };
        let address = own_email.or(email);
        match *provider {
            "auth0" => match &hash {
                Some(hash) => user.with_password(address, is_own_verified, hash),
                None => user.refuse(
                    "the user has a password whose hash is not in the row: ask Auth0 for the export, and give it with --hashes",
                ),
            },
            "email" => match address {
                Some(address) => user.with_email(address, is_own_verified),
                None => user.refuse("the user signs in with an e-mail address that is not in the row"),
            },
            "sms" => match text(profile, &["phone_number"]).or_else(|| text(row, &["phone_number"])) {
                Some(number) => user.with_phone(number),
                None => user.refuse("the user signs in with a number that is not in the row"),
            },
            provider => user.with_provider(provider, provider_user, address, is_own_verified),
        }
    }
    user.finish()
}

/// The provider, the user there, and what it tells.
fn identity(identity: &Object) -> Option<(&str, String, Object)> {
    let user = match value(identity, &["user_id"])? {
        Value::String(id) => id.clone(),
        other => other.to_string(),
    };
    Some((text(identity, &["provider"])?, user, object(identity, "profileData").cloned().unwrap_or_default()))
}

/// The address, and whether it is verified. In the export of hashes it may be among the identifiers alone.
fn address(row: &Object) -> (Option<&str>, bool) {
    if let Some(email) = text(row, &["email"]) {
        return (Some(email), flag(row, &["email_verified"]));
    }
    let email = objects(row, "identifiers").find(|identifier| text(identifier, &["type"]) == Some("email"));
    email.map_or((None, false), |email| (text(email, &["value"]), flag(email, &["verified"])))
}

/// The password's hash that is in the row, or why it is of no use.
fn hash(row: &Object) -> Result<Option<String>, String> {
    if let Some(hash) = text(row, &["passwordHash", "password_hash"]) {
        return Ok(Some(hash.to_owned()));
    }
    let Some(custom) = object(row, "custom_password_hash") else { return Ok(None) };
    let algorithm = text(custom, &["algorithm"]).unwrap_or_default();
    let hash = object(custom, "hash").ok_or("custom_password_hash has no hash")?;
    let value = text(hash, &["value"]).ok_or("custom_password_hash has no hash.value")?;
    let encoding = object(custom, "password").and_then(|password| text(password, &["encoding"]));
    if encoding.is_some_and(|encoding| !["utf8", "ascii"].contains(&encoding)) {
        return Err("the password was hashed in an encoding that is not UTF-8".to_owned());
    }
    match algorithm {
        "argon2" | "bcrypt" | "pbkdf2" => Ok(Some(value.to_owned())),
        "scrypt" => scrypt(custom, hash, value).map(Some),
        other => Err(format!("the password's hash is of a form that is not taken: {other}")),
    }
}

/// As the other forms are written.
fn scrypt(custom: &Object, hash: &Object, value: &str) -> Result<String, String> {
    let fault = |what: &str| format!("custom_password_hash has a {what} that cannot be read");
    let salt = object(custom, "salt").ok_or_else(|| fault("salt"))?;
    let salt_text = text(salt, &["value"]).ok_or_else(|| fault("salt"))?;
    let salt = decode(salt_text, text(salt, &["encoding"]).unwrap_or("utf8")).ok_or_else(|| fault("salt"))?;
    let hash = text(hash, &["encoding"]).and_then(|encoding| decode(value, encoding));
    let hash = hash.ok_or_else(|| fault("hash"))?;
    let cost = |name: &str, standard: u64| match custom.get(name) {
        None => Ok(standard),
        Some(cost) => cost.as_u64().ok_or_else(|| fault(name)),
    };
    if cost("keylen", hash.len() as u64)? != hash.len() as u64 {
        return Err(fault("keylen"));
    }
    let n = cost("cost", 16_384)?;
    if n < 2 || !n.is_power_of_two() {
        return Err(fault("cost"));
    }
    Ok(format!(
        "$scrypt$ln={},r={},p={}${}${}",
        n.ilog2(),
        cost("blockSize", 8)?,
        cost("parallelization", 1)?,
        BASE64_NOPAD.encode(&salt),
        BASE64_NOPAD.encode(&hash),
    ))
}

fn decode(text: &str, encoding: &str) -> Option<Vec<u8>> {
    match encoding {
        "utf8" => Some(text.as_bytes().to_vec()),
        "hex" => HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok(),
        "base64" => BASE64.decode(text.as_bytes()).ok(),
        _ => None,
    }
}
