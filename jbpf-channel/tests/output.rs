//! The guarantees that producers and readers of an output channel have.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

#[path = "../../fuzz/checks/collector/mod.rs"]
mod collector;
#[path = "../../fuzz/checks/replay.rs"]
mod replay;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jbpf_channel::{
    ChannelError, Doorbell, OutputCounts, OutputOptions, OutputRing, PageOptions, Receiver,
    RecvError, SendError,
};
use jbpf_hooks::reclaim::HookCall;
use proptest::prelude::*;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

fn ring(records: u32, record_size: u32) -> Arc<OutputRing> {
    OutputRing::new(records, record_size, &OutputOptions::default()).unwrap()
}

fn send(ring: &OutputRing, value: u64) -> Result<(), SendError> {
    ring.send_bytes(&value.to_ne_bytes())
}

fn numbers(ring: &Arc<OutputRing>) -> Receiver<u64> {
    ring.primary().unwrap().typed().unwrap()
}

/// Reserves on `slot`, fills the buffer, and commits.
fn reserve_and_commit(ring: &OutputRing, slot: u32, value: u64) -> Result<(), SendError> {
    let buffer = ring.reserve(slot);
    if buffer.is_null() {
        return Err(SendError::Full);
    }
    unsafe { buffer.cast::<u64>().write(value) };
    ring.commit(slot)
}

#[test]
fn records_arrive_in_order_with_their_numbers() {
    let ring = ring(4, 8);
    let receiver = numbers(&ring);
    for round in 0..100 {
        send(&ring, round).unwrap();
        reserve_and_commit(&ring, 0, round + 1000).unwrap();
        assert_eq!(receiver.try_recv(), Some(round));
        assert_eq!(receiver.record_number(), Some(2 * round));
        assert_eq!(receiver.try_recv(), Some(round + 1000));
        assert_eq!(receiver.record_number(), Some(2 * round + 1));
        assert_eq!(receiver.try_recv(), None);
    }
    assert_eq!(
        (ring.sent(), ring.delivered(), ring.dropped()),
        (200, 200, 0)
    );
}

#[test]
fn a_full_ring_drops_and_counts_and_keeps_what_it_has() {
    let ring = ring(3, 8);
    assert_eq!(ring.capacity(), 4);
    for value in 0..4 {
        send(&ring, value).unwrap();
    }
    assert_eq!(send(&ring, 4), Err(SendError::Full));
    assert!(ring.reserve(5).is_null());
    let record = [0; 8];
    assert_eq!(
        unsafe { ring.send(7, record.as_ptr(), 8) },
        Err(SendError::Full)
    );
    assert_eq!((ring.sent(), ring.dropped()), (4, 3));
    let receiver = numbers(&ring);
    assert_eq!(receiver.dropped(), 3);
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    send(&ring, 5).unwrap();
    assert_eq!(receiver.try_recv(), Some(5));
    assert_eq!(
        receiver.record_number(),
        Some(4),
        "dropped records take no number"
    );
}

