use crate::jbpf;

#[test]
fn a_project_has_all_its_files_and_names_the_library() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("served");
    let run = jbpf(&["new", project.to_str().unwrap(), "--json"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""));
    let made = &run.json()[0];
    assert_eq!(made["name"], "served");
    let files = made["files"].as_array().unwrap();
    assert!(files.len() >= 8, "{files:?}");
    for file in files {
        let text = std::fs::read(project.join(file.as_str().unwrap())).unwrap();
        let has_place = |place: &[u8]| text.windows(place.len()).any(|part| part == place);
        assert!(
            !has_place(b"@NAME@") && !has_place(b"@DEPENDENCY@"),
            "{file}"
        );
    }
    let manifest = std::fs::read_to_string(project.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("jbpf = { path = \""), "{manifest}");
    // What is there compiled is accepted.
    let object = project.join("codelets/slow_requests.o");
    assert_eq!(jbpf(&["verify", object.to_str().unwrap()]).status, 0);

    let other = folder.path().join("other");
    let url = "https://example.com/jbpf.git";
    let run = jbpf(&[
        "new",
        other.to_str().unwrap(),
        "--jbpf",
        url,
        "--name",
        "mine",
    ]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stdout.starts_with("made mine in "), "{}", run.stdout);
    let manifest = std::fs::read_to_string(other.join("Cargo.toml")).unwrap();
    assert!(
        manifest.contains("jbpf = { git = \"https://example.com/jbpf.git\" }"),
        "{manifest}"
    );
}

#[test]
fn what_cannot_become_a_project_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.txt"), "mine").unwrap();
    let there = folder.path().to_str().unwrap();
    let run = jbpf(&["new", there, "--name", "served"]);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr
            .ends_with("exists and is not empty; name a new folder\n"),
        "{}",
        run.stderr
    );

    let fresh = folder.path().join("1st");
    let fresh = fresh.to_str().unwrap();
    let run = jbpf(&["new", fresh]);
    assert!(
        run.stderr
            .starts_with("error: `1st` cannot be the name of a package; name one with --name"),
        "{}",
        run.stderr
    );
    let run = jbpf(&["new", fresh, "--name", "first", "--jbpf", there]);
    assert!(
        run.stderr
            .contains("is no source tree of jbpf; say with --jbpf"),
        "{}",
        run.stderr
    );
    assert!(!std::path::Path::new(fresh).exists());
}
