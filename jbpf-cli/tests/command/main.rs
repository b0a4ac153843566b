//! The `jbpf` command as its users run it: arguments in, text and an exit status out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod build;
mod explain;
mod headers;
mod manual;
mod new;
mod run;
mod schema;
#[path = "../terminal/mod.rs"]
mod terminal;
mod verify;

use std::path::PathBuf;
use std::process::Command;

/// The outcome of a run of the command.
struct Run {
    status: i32,
    stdout: String,
    stderr: String,
}

fn jbpf(arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_jbpf"))
        .args(arguments)
        .output()
        .expect("the command starts");
    Run {
        status: output.status.code().expect("it ends by itself"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

impl Run {
    /// The JSON objects that it printed, one a line.
    fn json(&self) -> Vec<serde_json::Value> {
        let parse = |line| serde_json::from_str(line).expect("a JSON object a line");
        self.stdout.lines().map(parse).collect()
    }
}

/// The path of a prebuilt codelet.
fn codelet(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../codelets");
    folder.join(name).to_str().expect("UTF-8").to_owned()
}

#[test]
fn without_arguments_it_says_what_it_can_do() {
    let run = jbpf(&[]);
    assert_eq!(run.status, 2);
    assert!(
        run.stderr.contains("Usage: jbpf <COMMAND>"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_misspelt_subcommand_is_answered_with_the_right_one() {
    let run = jbpf(&["verfy"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("'verify'"), "{}", run.stderr);
}

#[test]
fn its_version_is_that_of_the_package() {
    let run = jbpf(&["--version"]);
    assert_eq!(
        (run.status, run.stdout.trim()),
        (0, concat!("jbpf ", env!("CARGO_PKG_VERSION")))
    );
}
