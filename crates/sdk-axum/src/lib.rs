//! Portcullis for axum: extractors for sessions, and the SDK's errors as responses.
//!
//! The layers are the SDK's own. CORS comes first, then [`Portcullis::layer`], then
//! [`Portcullis::error_layer`]; in a `ServiceBuilder` that is the order from top to bottom, and with calls of
//! `Router::layer`, of which the last runs first, it is the other way round.
//!
//! ```no_run
//! use axum::{Json, Router, http::HeaderValue, http::Method, http::header, routing::get};
//! use portcullis::recipes::session::SessionRecipe;
//! use portcullis::{AppInfo, Portcullis};
//! use portcullis_axum::{Session, cors_headers};
//! use tower_http::cors::CorsLayer;
//!
//! async fn whoami(session: Session) -> Json<String> {
//!     Json(session.user_id().to_owned())
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sdk = Portcullis::builder(AppInfo::new("Demo", "http://localhost:3001", "http://localhost:3000"))
//!     .core("http://localhost:3567")
//!     .recipe(SessionRecipe::new())
//!     .build()?;
//! let cors = CorsLayer::new()
//!     .allow_origin("http://localhost:3000".parse::<HeaderValue>()?)
//!     .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
//!     .allow_headers([vec![header::CONTENT_TYPE], cors_headers(&sdk)].concat())
//!     .allow_credentials(true);
//! let app: Router = Router::new()
//!     .route("/whoami", get(whoami))
//!     .layer(sdk.error_layer())
//!     .layer(sdk.layer())
//!     .layer(cors);
//! # Ok(())
//! # }
//! ```
#![cfg_attr(doctest, doc = include_str!("../../../docs/sdk/axum.md"))]

use axum::extract::{ConnectInfo, FromRequestParts, OptionalFromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use portcullis::recipes::session;
use portcullis::{Cx, ErrorMarker, Peer, Portcullis};
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

pub use portcullis::recipes::session::{SessionPolicy, SignedIn};
pub use portcullis::{ErrorLayer, SdkLayer};

/// The request headers that the frontend SDKs send: a CORS setting must allow them, beside `content-type`.
/// Leave `expose_headers` alone, or name [`Portcullis::cors_expose_headers`] in it.
pub fn cors_headers(sdk: &Portcullis) -> Vec<HeaderName> {
    sdk.cors_headers()
}

/// Tells the SDK whom a request comes from, so that the core can count failed attempts for each caller: goes
/// before [`Portcullis::layer`], as `axum::middleware::map_request(peer)`, and wants a server that was made with
/// `into_make_service_with_connect_info::<SocketAddr>()`.
pub fn peer(mut request: Request) -> Ready<Request> {
    let connection = request.extensions().get::<ConnectInfo<SocketAddr>>();
    if let Some(ConnectInfo(address)) = connection.copied() {
        request.extensions_mut().insert(Peer(address.ip()));
    }
    ready(request)
}

/// What a route returns that calls the SDK: `?` turns the SDK's errors into [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the SDK as a response: [`ErrorLayer`] writes it as the app's settings say.
#[derive(Debug)]
pub struct Error(pub portcullis::Error);

impl From<portcullis::Error> for Error {
    fn from(error: portcullis::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        // Nobody sees this text where the error layer is in its place.
        let text = "The SDK's error layer is missing: add .layer(sdk.error_layer()) after sdk.layer()";
        let mut response = (StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
        response.extensions_mut().insert(ErrorMarker(Arc::new(self.0)));
        response
    }
}

/// The session of a request. Without one, or with one that lacks what the policy asks for, the route does
/// not run and the caller gets a 401 or 403. As `Option<Session>`, it is `None` for callers who show no
/// session; those whose session has expired are still told to refresh.
#[derive(Clone, Debug)]
pub struct Session<P = SignedIn>(pub session::Session, PhantomData<fn() -> P>);

impl<P> Deref for Session<P> {
    type Target = session::Session;

    fn deref(&self) -> &session::Session {
        &self.0
    }
}

impl<S: Sync, P: SessionPolicy> FromRequestParts<S> for Session<P> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let cx = cx_of(parts)?;
        let session = cx.sdk().session()?.verify(cx, &P::options(cx)).await?;
        let session = session
            .ok_or_else(|| internal("a policy cannot make a session optional: ask for Option<Session>"))?;
        Ok(Self(session, PhantomData))
    }
}

impl<S: Sync, P: SessionPolicy> OptionalFromRequestParts<S> for Session<P> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>> {
        let cx = cx_of(parts)?;
        let session = cx.sdk().session()?.verify(cx, &P::options(cx).optional()).await?;
        Ok(session.map(|session| Self(session, PhantomData)))
    }
}

/// The call that a request makes, for the functions of the SDK.
#[derive(Clone, Debug)]
pub struct Call(pub Cx);

impl<S: Sync> FromRequestParts<S> for Call {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self(cx_of(parts)?.clone()))
    }
}

fn cx_of(parts: &Parts) -> Result<&Cx> {
    parts.extensions.get().ok_or_else(|| internal("the SDK's layer is missing: add .layer(sdk.layer())"))
}

fn internal(text: &str) -> Error {
    Error(portcullis::Error::Internal(text.to_owned()))
}
