//! The target `ini`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| supervisord_rs::fuzzing::ini(data));
