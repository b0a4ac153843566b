//! The first example as its users run it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use jbpf::StreamId;

/// Cargo builds the examples with the tests, beside them.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    folder
        .join("examples")
        .join(format!("first_example{}", std::env::consts::EXE_SUFFIX))
}

fn run(arguments: &[&str]) -> Output {
    Command::new(example())
        .args(arguments)
        .output()
        .expect("the example is built with the tests")
}

fn packet(seq_no: i32, value: i32) -> String {
    format!(
        "{{\n    \"seq_no\": \"{seq_no}\",\n    \"value\": \"{value}\",\n    \"name\": \"instance {seq_no}\"\n}}\n\n"
    )
}

fn response(calls: i32) -> String {
    format!(
        "[JBPF_DEBUG]:  Called {calls} times so far and received response for seq_no {}\n\n",
        calls - 1
    )
}

/// The output of the example for so many packets.
fn expected(count: i32, value: fn(i32) -> i32) -> String {
    (1..=count)
        .map(|seq_no| {
            let answered = if seq_no > 1 {
                response(seq_no)
            } else {
                String::new()
            };
            answered + &packet(seq_no, value(seq_no))
        })
        .collect()
}

#[test]
fn packets_come_out_and_responses_go_in() {
    let output = run(&["--count", "5", "--interval-ms", "1"]);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        expected(5, |seq_no| -seq_no)
    );
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "loaded codelet example_codelet on hook example\n"
    );
    assert!(output.status.success());
}

#[test]
fn another_codelet_changes_the_output() {
    let request = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../codelets/first_example_negated/load.yaml"
    );
    let output = run(&["--count", "3", "--interval-ms", "1", "--request", request]);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        expected(3, |seq_no| seq_no)
    );
    assert!(output.status.success());
}

#[test]
fn a_missing_object_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let request = folder.path().join("load.yaml");
    std::fs::copy(
        concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../codelets/first_example/load.yaml"
        ),
        &request,
    )
    .unwrap();
    let output = run(&["--count", "1", "--request", request.to_str().unwrap()]);
    let message = String::from_utf8(output.stderr).unwrap();
    let object = folder.path().join("example_codelet.o");
    assert_eq!(
        message,
        format!(
            "error: codeletset `example_codeletset`, codelet `example_codelet`: cannot read the object `{}`: \
             No such file or directory (os error 2)\n",
            object.display()
        )
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
}

#[test]
#[cfg(unix)]
fn ctrl_c_unloads_and_ends() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;

    let mut child = Command::new(example())
        .args(["--interval-ms", "60000"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The first line comes once signals are handled and the codelet has run.
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "{\n");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_operator_loads_and_unloads_while_it_runs() {
    use std::io::{BufRead as _, BufReader};

    use jbpf::LoadRequest;
    use jbpf::operator::{Operator, TailEvent};

    let folder = tempfile::tempdir().unwrap();
    let mut application = Command::new(example())
        .args(["--wait", "--interval-ms", "1"])
        .env("XDG_RUNTIME_DIR", folder.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let socket = folder.path().join("jbpf/first_example.sock");
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut operator = loop {
        assert!(Instant::now() < deadline, "it serves its socket");
        assert!(
            application.try_wait().unwrap().is_none(),
            "it runs until it is told to end"
        );
        match Operator::connect(&socket) {
            Ok(operator) => break operator,
            Err(_) => std::thread::yield_now(),
        }
    };
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let request = tests.parent().unwrap();
    let request = request.join("codelets/first_example/load.yaml");
    let mut line = String::new();
    let said = application.stderr.take().unwrap();
    BufReader::new(said).read_line(&mut line).unwrap();
    let command = line.split_once("jbpf load ").unwrap().1;
    assert_eq!(Path::new(command.trim_end()), request);
    let request = LoadRequest::from_yaml_file(&request).unwrap();
    for _ in 0..3 {
        let loaded = operator.load(&request).unwrap();
        let stream_id = loaded.codelets[0]
            .channels
            .iter()
            .find(|channel| channel.map == "outmap")
            .unwrap()
            .stream_id;
        let mut tail = Operator::connect(&socket).unwrap().tail(stream_id).unwrap();
        let event = tail.next_event(None).unwrap();
        assert!(matches!(event, Some(TailEvent::Record(_))), "{event:?}");
        // More than the codelet takes: the channel is full, and the application runs on.
        let input: StreamId = "11111111111111111111111111111111".parse().unwrap();
        let full = (0..100_000).any(|_| operator.send(input, &[0; 4]).is_err());
        assert!(full);
        let before = sent(&mut operator, stream_id);
        let deadline = Instant::now() + Duration::from_secs(60);
        while sent(&mut operator, stream_id) < before + 3 {
            let _ = operator.send(input, &[0; 4]);
            assert!(application.try_wait().unwrap().is_none());
            assert!(Instant::now() < deadline, "packets still come");
        }
        operator.unload(&loaded.id).unwrap();
    }
    application.kill().unwrap();
    application.wait().unwrap();
}

/// Records that a channel has taken so far.
fn sent(operator: &mut jbpf::operator::Operator, stream_id: StreamId) -> u64 {
    let streams = operator.streams().unwrap();
    let mut streams = streams.iter();
    let stream = streams.find(|stream| stream.stream_id == stream_id);
    stream.unwrap().sent
}
