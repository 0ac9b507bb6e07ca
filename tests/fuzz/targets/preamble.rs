//! The target `preamble`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proxyd::fuzzing::tunnel(data));
