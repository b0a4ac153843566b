//! The guarantees that a host and the collectors of other processes have, whatever the other side
//! does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use jbpf_channel::protocol::{
    CollectorReply, CollectorRequest, Envelope, InputGrant, OutputGrant, VERSION,
    receive_with_descriptors, send_with_descriptors, to_line,
};
use jbpf_channel::record::RecordType;
use jbpf_channel::shared::{Channels, Session};
use jbpf_channel::{
    ChannelError, Collector, CollectorError, InputOptions, InputRing, OutputOptions, OutputRing,
    Receiver, RecvError, SendError, Sender, StreamId,
};
use jbpf_hooks::jbpf_data;
use rustix::fs::{FallocateFlags, fallocate, ftruncate};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use zerocopy::IntoBytes;

unsafe extern "C" {
    safe fn fork() -> i32;
    safe fn unshare(flags: i32) -> i32;
    fn waitpid(process: i32, status: *mut i32, options: i32) -> i32;
    safe fn _exit(status: i32) -> !;
}

const OUT: StreamId = StreamId([1; 16]);
const IN: StreamId = StreamId([2; 16]);
const BACK: StreamId = StreamId([3; 16]);

/// The channels of a host, and the sessions to which they are lent.
#[derive(Default)]
struct Book {
    outputs: HashMap<StreamId, Arc<OutputRing>>,
    inputs: HashMap<StreamId, Arc<InputRing>>,
}

impl Channels for Book {
    fn output(&self, stream_id: StreamId) -> Option<Arc<OutputRing>> {
        self.outputs.get(&stream_id).cloned()
    }

    fn input(&self, stream_id: StreamId) -> Option<Arc<InputRing>> {
        self.inputs.get(&stream_id).cloned()
    }
}

/// A host's server: a thread for each connection, so that sessions end when their collectors do.
struct Host {
    path: PathBuf,
    /// Connections that have ended and whose sessions are dropped.
    ended: Arc<AtomicU32>,
    over: Arc<AtomicBool>,
    sockets: Arc<Mutex<Vec<UnixStream>>>,
}

impl Host {
    fn serve(book: Book) -> Self {
        static HOSTS: AtomicU32 = AtomicU32::new(0);
        let number = HOSTS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!(
            "jbpf-collector-test-{}-{number}.sock",
            std::process::id()
        ));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        let host = Self {
            path,
            ended: Arc::default(),
            over: Arc::default(),
            sockets: Arc::default(),
        };
        let (ended, over, sockets) = (host.ended.clone(), host.over.clone(), host.sockets.clone());
        let book = Arc::new(book);
        thread::spawn(move || {
            for socket in listener.incoming() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                let socket = socket.unwrap();
                sockets.lock().unwrap().push(socket.try_clone().unwrap());
                let (book, ended, sockets) = (book.clone(), ended.clone(), sockets.clone());
                thread::spawn(move || {
                    converse(&book, &socket);
                    let mut sockets = sockets.lock().unwrap();
                    sockets.retain(|other| other.peer_addr().is_ok() && !same(other, &socket));
                    drop(sockets);
                    drop(socket);
                    ended.fetch_add(1, Ordering::Release);
                });
            }
        });
        host
    }

    fn output(records: u32, record_size: u32) -> (Self, Arc<OutputRing>) {
        let ring = shared_output(records, record_size);
        let host = Self::serve(Book {
            outputs: HashMap::from([(OUT, ring.clone())]),
            ..Book::default()
        });
        (host, ring)
    }

    fn collector(&self) -> Collector {
        Collector::connect(&self.path).unwrap()
    }

    /// Waits until `count` connections have ended.
    fn wait_for_ended(&self, count: u32) {
        while self.ended.load(Ordering::Acquire) < count {
            thread::yield_now();
        }
    }

    /// Ends all conversations, as a dying host does.
    fn die(&self) {
        for socket in self.sockets.lock().unwrap().iter() {
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        let _ = UnixStream::connect(&self.path);
        let _ = std::fs::remove_file(&self.path);
    }
}

fn same(a: &UnixStream, b: &UnixStream) -> bool {
    let identity = |socket: &UnixStream| rustix::fs::fstat(socket).unwrap().st_ino;
    identity(a) == identity(b)
}

fn converse(book: &Book, socket: &UnixStream) {
    let mut session = Session::new();
    for line in BufReader::new(socket).lines() {
        let Ok(line) = line else { return };
        let Ok(request) = serde_json::from_str::<Envelope<CollectorRequest>>(&line) else {
            return;
        };
        let answer = session.answer(book, &request.body);
        let line = to_line(&Envelope {
            version: VERSION,
            id: request.id,
            body: answer.reply,
        })
        .unwrap();
        // If the collector is gone, the next read ends the conversation.
        let Ok(sent) = send_with_descriptors(socket, &line, &answer.descriptors) else {
            return;
        };
        let mut socket = socket;
        if socket.write_all(&line[sent..]).is_err() {
            return;
        }
    }
}

fn shared_output(records: u32, record_size: u32) -> Arc<OutputRing> {
    let options = OutputOptions {
        name: "set/codelet/out".to_owned(),
        shared: true,
        ..Default::default()
    };
    OutputRing::new(records, record_size, &options).unwrap()
}

fn shared_input(records: u32, record_size: u32) -> Arc<InputRing> {
    let options = InputOptions {
        name: "set/codelet/in".to_owned(),
        shared: true,
        ..Default::default()
    };
    InputRing::new(records, record_size, &options).unwrap()
}

fn send(ring: &OutputRing, value: u64) -> Result<(), SendError> {
    ring.send_bytes(&value.to_ne_bytes())
}

