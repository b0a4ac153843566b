use crate::{codelet, jbpf};

fn first_example() -> String {
    codelet("first_example/example_codelet.o")
}

const PACKET: &str = r#"{"seq_no": 7, "value": -7, "name": "seven"}"#;

#[test]
fn a_codelet_runs_on_json_and_shows_what_it_did() {
    let run = jbpf(&[
        "run",
        &first_example(),
        "--type",
        "Packet",
        "--data-json",
        PACKET,
        "--input",
        r#"inmap={"seq_no": 6}"#,
        "--repeat",
        "2",
    ]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{}", run.stdout);
    let lines: Vec<_> = run.stdout.lines().collect();
    let packet = r#"outmap  {"seq_no":"7","value":"-7","name":"seven"}"#;
    assert_eq!(
        lines[..5],
        [
            "printed  Called 1 times so far and received response for seq_no 6",
            packet,
            packet,
            "counter",
            "  0  \"2\"",
        ]
    );
    assert_eq!(lines[5], "returned 0, the last of 2 calls");
    assert!(
        lines[6].starts_with("took ") && lines[6].contains(" instructions; the worst case is "),
        "{}",
        lines[6]
    );
}

#[test]
fn both_engines_give_the_same_results_and_measures_of_their_own() {
    let run = jbpf(&[
        "run",
        &first_example(),
        "--data-hex",
        &"00".repeat(40),
        "--engine",
        "both",
        "--repeat",
        "300",
        "--json",
    ]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    let lines = run.json();
    // A record of each call, the counter, the summary.
    assert_eq!(lines.len(), 2 * (300 + 2));
    for (engine, lines) in ["interpreter", "native"].into_iter().zip(lines.chunks(302)) {
        assert_eq!(lines[0]["engine"], engine);
        assert_eq!(
            (&lines[0]["call"], &lines[0]["output"]),
            (&0.into(), &"outmap".into())
        );
        assert_eq!(
            (&lines[300]["map"], &lines[300]["value"]),
            (&"counter".into(), &"300".into())
        );
        assert_eq!(
            (&lines[301]["calls"], &lines[301]["result"]),
            (&300.into(), &0.into())
        );
    }
    let (checked, native) = (&lines[301], &lines[603]);
    let worst = checked["worst_case_instructions"].as_u64().unwrap();
    assert!(checked["most_instructions"].as_u64().unwrap() <= worst);
    assert!(native["mean_ns"].is_u64() && native["least_instructions"].is_null());
}

#[test]
fn data_comes_from_a_file_and_a_change_of_it_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = folder.path().join("packet.bin");
    std::fs::write(&bytes, [1; 40]).unwrap();
    let run = jbpf(&["run", &first_example(), "--data", bytes.to_str().unwrap()]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(
        run.stdout.contains("outmap  {\"seq_no\":\"16843009\""),
        "{}",
        run.stdout
    );

    let json = folder.path().join("packet.json");
    std::fs::write(&json, PACKET).unwrap();
    let arguments = ["run", &first_example(), "--data", json.to_str().unwrap()];
    let run = jbpf(&[&arguments[..], &["--type", "Packet"]].concat());
    assert!(
        run.stdout.contains("\"name\":\"seven\""),
        "{}{}",
        run.stdout,
        run.stderr
    );
    let run = jbpf(&arguments);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr.starts_with(
            "error: nobody knows what the data region holds; name its type with --type"
        ),
        "{}",
        run.stderr
    );

    let run = jbpf(&[
        "run",
        &codelet("tests/v3/write_region.o"),
        "--data-hex",
        &"ab".repeat(64),
    ]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stdout.contains("data  \""), "{}", run.stdout);
}

#[test]
fn fields_of_the_context_are_given_by_name() {
    let file = codelet("tests/v3/stats_context.o");
    let result = |arguments: &[&str]| {
        let run = jbpf(&[&["run", &file, "--json"], arguments].concat());
        assert_eq!(run.status, 0, "{}", run.stderr);
        run.json().last().unwrap()["result"].clone()
    };
    assert_ne!(result(&[]), result(&["--field", "meas_period=77000"]));
    let run = jbpf(&["run", &file, "--field", "meas_perod=1"]);
    assert_eq!(run.status, 2);
    assert_eq!(
        run.stderr,
        "error: context `jbpf_stats_ctx` has no field `meas_perod`; did you mean `meas_period`?\n"
    );
    let run = jbpf(&["run", &file, "--field", "meas_period=4294967296"]);
    assert_eq!(
        run.stderr,
        "error: field `meas_period` is a whole number of 32 bits, not `4294967296`\n"
    );
}

#[test]
fn a_changed_context_is_shown() {
    let file = codelet("tests/v3/write_meta_data.o");
    let arguments = [
        "run",
        &file,
        "--field",
        "meta_data=4",
        "--field",
        "ctx_id=3",
    ];
    let run = jbpf(&arguments);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(
        run.stdout.starts_with("meta_data  7\nreturned 4\n"),
        "{}",
        run.stdout
    );
    let run = jbpf(&[&arguments[..], &["--json"]].concat());
    assert_eq!(run.json()[0]["fields"]["meta_data"], "7");
}

#[test]
fn what_cannot_run_is_refused_with_its_reason() {
    let run = jbpf(&["run", &codelet("tests/v3/endless_loop.o")]);
    assert_eq!((run.status, run.stderr.as_str()), (1, ""));
    assert!(run.stdout.contains("E0041"), "{}", run.stdout);

    let run = jbpf(&["run", &first_example(), "--input", "inmpa=00000000"]);
    assert_eq!(run.status, 2);
    assert_eq!(
        run.stderr,
        "error: the codelet has no input channel `inmpa`; did you mean `inmap`?\n"
    );
    let run = jbpf(&[
        "run",
        &first_example(),
        "--type",
        "Paket",
        "--data-json",
        PACKET,
    ]);
    assert_eq!(
        run.stderr,
        "error: no map of the codelet holds the type `Paket`; did you mean `Packet`?\n"
    );
    let run = jbpf(&["run", &first_example(), "--input", "inmap=0000000000"]);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr.starts_with("error: input channel `inmap`: "),
        "{}",
        run.stderr
    );
}
