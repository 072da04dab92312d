//! See `portcullis_fuzz::totp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::totp::run(data));