fn take(ring: &InputRing) -> Option<u64> {
    let mut value = 0_u64;
    unsafe { ring.receive((&raw mut value).cast()) }.then_some(value)
}

/// Asks a host for a channel by hand, and keeps the descriptors.
fn ask_for_descriptors(path: &Path, request: CollectorRequest) -> (UnixStream, Vec<OwnedFd>) {
    let socket = UnixStream::connect(path).unwrap();
    let line = to_line(&Envelope {
        version: VERSION,
        id: 1,
        body: request,
    })
    .unwrap();
    (&socket).write_all(&line).unwrap();
    let (mut bytes, mut descriptors) = (Vec::new(), Vec::new());
    while !bytes.contains(&b'\n') {
        assert_ne!(
            receive_with_descriptors(&socket, &mut bytes, &mut descriptors).unwrap(),
            0
        );
    }
    let reply: Envelope<CollectorReply> = serde_json::from_slice(&bytes).unwrap();
    assert!(
        !matches!(reply.body, CollectorReply::Error { .. }),
        "{reply:?}"
    );
    (socket, descriptors)
}

/// A writable mapping of the first page of `file`, as any process can make one.
struct Words(*mut AtomicU64);

impl Words {
    fn of(file: &OwnedFd) -> Self {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let page = unsafe {
            mmap(
                std::ptr::null_mut(),
                4096,
                access,
                MapFlags::SHARED,
                file,
                0,
            )
        };
        Self(page.unwrap().cast())
    }

    fn at(&self, word: usize) -> &AtomicU64 {
        assert!(word < 512);
        let word = self.0.wrapping_add(word);
        unsafe { &*word }
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        unsafe { munmap(self.0.cast(), 4096) }.unwrap();
    }
}

unsafe impl Sync for Words {}

/// This test binary again, as another process, playing `role`.
fn other_process(role: &str, host: &Host) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "another_process", "--nocapture"])
        .env("JBPF_TEST_ROLE", role)
        .env("JBPF_TEST_SOCKET", &host.path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    // The test runner's own lines come first.
    let mut line = String::new();
    while !line.contains("READY") {
        line.clear();
        assert_ne!(
            output.read_line(&mut line).unwrap(),
            0,
            "the child ended early"
        );
    }
    (child, output)
}

/// Plays the other process's part when this binary is started by [`other_process`].
#[test]
fn another_process() {
    let Ok(role) = std::env::var("JBPF_TEST_ROLE") else {
        return;
    };
    let collector = Collector::connect(std::env::var("JBPF_TEST_SOCKET").unwrap()).unwrap();
    match role.as_str() {
        "count" => {
            let receiver: Receiver<u64> = collector.output(OUT).unwrap();
            println!("READY");
            let (mut count, mut last) = (0_u64, None);
            for value in receiver.blocking() {
                assert!(last < Some(value));
                assert_eq!(receiver.record_number(), Some(count));
                last = Some(value);
                count += 1;
            }
            println!("RECEIVED {count} DROPPED {}", receiver.dropped());
        }
        "echo" => {
            let receiver: Receiver<u64> = collector.output(OUT).unwrap();
            let sender: Sender<u64> = collector.input(IN).unwrap();
            println!("READY");
            for value in receiver.blocking() {
                sender.send(&value).unwrap();
            }
        }
        "read for ever" => {
            let receiver: Receiver<u64> = collector.output(OUT).unwrap();
            let sender: Sender<u64> = collector.input(IN).unwrap();
            println!("READY");
            loop {
                let value = receiver.recv().unwrap();
                let _ = sender.send(&value);
            }
        }
        other => panic!("no such role: {other}"),
    }
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn a_collector_receives_what_codelets_send() {
    let (host, ring) = Host::output(4, 8);
    send(&ring, 1).unwrap();
    let receiver: Receiver<u64> = host.collector().output(OUT).unwrap();
    send(&ring, 2).unwrap();
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(ring.delivered(), 2);
    for value in 0..10 {
        let _ = send(&ring, value);
    }
    assert_eq!(receiver.dropped(), 6);
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(receiver.record_number(), Some(5));
}

#[test]
fn a_collector_waits_for_an_application_that_starts_later() {
    let (host, ring) = Host::output(4, 8);
    let later = host.path.with_extension("later");
    let _ = std::fs::remove_file(&later);
    let refused = Collector::connect_within(&later, Duration::ZERO).unwrap_err();
    assert!(
        matches!(refused, CollectorError::Connect { .. }),
        "{refused}"
    );
    let path = later.clone();
    let waiting = thread::spawn(move || Collector::connect_within(path, Duration::MAX));
    // Meanwhile the other one looks for it.
    let limit = Duration::from_millis(60);
    Collector::connect_within(&later, limit).unwrap_err();
    std::os::unix::fs::symlink(&host.path, &later).unwrap();
    let collector = waiting.join().unwrap().unwrap();
    std::fs::remove_file(&later).unwrap();
    send(&ring, 1).unwrap();
    let receiver: Receiver<u64> = collector.output(OUT).unwrap();
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1]);
}

