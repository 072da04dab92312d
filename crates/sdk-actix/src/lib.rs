//! Portcullis for actix-web: middleware that serves sign-in, extractors for sessions, errors as responses.
//!
//! Of several calls of `wrap`, the last one runs first: write the error handler, the middleware, then CORS.
//!
//! ```no_run
//! use actix_cors::Cors;
//! use actix_web::{App, HttpServer, Responder, get, http::header, web::Json};
//! use portcullis::{AppInfo, Portcullis, recipes::session::SessionRecipe};
//! use portcullis_actix::{Session, cors_headers, error_handler, middleware};
//!
//! #[get("/whoami")]
//! async fn whoami(session: Session) -> impl Responder {
//!     Json(session.user_id().to_owned())
//! }
//!
//! #[actix_web::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let sdk = Portcullis::builder(AppInfo::new("Demo", "http://localhost:3001", "http://localhost:3000"))
//!         .core("http://localhost:3567")
//!         .recipe(SessionRecipe::new())
//!         .build()?;
//!     let app = move || {
//!         let cors = Cors::default()
//!             .allowed_origin("http://localhost:3000")
//!             .allowed_methods(["GET", "POST", "PUT", "DELETE"])
//!             .allowed_headers([vec![header::CONTENT_TYPE], cors_headers(&sdk)].concat())
//!             .supports_credentials();
//!         App::new().service(whoami).wrap(error_handler()).wrap(middleware(&sdk)).wrap(cors)
//!     };
//!     Ok(HttpServer::new(app).bind(("127.0.0.1", 3001))?.run().await?)
//! }
//! ```
#![cfg_attr(doctest, doc = include_str!("../../../docs/sdk/actix.md"))]

mod convert;
mod extract;
mod middleware;

pub use convert::cors_headers;
pub use extract::{Call, MaybeSession, Session};
pub use middleware::{error_handler, middleware};
pub use portcullis::recipes::session::{SessionPolicy, SignedIn};

use actix_web::{HttpResponse, ResponseError};
use portcullis::ErrorMarker;
use std::sync::Arc;

/// What a route returns that calls the SDK: `?` turns the SDK's errors into [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the SDK as a response: [`error_handler`] writes it as the app's settings say.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] pub portcullis::Error);

impl ResponseError for Error {
    fn error_response(&self) -> HttpResponse {
        // Nobody sees this text where the error handler is in its place.
        let text = "The SDK's error handler is missing: add .wrap(error_handler()) before the middleware";
        let mut response = HttpResponse::InternalServerError().body(text);
        response.extensions_mut().insert(ErrorMarker(Arc::new(self.0.clone())));
        response
    }
}
