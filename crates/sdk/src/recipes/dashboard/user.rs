//! One user: addresses, proofs, password, metadata, sessions.

use super::input::{flag, optional_query, query, text, texts};
use crate::handle::{json_body, ok};
use crate::recipes::accountlinking::EmailChange;
use crate::recipes::contact::normalise_phone_number;
use crate::recipes::emailpassword::{Change, Changed, check_email_change};
use crate::recipes::emailverification::{UserEmail, Verifications};
use crate::recipes::passwordless::{self, Contact};
use crate::recipes::session::SessionInformation;
use crate::recipes::webauthn::EmailUpdate;
use crate::{Cx, Error, LoginMethod, Result};
use bytes::Bytes;
use http::Response;
use portcullis_wire::Object;
use serde_json::{Value, json};

fn done() -> Result<Response<Bytes>> {
    ok(&json!({"status": "OK"}))
}

/// `PUT /dashboard/api/user`: names and, if they are not empty, address and number of a login method.
pub(super) async fn put(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let body = json_body(cx)?;
    let id = text(&body, "recipeUserId")?;
    let recipe = text(&body, "recipeId")?;
    if !["emailpassword", "thirdparty", "passwordless", "webauthn"].contains(&recipe) {
        return Err(Error::bad_input("Invalid recipe id"));
    }
    let (first, last) = (text(&body, "firstName")?.trim(), text(&body, "lastName")?.trim());
    let (email, phone) = (text(&body, "email")?.trim(), text(&body, "phone")?.trim());
    let user = cx.sdk().find_user(cx, id).await?;
    let is_it = |method: &LoginMethod| method.recipe_user_id == id && method.recipe_id == recipe;
    let user = user.filter(|user| user.login_methods.iter().any(is_it));
    let user = user.ok_or_else(unknown_user)?;
    let mut names = Object::new();
    for (name, value) in [("first_name", first), ("last_name", last)] {
        if !value.is_empty() {
            names.insert(name.to_owned(), value.into());
        }
    }
    if !names.is_empty() {
        cx.sdk().user_metadata().functions.update(cx, &user.id, names).await?;
    }
    let refusal = match recipe {
        "passwordless" => change_contacts(cx, tenant, id, email, phone).await?,
        _ if !phone.is_empty() => {
            let text = format!("a login method of the recipe '{recipe}' has no phone number");
            return Err(Error::bad_input(text));
        }
        _ if email.is_empty() => None,
        "emailpassword" => change_email_of_password(cx, tenant, id, email).await?,
        "webauthn" => change_email_of_passkeys(cx, tenant, id, email).await?,
        // What a provider tells is not changed here.
        _ => {
            let text = format!("the address of the recipe '{recipe}' cannot be changed");
            return Err(Error::bad_input(text));
        }
    };
    refusal.map_or_else(done, |refusal| ok(&refusal))
}

fn unknown_user() -> Error {
    Error::bad_input("Unknown 'recipeUserId'")
}

fn invalid_email(fault: &str) -> Value {
    json!({"status": "INVALID_EMAIL_ERROR", "error": fault})
}

fn email_exists() -> Value {
    json!({"status": "EMAIL_ALREADY_EXISTS_ERROR"})
}

fn change_not_allowed(reason: &str) -> Value {
    json!({"status": "EMAIL_CHANGE_NOT_ALLOWED_ERROR", "error": reason})
}

/// Changes the address of a password; answers why not.
async fn change_email_of_password(cx: &Cx, tenant: &str, id: &str, email: &str) -> Result<Option<Value>> {
    let passwords = cx.sdk().email_password()?;
    if let Some(fault) = passwords.email_fault(cx, tenant, email).await? {
        return Ok(Some(invalid_email(&fault)));
    }
    let change = Change::of(id).email(email).policy_of_tenant(tenant);
    Ok(match passwords.functions.update_email_or_password(cx, &change).await? {
        Changed::Ok => None,
        Changed::EmailAlreadyExists => Some(email_exists()),
        Changed::EmailChangeNotAllowed { reason } => Some(change_not_allowed(&reason)),
        Changed::UnknownUser => return Err(unknown_user()),
        Changed::PolicyViolated { .. } => {
            return Err(Error::Internal("the password was not to be changed".to_owned()));
        }
    })
}

