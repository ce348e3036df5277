#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pen::fuzzing::rdp_request(bytes));
