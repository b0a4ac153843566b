//! The table of the README: medians of this run, and the ratios that are aimed at.

use std::path::Path;

/// A benchmark, what it is compared with, and the most that the ratio should be.
const AIMS: &[(&str, &str, f64)] = &[
    ("hook/armed", "hook/native_fn_pointer", 2.5),
    ("hook/armed_x4", "hook/armed", 1.5),
    ("map/array_increment", "hook/armed", 1.3),
    ("map/per_thread_array", "hook/armed", 1.3),
    ("channel/receive_empty", "hook/armed", 1.5),
    ("channel/send_full", "hook/armed", 1.8),
    ("channel/send_32", "hook/armed", 3.0),
    ("map/hash_hit_1k", "hook/armed", 3.5),
    ("map/per_thread_hash_hit_1k", "hook/armed", 3.5),
    ("map/hash_update", "hook/armed", 7.0),
];

/// Benchmarks that are shown without an aim.
const SHOWN: &[&str] = &[
    "hook/idle",
    "peer/tracing_disabled",
    "hook/native_fn_pointer",
    "hook/native_x4",
    "hook/control",
    "hook/read_fields",
    "map/hash_miss",
    "channel/drain",
    "clock/time_get_ns",
    "peer/dyn_trait_call",
    "peer/rbpf_jit",
    "peer/rbpf_interpreter",
    "threads/armed/1",
    "threads/armed/2",
    "threads/array_same_key/1",
    "threads/array_same_key/2",
    "threads/hash_hit/1",
    "threads/hash_hit/2",
    "load/first_example",
    "unload/first_example",
    "runtime/start_and_stop",
];

pub fn print() {
    let row = |id: &str, rest: &str| match median(id) {
        Some(median) => println!("| {id} | {} | {rest} |", time(median)),
        None => println!("| {id} | not run | |"),
    };
    println!("\n| bench | median | ratio, and the aim |\n| --- | --- | --- |");
    for id in SHOWN {
        row(id, "");
    }
    for (id, base, aim) in AIMS {
        let ratio = median(id)
            .zip(median(base))
            .map_or_else(String::new, |(own, base_time)| {
                format!("{:.2} x {base}, at most {aim}", own / base_time)
            });
        row(id, &ratio);
    }
}

fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.2} ns"),
        ns if ns < 1e6 => format!("{:.2} us", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}

/// The median of the last run in ns, from criterion's files.
fn median(id: &str) -> Option<f64> {
    let target = std::env::var("CARGO_TARGET_DIR")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/target").into());
    // Ids of functions outside of a group have their slash replaced.
    let flat = id.replace('/', "_");
    let estimates = [id, flat.as_str()].into_iter().find_map(|id| {
        let file = Path::new(&target)
            .join("criterion")
            .join(id)
            .join("new/estimates.json");
        std::fs::read_to_string(file).ok()
    })?;
    let estimates: serde_json::Value = serde_json::from_str(&estimates).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}
