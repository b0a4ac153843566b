//! The verifier on any bytes as instructions, and both engines on accepted programs; see
//! `docs/fuzzing.md`.

#![no_main]
#![allow(missing_docs)]

#[path = "../checks/verifier.rs"]
mod verifier;

use std::cell::Cell;

use verifier::Outcome;

/// The programs between two reports on their outcomes.
const REPORT: u64 = 500_000;

thread_local! {
    static PROGRAMS: Cell<u64> = const { Cell::new(0) };
    static ACCEPTED: Cell<u64> = const { Cell::new(0) };
    static RUN: Cell<u64> = const { Cell::new(0) };
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match verifier::check(bytes) {
        Outcome::Rejected => {}
        Outcome::Accepted => ACCEPTED.set(ACCEPTED.get() + 1),
        Outcome::Run => RUN.set(RUN.get() + 1),
    }
    let programs = PROGRAMS.get() + 1;
    PROGRAMS.set(programs);
    if programs.is_multiple_of(REPORT) {
        let (accepted, run) = (ACCEPTED.get(), RUN.get());
        eprintln!("{programs} programs: {run} run on both engines, {accepted} accepted alone");
    }
});
