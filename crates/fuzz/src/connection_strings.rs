//! PostgreSQL's address: what follows the password, the connection attributes, and a schema.

use crate::input::lines;
use portcullis_core::config::postgres;
use portcullis_db::Place;
use serde_json::json;

const PASSWORD: &str = "a-secret-password";

/// The place does not depend on who connects, and no fault tells the password.
pub fn run(data: &[u8]) {
    let Some([address, attributes, schema]) = lines(data) else { return };
    if [address, attributes, schema].iter().any(|text| text.contains(PASSWORD)) {
        return;
    }
    let url = format!("postgres://ann:{PASSWORD}@{address}");
    let place = |url: &str| Place::of(url, Some(schema).filter(|schema| !schema.is_empty()));
    match place(&url) {
        Ok(at) => {
            // Without a database's name it is the user's.
            let renamed = place(&format!("postgres://ann:other@{address}"));
            assert_eq!(renamed.ok(), Some(at));
        }
        Err(error) => {
            let text = format!("{error} {error:?}");
            assert!(!text.contains(PASSWORD), "{text}");
        }
    }
    let values = json!({
        "postgresql_connection_uri": url,
        "postgresql_connection_attributes": attributes,
        "postgresql_table_schema": schema,
    });
    let Some(values) = values.as_object() else { return };
    if let Ok(Some(named)) = postgres(values, |warning| assert!(!warning.contains(PASSWORD), "{warning}")) {
        assert!(named.url.contains(PASSWORD), "{}", named.url);
        if let Err(error) = place(&named.url) {
            assert!(!error.to_string().contains(PASSWORD), "{error}");
        }
    }
}
