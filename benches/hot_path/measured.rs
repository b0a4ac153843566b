//! Reads the results of the last run from criterion's files.

use std::path::Path;

/// Shows a time of `ns` ns in a unit that suits it.
pub fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.2} ns"),
        ns if ns < 1e6 => format!("{:.2} us", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}

/// The median of the last run in ns.
pub fn median(id: &str) -> Option<f64> {
    report(id, "estimates.json")?["median"]["point_estimate"].as_f64()
}

/// The fastest sample of the last run, in ns per iteration.
pub fn fastest(id: &str) -> Option<f64> {
    let sample = report(id, "sample.json")?;
    let (times, iterations) = (sample["times"].as_array()?, sample["iters"].as_array()?);
    let each = times.iter().zip(iterations);
    each.filter_map(|(time, iterations)| Some(time.as_f64()? / iterations.as_f64()?))
        .min_by(f64::total_cmp)
}

fn report(id: &str, name: &str) -> Option<serde_json::Value> {
    let target = std::env::var("CARGO_TARGET_DIR")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../target").into());
    // Criterion replaces the slash in ids of functions outside of a group.
    let flat = id.replace('/', "_");
    let report = [id, flat.as_str()].into_iter().find_map(|id| {
        let folder = Path::new(&target).join("criterion").join(id).join("new");
        std::fs::read_to_string(folder.join(name)).ok()
    })?;
    serde_json::from_str(&report).ok()
}
