//! The paths that the suite asks for, as a router for the application of the moment.

use crate::{Server, control};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method};
use axum::routing::{get, post};
use axum::{Json, Router};
use portcullis::recipes::multitenancy::{AssociateUser, DisassociateUser, TenantConfig};
use portcullis::recipes::session::{Claim, ClaimValidator, VerifyOptions};
use portcullis::recipes::{emailpassword, emailverification, passwordless, userroles};
use portcullis::{AccountInfo, Error, PUBLIC_TENANT, Portcullis};
use portcullis_axum::{Call, Result, Session, cors_headers};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tower::ServiceBuilder;
use tower_http::cors::CorsLayer;

/// The application of the moment.
pub(crate) fn router(server: &Arc<Server>, sdk: &Portcullis) -> Router {
    let origin = HeaderValue::from_str(&server.website).unwrap_or(HeaderValue::from_static("null"));
    let cors = CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET, Method::PUT, Method::POST, Method::DELETE])
        .allow_headers([vec![CONTENT_TYPE], cors_headers(sdk)].concat())
        .allow_credentials(true);
    let layers = ServiceBuilder::new().layer(cors).layer(sdk.layer()).layer(sdk.error_layer());
    of_sessions().merge(of_tenants()).merge(of_the_suite()).layer(layers).with_state(Arc::clone(server))
}

fn of_the_suite() -> Router<Arc<Server>> {
    Router::new()
        .route("/ping", get(|| async { "success" }))
        .route("/test/before", post(|| async {}))
        .route("/test/beforeEach", post(control::before_each))
        .route("/beforeeach", post(control::before_each))
        .route("/test/afterEach", post(|| async {}))
        .route("/test/after", post(|| async {}))
        .route("/test/setup/app", post(control::setup_app))
        .route("/test/setup/st", post(control::setup_sdk))
        .route("/test/featureFlags", get(control::feature_flags))
        .route("/test/getDevice", get(control::device))
        .route("/test/getTOTPCode", post(control::totp_code))
        .route("/test/webauthn/get-token", get(control::recovery_token))
        .route("/test/webauthn/create-credential", post(control::create_credential))
        .route("/test/webauthn/create-and-assert-credential", post(control::create_and_assert))
        .route("/token", get(control::token))
        .route("/deleteUser", post(delete_user))
        .route("/changeEmail", post(change_email))
}

fn of_sessions() -> Router<Arc<Server>> {
    Router::new()
        .route("/sessioninfo", get(session_info))
        .route("/sessionInfo", get(session_info))
        .route("/unverifyEmail", get(unverify_email))
        .route("/setRole", post(set_role))
        .route("/checkRole", post(check_role))
        .route("/completeFactor", post(complete_factor))
        .route("/addRequiredFactor", post(add_required_factor))
        .route("/mergeIntoAccessTokenPayload", post(merge_into_payload))
}

fn of_tenants() -> Router<Arc<Server>> {
    Router::new()
        .route("/setupTenant", post(set_up_tenant))
        .route("/removeTenant", post(remove_tenant))
        .route("/addUserToTenant", post(add_user_to_tenant))
        .route("/removeUserFromTenant", post(remove_user_from_tenant))
}

fn text<'b>(body: &'b Value, name: &str) -> &'b str {
    body[name].as_str().unwrap_or_default()
}

fn done() -> Json<Value> {
    Json(json!({"status": "OK"}))
}

async fn session_info(session: Session, Call(cx): Call) -> Result<Json<Value>> {
    Ok(Json(json!({
        "sessionHandle": session.handle(),
        "userId": session.user_id(),
        "recipeUserId": session.recipe_user_id(),
        "accessTokenPayload": session.access_token_payload(),
        "sessionData": session.session_data(&cx).await?,
    })))
}

async fn unverify_email(session: Session, Call(cx): Call) -> Result<Json<Value>> {
    cx.sdk().email_verification()?.unverify_email(&cx, session.recipe_user_id(), None).await?;
    session.fetch_and_set_claim(&cx, &emailverification::claim()).await?;
    Ok(done())
}

