//! Soundness by execution: generated programs, of which those that the verifier accepts must run as it
//! says. `oracle` says what that means, `program` how they are made.
//!
//! `JBPF_FUZZ_SEED` and `JBPF_FUZZ_CASES` choose other programs, and more. A long run, of ten minutes or
//! of `JBPF_FUZZ_SECONDS`, says what it found every now and then:
//!
//! ```sh
//! cargo test -p jbpf-core --test soundness -- --ignored --nocapture
//! ```
//!
//! `fuzz/` has libFuzzer choose the programs instead.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod application;
mod choices;
mod evaluator;
mod feature;
mod oracle;
mod program;
mod tally;

use std::time::{Duration, Instant};

use choices::Choices;
use feature::Feature;
use oracle::Oracle;
use program::Case;
use tally::Tally;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(default)
}

fn judge(seed: u64, oracle: &Oracle, tally: &mut Tally) {
    let mut choices = Choices::from_seed(seed);
    let case = Case::new(&format!("seed {seed}"), &mut choices);
    let verdict = oracle.judge(&case, &mut choices);
    tally.add(&case, &verdict);
}

#[test]
fn what_is_accepted_runs_as_the_verifier_says() {
    let first = setting("JBPF_FUZZ_SEED", 1);
    let cases = setting("JBPF_FUZZ_CASES", 8000);
    let oracle = Oracle::new();
    let mut tally = Tally::default();
    for seed in first..first + cases {
        judge(seed, &oracle, &mut tally);
    }
    println!("{tally}");
    if cases < 8000 {
        return;
    }
    // Near the frontier means on both sides of it, and nowhere blind.
    assert!(tally.accepted > cases / 10 && tally.accepted < cases / 10 * 9);
    assert!(tally.recorded > tally.accepted / 10 * 9);
    assert!(tally.path_by_path > tally.accepted / 10 * 8);
    assert!(tally.evaluated > tally.accepted / 10 * 9);
    assert!(tally.native > tally.accepted / 100 * 99);
    assert!(tally.fused > tally.accepted / 2);
    assert!(tally.merging > cases / 200);
    for &feature in Feature::ALL {
        let exercised = tally.exercised(feature);
        assert!(exercised.executed >= 3, "{feature:?}: {exercised:?}");
    }
}

#[test]
#[ignore = "runs for ten minutes"]
fn long_run() {
    const REPORT: Duration = Duration::from_secs(60);
    let until = Instant::now() + Duration::from_secs(setting("JBPF_FUZZ_SECONDS", 600));
    let oracle = Oracle::new();
    let mut tally = Tally::default();
    let mut report = Instant::now() + REPORT;
    // Other programs than those of the short run.
    for seed in setting("JBPF_FUZZ_SEED", 1_000_000).. {
        let now = Instant::now();
        if now >= until {
            println!("up to seed {seed}:\n{tally}");
            return;
        }
        if now >= report {
            println!("up to seed {seed}:\n{tally}");
            report = now + REPORT;
        }
        judge(seed, &oracle, &mut tally);
    }
}

#[test]
fn bytes_of_a_fuzzer_make_programs_too() {
    let oracle = Oracle::new();
    let mut accepted = 0;
    for seed in 1..200 {
        let mut random = Choices::from_seed(seed);
        let bytes: Vec<u8> = (0..seed * 3).map(|_| random.below(256) as u8).collect();
        let mut choices = Choices::from_bytes(&bytes);
        let case = Case::new("bytes", &mut choices);
        let verdict = oracle.judge(&case, &mut choices);
        accepted += u64::from(matches!(verdict, oracle::Verdict::Accepted { .. }));
    }
    assert!(accepted > 10, "{accepted} accepted");
}
