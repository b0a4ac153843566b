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
    let packet = r#"outmap  {"seq_no":7,"value":-7,"name":"seven"}"#;
    assert_eq!(
        lines[..5],
        [
            "printed  Called 1 times so far and received response for seq_no 6",
            packet,
            packet,
            "counter",
            "  0  2",
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
            (&"counter".into(), &300.into())
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
        run.stdout.contains("outmap  {\"seq_no\":16843009"),
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
    assert_eq!(run.json()[0]["fields"]["meta_data"], 7);
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

#[test]
fn a_trace_shows_each_instruction_and_the_registers_that_it_changed() {
    let file = codelet("tests/v3/noinline_region.o");
    let arguments = ["run", &file, "--data-hex", &"05".repeat(16), "--trace"];
    let run = jbpf(&arguments);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{}", run.stdout);
    let steps: Vec<_> = run
        .stdout
        .lines()
        .filter(|line| {
            let first = line.split_whitespace().next().unwrap_or_default();
            first.parse::<u32>().is_ok()
        })
        .collect();
    assert!(
        run.stdout.starts_with("jbpf_main:\n      ; ") && run.stdout.contains("noinline_region.c:"),
        "{}",
        run.stdout
    );
    // The last line says how many instructions there were; each has a line of its own.
    let took = format!("took {} instructions; ", steps.len());
    assert!(run.stdout.contains(&took), "{took}: {}", run.stdout);
    // A called function is shown further right, with its name.
    assert!(
        steps.iter().any(|step| step.contains("call ")) && run.stdout.contains("\n  "),
        "{}",
        run.stdout
    );

    let run = jbpf(&[&arguments[..], &["--json", "--repeat", "2"]].concat());
    let events = run.json();
    let of_call = |call: u64| {
        let is_step =
            |event: &&serde_json::Value| event["call"] == call && event["instruction"].is_string();
        events.iter().filter(is_step).collect::<Vec<_>>()
    };
    let [first, second] = [0, 1].map(of_call);
    assert_eq!((first.len(), second.len()), (steps.len(), steps.len()));
    assert_eq!(
        (&first[0]["engine"], &first[0]["insn"], &first[0]["depth"]),
        (&"interpreter".into(), &0.into(), &0.into())
    );
    assert!(first.iter().any(|step| step["depth"] == 1));
    // The program returns what its last change of r0 says.
    let r0 = first.iter().rev().find_map(|step| {
        let digits = step["registers"]["r0"].as_str()?.strip_prefix("0x")?;
        u64::from_str_radix(digits, 16).ok()
    });
    assert_eq!(r0, events.last().unwrap()["result"].as_u64());
}

#[test]
fn a_trace_of_both_engines_is_that_of_the_interpreter() {
    let file = codelet("tests/v3/stats_context.o");
    let run = jbpf(&["run", &file, "--trace", "--engine", "both", "--json"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{}", run.stdout);
    let events = run.json();
    let steps = events
        .iter()
        .filter(|event| !event["instruction"].is_null());
    assert!(steps.clone().count() > 1);
    assert!(
        steps
            .into_iter()
            .all(|step| step["engine"] == "interpreter")
    );
    for engine in ["native", "rbpf"] {
        let run = jbpf(&["run", &file, "--trace", "--engine", engine]);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""));
        assert_eq!(
            run.stderr,
            format!("error: engine `{engine}` shows no trace; run it with --engine interpreter\n")
        );
    }
}

#[test]
fn rbpf_gives_the_results_of_the_interpreter() {
    let bytes: String = (0..64_u32)
        .map(|at| format!("{:02x}", at * 37 % 251))
        .collect();
    for name in [
        "checksum",
        "counted_down_32",
        "insertion_sort",
        "memset_memcmp",
        "noinline_region",
        "packed_fields",
        "parse_tlv",
        "pointer_walk",
        "signed_compare",
        "stack_index",
        "sum_array",
        "switch_sparse",
    ] {
        let file = codelet(&format!("tests/v3/{name}.o"));
        let [ours, rbpf] = ["interpreter", "rbpf"].map(|engine| {
            let run = jbpf(&[
                "run",
                &file,
                "--data-hex",
                &bytes,
                "--engine",
                engine,
                "--json",
            ]);
            assert_eq!(
                (run.status, run.stderr.as_str()),
                (0, ""),
                "{name}: {}",
                run.stdout
            );
            run.json().last().unwrap().clone()
        });
        assert_eq!(ours["result"], rbpf["result"], "{name}");
        assert_eq!(rbpf["engine"], "rbpf");
        assert!(rbpf["mean_ns"].is_u64() && rbpf["least_instructions"].is_null());
    }
    let run = jbpf(&[
        "run",
        &codelet("tests/v3/stats_context.o"),
        "--field",
        "meas_period=77000",
        "--engine",
        "rbpf",
    ]);
    assert!(
        run.stdout.starts_with("returned 77\n"),
        "{}{}",
        run.stdout,
        run.stderr
    );
}

#[test]
fn what_rbpf_would_not_run_right_is_named() {
    for (name, error) in [
        (
            "first_example/example_codelet.o",
            "instruction 10, `lddw r1, map counter`: it has no maps and no data sections",
        ),
        (
            "tests/v3/math64.o",
            "instruction 14, `neg r3`: it cannot negate the smallest number",
        ),
        (
            "tests/v3/write_region.o",
            "instruction 13, `stxh [r1+10], r3`: it may write to its stack alone, and not to data or context",
        ),
        (
            "tests/v3/rand_index.o",
            "instruction 3, `call rand`: it is not given this helper",
        ),
    ] {
        let run = jbpf(&["run", &codelet(name), "--engine", "rbpf"]);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""));
        let expected =
            format!("error: rbpf does not run {error}; choose another engine with --engine\n");
        assert_eq!(run.stderr, expected);
    }
}
