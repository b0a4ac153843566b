//! The first example in two processes, as its users run it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Cargo builds the examples with the tests, beside them.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    folder
        .join("examples")
        .join(format!("first_example_ipc{}", std::env::consts::EXE_SUFFIX))
}

/// A machine of its own: nobody else's sockets.
struct Machine(TempDir);

impl Machine {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(example());
        command
            .args(arguments)
            .env("XDG_RUNTIME_DIR", self.0.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output();
        output.expect("the example is built with the tests")
    }

    fn start(&self, arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
        let mut command = self.command(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        (child, output)
    }
}

fn packet(seq_no: i32) -> String {
    format!(
        "{{\n    \"seq_no\": \"{seq_no}\",\n    \"value\": \"{}\",\n    \"name\": \"instance {seq_no}\"\n}}\n\n",
        -seq_no
    )
}

/// The lines that the host's codelet printed: calls so far, and the packet that was answered.
fn responses(output: &str) -> Vec<(i32, i32)> {
    let lines = output.lines().filter_map(|line| {
        let rest = line.strip_prefix("[JBPF_DEBUG]:  Called ")?;
        rest.split_once(" times so far and received response for seq_no ")
    });
    lines
        .map(|(calls, seq_no)| (calls.parse().unwrap(), seq_no.parse().unwrap()))
        .collect()
}

#[test]
fn packets_reach_another_process_and_its_answers_the_codelet() {
    let output = Machine::new().run(&["--count", "5", "--interval-ms", "20"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert!(output.status.success());
    let mut rest = text.as_str();
    for seq_no in 1..=5 {
        let (_, after) = rest.split_once(&packet(seq_no)).expect(&text);
        rest = after;
    }
    // How soon the answers come is the scheduler's to say; they come in order, one a call, and
    // none before its packet.
    for (expected, (calls, seq_no)) in (1..).zip(responses(&text)) {
        assert_eq!(seq_no, expected, "{text}");
        assert!(calls > seq_no, "{text}");
    }
    assert!(text.contains("host: 5 packets sent, 0 dropped\n"), "{text}");
    let received = "collector: 5 packets received, ";
    assert!(text.contains(received), "{text}");
}

#[test]
fn what_is_too_much_for_the_collector_is_counted() {
    let output = Machine::new().run(&["--count", "100000", "--interval-ms", "0"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let number = |after: &str, before: &str| -> u64 {
        let (_, rest) = text.split_once(after).expect(after);
        rest.split_once(before).expect(before).0.parse().unwrap()
    };
    let sent = number("host: ", " packets sent");
    assert_eq!(sent + number("packets sent, ", " dropped"), 100_000);
    assert_eq!(number("collector: ", " packets received"), sent);
}

#[test]
fn a_killed_collector_is_followed_by_another_and_the_host_runs_on() {
    let machine = Machine::new();
    let (mut host, _output) = machine.start(&["host", "--interval-ms", "1"]);
    let deadline = Instant::now() + Duration::from_secs(120);
    for _ in 0..3 {
        let first = loop {
            assert!(Instant::now() < deadline, "no collector gets through");
            let (mut collector, mut output) = machine.start(&["collector"]);
            let mut line = String::new();
            // Ends at once while the host is not there yet, or has not noticed that the last one
            // is dead.
            output.read_line(&mut line).unwrap();
            collector.kill().unwrap();
            collector.wait().unwrap();
            assert!(host.try_wait().unwrap().is_none(), "the host runs on");
            if !line.is_empty() {
                break line;
            }
        };
        assert_eq!(first, "{\n");
    }
    let pid = rustix::process::Pid::from_child(&host);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert!(host.wait().unwrap().success());
}

#[test]
fn a_collector_without_a_host_says_so() {
    let machine = Machine::new();
    let output = machine.run(&["collector"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    let socket = machine.0.path().join("jbpf/first_example_ipc.sock");
    assert_eq!(
        said,
        format!(
            "error: no connection to {}; is the application running, with a control socket?\n",
            socket.display()
        )
    );
}
