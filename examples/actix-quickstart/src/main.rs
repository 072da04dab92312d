//! Sign-up, sign-in and sessions in an actix-web server, with a core beside it and a page that uses them:
//! `cargo run --release` for the core, then `cargo run --release -p actix-quickstart`.

use actix_cors::Cors;
use actix_files::Files;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Json;
use actix_web::{App, HttpServer, get};
use portcullis::recipes::{emailpassword::EmailPassword, session::SessionRecipe};
use portcullis::{AppInfo, Portcullis};
use portcullis_actix::{Session, cors_headers, error_handler, middleware};
use serde_json::{Value, json};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../page/public");
const BUNDLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../page/node_modules/supertokens-web-js/bundle");

#[get("/sessioninfo")]
async fn session_info(session: Session) -> Json<Value> {
    let (user_id, handle) = (session.user_id(), session.handle());
    let payload = session.access_token_payload();
    Json(json!({"userId": user_id, "sessionHandle": handle, "accessTokenPayload": payload}))
}

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init();
    let address = format!("127.0.0.1:{}", setting("PORT", "3001"));
    let api = format!("http://{address}");
    let website = setting("WEBSITE_DOMAIN", &api);
    let mut builder = Portcullis::builder(AppInfo::new("Quickstart", &api, &website))
        .core(setting("CORE_URI", "http://localhost:3567"))
        .recipe(EmailPassword::new())
        .recipe(SessionRecipe::new());
    if let Ok(key) = std::env::var("CORE_API_KEY") {
        builder = builder.api_key(key);
    }
    let sdk = builder.build()?;

    let app = move || {
        let cors = Cors::default()
            .allowed_origin(&website)
            .allowed_methods(["GET", "POST", "PUT", "DELETE"])
            .allowed_headers([vec![CONTENT_TYPE], cors_headers(&sdk)].concat())
            .supports_credentials();
        App::new()
            .service(session_info)
            .service(Files::new("/supertokens-web-js", BUNDLE))
            .service(Files::new("/", PAGE).index_file("index.html"))
            .wrap(error_handler()) // of several `wrap`, the last one runs first
            .wrap(middleware(&sdk))
            .wrap(cors)
    };
    tracing::info!("open {api}");
    Ok(HttpServer::new(app).bind(&address)?.run().await?)
}
