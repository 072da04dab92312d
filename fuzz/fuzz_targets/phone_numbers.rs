//! See `portcullis_fuzz::phone_numbers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::phone_numbers::run(data));
