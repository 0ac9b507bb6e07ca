//! The target `query`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proxyd::fuzzing::target(data));
