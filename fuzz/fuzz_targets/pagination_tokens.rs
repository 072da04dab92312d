//! See `portcullis_fuzz::pagination_tokens`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::pagination_tokens::run(data));
