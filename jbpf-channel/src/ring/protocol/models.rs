//! What loom explores: every interleaving, and every value that the memory model lets a load return.
//!
//! Buffers are modelled as pairs of `Relaxed` words, as `copy` accesses them: a torn record shows as two halves that differ.

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
        let Some(claim) = self.words().claim() else {
            return false;
        };
        self.fill(claim.buffer, value);
        self.words().publish(claim.number, claim.buffer);
        true
    }

    /// Fills a spare and exchanges it, like `OutputRing::commit`.
    fn commit(&self, spare: &mut u32, value: u64) -> bool {
        self.fill(*spare, value);
        let Some(claim) = self.words().claim() else {
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

#[test]
fn records_of_two_producers_arrive_whole_and_once_or_are_refused() {
    loom::model(|| {
        let ring = Output::new(1, 1);
        let copying = thread::spawn({
            let ring = ring.clone();
            move || u64::from(ring.send(1))
        });
        let committing = thread::spawn({
            let ring = ring.clone();
            move || {
                let mut spare = 1;
                u64::from(ring.commit(&mut spare, 2)) * 2
            }
        });
        let mut next = 0;
        let mut received: u64 = (0..2).filter_map(|_| ring.receive(&mut next)).sum();
        let sent = copying.join().unwrap() + committing.join().unwrap();
        received += core::iter::from_fn(|| ring.receive(&mut next)).sum::<u64>();
        assert_eq!(received, sent);
        assert_eq!(ring.refused.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_place_is_used_again_only_after_it_was_read() {
    loom::model(|| {
        let ring = Output::new(1, 1);
        let producer = thread::spawn({
            let ring = ring.clone();
            move || {
                let mut spare = 1;
                (1..=3)
                    .filter(|value| ring.commit(&mut spare, *value))
                    .count()
            }
        });
        let mut next = 0;
        let mut seen: Vec<u64> = (0..3).filter_map(|_| ring.receive(&mut next)).collect();
        let sent = producer.join().unwrap();
        seen.extend(core::iter::from_fn(|| ring.receive(&mut next)));
        assert_eq!(seen.len(), sent);
        assert!(seen.is_sorted());
    });
}

#[test]
fn no_cursor_that_a_peer_can_write_gives_one_buffer_to_two_producers() {
    loom::model(|| {
        let ring = Output::new(1, 2);
        let peer = thread::spawn({
            let ring = ring.clone();
            move || {
                // Vouches for records that were never read, then for ones that never were.
                ring.cursor.store(1, Ordering::Relaxed);
                ring.cursor.store(u64::MAX, Ordering::Relaxed);
            }
        });
        let producer = thread::spawn({
            let ring = ring.clone();
            move || {
                let mut spare = 1;
                ring.commit(&mut spare, 1);
                spare
            }
        });
        let mut spare = 2;
        ring.commit(&mut spare, 2);
        let other = producer.join().unwrap();
        peer.join().unwrap();
        assert_ne!(spare, other, "each producer owns its spare alone");
        let entry = ring.entries[0].load(Ordering::Relaxed) as u32;
        assert!(entry != spare && entry != other);
    });
}

#[test]
fn a_tap_sees_whole_records_or_none() {
    loom::model(|| {
        let ring = Output::new(1, 1);
        let producer = thread::spawn({
            let ring = ring.clone();
            move || {
                let mut spare = 1;
                ring.commit(&mut spare, 1);
                // The primary reader is quick.
                ring.words().release(1);
                ring.commit(&mut spare, 2);
                // The next record is begun, in the buffer that record 0 had.
                ring.fill(spare, 3);
            }
        });
        for number in 0..2 {
            if let Some(buffer) = ring.words().published(number) {
                let [first, second] = ring.read(buffer);
                if ring.words().still_holds(number) {
                    assert_eq!((first, second), (number + 1, number + 1));
                }
            }
        }
        producer.join().unwrap();
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
    loom::model(|| {
        let ring = Input::new(1);
        let consumer = |ring: Arc<Input>| move || ring.receive().unwrap_or(0);
        let sender = thread::spawn({
            let ring = ring.clone();
            move || (1..=2).filter(|value| ring.send(*value)).sum::<u64>()
        });
        let other = thread::spawn(consumer(ring.clone()));
        let mut received = ring.receive().unwrap_or(0);
        let sent = sender.join().unwrap();
        received += other.join().unwrap();
        received += core::iter::from_fn(|| ring.receive()).sum::<u64>();
        assert_eq!(received, sent);
    });
}

#[test]
fn two_senders_never_share_a_place() {
    loom::model(|| {
        let ring = Input::new(2);
        let other = thread::spawn({
            let ring = ring.clone();
            move || ring.send(1)
        });
        assert!(ring.send(2), "two places for two records");
        assert!(other.join().unwrap());
        let received: u64 = core::iter::from_fn(|| ring.receive()).sum();
        assert_eq!(received, 3);
    });
}
