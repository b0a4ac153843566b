//! Records and map entries in the formats that other programs read and write, with `protoc` as one
//! of those.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod terminal;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jbpf::request::CodeletBuilder;
use jbpf::{LoadRequest, Receiver, Runtime, jbpf_data, jbpf_hook};
use terminal::{Terminal, codelets, has};

/// A request that was served.
#[jbpf_data]
struct Request {
    id: u64,
    latency_us: u32,
    status: u16,
    attempts: u16,
}

/// Called when a request has been served.
#[jbpf_hook]
fn request_served(request: &Request) {}

/// As in `codelets/packet_pipeline/hooks.h`.
#[jbpf_hook]
fn packet_leaves(port: u32, waited_ns: u64) {}

fn fire(id: u64) {
    request_served(&Request {
        id,
        latency_us: 1000,
        status: 200,
        attempts: 1,
    });
}

/// One test: a process has one runtime.
#[test]
fn records_come_and_go_in_all_formats() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("jbpf")).unwrap();
    let runtime = Runtime::builder()
        .name("formats")
        .socket(folder.path().join("jbpf/formats.sock"))
        .build()
        .unwrap();
    let request = codelets("new_project/load.yaml");
    runtime
        .load(&LoadRequest::from_yaml_file(request).unwrap())
        .unwrap();
    let terminal = Terminal(folder.path());
    records_are_watched(&terminal, &runtime);
    records_are_sent(&terminal, folder.path());
    entries_are_shown(&terminal);
    histograms_are_drawn(&terminal, &runtime);
    if has("protoc") {
        stock_tools_read_and_write_them(&terminal, &runtime, folder.path());
    }
}

/// The output of watching while the hook fires and the application reads.
fn tail(terminal: &Terminal<'_>, runtime: &Runtime, options: &str) -> Vec<u8> {
    let stream = "5107e00000000000000000000000c0de".parse().unwrap();
    let reader: Receiver<Request> = runtime.output(stream).unwrap();
    let mut watching = terminal
        .command(&format!("tail slow --count 3 {options}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut id = 0;
    while watching.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            watching.kill().unwrap();
            panic!("tail saw no three records within a minute");
        }
        id += 1;
        fire(id);
        let _ = reader.try_iter().count();
        std::thread::yield_now();
    }
    let watched = watching.wait_with_output().unwrap();
    assert!(watched.status.success());
    watched.stdout
}

fn records_are_watched(terminal: &Terminal<'_>, runtime: &Runtime) {
    let csv = String::from_utf8(tail(terminal, runtime, "--format csv")).unwrap();
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines[0], "id,latency_us,status,attempts");
    assert_eq!(lines.len(), 4);
    assert!(
        lines[1..].iter().all(|line| line.ends_with(",1000,200,1")),
        "{csv}"
    );

    let schema = terminal.prints("schema slow");
    assert_eq!(
        schema,
        "syntax = \"proto3\";\n\nmessage Request {\n  uint64 id = 1;\n  uint32 latency_us = 2;\n  \
         uint32 status = 3;\n  uint32 attempts = 4;\n}\n\nmessage Records {\n  repeated Request record = 1;\n}\n"
    );
    assert_eq!(
        terminal.json("schema slow --json")[0]["record_message"],
        "Request"
    );
    let said = terminal.complains(2, "schema slwo");
    assert_eq!(
        said,
        "error: there is no channel `slwo`; did you mean `slow`?\n"
    );
}

/// The codelet's copy of the last setting that was sent.
fn slow_us(terminal: &Terminal<'_>, sent: usize) -> String {
    // Each call takes one.
    (0..sent as u64).for_each(fire);
    let current = terminal.json("maps slow_requests current --json");
    current[0]["value"]["slow_us"].to_string()
}

