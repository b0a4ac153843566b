//! Many threads that send by machine code into one small ring, and a reader that accounts for
//! every record.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jbpf_channel::{OutputRing, RawReceiver};
use jbpf_core::engine::{CompiledHook, Engine};
use jbpf_core::map::Map;
use jbpf_hooks::hook::HookKind;
use jbpf_verifier::types::{ContextDef, MapKind};

use super::support::*;
use super::{channel, output};

const PRODUCERS: u32 = 4;
const RECORDS: u64 = 8_000;

/// Sends (ctx_id, meta_data, their sum) by copying; r0: 0 sent, else not.
const COPY: &str = "
    ldxw r2, [r1+24]
    ldxdw r3, [r1+16]
    stxdw [r10-24], r2
    stxdw [r10-16], r3
    add r2, r3
    stxdw [r10-8], r2
    lddw r1, map 0
    mov r2, r10
    add r2, -24
    mov r3, 24
    call 12
    exit";

/// The same in a reserved buffer.
const RESERVE: &str = "
    mov r6, r1
    lddw r1, map 0
    call 17
    jne r0, 0, +2
    mov r0, 1
    exit
    ldxw r2, [r6+24]
    ldxdw r3, [r6+16]
    stxdw [r0], r2
    stxdw [r0+8], r3
    add r2, r3
    stxdw [r0+16], r2
    lddw r1, map 0
    call 18
    exit";

const BOTH: [Engine; 2] = [Engine::Native, Engine::Interpreter];

/// A channel, and for each engine a hook with the one codelet that sends to it.
fn sender<const N: usize>(
    kind: MapKind,
    text: &str,
    capacity: u32,
    engines: [Engine; N],
) -> (Arc<Map>, [CompiledHook; N]) {
    let out = channel("out", kind, 24, capacity);
    let maps = [Arc::clone(&out)];
    let codelet = [bind_to(
        "send",
        assemble(text),
        ContextDef::generic(),
        &maps,
    )];
    let hooks = engines.map(|engine| engine.compile(HookKind::Control, &codelet, None).unwrap());
    (out, hooks)
}

/// Records of each producer come whole, in its order, and at most once.
struct Account {
    next: [u64; PRODUCERS as usize],
    received: u64,
}

impl Account {
    fn new() -> Self {
        Self {
            next: [0; PRODUCERS as usize],
            received: 0,
        }
    }

    fn read(&mut self, receiver: &RawReceiver) {
        for record in receiver.try_iter() {
            let word = |at: usize| u64::from_ne_bytes(record[at..at + 8].try_into().unwrap());
            let (producer, number, sum) = (word(0), word(8), word(16));
            assert_eq!(sum, producer + number, "a torn record");
            let next = &mut self.next[producer as usize];
            assert!(number >= *next, "record {number} after {next}");
            *next = number + 1;
            self.received += 1;
        }
    }
}

/// `PRODUCERS` threads send `RECORDS` each, while one reader and one tap of it look.
fn reconcile(kind: MapKind, text: &str) {
    // So small that it is full most of the time, and that claims meet each other.
    let (out, [hook]) = sender(kind, text, 8, [Engine::Native]);
    let ring = output(&out).ring();
    let receiver = ring.primary().unwrap();
    let tap = ring.tap();
    let running = AtomicU64::new(u64::from(PRODUCERS));
    let deadline = Instant::now() + Duration::from_secs(60);

    let (mut of_reader, mut of_tap, mut lost) = (Account::new(), Account::new(), 0);
    let sent: u64 = std::thread::scope(|scope| {
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let (hook, running) = (&hook, &running);
                scope.spawn(move || {
                    let mut fields = [0; 16];
                    fields[8..12].copy_from_slice(&producer.to_ne_bytes());
                    let mut sent = 0;
                    for number in 0..RECORDS {
                        fields[..8].copy_from_slice(&number.to_ne_bytes());
                        sent += u64::from(call(hook, &[], &fields).0 == 0);
                        if number % 64 == 0 {
                            // Lets the reader run if there is one processor only.
                            std::thread::yield_now();
                        }
                    }
                    running.fetch_sub(1, Ordering::Release);
                    sent
                })
            })
            .collect();
        let tapped = {
            let (running, of_tap) = (&running, &mut of_tap);
            scope.spawn(move || {
                while running.load(Ordering::Acquire) > 0 {
                    assert!(Instant::now() < deadline, "producers hang");
                    of_tap.read(&tap);
                }
                of_tap.read(&tap);
                tap.lost()
            })
        };
        while running.load(Ordering::Acquire) > 0 {
            assert!(Instant::now() < deadline, "producers hang");
            of_reader.read(&receiver);
        }
        of_reader.read(&receiver);
        let sent = producers.into_iter().map(|p| p.join().unwrap()).sum();
        lost = tapped.join().unwrap();
        sent
    });
    assert_eq!(of_tap.received + lost, sent, "what the tap saw and lost");
    assert_eq!(of_reader.received, sent);
    assert_eq!((ring.sent(), ring.delivered()), (sent, sent));
    assert_eq!(sent + ring.dropped(), u64::from(PRODUCERS) * RECORDS);
    assert!(ring.dropped() > 0 && sent > 0, "{sent} sent");
}

