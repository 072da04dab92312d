//! What a schema consists of, and what one lacks beside another.

use std::collections::{BTreeMap, BTreeSet};

/// How far SuperTokens' own move to its newer user tables has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    /// Only the older tables are written.
    Legacy,
    /// Both are written.
    DualWrite,
    /// Only the newer tables are written; the older ones are out of date.
    Migrated,
}

impl Mode {
    /// By SuperTokens' name, in letters of any case.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.to_uppercase().as_str() {
            "LEGACY" => Some(Self::Legacy),
            "DUAL_WRITE_READ_OLD" | "DUAL_WRITE_READ_NEW" => Some(Self::DualWrite),
            "MIGRATED" => Some(Self::Migrated),
            _ => None,
        }
    }
}

/// A schema's tables, by the names that they should have.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalog {
    pub(super) tables: BTreeMap<String, Table>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    /// Whether its rows are in parts of it.
    pub(super) is_parted: bool,
    /// Empty for a part of another table.
    pub(super) columns: BTreeMap<String, Column>,
    pub(super) constraints: Vec<Constraint>,
    /// Those that belong to no constraint.
    pub(super) indexes: Vec<Index>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) kind: String,
    pub(super) is_required: bool,
    pub(super) default: Option<String>,
}

/// What a constraint asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Primary,
    Unique,
    Foreign { table: String, columns: String, on_delete: String, on_update: String },
}

#[derive(Clone, Debug)]
pub(super) struct Constraint {
    pub(super) name: String,
    /// Separated by `, `.
    pub(super) columns: String,
    pub(super) rule: Rule,
    /// Whether the rows that were there before it were looked at.
    pub(super) is_proven: bool,
}

impl Constraint {
    pub(super) fn is_foreign(&self) -> bool {
        matches!(self.rule, Rule::Foreign { .. })
    }

    /// The same but for the name.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.columns == other.columns && self.rule == other.rule
    }
}

#[derive(Clone, Debug)]
pub(super) struct Index {
    pub(super) name: String,
    /// What follows `using`.
    pub(super) definition: String,
    pub(super) is_unique: bool,
    /// Not so where its making was broken off.
    pub(super) is_whole: bool,
}

impl Index {
    fn is_like(&self, other: &Self) -> bool {
        self.definition == other.definition && self.is_unique == other.is_unique
    }
}

impl Catalog {
    pub(super) fn has(&self, table: &str) -> bool {
        self.tables.contains_key(table)
    }

    pub(super) fn column(&self, table: &str, column: &str) -> Option<&Column> {
        self.tables.get(table)?.columns.get(column)
    }

    /// The columns of a table's primary key.
    pub(super) fn primary_key(&self, table: &str) -> Option<&str> {
        let constraints = &self.tables.get(table)?.constraints;
        constraints.iter().find(|held| held.rule == Rule::Primary).map(|held| held.columns.as_str())
    }
}

/// Each with the table that it is about.
type Of<T> = Vec<(String, T)>;

/// What one schema lacks beside another, and what stands in its way.
#[derive(Clone, Debug, Default)]
pub(super) struct Differences {
    pub(super) tables: Vec<String>,
    pub(super) columns: Of<(String, Column)>,
    /// Columns that take less than they should, with the type that they should have.
    pub(super) narrow: Of<(String, String)>,
    /// Columns whose type is another one altogether.
    pub(super) strange: Of<String>,
    /// Columns that may be null and should not.
    pub(super) nullable: Of<String>,
    pub(super) constraints: Of<Constraint>,
    pub(super) unproven: Of<String>,
    /// Constraints that allow less than ours.
    pub(super) excess: Of<Constraint>,
    pub(super) indexes: Of<Index>,
    /// Indexes whose making was broken off.
    pub(super) broken: Vec<String>,
}

impl Differences {
    pub(super) fn between(target: &Catalog, actual: &Catalog) -> Self {
        let mut found = Self::default();
        for (name, wanted) in &target.tables {
            match actual.tables.get(name) {
                Some(table) => found.add(name, wanted, table),
                None => found.tables.push(name.clone()),
            }
        }
        found
    }

