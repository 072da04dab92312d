//! PostgreSQL: where the database is, and what SuperTokens calls a plugin's settings.

use super::{Key, Kind, Owner, Pool, Scope, Standard, integer, long, text};
use crate::config::Protected;
use Scope::Tenant;

impl Key {
    /// A key of the storage that the dashboard only shows.
    const fn of_storage(self) -> Self {
        Self { owner: Owner::Storage { editable: false }, ..self }
    }

    /// A key of the storage that is the operator's own where `supertokens_saas_secret` is set.
    const fn of_database(self) -> Self {
        Self { protected: Some(Protected::Database), ..self.of_storage() }
    }

    const fn editable(self) -> Self {
        Self { owner: Owner::Storage { editable: true }, ..self }
    }

    const fn pool(self, pool: Pool) -> Self {
        Self { pool: Some(pool), ..self }
    }
}

/// The whole name of one table.
const fn table(name: &'static str, standard: &'static str) -> Key {
    text(name, Tenant, "The whole name of one table; tables keep SuperTokens' default names here.")
        .standard(Standard::Text(standard))
        .of_storage()
        .pool(Pool::Common)
        .hidden()
        .unused()
}

#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    text("postgresql_connection_uri", Tenant,
        "The database as one address: postgresql://user:password@host:port/database; its parts win over the single settings.")
        .of_database().pool(Pool::Identity).secret(),
    text("postgresql_user", Tenant,
        "The user to connect as.").of_database(),
    text("postgresql_password", Tenant,
        "The user's password.").of_database().secret(),
    text("postgresql_host", Tenant,
        "The database's host.").standard(Standard::Text("localhost")).of_database().pool(Pool::Identity),
    integer("postgresql_port", Tenant, 5432,
        "The database's port.").of_database().pool(Pool::Identity),
    text("postgresql_database_name", Tenant,
        "The database's name.").standard(Standard::Text("supertokens")).of_database().pool(Pool::Identity),
    text("postgresql_table_schema", Tenant,
        "The schema that holds the tables.").standard(Standard::Text("public")).of_database().pool(Pool::Identity),
    integer("postgresql_connection_pool_size", Tenant, 10,
        "How many connections are open at most.").of_database().editable(),
    long("postgresql_idle_connection_timeout", Tenant, 60_000,
        "How long a connection may be idle before it is closed, in milliseconds.").of_database().editable().unused(),
    Key::new("postgresql_minimum_idle_connections", Kind::OptionalInteger, Tenant,
        "How many connections are kept although they are idle; null for all of them.").of_database().editable().unused(),
    text("postgresql_connection_attributes", Tenant,
        "What is put behind the question mark of an address that is made of the single settings.")
        .standard(Standard::Text("allowPublicKeyRetrieval=true")).of_database(),
    text("postgresql_connection_scheme", Tenant,
        "The address's scheme.").standard(Standard::Text("postgresql")).of_database().unused(),
    text("postgresql_table_names_prefix", Tenant,
        "What all names of tables begin with; tables keep SuperTokens' default names here.")
        .standard(Standard::Text("")).of_database().pool(Pool::Common).unused(),
    table("postgresql_key_value_table_name", "key_value"),
    table("postgresql_session_info_table_name", "session_info"),
    table("postgresql_emailpassword_users_table_name", "emailpassword_users"),
    table("postgresql_emailpassword_pswd_reset_tokens_table_name", "emailpassword_pswd_reset_tokens"),
    table("postgresql_emailverification_tokens_table_name", "emailverification_tokens"),
    table("postgresql_emailverification_verified_emails_table_name", "emailverification_verified_emails"),
    table("postgresql_thirdparty_users_table_name", "thirdparty_users"),
    text("migration_mode", Tenant,
        "How far SuperTokens' move to its newer user tables has come: LEGACY, DUAL_WRITE_READ_OLD, DUAL_WRITE_READ_NEW or MIGRATED.")
        .standard(Standard::Text("LEGACY")).of_storage().unused(),
    integer("postgresql_config_version", Tenant, -1,
        "The version of the file's form.").of_storage().hidden().unused(),
];
