//! The core in the same process as the backend: no second service, one binary and one file.
//!
//! ```
//! use portcullis::recipes::session::SessionRecipe;
//! use portcullis::{AppInfo, Portcullis};
//! use portcullis_embedded::Embedded;
//!
//! let portcullis = Portcullis::builder(AppInfo::new("Demo", "http://localhost:3001", "http://localhost:3001"))
//!     .core(Embedded::sqlite("app.db"))
//!     .recipe(SessionRecipe::new())
//!     .build()?;
//! # Ok::<(), portcullis::BuildError>(())
//! ```

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use portcullis::{Transport, TransportError};
pub use portcullis_core::Clock;
use portcullis_core::http::handle;
use portcullis_core::{App, AppSettings, jobs};
use portcullis_db::{Db, Settings};
use portcullis_wire::Object;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// A core in this process. It opens its database at the first call, or at [`Embedded::open`].
pub struct Embedded {
    database: String,
    schema: Option<String>,
    settings: Object,
    clock: Clock,
    core: OnceCell<Arc<App>>,
}

// Without the database's address and the settings, which may hold passwords and keys.
impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl Embedded {
    /// A core that keeps everything in one file, which is made if it is not there.
    pub fn sqlite(file: impl AsRef<std::path::Path>) -> Self {
        Self::on(format!("sqlite:{}", file.as_ref().display()))
    }

    /// A core that forgets everything when the process ends.
    pub fn in_memory() -> Self {
        Self::on("sqlite::memory:".to_owned())
    }

    /// A core on a PostgreSQL database: `postgres://user:password@host/database`.
    pub fn postgres(url: impl Into<String>) -> Self {
        Self::on(url.into())
    }

    fn on(database: String) -> Self {
        Self {
            database,
            schema: None,
            settings: Object::new(),
            clock: Clock::system(),
            core: OnceCell::new(),
        }
    }

    /// The PostgreSQL schema to work in, made if it is not there.
    #[must_use]
    pub fn schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
        self
    }

    /// A setting of the core, by its name in `config.yaml`.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.settings.insert(name.into(), value.into());
        self
    }

    /// Another clock than the machine's: for tests, which set it together with the SDK's own.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Opens the database and brings its tables up to date: for backends that would rather fail at start
    /// than at the first call.
    pub async fn open(&self) -> Result<(), TransportError> {
        self.core().await.map(drop)
    }

    async fn core(&self) -> Result<&Arc<App>, TransportError> {
        self.core.get_or_try_init(|| self.start()).await
    }

    async fn start(&self) -> Result<Arc<App>, TransportError> {
        let settings = Settings { schema: self.schema.clone(), ..Settings::default() };
        let db = Db::open(&self.database, &settings).await.map_err(TransportError::not_sent)?;
        let settings = AppSettings {
            db,
            base_values: self.settings.clone(),
            config_path: None,
            test_mode: false,
            clock: self.clock.clone(),
        };
        let app = App::open(settings).await.map_err(TransportError::not_sent)?;
        jobs::start(&app);
        Ok(app)
    }
}

#[async_trait]
impl Transport for Embedded {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let core = Arc::clone(self.core().await?);
        let (head, body) = handle(core, request.map(Full::new), None).await.into_parts();
        let Ok(body) = body.collect().await;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

/// The guide's Rust blocks, compiled and run as tests.
#[cfg(doctest)]
mod guide {
    #[doc = include_str!("../../../docs/sdk/init.md")]
    mod init {}
    #[doc = include_str!("../../../docs/sdk/apis.md")]
    mod apis {}
    #[doc = include_str!("../../../docs/sdk/errors.md")]
    mod errors {}
    #[doc = include_str!("../../../docs/sdk/core.md")]
    mod core {}
    #[doc = include_str!("../../../docs/sdk/userroles.md")]
    mod userroles {}
    #[doc = include_str!("../../../docs/sdk/usermetadata.md")]
    mod usermetadata {}
    #[doc = include_str!("../../../docs/sdk/jwt.md")]
    mod jwt {}
    #[doc = include_str!("../../../docs/sdk/overrides.md")]
    mod overrides {}
    #[doc = include_str!("../../../docs/sdk/emailpassword.md")]
    mod emailpassword {}
    #[doc = include_str!("../../../docs/sdk/emailverification.md")]
    mod emailverification {}
    #[doc = include_str!("../../../docs/sdk/accountlinking.md")]
    mod accountlinking {}
    #[doc = include_str!("../../../docs/sdk/multitenancy.md")]
    mod multitenancy {}
    #[doc = include_str!("../../../docs/sdk/useridmapping.md")]
    mod useridmapping {}
    #[doc = include_str!("../../../docs/sdk/multifactorauth.md")]
    mod multifactorauth {}
    #[doc = include_str!("../../../docs/sdk/totp.md")]
    mod totp {}
    #[doc = include_str!("../../../docs/sdk/dashboard.md")]
    mod dashboard {}
    #[doc = include_str!("../../../docs/sdk/thirdparty.md")]
    mod thirdparty {}
    #[doc = include_str!("../../../docs/sdk/sessions.md")]
    mod sessions {}
    #[doc = include_str!("../../../docs/sdk/tower.md")]
    mod tower {}
    #[doc = include_str!("../../../docs/sdk/emails.md")]
    mod emails {}
    #[doc = include_str!("../../../docs/sdk/passwordless.md")]
    mod passwordless {}
    #[doc = include_str!("../../../docs/sdk/sms.md")]
    mod sms {}
    #[doc = include_str!("../../../docs/sdk/webauthn.md")]
    mod webauthn {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_in_a_debug_text() {
        let core = Embedded::postgres("postgres://ann:secret@localhost/app").setting("api_keys", "secret");
        let text = format!("{core:?}");
        assert!(text.contains("Embedded") && !text.contains("secret"), "{text}");
    }
}
