//! Channels as codelets use them, on both engines: the native one sees an empty input, reserves
//! output buffers and sends records without a call, and must act as the helpers do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unsafe_code,
    missing_docs
)]

mod sending;
#[path = "../support/mod.rs"]
mod support;
mod threads;

use std::sync::Arc;

use jbpf_core::engine::Engine;
use jbpf_core::map::{Map, MapOptions, OutputMap, Storage};
use jbpf_hooks::hook::HookKind;
use jbpf_verifier::types::{ContextDef, MapKind};
use support::*;

const ENGINES: [Engine; 2] = [Engine::Native, Engine::Interpreter];

fn channel(name: &str, kind: MapKind, value_size: u32, max_entries: u32) -> Arc<Map> {
    let def = map(name, kind, value_size, max_entries);
    Arc::new(Map::new(&def, &MapOptions::default()).unwrap())
}

fn output(map: &Map) -> &OutputMap {
    match map.storage() {
        Storage::Output(output) | Storage::RingBuf(output) => output,
        other => panic!("{other:?}"),
    }
}

#[test]
fn control_records_reach_one_call_each() {
    // Polls three times; r0 gathers each answer and the first word of each record.
    let mut text = "mov r6, 0\n".to_owned();
    for _ in 0..3 {
        text.push_str(
            "stdw [r10-16], 0
            stdw [r10-8], 0
            mov r2, r10
            add r2, -16
            lddw r1, map 0
            mov r3, 16
            call 16
            mul r6, 1000
            add r6, r0
            ldxdw r1, [r10-16]
            and r1, 0xff
            mul r1, 10
            add r6, r1
            ",
        );
    }
    text.push_str("mov r0, r6\nexit");
    for engine in ENGINES {
        let acks = channel("acks", MapKind::ControlInput, 16, 8);
        let Storage::ControlInput(input) = acks.storage() else {
            panic!("{acks:?}");
        };
        let maps = [Arc::clone(&acks)];
        let codelet = bind_to("poll", assemble(&text), ContextDef::generic(), &maps);
        let hook = engine.compile(HookKind::Control, &[codelet], None).unwrap();
        let poll = || call(&hook, &[], &[]).0;
        assert_eq!(poll(), 0, "{engine:?}");
        for record in [7_u8, 8, 9, 10] {
            input.ring().send_bytes(&[record; 16]).unwrap();
        }
        assert_eq!(poll(), 71_081_091, "{engine:?}");
        assert_eq!(poll(), 101_000_000, "{engine:?}");
        assert_eq!(poll(), 0, "{engine:?}");
        assert_eq!(input.ring().received(), 4);
    }
}

#[test]
fn a_buffer_too_small_for_a_record_is_refused_and_the_record_stays() {
    let text = "stdw [r10-8], 0\nmov r2, r10\nadd r2, -8\nlddw r1, map 0\nmov r3, 8\ncall 16\nexit";
    for engine in ENGINES {
        let acks = channel("acks", MapKind::ControlInput, 16, 8);
        let maps = [Arc::clone(&acks)];
        let codelet = bind_to("small", assemble(text), ContextDef::generic(), &maps);
        let hook = engine.compile(HookKind::Control, &[codelet], None).unwrap();
        let Storage::ControlInput(input) = acks.storage() else {
            panic!("{acks:?}");
        };
        input.ring().send_bytes(&[1; 16]).unwrap();
        assert_eq!(call(&hook, &[], &[]).0.cast_signed(), -1, "{engine:?}");
        assert_eq!(input.ring().received(), 0);
    }
}

/// Sends a record with ctx_id as its first word; r0: 0 sent, 1 no buffer, negative not sent.
const SEND: &str = "
    mov r6, r1
    lddw r1, map 0
    call 17
    jne r0, 0, +2
    mov r0, 1
    exit
    ldxw r2, [r6+24]
    stxdw [r0], r2
    stdw [r0+8], 77
    lddw r1, map 0
    call 18
    exit";

