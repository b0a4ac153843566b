//! Soundness by execution: the programs are generated, and those that the verifier accepts must
//! run as it says. `oracle` defines what that means, `program` generates them.
//!
//! `JBPF_FUZZ_SEED` and `JBPF_FUZZ_CASES` choose other programs, and more. A long run, of ten
//! minutes or of `JBPF_FUZZ_SECONDS`, reports its findings every now and then:
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
#[path = "../support/last_seen.rs"]
#[allow(dead_code, reason = "others count the maps")]
mod last_seen;
mod oracle;
mod program;
mod row;
mod tally;
#[path = "../support/traps.rs"]
mod traps;

use std::time::{Duration, Instant};

use choices::Choices;
use feature::{Circumstance, Feature};
use oracle::threads::{self, Sharing};
use oracle::{Accepted, Oracle};
use program::Case;
use row::{Access, Memory, Place, Row, TABLE};
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
    /// How often a feature is to be exercised.
    const EXERCISED: u64 = 3;
    let first = setting("JBPF_FUZZ_SEED", 1);
    let cases = setting("JBPF_FUZZ_CASES", 4000);
    let oracle = Oracle::new();
    let mut tally = Tally::default();
    for seed in first..first + cases {
        judge(seed, &oracle, &mut tally);
    }
    // Some more, as long as something is rare.
    let rare = |tally: &Tally| {
        let exercised = |feature: &&Feature| tally.exercised(**feature).executed < EXERCISED;
        let found = |circumstance: &&Circumstance| tally.found(**circumstance) < EXERCISED;
        let feature = Feature::ALL.iter().find(exercised);
        let circumstance = Circumstance::ALL.iter().find(found);
        (feature.is_some() || circumstance.is_some()).then_some((feature, circumstance))
    };
    let mut seed = first + cases;
    while rare(&tally).is_some() && seed < first + 4 * cases {
        judge(seed, &oracle, &mut tally);
        seed += 1;
    }
    println!("{tally}");
    if cases < 4000 {
        return;
    }
    // Near the frontier means on both sides of it, and nowhere blind.
    let programs = tally.programs;
    assert!(tally.accepted > programs / 10 && tally.accepted < programs / 10 * 9);
    assert!(tally.recorded > tally.accepted / 10 * 9);
    assert!(tally.path_by_path > tally.accepted / 10 * 8);
    assert!(tally.evaluated > tally.accepted / 10 * 9);
    assert!(tally.found(Circumstance::Fused) > tally.accepted / 10);
    assert!(tally.merging > programs / 200);
    assert_eq!(rare(&tally), None);
}

#[test]
fn machine_code_of_accepted_programs_does_not_trap() {
    const ACCEPTED: u32 = 300;
    let oracle = Oracle::new();
    let mut accepted = 0;
    let mut seed = setting("JBPF_FUZZ_SEED", 1);
    while accepted < ACCEPTED {
        let mut choices = Choices::from_seed(seed);
        let case = Case::new(&format!("seed {seed}"), &mut choices);
        if let Some(codelet) = oracle.bind(&case) {
            traps::assert_none(&codelet);
            accepted += 1;
        }
        seed += 1;
    }
}

#[test]
fn every_row_of_the_table_is_met() {
    /// Programs for one row.
    const ATTEMPTS: u64 = 60;
    let oracle = Oracle::new();
    let mut tally = Tally::default();
    for attempt in 1..=ATTEMPTS {
        let mut rows = TABLE.iter().enumerate();
        while let Some((index, &row)) = rows.find(|(_, row)| tally.is_empty(**row)) {
            let seed = attempt << 32 | index as u64;
            let mut choices = Choices::from_seed(seed);
            let case = Case::aimed(&format!("{row:?}, seed {seed}"), row, &mut choices);
            let verdict = oracle.judge(&case, &mut choices);
            tally.add(&case, &verdict);
        }
        if tally.empty().is_empty() {
            break;
        }
    }
    println!("{} programs for {} rows", tally.programs, TABLE.len());
    let listed = |rows: Vec<Row>| {
        rows.iter()
            .map(|row| format!("{row:?}\n"))
            .collect::<String>()
    };
    let (unexpected, empty) = (listed(tally.unexpected()), listed(tally.empty()));
    assert!(
        unexpected.is_empty(),
        "accepted against the rules:\n{unexpected}"
    );
    assert!(empty.is_empty(), "never met:\n{empty}");
}

