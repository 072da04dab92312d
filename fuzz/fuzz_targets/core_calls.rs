//! See `portcullis_fuzz::core_calls`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::core_calls::run(data));
