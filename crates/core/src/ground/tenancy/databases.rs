//! The databases of connection URI domains: opened when they are first needed, one pool for all tenants
//! of a domain, closed when the domain goes.
//!
//! Apps and tenants carry no domain in the tables, so no two domains may share a database.

use crate::config::{ConfigError, Postgres};
use crate::{Error, Result, adoption, migrations};
use portcullis_db::{Db, Place, Settings};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A domain's database, as its settings name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    postgres: Postgres,
    pub(super) place: Place,
}

impl Named {
    /// What the settings name; a fault never tells a password.
    pub(super) fn new(postgres: Postgres) -> std::result::Result<Self, ConfigError> {
        let place = Place::of(&postgres.url, postgres.schema.as_deref());
        let place = place.map_err(|error| ConfigError(error.to_string()))?;
        Ok(Self { postgres, place })
    }
}

/// The databases of the domains that were called.
#[derive(Debug)]
pub struct Databases {
    /// Where the default domain's database is; `None` on SQLite.
    base: Option<Place>,
    domains: Mutex<HashMap<String, Arc<Entry>>>,
}

impl Databases {
    /// None is open yet.
    pub fn new(base: Option<Place>) -> Self {
        Self { base, domains: Mutex::default() }
    }

    /// Whether the default domain's database is there.
    pub(super) fn is_base(&self, place: &Place) -> bool {
        self.base.as_ref() == Some(place)
    }

    /// The domain's database, with its tables up to date.
    pub(super) async fn open(&self, domain: &str, named: &Named, now: i64) -> Result<Db> {
        let entry = self.entry(domain, named)?;
        entry.open(now).await
    }

    /// A domain whose database is named anew gets a new pool; calls that use the old one keep it until
    /// they end.
    fn entry(&self, domain: &str, named: &Named) -> Result<Arc<Entry>> {
        let mut domains = self.domains();
        if let Some(entry) = domains.get(domain).filter(|entry| entry.named == *named) {
            return Ok(Arc::clone(entry));
        }
        let shares =
            |(other, entry): (&String, &Arc<Entry>)| other != domain && entry.named.place == named.place;
        // Stored settings are checked, but the operator's, which lie below them, may have changed since.
        if self.is_base(&named.place) || domains.iter().any(shares) {
            return Err(Error::internal(format!("the database of {domain} is another domain's")));
        }
        let entry = Arc::new(Entry::new(named.clone()));
        domains.insert(domain.to_owned(), Arc::clone(&entry));
        Ok(entry)
    }

    /// The databases that are open, each with its domain.
    pub(crate) fn open_ones(&self) -> Vec<(String, Db)> {
        let domains = self.domains();
        let open =
            domains.iter().filter_map(|(domain, entry)| Some((domain.clone(), entry.db.get()?.clone())));
        open.collect()
    }

    /// Lets the database go if it was opened for another domain: the tables say that it is this one's.
    pub(super) fn claim(&self, domain: &str, named: &Named) {
        self.domains().retain(|other, entry| other == domain || entry.named.place != named.place);
    }

    /// Lets the databases of all other domains go: another core may have removed some.
    pub(super) fn keep(&self, existing: &HashSet<String>) {
        self.domains().retain(|domain, _| existing.contains(domain));
    }

    /// Closes the database of a domain that is removed.
    pub(super) async fn close(&self, domain: &str) {
        let removed = self.domains().remove(domain);
        if let Some(db) = removed.as_ref().and_then(|entry| entry.db.get()) {
            db.close().await;
        }
    }

    fn domains(&self) -> MutexGuard<'_, HashMap<String, Arc<Entry>>> {
        self.domains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Entry {
    named: Named,
    db: OnceLock<Db>,
    /// Held while it is opened, with the reason of the last failure.
    opening: tokio::sync::Mutex<Option<portcullis_db::Error>>,
    failures: AtomicUsize,
}

impl Entry {
    fn new(named: Named) -> Self {
        Self {
            named,
            db: OnceLock::new(),
            opening: tokio::sync::Mutex::default(),
            failures: AtomicUsize::new(0),
        }
    }

    /// Calls that come while it is being opened share the outcome, so that a database that does not answer
    /// keeps each of them waiting only once.
    async fn open(&self, now: i64) -> Result<Db> {
        if let Some(db) = self.db.get() {
            return Ok(db.clone());
        }
        let seen = self.failures.load(Ordering::Acquire);
        let mut opening = self.opening.lock().await;
        if let Some(db) = self.db.get() {
            return Ok(db.clone());
        }
        if let Some(error) = opening.as_ref().filter(|_| self.failures.load(Ordering::Acquire) != seen) {
            return Err(error.clone().into());
        }
        match self.connect(now).await {
            Ok(db) => Ok(self.db.get_or_init(|| db).clone()),
            Err(error) => {
                *opening = Some(error.clone());
                self.failures.fetch_add(1, Ordering::AcqRel);
                Err(error.into())
            }
        }
    }

    async fn connect(&self, now: i64) -> portcullis_db::Result<Db> {
        let Postgres { url, schema, pool_size } = &self.named.postgres;
        let settings = Settings { pool_size: *pool_size, schema: schema.clone(), ..Settings::default() };
        let db = Db::open(url, &settings).await?;
        if adoption::is_unadopted(&db).await? {
            return Err(portcullis_db::Error::Engine(adoption::ADVICE.to_owned()));
        }
        migrations::run(&db, now).await?;
        Ok(db)
    }
}
