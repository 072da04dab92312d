//! Supabase: rows of `auth.users` as JSON, each with its rows of `auth.identities` and `auth.mfa_factors`, as the
//! statement in `docs/moving-in.md` writes them. The columns are those of GoTrue's migrations.

use super::described::Described;
use super::fields::{flag, object, objects, text, time, value};
use super::{Converted, Object, Wishes};
use portcullis_core::Clock;

pub(super) fn convert(row: &Object, wishes: &Wishes) -> Converted {
    let mut user = Described::new(text(row, &["id"]), time(row, &["created_at"]), wishes);
    user.refuse_if(value(row, &["deleted_at"]).is_some(), "deleted");
    let banned_until = time(row, &["banned_until"]);
    user.refuse_if(banned_until.is_some_and(|until| until > Clock::system().now()), "banned");
    user.note_all(object(row, "raw_user_meta_data"));
    user.note("app_metadata", object(row, "raw_app_meta_data").cloned());
    let (email, phone) = (text(row, &["email"]), text(row, &["phone"]));
    let is_verified = value(row, &["email_confirmed_at"]).is_some();
    if let Some(hash) = text(row, &["encrypted_password"]) {
        user.with_password(email, is_verified, hash);
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
    // A link by e-mail needs no password.
    let has_password = text(row, &["encrypted_password"]).is_some();
    let signs_in_by_mail =
        objects(row, "identities").any(|identity| text(identity, &["provider"]) == Some("email"));
    if let Some(email) = email.filter(|_| !has_password && (signs_in_by_mail || !user.signs_in())) {
        user.with_email(email, is_verified);
    }
    if let Some(phone) = phone {
        let plus = if phone.starts_with('+') { "" } else { "+" };
        user.with_phone(&format!("{plus}{phone}"));
    }
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
