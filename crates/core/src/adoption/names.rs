//! What SuperTokens' tables are called: operators could give all of them a prefix, and some a name of their own.

use crate::config::{Pool, effective, keys};
use portcullis_db::quoted;
use portcullis_wire::Object;
use std::collections::{BTreeMap, BTreeSet};

/// The reference's tables that have no place among ours.
pub(super) const OTHERS: [&str; 13] = [
    USERS,
    "emailpassword_user_to_tenant",
    "passwordless_user_to_tenant",
    "thirdparty_user_to_tenant",
    "webauthn_user_to_tenant",
    "oauth_clients",
    "oauth_sessions",
    "oauth_m2m_tokens",
    "oauth_m2m_token_stats",
    "oauth_logout_challenges",
    "saml_clients",
    "saml_relay_state",
    "saml_claims",
];

/// The table of all users and their tenants until SuperTokens 12: every database of it has one, and none of ours.
pub(super) const USERS: &str = "all_auth_recipe_users";

/// The names that the settings give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    prefix: String,
    own: BTreeMap<String, String>,
}

impl Names {
    /// Reads SuperTokens' settings of names.
    pub(super) fn of(values: &Object) -> Self {
        let text = |value: serde_json::Value| value.as_str().unwrap_or_default().trim().to_owned();
        let mut names = Self::default();
        for key in keys().filter(|key| key.pool == Some(Pool::Common)) {
            let (given, standard) = (text(effective(values, key)), text(key.standard_value()));
            if given == standard || given.is_empty() {
                continue;
            }
            if standard.is_empty() {
                names.prefix = format!("{given}_");
            } else {
                names.own.insert(standard, given);
            }
        }
        names
    }

    /// Which of the tables that are known to us go by another name, among those that are there.
    pub(super) fn among(&self, known: &BTreeSet<String>, there: &BTreeSet<String>) -> Current {
        let renamed = known.iter().filter_map(|standard| {
            let current = self.own.get(standard).cloned().unwrap_or_else(|| self.prefix.clone() + standard);
            (current != *standard && there.contains(&current)).then(|| (standard.clone(), current))
        });
        Current(renamed.collect())
    }
}

/// The tables that go by another name than theirs, each with its name of now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Current(BTreeMap<String, String>);

impl Current {
    /// What a table is called now.
    pub(super) fn get<'a>(&'a self, standard: &'a str) -> &'a str {
        self.0.get(standard).map_or(standard, String::as_str)
    }

    /// What a table should be called.
    pub(super) fn standard<'a>(&'a self, current: &'a str) -> &'a str {
        let renamed = self.0.iter().find(|(_, name)| *name == current);
        renamed.map_or(current, |(standard, _)| standard)
    }

    /// Each table, by its own name and that of now.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(standard, current)| (standard.as_str(), current.as_str()))
    }

    /// A statement with the names of now: `{apps}` stands for the table `apps`.
    pub(super) fn fill(&self, statement: &str) -> String {
        let mut parts = statement.split('{');
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (table, rest) = part.split_once('}').unwrap_or((part, ""));
            filled.push_str(&quoted(self.get(table)));
            filled.push_str(rest);
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_prefix_and_names_of_their_own_are_found_where_they_are() {
        let Value::Object(values) = json!({
            "postgresql_table_names_prefix": " st ", "postgresql_session_info_table_name": "Sessions",
            "postgresql_key_value_table_name": "key_value",
        }) else {
            unreachable!()
        };
        let names = Names::of(&values);
        let known = set(&["apps", "session_info", "recipe_user_tenants", "roles"]);
        let current = names.among(&known, &set(&["st_apps", "Sessions", "recipe_user_tenants", "roles"]));
        assert_eq!(current.iter().collect::<Vec<_>>(), [("apps", "st_apps"), ("session_info", "Sessions")]);
        assert_eq!((current.standard("st_apps"), current.standard("roles")), ("apps", "roles"));
        let filled = current.fill("select 1 from {apps}, {roles} where {apps}.a = $1");
        assert_eq!(filled, "select 1 from \"st_apps\", \"roles\" where \"st_apps\".a = $1");
        assert_eq!(Names::of(&Object::new()), Names::default());
    }
}
