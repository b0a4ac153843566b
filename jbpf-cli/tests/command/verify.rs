use crate::{codelet, jbpf};

#[test]
fn an_accepted_codelet_shows_what_it_may_cost_and_what_it_uses() {
    let run = jbpf(&["verify", &codelet("first_example/example_codelet.o")]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{}", run.stdout);
    let lines: Vec<_> = run.stdout.lines().collect();
    assert!(lines[0].starts_with("accepted: "), "{}", run.stdout);
    assert!(
        lines[0].ends_with("example_codelet.o, section jbpf_generic"),
        "{}",
        run.stdout
    );
    for part in [
        "worst case",
        "instructions",
        "stack",
        "map_lookup_elem (1)",
        "ringbuf_output (12)",
        "counter (ARRAY, 1 x 4-byte key, 4-byte value)",
        "outmap (RINGBUF, 256 x 40 bytes)",
    ] {
        assert!(
            run.stdout.contains(part),
            "{part} is missing: {}",
            run.stdout
        );
    }
}

#[test]
fn a_file_that_no_object_can_be_is_not_read_to_its_end() {
    for argument in ["verify", "run"] {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len((64 << 20) + 1).unwrap();
        let path = file.path().to_str().unwrap();
        let run = jbpf(&[argument, path]);
        assert_eq!(run.status, 2);
        assert_eq!(
            run.stderr,
            format!("error: cannot read `{path}`: it is larger than 67108864 bytes\n")
        );
    }
}

#[test]
fn a_rejected_codelet_shows_the_source_line_and_the_page_to_read() {
    let run = jbpf(&["verify", &codelet("tests/v3/histogram_beyond.o")]);
    assert_eq!((run.status, run.stderr.as_str()), (1, ""), "{}", run.stdout);
    for part in [
        "error[E0022]: ",
        "tests/histogram_beyond.c:",
        "histogram->bucket[bin]++;",
        "jbpf explain E0022",
        "rejected: ",
        "\nnote: verified without an application; ",
        "add `--hook NAME`",
    ] {
        assert!(
            run.stdout.contains(part),
            "{part} is missing: {}",
            run.stdout
        );
    }
}

#[test]
fn one_rejected_codelet_among_accepted_ones_decides_the_status() {
    let (good, bad) = (
        codelet("first_example/example_codelet.o"),
        codelet("tests/v3/histogram_beyond.o"),
    );
    let run = jbpf(&["verify", &bad, &good]);
    assert_eq!(run.status, 1);
    assert!(
        run.stdout.contains("rejected: ") && run.stdout.contains("accepted: "),
        "{}",
        run.stdout
    );
}

#[test]
fn what_cannot_be_read_is_named_and_does_not_keep_the_rest_from_its_answer() {
    let good = codelet("first_example/example_codelet.o");
    let run = jbpf(&["verify", "no/such/file.o", &good]);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr
            .starts_with("error: cannot read `no/such/file.o`: "),
        "{}",
        run.stderr
    );
    assert!(run.stdout.starts_with("accepted: "), "{}", run.stdout);
}

#[test]
fn a_file_that_is_no_object_is_named() {
    let source = codelet("first_example/example_codelet.c");
    let run = jbpf(&["verify", &source]);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""));
    assert!(
        run.stderr
            .contains("example_codelet.c` is not a codelet object: "),
        "{}",
        run.stderr
    );
}

#[test]
fn a_section_is_chosen_by_name() {
    let file = codelet("stats_report/stats_report.o");
    let run = jbpf(&["verify", &file, "--section", "jbpf_stats"]);
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    let run = jbpf(&["verify", &file, "--section", "jbpf_stat"]);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""));
    assert!(
        run.stderr
            .ends_with("has no program section `jbpf_stat`; did you mean `jbpf_stats`?\n"),
        "{}",
        run.stderr
    );
    let run = jbpf(&["verify", &file, "--section", "xdp"]);
    assert!(
        run.stderr.ends_with("`xdp`; it has `jbpf_stats`\n"),
        "{}",
        run.stderr
    );
}

