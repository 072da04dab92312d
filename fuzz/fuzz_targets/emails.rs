//! See `portcullis_fuzz::emails`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::emails::run(data));
