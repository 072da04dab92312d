//! The `portcullis` binary: read configuration, open the database, migrate, serve, stop cleanly.

fn main() {}
