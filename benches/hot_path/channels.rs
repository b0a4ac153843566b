//! `channel/*`: records out, control in.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use jbpf::{Receiver, Runtime, StreamId, jbpf_data, jbpf_hook};

use crate::hooks::Count;
use crate::load_with;
use crate::maps::Group;

/// A record of `codelets/bench/send.c`.
#[jbpf_data]
pub struct Record {
    number: u64,
    words: [u64; 3],
}

#[jbpf_hook]
fn channel(count: &mut Count) {}

/// Records that the ring holds, as in `codelets/bench/send.c`.
pub const CAPACITY: u64 = 65_536;

pub const STREAM: StreamId = StreamId([7; 16]);

/// Receives records, checks that their numbers rise, and counts them. At the end, received and
/// dropped records must add up to the calls.
struct Reconciled {
    records: Receiver<Record>,
    received: u64,
    last: u64,
}

impl Reconciled {
    fn new(runtime: &Runtime) -> Self {
        Self {
            records: runtime.output(STREAM).unwrap(),
            received: 0,
            last: 0,
        }
    }

    fn drain(&mut self) -> u64 {
        let before = self.received;
        for record in self.records.try_iter() {
            assert!(record.number > self.last && record.words == [1, 2, 3]);
            self.last = record.number;
            self.received += 1;
        }
        self.received - before
    }
}

/// Sends one record a call. The ring always has room for it.
fn send(group: &mut Group<'_>, id: &str, count: &mut Count, reader: &mut Reconciled) {
    group.bench_function(id, |bencher| {
        // Each run fits into the ring. The drains between runs are not timed.
        bencher.iter_custom(|calls| {
            let mut timed = Duration::ZERO;
            let mut left = calls;
            while left > 0 {
                let run = left.min(CAPACITY);
                let start = Instant::now();
                for _ in 0..run {
                    channel(black_box(count));
                }
                timed += start.elapsed();
                assert_eq!(reader.drain(), run);
                left -= run;
            }
            timed
        });
    });
}

/// Benchmarks the sends, without the rest of the group.
pub fn send_alone(group: &mut Group<'_>, id: &str, runtime: &Runtime) {
    let set = load_with(runtime, "send", "channel", |codelet| {
        codelet.output("records", STREAM)
    });
    let mut reader = Reconciled::new(runtime);
    send(group, id, &mut Count { value: 0 }, &mut reader);
    drop(reader);
    runtime.unload(set.id()).unwrap();
}

pub fn benches(criterion: &mut Criterion, runtime: &Runtime) {
    let mut group = criterion.benchmark_group("channel");

    let set = load_with(runtime, "send", "channel", |codelet| {
        codelet.output("records", STREAM)
    });
    let mut count = Count { value: 0 };
    let mut reader = Reconciled::new(runtime);
    send(&mut group, "send_32", &mut count, &mut reader);
    group.throughput(Throughput::Elements(1));
    group.bench_function("drain", |bencher| {
        bencher.iter_custom(|records| {
            let mut timed = Duration::ZERO;
            let mut left = records;
            while left > 0 {
                let run = left.min(CAPACITY);
                (0..run).for_each(|_| channel(&mut count));
                let start = Instant::now();
                let received = reader.drain();
                timed += start.elapsed();
                assert_eq!(received, run);
                left -= run;
            }
            timed
        });
    });
    group.bench_function("send_full", |bencher| {
        while reader.records.dropped() == 0 {
            channel(&mut count);
        }
        let before = reader.records.dropped();
        let mut calls = 0;
        bencher.iter(|| {
            calls += 1;
            channel(black_box(&mut count));
        });
        assert_eq!(reader.records.dropped() - before, calls);
    });
    reader.drain();
    assert_eq!(
        reader.received + reader.records.dropped(),
        count.value,
        "sent"
    );
    drop(reader);
    runtime.unload(set.id()).unwrap();

    let set = load_with(runtime, "receive", "channel", |codelet| {
        codelet.input("commands", STREAM)
    });
    group.bench_function("receive_empty", |bencher| {
        let (mut count, mut calls) = (Count { value: 0 }, 0);
        bencher.iter(|| {
            calls += 1;
            channel(black_box(&mut count));
        });
        assert_eq!(count.value, calls);
    });
    runtime.unload(set.id()).unwrap();
    group.finish();
}
