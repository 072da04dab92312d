//! Every change of the tables, in order.

use portcullis_db::{Migration, Sql};

/// All migrations, oldest first. One that has been released is never edited: add another.
pub fn all() -> Vec<Migration> {
    vec![
        Migration { name: "0001_base", sql: Sql::from(include_str!("../migrations/0001_base.sql")) },
        Migration { name: "0002_members_by_user", sql: MEMBERS_BY_USER },
    ]
}

/// SQLite, which keeps no statistics here, prefers an index of all members of a tenant to one of a user's
/// memberships as long as neither has more columns that fit: a page of users would take longer the more users
/// there are. PostgreSQL counts, and chooses well.
const MEMBERS_BY_USER: Sql = portcullis_db::sql!(
    postgres: "-- nothing to do",
    sqlite: "drop index idx_recipe_user_tenants_recipe_user_id;
        create index idx_recipe_user_tenants_recipe_user_id
            on recipe_user_tenants (app_id, recipe_user_id, tenant_id);",
);
