//! A host with a lying collector; see `docs/fuzzing.md`.

#![no_main]
#![allow(missing_docs, dead_code, reason = "the module is for two targets")]

#[path = "../checks/collector/mod.rs"]
mod collector;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| collector::page::check(bytes));
