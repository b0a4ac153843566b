//! The codelets that users are shown: the first example, and the statistics report.

use jbpf_verifier::VerifiedProgram;
use jbpf_verifier::report::render;
use jbpf_verifier::types::{ContextDef, MapKind, RegionDef};

use crate::execute::{On, Session};
use crate::notation::{Run, Value};
use crate::{codelets, traps, verify_object};

fn accepted(path: &str, context: ContextDef) -> VerifiedProgram {
    verify_object(path, context).unwrap_or_else(|rejection| panic!("{}", render(&rejection, false)))
}

fn on_both_engines(path: &str, context: &ContextDef, runs: &[Run]) {
    for on in [On::CheckedInterpreter, On::Native, On::Guarded] {
        let session = Session::new("shipped", accepted(path, context.clone()), on);
        for run in runs {
            session.run(run);
        }
    }
}

#[test]
fn the_first_example_echoes_counts_and_answers() {
    // The context that `fn example(packet: &Packet, ctx_id: u32)` declares.
    let context = ContextDef {
        region: RegionDef {
            known_size: 40,
            sized_by_end: false,
            writable: false,
            align: 4,
        },
        ..ContextDef::generic()
    };
    let mut packet = Vec::new();
    packet.extend(6i32.to_le_bytes());
    packet.extend((-6i32).to_le_bytes());
    packet.extend(b"instance 6");
    packet.resize(40, 0);
    let call = |number: u32| Run {
        text: format!("call {number}"),
        region: packet.clone(),
        r0: Some(0),
        outputs: vec![("outmap".to_owned(), vec![packet.clone()])],
        values: vec![Value {
            map: "counter".to_owned(),
            key: vec![0; 4],
            value: Some(number.to_le_bytes().to_vec()),
        }],
        ..Run::default()
    };
    let answered = Run {
        inputs: vec![("inmap".to_owned(), vec![5i32.to_le_bytes().to_vec()])],
        print: Some(" Called 2 times so far and received response for seq_no 5".to_owned()),
        ..call(2)
    };
    on_both_engines(
        "first_example/example_codelet.o",
        &context,
        &[call(1), answered, call(3)],
    );
}

/// One entry of a report: calls, shortest, longest, and the histogram's bins that are not zero.
fn entry(name: &str, calls: u64, min: u64, max: u64, bins: &[(usize, u32)]) -> Vec<u8> {
    let mut entry = Vec::new();
    for number in [calls, min, max] {
        entry.extend(number.to_le_bytes());
    }
    for bin in 0..64 {
        let count = bins.iter().find(|(at, _)| *at == bin);
        entry.extend(count.map_or(0, |(_, count)| *count).to_le_bytes());
    }
    entry.extend(name.as_bytes());
    entry.resize(536, 0);
    entry
}

#[test]
fn the_statistics_codelet_summarises_a_report() {
    let mut report = vec![2, 0, 0, 0, 0, 0, 0, 0];
    report.extend(entry("example", 10, 90, 5000, &[(6, 4), (7, 5), (12, 1)]));
    report.extend(entry("idle", 0, 0, 0, &[]));
    report.resize(68_616, 0);
    let run = Run {
        text: "a report".to_owned(),
        region: report,
        fields: vec![("meas_period".to_owned(), 1_000_000)],
        r0: Some(0),
        ..Run::default()
    };
    for on in [On::CheckedInterpreter, On::Native, On::Guarded] {
        let program = accepted("stats_report/stats_report.o", ContextDef::stats());
        let session = Session::new("stats_report", program, on);
        let records = session.records(&run, "summaries");
        let [summary] = &records[..] else {
            panic!("one summary a report");
        };
        assert_eq!(summary.len(), 16 + 16 * 288);
        // After the timestamp: the period, and how many hooks there are.
        assert_eq!(summary[8..12], 1_000_000u32.to_le_bytes());
        assert_eq!(summary[12..16], 2u32.to_le_bytes());
        let example = &summary[16..16 + 288];
        assert_eq!(&example[..8], b"example\0");
        let numbers: Vec<u64> = example[256..]
            .chunks(8)
            .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
            .collect();
        // The sixth of ten calls took 128 to 255 ns.
        assert_eq!(numbers, [10, 90, 5000, 128]);
    }
}

#[test]
fn a_report_that_claims_too_many_hooks_is_bounded() {
    let mut report = vec![255, 0, 0, 0, 0, 0, 0, 0];
    report.resize(68_616, 0);
    let run = Run {
        text: "a lie".to_owned(),
        region: report,
        r0: Some(0),
        ..Run::default()
    };
    for on in [On::CheckedInterpreter, On::Native, On::Guarded] {
        let program = accepted("stats_report/stats_report.o", ContextDef::stats());
        let session = Session::new("stats_report", program, on);
        let records = session.records(&run, "summaries");
        assert_eq!(records[0][12..16], 16u32.to_le_bytes());
    }
}

/// Codelets for an application's own hooks, helpers or types of maps are left out: this test does
/// not know those.
#[test]
fn machine_code_of_shipped_codelets_does_not_trap() {
    /// Objects that cannot be loaded.
    const BROKEN: &str = "loading";
    let folders = std::fs::read_dir(codelets()).unwrap();
    let folders = folders.map(|folder| folder.unwrap().path());
    let folders = folders.filter(|folder| folder.is_dir() && !folder.ends_with(BROKEN));
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let files = files.map(|file| file.unwrap().path());
    let mut seen = 0;
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "o")) {
        let path = file.strip_prefix(codelets()).unwrap().to_str().unwrap();
        let mut contexts = [ContextDef::generic(), ContextDef::stats()].into_iter();
        let verified = contexts.find_map(|context| verify_object(path, context).ok());
        let has_kinds = |verified: &VerifiedProgram| {
            let maps = &verified.program().maps;
            maps.iter()
                .all(|map| !matches!(map.kind, MapKind::Application(_)))
        };
        if let Some(verified) = verified.filter(has_kinds) {
            let session = Session::new(path, verified, On::CheckedInterpreter);
            traps::assert_none(session.codelet());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen} codelets");
}
