//! The backend that `supertokens/backend-sdk-testing` drives: a suite that all backend SDKs share. It sends each
//! call of a function as `POST /test/<recipe>/<function>`, and the requests of frontends as they are.
//!
//! The suite's replacements of functions travel as text. This server runs no text: [each recipe](emailpassword)
//! knows by slot, and by names that stand in the text, what a replacement does.
//!
//! It makes the application anew at each `POST /test/init`. It is for tests alone.
//!
//! Environment:
//! - `API_PORT`, 3030 by default.
//! - `SUPERTOKENS_CORE_HOST` and `SUPERTOKENS_CORE_PORT`: the core before the first test, by default at
//!   localhost:3567. The suite then says where it is.
//! - `CORE=embedded`: the core in this process instead, in memory or at `DATABASE_URL`. The suite reaches it at
//!   `SUPERTOKENS_CORE_PORT`.

mod accountlinking;
mod application;
mod body;
mod core;
mod emailpassword;
mod emailverification;
mod events;
mod multifactorauth;
mod multitenancy;
mod passwordless;
mod record;
mod serve;
mod session;
mod thirdparty;
mod totp;
mod usermetadata;
mod users;

use application::Application;
use core::Core;
use std::sync::{Arc, PoisonError, RwLock};

/// What stays while applications come and go.
#[derive(Debug)]
struct Server {
    core: Core,
    core_url: String,
    current: RwLock<Application>,
}

impl Server {
    fn current(&self) -> Application {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers from now on as another application.
    fn replace(&self, application: Application) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = application;
    }
}

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = setting("API_PORT", "3030").parse()?;
    let core_port: u16 = setting("SUPERTOKENS_CORE_PORT", "3567").parse()?;
    let core_url = format!("http://{}:{core_port}", setting("SUPERTOKENS_CORE_HOST", "localhost"));
    let core = if setting("CORE", "http") == "embedded" { Core::embedded() } else { Core::over_http()? };
    core.serve(core_port).await?;
    let first = Application::before_the_first(&core, &core_url).map_err(|error| error.to_string())?;
    let server = Arc::new(Server { core, core_url, current: RwLock::new(first) });
    events::watch(&server);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    tracing::info!("listens on port {port}");
    Ok(axum::serve(listener, serve::router(server)).await?)
}
