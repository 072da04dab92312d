//! A user of another system, on the way to what an import reads.

use super::{Converted, Object, Wishes};
use portcullis_core::crypto::digest::secrets_equal;
use portcullis_core::crypto::password_hash::StoredHash;
use serde_json::{Value, json};

/// Names under which the core or an app looks for what an administrator has written, and not the user.
const NOT_THE_USER_S: [&str; 3] = ["_supertokens", "app_metadata", "user_metadata"];

/// A hash of Firebase's, whose parts are in base64. It is not shown by `Debug`, as it may hold the signer key.
pub(super) struct FirebaseHash<'a> {
    pub(super) hash: &'a str,
    pub(super) salt: &'a str,
    pub(super) mem_cost: u32,
    pub(super) rounds: u32,
    pub(super) salt_separator: &'a str,
    /// If it is with the hash.
    pub(super) signer_key: Option<&'a str>,
}

/// What is known so far, and what speaks against the user.
#[derive(Debug)]
pub(super) struct Described<'a> {
    id: String,
    joined: Option<i64>,
    wishes: &'a Wishes,
    metadata: Object,
    /// What the user may have written of itself.
    own_metadata: Object,
    /// What metadata holds unless a way to sign in does: its name there and in a way to sign in, and the value.
    addresses: Vec<(&'static str, &'static str, String)>,
    methods: Vec<Value>,
    devices: Vec<Value>,
    reasons: Vec<String>,
}

impl<'a> Described<'a> {
    /// A user with the id that it keeps, and the time when it joined.
    pub(super) fn new(id: Option<&str>, joined: Option<i64>, wishes: &'a Wishes) -> Self {
        Self {
            id: id.unwrap_or_default().to_owned(),
            joined,
            wishes,
            metadata: Object::new(),
            own_metadata: Object::new(),
            addresses: Vec::new(),
            methods: Vec::new(),
            devices: Vec::new(),
            reasons: if id.is_none() { vec!["the user has no id".to_owned()] } else { Vec::new() },
        }
    }

    /// Speaks against the user.
    pub(super) fn refuse(&mut self, reason: impl Into<String>) {
        self.reasons.push(reason.into());
    }

    /// An import would let somebody in again who was shut out there.
    pub(super) fn refuse_if(&mut self, is_shut_out: bool, how: &str) {
        if is_shut_out {
            self.refuse(format!("the user is {how} there, and the core knows no such users"));
        }
    }

    /// A second factor that is lost; without it the user is less safe.
    pub(super) fn lose_second_factor(&mut self, what: &str) {
        if !self.wishes.drops_second_factors {
            self.refuse(format!(
                "{what} cannot be brought along; --drop-second-factors imports the user without it"
            ));
        }
    }

