//! The commands for a running application, against one: this test process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod terminal;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jbpf::Runtime;
use jbpf::operator::Operator;
use jbpf_testing_app::{Packet, example};
use serde_json::Value;
use terminal::{Terminal, codelets};

fn fire(seq_no: i32) {
    let mut name = [0; 32];
    name[..5].copy_from_slice(b"hello");
    let packet = Packet {
        seq_no,
        value: -seq_no,
        name,
    };
    example(&packet, 0);
}

/// One test: a process has one runtime, and the operator goes from one command to the next.
#[test]
fn an_application_is_operated_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let terminal = Terminal(folder.path());
    nothing_runs(&terminal);
    std::fs::create_dir(folder.path().join("jbpf")).unwrap();
    what_is_stopped_is_no_application_that_does_not_run(&terminal);

    let socket = folder.path().join("jbpf/operated.sock");
    let runtime = Runtime::builder()
        .name("operated")
        .socket(socket)
        .build()
        .unwrap();
    the_application_is_found(&terminal);
    codeletsets_come_and_go(&terminal, &runtime);
    what_is_no_request_or_object_is_named(&terminal, folder.path());
    rejections_are_shown_whole(&terminal, folder.path());
    records_are_watched_and_sent(&terminal, &runtime);
    channels_of_one_name_are_told_apart_and_end(&terminal, folder.path());
    hooks_are_watched(&terminal, &runtime);
}

fn nothing_runs(terminal: &Terminal<'_>) {
    assert_eq!(terminal.prints("ps").lines().count(), 1);
    assert!(terminal.json("ps --json").is_empty());
    let said = terminal.complains(2, "hooks");
    assert!(
        said.starts_with("error: no application that can be operated is running"),
        "{said}"
    );
    let said = terminal.complains(2, "list --socket /nowhere/app.sock");
    assert!(
        said.contains("no connection to `/nowhere/app.sock`"),
        "{said}"
    );
}

fn what_is_stopped_is_no_application_that_does_not_run(terminal: &Terminal<'_>) {
    let path = terminal.0.join("jbpf/stopped.sock");
    let stopped = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let said = terminal.complains(2, "list");
    assert_eq!(
        said,
        "warning: `stopped`: the application did not answer within 2 s; it may be stopped, or hang\n\
         error: no application answers; stopped, or hanging: `stopped`\n"
    );
    drop(stopped);
}

fn the_application_is_found(terminal: &Terminal<'_>) {
    let pid = std::process::id();
    // Beside one that hangs: it lets connect, and never answers.
    let hanging = std::os::unix::net::UnixListener::bind(terminal.0.join("jbpf/hanging.sock"));
    let ps = terminal.run("ps");
    let said = String::from_utf8(ps.stderr).unwrap();
    assert!(
        said.starts_with("warning: `hanging`: the application did not answer"),
        "{said}"
    );
    assert!(said.contains(" within 2 s; it may be stopped"), "{said}");
    assert_eq!(String::from_utf8(ps.stdout).unwrap().lines().count(), 2);
    assert_eq!(
        terminal.complains(2, "list --app hanging"),
        "error: the application did not answer within 2 s; it may be stopped, or hang\n"
    );
    // And so does one with which nobody can even connect any more.
    let path = terminal.0.join("jbpf/hanging.sock");
    let mut waiting = Vec::new();
    while let Ok(operator) = Operator::connect_within(&path, Duration::from_millis(1)) {
        waiting.push(operator);
    }
    let said = String::from_utf8(terminal.run("ps").stderr).unwrap();
    assert!(
        said.starts_with("warning: `hanging`: the application did not answer within 2 s"),
        "{said}"
    );
    drop(waiting);
    // What it leaves behind bothers nobody.
    drop(hanging.unwrap());
    let ps = terminal.prints("ps");
    assert!(
        ps.lines()
            .nth(1)
            .unwrap()
            .starts_with(&format!("operated  {pid}")),
        "{ps}"
    );
    assert_eq!(terminal.json("ps --json")[0]["pid"], pid);

    let hooks = terminal.prints(&format!("hooks --app {pid}"));
    for line in [
        "example  monitoring  jbpf-testing-app/src/lib.rs:",
        "    Called for every packet.\n",
        "    data at 0: Packet, 40 bytes, read\n",
        "    ctx_id at 24: 4 bytes\n",
    ] {
        assert!(hooks.contains(line), "{line}: {hooks}");
    }
    let said = terminal.complains(2, "hooks --app oprated");
    assert_eq!(
        said,
        "error: no application `oprated` is running; did you mean `operated`?\n"
    );
    assert!(
        terminal
            .prints("header --app operated")
            .contains("struct example_ctx")
    );
}

