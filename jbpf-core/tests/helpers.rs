//! Every row of the table of helpers, called at the address and in the way that machine code calls
//! them.
#![allow(
    unsafe_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::multiple_unsafe_ops_per_block
)]

use std::sync::Arc;
use std::time::Instant;

use jbpf_core::builtins::{self, BindError, HelperBindings};
use jbpf_core::declared as declared_as;
use jbpf_core::engine::CodeletEnvironment;
use jbpf_core::map::{Map, MapOptions, Storage};
use jbpf_hooks::helper::{HelperArgument, HelperDeclaration, HelperInfo, HelperReturn};
use jbpf_hooks::layout::Scalar;
use jbpf_hooks::reclaim::{self, ThreadRecord};
use jbpf_verifier::types::{HelperProto, HelperTable, MapDef, MapKind, ReturnKind, Work};

const LOOKUP: u32 = 1;
const LOOKUP_RESET: u32 = 2;
const UPDATE: u32 = 3;
const DELETE: u32 = 4;
const CLEAR: u32 = 5;
const DUMP: u32 = 6;

const SUCCESS: u64 = 0;
const ERROR: u64 = -1_i64 as u64;
const UNSUPPORTED: u64 = -2_i64 as u64;
const FULL: u64 = -4_i64 as u64;

