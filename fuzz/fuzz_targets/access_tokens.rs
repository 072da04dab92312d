//! See `portcullis_fuzz::access_tokens`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::access_tokens::run(data));