#[test]
fn a_short_record_is_filled_with_zeros_and_a_long_one_refused() {
    let ring = ring(1, 12);
    let receiver = ring.primary().unwrap();
    ring.send_bytes(&[0xff; 12]).unwrap();
    assert_eq!(receiver.try_recv_bytes(), Some(vec![0xff; 12]));
    ring.send_bytes(&[1, 2, 3]).unwrap();
    assert_eq!(
        receiver.try_recv_bytes(),
        Some(vec![1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    );
    assert_eq!(ring.send_bytes(&[0; 13]), Err(SendError::TooLong));
    assert_eq!((ring.sent(), ring.dropped()), (2, 1));
    let mut short = [9; 2];
    ring.send_bytes(&[1, 2, 3]).unwrap();
    assert_eq!(receiver.try_recv(&mut short), Some(2));
    assert_eq!(short, [1, 2]);
}

#[test]
fn a_reservation_lasts_until_it_is_sent_and_holds_up_nobody() {
    let ring = ring(2, 8);
    let receiver = numbers(&ring);
    let held = ring.reserve(3);
    assert!(!held.is_null() && held.cast::<u64>().is_aligned());
    unsafe { held.cast::<u64>().write(77) };
    for value in 0..50 {
        send(&ring, value).unwrap();
        reserve_and_commit(&ring, 0, value).unwrap();
        assert_eq!(ring.reserve(3), held);
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [value, value]);
    }
    // A reservation stays even if the ring is full.
    send(&ring, 1).unwrap();
    send(&ring, 2).unwrap();
    assert_eq!(ring.reserve(3), held);
    assert_eq!(receiver.try_iter().count(), 2);
    ring.commit(3).unwrap();
    assert_eq!(receiver.try_recv(), Some(77));
    assert_eq!(ring.commit(3), Err(SendError::NotReserved));
    assert_ne!(ring.reserve(3), held, "the buffer went with the record");
}

#[test]
fn a_reservation_is_not_that_of_calls_inside_of_the_one_that_has_it() {
    // The second and the third call of a thread. Within the third runs a call, and within that
    // another one.
    let [second, outer, inner, innermost] = [0x201, 0x301, 0x302, 0x303].map(HookCall::from_word);
    let ring = ring(4, 8);
    let receiver = numbers(&ring);
    let held = ring.reserve_in(3, outer);
    for call in [inner, innermost] {
        assert!(ring.reserve_in(3, call).is_null());
        assert_eq!(ring.commit_in(3, call), Err(SendError::NotReserved));
    }
    assert_eq!(ring.dropped(), 2);
    assert_eq!(ring.reserve_in(3, outer), held);
    unsafe { held.cast::<u64>().write(7) };
    ring.commit_in(3, outer).unwrap();
    assert_eq!(receiver.try_recv(), Some(7));

    // A reservation that a call leaves behind goes to a later one: an outer call, a call at its
    // own depth, or one deeper in another call.
    let left = ring.reserve_in(3, inner);
    assert_eq!(ring.reserve_in(3, outer), left);
    assert!(ring.reserve_in(3, inner).is_null());
    assert_eq!(ring.reserve_in(3, second), left);
    assert_eq!(ring.reserve_in(3, innermost), left);
    assert_eq!(ring.reserve_in(3, inner), left);
    unsafe { left.cast::<u64>().write(8) };
    ring.commit_in(3, outer).unwrap();
    assert_eq!((receiver.try_recv(), ring.dropped()), (Some(8), 3));
}

#[test]
fn a_commit_to_a_ring_that_filled_meanwhile_is_a_counted_drop() {
    let ring = ring(1, 8);
    assert!(!ring.reserve(0).is_null());
    send(&ring, 1).unwrap();
    assert_eq!(ring.commit(0), Err(SendError::Full));
    assert_eq!(ring.commit(0), Err(SendError::NotReserved));
    assert_eq!((ring.sent(), ring.dropped()), (1, 1));
}

#[test]
fn threads_without_a_slot_send_and_cannot_reserve() {
    let ring = ring(4, 8);
    assert!(ring.reserve(OutputRing::NO_SLOT).is_null());
    assert_eq!(
        ring.commit(OutputRing::NO_SLOT),
        Err(SendError::NotReserved)
    );
    assert_eq!(ring.dropped(), 1);
    send(&ring, 1).unwrap();
    assert_eq!(numbers(&ring).try_recv(), Some(1));
}

#[test]
fn slots_beyond_the_prepared_ones_have_buffers_too() {
    let options = OutputOptions {
        prepared_slots: 1,
        max_slots: 600,
        ..Default::default()
    };
    let ring = OutputRing::new(2, 8, &options).unwrap();
    let receiver = numbers(&ring);
    ring.prepare_slot(598).unwrap();
    ring.prepare_slot(100_000).unwrap();
    assert!(ring.reserve(599).is_null());
    assert_eq!(ring.commit(599), Err(SendError::NotReserved));
    ring.prepare_slot(599).unwrap();
    let buffers: Vec<_> = (0..600).map(|slot| ring.reserve(slot)).collect();
    let distinct: std::collections::HashSet<_> = buffers.iter().collect();
    assert_eq!(distinct.len(), 600);
    assert!(buffers.iter().all(|buffer| !buffer.is_null()));
    assert!(ring.reserve(600).is_null());
    for (value, buffer) in (0..).zip(&buffers) {
        unsafe { buffer.cast::<u64>().write(value) };
    }
    for slot in 0..600 {
        ring.commit(slot).unwrap();
        assert_eq!(receiver.try_recv(), Some(u64::from(slot)));
    }
}

#[test]
fn the_addresses_given_to_machine_code_lead_to_the_reserved_buffer() {
    let ring = ring(4, 24);
    let receiver = ring.primary().unwrap();
    for _ in 0..20 {
        for slot in [0, 1, 31] {
            let code = ring.addresses();
            let line = code.slots_at.wrapping_add(slot as usize * code.slot_stride);
            let head = unsafe { &*code.head }.load(Ordering::Relaxed);
            assert!(head < unsafe { &*code.limit }.load(Ordering::Relaxed) || head % 4 == 0);
            let spare = unsafe {
                line.wrapping_add(code.slot_spare.into())
                    .cast::<u32>()
                    .read()
            };
            let number = (spare ^ (code.capacity + slot)) as usize;
            let buffer = code.buffers_at.wrapping_add(number * code.buffer_stride);
            unsafe {
                line.wrapping_add(code.slot_reserved.into())
                    .cast::<u32>()
                    .write(1)
            };
            assert_eq!(ring.reserve(slot), buffer);
            ring.commit(slot).unwrap();
            receiver.try_recv_bytes().unwrap();
        }
    }
}

#[test]
fn pages_as_asked_for_hold_records_like_others() {
    for (huge_pages, lock_memory) in [(true, false), (false, true), (true, true)] {
        let options = OutputOptions {
            pages: PageOptions {
                huge_pages,
                lock_memory,
            },
            prepared_slots: 1,
            ..Default::default()
        };
        let ring = OutputRing::new(4, 8, &options).unwrap();
        send(&ring, 7).unwrap();
        assert_eq!(numbers(&ring).try_recv(), Some(7));
    }
}

#[test]
fn sizes_that_no_ring_can_have_are_refused() {
    let refused = |records, size| {
        let options = OutputOptions {
            name: "set/codelet/out".to_owned(),
            ..Default::default()
        };
        OutputRing::new(records, size, &options).unwrap_err()
    };
    assert!(matches!(refused(0, 8), ChannelError::Empty { .. }));
    assert!(matches!(refused(8, 0), ChannelError::Empty { .. }));
    assert!(matches!(
        refused(u32::MAX, 8),
        ChannelError::TooLarge { .. }
    ));
    assert!(refused(8, 2 << 20).to_string().contains("set/codelet/out"));
}

#[derive(Debug, Clone, Copy, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Wide {
    first: u32,
    second: [u16; 3],
    third: u16,
}