#[test]
fn copied_records_of_many_threads_add_up() {
    reconcile(MapKind::RingBuf, COPY);
}

#[test]
fn reserved_records_of_many_threads_add_up() {
    reconcile(MapKind::Output, RESERVE);
}

/// A thread that sends its records by machine code, by way of the helper and without a slot, by
/// turns; how many were taken.
fn send_by_turns(
    hooks: &[CompiledHook; 2],
    ring: &OutputRing,
    producer: u32,
    numbers: Range<u64>,
) -> u64 {
    let mut fields = [0; 16];
    fields[8..12].copy_from_slice(&producer.to_ne_bytes());
    let producer = u64::from(producer);
    let send = |number: u64| {
        fields[..8].copy_from_slice(&number.to_ne_bytes());
        let [native, interpreted] = hooks;
        match number % 7 {
            2 => call(interpreted, &[], &fields).0 == 0,
            4 => {
                let record = [producer, number, producer + number].map(u64::to_ne_bytes);
                ring.send_bytes(record.as_flattened()).is_ok()
            }
            _ => call(native, &[], &fields).0 == 0,
        }
    };
    numbers.map(send).filter(|sent| *sent).count() as u64
}

/// Threads come and go: each takes over a slot, with the number that its last owner expected
/// there.
fn reconcile_tiny(kind: MapKind, text: &str, capacity: u32) {
    const GENERATIONS: u64 = 30;
    const EACH: u64 = 40;
    let (out, hooks) = sender(kind, text, capacity, BOTH);
    let ring = output(&out).ring();
    assert_eq!(ring.capacity(), capacity);
    let receiver = ring.primary().unwrap();
    let running = AtomicU64::new(u64::from(PRODUCERS));
    let mut account = Account::new();
    let sent: u64 = std::thread::scope(|scope| {
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let (hooks, running) = (&hooks, &running);
                scope.spawn(move || {
                    let generation = |at: u64| {
                        let numbers = at * EACH..(at + 1) * EACH;
                        let one = || send_by_turns(hooks, ring, producer, numbers);
                        std::thread::scope(|inner| inner.spawn(one).join().unwrap())
                    };
                    let sent: u64 = (0..GENERATIONS).map(generation).sum();
                    running.fetch_sub(1, Ordering::Release);
                    sent
                })
            })
            .collect();
        while running.load(Ordering::Acquire) > 0 {
            account.read(&receiver);
            std::thread::yield_now();
        }
        producers.into_iter().map(|p| p.join().unwrap()).sum()
    });
    account.read(&receiver);
    assert_eq!(account.received, sent, "{kind:?} of {capacity}");
    assert_eq!((ring.sent(), ring.delivered()), (sent, sent));
    assert_eq!(
        sent + ring.dropped(),
        u64::from(PRODUCERS) * GENERATIONS * EACH
    );
}

#[test]
fn records_of_threads_that_come_and_go_add_up_in_tiny_rings() {
    for capacity in [1, 2, 4] {
        reconcile_tiny(MapKind::RingBuf, COPY, capacity);
        reconcile_tiny(MapKind::Output, RESERVE, capacity);
    }
}

/// Entries hold the low halves of numbers, and a thread may expect a number of long ago.
#[test]
fn records_keep_their_order_across_two_to_the_32() {
    for capacity in [1_u32, 2, 8] {
        for (kind, text) in [(MapKind::RingBuf, COPY), (MapKind::Output, RESERVE)] {
            let (out, [hook]) = sender(kind, text, capacity, [Engine::Native]);
            let ring = output(&out).ring();
            let first = (1_u64 << 32) - 8;
            start_at(ring, first);
            let receiver = ring.primary().unwrap();
            let mut fields = [0; 16];
            for number in 0..24_u64 {
                fields[..8].copy_from_slice(&number.to_ne_bytes());
                assert_eq!(call(&hook, &[], &fields).0, 0, "{kind:?}");
                if number % 3 == 0 {
                    // This record takes the number that machine code expects next.
                    let record = [0, number, number].map(u64::to_ne_bytes);
                    let taken = ring.send_bytes(record.as_flattened()).is_ok();
                    assert_eq!(taken, capacity > 1);
                }
                let expected = if number % 3 == 0 && capacity > 1 {
                    2
                } else {
                    1
                };
                let records: Vec<_> = receiver.try_iter().collect();
                assert_eq!(records.len(), expected, "{kind:?} {number}");
                for record in records {
                    assert_eq!(record[8..16], number.to_ne_bytes());
                }
            }
            assert_eq!(
                ring.delivered(),
                first + 24 + if capacity > 1 { 8 } else { 0 }
            );
        }
    }
}

