//! Programs whose every decision libFuzzer makes: those that the verifier accepts must run as it says. The
//! programs, and what they are held against, are those of `jbpf-core/tests/soundness`.
//!
//! ```sh
//! cargo install cargo-fuzz
//! RUSTC_BOOTSTRAP=1 cargo fuzz run soundness -- -max_len=1024 -max_total_time=600
//! ```
//!
//! (`RUSTC_BOOTSTRAP=1` lets a stable compiler take the flags of libFuzzer and of the sanitizer.) A finding panics with the
//! program in the message; its bytes are kept in `fuzz/artifacts/soundness`, and named as the last argument
//! they are run once more.

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
#[path = "../../jbpf-core/tests/soundness/oracle/mod.rs"]
mod oracle;
#[path = "../../jbpf-core/tests/soundness/program/mod.rs"]
mod program;
#[path = "../../jbpf-core/tests/soundness/tally.rs"]
mod tally;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};

use choices::Choices;
use libfuzzer_sys::fuzz_target;
use oracle::Oracle;
use program::Case;
use tally::Tally;

/// After how many programs it is said what they exercised.
const REPORT: u64 = 50_000;

static ORACLE: LazyLock<Oracle> = LazyLock::new(Oracle::new);
static TALLY: LazyLock<Mutex<Tally>> = LazyLock::new(Mutex::default);
static PROGRAMS: AtomicU64 = AtomicU64::new(0);

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices::from_bytes(bytes);
    let case = Case::new("of the fuzzer's bytes", &mut choices);
    let verdict = ORACLE.judge(&case, &mut choices);
    let mut tally = TALLY.lock().unwrap();
    tally.add(&case, &verdict);
    if PROGRAMS.fetch_add(1, Ordering::Relaxed) % REPORT == REPORT - 1 {
        eprintln!("{tally}");
    }
});
