//! Sign-up, sign-in and sessions in an axum server, with the core in the same process and a page that uses
//! them: `cargo run --release -p axum-quickstart`.

use axum::http::{HeaderValue, Method, header::CONTENT_TYPE};
use axum::{Json, Router, routing::get};
use portcullis::recipes::{emailpassword::EmailPassword, session::SessionRecipe};
use portcullis::{AppInfo, Portcullis};
use portcullis_axum::{Session, cors_headers};
use portcullis_embedded::Embedded;
use serde_json::{Value, json};
use tower::ServiceBuilder;
use tower_http::{cors::CorsLayer, services::ServeDir};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../page/public");
const BUNDLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../page/node_modules/supertokens-web-js/bundle");

async fn session_info(session: Session) -> Json<Value> {
    let (user_id, handle) = (session.user_id(), session.handle());
    let payload = session.access_token_payload();
    Json(json!({"userId": user_id, "sessionHandle": handle, "accessTokenPayload": payload}))
}

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init();
    let address = format!("127.0.0.1:{}", setting("PORT", "3001"));
    let api = format!("http://{address}");
    let website = setting("WEBSITE_DOMAIN", &api);
    let seconds: u64 = setting("ACCESS_TOKEN_VALIDITY", "3600").parse()?;
    let core =
        Embedded::sqlite(setting("DATABASE", "quickstart.db")).setting("access_token_validity", seconds);
    core.open().await?;

    let sdk = Portcullis::builder(AppInfo::new("Quickstart", &api, &website))
        .core(core)
        .recipe(EmailPassword::new())
        .recipe(SessionRecipe::new())
        .build()?;
    let cors = CorsLayer::new()
        .allow_origin(website.parse::<HeaderValue>()?)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([vec![CONTENT_TYPE], cors_headers(&sdk)].concat())
        .allow_credentials(true);
    let app = Router::new()
        .route("/sessioninfo", get(session_info))
        .nest_service("/supertokens-web-js", ServeDir::new(BUNDLE))
        .fallback_service(ServeDir::new(PAGE))
        .layer(ServiceBuilder::new().layer(cors).layer(sdk.layer()).layer(sdk.error_layer()));

    let listener = tokio::net::TcpListener::bind(&address).await?;
    tracing::info!("open {api}");
    Ok(axum::serve(listener, app).await?)
}
