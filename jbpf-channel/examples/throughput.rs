//! Measures the cost of a record on this machine:
//! `cargo run --release -p jbpf-channel --example throughput`.
//!
//! Prints nanoseconds for each way to send and receive one record of 32 bytes (medians), and how
//! many records pass between two threads, and between two processes, in a second.
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use jbpf_channel::protocol::{CollectorRequest, Envelope, VERSION, send_with_descriptors, to_line};
use jbpf_channel::shared::{Channels, Session};
use jbpf_channel::{
    Collector, InputOptions, InputRing, OutputOptions, OutputRing, Receiver, StreamId,
};

type Record = [u64; 4];

const SIZE: u32 = size_of::<Record>() as u32;
const ROUNDS: usize = 10_000;
const PLACES: u32 = 1024;
const STREAM: StreamId = StreamId([7; 16]);
const RECORDS: u64 = 20_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(socket) = std::env::args().nth(1) {
        let received = Collector::connect(socket)?.output::<Record>(STREAM)?;
        println!("{}", received.blocking().count());
        return Ok(());
    }
    one_by_one()?;
    between_threads()?;
    between_processes()
}

/// Prints the nanoseconds that a record takes: the median round of `work` on `PLACES` of them,
/// after `preparation`.
fn report(what: &str, mut preparation: impl FnMut(), mut work: impl FnMut()) {
    let mut rounds: Vec<u128> = (0..ROUNDS)
        .map(|_| {
            preparation();
            let start = Instant::now();
            work();
            start.elapsed().as_nanos()
        })
        .collect();
    rounds.sort_unstable();
    let median = rounds.get(ROUNDS / 2).copied().unwrap_or_default();
    println!("{what:28} {:6.2} ns", median as f64 / f64::from(PLACES));
}

fn send(ring: &OutputRing, value: u64) -> bool {
    let record: Record = [value; 4];
    unsafe { ring.send(0, record.as_ptr().cast(), size_of::<Record>()) }.is_ok()
}

fn one_by_one() -> Result<(), Box<dyn Error>> {
    let ring = OutputRing::new(PLACES, SIZE, &OutputOptions::default())?;
    let receiver = ring.primary()?.typed::<Record>()?;
    let values = || 0..u64::from(PLACES);
    let drain = || assert!(receiver.try_iter().count() <= PLACES as usize);
    let fill = || values().for_each(|value| assert!(send(&ring, value)));
    report("send", drain, fill);
    report("reserve and commit", drain, || {
        for value in values() {
            let buffer = ring.reserve(0);
            unsafe { buffer.cast::<Record>().write([value; 4]) };
            assert!(ring.commit(0).is_ok());
        }
    });
    report(
        "send, full",
        || (),
        || {
            values().for_each(|value| assert!(!send(&ring, value)));
        },
    );
    drain();
    report("receive one by one", fill, || {
        values().for_each(|_| assert!(black_box(receiver.try_recv()).is_some()));
    });
    report("receive by iteration", fill, || {
        receiver.try_iter().for_each(|record| {
            black_box(record);
        });
    });

    let input = InputRing::new(PLACES, SIZE, &InputOptions::default())?;
    let sender = input.sender().typed::<Record>()?;
    let receive = || {
        let mut target: Record = [0; 4];
        let received = unsafe { input.receive((&raw mut target).cast()) };
        black_box(target);
        received
    };
    report(
        "control: receive, empty",
        || (),
        || {
            values().for_each(|_| assert!(!receive()));
        },
    );
    let refill = || values().for_each(|value| assert!(sender.send(&[value; 4]).is_ok()));
    report("control: receive", refill, || {
        values().for_each(|_| assert!(receive()));
    });
    Ok(())
}

/// Sends as fast as the reader takes, and closes.
fn produce(ring: &OutputRing) {
    let places = u64::from(ring.capacity());
    for value in 0..RECORDS {
        while value.is_multiple_of(256) && ring.sent() - ring.delivered() > places - 512 {
            thread::yield_now();
        }
        assert!(send(ring, value));
    }
    ring.close();
}

fn rate(start: Instant) -> f64 {
    RECORDS as f64 / start.elapsed().as_secs_f64() / 1e6
}

fn between_threads() -> Result<(), Box<dyn Error>> {
    let ring = OutputRing::new(1 << 13, SIZE, &OutputOptions::default())?;
    let receiver: Receiver<Record> = ring.primary()?.typed()?;
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| produce(&ring));
        assert_eq!(receiver.blocking().count() as u64, RECORDS);
    });
    println!(
        "between threads              {:6.1} M records/s",
        rate(start)
    );
    Ok(())
}

struct One(Arc<OutputRing>);

impl Channels for One {
    fn output(&self, _: StreamId) -> Option<Arc<OutputRing>> {
        Some(self.0.clone())
    }

    fn input(&self, _: StreamId) -> Option<Arc<InputRing>> {
        None
    }
}

/// Answers the first request, and keeps the granted channel until the collector is gone.
fn serve(
    channels: &One,
    socket: &mut UnixStream,
    granted: impl FnOnce(),
) -> Result<(), Box<dyn Error>> {
    let mut session = Session::new();
    let lines = BufReader::new(socket.try_clone()?).lines();
    let mut granted = Some(granted);
    for line in lines {
        let request: Envelope<CollectorRequest> = serde_json::from_str(&line?)?;
        let answer = session.answer(channels, &request.body);
        let line = to_line(&Envelope {
            version: VERSION,
            id: request.id,
            body: answer.reply,
        })?;
        let sent = send_with_descriptors(&*socket, &line, &answer.descriptors)?;
        socket.write_all(line.get(sent..).unwrap_or_default())?;
        if let Some(granted) = granted.take() {
            granted();
        }
    }
    Ok(())
}

fn between_processes() -> Result<(), Box<dyn Error>> {
    let options = OutputOptions {
        shared: true,
        ..Default::default()
    };
    let channels = One(OutputRing::new(1 << 13, SIZE, &options)?);
    let path = std::env::temp_dir().join(format!("jbpf-throughput-{}.sock", std::process::id()));
    let listener = UnixListener::bind(&path)?;
    let collector = Command::new(std::env::current_exe()?)
        .arg(&path)
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let (mut socket, _) = listener.accept()?;
    std::fs::remove_file(&path)?;
    let ring = channels.0.clone();
    thread::scope(|scope| {
        let served = serve(&channels, &mut socket, move || {
            scope.spawn(move || {
                let start = Instant::now();
                produce(&ring);
                while ring.delivered() < RECORDS {
                    thread::yield_now();
                }
                println!(
                    "between processes            {:6.1} M records/s",
                    rate(start)
                );
            });
        });
        served.is_ok()
    });
    let output = collector.wait_with_output()?;
    assert_eq!(
        String::from_utf8(output.stdout)?.trim(),
        RECORDS.to_string()
    );
    Ok(())
}