#[test]
fn a_collector_sends_to_codelets_in_a_lane_of_its_own() {
    let ring = shared_input(2, 8);
    let host = Host::serve(Book {
        inputs: HashMap::from([(IN, ring.clone())]),
        ..Book::default()
    });
    let far: Sender<u64> = host.collector().input(IN).unwrap();
    let other: Sender<u32> = host.collector().input(IN).unwrap();
    for round in 0..100 {
        far.send(&round).unwrap();
        far.send(&(round + 1000)).unwrap();
        assert_eq!(far.send(&0), Err(SendError::Full));
        // The others have places of their own.
        other.send(&7).unwrap();
        ring.send_bytes(&8_u64.to_ne_bytes()).unwrap();
        let mut received: Vec<u64> = std::iter::from_fn(|| take(&ring)).collect();
        let firsts = received
            .iter()
            .filter(|value| **value == round || **value == round + 1000);
        assert!(firsts.is_sorted() || round == 7 || round == 8);
        received.sort_unstable();
        let mut expected = [7, 8, round, round + 1000];
        expected.sort_unstable();
        assert_eq!(received, expected);
    }
    assert_eq!(far.dropped(), 100);
    ring.close();
    assert_eq!(far.send(&0), Err(SendError::Closed));
}

#[test]
fn a_ring_has_so_many_lanes_and_a_sender_that_leaves_frees_its_own() {
    let ring = shared_input(2, 8);
    let host = Host::serve(Book {
        inputs: HashMap::from([(IN, ring.clone())]),
        ..Book::default()
    });
    let collector = host.collector();
    let open = || collector.input::<u64>(IN);
    let mut senders: Vec<_> = (0..InputRing::LANES).map(|_| open().unwrap()).collect();
    let refused = open().unwrap_err();
    assert!(
        matches!(&refused, CollectorError::Refused { code, .. } if code == "channel-too-many-senders"),
        "{refused}"
    );
    for round in 0..20 {
        // A record that nobody took goes with its sender.
        senders.remove(3).send(&1).unwrap();
        let sender = open().unwrap();
        sender.send(&round).unwrap();
        senders.insert(3, sender);
        assert_eq!(take(&ring), Some(round));
        assert_eq!(take(&ring), None);
    }
}

#[test]
fn refusals_reach_the_collector_as_sentences() {
    let (host, ring) = Host::output(4, 8);
    let collector = host.collector();
    let unknown = collector.output::<u64>(BACK).unwrap_err();
    assert!(unknown.to_string().contains(&BACK.to_string()), "{unknown}");
    let size = collector.output::<u32>(OUT).unwrap_err();
    assert!(matches!(
        size,
        CollectorError::Channel(ChannelError::RecordSize {
            record_size: 8,
            type_size: 4,
            ..
        })
    ));
    let held: Receiver<u64> = collector.output(OUT).unwrap();
    let taken = collector.output::<u64>(OUT).unwrap_err();
    assert!(
        matches!(&taken, CollectorError::Refused { code, .. } if code == "channel-already-open")
    );
    assert!(ring.primary().is_err(), "lent is taken");
    drop(held);
    collector.output::<u64>(OUT).unwrap();
    let nowhere = Collector::connect("/nowhere/at-all.sock").unwrap_err();
    assert!(nowhere.to_string().contains("/nowhere/at-all.sock"));
    let private = OutputRing::new(4, 8, &OutputOptions::default()).unwrap();
    assert!(matches!(
        private.share(),
        Err(ChannelError::NotShared { .. })
    ));
}

#[jbpf_data]
struct Packet {
    seq_no: i32,
    value: i32,
}

#[jbpf_data]
struct Swapped {
    value: i32,
    seq_no: i32,
}

#[test]
fn layouts_travel_and_disagreements_are_refused_on_either_side() {
    let (ring, back) = (shared_output(4, 8), shared_input(4, 8));
    let host = Host::serve(Book {
        outputs: HashMap::from([(OUT, ring.clone())]),
        inputs: HashMap::from([(IN, back.clone())]),
    });
    ring.declare(RecordType::of::<Packet>()).unwrap();
    let local: Sender<Packet> = back.sender().described().unwrap();
    let collector = host.collector();
    let refused = collector.output::<Swapped>(OUT).unwrap_err().to_string();
    assert!(refused.contains("set/codelet/out"), "{refused}");
    assert!(
        refused.contains("`seq_no: i32` at 0 and `value: i32` at 0"),
        "{refused}"
    );
    assert!(collector.input::<Swapped>(IN).is_err());
    assert!(ring.primary().unwrap().described::<Swapped>().is_err());
    let receiver: Receiver<Packet> = collector.output(OUT).unwrap();
    let sender: Sender<Packet> = collector.input(IN).unwrap();
    assert_eq!(receiver.raw().record_type(), ring.record_type());
    let packet = Packet {
        seq_no: 1,
        value: -1,
    };
    ring.send_bytes(packet.as_bytes()).unwrap();
    assert_eq!(receiver.recv().unwrap().value, -1);
    sender.send(&packet).unwrap();
    local.send(&packet).unwrap();
    assert_eq!(take(&back), take(&back));
}

#[test]
fn the_ring_passes_between_local_and_remote_readers_without_a_gap() {
    let (host, ring) = Host::output(8, 8);
    let mut expected = 0;
    for round in 0..50 {
        for value in 0..4 {
            send(&ring, round * 4 + value).unwrap();
        }
        let mut read = |receiver: &Receiver<u64>, count| {
            for value in receiver.try_iter().take(count) {
                assert_eq!(value, expected);
                expected += 1;
            }
        };
        read(&ring.primary().unwrap().typed().unwrap(), 2);
        let collector = host.collector();
        read(&collector.output(OUT).unwrap(), 2);
        drop(collector);
        host.wait_for_ended(round as u32 + 1);
    }
    assert_eq!(ring.delivered(), 200);
    assert_eq!(ring.refused_cursors(), 0);
}

