//! Programs that libFuzzer decides in every detail. If the verifier accepts one, it must run as
//! the verifier says. The generator and the checks are those of `jbpf-core/tests/soundness`.
//!
//! ```sh
//! cargo install cargo-fuzz
//! RUSTC_BOOTSTRAP=1 cargo fuzz run soundness -- -max_len=1024 -max_total_time=600
//! ```
//!
//! (`RUSTC_BOOTSTRAP=1` lets a stable compiler take the flags of libFuzzer and of the sanitizer.)
//! A finding panics with the program in the message. libFuzzer keeps its bytes in
//! `fuzz/artifacts/soundness`, and runs them again if that file is the last argument.

#![no_main]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    missing_docs,
    reason = "the modules are those of a test, which uses all of them"
)]

#[path = "../../jbpf-core/tests/soundness/application.rs"]
mod application;
#[path = "../../jbpf-core/tests/soundness/choices.rs"]
mod choices;
#[path = "../../jbpf-core/tests/soundness/evaluator/mod.rs"]
mod evaluator;
#[path = "../../jbpf-core/tests/soundness/feature.rs"]
mod feature;
#[path = "../../jbpf-core/tests/support/last_seen.rs"]
mod last_seen;
#[path = "../../jbpf-core/tests/soundness/oracle/mod.rs"]
mod oracle;
#[path = "../../jbpf-core/tests/soundness/program/mod.rs"]
mod program;
#[path = "../../jbpf-core/tests/soundness/row/mod.rs"]
mod row;
#[path = "../../jbpf-core/tests/soundness/tally.rs"]
mod tally;

use std::cell::{Cell, RefCell};

use choices::Choices;
use libfuzzer_sys::fuzz_target;
use oracle::Oracle;
use program::Case;
use tally::Tally;

/// The programs between two reports on what they exercised.
const REPORT: u64 = 50_000;

thread_local! {
    static ORACLE: Oracle = Oracle::new();
    static TALLY: RefCell<Tally> = RefCell::default();
    static PROGRAMS: Cell<u64> = const { Cell::new(0) };
}

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices::from_bytes(bytes);
    let case = Case::new("of the fuzzer's bytes", &mut choices);
    let verdict = ORACLE.with(|oracle| oracle.judge(&case, &mut choices));
    TALLY.with_borrow_mut(|tally| tally.add(&case, &verdict));
    let programs = PROGRAMS.get() + 1;
    PROGRAMS.set(programs);
    if programs.is_multiple_of(REPORT) {
        TALLY.with_borrow(|tally| eprintln!("{tally}"));
    }
});
