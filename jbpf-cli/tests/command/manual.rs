use crate::jbpf;

/// The names of all commands, as help lists them.
fn commands() -> Vec<String> {
    let help = jbpf(&["--help"]).stdout;
    let list = help.split("Commands:\n").nth(1).unwrap();
    list.lines()
        .take_while(|line| !line.trim().is_empty())
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .filter(|name| name != "help")
        .collect()
}

#[test]
fn every_command_says_what_it_does_takes_and_ends_with() {
    let commands = commands();
    assert!(commands.len() >= 19, "{commands:?}");
    for command in &commands {
        let run = jbpf(&[command, "--help"]);
        assert_eq!(run.status, 0, "{command}");
        assert!(
            run.stdout.contains("Exit status:\n  0  "),
            "{command}: {}",
            run.stdout
        );
        let takes_json = run.stdout.contains("--json");
        let is_text = ["completions", "man"].contains(&command.as_str());
        assert_ne!(takes_json, is_text, "{command}");
    }
}

#[test]
fn every_command_stands_in_the_docs() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/command.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    for command in commands() {
        assert!(
            docs.contains(&format!("`jbpf {command}")),
            "{command} is missing"
        );
    }
}

#[test]
fn manual_pages_are_printed_and_written() {
    let run = jbpf(&["man"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    for part in [".TH jbpf 1", "jbpf\\-load(1)", "Exit status:"] {
        assert!(
            run.stdout.contains(part),
            "{part} is missing: {}",
            run.stdout
        );
    }
    let run = jbpf(&["man", "load"]);
    assert!(
        run.stdout.contains("jbpf\\-load") && run.stdout.contains("REQUEST"),
        "{}",
        run.stdout
    );
    let run = jbpf(&["man", "laod"]);
    assert_eq!(run.status, 2);
    assert_eq!(
        run.stderr,
        "error: no command `laod`; did you mean `load`?\n"
    );

    let folder = tempfile::tempdir().unwrap();
    let run = jbpf(&["man", "--dir", folder.path().to_str().unwrap()]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    for command in commands() {
        let page = folder.path().join(format!("jbpf-{command}.1"));
        assert!(page.exists(), "{}", page.display());
    }
    assert!(folder.path().join("jbpf.1").exists());
    let run = jbpf(&["man", "--dir", "/no/such/folder"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("/no/such/folder"), "{}", run.stderr);
}

#[test]
fn shells_complete_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let run = jbpf(&["completions", shell]);
        assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{shell}");
        assert!(
            run.stdout.contains("replace") && run.stdout.contains("jbpf"),
            "{shell}"
        );
    }
    let run = jbpf(&["completions", "bsh"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("'bash'"), "{}", run.stderr);
}

#[test]
fn a_failure_is_an_object_when_json_is_asked_for() {
    let run = jbpf(&["list", "--json", "--socket", "/no/such.sock"]);
    assert_eq!((run.status, run.stderr.as_str()), (2, ""));
    let error = &run.json()[0]["error"];
    assert_eq!(error["code"], "unanswered");
    assert!(error["message"].as_str().unwrap().contains("/no/such.sock"));
}
