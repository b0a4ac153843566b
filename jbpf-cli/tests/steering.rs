//! A record that an operator sends changes what a codelet keeps, and the command shows it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod terminal;

use std::path::Path;

use jbpf::request::CodeletBuilder;
use jbpf::{LoadRequest, Runtime, StreamId, jbpf_data, jbpf_hook};
use terminal::Terminal;

#[jbpf_data]
struct Packet {
    seq_no: u32,
}

/// Called for every packet.
#[jbpf_hook]
fn arrived(packet: &Packet, ctx_id: u32) {}

#[test]
fn a_record_that_is_sent_changes_a_value_that_maps_shows() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("jbpf")).unwrap();
    let runtime = Runtime::builder()
        .name("steered")
        .socket(folder.path().join("jbpf/steered.sock"))
        .build()
        .unwrap();
    // Keeps the threshold that it was sent last.
    let object = Path::new(env!("CARGO_MANIFEST_DIR")).join("../codelets/tests/v3/control_input.o");
    let codelet = CodeletBuilder::from_path("steered", object, "arrived")
        .input("settings", StreamId([7; 16]));
    let request = LoadRequest::builder("set").codelet(codelet).build();
    runtime.load(&request.unwrap()).unwrap();
    let terminal = Terminal(folder.path());
    let threshold = || {
        let maps = terminal.json("maps set --zeros --json");
        assert_eq!(maps.len(), 1, "{maps:?}");
        maps[0]["value"].to_string()
    };

    let before = threshold();
    arrived(&Packet { seq_no: 1 }, 0);
    assert_eq!(threshold(), before);

    for (sent, shown) in [(305_419_896, "78563412"), (7, "07000000")] {
        let record = format!("send settings {{\"threshold\":{sent}}}");
        assert_eq!(terminal.prints(&record), "sent 8 bytes to settings\n");
        arrived(&Packet { seq_no: 2 }, 0);
        let value = threshold();
        assert!(
            value.contains(shown) || value.contains(&sent.to_string()),
            "{value}"
        );
        assert_ne!(value, before);
    }
}