fn def(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> MapDef {
    MapDef {
        name: "map".to_owned(),
        kind,
        key_size,
        value_size,
        max_entries,
        parameters: Default::default(),
        section: None,
    }
}

fn map(kind: MapKind, key_size: u32, value_size: u32, max_entries: u32) -> Map {
    Map::new(
        &def(kind, key_size, value_size, max_entries),
        &MapOptions::default(),
    )
    .unwrap()
}

fn built_in() -> HelperBindings {
    builtins::bindings(Arc::new(HelperTable::builtin()), []).unwrap()
}

/// The codelet that calls.
struct Codelet {
    bindings: HelperBindings,
    environment: CodeletEnvironment,
}

impl Codelet {
    fn new() -> Self {
        Self {
            bindings: built_in(),
            environment: CodeletEnvironment {
                name: "caller".to_owned(),
                runtime_threshold_ns: 0,
            },
        }
    }

    /// Calls a helper with the registers that it takes, as the engine does.
    fn call(&self, id: u32, registers: &[u64]) -> u64 {
        reclaim::with_record(|thread| self.call_on(thread, id, registers)).unwrap()
    }

    fn call_on(&self, thread: &ThreadRecord, id: u32, registers: &[u64]) -> u64 {
        let target = self.bindings.get(id).unwrap();
        assert!(registers.len() >= usize::from(target.args));
        let mut arguments = registers[..usize::from(target.args)].to_vec();
        if target.needs_thread {
            arguments.push(std::ptr::from_ref(thread) as u64);
        }
        if target.needs_codelet {
            arguments.push(std::ptr::from_ref(&self.environment) as u64);
        }
        // SAFETY: the target says how many arguments of 64 bits the function at its address takes,
        // and the tests pass arguments that a verified program could pass.
        unsafe {
            let address = target.address as *const ();
            match *arguments.as_slice() {
                [] => std::mem::transmute::<*const (), extern "C" fn() -> u64>(address)(),
                [a] => std::mem::transmute::<*const (), extern "C" fn(u64) -> u64>(address)(a),
                [a, b] => {
                    std::mem::transmute::<*const (), extern "C" fn(u64, u64) -> u64>(address)(a, b)
                }
                [a, b, c] => std::mem::transmute::<*const (), extern "C" fn(u64, u64, u64) -> u64>(
                    address,
                )(a, b, c),
                [a, b, c, d] => std::mem::transmute::<
                    *const (),
                    extern "C" fn(u64, u64, u64, u64) -> u64,
                >(address)(a, b, c, d),
                [a, b, c, d, e] => std::mem::transmute::<
                    *const (),
                    extern "C" fn(u64, u64, u64, u64, u64) -> u64,
                >(address)(a, b, c, d, e),
                [a, b, c, d, e, f] => std::mem::transmute::<
                    *const (),
                    extern "C" fn(u64, u64, u64, u64, u64, u64) -> u64,
                >(address)(a, b, c, d, e, f),
                _ => panic!("{} arguments", arguments.len()),
            }
        }
    }

    fn update(&self, map: &Map, key: u32, value: u64) -> u64 {
        let (mut key, mut value) = (key, value);
        self.call(
            UPDATE,
            &[address(map), mutable(&mut key), mutable(&mut value), 0],
        )
    }

    fn lookup_with(&self, id: u32, map: &Map, key: u32) -> Option<u64> {
        let mut key = key;
        let value = self.call(id, &[address(map), mutable(&mut key)]) as *const u64;
        // SAFETY: the address of a value of eight bytes, or null; no other thread writes it.
        (!value.is_null()).then(|| unsafe { value.read() })
    }

    fn lookup(&self, map: &Map, key: u32) -> Option<u64> {
        self.lookup_with(LOOKUP, map, key)
    }

    fn delete(&self, map: &Map, key: u32) -> u64 {
        let mut key = key;
        self.call(DELETE, &[address(map), mutable(&mut key)])
    }

    /// The result of `map_dump` and the elements that it writes, of a `u32` key and a `u64` value.
    fn dump(&self, map: &Map, size: usize) -> (u64, Vec<(u32, u64)>) {
        let mut buffer = vec![0_u8; size];
        let returned = self.call(
            DUMP,
            &[address(map), buffer.as_mut_ptr() as u64, size as u64, 0],
        );
        let mut elements: Vec<_> = buffer
            .chunks_exact(12)
            .take(usize::try_from(returned).unwrap_or(0))
            .map(|element| {
                let (key, value) = element.split_at(4);
                (
                    u32::from_ne_bytes(key.try_into().unwrap()),
                    u64::from_ne_bytes(value.try_into().unwrap()),
                )
            })
            .collect();
        elements.sort_unstable();
        (returned, elements)
    }
}

fn address(map: &Map) -> u64 {
    std::ptr::from_ref(map) as u64
}

fn mutable<T>(value: &mut T) -> u64 {
    std::ptr::from_mut(value) as u64
}

#[test]
fn all_nineteen_are_bound_and_nothing_else() {
    let bindings = built_in();
    let ids: Vec<u32> = (0..64).filter(|id| bindings.get(*id).is_some()).collect();
    assert_eq!(ids, (1..=18).chain([31]).collect::<Vec<_>>());
    for proto in HelperTable::builtin().iter() {
        let target = bindings.get(proto.id).unwrap();
        assert!(
            usize::from(target.args) <= proto.args.len(),
            "{}",
            proto.name
        );
    }
}

#[test]
fn a_helper_without_a_function_is_named() {
    let mut table = HelperTable::builtin();
    table
        .insert(HelperProto {
            id: 40,
            name: "set_priority".to_owned(),
            args: Vec::new(),
            returns: ReturnKind::AnyNumber,
            work: Vec::new(),
        })
        .unwrap();
    let error = builtins::bindings(Arc::new(table), []).unwrap_err();
    assert_eq!(
        error,
        BindError::Missing {
            id: 40,
            name: "set_priority".to_owned()
        }
    );
    assert!(error.to_string().contains("set_priority"));
}

extern "C" fn fixed_clock(_: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
    4242
}

fn declared(id: u32, arguments: &'static [HelperArgument]) -> HelperInfo {
    let declaration = HelperDeclaration {
        id,
        name: "fixed_clock",
        argument_names: &[],
        arguments,
        returns: HelperReturn::U64,
        file: file!(),
        line: line!(),
        docs: "",
    };
    // SAFETY: the function looks at no register, and any number is a u64.
    unsafe { HelperInfo::new(declaration, fixed_clock) }
}

#[test]
fn a_table_that_says_something_else_of_a_declared_helper_is_bound_to_nothing() {
    let own = declared(40, &[HelperArgument::Number(Scalar::U64)]);
    let proto = declared_as::prototype(&own);
    let bound = |proto| builtins::bindings(Arc::new(HelperTable::new([proto]).unwrap()), [&own]);
    bound(proto.clone()).unwrap();
    let fewer = HelperProto {
        args: Vec::new(),
        ..proto.clone()
    };
    let narrower = HelperProto {
        returns: ReturnKind::Number { min: 0, max: 1 },
        ..proto.clone()
    };
    let other_work = HelperProto {
        work: vec![Work::Bytes(8)],
        ..proto
    };
    for changed in [fewer, narrower, other_work] {
        assert!(matches!(
            bound(changed),
            Err(BindError::Prototype { id: 40, .. })
        ));
    }
    // A helper that replaces a built-in one is checked against the table as well.
    let clock = declared(7, &[HelperArgument::Number(Scalar::U64)]);
    let replaced = builtins::bindings(Arc::new(HelperTable::builtin()), [&clock]);
    assert!(matches!(replaced, Err(BindError::Prototype { id: 7, .. })));
}

#[test]
fn declared_helpers_are_bound_and_replace_built_in_ones() {
    let (clock, own) = (declared(7, &[]), declared(40, &[]));
    let mut table = HelperTable::builtin();
    table
        .insert(HelperProto {
            id: 40,
            name: "own".to_owned(),
            args: Vec::new(),
            returns: ReturnKind::AnyNumber,
            work: Vec::new(),
        })
        .unwrap();
    let codelet = Codelet {
        bindings: builtins::bindings(Arc::new(table), [&clock, &own]).unwrap(),
        ..Codelet::new()
    };
    assert_eq!(codelet.call(7, &[0; 5]), 4242);
    assert_eq!(codelet.call(40, &[0; 5]), 4242);
    assert_ne!(codelet.call(8, &[1]), 4242);
}

#[test]
fn arrays_hold_a_value_an_index_and_no_more() {
    let codelet = Codelet::new();
    for kind in [MapKind::Array, MapKind::PerThreadArray] {
        let map = map(kind, 4, 8, 3);
        assert_eq!(codelet.lookup(&map, 2), Some(0), "{kind:?} starts as zeros");
        assert_eq!(codelet.lookup(&map, 3), None);
        assert_eq!(codelet.lookup(&map, u32::MAX), None);
        assert_eq!(codelet.update(&map, 2, 7), SUCCESS);
        assert_eq!(codelet.update(&map, 3, 7), ERROR);
        assert_eq!(codelet.lookup(&map, 2), Some(7));
        assert_eq!(codelet.lookup(&map, 1), Some(0));
        assert_eq!(codelet.lookup_with(LOOKUP_RESET, &map, 2), Some(0));
        assert_eq!(codelet.lookup(&map, 2), Some(0));
        assert_eq!(codelet.lookup_with(LOOKUP_RESET, &map, 3), None);
        assert_eq!(codelet.delete(&map, 2), UNSUPPORTED);
        assert_eq!(codelet.dump(&map, 100).0, UNSUPPORTED);
        for index in 0..3 {
            assert_eq!(codelet.update(&map, index, 9), SUCCESS);
        }
        assert_eq!(codelet.call(CLEAR, &[address(&map)]), SUCCESS);
        assert!((0..3).all(|index| codelet.lookup(&map, index) == Some(0)));
    }
}

#[test]
fn the_first_four_bytes_of_a_longer_key_are_the_index() {
    let codelet = Codelet::new();
    let map = map(MapKind::Array, 8, 8, 3);
    let mut key = 0xffff_ffff_0000_0001_u64;
    let mut value = 5_u64;
    let arguments = [address(&map), mutable(&mut key), mutable(&mut value), 0];
    assert_eq!(codelet.call(UPDATE, &arguments), SUCCESS);
    assert_eq!(codelet.lookup(&map, 1), Some(5));
}

#[test]
fn values_lie_eight_bytes_apart_whatever_their_size() {
    let codelet = Codelet::new();
    let map = map(MapKind::Array, 4, 5, 2);
    let (mut first, mut second) = (0_u32, 1_u32);
    let at = |key| codelet.call(LOOKUP, &[address(&map), key]);
    let (first, second) = (at(mutable(&mut first)), at(mutable(&mut second)));
    assert_eq!(first % 8, 0);
    assert_eq!(second - first, 8);
}

#[test]
fn hash_maps_hold_keys_until_they_are_full() {
    let codelet = Codelet::new();
    for kind in [MapKind::Hash, MapKind::PerThreadHash] {
        let map = map(kind, 4, 8, 3);
        assert_eq!(codelet.lookup(&map, 1), None, "{kind:?} starts empty");
        assert_eq!(codelet.delete(&map, 1), ERROR);
        for key in [10, 20, 30] {
            assert_eq!(codelet.update(&map, key, u64::from(key) * 2), SUCCESS);
        }
        assert_eq!(codelet.update(&map, 40, 80), FULL);
        assert_eq!(codelet.update(&map, 30, 61), SUCCESS, "not a new key");
        assert_eq!(codelet.lookup(&map, 30), Some(61));
        assert_eq!(codelet.lookup(&map, 40), None);
        assert_eq!(
            codelet.dump(&map, 36),
            (3, vec![(10, 20), (20, 40), (30, 61)])
        );
        assert_eq!(codelet.dump(&map, 35).0, 0, "not all of them fit");
        assert_eq!(codelet.lookup_with(LOOKUP_RESET, &map, 20), Some(0));
        assert_eq!(codelet.lookup_with(LOOKUP_RESET, &map, 21), None);
        assert_eq!(codelet.lookup(&map, 20), Some(0));
        assert_eq!(codelet.delete(&map, 20), SUCCESS);
        assert_eq!(codelet.delete(&map, 20), ERROR);
        assert_eq!(codelet.update(&map, 40, 80), SUCCESS, "there is room again");
        assert_eq!(codelet.call(CLEAR, &[address(&map)]), SUCCESS);
        assert_eq!(codelet.dump(&map, 36).0, 0);
        assert_eq!(codelet.lookup(&map, 10), None);
        for key in 0..3 {
            assert_eq!(codelet.update(&map, key, 1), SUCCESS);
        }
    }
}

#[test]
fn threads_do_not_see_each_others_copies() {
    let codelet = Codelet::new();
    for kind in [MapKind::PerThreadArray, MapKind::PerThreadHash] {
        let map = map(kind, 4, 8, 4);
        assert_eq!(codelet.update(&map, 1, 100), SUCCESS);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert_ne!(codelet.lookup(&map, 1), Some(100), "{kind:?}");
                assert_eq!(codelet.update(&map, 1, 5), SUCCESS);
                assert_eq!(codelet.lookup(&map, 1), Some(5));
                assert_eq!(codelet.call(CLEAR, &[address(&map)]), SUCCESS);
            });
        });
        assert_eq!(codelet.lookup(&map, 1), Some(100));
    }
}