#[test]
fn records_come_out_typed_and_a_wrong_size_names_both() {
    let ring = ring(4, 12);
    let wrong = ring
        .primary()
        .unwrap()
        .typed::<u64>()
        .unwrap_err()
        .to_string();
    assert!(
        wrong.contains("12 bytes") && wrong.contains("`u64` has 8"),
        "{wrong}"
    );
    let receiver = ring.primary().unwrap().typed::<Wide>().unwrap();
    let value = Wide {
        first: 1,
        second: [2, 3, 4],
        third: 5,
    };
    ring.send_bytes(value.as_bytes()).unwrap();
    assert_eq!(receiver.try_recv(), Some(value));
}

#[test]
fn one_primary_reader_at_a_time_and_the_next_one_continues() {
    let ring = ring(8, 8);
    let first = numbers(&ring);
    assert!(matches!(
        ring.primary(),
        Err(ChannelError::AlreadyOpen { .. })
    ));
    for value in 0..4 {
        send(&ring, value).unwrap();
    }
    assert_eq!(first.try_iter().take(2).collect::<Vec<_>>(), [0, 1]);
    drop(first);
    let second = numbers(&ring);
    assert_eq!(second.try_recv(), Some(2));
    assert_eq!(second.record_number(), Some(2));
}

#[test]
fn an_iteration_releases_its_places_in_batches_and_at_its_end() {
    let ring = ring(256, 8);
    let receiver = numbers(&ring);
    for value in 0..200 {
        send(&ring, value).unwrap();
    }
    let mut records = receiver.try_iter();
    for _ in 0..150 {
        records.next().unwrap();
    }
    assert!((1..150).contains(&ring.delivered()));
    drop(records);
    assert_eq!(ring.delivered(), 150);
}

