//! Records of every size from everywhere: the native engine copies small ones itself.

use std::sync::Arc;
use std::time::Duration;

#[cfg(target_arch = "x86_64")]
use jbpf_core::engine::native::list_dispatch;
use jbpf_core::engine::{CompiledHook, Engine};
use jbpf_core::map::Map;
use jbpf_hooks::hook::HookKind;
use jbpf_verifier::types::{ContextDef, MapKind};
use proptest::prelude::*;

use super::support::*;
use super::{ENGINES, channel, output};

/// Bytes that a context of memory holds here.
const MEMORY: usize = 160;

fn compile(engine: Engine, text: &str, context: ContextDef, maps: &[Arc<Map>]) -> CompiledHook {
    let codelet = bind_to("send", assemble(text), context, maps);
    engine.compile(HookKind::Control, &[codelet], None).unwrap()
}

/// Sends the `size` bytes that r2 points at.
fn send(size: u32) -> String {
    format!("lddw r1, map 0\nmov r3, {size}\ncall 12\n")
}

/// The record that a channel of `record_size` makes of `sent`.
fn filled(sent: &[u8], record_size: u32) -> Vec<u8> {
    let mut record = sent.to_vec();
    record.resize(record_size as usize, 0);
    record
}

#[test]
fn copied_records_arrive_filled_up_and_what_finds_no_room_is_counted() {
    let text = format!(
        "ldxw r2, [r1+24]
        stxdw [r10-8], r2
        mov r2, r10
        add r2, -8
        {}
        exit",
        send(8)
    );
    for engine in ENGINES {
        let out = channel("out", MapKind::RingBuf, 24, 4);
        let hook = compile(engine, &text, ContextDef::generic(), &[Arc::clone(&out)]);
        let ring = output(&out).ring();
        let receiver = ring.primary().unwrap();
        let mut dropped = 0;
        // Each round finds the ring empty, fills it, and loses three more.
        for round in 0..4_u8 {
            let mut wanted = Vec::new();
            for attempt in 0..ring.capacity() + 3 {
                let number = 10 * round + attempt as u8;
                let mut fields = [0; 16];
                fields[8] = number;
                let answer = call(&hook, &[], &fields).0.cast_signed();
                if attempt < ring.capacity() {
                    assert_eq!(answer, 0, "{engine:?}");
                    wanted.push(filled(&[number], 24));
                } else {
                    assert_eq!(answer, -1, "{engine:?}");
                    dropped += 1;
                }
                assert_eq!(ring.dropped(), dropped, "{engine:?}");
            }
            let records: Vec<_> = receiver.try_iter().collect();
            assert_eq!(records, wanted, "{engine:?} in round {round}");
        }
        assert_eq!(ring.sent(), 4 * u64::from(ring.capacity()));
    }
}

#[test]
fn records_of_every_size_and_alignment_arrive_whole() {
    let memory: Vec<u8> = (1..=MEMORY as u8).collect();
    let sizes = (1..=17).chain([31, 32, 33, 64, 65, 127, 128, 129, 136]);
    for (size, at) in sizes.zip([0, 1, 2, 4, 8, 3].into_iter().cycle()) {
        let text = format!("mov r2, r1\nadd r2, {at}\n{}exit", send(size));
        let sent = &memory[at..at + size as usize];
        for record_size in [size, size.max(128), 136] {
            for engine in ENGINES {
                let out = channel("out", MapKind::RingBuf, record_size, 4);
                let context = ContextDef::memory(MEMORY as u64);
                let hook = compile(engine, &text, context, &[Arc::clone(&out)]);
                let receiver = output(&out).ring().primary().unwrap();
                let (answer, _, _) = call(&hook, &memory, &[]);
                assert_eq!(answer, 0, "{engine:?}: {size} at {at}");
                let records: Vec<_> = receiver.try_iter().collect();
                assert_eq!(
                    records,
                    [filled(sent, record_size)],
                    "{engine:?}: {size} of {record_size} at {at}"
                );
            }
        }
    }
}

/// Stores of the zeros behind a short record, one by one, would be hundreds of thousands of
/// instructions for each send.
#[test]
#[cfg(target_arch = "x86_64")]
fn sending_takes_no_more_code_where_records_are_long() {
    let text = format!("stdw [r10-8], 7\nmov r2, r10\nadd r2, -8\n{}exit", send(8));
    let lines = |record_size| {
        let out = channel("out", MapKind::RingBuf, record_size, 1);
        let codelet = bind_to("send", assemble(&text), ContextDef::generic(), &[out]);
        let listing = list_dispatch(HookKind::Control, &[codelet], None).unwrap();
        listing.to_string().lines().count()
    };
    let short = lines(8);
    for long in [128, 129, 4096, 1 << 20] {
        assert!(
            lines(long) < 2 * short,
            "{} for {long}, {short}",
            lines(long)
        );
    }
}

