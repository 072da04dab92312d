//! Supabase: rows of `auth.users` as JSON, each with its rows of `auth.identities` and `auth.mfa_factors`, as the
//! statement in `docs/moving-in.md` writes them. The columns are those of GoTrue's migrations.

use super::described::{Described, FirebaseHash};
use super::fields::{flag, is_ahead, object, objects, text, time, value};
use super::{Converted, Object, Wishes};

pub(super) fn convert(row: &Object, wishes: &Wishes) -> Converted {
    let mut user = Described::new(text(row, &["id"]), time(row, &["created_at"]), wishes);
    user.refuse_if(value(row, &["deleted_at"]).is_some(), "deleted");
    user.refuse_if(is_ahead(row, &["banned_until"]), "banned");
    user.note_own(object(row, "raw_user_meta_data"));
    user.note("app_metadata", object(row, "raw_app_meta_data").cloned());
    let number = text(row, &["phone"]).map(|number| format!("+{}", number.trim_start_matches('+')));
    let (email, number) = (text(row, &["email"]), number.as_deref());
    let is_verified = value(row, &["email_confirmed_at"]).is_some();
    let hash = text(row, &["encrypted_password"]);
    // Who signs up with a code has a password too, which nobody knows. With a number alone the core takes none.
    if let Some(hash) = hash.filter(|_| email.is_some() || number.is_none()) {
        match firebase(hash) {
            Some(hash) => user.with_firebase_password(email, is_verified, &hash),
            None => user.with_password(email, is_verified, hash),
        }
    }
    for identity in objects(row, "identities") {
        let data = object(identity, "identity_data").cloned().unwrap_or_default();
        let subject = text(identity, &["provider_id"]).or_else(|| text(&data, &["sub"]));
        match (text(identity, &["provider"]), subject.or_else(|| text(identity, &["id"]))) {
            (None | Some("email" | "phone"), _) | (_, None) => {}
            (Some(provider), Some(subject)) => {
                let own_email = text(&data, &["email"]);
                let is_own_verified = flag(&data, &["email_verified"])
                    || own_email.is_some() && own_email == email && is_verified;
                user.with_provider(provider, subject, own_email.or(email), is_own_verified);
            }
        }
    }
    // Everybody who has an address may sign in with a link there, and none that is not confirmed signs in at all: whoever
    // has the password of such a one may not be who has the address.
    let has_identity =
        objects(row, "identities").any(|identity| text(identity, &["provider"]) == Some("email"));
    let signs_in_by_mail = match hash {
        Some(_) => is_verified && (has_identity || objects(row, "identities").next().is_none()),
        None => has_identity || !user.signs_in() && number.is_none(),
    };
    if let Some(email) = email.filter(|_| signs_in_by_mail) {
        user.with_email(email, is_verified);
    }
    let is_own_number = value(row, &["phone_confirmed_at"]).is_some() || !user.signs_in();
    if let Some(number) = number.filter(|_| is_own_number) {
        user.with_phone(number);
    }
    user.keep_addresses(email, number);
    for factor in objects(row, "mfa_factors").filter(|factor| text(factor, &["status"]) == Some("verified")) {
        // An encrypted secret is a JSON object.
        let secret = text(factor, &["secret"]).filter(|secret| !secret.starts_with('{'));
        match (text(factor, &["factor_type"]), secret) {
            (Some("totp"), Some(secret)) => user.with_device(secret, 30, text(factor, &["friendly_name"])),
            (kind, _) => user.lose_second_factor(&format!("the factor `{}`", kind.unwrap_or_default())),
        }
    }
    user.finish()
}

/// `$fbscrypt$v=1,n=<mem cost>,r=<rounds>,p=1[,ss=<separator>][,sk=<signer key>]$<salt>$<hash>`
fn firebase(stored: &str) -> Option<FirebaseHash<'_>> {
    let parts = stored.strip_prefix("$fbscrypt$")?.split('$').collect::<Vec<_>>();
    let [costs, salt, hash]: [&str; 3] = parts.try_into().ok()?;
    let cost = |name: &str| costs.split(',').find_map(|cost| cost.strip_prefix(name)?.strip_prefix('='));
    (cost("v") == Some("1") && cost("p") == Some("1")).then_some(())?;
    Some(FirebaseHash {
        hash,
        salt,
        mem_cost: cost("n")?.parse().ok()?,
        rounds: cost("r")?.parse().ok()?,
        salt_separator: cost("ss").unwrap_or_default(),
        signer_key: Some(cost("sk").unwrap_or_default()),
    })
}
