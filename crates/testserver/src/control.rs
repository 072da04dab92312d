//! What the suite tells the server about its tests.

use crate::Server;
use crate::site::Settings;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

type Shared = State<Arc<Server>>;
type Answer<T> = Result<T, (StatusCode, String)>;

fn broken(error: impl std::fmt::Display) -> (StatusCode, String) {
    tracing::error!("{error}");
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

/// `POST /test/setup/app {appId, coreConfig}`: an app of the test's own.
pub(crate) async fn setup_app(State(server): Shared, Json(body): Json<Value>) -> Answer<String> {
    let id = body["appId"].as_str().ok_or((StatusCode::BAD_REQUEST, "appId is missing".to_owned()))?;
    let config = if body["coreConfig"].is_object() { body["coreConfig"].clone() } else { json!({}) };
    server.core.make_app(id, &config).await.map_err(broken)
}

/// `POST /test/setup/st`: another way to keep sessions.
pub(crate) async fn setup_sdk(State(server): Shared, Json(settings): Json<Settings>) -> Answer<()> {
    server.change(settings).map_err(broken)
}

/// `POST /reinitialiseBackendConfig {coreUrl}`: the same way, as after a restart.
pub(crate) async fn restart(State(server): Shared, Json(body): Json<Value>) -> Answer<()> {
    let mut settings = server.site().settings;
    if let Some(url) = body["coreUrl"].as_str() {
        url.clone_into(&mut settings.core_url);
    }
    server.change(settings).map_err(broken)
}

/// `POST /beforeeach`: counts from nothing.
pub(crate) async fn reset_counts(State(server): Shared) {
    let counts = &server.counts;
    for count in [&counts.session, &counts.refresh_attempts, &counts.refreshes] {
        count.store(0, Ordering::SeqCst);
    }
}

/// `GET /featureFlags`: what the SDK can do.
pub(crate) async fn feature_flags(State(server): Shared) -> Json<Value> {
    let jwt = server.site().settings.enable_jwt;
    Json(
        json!({"sessionJwt": jwt, "sessionClaims": true, "v3AccessToken": true, "duplicateCookieHandling": true}),
    )
}

fn read(count: &AtomicU32) -> String {
    count.load(Ordering::SeqCst).to_string()
}

/// `GET /refreshCalledTime`
pub(crate) async fn refreshes(State(server): Shared) -> String {
    read(&server.counts.refreshes)
}

/// `GET /refreshAttemptedTime`
pub(crate) async fn refresh_attempts(State(server): Shared) -> String {
    read(&server.counts.refresh_attempts)
}

/// `GET /getSessionCalledTime`
pub(crate) async fn session_calls(State(server): Shared) -> String {
    read(&server.counts.session)
}