/// Programs on two threads.
#[derive(Default)]
struct Pairs {
    collided: u64,
    /// Compared with the evaluator: programs that add to memory that threads share, and programs
    /// that do not touch it.
    added: u64,
    apart: u64,
    before: Option<Accepted>,
}

impl Pairs {
    /// Runs an accepted program with itself and with the one before, so many times on each thread.
    fn try_seed(&mut self, seed: u64, oracle: &Oracle, rounds: usize) {
        let mut choices = Choices::from_seed(seed);
        let name = format!("seed {seed}");
        let case = if choices.chance(50) {
            let memory = choices.pick(&[Memory::Array, Memory::Data]);
            let row = Row::Accessed {
                access: Access::Atomic,
                size: choices.pick(&[4, 8]),
                memory,
                place: choices.pick(&[Place::First, Place::Last, Place::Aligned]),
            };
            Case::aimed(&name, row, &mut choices)
        } else {
            Case::new(&name, &mut choices)
        };
        let Some((accepted, met)) = oracle.accept(&case, &mut choices) else {
            return;
        };
        let sharing = threads::sharing(&case.program, &met);
        let adds = match sharing {
            Sharing::Adds(width) => Some(width),
            Sharing::Nothing | Sharing::Everything => None,
        };
        if sharing != Sharing::Everything && threads::add_up(&accepted, adds, rounds, &mut choices)
        {
            self.added += u64::from(adds.is_some());
            self.apart += u64::from(adds.is_none());
        }
        if let Some(before) = &self.before
            && threads::have_one_world(before.verified.program(), accepted.verified.program())
        {
            threads::collide([before, &accepted], rounds, &mut choices);
            self.collided += 1;
        }
        self.before = Some(accepted);
    }
}

#[test]
fn accepted_programs_run_on_two_threads_at_once() {
    let oracle = Oracle::new();
    let mut pairs = Pairs::default();
    let mut seed = 1;
    while pairs.added < 10 || pairs.apart < 30 || pairs.collided < 50 {
        assert!(
            seed < 2000,
            "{} and {} programs only",
            pairs.added,
            pairs.apart
        );
        pairs.try_seed(seed, &oracle, 200);
        seed += 1;
    }
}

#[test]
#[ignore = "runs for ten minutes"]
fn long_run_on_two_threads() {
    let until = Instant::now() + Duration::from_secs(setting("JBPF_FUZZ_SECONDS", 600));
    let oracle = Oracle::new();
    let mut pairs = Pairs::default();
    for seed in setting("JBPF_FUZZ_SEED", 1_000_000).. {
        if Instant::now() >= until {
            println!(
                "up to seed {seed}: {} pairs, {} programs that add, {} that share nothing",
                pairs.collided, pairs.added, pairs.apart
            );
            return;
        }
        pairs.try_seed(seed, &oracle, 4000);
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

/// For coverage by accepted programs alone: the first run writes their seeds to the file that
/// `JBPF_FUZZ_LIST` names, and later ones judge those and no others.
#[test]
#[ignore = "measures coverage, see docs/verified-facts.md"]
fn accepted_programs_alone() {
    let Ok(list) = std::env::var("JBPF_FUZZ_LIST") else {
        println!("JBPF_FUZZ_LIST names no file, so there is nothing to list");
        return;
    };
    let oracle = Oracle::new();
    let mut tally = Tally::default();
    if let Ok(seeds) = std::fs::read_to_string(&list) {
        for seed in seeds.lines() {
            judge(seed.parse().unwrap(), &oracle, &mut tally);
        }
        assert_eq!(tally.programs, tally.accepted);
        return;
    }
    let mut seeds = String::new();
    let first = setting("JBPF_FUZZ_SEED", 1);
    for seed in first..first + setting("JBPF_FUZZ_CASES", 20_000) {
        let before = tally.accepted;
        judge(seed, &oracle, &mut tally);
        if tally.accepted > before {
            seeds.push_str(&format!("{seed}\n"));
        }
    }
    std::fs::write(&list, seeds).unwrap();
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
