//! See `portcullis_fuzz::app_info`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::app_info::run(data));
