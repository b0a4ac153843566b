//! Loom's models of the protocol: they explore interleavings, and every value that the memory
//! model lets a load return.
//!
//! Run them with `RUSTFLAGS="--cfg loom" cargo test -p jbpf-channel --release --lib`.
//!
//! Loom can order a store before the last access to its word, and no further. So a reader that was
//! started first can hide from a producer that loads a word before it stores to it. Hence each
//! model starts its threads in every rotation of their order.
//!
//! Weakening an ordering or a fence of the protocol fails a model here. The exceptions are the
//! orderings that keep a reader's loads before a later producer's stores (those of the cursor and
//! of `consumed`), because loom lets no load see the future.
//!
//! Buffers are modelled as pairs of `Relaxed` words, and `copy` accesses them in the same way. A
//! torn record shows as two halves that differ.

use loom::sync::Arc;
use loom::thread;

use super::input::{ConsumerWords, SenderWords};
use super::output::OutputWords;
use super::{AtomicU64, Ordering};

struct Output {
    head: AtomicU64,
    limit: AtomicU64,
    cursor: AtomicU64,
    refused: AtomicU64,
    entries: Vec<AtomicU64>,
    buffers: Vec<[AtomicU64; 2]>,
}

impl Output {
    fn new(capacity: u32, spares: u32) -> Arc<Self> {
        let entry = |at| AtomicU64::new(OutputWords::initial_entry(at, capacity));
        Arc::new(Self {
            head: AtomicU64::new(0),
            limit: AtomicU64::new(u64::from(capacity)),
            cursor: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            entries: (0..capacity).map(entry).collect(),
            buffers: (0..capacity + spares)
                .map(|_| [AtomicU64::new(0), AtomicU64::new(0)])
                .collect(),
        })
    }

    fn words(&self) -> OutputWords<'_> {
        OutputWords {
            head: &self.head,
            limit: &self.limit,
            cursor: &self.cursor,
            refused: &self.refused,
            entries: &self.entries,
        }
    }

    fn fill(&self, buffer: u32, value: u64) {
        for half in &self.buffers[buffer as usize] {
            half.store(value, Ordering::Relaxed);
        }
    }

    fn read(&self, buffer: u32) -> [u64; 2] {
        let [first, second] = &self.buffers[buffer as usize];
        [
            first.load(Ordering::Relaxed),
            second.load(Ordering::Relaxed),
        ]
    }

    /// Copies into the claimed buffer, like `OutputRing::send`.
    fn send(&self, value: u64) -> bool {
        let head = self.head.load(Ordering::Relaxed);
        let Some(claim) = self.words().claim(head) else {
            return false;
        };
        self.fill(claim.buffer, value);
        self.words().publish(claim.number, claim.buffer);
        true
    }

    /// Fills a spare and exchanges it, like `OutputRing::commit`. It expects the very first
    /// number, which others may have taken.
    fn commit(&self, spare: &mut u32, value: u64) -> bool {
        self.fill(*spare, value);
        let Some(claim) = self.words().claim(0) else {
            return false;
        };
        self.words().publish(claim.number, *spare);
        *spare = claim.buffer;
        true
    }

    fn receive(&self, next: &mut u64) -> Option<u64> {
        let buffer = self.words().published(*next)?;
        let [first, second] = self.read(buffer);
        assert_eq!(first, second, "the primary reader sees whole records");
        *next += 1;
        self.words().release(*next);
        Some(first)
    }
}

type Part<T> = Box<dyn FnOnce() -> T + Send>;

/// Runs the parts of a model as threads and checks their results. The threads are started in each
/// rotation of their order.
fn race<T: Send + 'static>(
    parts: impl Fn() -> (Vec<Part<T>>, Box<dyn FnOnce(Vec<T>)>) + Send + Sync + Copy + 'static,
) {
    for rotation in 0..3 {
        let mut model = loom::model::Builder::new();
        // The bound counts involuntary switches. Without one, three threads take hours.
        model.preemption_bound.get_or_insert(2);
        model.check(move || {
            let (parts, check) = parts();
            let count = parts.len();
            let mut parts: Vec<_> = parts.into_iter().enumerate().collect();
            parts.rotate_left(rotation % count);
            let threads: Vec<_> = parts
                .into_iter()
                .map(|(at, part)| (at, thread::spawn(part)))
                .collect();
            let mut results: Vec<_> = threads
                .into_iter()
                .map(|(at, thread)| (at, thread.join().unwrap()))
                .collect();
            results.sort_by_key(|(at, _)| *at);
            check(results.into_iter().map(|(_, result)| result).collect());
        });
    }
}

#[test]
fn records_of_two_producers_arrive_whole_and_once_or_are_refused() {
    race(|| {
        let ring = Output::new(1, 1);
        let (copying, committing, reading) = (ring.clone(), ring.clone(), ring.clone());
        let parts: Vec<Part<(u64, u64)>> = vec![
            Box::new(move || (u64::from(copying.send(1)), 0)),
            Box::new(move || (u64::from(committing.commit(&mut 1, 2)) * 2, 0)),
            Box::new(move || {
                let mut next = 0;
                let received = (0..2).filter_map(|_| reading.receive(&mut next)).sum();
                (received, next)
            }),
        ];
        let check = move |results: Vec<(u64, u64)>| {
            let (received, mut next) = results[2];
            let rest: u64 = core::iter::from_fn(|| ring.receive(&mut next)).sum();
            assert_eq!(received + rest, results[0].0 + results[1].0);
            assert_eq!(ring.refused.load(Ordering::Relaxed), 0);
        };
        (parts, Box::new(check))
    });
}

