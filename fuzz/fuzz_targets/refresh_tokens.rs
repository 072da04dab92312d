//! See `portcullis_fuzz::refresh_tokens`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::refresh_tokens::run(data));
