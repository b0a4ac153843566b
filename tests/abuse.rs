//! Clients that mean harm, or die: the application runs on, and holds no more than before.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod served;

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use jbpf::RuntimeBuilder;
use jbpf::operator::{Operator, TailEvent};
use jbpf_channel::Collector;
use served::{Application, OUTPUT, Packet, Raw, fire, first_example};

/// Where children find the socket, and what they are to do.
const SOCKET: &str = "JBPF_TEST_SOCKET";

const HELLO: &str = r#"{"version":1,"id":1,"hello":{}}"#;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Resident memory in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Others are served.
fn settle(application: &Application) {
    drop(witness(application));
}

/// An operator that has had three answers: meanwhile the server has read what those wrote who closed before
/// it connected, and has let them go.
fn witness(application: &Application) -> Operator {
    let mut operator = application.operator();
    for _ in 0..3 {
        operator.hello().unwrap();
    }
    operator
}

/// Abuses the application in rounds; from the first to the last, it holds the same.
fn flat(application: &Application, rounds: usize, mut abuse: impl FnMut(&Application)) {
    abuse(application);
    let operator = witness(application);
    let (before, memory) = (descriptors(), resident());
    drop(operator);
    for _ in 0..rounds {
        abuse(application);
    }
    let _operator = witness(application);
    let after = descriptors();
    assert!(after <= before, "{after} descriptors, {before} before");
    let grown = resident().saturating_sub(memory);
    assert!(
        grown < 64 << 10,
        "{grown} KiB more than after the first round"
    );
}

#[test]
fn who_connects_and_closes_costs_nothing() {
    let application = Application::start();
    flat(&application, 1000, |application| {
        drop(application.connect())
    });
}

#[test]
fn a_hundred_bytes_and_gone_cost_nothing() {
    let application = Application::start();
    flat(&application, 1000, |application| {
        application.connect().write(&[b'{'; 100]).unwrap();
    });
}

#[test]
fn garbage_is_answered_and_its_sender_may_go_on() {
    let application = Application::start();
    let mut raw = application.connect();
    for garbage in [
        "",
        "\0\0\0",
        "GET / HTTP/1.1\r",
        "{\"version\":1,\"id\":4}",
        "[[[[[[[[",
    ] {
        let answer = raw.ask(garbage);
        assert!(answer["error"]["code"].is_string(), "{garbage}: {answer}");
    }
    assert_eq!(raw.ask(HELLO)["hello"]["name"], "served");
    // No text at all, from a generator whose every byte differs between lines.
    let mut state = 1_u64;
    flat(&application, 100, |application| {
        let mut bytes = vec![0; 4096];
        for byte in &mut bytes {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *byte = (state >> 56) as u8;
        }
        let raw = application.connect();
        raw.write(&bytes).unwrap();
    });
}

#[test]
fn lines_of_ten_mebibytes_end_the_connection() {
    let application = Application::start();
    flat(&application, 20, |application| {
        let mut raw = application.connect();
        // The server does not read it to the end.
        let _ = raw.write(&vec![b'x'; 10 << 20]);
        let answer = raw.read().unwrap();
        assert_eq!(answer["error"]["code"], "line-too-long");
        assert!(raw.read().is_none());
    });
}

#[test]
fn slow_writers_keep_nobody_waiting() {
    let application = Application::start();
    let (first, last) = HELLO.split_at(10);
    let mut slow: Vec<Raw> = (0..60).map(|_| application.connect()).collect();
    for raw in &slow {
        raw.write(first.as_bytes()).unwrap();
    }
    settle(&application);
    for raw in &mut slow {
        assert_eq!(raw.ask(last)["hello"]["name"], "served");
    }
}

