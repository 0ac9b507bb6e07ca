//! The target `http`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| supervisord_rs::fuzzing::http(data));
