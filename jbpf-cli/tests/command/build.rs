use std::path::Path;
use std::process::Command;

use crate::terminal::has;
use crate::{Run, codelet, jbpf};

const GOOD: &str = r#"
#include "jbpf_helper.h"
#include "jbpf_helper_utils.h"
#include "string.h"

struct total { uint64_t calls; };
jbpf_array_map(totals, struct total, 1);

SEC("jbpf_generic")
uint64_t jbpf_main(void *state)
{
    uint32_t first = 0;
    struct total *total = jbpf_map_lookup_elem(&totals, &first);
    if (!total)
        return 1;
    total->calls += STEP;
    return 0;
}
"#;

fn build(folder: &Path, text: &str, arguments: &[&str]) -> Run {
    let source = folder.join("codelet.c");
    std::fs::write(&source, text).unwrap();
    jbpf(&[&["build", source.to_str().unwrap()], arguments].concat())
}

/// Names that a program would take for an option, or for a file of them.
#[test]
fn a_source_is_a_file_whatever_its_name() {
    if !has("clang") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["-o evil", "@evil", "--version", "plain"] {
        std::fs::write(folder.path().join(format!("{name}.c")), GOOD).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_jbpf"))
            .current_dir(folder.path())
            .args(["build", "-D", "STEP=2", "--", &format!("{name}.c")])
            .output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if name == "@evil" {
            assert_eq!(output.status.code(), Some(2), "{said}");
            assert!(
                said.contains("clang would read options from `@evil.c`"),
                "{said}"
            );
            continue;
        }
        assert_eq!(
            (output.status.code(), said.as_str()),
            (Some(0), ""),
            "{name}"
        );
        assert!(folder.path().join(format!("{name}.o")).exists(), "{name}");
    }
    let mut made = Vec::new();
    for entry in folder.path().read_dir().unwrap() {
        made.push(entry.unwrap().file_name().into_string().unwrap());
    }
    assert_eq!(made.len(), 4 + 3, "{made:?}");
}

#[test]
fn a_source_becomes_an_object_that_is_verified() {
    if !has("clang") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = build(folder.path(), GOOD, &["-D", "STEP=2"]);
    assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{}", run.stdout);
    assert!(run.stdout.starts_with("accepted: "), "{}", run.stdout);
    let object = std::fs::read(folder.path().join("codelet.o")).unwrap();
    let temporary = std::env::temp_dir();
    let temporary = temporary.to_str().unwrap().as_bytes();
    // The source itself was named by its whole path; the folder of the headers is nobody's
    // business.
    let mentions = object
        .windows(temporary.len())
        .filter(|part| *part == temporary)
        .count();
    let sources = object
        .windows(9)
        .filter(|part| *part == b"codelet.c")
        .count();
    assert!(
        mentions <= sources,
        "{mentions} paths, {sources} of them the source's"
    );

    let other = folder.path().join("other.o");
    let run = build(
        folder.path(),
        GOOD,
        &[
            "-DSTEP=1",
            "--cpu",
            "v1",
            "--json",
            "-o",
            other.to_str().unwrap(),
        ],
    );
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert_eq!(run.json()[0]["verdict"], "accepted");
    assert!(run.json()[0]["file"].as_str().unwrap().ends_with("other.o"));
    assert!(other.exists());
}

#[test]
fn a_source_that_is_wrong_is_the_answer_no() {
    if !has("clang") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = build(folder.path(), GOOD, &[]);
    assert_eq!((run.status, run.stdout.as_str()), (1, ""));
    assert!(
        run.stderr.contains("codelet.c:16:") && run.stderr.contains("'STEP'"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.ends_with("codelet.c` does not compile\n"),
        "{}",
        run.stderr
    );
    assert!(!folder.path().join("codelet.o").exists());

    let run = build(folder.path(), GOOD, &["--json"]);
    assert_eq!((run.status, run.stderr.as_str()), (1, ""));
    assert_eq!(run.json()[0]["verdict"], "not_compiled");
    assert!(
        run.json()[0]["diagnostics"]
            .as_str()
            .unwrap()
            .contains("'STEP'")
    );

    let run = build(
        folder.path(),
        &GOOD.replace("if (!total)\n        return 1;", ""),
        &["-DSTEP=1"],
    );
    assert_eq!(run.status, 1);
    assert!(run.stdout.contains("error[E0025]"), "{}", run.stdout);
    assert!(
        run.stdout.contains("total->calls += STEP"),
        "{}",
        run.stdout
    );
}

#[test]
fn what_is_missing_for_a_build_is_named() {
    let source = codelet("stats_report/stats_report.c");
    let run = jbpf(&["build", &source, "--clang", "/no/such/clang"]);
    assert_eq!((run.status, run.stdout.as_str()), (2, ""));
    assert!(
        run.stderr
            .starts_with("error: cannot run the compiler `/no/such/clang`: ")
            && run.stderr.contains("install clang"),
        "{}",
        run.stderr
    );
    let run = jbpf(&["build", &source, "-o", "/no/such/folder/x.o"]);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr
            .starts_with("error: cannot write `/no/such/folder/x.o`: "),
        "{}",
        run.stderr
    );
    let run = jbpf(&["build", "no/such/source.c"]);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr
            .starts_with("error: cannot read `no/such/source.c`: "),
        "{}",
        run.stderr
    );
    let run = jbpf(&["build", &codelet("stats_report/stats_report.o")]);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr.contains("say with -o where the object goes"),
        "{}",
        run.stderr
    );
    if has("clang") {
        let folder = tempfile::tempdir().unwrap();
        let run = build(folder.path(), GOOD, &["-DSTEP=1", "--cpu", "v4"]);
        // Newer compilers know it.
        assert!(
            run.status == 0 || run.stderr.contains("does not know --cpu v4"),
            "{}",
            run.stderr
        );
    }
}

/// A compiler that says this and fails.
fn failing_compiler(folder: &Path, words: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join("clang");
    std::fs::write(&path, format!("#!/bin/sh\necho '{words}' >&2\nexit 1\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn what_a_compiler_cannot_do_is_said_in_other_words_than_its_own() {
    let folder = tempfile::tempdir().unwrap();
    for (words, meaning) in [
        (
            "error: unable to create target: No available targets are compatible with triple bpf",
            "this compiler was built without the target bpf",
        ),
        (
            "error: unknown target CPU v4",
            "this compiler does not know --cpu v3",
        ),
        (
            "x.c:1:10: fatal error: \"hooks.h\" file not found",
            "with --hook or --app, that header comes from the running application; else put it beside the source (`jbpf header` prints it)",
        ),
    ] {
        let words = words.replace('"', "'\\''");
        let compiler = failing_compiler(folder.path(), &words);
        let run = build(folder.path(), GOOD, &["--clang", &compiler]);
        assert_eq!((run.status, run.stdout.as_str()), (1, ""));
        assert!(
            run.stderr
                .ends_with(&format!("does not compile; {meaning}\n")),
            "{}",
            run.stderr
        );
    }
}
