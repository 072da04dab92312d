//! Sign-up, sign-in and sessions in a server on bare hyper: the SDK's layers fit any tower service.
//! `cargo run -p hyper-minimal`, then `curl -i 127.0.0.1:3001/sessioninfo` is refused, and `POST /auth/signup` signs up.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::session::{SessionRecipe, VerifyOptions};
use portcullis::{AppInfo, Cx, Error, ErrorMarker, Portcullis};
use portcullis_embedded::Embedded;
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use tower::{ServiceBuilder, service_fn};

type Answer = Response<Full<Bytes>>;

/// The app: one protected route.
async fn route(request: Request<Incoming>) -> Result<Answer, Infallible> {
    let answer = match request.uri().path() {
        "/sessioninfo" => session_info(request.extensions().get()).await,
        _ => Ok(answer(StatusCode::NOT_FOUND, "no such page".to_owned())),
    };
    // The error layer writes what the caller gets.
    Ok(answer.unwrap_or_else(|error| {
        let mut answer = Answer::default();
        answer.extensions_mut().insert(ErrorMarker(Arc::new(error)));
        answer
    }))
}

async fn session_info(cx: Option<&Cx>) -> Result<Answer, Error> {
    let cx = cx.ok_or_else(|| Error::Internal("the SDK's layer is missing".to_owned()))?;
    let Some(session) = cx.sdk().session()?.verify(cx, &VerifyOptions::new()).await? else {
        return Ok(answer(StatusCode::UNAUTHORIZED, "unauthorised".to_owned()));
    };
    let body = json!({"userId": session.user_id(), "sessionHandle": session.handle()});
    Ok(answer(StatusCode::OK, body.to_string()))
}

fn answer(status: StatusCode, text: String) -> Answer {
    let mut answer = Answer::new(text.into());
    *answer.status_mut() = status;
    answer
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "3001".to_owned());
    let api = format!("http://127.0.0.1:{port}");
    let sdk = Portcullis::builder(AppInfo::new("Minimal", &api, &api))
        .core(Embedded::in_memory())
        .recipe(EmailPassword::new())
        .recipe(SessionRecipe::new())
        .build()?;
    let service =
        ServiceBuilder::new().layer(sdk.layer()).layer(sdk.error_layer()).service(service_fn(route));

    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        #[expect(clippy::disallowed_methods, reason = "the example ends with its process")]
        tokio::spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
