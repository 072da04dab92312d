//! The databases of domains, apps and tenants: opened when they are first needed, one pool for all who live in
//! one place, closed when nobody does any more.
//!
//! Apps and tenants carry no domain in the tables, so no two domains may share a database.

use crate::config::{ConfigError, Postgres};
use crate::{Error, Result, adoption, migrations};
use portcullis_db::{Db, Place, Settings};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A database, as settings name it.
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

/// The databases, beside that of the default domain, of the tenants that were called.
#[derive(Debug)]
pub struct Databases {
    /// Where the default domain's database is; `None` on SQLite.
    base: Option<Place>,
    places: Mutex<HashMap<Place, Arc<Entry>>>,
}

impl Databases {
    /// None is open yet.
    pub fn new(base: Option<Place>) -> Self {
        Self { base, places: Mutex::default() }
    }

    /// Whether the default domain's database is there.
    pub(super) fn is_base(&self, place: &Place) -> bool {
        self.base.as_ref() == Some(place)
    }

    /// A database of a domain, with its tables up to date. Whoever lives in one place shares a pool, with the
    /// settings of one of them.
    pub(super) async fn open(&self, domain: &str, named: &Named, now: i64) -> Result<Db> {
        let entry = self.entry(domain, named)?;
        entry.open(now).await
    }

    fn entry(&self, domain: &str, named: &Named) -> Result<Arc<Entry>> {
        let mut places = self.places();
        let known = places.get(&named.place);
        // Stored settings are checked, but the operator's, which lie below them, may have changed since.
        if self.is_base(&named.place) || known.is_some_and(|entry| entry.domain != domain) {
            return Err(Error::internal(format!("the database of {domain} is another domain's")));
        }
        if let Some(entry) = known {
            return Ok(Arc::clone(entry));
        }
        let entry = Arc::new(Entry::new(domain, named));
        places.insert(named.place.clone(), Arc::clone(&entry));
        Ok(entry)
    }

    /// As [`Databases::open`], for settings that were checked: from now on these are used for their place, if it can be
    /// reached with them, and the database is this domain's, whosever it was. Calls that use an old pool keep it until
    /// they end.
    pub(super) async fn claim(&self, domain: &str, named: &Named, now: i64) -> Result<Db> {
        let known = self.places().get(&named.place).cloned();
        if let Some(entry) = known.filter(|entry| entry.domain == domain && entry.named == *named) {
            return entry.open(now).await;
        }
        let entry = Arc::new(Entry::new(domain, named));
        let db = entry.open(now).await?;
        self.places().insert(named.place.clone(), entry);
        Ok(db)
    }

    /// The databases that are open, each with its domain, in the order of these.
    pub(crate) fn open_ones(&self) -> Vec<(String, Db)> {
        let places = self.places();
        let open = places.values().filter_map(|entry| Some((entry.domain.clone(), entry.db.get()?.clone())));
        let mut open: Vec<(String, Db)> = open.collect();
        open.sort_by(|(one, of_one), (other, of_other)| {
            (one, of_one.number()).cmp(&(other, of_other.number()))
        });
        open
    }

    /// Lets all databases go but those that a domain's settings name, as they name them: another core may have removed
    /// tenants, or have given them other databases or passwords.
    pub(super) fn keep(&self, named: &[(String, Named)]) {
        let is_named = |entry: &Entry| {
            named.iter().any(|(domain, named)| *domain == entry.domain && *named == entry.named)
        };
        self.places().retain(|_, entry| is_named(entry));
    }

    /// Closes the databases of a domain that is removed.
    pub(super) async fn close(&self, domain: &str) {
        let removed: Vec<_> = self.places().extract_if(|_, entry| entry.domain == domain).collect();
        for (_, entry) in removed {
            if let Some(db) = entry.db.get() {
                db.close().await;
            }
        }
    }

    fn places(&self) -> MutexGuard<'_, HashMap<Place, Arc<Entry>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Entry {
    domain: String,
    named: Named,
    db: OnceLock<Db>,
    /// Held while it is opened, with the reason of the last failure.
    opening: tokio::sync::Mutex<Option<portcullis_db::Error>>,
    failures: AtomicUsize,
}

impl Entry {
    fn new(domain: &str, named: &Named) -> Self {
        Self {
            domain: domain.to_owned(),
            named: named.clone(),
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
        let db = Db::open(url, &settings).await.map_err(portcullis_db::Error::as_unavailable)?;
        if adoption::is_unadopted(&db).await? {
            return Err(portcullis_db::Error::Engine(adoption::ADVICE.to_owned()));
        }
        migrations::run(&db, now).await?;
        Ok(db)
    }
}