#[test]
fn taps_of_other_processes_watch_and_take_nothing() {
    let (host, ring) = Host::output(16, 8);
    let collector = host.collector();
    let tap: Receiver<u64> = collector.tap(OUT).unwrap();
    let receiver: Receiver<u64> = ring.primary().unwrap().typed().unwrap();
    for value in 0..8 {
        send(&ring, value).unwrap();
    }
    assert_eq!(tap.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(ring.delivered(), 0);
    for value in 0..100 {
        assert!(receiver.try_recv().is_some());
        send(&ring, value).unwrap();
    }
    let seen = tap.try_iter().count() as u64;
    assert_eq!(seen + tap.lost(), 100);
    ring.close();
    assert_eq!(tap.recv(), Err(RecvError::Closed));
}

#[test]
fn a_tap_of_another_process_keeps_a_channel_going_that_nobody_reads() {
    let (host, ring) = Host::output(16, 8);
    // The ring is full before anybody watches.
    while send(&ring, 0).is_ok() {}
    let tap: Receiver<u64> = host.collector().tap(OUT).unwrap();
    assert_eq!(tap.try_recv(), None);
    for value in 0..1000 {
        send(&ring, value).unwrap();
        assert_eq!(tap.recv(), Ok(value));
    }
    assert_eq!((tap.lost(), ring.dropped()), (0, 1));
    let counts = ring.counts();
    assert_eq!((counts.sent, counts.received), (1016, 0));
    assert_eq!(
        counts.passed_over,
        ring.delivered(),
        "the tap's doing alone"
    );
    assert_eq!(tap.passed_over(), counts.passed_over);

    // The next reader finds the newer half, and from then on it alone releases.
    let receiver: Receiver<u64> = ring.primary().unwrap().typed().unwrap();
    assert!(ring.sent() - ring.delivered() >= 8, "{}", ring.delivered());
    let delivered = ring.delivered();
    while send(&ring, 1000).is_ok() {}
    while tap.try_recv().is_some() {}
    assert_eq!(ring.delivered(), delivered);
    drop(receiver);
    let deadline = Instant::now() + Duration::from_secs(60);
    while send(&ring, 1001).is_err() {
        assert!(Instant::now() < deadline, "nobody stands in");
        assert_eq!(tap.try_recv(), None);
    }
    assert_eq!(tap.recv(), Ok(1001));
}

/// The requests are written by hand. A tap's impossible numbers release no more than the older
/// half.
#[test]
fn a_tap_that_lies_about_what_it_has_passed_releases_the_older_half_at_most() {
    let ring = shared_output(16, 8);
    let book = Book {
        outputs: HashMap::from([(OUT, ring.clone())]),
        ..Book::default()
    };
    let mut session = Session::new();
    let mut ask = |request| session.answer(&book, &request).reply;
    let open = CollectorRequest::OpenOutput {
        stream_id: OUT,
        tap: true,
    };
    let CollectorReply::Output { attachment, .. } = ask(open) else {
        panic!("no tap");
    };
    while send(&ring, 0).is_ok() {}
    for (next, released) in [(0, 0), (3, 3), (u64::MAX, 8), (5, 8)] {
        let reply = ask(CollectorRequest::StandIn { attachment, next });
        let expected = CollectorReply::StandingIn {
            attachment,
            delivered: released,
        };
        assert_eq!(reply, expected);
    }
    for attachment in [attachment + 1, u64::MAX] {
        let reply = ask(CollectorRequest::StandIn {
            attachment,
            next: 9,
        });
        assert!(
            matches!(&reply, CollectorReply::Error { code, .. } if code == "channel-not-open"),
            "{reply:?}"
        );
    }
}

#[test]
fn a_collector_hears_that_a_channel_closes_and_that_its_host_dies() {
    let (host, ring) = Host::output(4, 8);
    let receiver: Receiver<u64> = host.collector().output(OUT).unwrap();
    send(&ring, 1).unwrap();
    let waiting = thread::spawn(move || receiver.blocking().collect::<Vec<_>>());
    ring.close();
    assert_eq!(waiting.join().unwrap(), [1]);

    let (host, ring) = Host::output(4, 8);
    let receiver: Receiver<u64> = host.collector().output(OUT).unwrap();
    send(&ring, 1).unwrap();
    host.die();
    assert_eq!(receiver.recv(), Ok(1));
    assert_eq!(receiver.recv(), Err(RecvError::Closed));
}

#[test]
fn another_process_receives_all_but_the_dropped() {
    const RECORDS: u64 = 300_000;
    let (host, ring) = Host::output(256, 8);
    let (mut child, mut output) = other_process("count", &host);
    thread::scope(|scope| {
        // Numbers of two producers interleave; only one of them is checked for order.
        let accepted = scope.spawn(|| {
            (0..RECORDS)
                .filter(|value| send(&ring, *value).is_ok())
                .count()
        });
        assert_eq!(accepted.join().unwrap() as u64, ring.sent());
    });
    ring.close();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    let expected = format!("RECEIVED {} DROPPED {}", ring.sent(), ring.dropped());
    assert!(rest.contains(&expected), "{rest}, not {expected}");
    assert_eq!(ring.sent() + ring.dropped(), RECORDS);
    assert_eq!(ring.refused_cursors(), 0);
}

#[test]
fn a_sleeping_process_is_woken_for_every_record() {
    let (ring, back) = (shared_output(4, 8), shared_input(4, 8));
    let host = Host::serve(Book {
        outputs: HashMap::from([(OUT, ring.clone())]),
        inputs: HashMap::from([(IN, back.clone())]),
    });
    let (mut child, _output) = other_process("echo", &host);
    for round in 0..500 {
        send(&ring, round).unwrap();
        let answer = loop {
            if let Some(value) = take(&back) {
                break value;
            }
            thread::yield_now();
        };
        assert_eq!(answer, round);
    }
    ring.close();
    assert!(child.wait().unwrap().success());
}

#[test]
fn collectors_killed_in_the_middle_cost_records_at_most() {
    const COLLECTORS: u32 = 12;
    let (ring, back) = (shared_output(64, 8), shared_input(64, 8));
    let host = Host::serve(Book {
        outputs: HashMap::from([(OUT, ring.clone())]),
        inputs: HashMap::from([(IN, back.clone())]),
    });
    let over = AtomicBool::new(false);
    let mut flat = 0;
    thread::scope(|scope| {
        let producers: Vec<_> = (0..2)
            .map(|slot: u32| {
                let (ring, over) = (&ring, &over);
                scope.spawn(move || {
                    let mut attempts = 0_u64;
                    while !over.load(Ordering::Acquire) {
                        unsafe { ring.send(slot, (&raw const attempts).cast(), 8) }.ok();
                        attempts += 1;
                    }
                    attempts
                })
            })
            .collect();
        for killed in 1..=COLLECTORS {
            let (mut child, output) = other_process("read for ever", &host);
            let before = ring.delivered();
            while ring.delivered() < before + 1000 || take(&back).is_none() {
                thread::yield_now();
            }
            child.kill().unwrap();
            child.wait().unwrap();
            drop(output);
            host.wait_for_ended(killed);
            if killed == 2 {
                flat = open_descriptors();
            }
        }
        over.store(true, Ordering::Release);
        let attempts: u64 = producers.into_iter().map(|p| p.join().unwrap()).sum();
        assert_eq!(ring.sent() + ring.dropped(), attempts);
    });
    assert!(
        open_descriptors() <= flat + 20,
        "other tests run beside this one"
    );
    // The next reader receives the records that are left, whole and numbered. There is at least
    // one, unless the ring is full.
    let _ = send(&ring, 0);
    let receiver: Receiver<u64> = ring.primary().unwrap().typed().unwrap();
    let left = ring.sent() - ring.delivered();
    assert_eq!(receiver.try_iter().count() as u64, left);
    assert_eq!(receiver.record_number(), ring.sent().checked_sub(1));
}

#[test]
fn a_peer_cannot_truncate_grow_or_write_what_is_the_hosts() {
    let (ring, back) = (shared_output(4, 8), shared_input(4, 8));
    let host = Host::serve(Book {
        outputs: HashMap::from([(OUT, ring.clone())]),
        inputs: HashMap::from([(IN, back.clone())]),
    });
    let output = CollectorRequest::OpenOutput {
        stream_id: OUT,
        tap: false,
    };
    let (_output_socket, output) = ask_for_descriptors(&host.path, output);
    let (_input_socket, input) =
        ask_for_descriptors(&host.path, CollectorRequest::OpenInput { stream_id: IN });
    assert_eq!((output.len(), input.len()), (2, 2));
    for file in output.iter().chain(&input) {
        assert_eq!(ftruncate(file, 0), Err(Errno::PERM));
        assert_eq!(ftruncate(file, 1 << 20), Err(Errno::PERM));
        let seals = rustix::fs::SealFlags::WRITE;
        assert_eq!(rustix::fs::fcntl_add_seals(file, seals), Err(Errno::PERM));
    }
    for file in [&output[0], &input[0]] {
        assert_eq!(rustix::io::pwrite(file, &[0xff; 64], 0), Err(Errno::PERM));
        let holes = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        assert_eq!(fallocate(file, holes, 0, 4096), Err(Errno::PERM));
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let mapped = unsafe {
            mmap(
                std::ptr::null_mut(),
                4096,
                access,
                MapFlags::SHARED,
                file,
                0,
            )
        };
        assert_eq!(mapped.err(), Some(Errno::PERM));
        // Another way to the same file does not help either.
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file));
        let again = std::fs::File::options()
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        assert_eq!(rustix::io::pwrite(&again, &[0xff; 64], 0), Err(Errno::PERM));
    }
    // Holes in the files that a peer may write are zeros to the host.
    let holes = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate(output[1].as_fd(), holes, 0, 4096).unwrap();
    fallocate(input[1].as_fd(), holes, 0, 4096).unwrap();
    for value in 0..10 {
        let _ = send(&ring, value);
    }
    assert_eq!((ring.sent(), ring.dropped()), (4, 6));
    assert_eq!(take(&back), None);
}

