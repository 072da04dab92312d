//! One user: addresses, proofs, password, metadata, sessions.

use super::input::{flag, query, text, texts};
use crate::handle::{json_body, ok};
use crate::recipes::emailpassword::{Change, Changed};
use crate::recipes::emailverification::{UserEmail, Verifications};
use crate::recipes::session::SessionInformation;
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
    let user = user.ok_or_else(|| Error::bad_input("Unknown 'recipeUserId'"))?;
    let mut names = Object::new();
    for (name, value) in [("first_name", first), ("last_name", last)] {
        if !value.is_empty() {
            names.insert(name.to_owned(), value.into());
        }
    }
    if !names.is_empty() {
        cx.sdk().user_metadata().functions.update(cx, &user.id, names).await?;
    }
    if !email.is_empty()
        && let Some(refusal) = change_email(cx, tenant, id, recipe, email).await?
    {
        return ok(&refusal);
    }
    if !phone.is_empty() {
        return Err(Error::bad_input(format!("a login method of the recipe '{recipe}' has no phone number")));
    }
    done()
}

/// Changes the address of a login method; answers why not.
async fn change_email(cx: &Cx, tenant: &str, id: &str, recipe: &str, email: &str) -> Result<Option<Value>> {
    match recipe {
        "emailpassword" => change_email_of_password(cx, tenant, id, email).await,
        // What a provider tells is not changed here.
        _ => Err(Error::bad_input(format!("the address of the recipe '{recipe}' cannot be changed"))),
    }
}

async fn change_email_of_password(cx: &Cx, tenant: &str, id: &str, email: &str) -> Result<Option<Value>> {
    let passwords = cx.sdk().email_password()?;
    if let Some(fault) = passwords.email_fault(cx, tenant, email).await? {
        return Ok(Some(json!({"status": "INVALID_EMAIL_ERROR", "error": fault})));
    }
    let change = Change::of(id).email(email).policy_of_tenant(tenant);
    Ok(match passwords.functions.update_email_or_password(cx, &change).await? {
        Changed::Ok => None,
        Changed::EmailAlreadyExists => Some(json!({"status": "EMAIL_ALREADY_EXISTS_ERROR"})),
        Changed::EmailChangeNotAllowed { reason } => {
            Some(json!({"status": "EMAIL_CHANGE_NOT_ALLOWED_ERROR", "error": reason}))
        }
        Changed::UnknownUser => return Err(Error::bad_input("Unknown 'recipeUserId'")),
        Changed::PolicyViolated { .. } => {
            return Err(Error::Internal("the password was not to be changed".to_owned()));
        }
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
        Changed::UnknownUser => Err(Error::bad_input("Unknown 'recipeUserId'")),
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
        return Err(Error::bad_input("Unknown 'recipeUserId'"));
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
    functions.unlink_account(cx, &query(cx, "recipeUserId")?).await?;
    done()
}
