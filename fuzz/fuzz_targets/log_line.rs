#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| merging::fuzzing::log_line(bytes));
