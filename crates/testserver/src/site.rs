//! The application under test: sessions, kept as the suite wants them.

use crate::core::Core;
use http::{Response, StatusCode};
use portcullis::recipes::session::{AntiCsrf, Api, ErrorHandlers, SessionRecipe, TransferMethod};
use portcullis::{AppInfo, Portcullis};
use serde::Deserialize;
use std::sync::Arc;

/// Where the suite's pages come from.
pub(crate) const WEBSITE: &str = "http://localhost:8080";

/// How sessions are kept: the body of `POST /test/setup/st`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settings {
    /// The app's place in a core.
    pub(crate) core_url: String,
    /// By a token, or not at all.
    #[serde(default)]
    pub(crate) enable_anti_csrf: bool,
    /// Not the suite's: `rid` instead of a token.
    #[serde(default)]
    pub(crate) by_custom_header: bool,
    /// Whether scripts see the access token, which then has a claim of the application's.
    #[serde(default, rename = "enableJWT")]
    pub(crate) enable_jwt: bool,
}

impl Settings {
    /// The settings before the first test.
    pub(crate) fn of(core_url: &str) -> Self {
        Self {
            core_url: core_url.to_owned(),
            enable_anti_csrf: true,
            by_custom_header: false,
            enable_jwt: false,
        }
    }
}

/// The application, as it was last asked for.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) settings: Settings,
    pub(crate) sdk: Portcullis,
}

impl Site {
    pub(crate) fn new(
        port: u16,
        core: &Core,
        settings: Settings,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let anti_csrf = if settings.by_custom_header {
            AntiCsrf::ViaCustomHeader
        } else if settings.enable_anti_csrf {
            AntiCsrf::ViaToken
        } else {
            AntiCsrf::None
        };
        let handlers = ErrorHandlers {
            on_unauthorised: Some(Arc::new(|_, _| {
                Box::pin(async { empty_object(StatusCode::UNAUTHORIZED) })
            })),
            ..ErrorHandlers::default()
        };
        let mut session = SessionRecipe::new()
            .anti_csrf(anti_csrf)
            .expose_access_token(settings.enable_jwt)
            .error_handlers(handlers)
            .disable(Api::Refresh); // a route of ours counts the calls
        session = match std::env::var("TRANSFER_METHOD").as_deref() {
            Ok("cookie") => session.choose_transfer(|_, _| Some(TransferMethod::Cookie)),
            Ok("header") => session.choose_transfer(|_, _| Some(TransferMethod::Header)),
            _ => session,
        };
        let api = format!("0.0.0.0:{port}");
        let mut builder = Portcullis::builder(AppInfo::new("SuperTokens", api, WEBSITE))
            .core(core.app(&settings.core_url))
            .recipe(session);
        if let Ok(key) = std::env::var("CORE_API_KEY") {
            builder = builder.api_key(key);
        }
        Ok(Self { settings, sdk: builder.build()? })
    }
}

fn empty_object(status: StatusCode) -> Response<bytes::Bytes> {
    let mut response = Response::new(bytes::Bytes::from_static(b"{}"));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    response
}
