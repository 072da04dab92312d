//! The databases of domains, apps and tenants, as their settings name them.

use super::model::{Catalog, Mode};
use super::names::Names;
use super::service::current;
use super::store::catalog;
use crate::config::{self, Postgres};
use crate::{Error, PUBLIC, Result};
use portcullis_db::{Db, Engine, Place};
use portcullis_wire::Object;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

/// Tenants of an app, and apps, that are named one by one.
const NAMED: usize = 10;

/// A database of SuperTokens', as its settings describe it.
#[derive(Clone, Debug)]
pub struct Database {
    /// The connection URI domain; empty for the default one.
    pub domain: String,
    /// Where it is; `None` for the one in which all tenants are described.
    pub postgres: Option<Postgres>,
    /// The apps that live in it, each with those of its tenants that do.
    pub apps: BTreeMap<String, BTreeSet<String>>,
    pub(super) names: Names,
    /// What the settings say of those who live in it.
    pub(super) modes: BTreeSet<Mode>,
    pub(super) faults: Vec<String>,
}

impl Database {
    /// What it is called: after whom it is kept for.
    pub fn title(&self) -> String {
        if self.postgres.is_none() {
            return "database".to_owned();
        }
        let is_of_domain = self.apps.get(PUBLIC).is_some_and(|tenants| tenants.contains(PUBLIC));
        let app = self.apps.iter().find(|(_, tenants)| tenants.contains(PUBLIC)).or(self.apps.iter().next());
        let whose = match app {
            Some((app_id, tenants)) if !is_of_domain => {
                let tenant_id = tenants.get(PUBLIC).or(tenants.first()).map_or(PUBLIC, String::as_str);
                describe_tenant(&self.domain, app_id, tenant_id)
            }
            _ => self.domain.clone(),
        };
        format!("database of {whose}")
    }

    /// All who live in it, as a JSON array of `[app, tenant]`.
    pub(super) fn tenants(&self) -> String {
        let of_app = |(app_id, tenants): (&String, &BTreeSet<String>)| {
            tenants.iter().map(|tenant_id| [app_id.clone(), tenant_id.clone()]).collect::<Vec<_>>()
        };
        serde_json::json!(self.apps.iter().flat_map(of_app).collect::<Vec<_>>()).to_string()
    }

    /// Who lives in it.
    pub fn residents(&self) -> String {
        let apps = self.apps.iter().map(|(app_id, tenants)| {
            let tenants = name_some(tenants.iter().cloned());
            format!("{app_id} ({tenants})")
        });
        name_some(apps)
    }
}

/// The first of them, and how many there are beside these.
fn name_some(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(NAMED);
    let mut text = all.take(NAMED).collect::<Vec<_>>().join(", ");
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    text
}

fn describe_tenant(domain: &str, app_id: &str, tenant_id: &str) -> String {
    let tenant = match (app_id, tenant_id) {
        (app_id, PUBLIC) => format!("app {app_id}"),
        (PUBLIC, tenant_id) => format!("tenant {tenant_id}"),
        (app_id, tenant_id) => format!("tenant {tenant_id} of app {app_id}"),
    };
    if domain.is_empty() { tenant } else { format!("{tenant} of {domain}") }
}

/// The databases of all tenants, that in which tenants are described first. `values` are the operator's settings.
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
    let mut settings = AllSettings::new();
    for (domain, app_id, tenant_id, text) in rows {
        let own: Option<Object> = text.as_deref().map(serde_json::from_str).transpose().map_err(|error| {
            Error::internal(format!(
                "settings of tenant {tenant_id} of app {app_id} of domain '{domain}': {error}"
            ))
        })?;
        settings.insert((domain, app_id, tenant_id), own.unwrap_or_default());
    }
    describe(values, settings)
}

/// Domain, app and tenant.
type Key = (String, String, String);

/// What each tenant's own settings say.
type AllSettings = BTreeMap<Key, Object>;

fn key(domain: &str, app_id: &str, tenant_id: &str) -> Key {
    (domain.to_owned(), app_id.to_owned(), tenant_id.to_owned())
}

