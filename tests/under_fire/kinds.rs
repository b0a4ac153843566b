//! Each kind of map, under threads that share its contents: nothing is lost.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use jbpf::{Codeletset, SendError};

use super::{
    Application, Cell, Command, Done, ROUNDS, Record, STREAM, THREADS, fired, on_threads, request,
    sum, until, while_firing,
};

/// The codelets that count, by the kind of their map, and whether threads share it.
const COUNTING: [(&str, bool); 4] = [
    ("array_1", true),
    ("hash_1", true),
    ("thread_array_1", false),
    ("thread_hash_1", false),
];

fn count(set: &Codeletset, key: u32) -> u64 {
    set.map::<u32, u64>("counts").unwrap().sum(&key).unwrap()
}

#[test]
fn counts_of_keys_that_threads_share_add_up() {
    let application = Application::start();
    for (codelet, shared) in COUNTING {
        let set = application.load(&request(codelet, None)).unwrap();
        if shared {
            let counts = set.map::<u32, u64>("counts").unwrap();
            (0..8).for_each(|key| counts.set(&key, &0).unwrap());
        }
        let all = on_threads(|thread| {
            (0..ROUNDS)
                .map(|round| fired((thread + round) % 8))
                .fold(Cell::default(), sum)
        });
        assert_eq!((all.first, all.failed), (THREADS * ROUNDS, 0), "{codelet}");
        for key in 0..8 {
            assert_eq!(
                count(&set, key),
                THREADS * ROUNDS / 8,
                "{codelet}, key {key}"
            );
        }
        application.unload("set").unwrap();
    }
}

#[test]
fn sums_over_threads_never_fall_when_threads_end() {
    const WAVES: u64 = 25;
    let application = Application::start();
    for codelet in ["thread_array_1", "thread_hash_1"] {
        let set = application.load(&request(codelet, None)).unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Acquire) {
                    let now = count(&set, 3);
                    assert!(now >= last, "{codelet}: a sum fell from {last} to {now}");
                    last = now;
                    thread::yield_now();
                }
            });
            let _done = Done(&done);
            for wave in 1..=WAVES {
                let all = on_threads(|_| (0..100).map(|_| fired(3)).fold(Cell::default(), sum));
                assert_eq!(all.failed, 0);
                // All threads of the wave have ended; their counts are there.
                assert_eq!(count(&set, 3), wave * THREADS * 100, "{codelet}");
            }
        });
        application.unload("set").unwrap();
    }
}

#[test]
fn keys_that_come_and_go_in_a_shared_hash_map_meet_only_themselves() {
    let application = Application::start();
    let set = application.load(&request("churn", None)).unwrap();
    let all = on_threads(|thread| {
        (0..ROUNDS)
            .map(|round| fired(thread * 8 + round % 8))
            .fold(Cell::default(), sum)
    });
    assert_eq!((all.first, all.failed), (THREADS * ROUNDS, 0));
    // A key that was left in, since another thread had the bucket and did not run, goes now.
    (0..THREADS * 8).for_each(|key| _ = fired(key));
    assert!(set.map::<u64, u64>("table").unwrap().is_empty());
}

#[test]
fn records_of_threads_are_received_or_counted_as_dropped() {
    let application = Application::start();
    for codelet in ["output_1", "ringbuf"] {
        application
            .load(&request(codelet, Some(("records", true))))
            .unwrap();
        let records = application.output::<Record>(STREAM).unwrap();
        let done = AtomicBool::new(false);
        let (all, (received, dropped)) = thread::scope(|scope| {
            let done = &done;
            let reader = scope.spawn(move || {
                let mut next = HashMap::new();
                let mut received = 0;
                loop {
                    let over = done.load(Ordering::Acquire);
                    for record in records.try_iter() {
                        assert_eq!(record.key, record.again, "filled by one thread");
                        let (thread, round) = (record.key >> 32, record.key & 0xffff_ffff);
                        let expected = next.insert(thread, round + 1).unwrap_or(0);
                        assert!(
                            round >= expected,
                            "the records of a thread keep their order"
                        );
                        received += 1;
                    }
                    if over {
                        return (received, records.dropped());
                    }
                    thread::yield_now();
                }
            });
            let all = {
                let _done = Done(done);
                on_threads(|thread| {
                    (0..ROUNDS)
                        .map(|round| fired(thread << 32 | round))
                        .fold(Cell::default(), sum)
                })
            };
            (all, reader.join().unwrap())
        });
        assert_eq!(all.first + all.failed, THREADS * ROUNDS, "{codelet}");
        assert_eq!(received, all.first, "{codelet}");
        assert_eq!(dropped, all.failed, "{codelet}");
        application.unload("set").unwrap();
    }
}

#[test]
fn a_record_that_goes_in_reaches_one_call() {
    const COMMANDS: u64 = 50_000;
    let application = Application::start();
    application
        .load(&request("input", Some(("commands", false))))
        .unwrap();
    let commands = application.input::<Command>(STREAM).unwrap();
    let (taken, numbers) = (AtomicU64::new(0), AtomicU64::new(0));
    let all = while_firing(
        || {
            for number in 1..=COMMANDS {
                until("a place in the channel", || {
                    let again = number;
                    match commands.send(&Command { number, again }) {
                        Ok(()) => true,
                        Err(SendError::Full) => false,
                        Err(error) => panic!("{error}"),
                    }
                });
            }
            until("all of them taken", || {
                taken.load(Ordering::Relaxed) == COMMANDS
            });
        },
        |cell| {
            taken.fetch_add(cell.first, Ordering::Relaxed);
            numbers.fetch_add(cell.second, Ordering::Relaxed);
        },
    );
    assert_eq!((all.first, all.failed), (COMMANDS, 0));
    assert_eq!(
        numbers.into_inner(),
        COMMANDS * (COMMANDS + 1) / 2,
        "each once"
    );
}

#[test]
fn maps_of_each_kind_outlive_the_calls_that_are_inside_them() {
    let application = Application::start();
    let channels = [
        ("output_1", Some(("records", true))),
        ("ringbuf", Some(("records", true))),
        ("input", Some(("commands", false))),
        ("churn", None),
    ];
    let counting = COUNTING.into_iter().map(|(codelet, _)| (codelet, None));
    for (codelet, channel) in counting.chain(channels) {
        let request = request(codelet, channel);
        let ran = AtomicU64::new(0);
        while_firing(
            || {
                for _ in 0..30 {
                    application.load(&request).unwrap();
                    // Memory that is given back is soon taken anew by another thread, which writes
                    // to it.
                    let before = ran.load(Ordering::Relaxed);
                    if codelet != "input" {
                        until("a call runs it", || ran.load(Ordering::Relaxed) > before);
                    }
                    application.unload("set").unwrap();
                    std::hint::black_box(vec![0xa5_u8; 1 << 16]);
                }
            },
            |cell| {
                ran.fetch_add(cell.first + cell.failed, Ordering::Relaxed);
                assert!(
                    cell.first <= 1 && cell.second <= 50_000,
                    "{codelet}: {cell:?}"
                );
            },
        );
    }
}
