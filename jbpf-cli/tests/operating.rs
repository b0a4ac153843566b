//! `docs/operating.md`, read and run: each of its commands, against the application that it
//! starts.
//!
//! Blocks of `console application` are the application's terminal: their command is started, and
//! the lines below it must come out of it some time. Blocks of `console` are the operator's: each
//! line after `$ ` is run by a shell, and what it prints must be what the document says. Numbers
//! and the width of columns may differ; a line of `...` stands for any number of lines.
//!
//! `JBPF_BLESS=1` writes what was printed into the document, where it differs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a command may take, and the application for what it is to print.
const PATIENCE: Duration = Duration::from_secs(60);

/// The runtime folder that the document shows.
const RUNTIME_FOLDER: &str = "/run/user/1000";

/// How the document runs the example.
const CARGO_RUN: &str = "cargo run --release --example first_example -- ";

#[test]
fn every_command_of_the_operators_guide_does_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let path = root.join("docs/operating.md");
    let document = std::fs::read_to_string(&path).unwrap();
    let machine = Machine::new(root);
    let mut applications = Vec::new();
    let (mut printed, mut differences) = (String::new(), String::new());
    let (mut commands, mut block) = (0, None);
    let mut lines = document.lines().peekable();
    while let Some(line) = lines.next() {
        printed += &format!("{line}\n");
        match line.strip_prefix("```") {
            Some(kind) => block = block.is_none().then_some(kind),
            None if block.is_some_and(|kind| kind.starts_with("console")) => {
                let command = line.strip_prefix("$ ");
                let command = command.expect("a block begins with a command");
                let mut expected = Vec::new();
                while let Some(line) =
                    lines.next_if(|line| !line.starts_with("$ ") && !line.starts_with("```"))
                {
                    expected.push(line);
                }
                commands += 1;
                let before: String = expected.iter().flat_map(|line| [line, "\n"]).collect();
                if block == Some("console application") {
                    applications.push((machine.start(command), expected));
                    printed += &before;
                    continue;
                }
                let is_expected =
                    |output: &str| matches(&expected, &output.lines().collect::<Vec<_>>());
                let mut output = machine.run(command);
                // A watcher's memory is taken back a moment after the watcher has ended, and the
                // list tells that memory until then.
                let patience = Instant::now() + PATIENCE;
                while command == "jbpf list" && !is_expected(&output) && Instant::now() < patience {
                    output = machine.run(command);
                }
                if is_expected(&output) {
                    printed += &before;
                } else {
                    differences += &format!("$ {command}\n{output}instead of\n{before}\n");
                    printed += &output;
                }
            }
            None => {}
        }
    }
    assert!(commands > 20, "the document is read");
    for (application, expected) in &mut applications {
        application.prints(expected);
    }
    // What the document's codelets were compiled with is what this application says now.
    let header = root.join("codelets/first_example/hooks.h");
    assert_eq!(
        machine.run("jbpf header"),
        std::fs::read_to_string(header).unwrap()
    );
    if std::env::var_os("JBPF_BLESS").is_some() {
        std::fs::write(path, printed).unwrap();
    } else {
        assert!(differences.is_empty(), "{differences}");
    }
}

/// A terminal's folder: the repository's codelets, the command, nobody else's applications.
struct Machine {
    folder: tempfile::TempDir,
    example: PathBuf,
}

impl Machine {
    fn new(root: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("run")).unwrap();
        std::os::unix::fs::symlink(root.join("codelets"), folder.path().join("codelets")).unwrap();
        // Cargo builds the workspace's examples with its tests, beside them.
        let test = std::env::current_exe().unwrap();
        let built = test.parent().and_then(Path::parent).unwrap();
        let example = built.join("examples/first_example");
        assert!(example.exists(), "`cargo build --examples` comes first");
        Self { folder, example }
    }

    fn command(&self, program: &Path, output: &File) -> Command {
        let tool = Path::new(env!("CARGO_BIN_EXE_jbpf")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env("XDG_RUNTIME_DIR", self.folder.path().join("run"))
            .env("PATH", format!("{}:{path}", tool.display()))
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output.try_clone().unwrap());
        command
    }

    /// Starts the example.
    fn start(&self, line: &str) -> Application {
        let arguments = line
            .strip_prefix(CARGO_RUN)
            .expect("the first example is run");
        let output = tempfile::tempfile().unwrap();
        let mut command = self.command(&self.example, &output);
        let process = command.args(arguments.split_whitespace()).spawn().unwrap();
        let socket = self.folder.path().join("run/jbpf/first_example.sock");
        let application = Application { process, output };
        wait_for("the application serves its socket", || socket.exists());
        application
    }

    /// A command's output, on either stream, as if this were the document's machine.
    fn run(&self, line: &str) -> String {
        let mut output = tempfile::tempfile().unwrap();
        let mut command = self.command(Path::new("/bin/sh"), &output);
        let mut process = Running(command.args(["-c", line]).spawn().unwrap());
        wait_for(line, || process.0.try_wait().unwrap().is_some());
        let run = self.folder.path().join("run");
        let text = contents(&mut output);
        text.replace(run.to_str().unwrap(), RUNTIME_FOLDER)
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Fails when it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The text on the application's terminal.
struct Application {
    process: Child,
    output: File,
}

impl Application {
    /// Waits until it has printed these lines.
    fn prints(&mut self, expected: &[&str]) {
        for line in expected
            .iter()
            .filter(|line| !line.is_empty() && **line != "...")
        {
            wait_for(line, || {
                let printed = contents(&mut self.output);
                let mut printed = printed.lines().map(volatile_left_out);
                printed.any(|printed| printed == volatile_left_out(line))
            });
        }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn contents(file: &mut File) -> String {
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

fn wait_for(what: &str, mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !ready() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether lines are the expected ones.
fn matches(expected: &[&str], lines: &[&str]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((&"...", rest)) => (0..=lines.len()).any(|skipped| matches(rest, &lines[skipped..])),
        Some((first, rest)) => lines.split_first().is_some_and(|(line, lines)| {
            volatile_left_out(first) == volatile_left_out(line) && matches(rest, lines)
        }),
    }
}

/// A line with one digit for each number and one blank between words.
fn volatile_left_out(line: &str) -> String {
    let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut kept = String::new();
    for character in words.chars() {
        match character {
            '0'..='9' if kept.ends_with('0') => {}
            '0'..='9' => kept.push('0'),
            other => kept.push(other),
        }
    }
    kept
}