fn codeletsets_come_and_go(terminal: &Terminal<'_>, runtime: &Runtime) {
    let request = codelets("first_example/load.yaml");
    let said = terminal.prints(&format!("load {request}"));
    assert!(said.starts_with("loaded example_codeletset\n"), "{said}");
    assert_eq!(runtime.list().len(), 1);
    let said = terminal.complains(1, &format!("load {request}"));
    assert_eq!(
        said,
        "error: codeletset `example_codeletset` is loaded already; unload it first, or replace it\n"
    );
    let refusal = terminal.run(&format!("load {request} --json"));
    assert_eq!(refusal.status.code(), Some(1));
    let refusal: Value = serde_json::from_slice(&refusal.stdout).unwrap();
    assert_eq!(refusal["error"]["code"], "already-loaded");

    let list = terminal.prints("list");
    assert!(
        list.contains("example_codeletset  example_codelet  example"),
        "{list}"
    );
    let show = terminal.prints("show example_codeletset");
    assert!(
        show.contains("output outmap: 00112233445566778899aabbccddeeff"),
        "{show}"
    );
    let said = terminal.complains(1, "show example_codletset");
    assert!(
        said.contains("did you mean `example_codeletset`?"),
        "{said}"
    );
    assert!(
        terminal
            .prints(&format!("replace {request}"))
            .starts_with("replaced ")
    );

    let unload = codelets("first_example/unload.yaml");
    assert_eq!(
        terminal.prints(&format!("unload {unload}")),
        "unloaded example_codeletset\n"
    );
    assert!(runtime.list().is_empty());
    let said = terminal.complains(1, "unload example_codeletset");
    assert_eq!(
        said,
        "error: codeletset `example_codeletset` is not loaded\n"
    );
    let said = terminal.complains(2, "load no_such_request.yaml");
    assert!(
        said.contains("cannot read the request `no_such_request.yaml`"),
        "{said}"
    );
}

fn what_is_no_request_or_object_is_named(terminal: &Terminal<'_>, folder: &Path) {
    for (file, what) in [
        ("first_example/example_codelet.o", "a codelet's object"),
        ("first_example/example_codelet.c", "C source"),
    ] {
        let path = codelets(file);
        let said = terminal.complains(2, &format!("load {path}"));
        assert_eq!(
            said,
            format!(
                "error: `{path}` is {what}; a request is YAML, and names the object as `codelet_path`\n"
            )
        );
    }
    let request = folder.join("wrong.yaml");
    let load = format!("load {}", request.display());
    std::fs::write(&request, "[]").unwrap();
    let said = terminal.complains(2, &load);
    let start = format!("error: the request `{}` is not valid: ", request.display());
    assert!(said.starts_with(&start), "{said}");
    assert!(
        said.contains("a mapping with codeletset_id") && !said.contains("struct"),
        "{said}"
    );
    let source = codelets("first_example/example_codelet.c");
    let text = format!(
        "codeletset_id: set\ncodelet_descriptor:\n  - codelet_name: c\n    codelet_path: {source}\n    hook_name: example\n"
    );
    std::fs::write(&request, text).unwrap();
    let said = terminal.complains(2, &load);
    let start = format!(
        "error: cannot read the object `{source}` of codelet `c`: this is not an ELF file; "
    );
    assert!(said.starts_with(&start), "{said}");
}

fn rejections_are_shown_whole(terminal: &Terminal<'_>, folder: &Path) {
    let request = folder.join("endless.yaml");
    let text = format!(
        "codeletset_id: endless\ncodelet_descriptor:\n  - codelet_name: loop\n    codelet_path: {}\n    hook_name: example\n    priority: 1\n",
        codelets("tests/v3/endless_loop.o")
    );
    std::fs::write(&request, text).unwrap();
    let output = terminal.run(&format!("load {}", request.display()));
    assert_eq!(output.status.code(), Some(1));
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(
        report.contains("E0041") && report.contains("endless_loop.c"),
        "{report}"
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("codeletset `endless`, codelet `loop`: rejected"),
        "{said}"
    );
}

