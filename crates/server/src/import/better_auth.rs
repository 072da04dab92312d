//! Better Auth: rows of its table `user` as JSON, each with its rows of `account`, as the statement in
//! `docs/moving-in.md` writes them. Columns may have the names of Better Auth or those with underscores.

use super::described::Described;
use super::fields::{flag, is_ahead, objects, text, time, value};
use super::{Converted, Object, Wishes};

pub(super) fn convert(row: &Object, wishes: &Wishes) -> Converted {
    let joined = time(row, &["createdAt", "created_at"]);
    let mut user = Described::new(text(row, &["id"]), joined, wishes);
    let ban_ends = ["banExpires", "ban_expires"];
    let is_for_ever = value(row, &ban_ends).is_none();
    user.refuse_if(flag(row, &["banned"]) && (is_for_ever || is_ahead(row, &ban_ends)), "banned");
    // The address is made up, and there is no other way to sign in.
    user.refuse_if(flag(row, &["isAnonymous", "is_anonymous"]), "anonymous");
    if flag(row, &["twoFactorEnabled", "two_factor_enabled"]) {
        // It is encrypted with the secret of the app.
        user.lose_second_factor("the second factor");
    }
    user.note("name", text(row, &["name"]));
    user.note("picture", text(row, &["image"]));
    user.note("role", text(row, &["role"]));
    user.note("username", text(row, &["username"]));
    user.note("display_username", text(row, &["displayUsername", "display_username"]));
    let (email, is_verified) = (text(row, &["email"]), flag(row, &["emailVerified", "email_verified"]));
    let accounts = || objects(row, "accounts");
    let provider = |account: &Object| text(account, &["providerId", "provider_id"]).map(str::to_owned);
    for account in accounts().filter(|account| provider(account).as_deref() == Some("credential")) {
        match text(account, &["password"]) {
            Some(hash) => user.with_password(email, is_verified, hash),
            None => user.refuse("the user has a password whose hash is not in the row"),
        }
    }
    for account in accounts() {
        let id = text(account, &["accountId", "account_id"]);
        if let (Some(provider), Some(id)) = (provider(account).filter(|name| name != "credential"), id) {
            user.with_provider(&provider, id, email, is_verified);
        }
    }
    let number = text(row, &["phoneNumber", "phone_number"]);
    let own_number = number.filter(|_| flag(row, &["phoneNumberVerified", "phone_number_verified"]));
    // A link or a code by e-mail needs no account. Nor does one by SMS, with an address that the app has made up.
    if let Some(email) = email.filter(|_| !user.signs_in() && (is_verified || own_number.is_none())) {
        user.with_email(email, is_verified);
    }
    if let Some(number) = own_number {
        user.with_phone(number);
    }
    user.keep_addresses(email, number);
    user.finish()
}
