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
