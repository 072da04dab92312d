//! See `portcullis_fuzz::password_filters`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::password_filters::run(data));