#[test]
fn clocks_run_forward_and_differences_are_in_ns() {
    let codelet = Codelet::new();
    let wall = codelet.call(7, &[]);
    assert!(wall > 1_600_000_000_000_000_000, "after 2020, in ns");
    let outside = Instant::now();
    let start = codelet.call(8, &[1]);
    let inside = Instant::now();
    while inside.elapsed().as_micros() < 2000 {
        std::hint::spin_loop();
    }
    let at_least = u64::try_from(inside.elapsed().as_nanos()).unwrap();
    let end = codelet.call(8, &[0]);
    let at_most = u64::try_from(outside.elapsed().as_nanos()).unwrap();
    let measured = codelet.call(9, &[start, end]);
    let slack = at_most / 100;
    assert!(
        (at_least - slack..=at_most + slack).contains(&measured),
        "{at_least} <= {measured} <= {at_most}"
    );
    assert_eq!(
        codelet.call(9, &[end, start]),
        0,
        "the end is before the start"
    );
    assert_eq!(codelet.call(9, &[start, start]), 0);
    assert!(codelet.call(7, &[]) >= wall);
}

#[test]
fn hash_is_lookup3() {
    let codelet = Codelet::new();
    let mut text = *b"Four score and seven years ago";
    let address = text.as_mut_ptr() as u64;
    assert_eq!(codelet.call(10, &[address, 30]), 0x1777_0551);
    assert_eq!(codelet.call(10, &[address, 0]), 0xdead_beef);
}

