//! The examples as their users run them, and the headers that their codelets include.
//!
//! `BLESS=1 cargo test -p jbpf-tests --test examples` writes the headers anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use jbpf::header::CodeletHeader;
use jbpf::registry;

#[path = "../examples/base_station/main.rs"]
#[allow(dead_code, reason = "the declarations are wanted, not the program")]
mod base_station;
#[path = "../examples/custom_context.rs"]
#[allow(dead_code, reason = "the declarations are wanted, not the program")]
mod custom_context;
#[path = "../examples/custom_helper.rs"]
#[allow(dead_code, reason = "the declarations are wanted, not the program")]
mod custom_helper;
#[path = "../examples/packet_pipeline.rs"]
#[allow(dead_code, reason = "the declarations are wanted, not the program")]
mod packet_pipeline;

/// Cargo builds the examples with the tests, beside them.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    folder
        .join("examples")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// The output of an example, and whether it ended with success.
fn run(name: &str, arguments: &[&str]) -> (String, bool) {
    let output = Command::new(example(name))
        .args(arguments)
        .output()
        .expect("the example is built with the tests");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    (
        String::from_utf8(output.stdout).unwrap(),
        output.status.success(),
    )
}

/// The header of the hooks and helpers of one example.
fn header(name: &str) -> CodeletHeader {
    let mut hooks: Vec<_> = registry::hooks()
        .map(jbpf::Hook::info)
        .filter(|hook| hook.module.split("::").any(|part| part == name))
        .collect();
    hooks.sort_by_key(|hook| hook.name);
    let mut helpers: Vec<_> = registry::helpers()
        .filter(|helper| helper.file.ends_with(&format!("{name}.rs")))
        .collect();
    helpers.sort_by_key(|helper| helper.id);
    let header = hooks
        .into_iter()
        .fold(CodeletHeader::new(), CodeletHeader::hook);
    helpers.into_iter().fold(header, CodeletHeader::helper)
}

fn check_header(name: &str, header: &CodeletHeader) {
    let path = format!("{}/../codelets/{name}/hooks.h", env!("CARGO_MANIFEST_DIR"));
    let header = header.to_string();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &header).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap();
    assert_eq!(header, written, "{name}: BLESS=1 writes it anew");
}

#[test]
fn the_headers_are_what_the_types_say() {
    let pipeline = header("packet_pipeline")
        .data::<packet_pipeline::FlowStats>()
        .data::<packet_pipeline::Queue>()
        .data::<packet_pipeline::Late>();
    check_header("packet_pipeline", &pipeline);
    let limits = header("custom_helper").data::<custom_helper::Bucket>();
    check_header("custom_helper", &limits);
    let slots = header("custom_context").data::<custom_context::Carrier>();
    check_header("custom_context", &slots);
    let station = header("base_station")
        .data::<base_station::totals::UeTraffic>()
        .data::<base_station::totals::PrbUse>()
        .data::<base_station::totals::HarqCounts>()
        .data::<base_station::totals::BufferReports>()
        .data::<base_station::totals::CrcCounts>()
        .data::<base_station::totals::PacketCounts>()
        .data::<base_station::totals::Gaps>()
        .data::<base_station::totals::Delays>()
        .data::<base_station::totals::Bearer>()
        .data::<base_station::totals::Volume>()
        .data::<base_station::totals::SliceWeights>()
        .data::<base_station::totals::SliceUse>()
        .data::<base_station::totals::CellReport>()
        .data::<base_station::totals::Session>();
    check_header("base_station", &station);
}

const AGREE: &str = "\nAll totals are what the application counted itself.\n";

#[test]
fn the_packet_pipeline_counts_what_its_codelets_count() {
    let (printed, agrees) = run("packet_pipeline", &["--packets", "20000"]);
    assert!(printed.ends_with(AGREE) && agrees, "{printed}");
    assert!(printed.starts_with("40000 packets on 2 ports, seed 42; 5 codelets watch.\n"));
    for part in ["Flows", "Queues", "Time in the queue", "Diverted"] {
        assert!(printed.contains(&format!("\n{part}")), "{part}: {printed}");
    }
    let of = |start: &str| {
        printed
            .lines()
            .filter(|line| line.starts_with(start))
            .count()
    };
    assert_eq!(
        (of("  10.0."), of("  port ")),
        (16, 2),
        "flows, and late ones: {printed}"
    );
    assert_eq!(
        run("packet_pipeline", &["--packets", "20000"]),
        (printed, true)
    );
}

#[test]
fn the_packet_pipeline_says_so_when_packets_are_hidden_from_codelets() {
    let hidden = ["--packets", "2000", "--hide", "1000", "--ports", "1"];
    let (printed, agrees) = run("packet_pipeline", &hidden);
    assert!(!agrees);
    let (_, differences) = printed
        .split_once("\nThe totals differ from what the application counted itself:\n")
        .expect(&printed);
    assert!(
        differences.contains("port 0: Queue { entered: 1998, left: 1998"),
        "{differences}"
    );
    assert!(differences.contains("waiting times: 1998 reported, 2000 counted"));
}