async fn set_role(session: Session, Call(cx): Call, Json(body): Json<Value>) -> Result<Json<Value>> {
    let (roles, role) = (cx.sdk().user_roles()?, text(&body, "role"));
    let permissions: Vec<&str> =
        body["permissions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    roles.create_or_add_permissions(&cx, role, &permissions).await?;
    roles.add_to_user(&cx, session.tenant_id(), session.user_id(), role).await?;
    for claim in [userroles::role_claim(), userroles::permission_claim()] {
        session.fetch_and_set_claim(&cx, &claim).await?;
    }
    Ok(done())
}

/// What the request itself asks of its session.
async fn check_role(Call(cx): Call, Json(body): Json<Value>) -> Result<Json<Value>> {
    let mut options = VerifyOptions::new();
    for (name, claim) in [("role", userroles::role_claim()), ("permission", userroles::permission_claim())] {
        if body[name].is_object() {
            options = options.also(validator(&claim, &body[name])?);
        }
    }
    cx.sdk().session()?.verify(&cx, &options).await?;
    Ok(done())
}

/// A validator by its name in the Node SDK.
fn validator(claim: &Claim, asked: &Value) -> portcullis::Result<ClaimValidator> {
    let (value, max_age) = (asked["args"][0].clone(), asked["args"][1].as_i64());
    let list = || value.as_array().cloned().unwrap_or_default();
    Ok(match text(asked, "validator") {
        "hasValue" => claim.has_value(value, max_age),
        "includes" => claim.includes(value, max_age),
        "excludes" => claim.excludes(value, max_age),
        "includesAll" => claim.includes_all(list(), max_age),
        "includesAny" => claim.includes_any(list(), max_age),
        "excludesAll" => claim.excludes_all(list(), max_age),
        other => return Err(Error::bad_input(format!("this server knows no validator '{other}'"))),
    })
}

async fn complete_factor(session: Session, Call(cx): Call, Json(body): Json<Value>) -> Result<Json<Value>> {
    let factors = cx.sdk().multi_factor_auth()?;
    factors.mark_factor_as_complete_in_session(&cx, &session, text(&body, "id")).await?;
    Ok(done())
}

async fn add_required_factor(
    session: Session,
    Call(cx): Call,
    Json(body): Json<Value>,
) -> Result<Json<Value>> {
    let factors = cx.sdk().multi_factor_auth()?;
    let factor = text(&body, "factorId");
    factors.add_to_required_secondary_factors_for_user(&cx, session.user_id(), factor).await?;
    Ok(done())
}

async fn merge_into_payload(
    session: Session,
    Call(cx): Call,
    Json(update): Json<Map<String, Value>>,
) -> Result<Json<Value>> {
    session.merge_into_access_token_payload(&cx, update).await?;
    Ok(done())
}

async fn delete_user(Call(cx): Call, Json(body): Json<Value>) -> Result<Json<Value>> {
    let told = |name: &str| body[name].as_str().map(str::to_owned);
    let info =
        AccountInfo { email: told("email"), phone_number: told("phoneNumber"), ..AccountInfo::default() };
    let found = cx.sdk().list_users_by_account_info(&cx, PUBLIC_TENANT, &info, false).await?;
    let user = found.first().ok_or_else(|| Error::bad_input("there is no such user"))?;
    cx.sdk().delete_user(&cx, &user.id, true).await?;
    Ok(done())
}

async fn change_email(Call(cx): Call, Json(body): Json<Value>) -> Result<Json<Value>> {
    let (id, email) = (text(&body, "recipeUserId"), text(&body, "email"));
    let outcome = match text(&body, "rid") {
        "emailpassword" => {
            let mut change = emailpassword::Change::of(id).email(email);
            if let Some(tenant) = body["tenantId"].as_str() {
                change = change.policy_of_tenant(tenant);
            }
            match cx.sdk().email_password()?.update_email_or_password(&cx, &change).await? {
                emailpassword::Changed::Ok => Ok(()),
                refused => Err(format!("{refused:?}")),
            }
        }
        "passwordless" => {
            let mut change = passwordless::Change::of(id);
            if !email.is_empty() {
                change = change.email(email);
            }
            if let Some(number) = body["phoneNumber"].as_str() {
                change = change.phone_number(number);
            }
            match cx.sdk().passwordless()?.update_user(&cx, &change).await? {
                passwordless::Changed::Ok => Ok(()),
                refused => Err(format!("{refused:?}")),
            }
        }
        other => Err(format!("this server changes no address of '{other}'")),
    };
    outcome.map_err(Error::BadInput)?;
    Ok(done())
}

async fn set_up_tenant(Call(cx): Call, Json(body): Json<Value>) -> Result<Json<Value>> {
    let (tenants, id, methods) = (cx.sdk().multitenancy(), text(&body, "tenantId"), &body["loginMethods"]);
    let of = |recipe: &str, factors: &'static [&'static str]| {
        if methods[recipe]["enabled"] == true { factors } else { &[] }
    };
    let first = [
        of("emailPassword", &["emailpassword"]),
        of("thirdParty", &["thirdparty"]),
        of("passwordless", &["otp-phone", "otp-email", "link-phone", "link-email"]),
    ];
    let mut config = TenantConfig::new().first_factors(first.concat());
    if let Some(settings) = body["coreConfig"].as_object() {
        config = config.core_config(settings.clone());
    }
    let created_new = tenants.create_or_update_tenant(&cx, id, config).await?;
    for provider in methods["thirdParty"]["providers"].as_array().into_iter().flatten() {
        let provider = serde_json::from_value(provider.clone());
        let provider = provider.map_err(|error| Error::bad_input(error.to_string()))?;
        tenants.create_or_update_third_party_config(&cx, id, provider).await?;
    }
    Ok(Json(json!({"status": "OK", "createdNew": created_new})))
}

async fn remove_tenant(Call(cx): Call, Json(body): Json<Value>) -> Result<Json<Value>> {
    let did_exist = cx.sdk().multitenancy().delete_tenant(&cx, text(&body, "tenantId")).await?;
    Ok(Json(json!({"status": "OK", "didExist": did_exist})))
}

async fn add_user_to_tenant(Call(cx): Call, Json(body): Json<Value>) -> Result<Json<Value>> {
    let (tenants, tenant) = (cx.sdk().multitenancy(), text(&body, "tenantId"));
    match tenants.associate_user_to_tenant(&cx, tenant, text(&body, "recipeUserId")).await? {
        AssociateUser::Ok { was_already_associated } => {
            Ok(Json(json!({"status": "OK", "wasAlreadyAssociated": was_already_associated})))
        }
        refused => Err(Error::BadInput(format!("{refused:?}")).into()),
    }
}

async fn remove_user_from_tenant(Call(cx): Call, Json(body): Json<Value>) -> Result<Json<Value>> {
    let (tenants, tenant) = (cx.sdk().multitenancy(), text(&body, "tenantId"));
    match tenants.disassociate_user_from_tenant(&cx, tenant, text(&body, "recipeUserId")).await? {
        DisassociateUser::Ok { was_associated } => {
            Ok(Json(json!({"status": "OK", "wasAssociated": was_associated})))
        }
        refused => Err(Error::BadInput(format!("{refused:?}")).into()),
    }
}