fn records_are_watched_and_sent(terminal: &Terminal<'_>, runtime: &Runtime) {
    let request = codelets("first_example/load.yaml");
    terminal.prints(&format!("load {request}"));

    // The application's own types tell what the records are.
    let output = "00112233445566778899AABBCCDDEEFF".parse().unwrap();
    drop(runtime.output::<Packet>(output).unwrap());
    let mut tail = terminal
        .command("tail outmap --count 3")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Nobody reads the channel, and it is full long before the command watches it.
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut seq_no = 0;
    while tail.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "no three records were watched");
        seq_no += 1;
        fire(seq_no);
        std::thread::yield_now();
    }
    let watched = tail.wait_with_output().unwrap();
    assert!(watched.status.success());
    let watched = String::from_utf8(watched.stdout).unwrap();
    let records: Vec<Value> = watched
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records.len(), 3);
    for record in &records {
        let number = record["seq_no"].as_i64().unwrap();
        assert_eq!(record["value"], -number);
        assert_eq!(record["name"], "hello");
    }

    let calls = &terminal.json("maps example_codeletset --json")[0];
    assert_eq!(
        (&calls["codelet"], &calls["key"]),
        (&"example_codelet".into(), &0.into())
    );
    let said = terminal.complains(2, "maps example_codeletset counterx");
    assert!(
        said.contains("codeletset `example_codeletset` has no map `counterx`"),
        "{said}"
    );
    let said = terminal.complains(1, "maps nothing");
    assert_eq!(
        said,
        "error: codeletset `nothing` is not loaded; loaded is `example_codeletset`\n"
    );

    let said = terminal.prints("send inmap --hex 07000000");
    assert_eq!(said, "sent 4 bytes to inmap\n");
    let said = terminal.complains(2, "send outmap --hex 07");
    assert_eq!(
        said,
        "error: `outmap` is an output channel; `jbpf tail` watches it\n"
    );
    let said = terminal.complains(2, "tail inmap");
    assert_eq!(
        said,
        "error: `inmap` is an input channel; `jbpf send` sends into it\n"
    );
    let said = terminal.complains(2, "tail outmpa");
    assert_eq!(
        said,
        "error: there is no output channel `outmpa`; did you mean `outmap`?\n"
    );
}

/// The first example's codelet is loaded; a second one comes and goes.
fn channels_of_one_name_are_told_apart_and_end(terminal: &Terminal<'_>, folder: &Path) {
    let request = folder.join("second.yaml");
    let text = format!(
        "codeletset_id: second\ncodelet_descriptor:\n  - codelet_name: c\n    codelet_path: {}\n    hook_name: example\n    \
         in_io_channel: [{{name: inmap}}]\n    out_io_channel: [{{name: outmap}}]\n",
        codelets("first_example/example_codelet.o")
    );
    std::fs::write(&request, text).unwrap();
    terminal.prints(&format!("load {}", request.display()));
    assert_eq!(
        terminal.complains(2, "tail outmap"),
        "error: there are several channels `outmap`; name one of `example_codeletset/example_codelet/outmap`, \
         `second/c/outmap`, or give its stream id\n"
    );

    let mut tail = terminal
        .command("tail c/outmap --count 1000000")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut records = BufReader::new(tail.stdout.take().unwrap());
    let watched = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !watched.load(Ordering::Relaxed) {
                fire(1);
                std::thread::yield_now();
            }
        });
        let first = records.read_line(&mut String::new());
        watched.store(true, Ordering::Relaxed);
        assert!(first.unwrap() > 0, "a record is watched");
    });
    terminal.prints("unload second");
    records.read_to_end(&mut Vec::new()).unwrap();
    let ended = tail.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(
        said.contains("warning: the channel `second/c/outmap` has ended: "),
        "{said}"
    );
}

/// The first example's codelet is loaded, and called all the time.
fn hooks_are_watched(terminal: &Terminal<'_>, runtime: &Runtime) {
    let end = AtomicBool::new(false);
    let measured = || {
        let statistics = runtime.statistics();
        statistics.hook("example").unwrap().measured.is_some()
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !end.load(Ordering::Relaxed) {
                fire(1);
                std::thread::yield_now();
            }
        });
        let tables = terminal.json("top --json --count 2 --interval-ms 50");
        let text = terminal.prints("top --count 1 --interval-ms 50 --hooks");
        let none = terminal.prints("top --count 1 --interval-ms 10 --filter nothing");
        end.store(true, Ordering::Relaxed);

        assert_eq!(tables.len(), 2);
        for table in tables {
            let row = &table["rows"][0];
            assert_eq!(row["hook"], "example");
            assert_eq!(row["codelet"], "example_codeletset/example_codelet");
            assert!(row["calls_per_second"].as_f64().unwrap() > 0.0, "{row}");
            assert!(row["p50_ns"].as_u64() <= row["p99_ns"].as_u64(), "{row}");
            // Nobody reads the channel, which is full.
            assert!(row["dropped"].as_u64().unwrap() > 0, "{row}");
            // The channel's places and the counter's page.
            assert!(row["memory"].as_u64().unwrap() > 4096, "{row}");
        }
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        let titles: Vec<&str> = lines[0].split_whitespace().collect();
        assert_eq!(
            titles,
            [
                "HOOK", "CODELET", "CALLS/S", "P50", "P99", "LOAD", "DROPS/S", "DROPPED", "PASSED",
                "BUSY", "MEMORY", "ABORTS"
            ]
        );
        assert!(lines[1].starts_with("example  (all)"), "{text}");
        assert_eq!(none.lines().count(), 1, "{none}");
    });
    let deadline = Instant::now() + Duration::from_secs(30);
    while measured() {
        assert!(
            Instant::now() < deadline,
            "measuring goes on without the command"
        );
        std::thread::yield_now();
    }
}
