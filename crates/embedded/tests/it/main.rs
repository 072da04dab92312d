//! The SDK's recipes from end to end, each test in both shapes: the core in the same process, and a core
//! over HTTP.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

mod accountlinking;
mod app;
mod core_calls;
mod dashboard;
mod deliveries;
mod emailpassword;
mod emailverification;
mod factors;
mod hostile;
mod jwt;
mod known_passwords;
mod linked_by_codes;
mod linking_with_session;
mod multifactorauth;
mod multitenancy;
mod overrides;
mod passwordless;
mod passwordless_functions;
mod rid;
mod session;
mod session_errors;
mod session_options;
mod session_tokens;
mod takeover;
mod takeover_by_codes;
mod tenants;
mod thirdparty;
mod thirdparty_builtin;
mod thirdparty_linking;
mod thirdparty_overrides;
mod thirdparty_takeover;
mod totp;
mod user_id_mapping;
mod usermetadata;
mod userroles;
mod users;
mod webauthn;
mod webauthn_recovery;
mod wire;