#[test]
fn the_runtime_limit_is_the_codelets_own() {
    let mut codelet = Codelet::new();
    reclaim::with_record(|thread| {
        assert_eq!(codelet.call_on(thread, 13, &[]), 0);
        assert_eq!(codelet.call_on(thread, 14, &[]), 0, "no threshold");
        codelet.environment.runtime_threshold_ns = u64::MAX;
        assert_eq!(codelet.call_on(thread, 14, &[]), 0, "a threshold far away");
        codelet.environment.runtime_threshold_ns = 1;
        let start = codelet.call_on(thread, 8, &[0]);
        while codelet.call_on(thread, 9, &[start, codelet.call_on(thread, 8, &[0])]) < 1000 {}
        assert_eq!(codelet.call_on(thread, 14, &[]), 1);
        codelet.environment.runtime_threshold_ns = 60_000_000_000;
        assert_eq!(codelet.call_on(thread, 13, &[]), 0, "starts anew");
        assert_eq!(codelet.call_on(thread, 14, &[]), 0);
    })
    .unwrap();
}

#[test]
fn a_clock_never_started_exceeds_nothing() {
    // A new thread may get a record that another test used. A new record has zero.
    let mut codelet = Codelet::new();
    codelet.environment.runtime_threshold_ns = 1;
    reclaim::with_record(|thread| {
        let start = &thread.scratch()[0];
        start.store(0, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(codelet.call_on(thread, 14, &[]), 0);
    })
    .unwrap();
}

#[test]
fn random_numbers_have_31_bits_and_differ() {
    let codelet = Codelet::new();
    let numbers: Vec<u64> = (0..100).map(|_| codelet.call(15, &[])).collect();
    assert!(numbers.iter().all(|number| *number < 1 << 31));
    let distinct: std::collections::HashSet<_> = numbers.iter().collect();
    assert!(distinct.len() > 95);
}

#[test]
fn ringbuf_output_copies_and_fills_up_with_zeros() {
    let codelet = Codelet::new();
    let map = map(MapKind::RingBuf, 0, 8, 2);
    let Storage::RingBuf(output) = map.storage() else {
        panic!("{map:?}");
    };
    let reader = output.ring().primary().unwrap();
    let mut record = [0x11_u8; 9];
    let mut send = |size: u64| codelet.call(12, &[address(&map), mutable(&mut record), size]);
    assert_eq!(send(8), SUCCESS);
    assert_eq!(send(9), ERROR, "longer than a record");
    assert_eq!(send(3), SUCCESS);
    assert_eq!(send(8), ERROR, "full");
    assert_eq!(reader.try_recv_bytes().unwrap(), [0x11; 8]);
    assert_eq!(
        reader.try_recv_bytes().unwrap(),
        [0x11, 0x11, 0x11, 0, 0, 0, 0, 0]
    );
    assert_eq!(reader.try_recv_bytes(), None);
    assert_eq!(send(0), SUCCESS, "there is room again");
    assert_eq!(reader.try_recv_bytes().unwrap(), [0; 8]);
}

#[test]
fn control_input_gives_each_record_once() {
    let codelet = Codelet::new();
    let map = map(MapKind::ControlInput, 0, 4, 4);
    let Storage::ControlInput(input) = map.storage() else {
        panic!("{map:?}");
    };
    let sender = input.ring().sender();
    let mut buffer = [0xee_u8; 6];
    let mut receive = |size: u64| {
        let returned = codelet.call(16, &[address(&map), mutable(&mut buffer), size]);
        (returned, buffer)
    };
    assert_eq!(receive(4), (0, [0xee; 6]), "none, and the buffer unchanged");
    assert_eq!(
        receive(3),
        (ERROR, [0xee; 6]),
        "too small, even when there is none"
    );
    sender.send(&[1, 2, 3, 4]).unwrap();
    sender.send(&[5]).unwrap();
    assert_eq!(receive(3).0, ERROR);
    assert_eq!(
        receive(6),
        (1, [1, 2, 3, 4, 0xee, 0xee]),
        "value_size bytes written"
    );
    assert_eq!(receive(4), (1, [5, 0, 0, 0, 0xee, 0xee]));
    assert_eq!(receive(4).0, 0);
}

#[test]
fn output_buffers_are_a_threads_own_until_they_are_sent() {
    let codelet = Codelet::new();
    let map = map(MapKind::Output, 0, 8, 2);
    let Storage::Output(output) = map.storage() else {
        panic!("{map:?}");
    };
    let reader = output.ring().primary().unwrap();
    let reserve = || codelet.call(17, &[address(&map)]);
    let send = || codelet.call(18, &[address(&map)]);
    assert_eq!(send(), ERROR, "nothing was reserved");
    let buffer = reserve();
    assert_ne!(buffer, 0);
    assert_eq!(reserve(), buffer, "the same until it is sent");
    let slot = reclaim::with_record(ThreadRecord::slot).unwrap();
    let at = usize::try_from(buffer).unwrap();
    assert!(map.contains(at, 8, slot));
    assert!(!map.contains(at, 9, slot));
    assert!(!map.contains(at - 1, 1, slot));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let own = codelet.call(17, &[address(&map)]);
            assert_ne!(own, buffer, "another thread has another buffer");
            assert_eq!(codelet.call(18, &[address(&map)]), SUCCESS);
        });
    });
    reader.try_recv_bytes().unwrap();
    // SAFETY: the buffer is this thread's, and has eight bytes.
    unsafe { (buffer as *mut u64).write(0x0807_0605_0403_0201) };
    assert_eq!(send(), SUCCESS);
    assert!(!map.contains(at, 1, slot), "it is gone");
    assert_eq!(send(), ERROR);
    assert_eq!(
        reader.try_recv_bytes().unwrap(),
        0x0807_0605_0403_0201_u64.to_ne_bytes()
    );
    for _ in 0..2 {
        assert_ne!(reserve(), 0);
        assert_eq!(send(), SUCCESS);
    }
    assert_eq!(reserve(), 0, "full");
    assert_eq!(send(), ERROR);
}

#[test]
fn helpers_of_channels_refuse_other_kinds() {
    let codelet = Codelet::new();
    let array = map(MapKind::Array, 4, 8, 1);
    let mut buffer = 0_u64;
    assert_eq!(
        codelet.call(12, &[address(&array), mutable(&mut buffer), 8]),
        ERROR
    );
    assert_eq!(
        codelet.call(16, &[address(&array), mutable(&mut buffer), 8]),
        ERROR
    );
    assert_eq!(codelet.call(17, &[address(&array)]), 0);
    assert_eq!(codelet.call(18, &[address(&array)]), ERROR);
}