/// Each place once, with all who live there.
fn describe(values: &Object, mut settings: AllSettings) -> Result<Vec<Database>> {
    settings.entry(key("", PUBLIC, PUBLIC)).or_default();
    let base = find_place("the operator", values)?.map(|(_, place)| place);
    let mut databases: Vec<Database> = Vec::new();
    let mut places: HashMap<Place, usize> = HashMap::new();
    // A database is that of the domain, or else of the app, that is kept in it.
    let mut tenants: Vec<&Key> = settings.keys().collect();
    tenants.sort_by_key(|(domain, app_id, tenant_id)| {
        (app_id != PUBLIC || tenant_id != PUBLIC, tenant_id != PUBLIC, domain, app_id, tenant_id)
    });
    for (domain, app_id, tenant_id) in tenants {
        let merged = merge(values, &settings, (domain, app_id, tenant_id));
        let whose = describe_tenant(domain, app_id, tenant_id);
        let named = find_place(&whose, &merged)?.filter(|(_, place)| base.as_ref() != Some(place));
        let known = match &named {
            // The first one of all is the default domain's.
            None => (!databases.is_empty()).then_some(0),
            Some((_, place)) => places.get(place).copied(),
        };
        let at = known.unwrap_or_else(|| {
            let (postgres, place) = named.unzip();
            places.extend(place.map(|place| (place, databases.len())));
            databases.push(Database {
                domain: domain.clone(),
                postgres,
                apps: BTreeMap::new(),
                names: Names::of(&merged),
                modes: BTreeSet::new(),
                faults: Vec::new(),
            });
            databases.len() - 1
        });
        databases[at].add((domain, app_id, tenant_id), &merged);
    }
    Ok(databases)
}

impl Database {
    fn add(&mut self, (domain, app_id, tenant_id): (&str, &str, &str), merged: &Object) {
        if self.domain != domain {
            let is_domain = app_id == PUBLIC && tenant_id == PUBLIC;
            let whose = if is_domain {
                format!("domain '{domain}'")
            } else {
                describe_tenant(domain, app_id, tenant_id)
            };
            // Those of a domain that shares one as a whole are not named each.
            let of_domain = format!("domain '{domain}' has ");
            if !self.faults.iter().any(|fault| fault.starts_with(&of_domain)) {
                self.faults.push(format!(
                    "{whose} has no database of its own, but that of domain '{}'",
                    self.domain
                ));
            }
            return;
        }
        if self.names != Names::of(merged) {
            let whose = describe_tenant(domain, app_id, tenant_id);
            self.faults.push(format!("{whose} names the tables otherwise than others in this database"));
        }
        if let Some(mode) = merged.get("migration_mode").and_then(|mode| mode.as_str()) {
            self.modes.extend(Mode::parse(mode));
        }
        self.apps.entry(app_id.to_owned()).or_default().insert(tenant_id.to_owned());
    }
}

/// A tenant's settings lie over those of its app, these over those of its domain, and all over the operator's.
fn merge(values: &Object, settings: &AllSettings, (domain, app_id, tenant_id): (&str, &str, &str)) -> Object {
    let mut levels =
        vec![key(domain, PUBLIC, PUBLIC), key(domain, app_id, PUBLIC), key(domain, app_id, tenant_id)];
    levels.dedup();
    let own = levels.iter().filter_map(|level| settings.get(level));
    own.fold(values.clone(), |merged, own| config::merge(&merged, own))
}

