//! See `portcullis_fuzz::sdk_requests`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::sdk_requests::run(data));
