//! See `portcullis_fuzz::request_bodies`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::request_bodies::run(data));
