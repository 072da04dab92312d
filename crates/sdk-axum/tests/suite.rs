//! The suite of all adapters, on an axum app.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::map_request;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use portcullis::recipes::session::NewSession;
use portcullis::{Error, Portcullis};
use portcullis_axum::{Call, Result, Session, cors_headers, peer};
use portcullis_testkit::Shape;
use portcullis_testkit::adapters::{Admin, Backend, WEBSITE, adapter_suite, role};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::cors::CorsLayer;

async fn login(Call(cx): Call, Json(body): Json<Value>) -> Result<impl IntoResponse> {
    let user = body["userId"].as_str().unwrap_or_default();
    let session = cx.sdk().session()?.create(&cx, NewSession::of(user)).await?;
    let own = [("x-app", "1"), ("access-control-expose-headers", "x-app"), ("set-cookie", "app=1")];
    Ok((own, Json(json!({"userId": session.user_id()}))))
}

async fn info(session: Session) -> Json<Value> {
    let (user_id, handle) = (session.user_id(), session.handle());
    let payload = session.access_token_payload();
    Json(json!({"userId": user_id, "sessionHandle": handle, "accessTokenPayload": payload}))
}

async fn optional(session: Option<Session>) -> Json<Value> {
    Json(json!({"userId": session.as_ref().map(|session| session.user_id())}))
}

async fn admin(session: Session<Admin>) -> Json<Value> {
    Json(json!({"userId": session.user_id()}))
}

async fn promote(Call(cx): Call, session: Session) -> Result<Json<Value>> {
    session.set_claim_value(&cx, &role(), "admin").await?;
    Ok(Json(json!({})))
}

async fn failing() -> Result<()> {
    Err(Error::General("not today".to_owned()).into())
}

fn routes() -> Router {
    Router::new()
        .route("/login", post(login))
        .route("/sessioninfo", get(info))
        .route("/optional", get(optional))
        .route("/admin", get(admin))
        .route("/promote", post(promote))
        .route("/failing", get(failing))
        .fallback(async || (axum::http::StatusCode::NOT_FOUND, "the app's own"))
}

fn cors(sdk: &Portcullis) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(WEBSITE.parse::<HeaderValue>().unwrap())
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([vec![header::CONTENT_TYPE], cors_headers(sdk)].concat())
        .allow_credentials(true)
}

async fn serve(sdk: &Portcullis, cors: CorsLayer) -> String {
    let layers = ServiceBuilder::new()
        .layer(cors)
        .layer(map_request(peer))
        .layer(sdk.layer())
        .layer(sdk.error_layer());
    serve_router(routes().layer(layers)).await
}

async fn serve_router(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    #[expect(clippy::disallowed_methods, reason = "the server ends with the test")]
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

#[tokio::test]
async fn with_a_core_over_http() {
    let backend = Backend::start(Shape::Http).await;
    adapter_suite(&serve(&backend.sdk, cors(&backend.sdk)).await).await;
}

#[tokio::test]
async fn with_the_core_in_the_same_process() {
    let backend = Backend::start(Shape::Embedded).await;
    adapter_suite(&serve(&backend.sdk, cors(&backend.sdk)).await).await;
}

/// What a login exposes to scripts of other origins.
async fn exposed(cors: impl FnOnce(&Portcullis) -> CorsLayer) -> String {
    let backend = Backend::start(Shape::Embedded).await;
    let cors = cors(&backend.sdk);
    let layers = ServiceBuilder::new().layer(cors).layer(backend.sdk.layer());
    let request = axum::http::Request::post("/login").header("origin", WEBSITE);
    let request = request.header("content-type", "application/json").body(Body::from(r#"{"userId": "ann"}"#));
    let response = routes().layer(layers).oneshot(request.unwrap()).await.unwrap();
    response.headers()["access-control-expose-headers"].to_str().unwrap().to_owned()
}

/// tower-http replaces the list that it finds; what the documentation says of it is shown here.
#[tokio::test]
async fn an_app_that_exposes_headers_names_those_of_the_sdk_too() {
    let own = HeaderName::from_static("x-own");
    let lost = exposed(|sdk| cors(sdk).expose_headers([own.clone()])).await;
    assert_eq!(lost, "x-own");
    let kept = exposed(|sdk| cors(sdk).expose_headers([vec![own], sdk.cors_expose_headers()].concat())).await;
    assert_eq!(kept, "x-own,front-token,anti-csrf,st-access-token,st-refresh-token");
}

#[tokio::test]
async fn a_missing_layer_is_said_to_be_missing() {
    let backend = Backend::start(Shape::Embedded).await;
    let ask = async |app: Router| {
        let response = app.oneshot(axum::http::Request::get("/sessioninfo").body(Body::empty()).unwrap());
        let (head, body) = response.await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, 4096).await.unwrap();
        (head.status.as_u16(), String::from_utf8_lossy(&body).into_owned())
    };
    let (status, text) = ask(routes().layer(backend.sdk.layer())).await;
    assert!(status == 500 && text.contains("error_layer()"), "{text}");
    let (status, text) = ask(routes().layer(backend.sdk.error_layer())).await;
    assert_eq!((status, text.as_str()), (500, r#"{"message":"Internal Server Error"}"#));
}
