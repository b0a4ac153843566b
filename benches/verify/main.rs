//! The time of a verification: our verifier beside `prevail` on the same linked programs.
//!
//! `cargo bench --bench verify`. `verify/NAME` is ours, `prevail/NAME` the other. Both times run
//! from the linked program to the answer, without the reading of the object. `hostile` is the
//! longest program, and every path through it differs. The programs `hostile_*` are expensive in
//! other ways. prevail does not run on the hostile programs, because it takes too long. A table at
//! the end shows the fastest samples, and the peak of our verifier's heap.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

#[path = "../../jbpf-verifier/tests/assembly/mod.rs"]
mod assembly;
mod generated;
mod heap;
#[path = "../hot_path/measured.rs"]
#[expect(dead_code, reason = "the table shows no medians")]
mod measured;
#[path = "../../jbpf-core/tests/second_opinion/prevail_platform.rs"]
#[expect(dead_code, reason = "why prevail rejects a program takes no time")]
mod prevail_platform;
#[path = "../../jbpf-core/tests/second_opinion/programs.rs"]
mod programs;

use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use jbpf_verifier::verify;
use measured::{fastest, time};
use prevail_platform::Subject;
use programs::Case;

/// The limit of the heap of each verification, in bytes.
const MOST_HEAP: usize = 16 << 20;

fn ours(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verify");
    for case in safe().into_iter().chain(hostile()) {
        let program = Arc::new(case.program);
        let (context, helpers) = (Arc::new(case.context), Arc::new(case.helpers));
        let answer = || verify(black_box(&program), &context, &helpers);
        group.bench_function(case.name, |bencher| bencher.iter(answer));
    }
}

fn theirs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("prevail");
    for case in safe() {
        let subject = Subject::new(&case.program, &case.context, &case.helpers);
        group.bench_function(case.name, |bencher| {
            bencher.iter(|| black_box(&subject).judge());
        });
    }
}

/// The programs that both verify. If prevail rejects one, its time is the time to the rejection.
fn safe() -> Vec<Case> {
    let objects = [
        "first_example/example_codelet.o",
        "stats_report/stats_report.o",
        "tests/v3/parse_tlv.o",
        "tests/v3/histogram_log2.o",
        "tests/v3/retry_macros.o",
        "tests/v3/nested_loops.o",
        "tests/v3/hash_counter.o",
    ];
    let mut cases: Vec<_> = objects.into_iter().flat_map(programs::of_object).collect();
    cases.push(generated::thousand_instructions());
    cases
}

fn hostile() -> Vec<Case> {
    let (room, time) = (generated::that_take_room(), generated::that_take_time());
    room.into_iter().chain(time).collect()
}

fn print_table() {
    println!("\n| program | instructions | answer | ours | prevail | peak heap of ours |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let shown = |id: String| fastest(&id).map_or_else(|| "not run".to_owned(), time);
    let is_safe = safe().into_iter().map(|case| (case, true));
    let is_hostile = hostile().into_iter().map(|case| (case, false));
    for (case, is_safe) in is_safe.chain(is_hostile) {
        let name = case.name.replace('/', "_");
        let instructions = case.program.insns.len();
        let program = Arc::new(case.program);
        let (context, helpers) = (Arc::new(case.context), Arc::new(case.helpers));
        let answer = match verify(&program, &context, &helpers) {
            Ok(_) => "accepted".to_owned(),
            Err(rejection) => rejection.code.to_string(),
        };
        assert!(!is_safe || answer == "accepted", "{name}: {answer}");
        let peak = heap::peak(|| verify(&program, &context, &helpers));
        assert!(peak < MOST_HEAP, "{name}: {peak} bytes");
        println!(
            "| {name} | {instructions} | {answer} | {} | {} | {} KiB |",
            shown(format!("verify/{name}")),
            if is_safe {
                shown(format!("prevail/{name}"))
            } else {
                String::new()
            },
            peak / 1024,
        );
    }
}

fn main() {
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    ours(&mut criterion);
    theirs(&mut criterion);
    criterion.final_summary();
    print_table();
}
