use crate::jbpf;

#[test]
fn a_code_is_explained_with_a_rejected_and_an_accepted_program() {
    let run = jbpf(&["explain", "E0025"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    assert!(
        run.stdout.starts_with("E0025: a pointer that may be null"),
        "{}",
        run.stdout
    );
    for part in ["Rejected:", "Accepted:", "map_lookup_elem"] {
        assert!(
            run.stdout.contains(part),
            "{part} is missing: {}",
            run.stdout
        );
    }
}

#[test]
fn a_code_may_be_written_in_short() {
    assert_eq!(
        jbpf(&["explain", "25"]).stdout,
        jbpf(&["explain", "E0025"]).stdout
    );
}

#[test]
fn all_codes_are_listed_when_none_is_given() {
    let run = jbpf(&["explain"]);
    assert_eq!(run.status, 0);
    assert!(run.stdout.lines().count() >= 45, "{}", run.stdout);
    assert!(
        run.stdout
            .starts_with("E0001  the program has no instructions\n")
    );
}

#[test]
fn a_code_that_does_not_exist_is_answered_with_those_that_do() {
    let run = jbpf(&["explain", "E9999"]);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""));
    assert!(
        run.stderr
            .starts_with("error: `E9999` is not a code; they go from E0001 to E00"),
        "{}",
        run.stderr
    );
}

#[test]
fn json_carries_code_title_and_page() {
    let page = &jbpf(&["explain", "E0025", "--json"]).json()[0];
    assert_eq!(page["code"], "E0025");
    assert!(page["title"].as_str().expect("text").contains("null"));
    assert!(
        page["explanation"]
            .as_str()
            .expect("text")
            .contains("Accepted:")
    );
    assert!(jbpf(&["explain", "--json"]).json().len() >= 45);
}
