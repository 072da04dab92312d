//! The paths that the suite asks for, as a router for the application of the moment.

use crate::site::{Site, WEBSITE};
use crate::{Server, control};
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis::recipes::session::{ClaimValidator, NewSession, SessionPolicy, VerifyOptions};
use portcullis::{Cx, Error};
use portcullis_axum::{Call, Result, Session, cors_headers};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tower::ServiceBuilder;
use tower_http::cors::CorsLayer;
use tower_http::services::ServeDir;

type Object = Map<String, Value>;
type Shared = State<Arc<Server>>;

/// The application of the moment.
pub(crate) fn router(server: &Arc<Server>, site: &Site) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(HeaderValue::from_static(WEBSITE))
        .allow_methods([Method::GET, Method::PUT, Method::POST, Method::DELETE])
        .allow_headers([vec![CONTENT_TYPE], cors_headers(&site.sdk)].concat())
        .allow_credentials(true);
    let layers = ServiceBuilder::new().layer(cors).layer(site.sdk.layer()).layer(site.sdk.error_layer());
    let routes = sessions().merge(echoes()).merge(of_the_suite());
    with_pages(routes).layer(layers).with_state(Arc::clone(server))
}

fn sessions() -> Router<Arc<Server>> {
    Router::new()
        .route("/login", post(login))
        .route("/login-2.18", post(old_login))
        .route("/auth/session/refresh", post(refresh))
        .route("/", get(user_id))
        .route("/check-rid", get(check_rid))
        .route("/update-jwt", get(payload).post(replace_payload))
        .route("/update-jwt-with-handle", post(replace_payload_by_handle))
        .route("/session-claims-error", post(claims_error))
        .route("/logout", post(log_out))
        .route("/revokeAll", post(revoke_all))
}

fn of_the_suite() -> Router<Arc<Server>> {
    Router::new()
        .route("/test/setup/app", post(control::setup_app))
        .route("/test/setup/st", post(control::setup_sdk))
        .route("/reinitialiseBackendConfig", post(control::restart))
        .route("/beforeeach", post(control::reset_counts))
        .route("/after", post(|| async {}))
        .route("/stopst", post(|| async {}))
        .route("/featureFlags", get(control::feature_flags))
        .route("/refreshCalledTime", get(control::refreshes))
        .route("/refreshAttemptedTime", get(control::refresh_attempts))
        .route("/getSessionCalledTime", get(control::session_calls))
        .route("/getPackageVersion", get(|| async { crate::setting("PACKAGE_VERSION", "") }))
        .route("/ping", get(|| async { "success" }))
}

/// Routes that need no session, and tell what reached them.
fn echoes() -> Router<Arc<Server>> {
    Router::new()
        .route("/check-rid-no-session", get(|headers: HeaderMap| async move { says_anti_csrf(&headers) }))
        .route("/testUserConfig", post(|| async {}))
        .route("/multipleInterceptors", post(multiple_interceptors))
        .route("/403-without-body", post(|| async { StatusCode::FORBIDDEN }))
        .route("/testHeader", get(custom_header))
        .route("/checkAllowCredentials", post(allow_credentials))
        .route("/testError", get(test_error))
        .route("/testing", any(testing))
        .route("/testing/{*rest}", any(testing))
}

/// To the suite a method that is not served is a path that is not there.
fn with_pages(routes: Router<Arc<Server>>) -> Router<Arc<Server>> {
    let missing = || async { StatusCode::NOT_FOUND };
    let routes = routes.method_not_allowed_fallback(missing);
    match std::env::var("STATIC_DIR") {
        Ok(directory) => {
            let pages = ServeDir::new(directory).call_fallback_on_method_not_allowed(true);
            routes.fallback_service(pages.fallback(any(missing)))
        }
        Err(_) => routes,
    }
}

/// A body that is no JSON object has no fields.
fn fields(body: &Bytes) -> Object {
    serde_json::from_slice(body).unwrap_or_default()
}

fn text<'a>(body: &'a Object, name: &str) -> &'a str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}

async fn login(State(server): Shared, Call(cx): Call, body: Bytes) -> Result<String> {
    let mut payload = Object::new();
    if server.site().settings.enable_jwt {
        payload.insert("customClaim".to_owned(), "customValue".into());
    }
    let new = NewSession::of(text(&fields(&body), "userId")).payload(payload);
    Ok(cx.sdk().session()?.create(&cx, new).await?.user_id().to_owned())
}