/// Puts an unused ring into the state after `first` records, a multiple of its capacity.
fn start_at(ring: &OutputRing, first: u64) {
    let words = ring.addresses();
    let capacity = u64::from(words.capacity);
    // SAFETY: there are so many entries, of a ring that is there.
    let entries = unsafe { std::slice::from_raw_parts(words.entries, capacity as usize) };
    for (entry, position) in entries.iter().zip(0..) {
        // Entries say the number after their record's in the upper half.
        let sent = first - capacity + position + 1;
        entry.store(sent << 32 | position, Ordering::Relaxed);
    }
    let places = [
        (words.cursor, first),
        (words.limit, first + capacity),
        (words.head, first),
    ];
    for (word, number) in places {
        // SAFETY: a word of a ring, which is there.
        unsafe { &*word }.store(number, Ordering::Relaxed);
    }
}

/// A reader of another process can write any number into its cursor.
fn lie(ring: &OutputRing, running: &AtomicU64) {
    let words = ring.addresses();
    // SAFETY: words of a ring that is there.
    let [cursor, head, limit] =
        [words.cursor, words.head, words.limit].map(|word| unsafe { &*word });
    let mut turn = 0_u64;
    while running.load(Ordering::Acquire) > 0 {
        turn += 1;
        let (head, limit) = (head.load(Ordering::Relaxed), limit.load(Ordering::Relaxed));
        let lie = match turn % 8 {
            // Records that are claimed, and perhaps not published.
            0..4 => head,
            4 => head + 1,
            5 => limit,
            6 => head.wrapping_sub(turn),
            _ => turn.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        };
        cursor.store(lie, Ordering::Release);
        if turn.is_multiple_of(16) {
            std::thread::yield_now();
        }
    }
}

/// Whatever the reader says, records go out whole, one to a number, and are sent or counted.
fn reconcile_behind_a_liar(kind: MapKind, text: &str, capacity: u32) {
    const EACH: u64 = 3_000;
    let (out, hooks) = sender(kind, text, capacity, BOTH);
    let ring = output(&out).ring();
    let tap = ring.tap();
    let running = AtomicU64::new(u64::from(PRODUCERS));
    let mut account = Account::new();
    let sent: u64 = std::thread::scope(|scope| {
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let (hooks, running) = (&hooks, &running);
                scope.spawn(move || {
                    let sent = send_by_turns(hooks, ring, producer, 0..EACH);
                    running.fetch_sub(1, Ordering::Release);
                    sent
                })
            })
            .collect();
        scope.spawn(|| lie(ring, &running));
        while running.load(Ordering::Acquire) > 0 {
            account.read(&tap);
            std::thread::yield_now();
        }
        producers.into_iter().map(|p| p.join().unwrap()).sum()
    });
    account.read(&tap);
    assert_eq!(
        account.received + tap.lost(),
        sent,
        "{kind:?} of {capacity}"
    );
    assert_eq!(ring.sent(), sent);
    assert_eq!(sent + ring.dropped(), u64::from(PRODUCERS) * EACH);
    assert!(sent > 0, "{kind:?} of {capacity}");
}

#[test]
fn records_add_up_behind_a_reader_that_lies() {
    for capacity in [1, 2, 8] {
        reconcile_behind_a_liar(MapKind::RingBuf, COPY, capacity);
        reconcile_behind_a_liar(MapKind::Output, RESERVE, capacity);
    }
}

#[test]
fn a_place_whose_record_is_not_published_yet_is_not_claimed_again() {
    for (kind, text) in [(MapKind::RingBuf, COPY), (MapKind::Output, RESERVE)] {
        let (out, [hook]) = sender(kind, text, 4, [Engine::Native]);
        let ring = output(&out).ring();
        let words = ring.addresses();
        // SAFETY: words of a ring that is there.
        let [cursor, head, entry] =
            [words.cursor, words.head, words.entries].map(|word| unsafe { &*word });
        // Another thread has claimed record 0 and is not done; the reader says that it has read
        // it.
        head.store(1, Ordering::Relaxed);
        cursor.store(1, Ordering::Relaxed);
        let send = || call(&hook, &[], &[0; 16]).0.cast_signed();
        // The third is sent by machine code alone, and would be followed by record 4, in the place
        // of record 0.
        assert_eq!([(); 3].map(|()| send()), [0; 3], "{kind:?}");
        assert_eq!(
            [send(), send()].map(|answer| answer == 0),
            [false; 2],
            "{kind:?}"
        );
        assert_eq!((ring.sent(), ring.dropped()), (4, 2), "{kind:?}");
        let buffer = entry.load(Ordering::Relaxed) as u32;
        entry.store(1 << 32 | u64::from(buffer), Ordering::Release);
        assert_eq!((send(), ring.sent()), (0, 5), "{kind:?}");
    }
}
