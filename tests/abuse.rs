//! Clients that mean harm, or die: the application runs on, and holds no more than before.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jbpf::operator::{Operator, TailEvent};
use jbpf::{Receiver, Runtime, RuntimeBuilder};
use jbpf_channel::Collector;
use jbpf_testing_app::{Application, INPUT, OUTPUT, Packet, Raw, fire, first_example};

/// Environment variable of children: the path of the socket. Without it, a child's test does
/// nothing.
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

/// An operator that has had three answers. By then the server has read the lines of clients that
/// closed before it connected, and has let them go.
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
    let now = resident();
    println!(
        "{rounds} rounds: {before} descriptors, then {after}; {memory} KiB resident, then {now}"
    );
    let grown = now.saturating_sub(memory);
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
    // No text at all, from a generator: every byte differs between lines.
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
fn every_field_of_a_request_may_be_wrong() {
    const STREAM: &str = "00112233445566778899aabbccddeeff";
    let application = Application::start();
    application.runtime().load(&first_example()).unwrap();
    let mut raw = application.connect();
    let load = |codelet: &str| {
        format!(r#"{{"version":1,"id":7,"load":{{"codeletset":"s","codelets":[{codelet}]}}}}"#)
    };
    let long = "x".repeat(500_000);
    let deep = format!(
        r#"{{"version":1,"id":7,"show":{}1{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let cases = [
        // The envelope.
        (r#"{"version":1.0,"id":7,"list":{}}"#.to_owned(), "version"),
        (r#"{"version":18446744073709551616,"list":{}}"#.to_owned(), "version"),
        (r#"{"version":1e999,"list":{}}"#.to_owned(), "bad-json"),
        (r#"{"version":1,"id":7,"list":{},"list":{}"#.to_owned(), "bad-json"),
        (r#"{"version":1,"id":7,"list":null}"#.to_owned(), "bad-request"),
        (r#"{"version":1,"id":7,"list":[[]]}"#.to_owned(), "bad-request"),
        (format!(r#"{{"version":1,"id":7,"{long}":{{}}}}"#), "unknown-request"),
        (deep, "bad-json"),
        // Numbers, names and bytes.
        (r#"{"version":1,"id":7,"map":{"codeletset":"a","codelet":"b","map":"c","skip":-1}}"#.to_owned(), "bad-request"),
        (r#"{"version":1,"id":7,"map":{"codeletset":"a","codelet":"b","map":"c","limit":4294967296}}"#.to_owned(), "bad-request"),
        (r#"{"version":1,"id":7,"map":{"codeletset":"a","codelet":"b","map":"c","skip":18446744073709551615}}"#.to_owned(), "not-loaded"),
        (format!(r#"{{"version":1,"id":7,"unload":{{"codeletset":"{long}"}}}}"#), "not-loaded"),
        (format!(r#"{{"version":1,"id":7,"show":{{"codeletset":"{long}"}}}}"#), "not-loaded"),
        (r#"{"version":1,"id":7,"close":{"attachment":-1}}"#.to_owned(), "bad-request"),
        (format!(r#"{{"version":1,"id":7,"tail":{{"stream_id":"{STREAM}0"}}}}"#), "bad-request"),
        (r#"{"version":1,"id":7,"tail":{"stream_id":5}}"#.to_owned(), "bad-request"),
        (format!(r#"{{"version":1,"id":7,"open_output":{{"stream_id":"{STREAM}","tap":"yes"}}}}"#), "bad-request"),
        (format!(r#"{{"version":1,"id":7,"open_output":{{"stream_id":"{STREAM}"}}}}"#), "channel-not-shared"),
        (format!(r#"{{"version":1,"id":7,"send":{{"stream_id":"{STREAM}","record":""}}}}"#), "unknown-stream"),
        (format!(r#"{{"version":1,"id":7,"send":{{"stream_id":"{STREAM}","record":"AA"}}}}"#), "bad-request"),
        (format!(r#"{{"version":1,"id":7,"send":{{"stream_id":"{STREAM}","record":"A\u0000=="}}}}"#), "bad-request"),
        // Loads.
        (load(""), "no-entries"),
        (load("{}"), "bad-request"),
        (load(r#"{"name":"","hook":"example","object":{"bytes":""}}"#), "empty-field"),
        (load(r#"{"name":"c\u0007","hook":"example","object":{"bytes":""}}"#), "control-character"),
        (load(r#"{"name":"c","hook":"example","object":{"bytes":"!"}}"#), "bad-request"),
        (load(r#"{"name":"c","hook":"example","object":{"bytes":""}}"#), "bad-object"),
        (load(r#"{"name":"c","hook":"example","object":{"bytes":"f0VMRg=="}}"#), "bad-object"),
        (load(r#"{"name":"c","hook":"example","object":{"stored":"x"},"object":{"bytes":""}}"#), "bad-object"),
        (load(r#"{"name":"c","hook":"example","object":{"bytes":""},"priority":4294967296}"#), "bad-request"),
        (load(r#"{"name":"c","hook":"example","object":{"bytes":""},"prioritee":1}"#), "bad-request"),
        (load(&vec!["{}"; 200_000].join(",")), "bad-request"),
    ];
    for (line, code) in cases {
        let start: String = line.chars().take(120).collect();
        let answer = raw.ask(&line);
        assert_eq!(answer["error"]["code"], code, "{start}: {answer}");
    }
    // None of these lines loaded anything or ended the conversation.
    assert_eq!(raw.ask(HELLO)["hello"]["codeletsets"], 1);
    raw.write(b"{\"version\":1,\"id\":\xff\xfe}\n").unwrap();
    assert_eq!(raw.read().unwrap()["error"]["code"], "bad-json");
}

#[test]
fn descriptors_that_a_client_sends_are_closed() {
    use std::os::fd::AsFd as _;

    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

    let application = Application::start();
    let (mut reading, writing) = std::io::pipe().unwrap();
    let line = format!("{HELLO}\n");
    flat(&application, 200, |application| {
        let mut raw = application.connect();
        let handles = [writing.as_fd(); 8];
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&handles)));
        let bytes = std::io::IoSlice::new(line.as_bytes());
        sendmsg(raw.stream(), &[bytes], &mut control, SendFlags::empty()).unwrap();
        assert_eq!(raw.read().unwrap()["hello"]["name"], "served");
    });
    // Nobody holds the pipe open any more.
    drop(writing);
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut reading, &mut rest).unwrap();
    assert!(rest.is_empty());
}

#[test]
fn a_client_watches_and_opens_so_many_channels_and_no_more() {
    let application = Application::with(RuntimeBuilder::shared_channels);
    application.runtime().load(&first_example()).unwrap();
    let requests = [
        (
            format!(r#"{{"version":1,"id":1,"tail":{{"stream_id":"{OUTPUT}"}}}}"#),
            64,
            "too-many-tails",
        ),
        (
            format!(
                r#"{{"version":1,"id":1,"open_output":{{"stream_id":"{OUTPUT}","tap":true}}}}"#
            ),
            512,
            "channel-too-many-open",
        ),
        (
            format!(r#"{{"version":1,"id":1,"open_input":{{"stream_id":"{INPUT}"}}}}"#),
            8,
            "channel-too-many-senders",
        ),
    ];
    for (request, most, code) in requests {
        flat(&application, 2, |application| {
            let mut raw = application.connect();
            let answers: Vec<_> = (0..most + 50).map(|_| raw.ask(&request)).collect();
            let (granted, refused) = answers.split_at(most);
            assert!(granted.iter().all(|answer| answer["error"].is_null()));
            assert!(refused.iter().all(|answer| answer["error"]["code"] == code));
            drop(raw);
            settle(application);
        });
    }
}

#[test]
fn what_a_client_opens_and_does_not_take_leaves_the_application_its_descriptors() {
    let application = Application::with(RuntimeBuilder::shared_channels);
    application.runtime().load(&first_example()).unwrap();
    let request = format!(
        "{{\"version\":1,\"id\":1,\"open_output\":{{\"stream_id\":\"{OUTPUT}\",\"tap\":true}}}}\n"
    );
    let answer = application.connect().ask(request.trim_end());
    let mut lazy: Vec<Raw> = (0..8).map(|_| application.connect()).collect();
    settle(&application);
    let before = descriptors();
    for raw in &lazy {
        raw.stream().set_nonblocking(true).unwrap();
        // As far as the server reads, which is not all of it.
        let _ = raw.write(request.repeat(500).as_bytes());
    }
    // Each time, some turns of the server; in a turn it answers a few lines of each.
    (0..20).for_each(|_| settle(&application));
    let waiting = descriptors().saturating_sub(before);
    // The witness that settles has one as well.
    assert!(waiting <= lazy.len() * 17 + 1, "{waiting} descriptors wait");
    // Those in sockets wait, too: the kernel counts them for the application's user.
    let longest = answer.to_string().len() as u64 + 8;
    for raw in &lazy {
        let bytes = rustix::io::ioctl_fionread(raw.stream()).unwrap();
        assert!(bytes <= 17 * longest, "{bytes} bytes wait");
    }
    // A client that takes them gets more.
    lazy[0].stream().set_nonblocking(false).unwrap();
    assert!((0..100).all(|_| lazy[0].read().is_some()));
    drop(lazy);
    settle(&application);
    assert!(descriptors() <= before);
}

/// The kernel keeps descriptors in flight until the client takes them or closes its end, whatever
/// the server closes.
#[test]
fn descriptors_that_ended_clients_never_take_are_counted() {
    let said = said_by(child("child_that_sends_descriptors", Path::new("")));
    assert!(said.contains("refused, and granted again"), "{said}");
}

#[test]
#[ignore = "a part of another test, in a process of its own"]
fn child_that_sends_descriptors() {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    if std::env::var(SOCKET).is_err() {
        return;
    }
    let application = Application::with(RuntimeBuilder::shared_channels);
    application.runtime().load(&first_example()).unwrap();
    let (current, maximum) = (Some(800), getrlimit(Resource::Nofile).maximum);
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
    let open =
        format!(r#"{{"version":1,"id":1,"open_output":{{"stream_id":"{OUTPUT}","tap":true}}}}"#);
    let close = r#"{"version":1,"id":2,"close":{"attachment":1}}"#;
    let lines = format!("{open}\n{close}\n");
    let mut lazy = Vec::new();
    let refused = (0..100).find_map(|_| {
        let mut raw = application.connect();
        raw.write(lines.as_bytes()).unwrap();
        raw.stream().shutdown(std::net::Shutdown::Write).unwrap();
        // Until the server has ended the connection.
        let mut ended = [PollFd::new(raw.stream(), PollFlags::empty())];
        poll(&mut ended, None).unwrap();
        let mut begin = [std::mem::MaybeUninit::uninit(); 256];
        let peek = rustix::net::RecvFlags::PEEK;
        let ((seen, _), _) = rustix::net::recv(raw.stream(), &mut begin, peek).unwrap();
        if String::from_utf8_lossy(seen).contains("no-descriptors") {
            return raw.read();
        }
        lazy.push(raw);
        None
    });
    let refused = refused.unwrap_or_else(|| panic!("{} are in flight", lazy.len()));
    // An eighth of the limit for one user; each connection costs the server a descriptor as well.
    assert!((40..60).contains(&lazy.len()), "{} {refused}", lazy.len());
    drop(lazy);
    settle(&application);
    assert!(application.connect().ask(&open)["error"].is_null());
    println!("refused, and granted again");
}

#[test]
fn who_has_said_all_may_go_on_watching() {
    let application = Application::start();
    application.runtime().load(&first_example()).unwrap();
    let mut raw = application.connect();
    let tail = format!(r#"{{"version":1,"id":5,"tail":{{"stream_id":"{OUTPUT}"}}}}"#);
    assert_eq!(raw.ask(&tail)["tail"]["map"], "outmap");
    raw.stream().shutdown(std::net::Shutdown::Write).unwrap();
    settle(&application);
    for number in 0..3 {
        fire([number]);
        assert_eq!(raw.read().unwrap()["record"]["number"], number);
    }
    application.runtime().unload("example_codeletset").unwrap();
    assert_eq!(raw.read().unwrap()["end"]["lost"], 0);
    assert!(raw.read().is_none(), "nothing keeps it any more");
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
            // Writing fails if the server has turned the client away.
            let _ = client.write(format!("{HELLO}\n").as_bytes());
            match client.read() {
                Some(answer) if answer["hello"]["name"] == "served" => served += 1,
                Some(answer) if answer["error"]["code"] == "too-many-clients" => told += 1,
                other => panic!("{other:?}"),
            }
        }
        // On a machine that is busy for seconds meanwhile, silent ones make room for others.
        assert!(served >= 64 && served + told == 200, "{served}, {told}");
        drop(clients);
        // The server sees them go in its own time.
        let deadline = Instant::now() + Duration::from_secs(60);
        while Operator::connect(application.socket())
            .unwrap()
            .hello()
            .is_err()
        {
            assert!(Instant::now() < deadline, "there is room again");
        }
    });
}

/// As many as there can be, and then an operator comes.
#[test]
fn watchers_and_collectors_leave_places_to_operators() {
    let application = Application::with(RuntimeBuilder::shared_channels);
    application.runtime().load(&first_example()).unwrap();
    let requests = [
        format!(r#"{{"version":1,"id":1,"tail":{{"stream_id":"{OUTPUT}"}}}}"#),
        format!(r#"{{"version":1,"id":1,"open_output":{{"stream_id":"{OUTPUT}","tap":true}}}}"#),
    ];
    flat(&application, 2, |application| {
        let mut clients: Vec<Raw> = Vec::new();
        for number in 0..64 {
            let mut client = application.connect();
            let answer = client.ask(&requests[number % 2]);
            let code = &answer["error"]["code"];
            if number < 48 {
                assert!(code.is_null(), "{answer}");
                clients.push(client);
            } else {
                assert_eq!(code, "too-many-watchers");
                assert_eq!(client.ask(HELLO)["hello"]["name"], "served");
            }
        }
        // Those that watch may watch more, and each that goes makes room.
        let more = clients[0].ask(&requests[0]);
        assert!(more["error"].is_null(), "{more}");
        drop(clients);
        settle(application);
        let again = application.connect().ask(&requests[0]);
        assert!(again["error"].is_null(), "{again}");
    });
}

/// Their loads would be in line for seconds, and take effect when no client waits for them any
/// more.
#[test]
fn who_asks_for_loads_and_vanishes_leaves_nothing_behind() {
    let application = Application::start();
    let object = "QUJD".repeat((700 << 10) / 4);
    let load = format!(
        r#"{{"version":1,"id":1,"load":{{"codeletset":"s","codelets":[{{"name":"c","hook":"example","object":{{"bytes":"{object}"}}}}]}}}}"#
    );
    flat(&application, 60, |application| {
        let raw = application.connect();
        raw.write(format!("{load}\n").as_bytes()).unwrap();
    });
}

#[test]
fn a_line_names_so_many_hooks_and_no_more() {
    let application = Application::start();
    let mut raw = application.connect();
    for request in ["statistics", "measure"] {
        let mut ask = |count: usize| {
            let names = vec![r#""example""#; count].join(",");
            raw.ask(&format!(
                r#"{{"version":1,"id":3,"{request}":{{"hooks":[{names}]}}}}"#
            ))
        };
        let answer = ask(1024);
        assert!(answer["error"].is_null(), "{answer}");
        for count in [1025, 100_000] {
            assert_eq!(ask(count)["error"]["code"], "too-many-entries");
        }
    }
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

/// The words of a process that succeeds.
fn said_by(mut child: Command) -> String {
    let run = child.output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{said}{errors}");
    said
}

#[test]
fn collectors_that_are_killed_cost_records_at_most() {
    kill_collectors(100);
}

#[test]
#[ignore = "a minute: a thousand processes"]
fn a_thousand_collectors_are_killed() {
    kill_collectors(1_000);
}

#[test]
#[ignore = "a soak of some minutes"]
fn soak_ten_thousand_collectors_are_killed() {
    kill_collectors(10_000);
}

/// Kills one collector after the other while a thread sends as fast as it can: on a machine that
/// has nothing else to do, more than a million records a second.
fn kill_collectors(rounds: usize) {
    let application = Application::with(RuntimeBuilder::shared_channels);
    application.runtime().load(&first_example()).unwrap();
    let stop = AtomicBool::new(false);
    let start = Instant::now();
    let fired = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut fired = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                fire([fired as i32]);
                fired += 1;
            }
            fired
        });
        let stopping = StopOnDrop(&stop);
        flat(&application, rounds, kill_a_collector);
        drop(stopping);
        sender.join().unwrap()
    });
    let millions = fired as f64 / start.elapsed().as_secs_f64() / 1e6;
    println!("{millions:.2} million records a second");

    // The next one attaches, and receives in order all that is left: every record was delivered or
    // counted.
    let collector = Collector::connect(application.socket()).unwrap();
    let packets = open(&collector);
    // The killed one may have left nothing.
    fire([0]);
    let fired = fired + 1;
    let streams = application.runtime().streams();
    let output = streams.iter().find(|stream| stream.stream_id == OUTPUT);
    let output = output.unwrap();
    assert_eq!(output.sent + output.dropped, fired);
    let left = packets.try_iter().count() as u64;
    // One that is killed while the ring is full costs a record.
    assert_eq!(output.received + output.passed_over + left, output.sent);
    assert_eq!(packets.record_number(), output.sent.checked_sub(1));
}

/// Ends a loop, also when the work beside it has failed.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// In the middle of its reading.
fn kill_a_collector(application: &Application) {
    let mut collector = child("child_that_collects", &application.socket())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(collector.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("collecting")));
    collector.kill().unwrap();
    collector.wait().unwrap();
}

/// The channel's reader, once the host has learnt of the last one's death, which it does in its
/// own time.
fn open(collector: &Collector) -> Receiver<Packet> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match collector.output(OUTPUT) {
            Ok(packets) => return packets,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
}

#[test]
#[ignore = "a part of another test, in a process of its own"]
fn child_that_collects() {
    let Ok(socket) = std::env::var(SOCKET) else {
        return;
    };
    let packets = open(&Collector::connect(&socket).unwrap());
    packets.recv().unwrap();
    println!("collecting");
    // Until it is killed, or the host is gone.
    for _ in packets.blocking() {}
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
    // A client that is closed out may notice it here.
    let _ = raw.write(format!("{HELLO}\n").as_bytes());
    match raw.read() {
        Some(hello) => println!("answer: {}", hello["hello"]["name"].as_str().unwrap()),
        None => println!("answer: closed"),
    }
}

/// In a user namespace that knows no users, each user has the same number, also the process's own:
/// a client with that number may be anybody.
#[test]
fn whoever_has_the_number_that_stands_for_anybody_is_closed_out() {
    use rustix::thread::UnshareFlags;

    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("app.sock");
    let mut command = child("child_that_serves_in_a_namespace", &socket);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    #[expect(unsafe_code, reason = "the new namespace is the child's alone")]
    let unshare = || {
        // SAFETY: a user namespace of its own changes nothing that threads share.
        let unshared = unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER) };
        Ok(unshared?)
    };
    #[expect(unsafe_code, reason = "runs between fork and exec")]
    // SAFETY: a system call, which takes no lock and allocates nothing.
    let command = unsafe { command.pre_exec(unshare) };
    let Ok(mut server) = command.spawn() else {
        eprintln!("skipped: no user namespaces here");
        return;
    };
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let serving = lines.find(|line| line.as_ref().unwrap().contains("serving as "));
    let serving = serving.unwrap().unwrap();
    // It would admit its own number, root's, and listed ones.
    assert!(serving.ends_with("serving as 65534"), "{serving}");
    let mut raw = Raw::new(UnixStream::connect(&socket).unwrap());
    let _ = raw.write(format!("{HELLO}\n").as_bytes());
    let answer = raw.read();
    drop(server.stdin.take());
    assert!(server.wait().unwrap().success());
    assert_eq!(answer, None);
}

#[test]
#[ignore = "a part of another test, in a process of its own"]
fn child_that_serves_in_a_namespace() {
    let Ok(socket) = std::env::var(SOCKET) else {
        return;
    };
    let user = rustix::process::geteuid().as_raw();
    let runtime = Runtime::builder().socket(&socket).allow_uids([user]);
    let runtime = runtime.build().unwrap();
    println!("serving as {user}");
    // Until the parent has seen enough.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    drop(runtime);
}

/// The limit is lowered below the number of open descriptors: the system accepts no connection,
/// and refuses to wait for more descriptors than that.
#[test]
fn a_server_without_descriptors_goes_on_with_those_it_has() {
    let said = said_by(child("child_that_runs_out_of_descriptors", Path::new("")));
    assert!(said.contains("served with none left"), "{said}");
}

#[test]
#[ignore = "a part of another test, in a process of its own"]
fn child_that_runs_out_of_descriptors() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    if std::env::var(SOCKET).is_err() {
        return;
    }
    let application = Application::start();
    let mut raw = application.connect();
    assert_eq!(raw.ask(HELLO)["hello"]["name"], "served");
    let late = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    let address = SocketAddrUnix::new(application.socket()).unwrap();
    let before = getrlimit(Resource::Nofile);
    let limit = |current| {
        let maximum = before.maximum;
        setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
    };
    for few in [1, 0] {
        limit(Some(few));
        if few == 1 {
            rustix::net::connect(&late, &address).unwrap();
        }
        let (start, used) = (Instant::now(), processor_time());
        for _ in 0..20 {
            assert_eq!(raw.ask(HELLO)["hello"]["name"], "served");
        }
        // It rests between its looks: whatever the machine does meanwhile, that is not computing.
        let (lasted, used) = (start.elapsed(), processor_time() - used);
        assert!(used < lasted.mul_f64(0.8), "{used:?} of {lasted:?}");
    }
    limit(before.current);
    let mut late = Raw::new(UnixStream::from(late));
    assert_eq!(late.ask(HELLO)["hello"]["name"], "served");
    println!("served with none left");
}

/// The processor time of all threads of this process.
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(now).unwrap()
}

/// As many as there can be in the process: the next one is told why.
#[test]
fn whoever_comes_when_no_descriptor_is_left_is_told() {
    let run = child("child_that_has_no_descriptor_left", Path::new("")).output();
    let run = run.unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&run.stderr)
    );
    assert!(said.contains("told, and served again"), "{said}");
}

#[test]
#[ignore = "a part of another test, in a process of its own"]
fn child_that_has_no_descriptor_left() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    if std::env::var(SOCKET).is_err() {
        return;
    }
    let application = Application::start();
    settle(&application);
    let (current, maximum) = (Some(200), getrlimit(Resource::Nofile).maximum);
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
    let socket = || rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    // The first of them may get descriptors that the server closes meanwhile.
    let late: Vec<_> = (0..8).map(|_| socket()).collect();
    let mut taken = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        taken.push(file);
    }
    let address = SocketAddrUnix::new(application.socket()).unwrap();
    let mut served = Vec::new();
    let told = late.into_iter().find_map(|late| {
        rustix::net::connect(&late, &address).unwrap();
        let mut late = Raw::new(UnixStream::from(late));
        // Writing fails if the server has turned the client away.
        let _ = late.write(format!("{HELLO}\n").as_bytes());
        let told = late.read();
        served.push(late);
        told.filter(|told| told["hello"].is_null())
    });
    assert_eq!(told.unwrap()["error"]["code"], "no-descriptors");
    drop((taken, served));
    settle(&application);
    println!("told, and served again");
}

#[test]
#[ignore = "a soak of some minutes"]
fn soak_a_million_clients_connect_and_close() {
    let application = Application::start();
    flat(&application, 1_000_000, |application| {
        drop(application.connect())
    });
}
