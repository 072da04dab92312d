//! Slice tests: through the real router, on a real database, one file for each recipe.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod accountlinking;
mod admin;
mod audit;
mod audit_calls;
mod audit_chain;
mod bulkimport;
mod bulkimport_workers;
mod coverage;
mod crash_points;
mod dashboard;
mod domains;
mod emailpassword;
mod emailpassword_reset;
mod emailpassword_users;
mod emailverification;
mod envelope;
mod guessing;
mod jobs;
mod jwt;
mod linked_users;
mod linking;
mod linking_model;
mod many_tenants;
mod multitenancy;
mod password_hashes;
mod passwordless;
mod passwordless_users;
mod providers;
mod removal;
mod session;
mod session_keys;
mod settings;
mod tenant_members;
mod thirdparty;
mod totp;
mod useridmapping;
mod useridmapping_users;
mod usermetadata;
mod userroles;
mod users;
mod webauthn;
mod webauthn_credentials;
mod webauthn_hostile;
mod webhooks;
