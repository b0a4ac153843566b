//! How long a load waits for its proof: our verifier beside `prevail` on the same linked programs.
//!
//! `cargo bench --bench verify`. `verify/NAME` is ours, `prevail/NAME` the other, from the linked program to the answer in
//! both cases; reading the object is not included. `hostile` is the longest program there is, made so that every path
//! through it differs; of prevail's time on it nobody would wait for the end.

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
#[path = "../../jbpf-core/tests/second_opinion/prevail_platform.rs"]
#[expect(dead_code, reason = "why prevail rejects a program takes no time")]
mod prevail_platform;
#[path = "../../jbpf-core/tests/second_opinion/programs.rs"]
mod programs;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use jbpf_verifier::verify;
use prevail_platform::Subject;
use programs::Case;

fn ours(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verify");
    let accepted = accepted().into_iter().map(|case| (case, true));
    for (case, accepted) in accepted.chain([(generated::hostile(), false)]) {
        let program = Arc::new(case.program);
        let (context, helpers) = (Arc::new(case.context), Arc::new(case.helpers));
        let answer = || verify(black_box(&program), &context, &helpers);
        assert_eq!(answer().is_ok(), accepted, "{}", case.name);
        group.bench_function(case.name, |bencher| bencher.iter(answer));
    }
}

fn theirs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("prevail");
    for case in accepted() {
        let subject = Subject::new(&case.program, &case.context, &case.helpers);
        group.bench_function(case.name, |bencher| {
            bencher.iter(|| black_box(&subject).judge());
        });
    }
}

/// The programs that are compared. All are safe; where prevail does not see it, its time is that to a
/// rejection.
fn accepted() -> Vec<Case> {
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

criterion_group! {
    name = verification;
    config = Criterion::default().sample_size(20);
    targets = ours, theirs
}
criterion_main!(verification);