/// The caller of a hook has the stack that the application gave it. A codelet must not take a copy
/// on that stack for each of its helper calls.
#[test]
#[cfg(target_arch = "x86_64")]
fn many_sends_take_no_more_stack_than_one() {
    let stack_of = |sends: usize| {
        let mut text: String = (1..=16)
            .map(|word| format!("stdw [r10-{}], {word}\n", 8 * word))
            .collect();
        for _ in 0..sends {
            text.push_str("mov r2, r10\nadd r2, -128\n");
            text.push_str(&send(128));
        }
        text.push_str("exit");
        let out = channel("out", MapKind::RingBuf, 128, 1);
        let codelet = bind_to("send", assemble(&text), ContextDef::generic(), &[out]);
        let listing = list_dispatch(HookKind::Control, &[codelet], None).unwrap();
        let slots = listing
            .functions
            .iter()
            .flat_map(|function| function.ir.lines());
        let sizes = slots.filter_map(|line| {
            let (_, slot) = line.split_once("explicit_slot ")?;
            slot.split(',').next()?.parse::<u32>().ok()
        });
        sizes.sum::<u32>()
    };
    let one = stack_of(1);
    assert!(one >= 128, "the helper is handed a copy: {one}");
    assert_eq!(stack_of(16), one);
}

#[test]
fn a_record_longer_than_the_channels_is_refused_and_counted() {
    for engine in ENGINES {
        let out = channel("out", MapKind::RingBuf, 8, 4);
        let text = format!("mov r2, r1\n{}exit", send(9));
        let context = ContextDef::memory(MEMORY as u64);
        let hook = compile(engine, &text, context, &[Arc::clone(&out)]);
        let answer = call(&hook, &[0; MEMORY], &[]).0.cast_signed();
        let ring = output(&out).ring();
        assert_eq!((answer, ring.sent(), ring.dropped()), (-1, 0, 1));
    }
}

#[test]
fn records_come_from_map_values_and_from_what_is_only_partly_known() {
    // The map's value: a counter, and behind it the second half of the record on the stack.
    let text = format!(
        "mov r6, r1
        stw [r10-4], 1
        mov r2, r10
        add r2, -4
        lddw r1, map 1
        call 1
        jne r0, 0, +1
        exit
        mov r7, r0
        ldxdw r1, [r7]
        add r1, 1
        stxdw [r7], r1
        mov r2, r7
        {by_value}
        ; On the stack: one half stored by bytes and halves of words, the other on two paths.
        ldxw r3, [r6+24]
        stxb [r10-32], r3
        stb [r10-31], 5
        sth [r10-30], 0x0706
        stw [r10-28], 0x0b0a0908
        stdw [r10-24], 1
        jeq r3, 0, +1
        stdw [r10-24], 2
        mov r2, r10
        add r2, -32
        {by_parts}
        stw [r10-28], 9
        mov r2, r10
        add r2, -32
        {by_parts}
        mov r0, 0
        exit",
        by_value = send(16),
        by_parts = send(16),
    );
    for engine in ENGINES {
        let out = channel("out", MapKind::RingBuf, 16, 64);
        let values = channel("values", MapKind::Array, 16, 2);
        let maps = [Arc::clone(&out), values];
        let hook = compile(engine, &text, ContextDef::generic(), &maps);
        let receiver = output(&out).ring().primary().unwrap();
        for (call_number, chosen) in [(1_u8, 0), (2, 3)] {
            let mut fields = [0; 16];
            fields[8] = chosen;
            assert_eq!(call(&hook, &[], &fields).0, 0);
            let records: Vec<_> = receiver.try_iter().collect();
            let path = if chosen == 0 { 1 } else { 2 };
            let mut one = filled(&[chosen, 5, 6, 7, 8, 9, 10, 11, path], 16);
            assert_eq!(records[0], filled(&[call_number], 16), "{engine:?}");
            assert_eq!(records[1], one, "{engine:?}");
            one[4..8].copy_from_slice(&[9, 0, 0, 0]);
            assert_eq!(records[2], one, "{engine:?}");
            assert_eq!(records.len(), 3);
        }
    }
}

