//! What each fuzz target does with its input: one module for each target, and their list.
//!
//! A target reads its input with the parsers that serve requests, and asserts what must hold of whatever
//! comes out. The targets run under libFuzzer (`script/fuzz`); the tests run them over the seeds.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a target stops at what must not be"
)]

mod authenticator;
mod input;

pub mod access_tokens;
pub mod app_info;
pub mod apple_callbacks;
pub mod connection_strings;
pub mod cookies;
pub mod core_calls;
pub mod emails;
pub mod id_tokens;
pub mod one_time_codes;
pub mod pagination_tokens;
pub mod password_filters;
pub mod password_hashes;
pub mod paths;
pub mod phone_numbers;
pub mod refresh_tokens;
pub mod request_bodies;
pub mod sdk_requests;
pub mod settings;
pub mod totp;
pub mod webauthn_assertion;
pub mod webauthn_options;
pub mod webauthn_registration;

/// A target: its name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const ALL: &[Target] = &[
    ("access_tokens", access_tokens::run),
    ("app_info", app_info::run),
    ("apple_callbacks", apple_callbacks::run),
    ("connection_strings", connection_strings::run),
    ("cookies", cookies::run),
    ("core_calls", core_calls::run),
    ("emails", emails::run),
    ("id_tokens", id_tokens::run),
    ("one_time_codes", one_time_codes::run),
    ("pagination_tokens", pagination_tokens::run),
    ("password_filters", password_filters::run),
    ("password_hashes", password_hashes::run),
    ("paths", paths::run),
    ("phone_numbers", phone_numbers::run),
    ("refresh_tokens", refresh_tokens::run),
    ("request_bodies", request_bodies::run),
    ("sdk_requests", sdk_requests::run),
    ("settings", settings::run),
    ("totp", totp::run),
    ("webauthn_assertion", webauthn_assertion::run),
    ("webauthn_options", webauthn_options::run),
    ("webauthn_registration", webauthn_registration::run),
];