    fn add(&mut self, name: &str, wanted: &Table, table: &Table) {
        for (column, wanted) in &wanted.columns {
            match table.columns.get(column) {
                Some(there) => self.add_column(name, column, wanted, there),
                None => self.columns.push((name.to_owned(), (column.clone(), wanted.clone()))),
            }
        }
        let lacks = |wanted: &&Constraint| !table.constraints.iter().any(|there| there.is_like(wanted));
        let missing = wanted.constraints.iter().filter(lacks);
        self.constraints.extend(missing.map(|missing| (name.to_owned(), missing.clone())));
        for there in &table.constraints {
            if !wanted.constraints.iter().any(|wanted| wanted.is_like(there)) {
                self.excess.push((name.to_owned(), there.clone()));
            } else if !there.is_proven {
                self.unproven.push((name.to_owned(), there.name.clone()));
            }
        }
        let is_there =
            |wanted: &Index| table.indexes.iter().any(|there| there.is_whole && there.is_like(wanted));
        let missing = wanted.indexes.iter().filter(|wanted| !is_there(wanted));
        self.indexes.extend(missing.map(|missing| (name.to_owned(), missing.clone())));
        let broken = table.indexes.iter().filter(|there| !there.is_whole);
        self.broken.extend(broken.map(|broken| broken.name.clone()));
    }

    fn add_column(&mut self, table: &str, column: &str, wanted: &Column, there: &Column) {
        if wanted.is_required && !there.is_required {
            self.nullable.push((table.to_owned(), column.to_owned()));
        }
        match (length(&wanted.kind), length(&there.kind)) {
            _ if wanted.kind == there.kind => {}
            (Some(wanted), Some(there)) if wanted <= there => {}
            (Some(_), Some(_)) => {
                self.narrow.push((table.to_owned(), (column.to_owned(), wanted.kind.clone())));
            }
            (Some(_), None) if there.kind == "text" => {}
            _ => self.strange.push((table.to_owned(), column.to_owned())),
        }
    }

    /// Whether nothing is left to do.
    pub(super) fn are_none(&self) -> bool {
        let Self {
            tables,
            columns,
            narrow,
            strange,
            nullable,
            constraints,
            unproven,
            excess,
            indexes,
            broken,
        } = self;
        tables.is_empty()
            && columns.is_empty()
            && narrow.is_empty()
            && strange.is_empty()
            && nullable.is_empty()
            && constraints.is_empty()
            && unproven.is_empty()
            && excess.is_empty()
            && indexes.is_empty()
            && broken.is_empty()
    }
}

/// How long a text may be, of a type that says so.
fn length(kind: &str) -> Option<u32> {
    kind.strip_prefix("character varying(")?.strip_suffix(')')?.parse().ok()
}

/// Which tables say who is in which tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memberships {
    /// `all_auth_recipe_users`, from which the newer tables are filled.
    InOlderTables,
    /// `recipe_user_tenants`.
    InNewerTables,
}

/// What the two kinds of tables say about users' tenants.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    pub(super) users: i64,
    /// Memberships in the newer tables.
    pub(super) newer: i64,
    pub(super) only_older: i64,
    /// Those of them whose users SuperTokens counts as moved.
    pub(super) only_older_moved: i64,
    pub(super) only_newer: i64,
    /// Users with a membership in the older tables that SuperTokens does not count as moved.
    pub(super) waiting: i64,
}

