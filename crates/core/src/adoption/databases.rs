//! The databases of connection URI domains, as tenants' settings name them.

use super::model::{Catalog, Mode};
use super::names::Names;
use super::service::current;
use super::store::catalog;
use crate::config::{self, Postgres};
use crate::{Error, PUBLIC, Result};
use portcullis_db::{Db, Engine, Place};
use portcullis_wire::Object;
use std::collections::{BTreeMap, BTreeSet};

/// A database of SuperTokens', as its settings describe it.
#[derive(Clone, Debug)]
pub struct Database {
    /// The connection URI domain; empty for the default one.
    pub domain: String,
    /// Where it is; `None` for the one in which all tenants are described.
    pub postgres: Option<Postgres>,
    pub(super) names: Names,
    /// What the settings say of its apps.
    pub(super) modes: BTreeSet<Mode>,
    pub(super) faults: Vec<String>,
}

/// The databases of all domains, that in which tenants are described first. `values` are the operator's settings.
pub async fn list_databases(db: &Db, values: &Object) -> Result<Vec<Database>> {
    if db.engine() == Engine::Sqlite {
        return Err(Error::bad_input(
            "SuperTokens' core keeps its users in PostgreSQL, and this database is SQLite",
        ));
    }
    let mut tx = db.read().await?;
    let current = current(&mut tx, &Names::of(values), &Catalog::default()).await?;
    let there = catalog::list_tables(&mut tx).await?;
    let rows = if there.contains(current.get("tenant_configs")) {
        catalog::list_settings(&mut tx, &current).await?
    } else {
        Vec::new()
    };
    let mut settings = BTreeMap::new();
    for (domain, app_id, tenant_id, text) in rows {
        let own: Option<Object> = text.as_deref().map(serde_json::from_str).transpose().map_err(|error| {
            Error::internal(format!(
                "settings of tenant {tenant_id} of app {app_id} of domain '{domain}': {error}"
            ))
        })?;
        settings.insert((domain, app_id, tenant_id), own.unwrap_or_default());
    }
    let public = || PUBLIC.to_owned();
    settings.entry((String::new(), public(), public())).or_default();
    let domains: BTreeSet<String> = settings.keys().map(|(domain, ..)| domain.clone()).collect();
    let mut databases: Vec<Database> = Vec::new();
    for domain in domains {
        let database = describe(&domain, values, &settings, databases.is_empty())?;
        databases.push(database);
    }
    Ok(databases)
}

type AllSettings = BTreeMap<(String, String, String), Object>;

fn describe(domain: &str, values: &Object, settings: &AllSettings, is_base: bool) -> Result<Database> {
    let own = |app_id: &str, tenant_id: &str| {
        settings
            .get(&(domain.to_owned(), app_id.to_owned(), tenant_id.to_owned()))
            .cloned()
            .unwrap_or_default()
    };
    let of_domain = config::merge(values, &own(PUBLIC, PUBLIC));
    let fault = |error: String| Error::bad_input(format!("settings of domain '{domain}': {error}"));
    let place = |values: &Object| -> Result<Option<(Postgres, Place)>> {
        let named = config::postgres(values, |_| {}).map_err(|error| fault(error.to_string()))?;
        named
            .map(|named| {
                let place = Place::of(&named.url, named.schema.as_deref());
                Ok((named, place.map_err(|error| fault(error.to_string()))?))
            })
            .transpose()
    };
    let named = place(&of_domain)?;
    let mut database = Database {
        domain: domain.to_owned(),
        postgres: None,
        names: Names::of(&of_domain),
        modes: BTreeSet::new(),
        faults: Vec::new(),
    };
    if !is_base {
        let base = place(values)?;
        if base.as_ref().map(|(_, place)| place) == named.as_ref().map(|(_, place)| place) {
            database.faults.push(format!("domain '{domain}' has no database of its own"));
        }
        database.postgres = named.as_ref().map(|(postgres, _)| postgres.clone());
    }
    for (_, app_id, tenant_id) in settings.keys().filter(|(of, ..)| of == domain) {
        let mut values = config::merge(&of_domain, &own(app_id, PUBLIC));
        if tenant_id != PUBLIC {
            values = config::merge(&values, &own(app_id, tenant_id));
        } else if let Some(mode) = values.get("migration_mode").and_then(|mode| mode.as_str()) {
            database.modes.extend(Mode::parse(mode));
        }
        let is_elsewhere =
            place(&values)?.map(|(_, place)| place) != named.as_ref().map(|(_, place)| place.clone());
        if is_elsewhere {
            database.faults.push(format!(
                "tenant {tenant_id} of app {app_id} has another database than its domain: one domain has one database here"
            ));
        }
    }
    Ok(database)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn object(value: Value) -> Object {
        let Value::Object(object) = value else { unreachable!() };
        object
    }

    fn described(domain: &str, settings: &[(&str, &str, &str, Value)]) -> Database {
        let base =
            object(json!({"postgresql_connection_uri": "postgresql://u@h/d", "migration_mode": "LEGACY"}));
        let owned = |(domain, app_id, tenant_id, own): &(&str, &str, &str, Value)| {
            (((*domain).to_owned(), (*app_id).to_owned(), (*tenant_id).to_owned()), object(own.clone()))
        };
        let settings = settings.iter().map(owned).collect();
        describe(domain, &base, &settings, domain.is_empty()).unwrap()
    }

    #[test]
    fn a_domain_has_one_database_of_its_own() {
        let uri = |name: &str| json!({"postgresql_connection_uri": format!("postgresql://u@h/{name}")});
        let fine = described("d", &[("d", PUBLIC, PUBLIC, uri("e")), ("d", "a", "t", json!({}))]);
        assert_eq!((fine.faults.len(), fine.postgres.is_some()), (0, true));
        let shared = described("d", &[("d", PUBLIC, PUBLIC, json!({}))]);
        assert_eq!(shared.faults, ["domain 'd' has no database of its own"]);
        let apart = described("", &[("", PUBLIC, PUBLIC, json!({})), ("", PUBLIC, "t", uri("f"))]);
        assert!(apart.faults[0].starts_with("tenant t of app public has another database"), "{apart:?}");
        assert!(apart.postgres.is_none());
    }

    #[test]
    fn the_mode_of_an_app_is_its_own_or_that_of_all() {
        let mode = |mode: &str| json!({"migration_mode": mode});
        let some = described("", &[("", PUBLIC, PUBLIC, json!({})), ("", "a", PUBLIC, mode("MIGRATED"))]);
        assert_eq!(some.modes, BTreeSet::from([Mode::Legacy, Mode::Migrated]));
        let all = described("", &[("", PUBLIC, PUBLIC, mode("MIGRATED")), ("", "a", PUBLIC, json!({}))]);
        assert_eq!(all.modes, BTreeSet::from([Mode::Migrated]));
    }
}