#[test]
fn a_tap_watches_from_now_on_and_takes_nothing_away() {
    let ring = ring(8, 8);
    let receiver = numbers(&ring);
    send(&ring, 1).unwrap();
    let tap = ring.tap().typed::<u64>().unwrap();
    send(&ring, 2).unwrap();
    assert_eq!(tap.try_iter().collect::<Vec<_>>(), [2]);
    assert_eq!(tap.record_number(), Some(1));
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(ring.delivered(), 2);
}

#[test]
fn a_tap_of_a_full_ring_that_nobody_reads_makes_room_and_keeps_the_newer_half() {
    let ring = ring(8, 8);
    for value in 0..9 {
        let _ = send(&ring, value);
    }
    assert_eq!((ring.sent(), ring.dropped()), (8, 1));

    let tap = ring.tap().typed::<u64>().unwrap();
    assert_eq!(tap.try_recv(), None);
    for value in 10..30 {
        send(&ring, value).unwrap();
        assert_eq!(tap.try_recv(), Some(value));
    }

    // The next reader finds the newer half. From then on the tap releases nothing.
    let receiver = numbers(&ring);
    assert_eq!(tap.try_recv(), None);
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [26, 27, 28, 29]);
    for value in 30..39 {
        let _ = send(&ring, value);
        tap.try_recv();
    }
    assert_eq!(ring.dropped(), 2);
    assert_eq!(receiver.try_iter().count(), 8);
    assert_eq!((receiver.passed_over(), receiver.lost()), (24, 0));
    let counts = OutputCounts {
        sent: 8 + 20 + 8,
        dropped: 2,
        received: 4 + 8,
        passed_over: 24,
    };
    assert_eq!(
        ring.counts(),
        counts,
        "what a tap released, nobody received"
    );
}

#[test]
fn a_tap_that_sleeps_stands_in_once_the_reader_of_a_full_ring_goes() {
    let ring = ring(4, 8);
    let receiver = numbers(&ring);
    for value in 0..4 {
        send(&ring, value).unwrap();
    }
    let tap = ring.tap().typed::<u64>().unwrap();
    std::thread::scope(|scope| {
        let watched = scope.spawn(move || tap.recv_timeout(Duration::from_secs(20)));
        drop(receiver);
        let deadline = Instant::now() + Duration::from_secs(10);
        while send(&ring, 4).is_err() {
            assert!(Instant::now() < deadline, "the tap made no room");
            std::thread::yield_now();
        }
        assert_eq!(watched.join().unwrap(), Ok(4));
    });
}

#[test]
fn a_slow_tap_loses_counts_and_catches_up() {
    let ring = ring(16, 8);
    let receiver = numbers(&ring);
    let tap = ring.tap().typed::<u64>().unwrap();
    for value in 0..100 {
        send(&ring, value).unwrap();
        receiver.try_recv().unwrap();
    }
    let seen: Vec<u64> = tap.try_iter().collect();
    assert_eq!(seen.last(), Some(&99));
    assert!(seen.len() >= 8);
    assert_eq!(seen.len() as u64 + tap.lost(), 100);
    assert_eq!(ring.dropped(), 0);
}