#[test]
fn reserved_records_arrive_in_order_and_what_finds_no_room_is_counted() {
    for engine in ENGINES {
        let out = channel("out", MapKind::Output, 16, 8);
        let maps = [Arc::clone(&out)];
        let codelet = bind_to("send", assemble(SEND), ContextDef::generic(), &maps);
        let hook = engine.compile(HookKind::Control, &[codelet], None).unwrap();
        let ring = output(&out).ring();
        let receiver = ring.primary().unwrap();
        let send = |number: u32| {
            let mut fields = [0; 16];
            fields[8..12].copy_from_slice(&number.to_ne_bytes());
            call(&hook, &[], &fields).0
        };
        let mut sent = 0_u32;
        let mut received = 0_u64;
        for round in 0..5 {
            let mut dropped = 0;
            for _ in 0..20 {
                match send(sent) {
                    0 => sent += 1,
                    1 => dropped += 1,
                    other => panic!("{engine:?}: {other:#x}"),
                }
            }
            assert_eq!(dropped, 20 - ring.capacity(), "{engine:?} in round {round}");
            for record in receiver.try_iter() {
                let word = |at: usize| u64::from_ne_bytes(record[at..at + 8].try_into().unwrap());
                assert_eq!((word(0), word(8)), (received, 77), "{engine:?}");
                received += 1;
            }
            assert_eq!(received, u64::from(sent));
        }
        assert_eq!(ring.dropped(), 5 * (20 - u64::from(ring.capacity())));
    }
}

#[test]
fn a_reserved_record_stays_with_the_thread_whose_codelet_left() {
    // Reserves, adds ctx_id to the record's first word (1 begins a new one), leaves if ctx_id is
    // odd, and else sends.
    let text = "
        mov r6, r1
        lddw r1, map 0
        call 17
        jne r0, 0, +2
        mov r0, 1
        exit
        ldxw r2, [r6+24]
        ldxdw r3, [r0]
        jne r2, 1, +1
        mov r3, 0
        add r3, r2
        stxdw [r0], r3
        and r2, 1
        jeq r2, 0, +2
        mov r1, 5
        call 31
        lddw r1, map 0
        call 18
        exit";
    for engine in ENGINES {
        let out = channel("out", MapKind::Output, 16, 8);
        let maps = [Arc::clone(&out)];
        let codelet = bind_to("leaver", assemble(text), ContextDef::generic(), &maps);
        let hook = engine
            .compile(HookKind::Control, &[Arc::clone(&codelet)], None)
            .unwrap();
        let ring = output(&out).ring();
        let receiver = ring.primary().unwrap();
        let send = |number: u32| {
            let mut fields = [0; 16];
            fields[8..12].copy_from_slice(&number.to_ne_bytes());
            call(&hook, &[], &fields).0
        };
        // More often than the ring has room.
        for round in 1..=20 {
            for number in [1, 3, 5, 7] {
                send(number);
            }
            assert_eq!(
                receiver.try_iter().count(),
                0,
                "{engine:?} sent what was left"
            );
            assert_eq!(send(100), 0);
            let sums: Vec<u64> = receiver
                .try_iter()
                .map(|record| u64::from_ne_bytes(record[..8].try_into().unwrap()))
                .collect();
            assert_eq!(sums, [116], "{engine:?} in round {round}");
            assert_eq!(codelet.aborts().total(), round * 4);
        }
        assert_eq!((ring.sent(), ring.dropped()), (20, 0));
    }
}

#[test]
fn a_reservation_lasts_across_calls() {
    // Adds ctx_id to the record's first word, and sends it when ctx_id is 0.
    let text = "
        mov r6, r1
        lddw r1, map 0
        call 17
        jeq r0, 0, +8
        ldxw r2, [r6+24]
        jeq r2, 0, +3
        stxdw [r0], r2
        stdw [r0+8], 0
        ja +3
        lddw r1, map 0
        call 18
        mov r0, 0
        exit";
    for engine in ENGINES {
        let out = channel("out", MapKind::Output, 16, 4);
        let maps = [Arc::clone(&out)];
        let codelet = bind_to("keep", assemble(text), ContextDef::generic(), &maps);
        let hook = engine.compile(HookKind::Control, &[codelet], None).unwrap();
        let receiver = output(&out).ring().primary().unwrap();
        for number in [5_u8, 6, 7, 0] {
            let mut fields = [0; 16];
            fields[8] = number;
            call(&hook, &[], &fields);
        }
        let records: Vec<Vec<u8>> = receiver.try_iter().collect();
        assert_eq!(records.len(), 1, "{engine:?}");
        assert_eq!(records[0][..8], 7_u64.to_ne_bytes(), "{engine:?}");
    }
}