#[test]
fn the_packet_pipeline_says_so_when_a_codelet_does_the_wrong_thing() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../codelets/packet_pipeline");
    let request = std::fs::read_to_string(format!("{folder}/load.yaml")).unwrap();
    let wrong = request
        .replace("divert_late.o", "divert_nothing.o")
        .replace("codelet_path: ", &format!("codelet_path: {folder}/"));
    assert!(wrong.contains("/divert_nothing.o"), "{wrong}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), wrong).unwrap();
    let request = file.path().to_str().unwrap();
    let (printed, agrees) = run(
        "packet_pipeline",
        &["--packets", "2000", "--request", request],
    );
    assert!(!agrees);
    let (_, differences) = printed
        .split_once("\nThe totals differ from what the application counted itself:\n")
        .expect(&printed);
    assert!(
        differences.starts_with("  late packets: 0 diverted, ") && differences.lines().count() == 1,
        "{differences}"
    );
}

#[test]
fn the_packet_pipeline_reconciles_what_finds_its_channel_full() {
    // Everything is late, and eight ports fill the channel faster than one reader empties it.
    let all = ["--packets", "20000", "--ports", "8", "--deadline-us", "1"];
    let (printed, agrees) = run("packet_pipeline", &all);
    assert!(printed.ends_with(AGREE) && agrees, "{printed}");
}

#[test]
fn a_custom_helper_tells_a_codelet_what_only_the_application_knows() {
    let (printed, agrees) = run("custom_helper", &[]);
    assert!(printed.ends_with(AGREE) && agrees, "{printed}");
    for plan in ["1    free", "2    basic", "3    large", "4    until 30 s"] {
        assert!(printed.contains(&format!("\n  {plan}")), "{printed}");
    }
    let (printed, agrees) = run("custom_helper", &["--hide", "500"]);
    assert!(
        !agrees && printed.contains("\nThe totals differ"),
        "{printed}"
    );
}

#[test]
fn a_custom_context_lets_codelets_change_one_number() {
    let (printed, agrees) = run("custom_context", &[]);
    assert!(printed.ends_with(AGREE) && agrees, "{printed}");
    let carriers = printed
        .lines()
        .filter(|line| line.starts_with("  carrier "));
    assert_eq!(carriers.count(), 3, "{printed}");
    let (printed, agrees) = run("custom_context", &["--hide", "500"]);
    assert!(
        !agrees && printed.contains("\nThe totals differ"),
        "{printed}"
    );
}

/// A fifth of a second, idle and loaded: some hundred thousand calls.
const SHORT: [&str; 5] = ["--seconds", "0.2", "--turns", "1", "--unpaced"];

/// The lines of a report that do not depend on the clock.
fn without_times(printed: &str) -> Vec<&str> {
    let mut timed = false;
    let mut kept = Vec::new();
    for line in printed.lines() {
        let titles = ["  Share of a core", "  Codelets, as the runtime"];
        timed |= titles.iter().any(|title| line.starts_with(title));
        timed &= !line.is_empty();
        if !timed {
            kept.push(line);
        }
    }
    kept
}

#[test]
fn the_base_station_counts_what_its_codelets_count() {
    let (printed, agrees) = run("base_station", &SHORT);
    assert!(printed.ends_with(AGREE) && agrees, "{printed}");
    for part in [
        "The station is idle: 16 UEs.",
        "The station is loaded: 200 UEs.",
        "  Share of a core, by the ",
        "    the least of each ",
        "  Codelets, as the runtime measures them",
    ] {
        assert!(printed.contains(&format!("\n{part}")), "{part}: {printed}");
    }
    let rate = |after: &str| -> f64 {
        let (_, of_load) = printed.split_once(after).unwrap();
        let line = of_load.lines().find(|line| line.starts_with("    all "));
        let rate = line.and_then(|line| line.split_whitespace().last());
        rate.unwrap().parse().unwrap()
    };
    let (idle, loaded) = (rate("station is idle"), rate("station is loaded"));
    assert!((105e3..115e3).contains(&idle), "{idle} calls a second");
    assert!(
        (0.95e6..1.05e6).contains(&loaded),
        "{loaded} calls a second"
    );
    let (again, _) = run("base_station", &SHORT);
    assert_eq!(without_times(&printed), without_times(&again));
}

#[test]
fn the_base_station_has_the_hooks_of_its_layers() {
    let names: Vec<_> = registry::hooks()
        .map(jbpf::Hook::info)
        .filter(|hook| hook.module.contains("::base_station::"))
        .map(|hook| hook.name)
        .collect();
    let of = |layer: &str| names.iter().filter(|name| name.starts_with(layer)).count();
    let layers = [
        "fapi_", "mac_", "rlc_", "pdcp_", "xran_", "rrc_", "ue_", "slice_",
    ];
    assert_eq!(layers.map(of), [14, 20, 15, 11, 7, 8, 4, 4]);
    assert_eq!(names.len(), 83);
}

#[test]
fn the_base_station_says_so_when_calls_are_hidden_from_codelets() {
    let hidden = [&SHORT[..], &["--load", "idle", "--hide", "100"]].concat();
    let (printed, agrees) = run("base_station", &hidden);
    assert!(!agrees);
    let (_, differences) = printed
        .split_once("\nThe totals differ from what the application counted itself:\n")
        .expect(&printed);
    for codelet in ["xran_packets", "prb_use_down", "pdcp_volume", "bsr_stats"] {
        assert!(
            differences.contains(&format!("  {codelet} ")),
            "{codelet}: {differences}"
        );
    }
}

#[test]
fn the_base_station_runs_without_codelets() {
    let alone = [&SHORT[..], &["--load", "idle", "--no-codelets"]].concat();
    let (printed, agrees) = run("base_station", &alone);
    assert!(agrees, "{printed}");
    assert!(!printed.contains("by prb_use"), "{printed}");
}