#[test]
fn a_garbage_cursor_is_refused_counted_and_forgotten_with_its_reader() {
    let (host, ring) = Host::output(4, 8);
    let mut ended = 0;
    for garbage in [5, 1 << 40, u64::MAX, u64::MAX - 3, i64::MAX as u64] {
        let request = CollectorRequest::OpenOutput {
            stream_id: OUT,
            tap: false,
        };
        let (socket, files) = ask_for_descriptors(&host.path, request);
        let control = Words::of(&files[1]);
        let start = control.at(0).load(Ordering::Relaxed);
        assert_eq!(start, ring.delivered());
        for value in 0..4 {
            send(&ring, value).unwrap();
        }
        let refused = ring.refused_cursors();
        control
            .at(0)
            .store(start.wrapping_add(garbage), Ordering::Relaxed);
        assert_eq!(send(&ring, 9), Err(SendError::Full));
        assert!(ring.reserve(0).is_null());
        assert_eq!(ring.refused_cursors(), refused + 2);
        // A cursor that goes backwards is refused as well.
        control
            .at(0)
            .store(start.wrapping_sub(1), Ordering::Relaxed);
        assert_eq!(send(&ring, 9), Err(SendError::Full));
        assert_eq!(ring.delivered(), start);
        drop(socket);
        ended += 1;
        host.wait_for_ended(ended);
        // The peer keeps its mapping and writes on. The next reader has a cursor of its own.
        control.at(0).store(start + 4, Ordering::Relaxed);
        let receiver: Receiver<u64> = ring.primary().unwrap().typed().unwrap();
        let received: Vec<_> = receiver.try_iter().collect();
        assert_eq!(
            received,
            [1, 2, 3],
            "in a full ring, a reader that left costs one record"
        );
        let counts = ring.counts();
        assert_eq!(
            (counts.passed_over, counts.received),
            (ended.into(), 3 * u64::from(ended))
        );
    }
}

