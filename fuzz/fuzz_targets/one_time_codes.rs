//! See `portcullis_fuzz::one_time_codes`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::one_time_codes::run(data));