#[test]
fn a_place_is_used_again_only_after_it_was_read() {
    race(|| {
        let ring = Output::new(1, 1);
        let (sending, reading) = (ring.clone(), ring.clone());
        let parts: Vec<Part<Vec<u64>>> = vec![
            Box::new(move || {
                let mut spare = 1;
                let sent = (1..=3).filter(|value| sending.commit(&mut spare, *value));
                sent.collect()
            }),
            Box::new(move || {
                let mut next = 0;
                (0..2).filter_map(|_| reading.receive(&mut next)).collect()
            }),
        ];
        let check = move |results: Vec<Vec<u64>>| {
            let mut next = results[1].len() as u64;
            let mut received = results[1].clone();
            received.extend(core::iter::from_fn(|| ring.receive(&mut next)));
            assert_eq!(received, results[0]);
        };
        (parts, Box::new(check))
    });
}

#[test]
fn no_cursor_that_a_peer_can_write_gives_one_buffer_to_two_producers() {
    race(|| {
        let ring = Output::new(1, 2);
        let (one, two, peer) = (ring.clone(), ring.clone(), ring.clone());
        let commit = |ring: Arc<Output>, spare: u32| -> Part<u32> {
            Box::new(move || {
                let mut spare = spare;
                ring.commit(&mut spare, 1);
                spare
            })
        };
        let parts = vec![
            commit(one, 1),
            commit(two, 2),
            Box::new(move || {
                // The cursor vouches for a record that was never read, or not even published.
                peer.cursor.store(1, Ordering::Relaxed);
                u32::MAX
            }),
        ];
        let check = move |spares: Vec<u32>| {
            let entry = ring.entries[0].load(Ordering::Relaxed) as u32;
            let mut owned = [spares[0], spares[1], entry];
            owned.sort_unstable();
            assert_eq!(owned, [0, 1, 2], "each buffer has one owner");
        };
        (parts, Box::new(check))
    });
}

#[test]
fn a_tap_sees_whole_records_or_none() {
    race(|| {
        let ring = Output::new(1, 1);
        let tap = ring.clone();
        let parts: Vec<Part<()>> = vec![
            Box::new(move || {
                let mut spare = 1;
                ring.commit(&mut spare, 1);
                // The primary reader is quick.
                ring.words().release(1);
                ring.commit(&mut spare, 2);
                // The next record is begun, in the buffer that record 0 had.
                ring.fill(spare, 3);
            }),
            Box::new(move || {
                let Some(buffer) = tap.words().published(0) else {
                    return;
                };
                let seen = tap.read(buffer);
                if tap.words().still_holds(0) {
                    assert_eq!(seen, [1, 1]);
                }
            }),
        ];
        (parts, Box::new(|_| ()))
    });
}

struct Input {
    head: AtomicU64,
    tail: AtomicU64,
    published: Vec<AtomicU64>,
    consumed: Vec<AtomicU64>,
    records: Vec<[AtomicU64; 2]>,
}

impl Input {
    fn new(capacity: u64) -> Arc<Self> {
        Arc::new(Self {
            head: AtomicU64::new(0),
            tail: AtomicU64::new(0),
            published: (0..capacity).map(|_| AtomicU64::new(0)).collect(),
            consumed: (0..capacity).map(AtomicU64::new).collect(),
            records: (0..capacity)
                .map(|_| [AtomicU64::new(0), AtomicU64::new(0)])
                .collect(),
        })
    }

    fn send(&self, value: u64) -> bool {
        let words = SenderWords {
            head: &self.head,
            tail: &self.tail,
            published: &self.published,
            consumed: &self.consumed,
        };
        let Some(number) = words.claim() else {
            return false;
        };
        for half in &self.records[number as usize % self.records.len()] {
            half.store(value, Ordering::Relaxed);
        }
        words.publish(number);
        true
    }

    fn receive(&self) -> Option<u64> {
        let words = ConsumerWords {
            tail: &self.tail,
            published: &self.published,
            consumed: &self.consumed,
        };
        let number = words.claim()?;
        let [first, second] = &self.records[number as usize % self.records.len()];
        let first = first.load(Ordering::Relaxed);
        assert_eq!(first, second.load(Ordering::Relaxed));
        words.release(number);
        Some(first)
    }
}

#[test]
fn a_control_record_reaches_one_of_two_consumers() {
    race(|| {
        let ring = Input::new(1);
        let (sending, one, two) = (ring.clone(), ring.clone(), ring.clone());
        let parts: Vec<Part<u64>> = vec![
            Box::new(move || (1..=2).filter(|value| sending.send(*value)).sum()),
            Box::new(move || one.receive().unwrap_or(0)),
            Box::new(move || two.receive().unwrap_or(0)),
        ];
        let check = move |results: Vec<u64>| {
            let rest: u64 = core::iter::from_fn(|| ring.receive()).sum();
            assert_eq!(results[1] + results[2] + rest, results[0]);
        };
        (parts, Box::new(check))
    });
}

#[test]
fn two_senders_never_share_a_place() {
    race(|| {
        let ring = Input::new(2);
        let (one, two) = (ring.clone(), ring.clone());
        let parts: Vec<Part<bool>> =
            vec![Box::new(move || one.send(1)), Box::new(move || two.send(2))];
        let check = move |sent: Vec<bool>| {
            assert_eq!(sent, [true, true], "two places for two records");
            let received: u64 = core::iter::from_fn(|| ring.receive()).sum();
            assert_eq!(received, 3);
        };
        (parts, Box::new(check))
    });
}
