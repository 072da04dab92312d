//! Every change of the tables, in order.

use crate::ground::audit;
use portcullis_db::{Db, Migration, MigrationReport, Result, Sql};

/// Brings the tables up to date; `now` in milliseconds.
pub async fn run(db: &Db, now: i64) -> Result<MigrationReport> {
    let report = db.migrate(&all(), now).await?;
    audit::prepare(db, now).await;
    Ok(report)
}

/// All migrations, oldest first. One that has been released is never edited: add another.
pub fn all() -> Vec<Migration> {
    vec![
        Migration { name: "0001_base", sql: Sql::from(include_str!("../migrations/0001_base.sql")) },
        Migration { name: "0002_members_by_user", sql: MEMBERS_BY_USER },
        Migration {
            name: "0003_passwordless",
            sql: Sql::from(include_str!("../migrations/0003_passwordless.sql")),
        },
        Migration { name: "0004_thirdparty", sql: THIRDPARTY },
        Migration { name: "0005_webauthn", sql: Sql::from(include_str!("../migrations/0005_webauthn.sql")) },
        Migration { name: "0006_totp", sql: Sql::from(include_str!("../migrations/0006_totp.sql")) },
        Migration { name: "0007_guesses", sql: Sql::from(include_str!("../migrations/0007_guesses.sql")) },
        Migration {
            name: "0008_dashboard",
            sql: Sql::from(include_str!("../migrations/0008_dashboard.sql")),
        },
        Migration {
            name: "0009_bulk_import",
            sql: Sql::from(include_str!("../migrations/0009_bulk_import.sql")),
        },
        Migration { name: "0010_search", sql: SEARCH },
        Migration { name: "0011_audit", sql: AUDIT },
        Migration { name: "0012_webhooks", sql: Sql::from(include_str!("../migrations/0012_webhooks.sql")) },
        Migration { name: "0013_fewer_indexes", sql: FEWER_INDEXES },
        Migration { name: "0014_lists", sql: LISTS },
        Migration {
            name: "0015_provider_ids",
            sql: Sql::from(include_str!("../migrations/0015_provider_ids.sql")),
        },
    ]
}

/// PostgreSQL keeps statistics, and chooses well by itself.
const MEMBERS_BY_USER: Sql = portcullis_db::sql!(
    postgres: "-- nothing to do",
    sqlite: include_str!("../migrations/0002_members_by_user.sqlite.sql"),
);

/// PostgreSQL compares texts by a language's rules unless an index is told otherwise.
const SEARCH: Sql = portcullis_db::sql!(
    postgres: include_str!("../migrations/0010_search.postgres.sql"),
    sqlite: include_str!("../migrations/0010_search.sqlite.sql"),
);

/// A log by months, where a table can have parts.
const AUDIT: Sql = portcullis_db::sql!(
    postgres: include_str!("../migrations/0011_audit.postgres.sql"),
    sqlite: include_str!("../migrations/0011_audit.sqlite.sql"),
);

/// SQLite keeps no statistics by which it would find a recipe's few users.
const FEWER_INDEXES: Sql = portcullis_db::sql!(
    postgres: concat!(
        include_str!("../migrations/0013_fewer_indexes.sql"),
        include_str!("../migrations/0013_fewer_indexes.postgres.sql")
    ),
    sqlite: include_str!("../migrations/0013_fewer_indexes.sql"),
);

/// PostgreSQL keeps an index for each order of the list of all users, and has none of a recipe's.
const LISTS: Sql = portcullis_db::sql!(
    postgres: "-- nothing to do",
    sqlite: include_str!("../migrations/0014_lists.sqlite.sql"),
);

/// The scopes of a tenant's client are an array where there are arrays.
const THIRDPARTY: Sql = portcullis_db::sql!(
    postgres: concat!(
        include_str!("../migrations/0004_thirdparty.sql"),
        include_str!("../migrations/0004_thirdparty.postgres.sql")
    ),
    sqlite: concat!(
        include_str!("../migrations/0004_thirdparty.sql"),
        include_str!("../migrations/0004_thirdparty.sqlite.sql")
    ),
);