fn find_place(whose: &str, values: &Object) -> Result<Option<(Postgres, Place)>> {
    let fault = |error: String| Error::bad_input(format!("settings of {whose}: {error}"));
    let Some(named) = config::postgres(values, |_| {}).map_err(|error| fault(error.to_string()))? else {
        return Ok(None);
    };
    let place = Place::of(&named.url, named.schema.as_deref()).map_err(|error| fault(error.to_string()))?;
    Ok(Some((named, place)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn object(value: Value) -> Object {
        let Value::Object(object) = value else { unreachable!() };
        object
    }

    fn described(settings: &[(&str, &str, &str, Value)]) -> Vec<Database> {
        let base =
            object(json!({"postgresql_connection_uri": "postgresql://u@h/d", "migration_mode": "LEGACY"}));
        let owned = |(domain, app_id, tenant_id, own): &(&str, &str, &str, Value)| {
            (key(domain, app_id, tenant_id), object(own.clone()))
        };
        describe(&base, settings.iter().map(owned).collect()).unwrap()
    }

    fn uri(name: &str) -> Value {
        json!({"postgresql_connection_uri": format!("postgresql://u@h/{name}")})
    }

    fn mode(mode: &str) -> Value {
        json!({"migration_mode": mode})
    }

    /// Titles, residents and faults.
    fn told(databases: &[Database]) -> Vec<(String, String, usize)> {
        let told = |database: &Database| (database.title(), database.residents(), database.faults.len());
        databases.iter().map(told).collect()
    }

    fn expected(all: &[(&str, &str, usize)]) -> Vec<(String, String, usize)> {
        all.iter()
            .map(|(title, residents, faults)| ((*title).to_owned(), (*residents).to_owned(), *faults))
            .collect()
    }

    #[test]
    fn each_place_is_there_once_with_all_who_live_in_it() {
        assert_eq!(told(&described(&[])), expected(&[("database", "public (public)", 0)]));
        let databases = described(&[
            ("", "a", PUBLIC, uri("f")),
            ("", "a", "s", json!({})),
            // Back in the domain's.
            ("", "a", "t", uri("d")),
            ("", "b", PUBLIC, json!({"postgresql_table_schema": "s"})),
            ("", PUBLIC, "t", uri("g")),
            (
                "",
                PUBLIC,
                "u",
                json!({"postgresql_connection_uri": "postgres://v:p@H:5432/g?sslmode=disable"}),
            ),
            ("", PUBLIC, "v", json!({})),
            ("d", PUBLIC, PUBLIC, uri("e")),
            ("d", "a", PUBLIC, json!({})),
            ("d", "a", "t", uri("i")),
        ]);
        let all = [
            ("database", "a (t), public (public, v)", 0),
            ("database of d", "a (public), public (public)", 0),
            ("database of app a", "a (public, s)", 0),
            ("database of app b", "b (public)", 0),
            ("database of tenant t", "public (t, u)", 0),
            ("database of tenant t of app a of d", "a (t)", 0),
        ];
        assert_eq!(told(&databases), expected(&all));
        assert!(databases[0].postgres.is_none() && databases[1..].iter().all(|one| one.postgres.is_some()));
    }

    #[test]
    fn of_very_many_only_some_are_named() {
        let names: Vec<String> = (10..40).map(|number| format!("t{number}")).collect();
        let settings: Vec<_> = names.iter().map(|name| ("", PUBLIC, name.as_str(), uri("e"))).collect();
        let residents = "public (t10, t11, t12, t13, t14, t15, t16, t17, t18, t19 and 20 more)";
        assert_eq!(described(&settings)[1].residents(), residents);
    }

    #[test]
    fn domains_share_no_place() {
        let shared = described(&[("d", PUBLIC, PUBLIC, json!({})), ("d", "a", "t", json!({}))]);
        assert_eq!(shared.len(), 1);
        assert_eq!(shared[0].faults, ["domain 'd' has no database of its own, but that of domain ''"]);
        let tenants = described(&[
            ("d", PUBLIC, PUBLIC, uri("e")),
            ("d", "a", "t", uri("d")),
            ("", PUBLIC, "t", uri("e")),
            ("", "a", PUBLIC, uri("f")),
            ("d", "a", PUBLIC, uri("f")),
        ]);
        let faults: Vec<&str> =
            tenants.iter().flat_map(|database| &database.faults).map(String::as_str).collect();
        let all = [
            "tenant t of app a of d has no database of its own, but that of domain ''",
            "tenant t has no database of its own, but that of domain 'd'",
            "app a of d has no database of its own, but that of domain ''",
        ];
        assert_eq!(faults, all);
    }

    #[test]
    fn tables_of_one_place_have_one_name() {
        let prefix =
            json!({"postgresql_connection_uri": "postgresql://u@h/e", "postgresql_table_names_prefix": "x"});
        let databases = described(&[("", PUBLIC, "t", prefix), ("", PUBLIC, "u", uri("e"))]);
        assert_eq!(databases[1].faults, ["tenant u names the tables otherwise than others in this database"]);
        assert_ne!(databases[0].names, databases[1].names);
    }

    #[test]
    fn a_database_has_the_modes_of_those_who_live_in_it() {
        let modes = |settings: &[(&str, &str, &str, Value)]| {
            described(settings).into_iter().map(|database| database.modes).collect::<Vec<_>>()
        };
        let set = |modes: &[Mode]| modes.iter().copied().collect::<BTreeSet<_>>();
        let some = modes(&[("", "a", PUBLIC, mode("MIGRATED"))]);
        assert_eq!(some, [set(&[Mode::Legacy, Mode::Migrated])]);
        let all = modes(&[("", PUBLIC, PUBLIC, mode("migrated")), ("", "a", PUBLIC, json!({}))]);
        assert_eq!(all, [set(&[Mode::Migrated])]);
        // An app's users in several databases, one of them with a mode of its own.
        let apart = modes(&[
            (
                "",
                "a",
                PUBLIC,
                json!({"postgresql_connection_uri": "postgresql://u@h/e", "migration_mode": "MIGRATED"}),
            ),
            ("", "a", "s", uri("f")),
            (
                "",
                "a",
                "t",
                json!({"postgresql_connection_uri": "postgresql://u@h/g", "migration_mode": "DUAL_WRITE_READ_NEW"}),
            ),
            ("", "b", "t", uri("e")),
        ]);
        let expected = [
            set(&[Mode::Legacy]),
            set(&[Mode::Legacy, Mode::Migrated]),
            set(&[Mode::Migrated]),
            set(&[Mode::DualWrite]),
        ];
        assert_eq!(apart, expected);
    }

    #[test]
    fn settings_that_cannot_be_used_are_named() {
        let settings = AllSettings::from([(
            key("", "a", PUBLIC),
            object(json!({"postgresql_connection_uri": "postgresql"})),
        )]);
        let error = describe(&object(uri("d")), settings).unwrap_err();
        assert!(error.to_string().contains("settings of app a: "), "{error}");
    }
}