/// Changes where codes are sent, if that is not empty; answers why not.
async fn change_contacts(cx: &Cx, tenant: &str, id: &str, email: &str, phone: &str) -> Result<Option<Value>> {
    use passwordless::Changed;
    if email.is_empty() && phone.is_empty() {
        return Ok(None);
    }
    let recipe = cx.sdk().passwordless()?;
    let mut change = passwordless::Change::of(id);
    if !email.is_empty() {
        let contact = Contact::Email(email.to_owned());
        if let Some(fault) = recipe.settings.fault(cx, tenant, &contact).await? {
            return Ok(Some(invalid_email(&fault)));
        }
        change = change.email(email);
    }
    if !phone.is_empty() {
        let contact = Contact::PhoneNumber(phone.to_owned());
        if let Some(fault) = recipe.settings.fault(cx, tenant, &contact).await? {
            return Ok(Some(json!({"status": "INVALID_PHONE_ERROR", "error": fault})));
        }
        change = change.phone_number(normalise_phone_number(phone));
    }
    Ok(match recipe.functions.update_user(cx, &change).await? {
        Changed::Ok => None,
        Changed::EmailAlreadyExists => Some(email_exists()),
        Changed::PhoneNumberAlreadyExists => Some(json!({"status": "PHONE_ALREADY_EXISTS_ERROR"})),
        Changed::EmailChangeNotAllowed { reason } => Some(change_not_allowed(&reason)),
        Changed::PhoneNumberChangeNotAllowed { reason } => {
            Some(json!({"status": "PHONE_NUMBER_CHANGE_NOT_ALLOWED_ERROR", "error": reason}))
        }
        Changed::UnknownUser => return Err(unknown_user()),
    })
}

/// Changes the address of passkeys; answers why not.
async fn change_email_of_passkeys(cx: &Cx, tenant: &str, id: &str, email: &str) -> Result<Option<Value>> {
    let recipe = cx.sdk().webauthn()?;
    if let Some(fault) = recipe.settings.email_fault(cx, tenant, email).await? {
        return Ok(Some(invalid_email(&fault)));
    }
    // The function does not look at what the address would be linked to.
    let allowed = check_email_change(cx, id, email).await?.ok_or_else(unknown_user)?;
    if let Some(reason) = allowed.reason() {
        return Ok(Some(change_not_allowed(reason)));
    }
    Ok(match recipe.functions.update_user_email(cx, tenant, id, email).await? {
        EmailUpdate::Ok => None,
        EmailUpdate::EmailAlreadyExists => Some(email_exists()),
        EmailUpdate::UserWithEmailAlreadyExists => {
            Some(change_not_allowed(EmailChange::PrimaryUserConflict.reason().unwrap_or_default()))
        }
        EmailUpdate::UnknownUser => return Err(unknown_user()),
    })
}

/// `PUT /dashboard/api/user/password`
pub(super) async fn put_password(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let body = json_body(cx)?;
    let change = Change::of(text(&body, "recipeUserId")?).password(text(&body, "newPassword")?);
    let functions = &cx.sdk().email_password()?.functions;
    match functions.update_email_or_password(cx, &change.policy_of_tenant(tenant)).await? {
        Changed::Ok => done(),
        Changed::PolicyViolated { reason } => {
            ok(&json!({"status": "INVALID_PASSWORD_ERROR", "error": reason}))
        }
        Changed::UnknownUser => Err(unknown_user()),
        Changed::EmailAlreadyExists | Changed::EmailChangeNotAllowed { .. } => {
            Err(Error::Internal("the address was not to be changed".to_owned()))
        }
    }
}

/// The address of a login method.
async fn email_of(cx: &Cx, proofs: &Verifications, id: &str) -> Result<String> {
    match proofs.email_of(cx, id).await? {
        UserEmail::Known(email) => Ok(email),
        UserEmail::Missing | UserEmail::UnknownUser => {
            Err(Error::bad_input("Failed to get email for recipe user id"))
        }
    }
}

fn proofs(cx: &Cx) -> Result<&Verifications> {
    cx.sdk().email_verification().map_err(|_| Error::bad_input("Email verification recipe not initialised"))
}

