//! Firebase: the JSON of `firebase auth:export`, <https://firebase.google.com/docs/cli/auth>. Its hashes are verified
//! with the project's signer key, which is a setting of the core.

use super::described::{Described, FirebaseHash};
use super::fields::{flag, json, objects, text, time, value};
use super::{Converted, Object, Wishes};
use serde_json::Value;

/// What the project's passwords are hashed with, besides the key.
#[derive(Clone, Debug)]
pub(super) struct HashSettings {
    pub(super) salt_separator: String,
    pub(super) rounds: u32,
    pub(super) mem_cost: u32,
}

pub(super) fn convert(row: &Object, settings: &HashSettings, wishes: &Wishes) -> Converted {
    let mut user = Described::new(text(row, &["localId"]), time(row, &["createdAt"]), wishes);
    user.refuse_if(flag(row, &["disabled"]), "disabled");
    if value(row, &["mfaInfo"]).and_then(Value::as_array).is_some_and(|factors| !factors.is_empty()) {
        user.lose_second_factor("a second factor");
    }
    user.note("name", text(row, &["displayName"]));
    user.note("picture", text(row, &["photoUrl"]));
    user.note("custom_claims", json(row, "customAttributes").filter(|claims| !claims.is_empty()));
    let (email, is_verified) = (text(row, &["email"]), flag(row, &["emailVerified"]));
    let providers = || objects(row, "providerUserInfo");
    let provider_id = |info: &Object| text(info, &["providerId"]).unwrap_or_default().to_owned();
    match row.get("passwordHash").and_then(Value::as_str) {
        Some(hash) if !hash.is_empty() => {
            let salt = standard_base64(text(row, &["salt"]).unwrap_or_default());
            let hash = standard_base64(hash);
            let hash = FirebaseHash {
                hash: &hash,
                salt: &salt,
                mem_cost: settings.mem_cost,
                rounds: settings.rounds,
                salt_separator: &settings.salt_separator,
                signer_key: None,
            };
            user.with_firebase_password(email, is_verified, &hash);
        }
        // Brought along into Firebase from elsewhere, and not used since.
        Some(_) => user.refuse("the user has a password whose hash the export does not hold"),
        // A link by e-mail, which Firebase notes as a password too, but does not export. Who has a number may have an
        // address that is somebody else's.
        None => {
            let signs_in_by_link = providers().any(|info| provider_id(info) == "password")
                || providers().next().is_none() && (is_verified || text(row, &["phoneNumber"]).is_none());
            if let Some(email) = email.filter(|_| signs_in_by_link) {
                user.with_email(email, is_verified);
            }
        }
    }
    for info in providers() {
        let provider = provider_id(info);
        if let Some(user_id) = text(info, &["rawId"]).filter(|_| !["password", "phone"].contains(&&*provider))
        {
            let own_email = text(info, &["email"]);
            let is_own_verified = own_email.is_some() && own_email == email && is_verified;
            user.with_provider(&provider, user_id, own_email.or(email), is_own_verified);
        }
    }
    if let Some(number) = text(row, &["phoneNumber"]) {
        user.with_phone(number);
    }
    user.keep_addresses(email, None);
    user.finish()
}

/// The export has base64 in one alphabet or the other, and `auth:import` takes it without padding.
fn standard_base64(text: &str) -> String {
    let bare = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    let padding = bare.len().next_multiple_of(4) - bare.len();
    bare + &"=".repeat(padding)
}
