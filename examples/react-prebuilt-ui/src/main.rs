//! Every way of signing in, with SuperTokens' pre-built pages for React in front and the core in the same
//! process: `cargo run --release -p react-prebuilt-ui`.

mod auth;

use axum::http::{HeaderValue, Method, header::CONTENT_TYPE};
use axum::{Json, Router, routing::get};
use portcullis_axum::{Call, Result, Session, cors_headers};
use portcullis_embedded::Embedded;
use serde_json::{Value, json};
use tower::ServiceBuilder;
use tower_http::cors::CorsLayer;
use tower_http::services::{ServeDir, ServeFile};

const PAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/frontend/dist");

/// Nobody gets here whose address is unproven, or who still owes the code of an authenticator app.
async fn me(session: Session, Call(cx): Call) -> Result<Json<Value>> {
    let user = cx.sdk().find_user(&cx, session.user_id()).await?;
    Ok(Json(json!({"tenant": session.tenant_id(), "user": user})))
}

/// For visitors to choose from.
async fn tenants(Call(cx): Call) -> Result<Json<Vec<String>>> {
    let tenants = cx.sdk().multitenancy().list_all_tenants(&cx).await?;
    Ok(Json(tenants.into_iter().map(|tenant| tenant.tenant_id).collect()))
}

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init();
    let port = setting("PORT", "3001");
    // Not 127.0.0.1: browsers make no passkeys for an address without a name.
    let api = format!("http://localhost:{port}");
    let website = setting("WEBSITE_DOMAIN", &api);
    let core = Embedded::sqlite(setting("DATABASE", "react-prebuilt-ui.db"));
    core.open().await?;
    let sdk = auth::sdk(&api, &website, core)?;
    auth::make_tenants(&sdk).await?;

    let cors = CorsLayer::new()
        .allow_origin(website.parse::<HeaderValue>()?)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([vec![CONTENT_TYPE], cors_headers(&sdk)].concat())
        .allow_credentials(true);
    // Every address that is no API's is one of the single page's.
    let pages = ServeDir::new(PAGES).fallback(ServeFile::new(format!("{PAGES}/index.html")));
    let app = Router::new()
        .route("/me", get(me))
        .route("/tenants", get(tenants))
        .fallback_service(pages)
        .layer(ServiceBuilder::new().layer(cors).layer(sdk.layer()).layer(sdk.error_layer()));

    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    tracing::info!("open {website}");
    Ok(axum::serve(listener, app).await?)
}