/// `GET /dashboard/api/user/email/verify`
pub(super) async fn get_proof(cx: &Cx) -> Result<Response<Bytes>> {
    let id = query(cx, "recipeUserId")?;
    let Ok(proofs) = cx.sdk().email_verification() else {
        return ok(&json!({"status": "FEATURE_NOT_ENABLED_ERROR"}));
    };
    let email = email_of(cx, proofs, &id).await?;
    let is_verified = proofs.functions.is_email_verified(cx, &id, &email).await?;
    ok(&json!({"status": "OK", "isVerified": is_verified}))
}

/// `PUT /dashboard/api/user/email/verify`
pub(super) async fn put_proof(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let body = json_body(cx)?;
    let (id, verified) = (text(&body, "recipeUserId")?, flag(&body, "verified")?);
    let proofs = proofs(cx)?;
    let email = email_of(cx, proofs, id).await?;
    if !verified {
        proofs.unverify_email(cx, id, Some(&email)).await?;
        return done();
    }
    let token = proofs.create_email_verification_token(cx, tenant, id, Some(&email)).await?;
    if let Some(token) = token
        && proofs.verify_email_using_token(cx, tenant, &token).await?.is_none()
    {
        return Err(Error::Internal("a token was gone as soon as it was made".to_owned()));
    }
    done()
}

/// `POST /dashboard/api/user/email/verify/token`
pub(super) async fn send_proof(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let body = json_body(cx)?;
    let id = text(&body, "recipeUserId")?;
    let proofs = proofs(cx)?;
    if cx.sdk().find_user(cx, id).await?.is_none() {
        return Err(unknown_user());
    }
    if proofs.send_email_verification_email(cx, tenant, id, None).await? {
        return done();
    }
    ok(&json!({"status": "EMAIL_ALREADY_VERIFIED_ERROR"}))
}

/// `GET /dashboard/api/user/metadata`
pub(super) async fn get_metadata(cx: &Cx) -> Result<Response<Bytes>> {
    let metadata = cx.sdk().user_metadata().functions.get(cx, &query(cx, "userId")?).await?;
    ok(&json!({"status": "OK", "data": metadata}))
}

/// `PUT /dashboard/api/user/metadata`: what is not in the new ones is gone.
pub(super) async fn put_metadata(cx: &Cx) -> Result<Response<Bytes>> {
    let body = json_body(cx)?;
    let (id, data) = (text(&body, "userId")?, text(&body, "data")?);
    let data: Object =
        serde_json::from_str(data).map_err(|_| Error::bad_input("'data' must be a valid JSON body"))?;
    let functions = &cx.sdk().user_metadata().functions;
    // In one step, so that there is no moment without any.
    let mut update: Object =
        functions.get(cx, id).await?.into_iter().map(|(name, _)| (name, Value::Null)).collect();
    update.extend(data);
    functions.update(cx, id, update).await?;
    done()
}

/// `GET /dashboard/api/user/sessions`
pub(super) async fn get_sessions(cx: &Cx) -> Result<Response<Bytes>> {
    let id = query(cx, "userId")?;
    let functions = &cx.session()?.functions;
    let mut sessions = Vec::new();
    for handle in functions.session_handles_of_user(cx, &id, true, None).await? {
        // One that is over since is left out.
        sessions.extend(functions.session_information(cx, &handle).await?.as_ref().map(session));
    }
    ok(&json!({"status": "OK", "sessions": sessions}))
}

fn session(information: &SessionInformation) -> Value {
    json!({
        "sessionHandle": information.handle,
        "userId": information.user_id,
        "recipeUserId": information.recipe_user_id,
        "tenantId": information.tenant_id,
        "sessionDataInDatabase": information.session_data,
        "accessTokenPayload": information.payload,
        "expiry": information.expires_at,
        "timeCreated": information.created_at,
    })
}

/// `POST /dashboard/api/user/sessions`
pub(super) async fn revoke_sessions(cx: &Cx) -> Result<Response<Bytes>> {
    let handles = texts(&json_body(cx)?, "sessionHandles")?;
    cx.session()?.functions.revoke_sessions(cx, &handles).await?;
    done()
}

/// `GET /dashboard/api/user/unlink`, which changes something all the same.
pub(super) async fn unlink(cx: &Cx) -> Result<Response<Bytes>> {
    let functions = &cx.sdk().account_linking().functions;
    let id = optional_query(cx, "recipeUserId");
    let id = id.ok_or_else(|| Error::bad_input("Required field recipeUserId is missing"))?;
    functions.unlink_account(cx, &id).await?;
    done()
}