fn records_are_sent(terminal: &Terminal<'_>, folder: &Path) {
    let file = folder.join("settings");
    let file_name = file.display();
    std::fs::write(&file, "slow_us\n1\n2\n").unwrap();
    let said = terminal.prints(&format!("send settings --format csv --file {file_name}"));
    assert_eq!(said, "sent 2 records to settings\n");
    assert_eq!(slow_us(terminal, 2), "2");
    std::fs::write(&file, r#"{"slow_us": 3} {"slow_us": "4"}"#).unwrap();
    terminal.prints(&format!("send settings --file {file_name}"));
    assert_eq!(slow_us(terminal, 2), "4");

    std::fs::write(&file, "slow_su\n1\n").unwrap();
    let said = terminal.complains(2, &format!("send settings --format csv --file {file_name}"));
    assert_eq!(
        said,
        "error: `settings` has no field `slow_su`; did you mean `slow_us`?\n"
    );
    let output = terminal.run(&format!(
        "send settings --format csv --file {file_name} --json"
    ));
    let error: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(error["error"]["code"], "unanswered");
    terminal.complains(2, "send settings --format csv");
    terminal.complains(2, "send settings --file /no/such/file");
}

/// Each thread has a copy of the histogram.
fn histograms_are_drawn(terminal: &Terminal<'_>, runtime: &Runtime) {
    let codelet = codelets("packet_pipeline/wait_histogram.o");
    let codelet = CodeletBuilder::from_path("waits", codelet, "packet_leaves");
    let request = LoadRequest::builder("histogram").codelet(codelet).build();
    runtime.load(&request.unwrap()).unwrap();
    let wait = |times: usize, waited_ns: u64| {
        std::thread::scope(|scope| {
            scope.spawn(|| (0..times).for_each(|_| packet_leaves(0, waited_ns)));
        });
    };
    wait(30, 16);
    wait(50, 17);
    wait(20, 64);
    wait(1, 1024);
    let said = terminal.prints("maps histogram waits");
    let lines: Vec<_> = said.lines().skip(1).collect();
    let bar = |columns| "#".repeat(columns);
    let drawn = [(4, 80, 40), (6, 20, 10), (10, 1, 1)];
    let drawn = drawn.map(|(bin, count, columns)| format!("  {bin}  {count}  {}", bar(columns)));
    assert_eq!(lines, drawn);
    let sums = terminal.json("maps histogram waits --json");
    assert_eq!(
        (&sums[0]["key"], &sums[0]["value"]),
        (&4.into(), &80.into())
    );
    assert!(sums[0].get("thread").is_none(), "{}", sums[0]);
    let copies = terminal.json("maps histogram waits --json --per-thread");
    let of_bin = copies.iter().filter(|copy| copy["key"] == 4);
    let counts = of_bin.clone().map(|copy| copy["value"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), 80);
    assert!(of_bin.clone().all(|copy| copy["thread"].is_u64()));
    runtime.unload("histogram").unwrap();
}

fn entries_are_shown(terminal: &Terminal<'_>) {
    let csv = terminal.prints("maps slow_requests by_status --format csv");
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines[0], "key,value");
    assert!(lines.len() == 2 && lines[1].starts_with("200,"), "{csv}");
    let csv = terminal.prints("maps slow_requests slow_requests/current --format csv");
    assert_eq!(csv, "key,value.slow_us\n0,4\n");
    let json = terminal.json("maps slow_requests current --format json");
    assert_eq!(json[0]["key"], 0);
    let said = terminal.complains(2, "maps slow_requests --format csv");
    assert!(
        said.ends_with("name one of `slow_requests/current`, `slow_requests/by_status`\n"),
        "{said}"
    );
    let said = terminal.complains(1, "schema current --codeletset slow_request");
    assert!(said.contains("did you mean `slow_requests`?"), "{said}");
}