#[test]
fn two_hundred_clients_are_served_or_told() {
    let application = Application::start();
    flat(&application, 5, |application| {
        let mut clients: Vec<Raw> = (0..200).map(|_| application.connect()).collect();
        let (mut served, mut told) = (0, 0);
        for client in &mut clients {
            // Whoever was turned away cannot be written to.
            let _ = client.write(format!("{HELLO}\n").as_bytes());
            match client.read() {
                Some(answer) if answer["hello"]["name"] == "served" => served += 1,
                Some(answer) if answer["error"]["code"] == "too-many-clients" => told += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((served, told), (64, 136));
        drop(clients);
        // The server sees them go in its own time.
        while Operator::connect(application.socket())
            .unwrap()
            .hello()
            .is_err()
        {}
    });
}

#[test]
fn who_asks_and_never_reads_is_held_to_a_bound() {
    let application = Application::start();
    let request = b"{\"version\":1,\"id\":1,\"header\":{}}\n".repeat(1000);
    flat(&application, 3, |application| {
        let raw = application.connect();
        raw.stream().set_nonblocking(true).unwrap();
        // Until the server reads no more of it.
        while raw.stream().write(&request).is_ok() {
            settle(application);
        }
        settle(application);
    });
}

#[test]
fn a_watcher_that_does_not_read_loses_records_and_counts_them() {
    let application = Application::start();
    application.runtime().load(&first_example()).unwrap();
    let packets = application.runtime().output::<Packet>(OUTPUT).unwrap();
    let mut tail = application.operator().tail(OUTPUT).unwrap();

    const RECORDS: i32 = 200_000;
    let mut received = 0;
    for first in (0..RECORDS).step_by(100) {
        fire(first..first + 100);
        received += packets.try_iter().count();
    }
    assert_eq!(received as u64 + packets.dropped(), RECORDS as u64);
    settle(&application);
    application.runtime().unload("example_codeletset").unwrap();

    let (mut watched, mut next) = (0_u64, 0);
    loop {
        match tail.next_event(None).unwrap().unwrap() {
            TailEvent::Record(event) => {
                watched += 1;
                assert!(event.number >= next, "in order");
                next = event.number + 1;
                assert_eq!(next, watched + event.lost, "every gap is counted");
            }
            TailEvent::End { lost } => {
                assert!(lost > 0, "the watcher was too slow");
                assert_eq!(watched + lost, received as u64);
                break;
            }
        }
    }
}

/// Runs one of the `#[ignore]`d tests below in a process of its own.
fn child(test: &str, socket: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "--ignored", "--nocapture", test])
        .env(SOCKET, socket);
    command
}

#[test]
fn collectors_that_are_killed_cost_records_at_most() {
    kill_collectors(100);
}

#[test]
#[ignore = "a soak of some minutes"]
fn soak_ten_thousand_collectors_are_killed() {
    kill_collectors(10_000);
}

fn kill_collectors(rounds: usize) {
    use std::io::{BufRead as _, BufReader};

    let application = Application::with(RuntimeBuilder::shared_channels);
    application.runtime().load(&first_example()).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut sent = 0_i32;
            while !stop.load(Ordering::Relaxed) {
                fire(sent..sent + 1);
                sent += 1;
            }
            sent
        });
        flat(&application, rounds, |application| {
            let mut collector = child("child_that_collects", &application.socket())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(collector.stdout.take().unwrap()).lines();
            assert!(lines.any(|line| line.unwrap().contains("collecting")));
            collector.kill().unwrap();
            collector.wait().unwrap();
        });
        stop.store(true, Ordering::Relaxed);
        let sent = sender.join().unwrap();
        // The next one attaches, and every record is accounted for.
        let streams = application.operator().streams().unwrap();
        let output = streams
            .iter()
            .find(|stream| stream.stream_id == OUTPUT)
            .unwrap();
        assert_eq!(
            output.sent + output.dropped,
            u64::from(sent.cast_unsigned())
        );
        assert!(output.received <= output.sent);
    });
}

#[test]
#[ignore = "a part of another test, in a process of its own"]
fn child_that_collects() {
    let Ok(socket) = std::env::var(SOCKET) else {
        return;
    };
    let collector = Collector::connect(&socket).unwrap();
    // The host learns of the last one's death in its own time.
    let packets = loop {
        if let Ok(packets) = collector.output::<Packet>(OUTPUT) {
            break packets;
        }
    };
    packets.recv().unwrap();
    println!("collecting");
    loop {
        packets.recv().unwrap();
    }
}

#[test]
fn other_users_are_closed_out_unless_they_are_listed() {
    const STRANGER: u32 = 54_321;
    const LISTED: u32 = 54_322;

    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can act as somebody else");
        return;
    }
    let application = Application::with(|builder| builder.allow_uids([LISTED]));
    std::fs::set_permissions(application.folder(), Permissions::from_mode(0o755)).unwrap();
    for (user, answer) in [(STRANGER, "closed"), (LISTED, "served")] {
        let run = child("child_that_says_hello", &application.socket())
            .uid(user)
            .output();
        let Ok(output) = run else {
            eprintln!("skipped: other users cannot execute this test");
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            text.contains(&format!("answer: {answer}")),
            "{user}: {text}"
        );
    }
}

#[test]
#[ignore = "a part of another test, in a process of its own"]
fn child_that_says_hello() {
    let Ok(socket) = std::env::var(SOCKET) else {
        return;
    };
    let mut raw = Raw::new(UnixStream::connect(socket).unwrap());
    // Whoever is closed out may find it out here.
    let _ = raw.write(format!("{HELLO}\n").as_bytes());
    match raw.read() {
        Some(hello) => println!("answer: {}", hello["hello"]["name"].as_str().unwrap()),
        None => println!("answer: closed"),
    }
}

#[test]
#[ignore = "a soak of some minutes"]
fn soak_a_million_clients_connect_and_close() {
    let application = Application::start();
    flat(&application, 1_000_000, |application| {
        drop(application.connect())
    });
}