#[test]
fn no_sequence_of_cursors_and_wake_flags_upsets_the_producers() {
    let (host, ring) = Host::output(16, 16);
    let request = CollectorRequest::OpenOutput {
        stream_id: OUT,
        tap: false,
    };
    let (socket, files) = ask_for_descriptors(&host.path, request);
    let control = Words::of(&files[1]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = 0x9e37_79b9_7f4a_7c15_u64;
            while !over.load(Ordering::Acquire) {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let head = ring.sent();
                let garbage = match random % 5 {
                    0 => head,
                    1 => head.wrapping_add(random >> 60),
                    2 => head.wrapping_sub(random >> 60),
                    3 => random,
                    _ => head.wrapping_sub(1),
                };
                control.at(0).store(garbage, Ordering::Relaxed);
                control.at(16).store(random & 1, Ordering::Relaxed);
            }
        });
        let producers: Vec<_> = (0..2_u32)
            .map(|slot| {
                let ring = &ring;
                scope.spawn(move || {
                    let (mut accepted, mut attempts) = (0_u64, 0_u64);
                    while accepted < 5_000 {
                        attempts += 1;
                        let buffer = ring.reserve(slot);
                        if buffer.is_null() {
                            continue;
                        }
                        // The buffer is this thread's alone, whatever the peer releases.
                        let stamp = u64::from(slot) << 32 | attempts;
                        let words = buffer.cast::<[u64; 2]>();
                        unsafe { words.write_volatile([stamp, !stamp]) };
                        assert_eq!(unsafe { words.read_volatile() }, [stamp, !stamp]);
                        accepted += u64::from(ring.commit(slot).is_ok());
                    }
                    (accepted, attempts)
                })
            })
            .collect();
        let totals = producers.into_iter().map(|p| p.join().unwrap());
        let (accepted, attempts) = totals.fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
        over.store(true, Ordering::Release);
        assert_eq!(ring.sent(), accepted);
        assert_eq!(ring.sent() + ring.dropped(), attempts);
    });
    drop(socket);
    host.wait_for_ended(1);
    // The next reader finds whole records.
    let receiver: Receiver<[u64; 2]> = ring.primary().unwrap().typed().unwrap();
    assert!(receiver.try_iter().all(|[stamp, check]| stamp == !check));
    ring.send_bytes(&[0; 16]).unwrap();
    assert_eq!(receiver.try_recv(), Some([0, 0]));
}

#[test]
fn a_reader_after_a_hostile_one_finds_whole_records_in_order() {
    let ring = shared_output(8, 16);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for slot in 0..2_u32 {
            let (ring, over) = (&ring, &over);
            scope.spawn(move || {
                let mut stamp = 0_u64;
                while !over.load(Ordering::Acquire) {
                    stamp += 1;
                    let record = [stamp, !stamp];
                    if unsafe { ring.send(slot, record.as_ptr().cast(), 16) }.is_err() {
                        thread::yield_now();
                    }
                }
            });
        }
        for _ in 0..20 {
            let (lent, _, files) = ring.share().unwrap();
            let control = Words::of(&files[1]);
            let still_there = AtomicBool::new(true);
            thread::scope(|scope| {
                // The peer releases every record that was sent, read or not, and does not stop
                // when it is cut off.
                scope.spawn(|| {
                    while still_there.load(Ordering::Acquire) {
                        control.at(0).store(ring.sent(), Ordering::Relaxed);
                        thread::yield_now();
                    }
                });
                let sent = ring.sent();
                while ring.sent() < sent + 200 {
                    thread::yield_now();
                }
                drop(lent);
                let receiver: Receiver<[u64; 2]> = ring.primary().unwrap().typed().unwrap();
                let mut next = None;
                for _ in 0..200 {
                    let [stamp, check] = receiver.recv().unwrap();
                    assert_eq!(stamp, !check, "a torn record");
                    let number = receiver.record_number().unwrap();
                    assert!(next.is_none_or(|next| next == number));
                    next = Some(number + 1);
                }
                still_there.store(false, Ordering::Release);
            });
        }
        over.store(true, Ordering::Release);
    });
}

#[test]
fn garbage_in_a_lane_is_the_senders_own() {
    let ring = shared_input(4, 8);
    let host = Host::serve(Book {
        inputs: HashMap::from([(IN, ring.clone())]),
        ..Book::default()
    });
    let (socket, files) =
        ask_for_descriptors(&host.path, CollectorRequest::OpenInput { stream_id: IN });
    let words = Words::of(&files[1]);
    for word in 0..40 {
        words
            .at(word)
            .store(u64::MAX / (word as u64 + 1), Ordering::Relaxed);
    }
    let honest: Sender<u64> = host.collector().input(IN).unwrap();
    honest.send(&1).unwrap();
    ring.send_bytes(&2_u64.to_ne_bytes()).unwrap();
    let mut received: Vec<_> = std::iter::from_fn(|| take(&ring)).collect();
    received.sort_unstable();
    assert_eq!(received, [1, 2]);
    // The peer claims that every place is published. Each is taken once, and then there is no
    // record.
    for place in 0..4 {
        words
            .at(16 + place)
            .store(place as u64 + 1, Ordering::Relaxed);
    }
    assert_eq!(std::iter::from_fn(|| take(&ring)).take(10).count(), 4);
    drop(socket);
    host.wait_for_ended(1);
    words.at(16).store(5, Ordering::Relaxed);
    assert_eq!(take(&ring), None, "nobody looks at it any more");
    // The next sender in the lane finds it clean.
    let next: Sender<u64> = host.collector().input(IN).unwrap();
    for value in 0..20 {
        next.send(&value).unwrap();
        assert_eq!(take(&ring), Some(value));
    }
}