    /// Adds to what is known of the user besides.
    pub(super) fn note(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.metadata.insert(name.to_owned(), value.into());
        }
    }

    /// Adds everything in an object to it, which the user may have written itself. What else is known comes first: of
    /// two values of one name, and of what only an administrator may write, the user's is in `user_metadata`.
    pub(super) fn note_own(&mut self, values: Option<&Object>) {
        let values = values.into_iter().flatten().filter(|(_, value)| !value.is_null());
        self.own_metadata.extend(values.map(|(name, value)| (name.clone(), value.clone())));
    }

    /// Keeps an address, and a number, that may be in no way to sign in.
    pub(super) fn keep_addresses(&mut self, email: Option<&str>, number: Option<&str>) {
        let addresses = [("email", "email", email), ("phone_number", "phoneNumber", number)];
        let told =
            addresses.into_iter().filter_map(|(name, field, told)| Some((name, field, told?.to_owned())));
        self.addresses.extend(told);
    }

    /// Signs in with an address and a password.
    pub(super) fn with_password(&mut self, email: Option<&str>, is_verified: bool, hash: &str) {
        let Some(email) = email else {
            return self.refuse("the user has a password, but no e-mail address to sign in with");
        };
        let Some(kind) = StoredHash::recognise(hash) else {
            return self.refuse(format!("the password's hash is of an unknown form: {}", form(hash)));
        };
        if !StoredHash::is_usable(hash) {
            let what = "is cut off, or costs too much to verify: nobody could sign in with it";
            return self.refuse(format!("the password's hash, {}, {what}", form(hash)));
        }
        let method = json!({
            "recipeId": "emailpassword", "email": email, "isVerified": is_verified, "passwordHash": hash,
            "hashingAlgorithm": kind.name().to_lowercase(),
        });
        self.add(method);
    }

    /// Signs in with an address and a password whose hash is Firebase's. Elsewhere it has the project's signer key with
    /// it, which must be the core's then.
    pub(super) fn with_firebase_password(
        &mut self,
        email: Option<&str>,
        is_verified: bool,
        hash: &FirebaseHash<'_>,
    ) {
        let own = self.wishes.firebase_key.as_ref();
        let is_own =
            hash.signer_key.is_none_or(|key| own.is_some_and(|own| secrets_equal(own.reveal(), key)));
        if !is_own {
            return self.refuse(
                "the password's hash is Firebase's, and its signer key is not the core's firebase_password_hashing_signer_key",
            );
        }
        let FirebaseHash { hash, salt, mem_cost, rounds, salt_separator, .. } = hash;
        let stored = format!("$f_scrypt${hash}${salt}$m={mem_cost}$r={rounds}$s={salt_separator}");
        self.with_password(email, is_verified, &stored);
    }

    /// Signs in by way of a provider. Whoever told the provider no address has a made-up one, as in the SDKs.
    pub(super) fn with_provider(
        &mut self,
        provider: &str,
        user: &str,
        email: Option<&str>,
        is_verified: bool,
    ) {
        let provider = provider_id(provider);
        let made_up = || format!("{user}.{provider}@stfakeemail.supertokens.com");
        let method = json!({
            "recipeId": "thirdparty", "thirdPartyId": provider, "thirdPartyUserId": user,
            "email": email.map_or_else(made_up, str::to_owned), "isVerified": is_verified || email.is_none(),
        });
        self.add(method);
    }

    /// Signs in with a code or a link that is sent to an address.
    pub(super) fn with_email(&mut self, email: &str, is_verified: bool) {
        self.add(json!({"recipeId": "passwordless", "email": email, "isVerified": is_verified}));
    }

    /// Signs in with a code that is sent to a number.
    pub(super) fn with_phone(&mut self, number: &str) {
        self.add(json!({"recipeId": "passwordless", "phoneNumber": number, "isVerified": true}));
    }

    /// Shows codes of an authenticator app; the secret is base32.
    pub(super) fn with_device(&mut self, secret: &str, period: i64, name: Option<&str>) {
        // The core passes over everything else, and would let nobody in with what is left.
        let is_base32 = |c: &char| c.is_ascii_alphabetic() || ('2'..='7').contains(c);
        if secret.chars().filter(is_base32).count() < 2 {
            return self.lose_second_factor("an authenticator app whose secret cannot be read");
        }
        let mut device = json!({"secretKey": secret, "period": period});
        if let Some(name) = name {
            device["deviceName"] = name.into();
        }
        self.devices.push(device);
    }

    /// Whether there is a way to sign in so far.
    pub(super) fn signs_in(&self) -> bool {
        !self.methods.is_empty()
    }

    fn add(&mut self, mut method: Value) {
        method["tenantIds"] = json!(self.wishes.tenants);
        if let Some(joined) = self.joined {
            method["timeJoinedInMSSinceEpoch"] = json!(joined);
        }
        self.methods.push(method);
    }

    /// What an import reads. Several ways to sign in are one user's.
    pub(super) fn finish(mut self) -> Converted {
        if self.methods.is_empty() && self.reasons.is_empty() {
            self.refuse("the user has no way to sign in that the core knows");
        }
        if !self.reasons.is_empty() {
            return Err(self.reasons);
        }
        if let [first, _, ..] = self.methods.as_mut_slice() {
            first["isPrimary"] = json!(true);
        }
        for (name, field, told) in std::mem::take(&mut self.addresses) {
            let is_it = |value: &Value| value.as_str().is_some_and(|value| value.eq_ignore_ascii_case(&told));
            if !self.methods.iter().any(|method| is_it(&method[field])) {
                self.metadata.insert(name.to_owned(), told.into());
            }
        }
        let mut apart = Object::new();
        for (name, value) in std::mem::take(&mut self.own_metadata) {
            let is_apart = NOT_THE_USER_S.contains(&name.as_str()) || self.metadata.contains_key(&name);
            let of_it = if is_apart { &mut apart } else { &mut self.metadata };
            of_it.insert(name, value);
        }
        self.note("user_metadata", Some(apart).filter(|apart| !apart.is_empty()));
        let mut user = Object::new();
        user.insert("externalUserId".to_owned(), self.id.into());
        if !self.metadata.is_empty() {
            user.insert("userMetadata".to_owned(), self.metadata.into());
        }
        if !self.devices.is_empty() {
            user.insert("totpDevices".to_owned(), self.devices.into());
        }
        user.insert("loginMethods".to_owned(), self.methods.into());
        Ok(user)
    }
}

