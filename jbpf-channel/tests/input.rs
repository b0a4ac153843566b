//! The guarantees that senders and codelets have with an input channel.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]
#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use jbpf_channel::{ChannelError, InputOptions, InputRing, SendError, Sender};
use proptest::prelude::*;

fn ring(records: u32, record_size: u32) -> Arc<InputRing> {
    InputRing::new(records, record_size, &InputOptions::default()).unwrap()
}

fn receive(ring: &InputRing) -> Option<u64> {
    let mut value = 0xeeee_eeee_eeee_eeee_u64;
    let received = unsafe { ring.receive((&raw mut value).cast()) };
    assert!(received || value == 0xeeee_eeee_eeee_eeee);
    received.then_some(value)
}

#[test]
fn records_arrive_in_order_and_an_empty_ring_leaves_the_buffer_alone() {
    let ring = ring(4, 8);
    let sender: Sender<u64> = ring.sender().typed().unwrap();
    assert_eq!(receive(&ring), None);
    for round in 0..20 {
        sender.send(&round).unwrap();
        sender.clone().send(&(round + 100)).unwrap();
        assert_eq!(receive(&ring), Some(round));
        assert_eq!(receive(&ring), Some(round + 100));
        assert_eq!(receive(&ring), None);
    }
    assert_eq!((ring.sent(), ring.received(), ring.dropped()), (40, 40, 0));
}

#[test]
fn a_full_ring_refuses_and_counts() {
    let ring = ring(2, 8);
    let sender: Sender<u64> = ring.sender().typed().unwrap();
    sender.send(&1).unwrap();
    sender.send(&2).unwrap();
    assert_eq!(sender.send(&3), Err(SendError::Full));
    assert_eq!(sender.dropped(), 1);
    assert_eq!(receive(&ring), Some(1));
    sender.send(&4).unwrap();
    assert_eq!(receive(&ring), Some(2));
    assert_eq!(receive(&ring), Some(4));
}

#[test]
fn a_short_record_is_filled_with_zeros_and_a_long_one_refused() {
    let ring = ring(1, 8);
    let raw = ring.sender();
    raw.send(&[0xff; 8]).unwrap();
    assert_eq!(receive(&ring), Some(u64::MAX));
    raw.send(&[1]).unwrap();
    assert_eq!(
        receive(&ring).map(u64::to_ne_bytes),
        Some([1, 0, 0, 0, 0, 0, 0, 0])
    );
    assert_eq!(raw.send(&[0; 9]), Err(SendError::TooLong));
    let short: Sender<u32> = ring.sender().typed().unwrap();
    short.send(&u32::MAX).unwrap();
    assert_eq!(receive(&ring), Some(u64::from(u32::MAX)));
    let long = ring.sender().typed::<[u64; 2]>().unwrap_err();
    assert!(matches!(
        long,
        ChannelError::RecordSize {
            record_size: 8,
            type_size: 16,
            ..
        }
    ));
}

#[test]
fn a_closed_ring_refuses() {
    let ring = ring(1, 8);
    ring.close();
    assert_eq!(ring.sender().send(&[0; 8]), Err(SendError::Closed));
}

#[test]
fn the_addresses_given_to_machine_code_tell_an_empty_ring() {
    let ring = ring(4, 8);
    let looks_empty = || {
        let code = ring.addresses();
        let tail = unsafe { &*code.tail }.load(Ordering::Relaxed);
        let published = code.published_at.wrapping_add((tail & code.mask) as usize);
        let lanes = unsafe { &*code.lanes }.load(Ordering::Relaxed);
        unsafe { &*published }.load(Ordering::Acquire) != tail + 1 && lanes == 0
    };
    for round in 0..10_u64 {
        assert!(looks_empty());
        ring.send_bytes(&round.to_ne_bytes()).unwrap();
        assert!(!looks_empty());
        assert_eq!(receive(&ring), Some(round));
    }
}

#[test]
fn each_record_reaches_one_of_many_threads() {
    const EACH: u64 = 50_000;
    let ring = ring(64, 16);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let senders: Vec<_> = (0..2_u64)
            .map(|id| {
                let sender: Sender<[u64; 2]> = ring.sender().typed().unwrap();
                scope.spawn(move || {
                    let mut sum = 0;
                    for value in 0..EACH {
                        let word = id << 32 | value;
                        while sender.send(&[word, !word]).is_err() {
                            thread::yield_now();
                        }
                        sum += word;
                    }
                    sum
                })
            })
            .collect();
        let consumers: Vec<_> = (0..3)
            .map(|_| {
                let (ring, over) = (&ring, &over);
                scope.spawn(move || {
                    let (mut sum, mut count) = (0, 0);
                    loop {
                        let last = over.load(Ordering::Acquire);
                        let mut record = [0_u64; 2];
                        while unsafe { ring.receive(record.as_mut_ptr().cast()) } {
                            assert_eq!(record[0], !record[1], "a torn record");
                            sum += record[0];
                            count += 1;
                        }
                        if last {
                            return (sum, count);
                        }
                        thread::yield_now();
                    }
                })
            })
            .collect();
        let sent: u64 = senders.into_iter().map(|s| s.join().unwrap()).sum();
        over.store(true, Ordering::Release);
        let (sum, count) = consumers
            .into_iter()
            .map(|c| c.join().unwrap())
            .fold((0, 0), |(s, c), (sum, count)| (s + sum, c + count));
        assert_eq!((sum, count), (sent, 2 * EACH));
    });
}

proptest! {
    #[test]
    fn the_ring_is_a_bounded_queue(capacity in 1_u32..9, sends in prop::collection::vec(any::<Option<u64>>(), 0..200)) {
        let ring = ring(capacity, 8);
        let mut queue = VecDeque::new();
        for step in sends {
            match step {
                Some(value) => {
                    let accepted = ring.send_bytes(&value.to_ne_bytes()).is_ok();
                    prop_assert_eq!(accepted, queue.len() < ring.capacity() as usize);
                    if accepted { queue.push_back(value); }
                }
                None => prop_assert_eq!(receive(&ring), queue.pop_front()),
            }
        }
    }
}