#[test]
fn a_closed_channel_gives_what_it_holds_and_then_ends() {
    let ring = ring(8, 8);
    let receiver = numbers(&ring);
    for value in 0..3 {
        send(&ring, value).unwrap();
    }
    ring.close();
    assert_eq!(receiver.blocking().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(receiver.recv(), Err(RecvError::Closed));
}

#[test]
fn an_empty_channel_times_out() {
    let receiver = numbers(&ring(8, 8));
    assert_eq!(
        receiver.recv_timeout(Duration::from_millis(1)),
        Err(RecvError::Timeout)
    );
    assert_eq!(
        receiver.recv_timeout(Duration::ZERO),
        Err(RecvError::Timeout)
    );
}

#[test]
fn a_sleeping_reader_is_woken_for_every_record() {
    const ROUNDS: u64 = 5_000;
    let (there, back) = (ring(4, 8), ring(4, 8));
    let echo = {
        let (receiver, back) = (numbers(&there), back.clone());
        thread::spawn(move || {
            for value in receiver.blocking() {
                send(&back, value).unwrap();
            }
        })
    };
    let receiver = numbers(&back);
    for round in 0..ROUNDS {
        send(&there, round).unwrap();
        assert_eq!(receiver.recv(), Ok(round));
    }
    there.close();
    echo.join().unwrap();
}

#[test]
fn a_doorbell_wakes_one_thread_for_many_rings() {
    let bell = Arc::new(Doorbell::new().unwrap());
    let options = OutputOptions {
        doorbells: vec![Arc::new(Doorbell::new().unwrap()), bell.clone()],
        ..Default::default()
    };
    let rings: Vec<_> = (0..3)
        .map(|_| OutputRing::new(4, 8, &options).unwrap())
        .collect();
    let answers = ring(4, 8);
    let served = thread::spawn({
        let readers: Vec<_> = rings.iter().map(|ring| ring.primary().unwrap()).collect();
        let answers = answers.clone();
        move || {
            let mut sum = 0;
            while sum < 3 * 1000 {
                for reader in &readers {
                    for _ in reader.try_iter() {
                        sum += 1;
                        send(&answers, sum).unwrap();
                    }
                }
                if sum < 3 * 1000 && !bell.arm(&readers) {
                    bell.wait(None);
                }
            }
        }
    });
    let receiver = numbers(&answers);
    for round in 0..1000 {
        for (at, ring) in (0..).zip(&rings) {
            send(ring, round).unwrap();
            assert_eq!(receiver.recv(), Ok(round * 3 + at + 1));
        }
    }
    served.join().unwrap();
}

#[test]
fn four_producers_a_reader_and_a_tap_reconcile() {
    const EACH: u64 = 100_000;
    let ring = ring(256, 16);
    let over = AtomicBool::new(false);
    // Nobody sends before the tap is there, so the tap misses no record by coming late.
    let ready = Barrier::new(5);
    let check = |record: [u64; 2]| {
        assert_eq!(record[0], !record[1], "a torn record");
        (record[0] >> 32, record[0] & 0xffff_ffff)
    };
    thread::scope(|scope| {
        let producers: Vec<_> = (0..4_u32)
            .map(|slot| {
                let (ring, ready) = (&ring, &ready);
                scope.spawn(move || {
                    ready.wait();
                    let mut accepted = 0_u64;
                    for value in 0..EACH {
                        let word = u64::from(slot) << 32 | value;
                        let record = [word, !word];
                        let sent = if value % 2 == 0 {
                            unsafe { ring.send(slot, record.as_ptr().cast(), 16) }
                        } else {
                            let buffer = ring.reserve(slot);
                            if buffer.is_null() {
                                continue;
                            }
                            unsafe { buffer.cast::<[u64; 2]>().write(record) };
                            ring.commit(slot)
                        };
                        accepted += u64::from(sent.is_ok());
                    }
                    accepted
                })
            })
            .collect();
        // The reader comes before the tap. Otherwise the tap would have released records in its
        // place.
        let receiver = ring.primary().unwrap().typed::<[u64; 2]>().unwrap();
        let tap = scope.spawn(|| {
            let tap = ring.tap().typed::<[u64; 2]>().unwrap();
            ready.wait();
            let mut seen = 0;
            loop {
                let last = over.load(Ordering::Acquire);
                seen += tap.try_iter().map(check).count() as u64;
                if last {
                    return (seen, tap.lost(), tap.record_number());
                }
            }
        });
        let reader = scope.spawn(move || {
            let mut last = [None; 4];
            let mut received = 0_u64;
            for record in receiver.blocking() {
                let (slot, value) = check(record);
                assert!(last[slot as usize] < Some(value), "a producer's own order");
                last[slot as usize] = Some(value);
                assert_eq!(receiver.record_number(), Some(received));
                received += 1;
            }
            received
        });
        let accepted: u64 = producers.into_iter().map(|p| p.join().unwrap()).sum();
        ring.close();
        let received = reader.join();
        over.store(true, Ordering::Release);
        let (seen, lost, number) = tap.join().unwrap();
        let received = received.unwrap();
        assert_eq!(received, accepted);
        assert_eq!(received, ring.sent());
        assert_eq!(received + ring.dropped(), 4 * EACH);
        if let Some(number) = number {
            assert!(seen + lost >= number.saturating_sub(256) / 2);
            assert!(seen + lost <= ring.sent());
        }
        assert_eq!(ring.refused_cursors(), 0);
    });
}

#[derive(Debug, Clone)]
enum Step {
    Send(u64),
    Reserve(u32),
    Commit(u32),
    Receive,
    Drain(usize),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<u64>().prop_map(Step::Send),
        2 => (0..4_u32).prop_map(Step::Reserve),
        2 => (0..4_u32).prop_map(Step::Commit),
        3 => Just(Step::Receive),
        1 => (0..9_usize).prop_map(Step::Drain),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #[test]
    fn the_ring_is_a_bounded_queue(capacity in 1_u32..9, steps in prop::collection::vec(step(), 0..200)) {
        let ring = ring(capacity, 8);
        let places = ring.capacity() as usize;
        let mut receiver = Some(numbers(&ring));
        let mut queue = VecDeque::new();
        let mut reserved = [None; 4];
        let (mut dropped, mut sent, mut stamp) = (0_u64, 0_u64, 0_u64);
        for step in steps {
            match step {
                Step::Send(value) => {
                    let accepted = send(&ring, value).is_ok();
                    prop_assert_eq!(accepted, queue.len() < places);
                    if accepted { queue.push_back(value); sent += 1; } else { dropped += 1; }
                }
                Step::Reserve(slot) => {
                    let buffer = ring.reserve(slot);
                    let expected = reserved[slot as usize].is_some() || queue.len() < places;
                    prop_assert_eq!(!buffer.is_null(), expected);
                    if expected {
                        stamp += 1;
                        unsafe { buffer.cast::<u64>().write(stamp) };
                        reserved[slot as usize] = Some(stamp);
                    } else {
                        dropped += 1;
                    }
                }
                Step::Commit(slot) => {
                    let expected = match reserved[slot as usize].take() {
                        None => Err(SendError::NotReserved),
                        Some(_) if queue.len() == places => { dropped += 1; Err(SendError::Full) }
                        Some(value) => { queue.push_back(value); sent += 1; Ok(()) }
                    };
                    prop_assert_eq!(ring.commit(slot), expected);
                }
                Step::Receive => prop_assert_eq!(receiver.as_ref().unwrap().try_recv(), queue.pop_front()),
                Step::Drain(count) => {
                    let taken: Vec<_> = receiver.as_ref().unwrap().try_iter().take(count).collect();
                    let expected: Vec<_> = queue.drain(..count.min(queue.len())).collect();
                    prop_assert_eq!(taken, expected);
                }
                Step::Reopen => {
                    drop(receiver.take());
                    receiver = Some(numbers(&ring));
                }
            }
            prop_assert_eq!((ring.sent(), ring.dropped()), (sent, dropped));
            prop_assert_eq!(ring.delivered(), sent - queue.len() as u64);
        }
    }
}

#[test]
fn lies_of_hosts_that_the_fuzzer_tried_harm_no_collector() {
    assert!(replay::replay("grant", collector::grant::check) > 0);
}

#[test]
fn lies_of_collectors_that_the_fuzzer_tried_harm_no_host() {
    assert!(replay::replay("page", collector::page::check) > 0);
}