/// Writes garbage to every byte of `file`, over and over, until it is `over`.
fn scribble(file: &OwnedFd, over: &AtomicBool) {
    let size = rustix::fs::fstat(file).unwrap().st_size;
    let mut garbage = vec![0_u8; usize::try_from(size).unwrap()];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    while !over.load(Ordering::Acquire) {
        for word in garbage.chunks_mut(8) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // Small numbers are nearest to what could be true.
            let word_of_garbage = if random & 1 == 0 {
                random
            } else {
                random >> 54
            };
            word.copy_from_slice(&word_of_garbage.to_ne_bytes()[..word.len()]);
        }
        rustix::io::pwrite(file, &garbage, 0).unwrap();
    }
}

#[test]
fn garbage_in_every_byte_that_a_peer_can_write_harms_neither_producers_nor_consumers() {
    const ROUNDS: u64 = 20_000;
    let (ring, back) = (shared_output(16, 16), shared_input(16, 16));
    let host = Host::serve(Book {
        outputs: HashMap::from([(OUT, ring.clone())]),
        inputs: HashMap::from([(IN, back.clone())]),
    });
    let request = CollectorRequest::OpenOutput {
        stream_id: OUT,
        tap: false,
    };
    let (reading, output) = ask_for_descriptors(&host.path, request);
    let (sending, input) =
        ask_for_descriptors(&host.path, CollectorRequest::OpenInput { stream_id: IN });
    let honest: Sender<[u64; 2]> = host.collector().input(IN).unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| scribble(&output[1], &over));
        scope.spawn(|| scribble(&input[1], &over));
        let _ending = StoreOnDrop(&over);
        for round in 0..ROUNDS {
            let _ = ring.send_bytes([round, !round].as_bytes());
            // An honest sender's records come through, whole and in order, between those of the
            // hostile one.
            honest.send(&[round, !round]).unwrap();
            let found = (0..1000).any(|_| take_pair(&back) == Some([round, !round]));
            assert!(found, "the honest one starves");
        }
    });
    assert_eq!(ring.sent() + ring.dropped(), ROUNDS);
    drop((reading, sending));
    // The next reader finds whole records, and the next sender a lane that works.
    host.wait_for_ended(2);
    let receiver: Receiver<[u64; 2]> = host.collector().output(OUT).unwrap();
    assert!(receiver.try_iter().all(|[value, check]| value == !check));
    ring.send_bytes([7_u64, !7].as_bytes()).unwrap();
    assert_eq!(receiver.recv(), Ok([7, !7]));
    while honest.send(&[1, !1]).is_ok() {}
    assert_eq!(std::iter::from_fn(|| take_pair(&back)).count(), 16);
}

/// Ends a loop, also if the test that runs beside it has failed.
struct StoreOnDrop<'a>(&'a AtomicBool);

impl Drop for StoreOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn take_pair(ring: &InputRing) -> Option<[u64; 2]> {
    let mut record = [0_u64; 2];
    unsafe { ring.receive(record.as_mut_ptr().cast()) }.then_some(record)
}

/// A collector may lack descriptors, for example. The next attempt finds the channel as it was.
#[test]
fn what_cannot_be_mapped_goes_back_to_the_host() {
    let path = std::env::temp_dir().join(format!("jbpf-unmapped-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    let host = std::thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let lines = BufReader::new(&socket).lines();
        let mut closed = Vec::new();
        for line in lines.map_while(Result::ok) {
            let asked: Envelope<CollectorRequest> = serde_json::from_str(&line).unwrap();
            let attachment = asked.id;
            let name = "out".to_owned();
            let body = match asked.body {
                CollectorRequest::OpenOutput { tap, .. } => CollectorReply::Output {
                    attachment,
                    grant: OutputGrant {
                        name,
                        record_type: None,
                        capacity: 4,
                        record_size: 8,
                        slots: 1,
                        // The second grant has another role.
                        tap: tap || attachment > 1,
                        fences: false,
                    },
                },
                CollectorRequest::OpenInput { .. } => CollectorReply::Input {
                    attachment,
                    grant: InputGrant {
                        name,
                        record_type: None,
                        capacity: 4,
                        record_size: 8,
                    },
                },
                CollectorRequest::Close { attachment } => {
                    closed.push(attachment);
                    continue;
                }
                other => panic!("{other:?}"),
            };
            let (version, id) = (VERSION, asked.id);
            let line = to_line(&Envelope { version, id, body }).unwrap();
            (&socket).write_all(&line).unwrap();
        }
        closed
    });
    let collector = Collector::connect(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(collector.raw_output(OUT).is_err());
    assert!(collector.raw_output(OUT).is_err());
    assert!(collector.raw_input(IN).is_err());
    drop(collector);
    // Each close is a request as well, and counted.
    assert_eq!(host.join().unwrap(), [1, 3, 5]);
}

#[test]
fn opening_and_closing_leaves_nothing_behind() {
    let (ring, back) = (shared_output(64, 8), shared_input(64, 8));
    let host = Host::serve(Book {
        outputs: HashMap::from([(OUT, ring.clone())]),
        inputs: HashMap::from([(IN, back.clone())]),
    });
    let mappings = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines()
            .filter(|line| line.contains("memfd:jbpf"))
            .count()
    };
    let collector = host.collector();
    let cycle = |value: u64| {
        let receiver: Receiver<u64> = collector.output(OUT).unwrap();
        let tap: Receiver<u64> = collector.tap(OUT).unwrap();
        let sender: Sender<u64> = collector.input(IN).unwrap();
        send(&ring, value).unwrap();
        assert_eq!(receiver.recv(), Ok(value));
        assert_eq!(tap.recv(), Ok(value));
        sender.send(&value).unwrap();
        assert_eq!(take(&back), Some(value));
    };
    cycle(0);
    let (descriptors, maps) = (open_descriptors(), mappings());
    for value in 1..500 {
        cycle(value);
    }
    // Other tests of this process run at the same time: a leak would show as hundreds.
    assert!(open_descriptors() < descriptors + 100);
    assert!(mappings() < maps + 100);
    assert_eq!(
        collector
            .tap::<u64>(OUT)
            .unwrap()
            .recv_timeout(Duration::ZERO),
        Err(RecvError::Timeout)
    );
}

