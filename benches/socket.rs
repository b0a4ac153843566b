//! The cost of operating an application: `cargo bench --bench socket`.
//!
//! Prints the time of requests over the control socket, from the operator's side, and the rate at
//! which a collector in another process receives the records of a codelet.
//! `cargo run --release -p jbpf-channel --example throughput` measures the rings alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jbpf::protocol::StreamReport;
use jbpf::request::CodeletBuilder;
use jbpf::{LoadRequest, Receiver, RuntimeBuilder, StreamId, jbpf_data, jbpf_hook};
use jbpf_channel::Collector;
use jbpf_testing_app::{Application, codelets, first_example};

/// The number of times that each request is measured.
const ROUNDS: usize = 1000;

/// The number of records that the codelet sends.
const RECORDS: u64 = 20_000_000;

/// Records between two looks at the channel.
const BATCH: u64 = 4096;

const STREAM: StreamId = StreamId([9; 16]);

/// The region of `codelets/bench/send.c`, which counts its calls there.
#[jbpf_data]
struct Count {
    value: u64,
}

/// A record of `codelets/bench/send.c`.
#[jbpf_data]
struct Record {
    number: u64,
    words: [u64; 3],
}

/// Called for every record.
#[jbpf_hook]
fn produced(count: &mut Count) {}

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("collect") {
        return collect(&arguments.next().unwrap());
    }
    requests();
    records();
}

fn requests() {
    let application = Application::start();
    let mut operator = application.operator();
    let request = first_example();
    println!(
        "{:24} {:>10} {:>10} {:>10}",
        "request", "best", "median", "99 %"
    );
    let (mut loads, mut unloads, mut hellos) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        hellos.push(time(|| drop(operator.hello().unwrap())));
        // The operator reads the object from its file, and the request carries it.
        let mut id = String::new();
        loads.push(time(|| id = operator.load(&request).unwrap().id));
        unloads.push(time(|| operator.unload(&id).unwrap()));
    }
    report("hello", hellos);
    report("load first_example", loads);
    report("unload first_example", unloads);
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e6;
    println!(
        "{what:24} {:7.1} us {:7.1} us {:7.1} us",
        at(0),
        at(50),
        at(99)
    );
}

/// One thread fires the hook as fast as it can, as long as the collector keeps up.
fn records() {
    let application = Application::with(RuntimeBuilder::shared_channels);
    let runtime = application.runtime();
    let object = codelets("bench/send.o");
    let codelet = CodeletBuilder::from_path("send", object, "produced").output("records", STREAM);
    let request = LoadRequest::builder("records").codelet(codelet).build();
    runtime.load(&request.unwrap()).unwrap();
    let mut collector = Command::new(std::env::current_exe().unwrap())
        .arg("collect")
        .arg(application.socket())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(collector.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "collecting");

    let stream = || runtime.streams().pop().unwrap();
    let mut count = Count { value: 0 };
    let start = Instant::now();
    while count.value < RECORDS {
        let StreamReport {
            sent,
            received,
            capacity,
            ..
        } = stream();
        if sent - received > u64::from(capacity) - BATCH {
            std::thread::yield_now();
            continue;
        }
        for _ in 0..BATCH {
            produced(&mut count);
        }
    }
    let last = stream();
    runtime.unload("records").unwrap();
    let received: u64 = lines.next().unwrap().unwrap().parse().unwrap();
    let elapsed = start.elapsed().as_secs_f64();
    assert!(collector.wait().unwrap().success());
    assert_eq!((received, last.dropped), (last.sent, 0));
    println!(
        "a collector in another process receives {:.1} million records of {} bytes a second",
        received as f64 / elapsed / 1e6,
        size_of::<Record>()
    );
}

fn collect(socket: &str) {
    let collector = Collector::connect(socket).unwrap();
    let records: Receiver<Record> = collector.output(STREAM).unwrap();
    println!("collecting");
    println!("{}", records.blocking().count());
}