/// Runs `protoc` with a schema of ours, on these bytes.
fn protoc(folder: &Path, schema: &str, mode: &str, input: &[u8]) -> Vec<u8> {
    std::fs::write(folder.join("records.proto"), schema).unwrap();
    std::fs::write(folder.join("input"), input).unwrap();
    let output = Command::new("protoc")
        .current_dir(folder)
        .args([mode, "records.proto"])
        .stdin(std::fs::File::open(folder.join("input")).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{schema}");
    assert_eq!(said, "", "{schema}");
    output.stdout
}

/// The request names a descriptor that the codelet's readers have.
fn readers_keep_their_own_schema(terminal: &Terminal<'_>, runtime: &Runtime, folder: &Path) {
    let proto = "syntax = \"proto2\";\nmessage served {\n  required int32 status = 8;\n  optional uint64 latency_us = 3;\n  optional string user = 4;\n}\n";
    std::fs::write(folder.join("served.proto"), proto).unwrap();
    let made = Command::new("protoc")
        .current_dir(folder)
        .args(["--descriptor_set_out=served.pb", "served.proto"])
        .status();
    assert!(made.unwrap().success());
    let request = std::fs::read_to_string(codelets("new_project/load.yaml")).unwrap();
    let serde = "      - name: slow\n        serde: {protobuf: {package_path: served.pb, msg_name: MESSAGE}}\n";
    let request = request.replacen("      - name: slow\n", serde, 1);
    let path = folder.join("load.yaml");
    let name = path.display();
    std::fs::write(&path, request.replace("MESSAGE", "served")).unwrap();
    let schema = terminal.prints(&format!("schema slow --request {name}"));
    assert!(schema.contains("  int32 status = 8;\n"), "{schema}");
    assert!(schema.contains("  uint64 latency_us = 3;\n"), "{schema}");
    let records = tail(
        terminal,
        runtime,
        &format!("--format protobuf --request {name}"),
    );
    let text = protoc(folder, &schema, "--decode=Records", &records);
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.matches("latency_us: 1000\n").count(), 3, "{text}");
    assert_eq!(text.matches("status: 200\n").count(), 3, "{text}");
    assert!(
        !text.contains("user") && !text.contains("attempts"),
        "{text}"
    );

    let said = terminal.complains(2, &format!("schema settings --request {name}"));
    assert!(said.contains("names no protobuf message"), "{said}");
    std::fs::write(&path, request.replace("MESSAGE", "servd")).unwrap();
    let said = terminal.complains(2, &format!("schema slow --request {name}"));
    assert!(
        said.ends_with("has no message `servd`; did you mean `served`?\n"),
        "{said}"
    );
}

fn stock_tools_read_and_write_them(terminal: &Terminal<'_>, runtime: &Runtime, folder: &Path) {
    // Records that are far apart are slow ones again.
    terminal.prints(r#"send settings {"slow_us":0}"#);
    let records = tail(terminal, runtime, "--format protobuf");
    let text = protoc(
        folder,
        &terminal.prints("schema slow"),
        "--decode=Records",
        &records,
    );
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.matches("record {").count(), 3, "{text}");
    assert_eq!(text.matches("latency_us: 1000").count(), 3, "{text}");

    readers_keep_their_own_schema(terminal, runtime, folder);

    let schema = terminal.prints("schema settings");
    let settings = "record { slow_us: 5 } record { slow_us: 6 }";
    let sent = protoc(folder, &schema, "--encode=Records", settings.as_bytes());
    std::fs::write(folder.join("sent"), sent).unwrap();
    let file = folder.join("sent");
    terminal.prints(&format!(
        "send settings --format protobuf --file {}",
        file.display()
    ));
    assert_eq!(slow_us(terminal, 2), "6");

    let schema = terminal.prints("schema by_status --codeletset slow_requests");
    let entries = terminal
        .run("maps slow_requests by_status --format protobuf")
        .stdout;
    let text = protoc(folder, &schema, "--decode=Records", &entries);
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("key: 200"), "{text}");
}
