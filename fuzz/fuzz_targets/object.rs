//! `Object::parse` on any bytes; see `docs/fuzzing.md`.

#![no_main]
#![allow(missing_docs)]

#[path = "../checks/object.rs"]
mod object;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| object::check(bytes));
