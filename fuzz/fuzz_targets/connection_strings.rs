//! See `portcullis_fuzz::connection_strings`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::connection_strings::run(data));
