//! A terminal in which the command is run.
#![allow(dead_code, reason = "each test takes of it what it needs")]

pub mod pty;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The path of a file in the folder of codelets.
pub fn codelets(path: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../codelets");
    folder.join(path).to_str().unwrap().to_owned()
}

/// Whether there is such a program; says what is not tested without it.
pub fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("there is no {program} here: what needs it is not tested");
    }
    found
}

/// A terminal whose `XDG_RUNTIME_DIR` is this folder.
pub struct Terminal<'a>(pub &'a Path);

impl Terminal<'_> {
    /// The command, with these arguments.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jbpf"));
        command
            .args(line.split_whitespace())
            .env("XDG_RUNTIME_DIR", self.0);
        command
    }

    /// How it ends.
    pub fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// Its output, when it succeeds.
    pub fn prints(&self, line: &str) -> String {
        let output = self.run(line);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{line}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The JSON objects that it prints, when it succeeds.
    pub fn json(&self, line: &str) -> Vec<Value> {
        let text = self.prints(line);
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Its words, when it ends with this status.
    pub fn complains(&self, status: i32, line: &str) -> String {
        let output = self.run(line);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{line}: {said}");
        said
    }
}
