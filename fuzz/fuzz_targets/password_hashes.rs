//! See `portcullis_fuzz::password_hashes`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::password_hashes::run(data));
