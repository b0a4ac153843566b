//! A collector with a lying host; see `docs/fuzzing.md`.

#![no_main]
#![allow(missing_docs, dead_code, reason = "the module is for two targets")]

#[path = "../checks/collector/mod.rs"]
mod collector;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| collector::grant::check(bytes));
