//! The cost of a hook, with every kind of codelet, beside its peers.
//!
//! ```text
//! cargo bench --bench hot_path
//! ```
//!
//! Groups and ids are fixed, so that runs can be compared over time. Absolute times drift with the
//! machine. Compare the ratios of one run; the table at the end prints them. Every benchmark
//! asserts its effect afterwards: the counter equals the calls.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod changes;
mod channels;
mod footprint;
mod guarded;
mod hooks;
mod maps;
mod measured;
mod peers;
mod table;
mod threads;

use std::time::Duration;

use criterion::Criterion;
use jbpf::request::CodeletBuilder;
use jbpf::{Codeletset, LoadRequest, Runtime};

/// The path of the object of a codelet in `codelets/bench`.
pub fn object(name: &str) -> String {
    format!("{}/../codelets/bench/{name}.o", env!("CARGO_MANIFEST_DIR"))
}

/// Loads one codelet of `codelets/bench` on a hook.
pub fn load(runtime: &Runtime, name: &str, hook: &str) -> Codeletset {
    load_with(runtime, name, hook, |codelet| codelet)
}

/// Loads one codelet, with channels added to its request.
pub fn load_with(
    runtime: &Runtime,
    name: &str,
    hook: &str,
    channels: impl FnOnce(CodeletBuilder) -> CodeletBuilder,
) -> Codeletset {
    let codelet = channels(CodeletBuilder::from_path(name, object(name), hook));
    let request = LoadRequest::builder(format!("{name}@{hook}"))
        .codelet(codelet)
        .build()
        .unwrap();
    runtime.load(&request).unwrap()
}

fn main() {
    if footprint::answer() {
        return;
    }
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(50)
        .configure_from_args();
    let runtime = Runtime::builder().name("hot_path").build().unwrap();
    hooks::benches(&mut criterion, &runtime);
    maps::benches(&mut criterion, &runtime);
    channels::benches(&mut criterion, &runtime);
    threads::benches(&mut criterion, &runtime);
    peers::benches(&mut criterion);
    drop(runtime);
    guarded::benches(&mut criterion);
    changes::benches(&mut criterion);
    criterion.final_summary();
    table::print();
}
