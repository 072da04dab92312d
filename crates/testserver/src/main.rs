//! The backend that the browser suite of SuperTokens' web SDK drives (`test/` of `supertokens-website`): the
//! Rust SDK's sessions behind the paths that the suite asks for. It knows no users, and is for tests alone.
//!
//! The suite changes how sessions are kept while the server runs: [`Site`] is the application as it was last
//! asked for.
//!
//! Environment:
//! - `NODE_PORT`, 8080 by default.
//! - `SUPERTOKENS_CORE_HOST` and `SUPERTOKENS_CORE_PORT`: a core in test mode, by default at localhost:3567.
//! - `CORE_API_KEY`, none by default.
//! - `TRANSFER_METHOD`: `cookie` or `header`; by default what each request asks for.
//! - `STATIC_DIR`: the suite's pages, `index.html` and `angular/`; none by default.
//! - `PACKAGE_VERSION`: the suite's own, which it asks for.

mod control;
mod core;
mod routes;
mod site;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use site::{Settings, Site};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, PoisonError, RwLock};
use tower::ServiceExt;

/// What stays while applications come and go.
#[derive(Debug)]
struct Server {
    port: u16,
    core: core::Core,
    site: RwLock<Site>,
    counts: Counts,
}

/// How often something was called since the test began.
#[derive(Debug, Default)]
struct Counts {
    session: AtomicU32,
    refresh_attempts: AtomicU32,
    refreshes: AtomicU32,
}

impl Server {
    fn site(&self) -> Site {
        self.site.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers from now on as `settings` say.
    fn change(&self, settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
        let site = Site::new(self.port, &self.core, settings)?;
        *self.site.write().unwrap_or_else(PoisonError::into_inner) = site;
        Ok(())
    }
}

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

async fn answer(State(server): State<Arc<Server>>, request: Request) -> Response {
    let router = routes::router(&server, &server.site());
    match router.oneshot(request).await {
        Ok(response) => response,
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init();
    let port = setting("NODE_PORT", "8080").parse()?;
    let core = core::Core::at(
        &setting("SUPERTOKENS_CORE_HOST", "localhost"),
        &setting("SUPERTOKENS_CORE_PORT", "3567"),
    )?;
    let site = Site::new(port, &core, Settings::of(core.url()))?;
    let server = Arc::new(Server { port, core, site: RwLock::new(site), counts: Counts::default() });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    tracing::info!("listens on port {port}");
    Ok(axum::serve(listener, Router::new().fallback(answer).with_state(server)).await?)
}
