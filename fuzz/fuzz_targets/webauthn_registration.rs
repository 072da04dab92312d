//! See `portcullis_fuzz::webauthn_registration`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::webauthn_registration::run(data));