/// What a hash begins with, without anything of the hash itself.
fn form(hash: &str) -> String {
    let end =
        hash.char_indices().skip(1).find(|(_, c)| matches!(c, '$' | '}')).map(|(at, c)| at + c.len_utf8());
    let begins = hash.starts_with(['$', '{']);
    match end.filter(|end| begins && *end <= 32).and_then(|end| hash.get(..end)) {
        Some(form) => format!("`{form}…`"),
        None => format!("{} characters", hash.chars().count()),
    }
}

/// What SuperTokens' SDKs call a provider, by the names that other systems have for it.
fn provider_id(name: &str) -> &str {
    match name {
        "google.com" | "google-oauth2" => "google",
        "google-apps" => "google-workspaces",
        "facebook.com" => "facebook",
        "github.com" => "github",
        "apple.com" => "apple",
        "twitter.com" | "x" => "twitter",
        "microsoft.com" | "microsoft" | "azure" | "waad" => "active-directory",
        "linkedin_oidc" | "linkedin-openid-connect" => "linkedin",
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_that_no_password_gives_is_refused() {
        let wishes = Wishes { tenants: Vec::new(), drops_second_factors: false, firebase_key: None };
        let reasons = |hash: &str| {
            let mut user = Described::new(Some("u"), None, &wishes);
            user.with_password(Some("a@example.com"), true, hash);
            user.finish().unwrap_err()
        };
        let bcrypt = "$2a$10$GzEm3vKoAqnJCTWesRARCe/ovjt/07qjvcH9jbLUg44Fn77gMZkmm";
        for hash in [
            &bcrypt[..59],
            &format!("{bcrypt}a"),
            "$argon2id$v=19$m=16,t=2,p=1$c2FsdHNhbHQ",
            &bcrypt.replace("10", "31"),
        ] {
            let told = reasons(hash);
            assert!(
                told[0].contains("is cut off, or costs too much") && !told[0].contains("GzEm"),
                "{told:?}"
            );
        }
        let mut user = Described::new(Some("u"), None, &wishes);
        user.with_password(Some("a@example.com"), true, bcrypt);
        assert!(user.finish().is_ok());
    }

    #[test]
    fn a_reason_tells_the_form_of_a_hash_and_nothing_of_it() {
        assert_eq!(form("$md5$abcdef"), "`$md5$…`");
        assert_eq!(form("{SSHA}abcdef"), "`{SSHA}…`");
        assert_eq!(form("5f4dcc3b5aa765d61d8327deb882cf99"), "32 characters");
        assert_eq!(form(&format!("${}$", "a".repeat(99))), "101 characters");
        assert_eq!(form(""), "0 characters");
    }
}
