//! Auth0: users as the Management API exports and imports them, and the export of the hashes of their passwords, which
//! Auth0's support makes. A JSON object on each line.
//!
//! Hashes: <https://auth0.com/docs/manage-users/user-migration/bulk-user-import-database-schema-and-examples>, and
//! "How to Use the Password Hashes Export from Auth0" of Auth0's support.

use super::described::Described;
use super::fields::{flag, object, objects, text, time, value};
use super::{Converted, Object, Wishes};
use data_encoding::{BASE64_NOPAD, HEXLOWER_PERMISSIVE};
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
fn whole_id(id: &str, is_of_database: bool) -> String {
    let is_whole = id.contains('|') && !is_of_database || id.starts_with("auth0|");
    if is_whole { id.to_owned() } else { format!("auth0|{id}") }
}

pub(super) fn convert(row: &Object, hashes: &Hashes, wishes: &Wishes) -> Converted {
    let own_hash = hash(row);
    // The form for imports, which tells no identities, is for users of databases alone.
    let is_of_database = !matches!(own_hash, Ok(None)) && objects(row, "identities").next().is_none();
    let id = text(row, &["user_id"]).map(|id| whole_id(id, is_of_database)).or_else(|| id_of_hash(row));
    let joined = time(row, &["created_at"]);
    let mut user = Described::new(id.as_deref(), joined, wishes);
    user.refuse_if(flag(row, &["blocked"]), "blocked");
    user.note_own(object(row, "user_metadata"));
    user.note("app_metadata", object(row, "app_metadata").cloned());
    for (name, field) in [
        ("first_name", "given_name"),
        ("last_name", "family_name"),
        ("name", "name"),
        ("nickname", "nickname"),
        ("username", "username"),
        ("picture", "picture"),
    ] {
        user.note(name, text(row, &[field]));
    }
    second_factors(row, &mut user);
    let own_hash = match own_hash {
        Ok(hash) => hash,
        Err(reason) => {
            user.refuse(reason);
            return user.finish();
        }
    };
    let own_id = id.as_deref().unwrap_or_default();
    let (email, is_verified) = address(row);
    let mut identities: Vec<Identity> = objects(row, "identities").filter_map(identity).collect();
    if identities.is_empty() {
        // Rows without them are of the user's own identity, which its id names.
        let own = own_id.split_once('|');
        identities.extend(own.map(|(strategy, user)| Identity::new(strategy, user, None, Object::new())));
    }
    let is_hashed = |identity: &Identity| identity.provider == "auth0";
    if own_hash.is_some() && !identities.iter().any(is_hashed) {
        identities.push(Identity::new("auth0", own_id.trim_start_matches("auth0|"), None, Object::new()));
    }
    // The password first: the user is known by what it signs in with there.
    identities.sort_by_key(|identity| !is_hashed(identity));
    let is_only_hash = identities.iter().filter(|identity| is_hashed(identity)).count() == 1;
    for Identity { provider, user: provider_user, profile } in &identities {
        let own_email = text(profile, &["email"]);
        let is_own_verified = if own_email.is_none() || own_email == email {
            is_verified || flag(profile, &["email_verified"])
        } else {
            flag(profile, &["email_verified"])
        };
        let address = own_email.or(email);
        match provider.as_str() {
            "auth0" => {
                // A user of several databases has a password in each, and the row's is that of its own id.
                let hashed_id = format!("auth0|{provider_user}");
                let own_hash = own_hash.as_ref().filter(|_| is_only_hash || hashed_id == own_id);
                match own_hash.or_else(|| hashes.get(&hashed_id)) {
                    Some(hash) => user.with_password(address, is_own_verified, hash),
                    None => user.refuse(
                        "the user has a password whose hash is not in the row: ask Auth0 for the export, and give it with --hashes",
                    ),
                }
            }
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
    user.keep_addresses(email, text(row, &["phone_number"]));
    user.finish()
}

/// The form for imports tells factors, and users only of which kinds they are.
fn second_factors(row: &Object, user: &mut Described<'_>) {
    for factor in objects(row, "mfa_factors") {
        match object(factor, "totp").and_then(|totp| text(totp, &["secret"])) {
            Some(secret) => user.with_device(secret, 30, None),
            None => user.lose_second_factor("a second factor"),
        }
    }
    let has_factors =
        value(row, &["multifactor"]).and_then(Value::as_array).is_some_and(|factors| !factors.is_empty());
    if has_factors && objects(row, "mfa_factors").next().is_none() {
        user.lose_second_factor("a second factor");
    }
}

/// A way to sign in.
struct Identity {
    provider: String,
    /// The user's id there.
    user: String,
    /// What the provider tells of it.
    profile: Object,
}

impl Identity {
    /// Auth0 begins some ids with the name of their connection: `<connection>|<id>`. With an open protocol, each
    /// connection is a provider of its own.
    fn new(strategy: &str, user: &str, connection: Option<&str>, profile: Object) -> Self {
        const OPEN: [&str; 7] = ["oidc", "oauth2", "samlp", "adfs", "ad", "auth0-adldap", "pingfederate"];
        const NAMED: [&str; 6] = ["google-apps", "ip", "office365", "okta", "sharepoint", "waad"];
        let is_open = OPEN.contains(&strategy);
        let parts = user.split_once('|').filter(|_| is_open || NAMED.contains(&strategy));
        let parts = parts.filter(|(begin, _)| connection.is_none_or(|connection| *begin == connection));
        let (begin, user) = parts.map_or((connection, user), |(begin, user)| (Some(begin), user));
        let provider = begin.filter(|_| is_open).unwrap_or(strategy).to_owned();
        Self { provider, user: user.to_owned(), profile }
    }
}

fn identity(identity: &Object) -> Option<Identity> {
    let user = match value(identity, &["user_id"])? {
        Value::String(id) => id.clone(),
        other => other.to_string(),
    };
    let profile = object(identity, "profileData").cloned().unwrap_or_default();
    let strategy = text(identity, &["provider"])?;
    Some(Identity::new(strategy, &user, text(identity, &["connection"]), profile))
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
        // What was hashed is the password with the salt before or behind it.
        "bcrypt" if object(custom, "salt").is_some() => {
            Err("the password's hash is of a form that is not taken: bcrypt with a salt of its own"
                .to_owned())
        }
        "argon2" | "bcrypt" => Ok(Some(value.to_owned())),
        "pbkdf2" => Ok(Some(pbkdf2(value))),
        "scrypt" => scrypt(custom, hash, value).map(Some),
        other => Err(format!("the password's hash is of a form that is not taken: {other}")),
    }
}

/// With the costs that Auth0 takes where none are told, and the digest's name of which OpenSSL has several.
fn pbkdf2(value: &str) -> String {
    let whole = || {
        let parts: Vec<&str> = value.strip_prefix("$pbkdf2-")?.split('$').collect();
        let (digest, told, salt, hash) = match parts.as_slice() {
            [digest, salt, hash] => (digest, "", salt, hash),
            [digest, costs, salt, hash] => (digest, *costs, salt, hash),
            _ => return None,
        };
        let digest = digest.trim_start_matches("RSA-").trim_end_matches("WithRSAEncryption").to_lowercase();
        let cost = |name: &str| told.split(',').find_map(|cost| cost.strip_prefix(name));
        let (iterations, length) = (cost("i=").unwrap_or("100000"), cost("l=").unwrap_or("64"));
        Some(format!("$pbkdf2-{digest}$i={iterations},l={length}${salt}${hash}"))
    };
    whole().unwrap_or_else(|| value.to_owned())
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

/// Of base64 there are two alphabets, both with padding or without.
fn decode(text: &str, encoding: &str) -> Option<Vec<u8>> {
    match encoding {
        "utf8" => Some(text.as_bytes().to_vec()),
        "hex" => HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok(),
        "base64" => {
            let text = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
            BASE64_NOPAD.decode(text.as_bytes()).ok()
        }
        _ => None,
    }
}
