//! The target `route`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proxyd::fuzzing::sites(data));
