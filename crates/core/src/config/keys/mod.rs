//! Every key that is known, as data: the settings are read, checked, shown and documented from here.

mod postgres;
mod recipes;
mod server;

use super::Protected;
use serde_json::Value;

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number of 32 bits.
    Integer,
    /// A whole number of 32 bits, where `null` is a value of its own.
    OptionalInteger,
    /// A whole number of 64 bits.
    Long,
    /// A number.
    Double,
    /// `true` or `false`.
    Boolean,
}

/// Who may set a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The operator only: file, environment, flags.
    Operator,
    /// Each app; the same for all its tenants.
    App,
    /// Each tenant.
    Tenant,
}

/// What holds where nothing is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standard {
    /// Nothing.
    Null,
    /// This text.
    Text(&'static str),
    /// This whole number.
    Whole(i64),
    /// This number.
    Number(f64),
    /// This truth.
    Truth(bool),
    /// As many as the machine has processors.
    Processors,
}

/// Whom a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The core.
    Core,
    /// The storage; SuperTokens calls it the plugin.
    Storage {
        /// Whether the dashboard lets it be edited.
        editable: bool,
    },
}

/// What PostgreSQL settings must not differ between tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// It says which database is meant.
    Identity,
    /// It must be the same for everyone in that database.
    Common,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "none of them has to do with another")]
pub struct Key {
    /// Its name in `config.yaml`.
    pub name: &'static str,
    /// The name that it had before, which is still understood.
    pub older_name: Option<&'static str>,
    /// What it does, and in which unit.
    pub description: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// The values that it may have, if they are few.
    pub choices: &'static [&'static str],
    /// What holds where it is not set.
    pub standard: Standard,
    /// Who may set it.
    pub scope: Scope,
    /// Whom it belongs to.
    pub owner: Owner,
    /// What it says about a tenant's database.
    pub pool: Option<Pool>,
    /// Whether only the operator may see and set it where `supertokens_saas_secret` is set.
    pub protected: Option<Protected>,
    /// Whether it is for old callers only.
    pub deprecated: bool,
    /// Whether the dashboard leaves it out, beside what is deprecated or the operator's.
    pub hidden: bool,
    /// Whether its value is shown to nobody.
    pub secret: bool,
    /// Whether it has an effect; some keys are accepted so that an existing file works as it is.
    pub used: bool,
}

impl Key {
    const fn new(name: &'static str, kind: Kind, scope: Scope, description: &'static str) -> Self {
        Self {
            name,
            older_name: None,
            description,
            kind,
            choices: &[],
            standard: Standard::Null,
            scope,
            owner: Owner::Core,
            pool: None,
            protected: None,
            deprecated: false,
            hidden: false,
            secret: false,
            used: true,
        }
    }

    const fn standard(self, standard: Standard) -> Self {
        Self { standard, ..self }
    }

    const fn formerly(self, name: &'static str) -> Self {
        Self { older_name: Some(name), ..self }
    }

    const fn deprecated(self) -> Self {
        Self { deprecated: true, ..self }
    }

    const fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    const fn unused(self) -> Self {
        Self { used: false, ..self }
    }

    /// The operator's own where `supertokens_saas_secret` is set.
    const fn guarded(self) -> Self {
        Self { protected: Some(Protected::Core), ..self }
    }

    /// The environment variable that sets it, if one does.
    pub fn variable(&self) -> Option<String> {
        match self.name {
            "core_config_version" | "postgresql_config_version" | "webserver_https_enabled" => None,
            "host" | "port" | "migration_mode" => Some(format!("SUPERTOKENS_{}", self.name.to_uppercase())),
            name => Some(name.to_uppercase()),
        }
    }

    /// Whether the dashboard shows it.
    pub fn is_shown(&self) -> bool {
        self.scope != Scope::Operator && !self.deprecated && !self.hidden
    }

    /// The value that holds where nothing is set.
    pub fn standard_value(&self) -> Value {
        match self.standard {
            Standard::Null => Value::Null,
            Standard::Text(text) => text.into(),
            Standard::Whole(number) => number.into(),
            Standard::Number(number) => number.into(),
            Standard::Truth(truth) => truth.into(),
            Standard::Processors => std::thread::available_parallelism().map_or(1, usize::from).into(),
        }
    }
}

const fn text(name: &'static str, scope: Scope, description: &'static str) -> Key {
    Key::new(name, Kind::Text, scope, description)
}

const fn choice(
    name: &'static str,
    scope: Scope,
    choices: &'static [&'static str],
    standard: &'static str,
    description: &'static str,
) -> Key {
    Key { choices, standard: Standard::Text(standard), ..text(name, scope, description) }
}

const fn integer(name: &'static str, scope: Scope, standard: i64, description: &'static str) -> Key {
    Key::new(name, Kind::Integer, scope, description).standard(Standard::Whole(standard))
}