/// The exit status of the child if the system makes no PID namespaces.
const NO_NAMESPACES: i32 = 77;

/// [`in_a_forked_child`], with the child as process 1 of its own PID namespace. Also returns true
/// if the system makes none.
fn as_process_1(child: impl FnOnce() -> bool) -> bool {
    const NEW_USERS: i32 = 0x1000_0000;
    const NEW_PROCESSES: i32 = 0x2000_0000;
    let process = fork();
    assert!(process >= 0);
    if process == 0 {
        if unshare(NEW_PROCESSES) != 0 && unshare(NEW_USERS | NEW_PROCESSES) != 0 {
            _exit(NO_NAMESPACES);
        }
        _exit(i32::from(!in_a_forked_child(|| {
            std::process::id() == 1 && child()
        })));
    }
    let mut status = -1;
    assert_eq!(unsafe { waitpid(process, &raw mut status, 0) }, process);
    if status == NO_NAMESPACES << 8 {
        eprintln!("the system makes no PID namespaces: nothing was tried");
        return true;
    }
    status == 0
}

#[test]
fn a_child_with_its_parents_process_id_closes_and_gives_back_nothing() {
    assert!(as_process_1(|| {
        let (ring, back) = (shared_output(16, 8), shared_input(16, 8));
        let (tap, lent) = (ring.tap(), back.share().unwrap());
        let in_the_child = as_process_1(|| {
            ring.close();
            back.close();
            true
        });
        // Senders in other processes see this word: the third of the consumers' half.
        let mut closed = [0_u8; 4];
        rustix::io::pread(&lent.2[0], &mut closed, 12).unwrap();
        let was_open = closed == [0; 4] && !tap.is_closed();
        back.close();
        rustix::io::pread(&lent.2[0], &mut closed, 12).unwrap();
        in_the_child && was_open && closed == 1_u32.to_ne_bytes()
    }));
}

/// Runs `child` in a forked process to its end, and returns its result.
fn in_a_forked_child(child: impl FnOnce() -> bool) -> bool {
    let process = fork();
    assert!(process >= 0);
    if process == 0 {
        _exit(i32::from(!child()));
    }
    let mut status = -1;
    assert_eq!(unsafe { waitpid(process, &raw mut status, 0) }, process);
    status == 0
}

#[test]
fn what_a_forked_child_of_a_collector_drops_stays_its_parents() {
    let (host, ring) = Host::output(16, 8);
    let collector = host.collector();
    let receiver: Receiver<u64> = collector.output(OUT).unwrap();
    let mut given = Some(receiver);
    // The child drops its copy.
    assert!(in_a_forked_child(|| {
        drop(given.take());
        let refused = collector.tap::<u64>(OUT).unwrap_err();
        matches!(refused, CollectorError::Connection(_))
    }));
    let receiver = given.unwrap();
    // The host has read everything that the child sent, if anything.
    let tap: Receiver<u64> = collector.tap(OUT).unwrap();
    assert!(ring.is_read(), "the channel was given back");
    send(&ring, 7).unwrap();
    assert_eq!((receiver.recv(), tap.recv()), (Ok(7), Ok(7)));
}

#[test]
fn a_forked_child_of_the_host_takes_no_wake_ups_away() {
    let ring = shared_output(16, 8);
    let receiver = ring.primary().unwrap();
    let mut given = Some(receiver);
    let name = Arc::new(AtomicI32::new(0));
    let (told, tap) = (name.clone(), ring.tap());
    let sleeper = thread::spawn(move || {
        let thread = rustix::thread::gettid().as_raw_pid();
        told.store(thread, Ordering::Release);
        tap.recv(&mut [0; 8], None)
    });
    let wait_until = |what: &dyn Fn() -> bool| {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !what() {
            assert!(Instant::now() < deadline, "in vain");
            thread::yield_now();
        }
    };
    wait_until(&|| {
        let thread = name.load(Ordering::Acquire);
        let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat"));
        // The thread sleeps on the ring.
        thread != 0 && stat.is_ok_and(|stat| stat.contains(") S "))
    });
    assert!(in_a_forked_child(|| {
        drop(given.take());
        true
    }));
    send(&ring, 7).unwrap();
    wait_until(&|| sleeper.is_finished());
    assert_eq!(sleeper.join().unwrap(), Ok(0));
}