#[test]
fn a_loop_sends_each_turns_record() {
    let text = format!(
        "mov r6, 0
        stxdw [r10-8], r6
        mov r2, r10
        add r2, -8
        {}
        add r6, 1
        jlt r6, 20, -9
        mov r0, 0
        exit",
        send(8)
    );
    for engine in ENGINES {
        let out = channel("out", MapKind::RingBuf, 8, 16);
        let hook = compile(engine, &text, ContextDef::generic(), &[Arc::clone(&out)]);
        let ring = output(&out).ring();
        let receiver = ring.primary().unwrap();
        call(&hook, &[], &[]);
        let records: Vec<_> = receiver.try_iter().collect();
        let wanted: Vec<Vec<u8>> = (0..16_u64).map(|n| n.to_ne_bytes().to_vec()).collect();
        assert_eq!(records, wanted, "{engine:?}");
        assert_eq!(ring.dropped(), 4, "{engine:?}");
    }
}

#[test]
fn a_reader_that_sleeps_is_woken_by_either_kind_of_send() {
    let copied = format!("mov r2, r1\n{}exit", send(8));
    let reserved = "
        lddw r1, map 0
        call 17
        jne r0, 0, +2
        mov r0, 1
        exit
        stdw [r0], 77
        lddw r1, map 0
        call 18
        exit";
    for engine in ENGINES {
        for (kind, text) in [
            (MapKind::RingBuf, copied.as_str()),
            (MapKind::Output, reserved),
        ] {
            let out = channel("out", kind, 8, 64);
            let context = ContextDef::memory(MEMORY as u64);
            let hook = compile(engine, text, context, &[Arc::clone(&out)]);
            let receiver = output(&out).ring().primary().unwrap();
            // Each record is an answer to the last one's arrival, so that the reader sleeps before
            // most.
            let (arrived, answer) = std::sync::mpsc::channel();
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    let mut record = [0; 8];
                    for _ in 0..50 {
                        let limit = Some(Duration::from_secs(20));
                        let number = receiver.recv(&mut record, limit).expect("woken");
                        arrived.send(number).unwrap();
                    }
                });
                for number in 0..50 {
                    assert_eq!(call(&hook, &[77; MEMORY], &[]).0, 0);
                    let limit = Duration::from_secs(20);
                    assert_eq!(answer.recv_timeout(limit), Ok(number), "{engine:?}");
                }
            });
        }
    }
}

/// The source of a generated send's record.
#[derive(Debug, Clone, Copy)]
enum From {
    /// The memory.
    Memory(u32),
    /// The stack, just stored: words of the memory and a constant.
    Stored(u32, i32),
    /// The stack, stored with the last one of these.
    Kept,
}

fn program_of_sends(sends: &[(From, u32)]) -> String {
    let mut text = "mov r6, r1\nmov r8, 0\n".to_owned();
    for word in 0..5 {
        text.push_str(&format!("stdw [r10-{}], 0\n", 8 * (word + 1)));
    }
    for &(from, size) in sends {
        match from {
            From::Memory(at) => text.push_str(&format!("mov r2, r6\nadd r2, {at}\n")),
            From::Stored(at, number) => text.push_str(&format!(
                "ldxdw r3, [r6+{at}]
                stxdw [r10-40], r3
                stw [r10-32], {number}
                ldxw r3, [r6+{at}]
                stxw [r10-28], r3
                stxb [r10-24], r3
                mov r2, r10
                add r2, -40\n"
            )),
            From::Kept => text.push_str("mov r2, r10\nadd r2, -40\n"),
        }
        text.push_str(&send(size));
        text.push_str("mul r8, 3\nadd r8, r0\n");
    }
    text.push_str("mov r0, r8\nexit");
    text
}

fn from() -> impl Strategy<Value = From> {
    let place = (0..10_u32).prop_map(|word| 8 * word);
    prop_oneof![
        (0..100_u32).prop_map(From::Memory),
        (place, any::<i32>()).prop_map(|(at, number)| From::Stored(at, number)),
        Just(From::Kept),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn generated_sends_agree(
        sends in prop::collection::vec((from(), 1..=40_u32), 1..8),
        record_size in 1..=48_u32,
        memory in prop::collection::vec(any::<u8>(), MEMORY),
    ) {
        let text = program_of_sends(&sends);
        let runs = ENGINES.map(|engine| {
            let out = channel("out", MapKind::RingBuf, record_size, 4);
            let context = ContextDef::memory(MEMORY as u64);
            let hook = compile(engine, &text, context, &[Arc::clone(&out)]);
            let ring = output(&out).ring();
            let receiver = ring.primary().unwrap();
            // The reader comes after every second call, so that full rings are met as well.
            let answers: Vec<_> = (0..6)
                .map(|turn| {
                    let (answer, _, _) = call(&hook, &memory, &[]);
                    let read = (turn % 2 == 1).then(|| receiver.try_iter().collect::<Vec<_>>());
                    (answer, read)
                })
                .collect();
            (answers, ring.sent(), ring.dropped())
        });
        prop_assert_eq!(&runs[0], &runs[1]);
    }
}
