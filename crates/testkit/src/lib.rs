//! A core on a throw-away database, a clock that tests set, and what the slice tests share.
//!
//! The engine is chosen by the environment: `TEST_ENGINE=postgres` with `TEST_DATABASE_URL`, else a
//! SQLite file.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a test stops at the first surprise")]

#[cfg(feature = "adapters")]
pub mod adapters;
pub mod authenticator;
mod cluster;
mod database;
#[cfg(feature = "provider")]
pub mod provider;
#[cfg(feature = "adapters")]
pub mod quickstart;
mod receiver;
#[cfg(feature = "adapters")]
mod shape;

pub use cluster::Cluster;
pub use database::{Database, is_postgres};
pub use receiver::{Answer, Received, Receiver, WEBHOOK_SECRET};
#[cfg(feature = "adapters")]
pub use shape::{Shape, ShapedCore};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use portcullis_core::http::handle;
use portcullis_core::{App, AppSettings, Clock};
use portcullis_db::{Db, Settings};
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// Where a test's clock begins, in milliseconds since 1970.
pub const START: i64 = 1_700_000_000_000;

/// Connections of a test's core.
const POOL_SIZE: usize = 6;

/// A core of the test's own.
#[derive(Clone, Debug)]
pub struct TestCore {
    /// The running core.
    pub app: Arc<App>,
    /// Its clock.
    pub clock: Clock,
    /// What every path begins with.
    place: String,
    version: Option<String>,
    headers: Vec<(String, String)>,
    home: Arc<Home>,
}

/// Where a core of a test keeps its rows: a database of its own, or a directory for SQLite's file. Gone with it.
#[derive(Debug)]
pub(crate) enum Home {
    Sqlite(TempDir),
    Postgres(Database),
}

impl Home {
    fn new() -> Arc<Self> {
        Arc::new(if is_postgres() {
            Self::Postgres(Database::with_tables())
        } else {
            Self::Sqlite(tempfile::tempdir().expect("a temporary directory"))
        })
    }

    async fn open(&self) -> Db {
        let url = match self {
            Self::Sqlite(directory) => format!("sqlite:{}", file_in(directory).display()),
            Self::Postgres(database) => database.url().to_owned(),
        };
        let settings = Settings { pool_size: POOL_SIZE, ..Settings::default() };
        Db::open(&url, &settings).await.expect("the database opens")
    }
}

/// What a core answered.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: http::HeaderMap,
    body: Bytes,
}

impl Reply {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; the call must have been served.
    pub fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// The status word of a served call.
    pub fn status_word(&self) -> String {
        self.json()["status"].as_str().unwrap_or_default().to_owned()
    }
}

impl TestCore {
    /// A core in test mode whose passwords cost next to nothing.
    pub async fn start() -> Self {
        Self::start_with(&serde_json::json!({})).await
    }

    /// As [`TestCore::start`], with settings by SuperTokens' names.
    pub async fn start_with(settings: &Value) -> Self {
        Self::open(Home::new(), settings, Clock::fixed(START)).await
    }

    /// A core whose clock is the machine's: for callers that go by that clock.
    pub async fn start_on_machine_time() -> Self {
        Self::open(Home::new(), &serde_json::json!({}), Clock::system()).await
    }

    /// Another core on the same database, with the same clock.
    pub async fn another(&self) -> Self {
        self.another_with(&serde_json::json!({})).await
    }

    /// As [`TestCore::another`], with settings by SuperTokens' names.
    pub async fn another_with(&self, settings: &Value) -> Self {
        Self::open(Arc::clone(&self.home), settings, self.clock.clone()).await
    }

    async fn open(home: Arc<Home>, settings: &Value, clock: Clock) -> Self {
        let app = App::open(AppSettings {
            db: home.open().await,
            base_values: with_cheap_passwords(settings),
            config_path: None,
            test_mode: true,
            clock: clock.clone(),
        });
        let app = app.await.expect("the core starts");
        Self { app, clock, place: String::new(), version: None, headers: Vec::new(), home }
    }

    /// Serves the core over HTTP until the test ends; answers the address.
    pub async fn serve_over_http(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let serving = portcullis_core::http::serve(listener, Arc::clone(&self.app), std::future::pending());
        #[expect(clippy::disallowed_methods, reason = "the core ends with the test")]
        tokio::spawn(serving);
        format!("http://{address}")
    }

    /// The same core, called in a protocol version.
    #[must_use]
    pub fn cdi(&self, version: &str) -> Self {
        Self { version: Some(version.to_owned()), ..self.clone() }
    }

    /// The same core, called for an app or a tenant: `/appid-a1`, `/t1`.
    #[must_use]
    pub fn at(&self, place: &str) -> Self {
        Self { place: place.to_owned(), ..self.clone() }
    }

    /// The same core, called with one more header.
    #[must_use]
    pub fn header(&self, name: &str, value: &str) -> Self {
        let mut with = self.clone();
        with.headers.push((name.to_owned(), value.to_owned()));
        with
    }

    /// Settings that name a database of the test's own beside the core's, on the server of
    /// `TEST_DATABASE_URL`; `None` without such a server. An empty name is the core's own database on
    /// PostgreSQL.
    pub fn another_database(&self, name: &str) -> Option<Value> {
        let (url, schema) = match &*self.home {
            Home::Postgres(database) if name.is_empty() => (database.url().to_owned(), "public".to_owned()),
            Home::Postgres(database) => (database.url().to_owned(), name.to_owned()),
            Home::Sqlite(directory) => {
                // The directory's random name makes the schema's name unique.
                let own = directory.path().file_name().expect("it has a name").to_string_lossy();
                let schema = format!("core_{}{name}", own.to_lowercase().trim_start_matches('.'));
                (std::env::var("TEST_DATABASE_URL").ok()?, schema)
            }
        };
        Some(serde_json::json!({
            "postgresql_connection_uri": url,
            "postgresql_table_schema": schema,
            "postgresql_connection_pool_size": 2,
        }))
    }

    /// Moves the clock.
    pub fn advance(&self, milliseconds: i64) {
        self.clock.set(self.clock.now() + milliseconds);
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, String::new()).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, String::new()).await
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, body.to_string()).await
    }

    /// `PUT` with a JSON body.
    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, body.to_string()).await
    }

    /// Any request.
    pub async fn send(&self, method: Method, path: &str, body: String) -> Reply {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.place));
        if let Some(version) = &self.version {
            request = request.header("cdi-version", version);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body))).expect("a valid request");
        let response = handle(Arc::clone(&self.app), request, Some([127, 0, 0, 1].into())).await;
        let (head, body) = response.into_parts();
        let Ok(body) = body.collect().await;
        Reply { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() }
    }

    /// Signs a user up; answers the user object.
    pub async fn sign_up(&self, email: &str, password: &str) -> Value {
        let reply =
            self.post("/recipe/signup", serde_json::json!({"email": email, "password": password})).await;
        assert_eq!(reply.status_word(), "OK");
        reply.json()["user"].clone()
    }
}

/// A test's settings, with passwords that cost next to nothing and tokens that live to the second.
fn with_cheap_passwords(settings: &Value) -> Map<String, Value> {
    let mut values = settings.as_object().cloned().unwrap_or_default();
    values.entry("bcrypt_log_rounds").or_insert_with(|| 4.into());
    values.entry("access_token_validity_jitter").or_insert_with(|| 0.into());
    values
}

fn file_in(directory: &TempDir) -> PathBuf {
    directory.path().join("test.db")
}
