//! One unit of work over two engines, SQLite and PostgreSQL. The only crate that names a database driver.