/// A session from before the backend's SDK was renewed.
async fn old_login(State(server): Shared, body: Bytes) -> Response {
    let body = fields(&body);
    let (user_id, app) = (text(&body, "userId"), server.site().settings.core_url);
    let payload = body.get("payload").cloned().unwrap_or_else(|| json!({}));
    let made = match server.core.make_old_session(&app, user_id, &payload).await {
        Ok(made) => made,
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    };
    let expires_at = made["accessToken"]["createdTime"].as_i64().unwrap_or_default() + 3_600_000;
    let front = STANDARD.encode(json!({"uid": user_id, "ate": expires_at, "up": payload}).to_string());
    let token = |name: &str| made[name]["token"].as_str().unwrap_or_default().to_owned();
    let headers = [
        ("st-access-token", token("accessToken")),
        ("st-refresh-token", token("refreshToken")),
        ("front-token", front),
    ];
    headers.into_response()
}

async fn refresh(State(server): Shared, Call(cx): Call, headers: HeaderMap) -> Result<Response> {
    server.counts.refresh_attempts.fetch_add(1, Ordering::SeqCst);
    match cx.sdk().session()?.refresh(&cx).await {
        // The suite's application shows its own faults to everybody.
        Err(Error::Internal(text)) => return Ok((StatusCode::INTERNAL_SERVER_ERROR, text).into_response()),
        refreshed => refreshed?,
    };
    if !headers.contains_key("rid") {
        return Ok("refresh failed".into_response());
    }
    server.counts.refreshes.fetch_add(1, Ordering::SeqCst);
    Ok("refresh success".into_response())
}

async fn user_id(State(server): Shared, session: Session) -> String {
    server.counts.session.fetch_add(1, Ordering::SeqCst);
    session.user_id().to_owned()
}

async fn check_rid(_: Session, headers: HeaderMap) -> &'static str {
    says_anti_csrf(&headers)
}

fn says_anti_csrf(headers: &HeaderMap) -> &'static str {
    let rid = headers.get("rid").and_then(|rid| rid.to_str().ok());
    if rid.is_some_and(|rid| rid.starts_with("anti-csrf")) { "success" } else { "fail" }
}

async fn payload(session: Session) -> Json<Object> {
    Json(session.access_token_payload())
}

/// What takes all of these claims away, and lays others in their place.
fn replacement(old: &Object, body: &Bytes) -> Object {
    let mut update: Object = old.keys().map(|name| (name.clone(), Value::Null)).collect();
    update.extend(fields(body));
    update
}

async fn replace_payload(session: Session, Call(cx): Call, body: Bytes) -> Result<Json<Object>> {
    let update = replacement(&session.access_token_payload(), &body);
    session.merge_into_access_token_payload(&cx, update).await?;
    Ok(Json(session.access_token_payload()))
}

async fn replace_payload_by_handle(session: Session, Call(cx): Call, body: Bytes) -> Result<Json<Object>> {
    let sessions = cx.sdk().session()?;
    let old = sessions.information(&cx, session.handle()).await?.map(|stored| stored.payload);
    let update = replacement(&old.unwrap_or_default(), &body);
    sessions.merge_into_access_token_payload(&cx, session.handle(), update).await?;
    Ok(Json(session.access_token_payload()))
}

/// Asks for what no session has.
struct Impossible;

impl SessionPolicy for Impossible {
    fn options(_: &Cx) -> VerifyOptions {
        VerifyOptions::new().validators_from(|_| {
            vec![ClaimValidator::new("test-claim-failing", |_, _| Some(json!({"message": "testReason"})))]
        })
    }
}

async fn claims_error(_: Session<Impossible>) -> Json<Value> {
    Json(json!({}))
}

async fn log_out(session: Session, Call(cx): Call) -> Result<&'static str> {
    session.revoke(&cx).await?;
    Ok("success")
}

async fn revoke_all(session: Session, Call(cx): Call) -> Result<&'static str> {
    cx.sdk().session()?.revoke_all_of_user(&cx, session.user_id(), true, None).await?;
    Ok("success")
}

async fn multiple_interceptors(headers: HeaderMap) -> &'static str {
    let both = headers.contains_key("interceptorheader1") && headers.contains_key("interceptorheader2");
    if both { "success" } else { "failure" }
}

async fn custom_header(headers: HeaderMap) -> Json<Value> {
    Json(json!({"success": headers.contains_key("st-custom-header")}))
}

async fn allow_credentials(headers: HeaderMap) -> Json<bool> {
    Json(headers.contains_key("allow-credentials"))
}

async fn test_error(Query(query): Query<HashMap<String, String>>) -> (StatusCode, &'static str) {
    let code = query.get("code").and_then(|code| code.parse().ok()).unwrap_or(500);
    (StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), "test error message")
}

async fn testing(headers: HeaderMap) -> Response {
    let mut response = "success".into_response();
    if let Some(value) = headers.get("testing") {
        response.headers_mut().insert("testing", value.clone());
    }
    response
}
