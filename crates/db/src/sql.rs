//! A statement's text: one for both engines, or, where they differ, one for each.

use std::borrow::Cow;

/// A statement's text. Arguments are `$1`, `$2`, … on both engines.
#[derive(Clone, Debug)]
pub struct Sql {
    postgres: Cow<'static, str>,
    sqlite: Cow<'static, str>,
}

impl Sql {
    /// Two texts, for what cannot be said in one. Prefer the macro [`sql!`](crate::sql).
    pub const fn split(postgres: &'static str, sqlite: &'static str) -> Self {
        Self { postgres: Cow::Borrowed(postgres), sqlite: Cow::Borrowed(sqlite) }
    }

    /// Two texts that are made.
    pub(crate) fn of(postgres: String, sqlite: String) -> Self {
        Self { postgres: postgres.into(), sqlite: sqlite.into() }
    }

    pub(crate) fn map(self, wrap: impl Fn(&str) -> String) -> Self {
        Self::of(wrap(&self.postgres), wrap(&self.sqlite))
    }

    /// The text for PostgreSQL.
    pub fn postgres(&self) -> &str {
        &self.postgres
    }

    pub(crate) fn sqlite(&self) -> &str {
        &self.sqlite
    }

    pub(crate) fn for_update_skipping(self) -> Self {
        Self { postgres: format!("{} for update skip locked", self.postgres).into(), sqlite: self.sqlite }
    }

    pub(crate) fn for_update(self) -> Self {
        Self { postgres: format!("{} for update", self.postgres).into(), sqlite: self.sqlite }
    }
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Self::split(text, text)
    }
}

impl From<String> for Sql {
    fn from(text: String) -> Self {
        Self { postgres: text.clone().into(), sqlite: text.into() }
    }
}

/// `sql!(postgres: "…", sqlite: "…")`: the escape hatch where the engines differ.
#[macro_export]
macro_rules! sql {
    (postgres: $postgres:expr, sqlite: $sqlite:expr $(,)?) => {
        $crate::Sql::split($postgres, $sqlite)
    };
}

/// `$first, $first+1, …` for an `in (…)` of `count` arguments. An empty list has no valid text: the
/// caller answers before it asks the database.
pub fn placeholders(first: usize, count: usize) -> String {
    (first..first + count).map(|number| format!("${number}")).collect::<Vec<_>>().join(", ")
}
