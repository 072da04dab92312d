//! The running core: built once, shared by all calls.

use crate::config::CoreConfig;
use crate::crypto::known_passwords::KnownPasswords;
use crate::crypto::password_pool::{PasswordPool, PoolSettings};
use crate::crypto::signing_key::KeyForge;
use crate::ground::activity::Activity;
use crate::ground::admin::Greetings;
use crate::ground::audit::Audit;
use crate::ground::keys::Keyring;
use crate::ground::tenancy::{self, Databases, Directory};
use crate::ground::users::Counts;
use crate::ground::webhooks::Webhooks;
use crate::http::{Metrics, RequestStats, RouteTable};
use crate::{Clock, Error, Recipe, Result, Tasks, adoption, migrations, recipes};
use portcullis_db::{Db, MoveState};
use portcullis_wire::Object;
use std::path::PathBuf;
use std::sync::Arc;

/// What a core is built from.
#[derive(Debug)]
pub struct AppSettings {
    /// The database, open.
    pub db: Db,
    /// The operator's settings, by SuperTokens' key names.
    pub base_values: Object,
    /// Where the settings came from, told by `GET /config`.
    pub config_path: Option<PathBuf>,
    /// Relaxes range checks for test suites. Never in production.
    pub test_mode: bool,
    /// The time.
    pub clock: Clock,
}

/// The running core.
#[derive(Debug)]
pub struct App {
    /// The database of the default domain, where all tenants are described.
    pub db: Db,
    /// The databases of other domains, and of apps and tenants that have their own.
    pub databases: Databases,
    /// The time.
    pub clock: Clock,
    /// Whether range checks are relaxed for test suites.
    pub test_mode: bool,
    /// The operator's settings as given; tenants' settings are laid over them.
    pub base_values: Object,
    /// The operator's settings, checked.
    pub base_config: Arc<CoreConfig>,
    /// Where the settings came from.
    pub config_path: Option<PathBuf>,
    /// Tenants, as far as they have been asked for.
    pub tenants: Directory,
    /// Password hashing, apart from everything else.
    pub passwords: PasswordPool,
    /// Passwords that are too well known.
    pub known_passwords: KnownPasswords,
    /// Every app's signing keys.
    pub keys: Keyring,
    /// Who was active lately.
    pub activity: Activity,
    /// How many users tenants have, about.
    pub counts: Counts,
    /// How often greetings may ask the database.
    pub greetings: Greetings,
    /// Of the events that this core writes.
    pub audit: Audit,
    /// Every recipe.
    pub recipes: &'static [Recipe],
    /// Work in the background.
    pub tasks: Tasks,
    /// Requests per minute, for `GET /requests/stats`.
    pub stats: RequestStats,
    /// The endpoint that events are told to, if there is one.
    pub webhooks: Option<Arc<Webhooks>>,
    /// What was counted for Prometheus, if it is asked for.
    pub metrics: Option<Metrics>,
    pub(crate) routes: RouteTable,
}

impl App {
    /// Every endpoint that is mounted.
    pub fn routes(&self) -> &RouteTable {
        &self.routes
    }

    /// Checks the settings, brings the tables up to date and makes sure that the default tenant exists.
    pub async fn open(settings: AppSettings) -> Result<Arc<Self>> {
        let AppSettings { db, base_values, config_path, test_mode, clock } = settings;
        let base_config = CoreConfig::from_values(&base_values, test_mode)
            .map_err(|error| Error::bad_input(error.to_string()))?;
        let known_passwords = KnownPasswords::open(base_config.breached_passwords_file.as_deref())
            .map_err(|error| Error::bad_input(format!("breached_passwords_file cannot be read: {error}")))?;
        let webhooks = base_config.webhooks.clone().map(Webhooks::open).transpose();
        let webhooks =
            webhooks.map_err(|error| Error::bad_input(format!("webhook_url cannot be used: {error}")))?;
        if adoption::is_unadopted(&db).await? {
            return Err(Error::bad_input(adoption::ADVICE));
        }
        Self::check_is_here(&db).await?;
        migrations::run(&db, clock.now()).await?;
        let app = Arc::new(Self {
            passwords: PasswordPool::new(pool_settings(&base_config)),
            known_passwords,
            keys: Keyring::new(KeyForge::of_process()),
            activity: Activity::default(),
            tenants: Directory::default(),
            counts: Counts::default(),
            greetings: Greetings::default(),
            audit: Audit::default(),
            tasks: Tasks::default(),
            stats: RequestStats::default(),
            webhooks: webhooks.map(Arc::new),
            metrics: base_config.metrics_port.map(|_| Metrics::new(clock.now())),
            routes: RouteTable::new(recipes::ALL),
            recipes: recipes::ALL,
            base_config: Arc::new(base_config),
            databases: Databases::new(db.place().cloned()),
            db,
            clock,
            test_mode,
            base_values,
            config_path,
        });
        tenancy::service::create_base(&app).await?;
        Ok(app)
    }

    /// Whether the database may be used: while it is moved, it has one place at a time.
    pub async fn check_is_here(db: &Db) -> Result<()> {
        match db.move_state().await? {
            None | Some(MoveState::Leaving) => Ok(()),
            Some(MoveState::Arriving) => {
                Err(Error::bad_input("another database is being moved to this one, and is not whole yet"))
            }
            Some(MoveState::Left) => Err(Error::bad_input(
                "this database was moved to another one: use that one, or give the move up with `portcullis move --cancel`",
            )),
        }
    }

    /// Every database that is open, with its domain.
    pub fn open_databases(&self) -> Vec<(String, Db)> {
        let mut open = self.databases.open_ones();
        open.insert(0, (String::new(), self.db.clone()));
        open
    }

    /// Ends the work in the background and closes every database.
    pub async fn stop(&self) {
        self.tasks.stop().await;
        for (_, db) in self.open_databases() {
            db.close().await;
        }
    }
}

/// A hash with two lanes takes two cores, so half as many hashes as cores run at a time.
fn pool_settings(config: &CoreConfig) -> PoolSettings {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (cores / 2).max(1).max(config.argon2_hashing_pool_size);
    PoolSettings { threads, queue_limit: threads * 64 }
}
