//! The statements of the adoption: what there is, how it is changed, and how users are moved. PostgreSQL's alone.

pub(super) mod catalog;
pub(super) mod progress;
pub(super) mod structure;
pub(super) mod target;
pub(super) mod users;
