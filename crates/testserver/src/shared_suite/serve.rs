//! From the suite's requests to the functions that they mean.

use crate::application::Application;
use crate::body::{Body, unknown};
use crate::record::Event;
use crate::{
    Server, accountlinking, emailpassword, emailverification, multifactorauth, multitenancy, passwordless,
    session, thirdparty, totp, usermetadata, users,
};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use portcullis::{BuildError, CoreError, Cx, Error, Exchange, Result, SessionError};
use serde_json::{Value, json};
use std::sync::Arc;

/// Every path of the server. They depend on the application of the moment, so that no router can know them.
pub(crate) fn router(server: Arc<Server>) -> Router {
    Router::new().fallback(answer).with_state(server)
}

async fn answer(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return StatusCode::BAD_REQUEST.into_response() };
    let body = body.to_bytes();
    let application = server.current();
    let rid = head.headers.get("rid").and_then(|rid| rid.to_str().ok());
    if application.sdk.is_for(&head.method, head.uri.path(), rid) {
        return of_frontend(&application, &head, body).await;
    }
    match head.uri.path().strip_prefix("/test/") {
        Some(path) if !path.contains('/') => control(&server, &application, path, &head, &body).await,
        _ => call(&application, &head, &body).await,
    }
}

/// A request to the SDK itself.
async fn of_frontend(application: &Application, head: &Parts, body: Bytes) -> Response {
    let asks_for_link = head.uri.path().ends_with("/user/password/reset/token");
    application.record.expect_reset_link();
    let response = application.sdk.serve(head, Full::new(body)).await;
    if asks_for_link && is_ok(&response) {
        // Which the suite does not: it asks at once what was sent.
        application.record.reset_link_done().await;
    }
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR
        && let Some(why) = application.record.take_failure()
    {
        // The Node SDK leaves it to the app what a caller is told; the suite's app tells everything.
        return failure(&why);
    }
    response.map(axum::body::Body::from)
}

fn is_ok(response: &http::Response<Bytes>) -> bool {
    serde_json::from_slice::<Value>(response.body()).is_ok_and(|body| body["status"] == "OK")
}

/// What the suite tells the server, and asks it, about its tests.
async fn control(
    server: &Server,
    application: &Application,
    path: &str,
    head: &Parts,
    body: &[u8],
) -> Response {
    let (body, record) = (Body::read(body), &application.record);
    match (&head.method, path) {
        // The replacements of providers' functions ask nobody.
        (&Method::GET, "ping") | (&Method::POST, "mockexternalapi") => ok(),
        (&Method::POST, "init") => init(server, &body),
        (&Method::GET, "overrideparams") => json(StatusCode::OK, &record.params()),
        (&Method::POST, "resetoverrideparams") => {
            record.reset();
            ok()
        }
        (&Method::GET, "featureflag") => {
            let flags = json!(["removedOverwriteSessionDuringSignInUp", "configurableCookieAndHeaderNames"]);
            json(StatusCode::OK, &flags)
        }
        (&Method::GET, "getoverridelogs") => json(StatusCode::OK, &json!({"logs": record.logs()})),
        (&Method::GET, "resetoverridelogs") => {
            record.clear_logs();
            json(StatusCode::OK, &json!({}))
        }
        (&Method::GET, "waitforevent") => {
            let number = head.uri.query().and_then(|query| query.strip_prefix("event=")?.parse().ok());
            let event = Event::ALL.into_iter().find(|event| Some(*event as i32) == number);
            match event {
                Some(event) if record.has_happened(event).await => {
                    json(StatusCode::OK, &json!({"event": number}))
                }
                Some(_) => json(StatusCode::OK, &Value::Null),
                None => failure("this server knows no such event"),
            }
        }
        _ => not_found(head),
    }
}

fn init(server: &Server, body: &Body) -> Response {
    let described = Body::nested(body.text("config"));
    let made = described.map_err(Into::into).and_then(|described| Application::new(&server.core, &described));
    match made {
        Ok(application) => {
            server.replace(application);
            ok()
        }
        Err(error) => {
            if let Ok(application) = Application::before_the_first(&server.core, &server.core_url) {
                server.replace(application);
            }
            failure(&match error.downcast_ref() {
                // In the Node SDK's words, which the suite looks for.
                Some(BuildError::MissingRecipe { recipe: "totp", needs: "multifactorauth" }) => {
                    "Please initialize the MultiFactorAuth recipe to use TOTP.".to_owned()
                }
                _ => error.to_string(),
            })
        }
    }
}

