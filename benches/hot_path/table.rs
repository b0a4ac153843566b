//! The table of the README: medians and fastest samples of this run, and the aims.
//!
//! Ratios compare the fastest samples. On a shared machine, other users slow some samples down and
//! make none faster.

use crate::footprint;
use crate::measured::{fastest, median, time};

/// A benchmark, and the aim for its time.
struct Row(&'static str, Aim);

enum Aim {
    /// No aim: the row is there for comparison.
    None,
    /// At most so many times the time of another benchmark.
    Times(&'static str, f64),
    /// At most so many ns more than another benchmark.
    Above(&'static str, f64),
    /// At most so many ns.
    Within(f64),
    /// At least so many calls a second.
    Rate(f64),
    /// Two threads do at least so many times the work of one thread in the same time.
    Scales(&'static str, f64),
}

const ROWS: &[Row] = &[
    Row("hook/idle", Aim::Above("peer/tracing_disabled", 0.3)),
    Row("peer/tracing_disabled", Aim::None),
    Row("hook/native_fn_pointer", Aim::None),
    Row("hook/armed", Aim::Times("hook/native_fn_pointer", 2.5)),
    Row("hook/measured", Aim::None),
    Row("hook/native_x4", Aim::None),
    Row("hook/armed_x4", Aim::Times("hook/armed", 1.5)),
    Row("hook/control", Aim::None),
    Row("hook/read_fields", Aim::None),
    Row("map/array_increment", Aim::Times("hook/armed", 1.3)),
    Row("map/per_thread_array", Aim::Times("hook/armed", 1.3)),
    Row("map/hash_hit_1k", Aim::Times("hook/armed", 3.5)),
    Row("map/per_thread_hash_hit_1k", Aim::Times("hook/armed", 3.5)),
    Row("map/hash_miss", Aim::None),
    Row("map/hash_update", Aim::Times("hook/armed", 7.0)),
    Row("channel/send_32", Aim::Times("hook/armed", 3.0)),
    Row("channel/send_full", Aim::Times("hook/armed", 1.8)),
    Row("channel/receive_empty", Aim::Times("hook/armed", 1.5)),
    Row("channel/drain", Aim::Rate(10e6)),
    Row("clock/time_get_ns", Aim::None),
    Row("clock/ticks", Aim::None),
    Row("guarded/armed", Aim::Times("hook/armed", 1.5)),
    Row(
        "guarded/array_increment",
        Aim::Times("map/array_increment", 1.5),
    ),
    Row(
        "guarded/per_thread_array",
        Aim::Times("map/per_thread_array", 1.5),
    ),
    Row("guarded/hash_hit_1k", Aim::Times("map/hash_hit_1k", 1.5)),
    Row("guarded/send_32", Aim::Times("channel/send_32", 1.5)),
    Row("threads/armed/1", Aim::None),
    Row("threads/armed/2", Aim::Scales("threads/armed/1", 1.9)),
    Row("threads/hash_hit/1", Aim::None),
    Row("threads/hash_hit/2", Aim::Scales("threads/hash_hit/1", 1.9)),
    Row("threads/send_32/1", Aim::None),
    Row("threads/send_32/2", Aim::None),
    Row("threads/array_same_key/1", Aim::None),
    Row("threads/array_same_key/2", Aim::None),
    Row("peer/dyn_trait_call", Aim::None),
    Row("peer/rbpf_jit", Aim::None),
    Row("peer/rbpf_interpreter", Aim::None),
    Row("load/first_example", Aim::Within(1.5e6)),
    Row("unload/first_example", Aim::None),
    Row("attach/sixteenth", Aim::Within(2e6)),
    Row("detach/sixteenth", Aim::Within(2e6)),
    Row("runtime/start_and_stop", Aim::Within(5e6)),
];

/// The aim for the resident memory of an idle process, in MB.
const RESIDENT_MB: f64 = 6.0;

pub fn print() {
    println!("\n| bench | median | fastest | and the aim |\n| --- | --- | --- | --- |");
    for Row(id, aim) in ROWS {
        match median(id).zip(fastest(id)) {
            Some((median, own)) => {
                println!(
                    "| {id} | {} | {} | {} |",
                    time(median),
                    time(own),
                    aim.beside(own)
                );
            }
            None => println!("| {id} | not run | | |"),
        }
    }
    let footprint = footprint::measure();
    let megabytes = |kilobytes: u64| kilobytes as f64 / 1024.0;
    println!(
        "| idle process, first example loaded | {:.1} MB resident | | at most {RESIDENT_MB} MB; {:.0} MB reserved |",
        megabytes(footprint.resident),
        megabytes(footprint.reserved),
    );
}

impl Aim {
    /// Compares a fastest sample of `own` ns with the aim.
    fn beside(&self, own: f64) -> String {
        let with =
            |other: &str, say: &dyn Fn(f64) -> String| fastest(other).map(say).unwrap_or_default();
        match *self {
            Self::None => String::new(),
            Self::Times(other, most) => with(other, &|other_time| {
                format!("{:.2} x {other}, at most {most}", own / other_time)
            }),
            Self::Above(other, most) => with(other, &|other_time| {
                format!("{:+.2} ns over {other}, at most {most}", own - other_time)
            }),
            Self::Within(most) => format!("at most {}", time(most)),
            Self::Rate(least) => format!(
                "{:.0} million a second, at least {:.0}",
                1e3 / own,
                least / 1e6
            ),
            Self::Scales(one, least) => with(one, &|one_time| {
                format!(
                    "{:.2} x one thread's work, at least {least}",
                    2.0 * one_time / own
                )
            }),
        }
    }
}
