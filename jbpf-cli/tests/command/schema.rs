use crate::{codelet, jbpf};

#[test]
fn a_schema_comes_from_an_object_where_no_application_runs() {
    let file = codelet("first_example/example_codelet.o");
    let run = jbpf(&["schema", "outmap", "--object", &file]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    for line in [
        "syntax = \"proto3\";",
        "message Packet {",
        "  sint32 seq_no = 1;",
        "  string name = 3;",
        "  repeated Packet record = 1;",
    ] {
        assert!(
            run.stdout.contains(line),
            "{line} is missing: {}",
            run.stdout
        );
    }
    let run = jbpf(&["schema", "outmpa", "--object", &file]);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr
            .ends_with("has no channel `outmpa`; did you mean `outmap`?\n"),
        "{}",
        run.stderr
    );
}

/// Objects of other headers have no annotations.
#[test]
fn a_type_is_named_where_the_source_annotates_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut object = std::fs::read(codelet("first_example/example_codelet.o")).unwrap();
    let (from, to) = (b"outmap__record", b"outmap__rec0rd");
    for at in 0..object.len() - from.len() {
        if &object[at..at + from.len()] == from {
            object[at..at + from.len()].copy_from_slice(to);
        }
    }
    let file = folder.path().join("codelet.o");
    std::fs::write(&file, object).unwrap();
    let schema = |options: &[&str]| {
        let file = file.to_str().unwrap();
        jbpf(&[&["schema", "outmap", "--object", file], options].concat())
    };
    let run = schema(&[]);
    assert!(run.stdout.contains("bytes value = 1;"), "{}", run.stdout);
    let run = schema(&["--type", "Packet"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    assert!(
        run.stdout.contains("  sint32 seq_no = 1;"),
        "{}",
        run.stdout
    );
    for (wanted, told) in [
        (
            "Paket",
            "has no type `Paket` in its debug information; did you mean `Packet`?\n",
        ),
        (
            "PacketResp",
            "type `PacketResp` has 4 bytes, and a record of `outmap` has 40\n",
        ),
    ] {
        let run = schema(&["--type", wanted]);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""));
        assert!(run.stderr.ends_with(told), "{}", run.stderr);
    }
}