/// A call of one of the SDK's functions, or one of the few routes with a session.
async fn call(application: &Application, head: &Parts, body: &Bytes) -> Response {
    let exchange = Arc::new(Exchange::new(head, body.clone()));
    let cx = Cx::of_request(&application.sdk, Arc::clone(&exchange));
    let body = Body::read(body);
    body.pass_user_context(&cx);
    cx.user_context().insert(Arc::clone(&application.record));
    let path = head.uri.path();
    let outcome = match path.strip_prefix("/test/").and_then(|path| path.split_once('/')) {
        Some((recipe, function)) => of_recipe(application, &cx, (recipe, function), &body).await,
        None => session::route(&cx, path, &body).await,
    };
    let mut response = match outcome {
        // What a function of the Node SDK answers `undefined` for.
        Ok(Value::Null) => Response::default(),
        Ok(value) => json(StatusCode::OK, &value),
        Err(Error::Session(error)) if shows_errors(path) => session_failure(&error),
        Err(error @ (Error::Session(_) | Error::BadInput(_) | Error::Fields(_) | Error::General(_))) => {
            application.sdk.error_response(&cx, &error).await.map(axum::body::Body::from)
        }
        Err(Error::Core(CoreError::Refused { method, path, status, message })) => failure(&format!(
            "SuperTokens core threw an error for a {method} request to path: '{path}' with status code: {status} and message: {message}\n"
        )),
        Err(error) => failure(&error.to_string()),
    };
    exchange.write_to(response.headers_mut());
    response
}

async fn of_recipe(
    application: &Application,
    cx: &Cx,
    (recipe, function): (&str, &str),
    body: &Body,
) -> Result<Value> {
    match recipe {
        "supertokens" => users::call(cx, function, body).await,
        "accountlinking" => accountlinking::call(cx, function, body).await,
        "emailpassword" => emailpassword::call(cx, function, body).await,
        "emailverification" => emailverification::call(cx, function, body).await,
        "multitenancy" => multitenancy::call(cx, function, body).await,
        "session" => session::call(cx, &application.record, function, body).await,
        "multifactorauth" => multifactorauth::call(cx, function, body).await,
        "passwordless" => passwordless::call(cx, function, body).await,
        "thirdparty" => thirdparty::call(cx, function, body).await,
        "totp" => totp::call(cx, function, body).await,
        "usermetadata" => usermetadata::call(cx, function, body).await,
        _ => Err(unknown(recipe)),
    }
}

/// Whether the suite wants the error of a call itself, and not what a frontend is answered for it.
fn shows_errors(path: &str) -> bool {
    path.ends_with("/refreshsessionwithoutrequestresponse")
        || path.ends_with("/updatesessionifrequiredpostemailverification")
}

fn session_failure(error: &SessionError) -> Response {
    let (kind, payload) = match error {
        SessionError::Unauthorised { .. } => ("UNAUTHORISED", Value::Null),
        SessionError::TryRefreshToken { .. } => ("TRY_REFRESH_TOKEN", Value::Null),
        SessionError::TokenTheftDetected { session_handle, user_id, recipe_user_id } => {
            let recipe_user_id = json!({"recipeUserId": recipe_user_id});
            let theft =
                json!({"sessionHandle": session_handle, "userId": user_id, "recipeUserId": recipe_user_id});
            ("TOKEN_THEFT_DETECTED", theft)
        }
        SessionError::InvalidClaims(failures) => ("INVALID_CLAIMS", json!(failures)),
        _ => ("CLEAR_DUPLICATE_SESSION_COOKIES", Value::Null),
    };
    let shown =
        json!({"type": kind, "payload": payload, "fromRecipe": "session", "message": error.to_string()});
    json(StatusCode::INTERNAL_SERVER_ERROR, &shown)
}

fn ok() -> Response {
    json(StatusCode::OK, &json!({"ok": true}))
}

fn failure(message: &str) -> Response {
    tracing::info!(message, "a call failed");
    json(StatusCode::INTERNAL_SERVER_ERROR, &json!({"message": message}))
}

fn not_found(head: &Parts) -> Response {
    let told = format!("this server knows no {} {}", head.method, head.uri.path());
    (StatusCode::NOT_FOUND, told).into_response()
}

fn json(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json; charset=utf-8")], body.to_string()).into_response()
}
