//! See `portcullis_fuzz::apple_callbacks`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::apple_callbacks::run(data));