const fn long(name: &'static str, scope: Scope, standard: i64, description: &'static str) -> Key {
    Key::new(name, Kind::Long, scope, description).standard(Standard::Whole(standard))
}

const fn double(name: &'static str, scope: Scope, standard: f64, description: &'static str) -> Key {
    Key::new(name, Kind::Double, scope, description).standard(Standard::Number(standard))
}

const fn boolean(name: &'static str, scope: Scope, standard: bool, description: &'static str) -> Key {
    Key::new(name, Kind::Boolean, scope, description).standard(Standard::Truth(standard))
}

/// Every key, in the order of the documentation.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    [server::KEYS, recipes::KEYS, postgres::KEYS].into_iter().flatten()
}

/// The key of a name, be it its older name.
pub fn find_key(name: &str) -> Option<&'static Key> {
    keys().find(|key| key.name == name || key.older_name == Some(name))
}

/// The known key that looks most like a name.
pub fn nearest_key(name: &str) -> &'static str {
    let likeness = |key: &&Key| strsim::jaro_winkler(key.name, name);
    let nearest = keys().max_by(|left, right| likeness(left).total_cmp(&likeness(right)));
    nearest.map_or("", |key| key.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_key_is_named_once_and_its_standard_value_is_one_that_it_may_have() {
        let mut seen = HashSet::new();
        for key in keys() {
            assert!(seen.insert(key.name), "{}", key.name);
            assert!(!key.description.is_empty(), "{}", key.name);
            let standard = key.standard_value();
            assert!(
                standard.is_null() || super::super::values::check(key, &standard).is_ok(),
                "{}",
                key.name
            );
            let choice = standard.as_str().unwrap_or_default();
            assert!(key.choices.is_empty() || key.choices.contains(&choice), "{}", key.name);
        }
    }

    #[test]
    fn variables_are_the_names_in_capitals_with_a_prefix_where_they_would_say_too_little() {
        let variable = |name| find_key(name).unwrap().variable();
        assert_eq!(variable("api_keys").as_deref(), Some("API_KEYS"));
        assert_eq!(variable("port").as_deref(), Some("SUPERTOKENS_PORT"));
        assert_eq!(variable("migration_mode").as_deref(), Some("SUPERTOKENS_MIGRATION_MODE"));
        assert_eq!(variable("core_config_version"), None);
    }

    #[test]
    fn the_dashboard_is_shown_what_a_tenant_s_owner_may_decide() {
        for (name, shown) in [
            ("access_token_validity", true),
            ("ip_allow_regex", true),
            ("postgresql_connection_uri", true),
            ("migration_mode", true),
            ("port", false),
            ("api_keys", false),
            ("access_token_blacklisting", false),
            ("core_config_version", false),
            ("postgresql_key_value_table_name", false),
            ("postgresql_config_version", false),
        ] {
            assert_eq!(find_key(name).unwrap().is_shown(), shown, "{name}");
        }
    }

    #[test]
    fn an_older_name_is_understood_and_the_nearest_name_found() {
        let key = find_key("access_token_signing_key_update_interval").unwrap();
        assert_eq!(key.name, "access_token_dynamic_signing_key_update_interval");
        assert_eq!(nearest_key("acess_token_validty"), "access_token_validity");
        assert_eq!(nearest_key("PASSWORD_HASHING_ALGORITHM".to_lowercase().as_str()), "password_hashing_alg");
    }

    /// What the documentation says of a key: its default, scope and effect.
    fn documented(key: &Key) -> [String; 3] {
        let standard = match key.standard {
            Standard::Null | Standard::Text("") | Standard::Whole(-1) => "none".to_owned(),
            Standard::Processors => "the number of processors".to_owned(),
            Standard::Text(text) => format!("`{text}`"),
            Standard::Whole(number) => format!("`{number}`"),
            Standard::Number(number) => format!("`{number}`"),
            Standard::Truth(truth) => format!("`{truth}`"),
        };
        let scope = match key.scope {
            Scope::Operator => "core",
            Scope::App => "app",
            Scope::Tenant => "tenant",
        };
        [standard, scope.to_owned(), if key.used { "yes" } else { "no" }.to_owned()]
    }

    #[test]
    fn the_documentation_names_every_key_once_and_nothing_else() {
        let text = include_str!("../../../../../docs/configuration.md");
        let (_, tables) = text.split_once("\n## Keys\n").unwrap();
        let rows = tables.lines().filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let name = cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
            Some((name.to_owned(), [3, 5, 6].map(|column| cells[column].to_owned())))
        });
        let rows: Vec<(String, [String; 3])> = rows.collect();
        let known: Vec<_> = keys().map(|key| (key.name.to_owned(), documented(key))).collect();
        assert_eq!(rows, known);
        for key in keys() {
            assert!(key.choices.iter().all(|choice| text.contains(&format!("`{choice}`"))), "{}", key.name);
            assert!(key.older_name.is_none_or(|name| text.contains(name)), "{}", key.name);
        }
    }
}
