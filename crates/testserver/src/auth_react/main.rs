//! The backend that the browser suite of SuperTokens' pre-built pages for React drives
//! (`test/end-to-end` of `supertokens-auth-react`). The suite describes the application that it wants at each
//! `POST /test/setup/st`, and makes its apps in the core by way of this server. It is for tests alone.
//!
//! Environment:
//! - `NODE_PORT`, 8083 by default.
//! - `SUPERTOKENS_CORE_HOST` and `SUPERTOKENS_CORE_PORT`: a core in test mode, by default at localhost:3567.
//! - `WEB_PORT`, where the suite's pages are: 3031 by default.

mod control;
mod factors;
mod post;
mod providers;
mod refusals;
mod routes;
mod setup;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use portcullis::{HttpTransport, Portcullis};
use post::Post;
use setup::Setup;
use std::sync::{Arc, PoisonError, RwLock};
use tower::ServiceExt;

/// What stays while applications come and go.
#[derive(Debug)]
struct Server {
    port: u16,
    website: String,
    core_url: String,
    core: HttpTransport,
    post: Arc<Post>,
    current: RwLock<Portcullis>,
}

impl Server {
    fn current(&self) -> Portcullis {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers from now on as the application that is described.
    fn change(&self, setup: &Setup) -> Result<(), Box<dyn std::error::Error>> {
        let sdk = setup.build(self.port, &self.website, &self.core_url, &self.post)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = sdk;
        Ok(())
    }
}

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

async fn answer(State(server): State<Arc<Server>>, request: Request) -> Response {
    match routes::router(&server, &server.current()).oneshot(request).await {
        Ok(response) => response,
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init();
    let port = setting("NODE_PORT", "8083").parse()?;
    let website = format!("http://localhost:{}", setting("WEB_PORT", "3031"));
    let host = setting("SUPERTOKENS_CORE_HOST", "localhost");
    let core_url = format!("http://{host}:{}", setting("SUPERTOKENS_CORE_PORT", "3567"));
    let post = Arc::default();
    let current = RwLock::new(Setup::default().build(port, &website, &core_url, &post)?);
    let server = Server { port, website, core_url, core: HttpTransport::new()?, post, current };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    tracing::info!("listens on port {port}");
    Ok(axum::serve(listener, Router::new().fallback(answer).with_state(Arc::new(server))).await?)
}
