//! What the suite tells the server about its tests, and asks it.

use crate::{Server, setup};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{Method, Request, StatusCode};
use portcullis::Transport;
use portcullis_testkit::authenticator::{Algorithm, Authenticator, Ceremony};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use totp_rs::{Builder, Secret};

type Shared = State<Arc<Server>>;
type Params = Query<HashMap<String, String>>;
pub(crate) type Answer<T> = Result<T, (StatusCode, String)>;

pub(crate) fn broken(error: impl std::fmt::Display) -> (StatusCode, String) {
    tracing::error!("{error}");
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

/// `POST /test/setup/app {appId, coreConfig}`: an app of the test's own. Answers where it is.
pub(crate) async fn setup_app(State(server): Shared, Json(mut body): Json<Value>) -> Answer<String> {
    if !body["appId"].is_string() {
        // The suite makes one app after the other.
        body["appId"] = format!("app-{}", server.current().now()).into();
    }
    if !body["coreConfig"].is_object() {
        body["coreConfig"] = json!({});
    }
    let request = Request::builder()
        .method(Method::PUT)
        .uri(format!("{}/recipe/multitenancy/app/v2", server.core_url))
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_string()))
        .map_err(broken)?;
    let answer = server.core.send(request).await.map_err(broken)?;
    if answer.status() != StatusCode::OK {
        return Err(broken(String::from_utf8_lossy(answer.body())));
    }
    Ok(format!("{}/appid-{}", server.core_url, body["appId"].as_str().unwrap_or_default()))
}

/// `POST /test/setup/st`: another application.
pub(crate) async fn setup_sdk(State(server): Shared, Json(body): Json<Value>) -> Answer<()> {
    let setup = setup::read(body).map_err(broken)?;
    server.change(&setup).map_err(broken)
}

/// `POST /test/beforeEach`: nothing has been sent yet.
pub(crate) async fn before_each(State(server): Shared) {
    server.post.forget_codes();
}

/// `GET /test/featureFlags`: which of its tests the suite is to run.
pub(crate) async fn feature_flags() -> Json<Value> {
    Json(json!({"available": [
        "passwordless", "generalerror", "userroles", "multitenancy", "multitenancyManagementEndpoints",
        "accountlinking", "mfa", "recipeConfig", "accountlinking-fixes", "webauthn",
    ]}))
}

/// `GET /token`: the newest link.
pub(crate) async fn token(State(server): Shared) -> Json<Value> {
    Json(json!({"latestURLWithToken": server.post.link()}))
}

/// `GET /test/getDevice?preAuthSessionId=`: the codes that were sent to a device.
pub(crate) async fn device(State(server): Shared, Query(params): Params) -> Result<Json<Value>, ()> {
    let id = params.get("preAuthSessionId").map(String::as_str).unwrap_or_default();
    // What is not there is an empty answer.
    let codes = server.post.codes(id).ok_or(())?;
    Ok(Json(json!({"preAuthSessionId": id, "codes": codes})))
}

/// `POST /test/getTOTPCode {secret}`: what an authenticator app shows now.
pub(crate) async fn totp_code(Json(body): Json<Value>) -> Answer<Json<Value>> {
    // Not every secret that the suite shows is one of the core's, which have capitals alone.
    let secret = body["secret"].as_str().unwrap_or_default().to_uppercase();
    let secret = Secret::try_from_base32(secret).map_err(broken)?;
    let totp = Builder::new().with_secret(secret).with_step_duration(1).build_noncompliant();
    Ok(Json(json!({"totp": totp.generate_current().to_string()})))
}

/// `GET /test/webauthn/get-token?email=`: the newest token to get an account back with.
pub(crate) async fn recovery_token(State(server): Shared, Query(params): Params) -> Answer<Json<Value>> {
    let email = params.get("email").map(String::as_str).unwrap_or_default();
    let token = server.post.recovery_token(email);
    let token = token.ok_or((StatusCode::NOT_FOUND, r#"{"error":"Webauthn not found"}"#.to_owned()))?;
    Ok(Json(json!({"token": token})))
}

fn ceremony(body: &Value, options: &str) -> Ceremony {
    let mut ceremony = Ceremony::of(&body[options], body["origin"].as_str().unwrap_or_default());
    if let Some(id) = body["rpId"].as_str() {
        id.clone_into(&mut ceremony.relying_party_id);
    }
    ceremony
}

/// `POST /test/webauthn/create-credential`: a new passkey for options.
pub(crate) async fn create_credential(Json(body): Json<Value>) -> Json<Value> {
    let credential = Authenticator::new(Algorithm::Es256).create(&ceremony(&body, "registerOptionsResponse"));
    Json(json!({"credential": credential}))
}

/// `POST /test/webauthn/create-and-assert-credential`: the same, which then signs in.
pub(crate) async fn create_and_assert(Json(body): Json<Value>) -> Json<Value> {
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    let attestation = authenticator.create(&ceremony(&body, "registerOptionsResponse"));
    let assertion = authenticator.get(&ceremony(&body, "signInOptionsResponse"));
    Json(json!({"credential": {"attestation": attestation, "assertion": assertion}}))
}