/// Which tables to believe. `declared` is what the settings say; the data alone cannot always tell, and then nothing
/// is done rather than something wrong.
pub(super) fn believe(declared: &BTreeSet<Mode>, facts: Facts) -> Result<Memberships, String> {
    let is_declared_moved = declared.contains(&Mode::Migrated);
    if is_declared_moved && declared.len() > 1 {
        return Err("some apps of this database are in migration_mode MIGRATED and others are not: bring all of them to one mode first".to_owned());
    }
    if is_declared_moved && (facts.waiting > 0 || facts.users > 0 && facts.newer == 0 && facts.only_older > 0)
    {
        return Err(format!(
            "migration_mode is MIGRATED in the settings, but {} users are only in the older tables: the settings are not those of the core that writes here",
            facts.waiting.max(facts.only_older)
        ));
    }
    if is_declared_moved {
        return Ok(Memberships::InNewerTables);
    }
    let is_clear = facts.newer == 0 || facts.only_newer == 0 && facts.only_older_moved == 0;
    // Where both are written, nothing is in the newer ones alone.
    let is_said = declared.contains(&Mode::Legacy) || !declared.is_empty() && facts.only_newer == 0;
    if is_clear || is_said {
        return Ok(Memberships::InOlderTables);
    }
    Err(format!(
        "{} memberships are in the newer tables alone and {} in the older ones: set migration_mode as the core has it that writes here (its config.yaml, or SUPERTOKENS_MIGRATION_MODE)",
        facts.only_newer, facts.only_older
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraint(name: &str, columns: &str, rule: Rule) -> Constraint {
        Constraint { name: name.to_owned(), columns: columns.to_owned(), rule, is_proven: true }
    }

    fn column(kind: &str, is_required: bool) -> Column {
        Column { kind: kind.to_owned(), is_required, default: None }
    }

    fn catalog(columns: &[(&str, Column)], constraints: Vec<Constraint>, indexes: Vec<Index>) -> Catalog {
        let columns = columns.iter().map(|(name, column)| ((*name).to_owned(), column.clone())).collect();
        let table = Table { is_parted: false, columns, constraints, indexes };
        Catalog { tables: BTreeMap::from([("t".to_owned(), table)]) }
    }

    fn index(name: &str, definition: &str, is_whole: bool) -> Index {
        Index { name: name.to_owned(), definition: definition.to_owned(), is_unique: false, is_whole }
    }

    #[test]
    fn names_do_not_matter_and_what_is_wider_is_enough() {
        let target = catalog(
            &[("a", column("character varying(64)", true)), ("b", column("character varying(8)", false))],
            vec![constraint("t_pkey", "a, b", Rule::Primary)],
            vec![index("i", "btree (a)", true)],
        );
        let actual = catalog(
            &[
                ("a", column("character varying(64)", true)),
                ("b", column("text", true)),
                ("c", column("x", true)),
            ],
            vec![constraint("st_t_pkey", "a, b", Rule::Primary)],
            vec![index("j", "btree (a)", true), index("k", "btree (b)", true)],
        );
        assert!(Differences::between(&target, &actual).are_none());
        assert_eq!(Differences::between(&target, &Catalog::default()).tables, ["t"]);
    }

    #[test]
    fn each_difference_is_found() {
        let target = catalog(
            &[
                ("a", column("character varying(64)", true)),
                ("b", column("bigint", false)),
                ("c", column("bigint", false)),
            ],
            vec![constraint("t_pkey", "a, b", Rule::Primary)],
            vec![index("i", "btree (a)", true)],
        );
        let mut unproven = constraint("u", "a, b", Rule::Primary);
        unproven.is_proven = false;
        let actual = catalog(
            &[("a", column("character varying(32)", false)), ("b", column("text", false))],
            vec![unproven, constraint("old", "a", Rule::Unique)],
            vec![index("i", "btree (a)", false)],
        );
        let found = Differences::between(&target, &actual);
        assert_eq!(found.columns, [("t".to_owned(), ("c".to_owned(), column("bigint", false)))]);
        assert_eq!(found.narrow[0].1, ("a".to_owned(), "character varying(64)".to_owned()));
        assert_eq!((found.strange.len(), found.nullable.len(), found.unproven.len()), (1, 1, 1));
        assert_eq!((found.excess[0].1.name.as_str(), found.constraints.len()), ("old", 0));
        assert_eq!((found.indexes.len(), found.broken.as_slice()), (1, ["i".to_owned()].as_slice()));
        assert!(!found.are_none());
    }

    #[test]
    fn the_tables_that_are_believed_are_those_that_are_written() {
        use Memberships::{InNewerTables, InOlderTables};
        let facts = |newer, only_older, only_older_moved, only_newer, waiting| Facts {
            users: 10,
            newer,
            only_older,
            only_older_moved,
            only_newer,
            waiting,
        };
        let set = |modes: &[Mode]| modes.iter().copied().collect::<BTreeSet<_>>();
        for (modes, facts, expected) in [
            (&[][..], facts(0, 10, 0, 0, 10), Some(InOlderTables)),
            (&[], facts(10, 0, 0, 0, 0), Some(InOlderTables)),
            (&[], facts(8, 2, 0, 0, 2), Some(InOlderTables)),
            (&[], facts(10, 0, 0, 1, 0), None),
            (&[], facts(10, 1, 1, 0, 0), None),
            (&[Mode::Migrated], facts(10, 1, 1, 1, 0), Some(InNewerTables)),
            (&[Mode::Migrated], facts(10, 1, 0, 1, 1), None),
            (&[Mode::Migrated], facts(0, 10, 10, 0, 0), None),
            (&[Mode::Migrated, Mode::Legacy], facts(10, 0, 0, 0, 0), None),
            (&[Mode::Legacy, Mode::DualWrite], facts(10, 1, 1, 1, 0), Some(InOlderTables)),
            (&[Mode::DualWrite], facts(10, 1, 1, 0, 0), Some(InOlderTables)),
            (&[Mode::DualWrite], facts(10, 1, 1, 1, 0), None),
        ] {
            assert_eq!(believe(&set(modes), facts).ok(), expected, "{modes:?} {facts:?}");
        }
        assert_eq!(Mode::parse("DUAL_WRITE_READ_NEW"), Some(Mode::DualWrite));
        assert_eq!((Mode::parse("legacy"), Mode::parse("")), (Some(Mode::Legacy), None));
    }
}