#[test]
fn the_context_follows_the_section_unless_it_is_given() {
    let file = codelet("stats_report/stats_report.o");
    let context = |arguments: &[&str]| {
        let run = jbpf(&[&["verify", "--json", &file], arguments].concat());
        run.json()[0]["context"].clone()
    };
    assert_eq!(context(&[]), "jbpf_stats_ctx");
    assert_eq!(context(&["--context", "generic"]), "jbpf_generic_ctx");
    let run = jbpf(&["verify", &file, "--context", "genric"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("'generic'"), "{}", run.stderr);
}

#[test]
fn the_listing_has_source_lines_and_what_was_proved() {
    let run = jbpf(&[
        "verify",
        "--asm",
        &codelet("first_example/example_codelet.o"),
    ]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    for part in [
        "jbpf_main:",
        "example_codelet.c:",
        "; context",
        "; data region",
        "; map value",
        "call map_lookup_elem",
        "; on map counter",
        "lddw r1, map counter",
        "exit",
    ] {
        assert!(
            run.stdout.contains(part),
            "{part} is missing: {}",
            run.stdout
        );
    }
}

#[test]
fn the_listing_has_two_names() {
    let listing = |option| {
        let run = jbpf(&[
            "verify",
            option,
            &codelet("first_example/example_codelet.o"),
        ]);
        (run.status, run.stdout)
    };
    assert_eq!(listing("--listing"), listing("--asm"));
    assert_eq!(listing("--listing").0, 0);
}

#[test]
fn the_listing_of_a_rejected_codelet_marks_the_instruction() {
    let run = jbpf(&["verify", "--asm", &codelet("tests/v3/histogram_beyond.o")]);
    assert_eq!(run.status, 1);
    let marked: Vec<_> = run
        .stdout
        .lines()
        .filter(|line| line.starts_with('>'))
        .collect();
    assert_eq!(marked.len(), 1, "{}", run.stdout);
    assert!(marked[0].contains("E0022"), "{}", marked[0]);
}

#[test]
fn json_has_a_line_for_each_program() {
    let files = [
        codelet("first_example/example_codelet.o"),
        codelet("tests/v3/histogram_beyond.o"),
        "no/such/file.o".to_owned(),
    ];
    let run = jbpf(&["verify", "--json", "--asm", &files[0], &files[1], &files[2]]);
    assert_eq!((run.status, run.stderr.as_str()), (2, ""));
    let [accepted, rejected, unanswered] = run.json().try_into().expect("three lines");
    assert_eq!(accepted["verdict"], "accepted");
    assert_eq!(accepted["section"], "jbpf_generic");
    assert!(
        accepted["worst_case_instructions"]
            .as_u64()
            .expect("a number")
            > 10
    );
    assert!(
        accepted["helpers"]
            .as_array()
            .expect("a list")
            .iter()
            .any(|h| h["name"] == "map_lookup_elem")
    );
    assert!(accepted["assembly"].as_array().expect("a list").len() > 10);
    assert_eq!(rejected["verdict"], "rejected");
    assert_eq!(rejected["rejection"]["code"], "E0022");
    assert_eq!(unanswered["verdict"], "unanswered");
    assert!(
        unanswered["error"]
            .as_str()
            .expect("text")
            .contains("no/such/file.o")
    );
}

#[test]
fn output_to_a_pipe_has_no_colors() {
    let run = jbpf(&["verify", &codelet("tests/v3/histogram_beyond.o")]);
    assert!(!run.stdout.contains('\u{1b}'));
}

#[test]
fn a_codelet_that_reads_beyond_the_stand_in_is_told_so() {
    let run = jbpf(&["verify", &codelet("tests/v3/context_beyond.o")]);
    assert_eq!((run.status, run.stderr.as_str()), (1, ""));
    let told = "note: the codelet reads beyond the stand-in context, which has 28 bytes; the hook's own context may have more\n";
    assert!(run.stdout.contains("error[E0017]: "), "{}", run.stdout);
    assert!(run.stdout.contains(told), "{}", run.stdout);
    let run = jbpf(&["verify", &codelet("tests/v3/histogram_beyond.o")]);
    assert!(!run.stdout.contains(told), "{}", run.stdout);
}
