//! The statement that makes a user.

use super::{AccountInfo, INFO_COLUMNS, INFO_VALUES};
use crate::{Result, Scope};
use portcullis_db::{Engine, Tx, Value, args, placeholders};

/// A new user of one recipe.
#[derive(Clone, Copy, Debug)]
pub struct NewUser<'a> {
    /// The internal id.
    pub user_id: &'a str,
    /// The recipe.
    pub recipe_id: &'a str,
    /// What nobody else of the recipe may have in the tenant.
    pub identity: AccountInfo<'a>,
    /// What is known besides.
    pub further: Option<AccountInfo<'a>>,
    /// Milliseconds since 1970.
    pub time_joined: i64,
}

/// A row about a new user in a table that is not the users' own: it is added together with the user.
#[derive(Clone, Debug)]
pub struct OwnRow<'a> {
    /// The table; it has a column `app_id`.
    pub table: &'static str,
    /// Its columns that hold the user's id.
    pub user_columns: &'static [&'static str],
    /// Its other columns.
    pub columns: &'static [&'static str],
    /// Their values.
    pub values: Vec<Value<'a>>,
}

impl<'a> OwnRow<'a> {
    /// A row of a table that calls the user's id `user_id`.
    pub fn new(table: &'static str, columns: &'static [&'static str], values: Vec<Value<'a>>) -> Self {
        Self { table, user_columns: &["user_id"], columns, values }
    }
}

/// Creates a user in a tenant, with rows in other tables; false if what identifies it is taken there. On
/// PostgreSQL this is one statement.
pub async fn insert_user(tx: &mut Tx, scope: &Scope, new: NewUser<'_>, own: &[OwnRow<'_>]) -> Result<bool> {
    let NewUser { user_id, recipe_id, identity, further, time_joined } = new;
    let mut args = args![&scope.app_id, user_id, &scope.tenant_id, recipe_id, time_joined].to_vec();
    let mut rows = vec![("app_id_to_user_id", USER_COLUMNS.to_owned(), USER_VALUES.to_owned())];
    for (at, info) in std::iter::once(identity).chain(further).enumerate() {
        let values = format!("{INFO_VALUES}, {}", placeholders(args.len() + 1, 4));
        args.extend(info.columns());
        if at > 0 {
            rows.push(("recipe_user_tenants", format!("{INFO_COLUMNS}, tenant_id"), format!("{values}, $3")));
        }
        rows.push(("recipe_user_account_infos", INFO_COLUMNS.to_owned(), values));
    }
    for row in own {
        let columns = format!("app_id, {}, {}", row.user_columns.join(", "), row.columns.join(", "));
        let ids = ", cast($2 as text)".repeat(row.user_columns.len());
        let values = format!("$1{ids}, {}", placeholders(args.len() + 1, row.values.len()));
        rows.push((row.table, columns, values));
        args.extend(&row.values);
    }
    // Whoever identifies the user in the tenant first has made it.
    let first = format!(
        "insert into recipe_user_tenants ({INFO_COLUMNS}, tenant_id) values ({INFO_VALUES}, $6, $7, $8, $9, $3)
         on conflict do nothing"
    );
    if tx.engine() == Engine::Sqlite {
        let is_new = tx.execute(first, &args).await? > 0;
        for (table, columns, values) in rows.iter().filter(|_| is_new) {
            tx.execute(format!("insert into {table} ({columns}) values ({values})"), &args).await?;
        }
        return Ok(is_new);
    }
    let mut sql = format!("with new as ({first} returning tenant_id)");
    for (at, (table, columns, values)) in rows.iter().enumerate() {
        sql.push_str(&format!(", row_{at} as (insert into {table} ({columns}) select {values} from new)"));
    }
    sql.push_str(" select tenant_id from new");
    Ok(tx.fetch_optional::<(String,)>(sql, &args).await?.is_some())
}

const USER_COLUMNS: &str = "app_id, user_id, recipe_id, primary_or_recipe_user_id,
    is_linked_or_is_a_primary_user, time_joined, primary_or_recipe_user_time_joined";
/// Ids are cast because their columns are not all of one type, and an argument has but one.
const USER_VALUES: &str = "$1, cast($2 as text), $4, cast($2 as text), false, $5, $5";

/// The row of a new user whose address counts as verified.
pub fn verified_email_row(email: &str) -> OwnRow<'_> {
    OwnRow::new("emailverification_verified_emails", &["email"], vec![email.into()])
}
