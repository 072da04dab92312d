//! See `portcullis_fuzz::id_tokens`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::id_tokens::run(data));
