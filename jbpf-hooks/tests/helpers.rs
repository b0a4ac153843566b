//! A codelet's call of an application's helper: registers in, a Rust call, a register out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]
#![allow(
    unsafe_code,
    reason = "calls the shims as machine code does, and makes a map as the runtime does"
)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Mutex;

use jbpf_hooks::helper::{HelperArgument, HelperReturn, MapHandle, MapOperations};
use jbpf_hooks::layout::{FieldType, Scalar};
use jbpf_hooks::{CodeletBytes, MapError, MapRef, jbpf_data, jbpf_helper, registry};

#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Debug)]
struct Flow {
    source: u32,
    target: u32,
    bytes: u64,
}

type Priority = u16;

/// Puts a flow into another class.
#[jbpf_helper(id = 32)]
fn set_priority(flow: &Flow, priority: Priority) -> u64 {
    u64::from(flow.source) * 1000 + u64::from(priority)
}

#[jbpf_helper(id = 33)]
fn numbers(byte: u8, short: i16, flag: bool, wide: i64, word: i32) -> u64 {
    assert_eq!(wide, -1);
    assert_eq!(word, -2);
    u64::from(byte) + u64::from(short.unsigned_abs()) + u64::from(flag)
}

#[jbpf_helper(id = 34)]
fn swap(first: &mut Flow, second: &mut Flow) {
    std::mem::swap(first, second);
}

#[jbpf_helper(id = 35)]
fn sum(bytes: &[u8], in_place: CodeletBytes<'_>) -> i32 {
    let all = bytes
        .iter()
        .chain(&in_place.to_vec())
        .map(|byte| i32::from(*byte))
        .sum::<i32>();
    -all
}

thread_local! {
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

#[jbpf_helper(id = 36)]
fn fails(state: &mut Flow) -> i32 {
    CALLS.set(CALLS.get() + 1);
    state.bytes = 99;
    panic!("the application's own bug");
}

#[jbpf_helper(id = 37)]
fn count(map: MapRef<'_>, key: u32) -> u64 {
    let before: u64 = map.lookup(&key).unwrap().unwrap_or_default();
    map.update(&key, &(before + 1)).unwrap();
    before
}

/// Called as what expansions call their own items and variables.
mod names {
    use super::jbpf_helper;

    #[jbpf_helper(id = 38)]
    fn registers(argument0: u64, result: u64) -> u64 {
        argument0 + result
    }

    #[jbpf_helper(id = 39)]
    fn shim(r1: u64) -> u64 {
        r1 * 2
    }
}

#[jbpf_helper(id = 9)]
fn elapsed(start: u64, end: u64) -> u64 {
    end - start
}

mod inside {
    use super::Flow;

    #[jbpf_helpers_alias::jbpf_helper(id = 63, name = "inside_total", crate = self::jbpf_helpers_alias)]
    pub fn total(flow: &Flow, more: &[u32; 2]) -> u64 {
        flow.bytes + u64::from(more[0]) + u64::from(more[1])
    }

    use jbpf_hooks as jbpf_helpers_alias;
}

fn call(id: u32, registers: [u64; 5]) -> u64 {
    let [r1, r2, r3, r4, r5] = registers;
    let shim = registry::helper(id).unwrap().shim();
    // SAFETY: each test passes what the helper's arguments say.
    unsafe { shim(r1, r2, r3, r4, r5) }
}

fn address<T: ?Sized>(memory: &mut T) -> u64 {
    std::ptr::from_mut(memory).cast::<u8>().expose_provenance() as u64
}

const FLOW: Flow = Flow {
    source: 7,
    target: 8,
    bytes: 9,
};

#[test]
fn the_signature_is_the_prototype() {
    let info = registry::helper(32).unwrap();
    assert_eq!(
        (info.name, info.docs),
        ("set_priority", "Puts a flow into another class.")
    );
    assert_eq!(info.argument_names, ["flow", "priority"]);
    assert_eq!(
        info.arguments,
        [
            HelperArgument::Readable {
                size: 16,
                ty: Flow::TYPE
            },
            HelperArgument::Number(Scalar::U16),
        ]
    );
    assert_eq!(info.returns, HelperReturn::U64);
    assert_eq!(info.file, file!());

    let swap = registry::helper(34).unwrap();
    assert_eq!(
        swap.arguments[0],
        HelperArgument::Writable {
            size: 16,
            ty: Flow::TYPE
        }
    );
    assert_eq!(swap.returns, HelperReturn::Unit);

    let sum = registry::helper(35).unwrap();
    assert_eq!(
        sum.arguments,
        [HelperArgument::BytesUpTo(4096), HelperArgument::Bytes]
    );
    assert_eq!(sum.returns, HelperReturn::I32);
    assert_eq!(
        registry::helper(37).unwrap().arguments[0],
        HelperArgument::Map
    );
    assert_eq!(registry::helper(63).unwrap().name, "inside_total");
    assert_eq!(registry::duplicates(), []);
}

#[test]
fn registers_are_truncated_to_their_parameters() {
    assert_eq!(
        call(33, [0x1ff, 0xffff_fffe, 0x100, u64::MAX, 0xdead_ffff_fffe]),
        0xff + 2 + 1
    );
    let word = u64::from((-2_i32).cast_unsigned());
    assert_eq!(
        call(33, [0x101, 0xffff_fffe, 0x100, u64::MAX, word]),
        1 + 2 + 1
    );
    assert_eq!(
        call(33, [0x101, 0xffff_fffe, 0, u64::MAX, word | 7 << 32]),
        1 + 2
    );
}

#[test]
fn memory_is_copied_whatever_its_alignment() {
    let mut memory = [0_u8; 40];
    for start in 0..8 {
        memory[start..start + 4].copy_from_slice(&5_u32.to_le_bytes());
        let at = address(&mut memory) + start as u64;
        assert_eq!(call(32, [at, 0xf_0003, 0, 0, 0]), 5003);
    }
    let mut flow = FLOW;
    let mut more = [1_u32, 2];
    assert_eq!(
        call(63, [address(&mut flow), address(&mut more), 0, 0, 0]),
        12
    );
}

#[test]
fn what_is_behind_mut_is_copied_back_in_the_order_of_the_parameters() {
    let mut first = FLOW;
    let mut second = Flow {
        source: 1,
        target: 2,
        bytes: 3,
    };
    call(34, [address(&mut first), address(&mut second), 0, 0, 0]);
    assert_eq!((first.source, second.source), (1, 7));

    // The same memory twice: no reference to it is made, so this is only a strange result.
    let mut both = FLOW;
    let at = address(&mut both);
    call(34, [at, at, 0, 0, 0]);
    assert_eq!(both, FLOW);
}

#[test]
fn bytes_are_a_pointer_and_a_length() {
    let mut bytes = [1_u8, 2, 3, 4];
    let at = address(&mut bytes);
    let result = call(35, [at, 3, at + 1, 3, 0]);
    assert_eq!(
        result.cast_signed(),
        -(1 + 2 + 3 + 2 + 3 + 4),
        "sign-extended"
    );
    assert_eq!(call(35, [0, 0, 0, 0, 0]), 0);
    // Copies have 4096 bytes at most; bytes in place have any number.
    let mut many = vec![1_u8; 10_000];
    let at = address(&mut many[..]);
    let result = call(35, [at, 4096, at, 10_000, 0]);
    assert_eq!(result.cast_signed(), -14_096);
}

#[test]
fn a_panic_is_contained_counted_and_returns_zero() {
    let info = registry::helper(36).unwrap();
    let mut state = FLOW;
    let before = info.panics();
    assert_eq!(call(36, [address(&mut state), 0, 0, 0, 0]), 0);
    assert_eq!(call(36, [address(&mut state), 0, 0, 0, 0]), 0);
    assert_eq!(CALLS.get(), 2);
    assert_eq!(info.panics() - before, 2);
    assert_eq!(state, FLOW, "nothing is copied back");
}

#[test]
fn helpers_may_have_any_name() {
    assert_eq!(call(38, [3, 4, 0, 0, 0]), 7);
    assert_eq!(call(39, [3, 0, 0, 0, 0]), 6);
}

#[test]
fn built_in_helpers_of_numbers_can_be_replaced() {
    assert_eq!(registry::helper(9).unwrap().name, "elapsed");
    assert_eq!(call(9, [10, 25, 0, 0, 0]), 15);
}

/// A map as the runtime has them: the handle first, the operations somewhere else.
#[repr(C)]
struct TestMap {
    handle: MapHandle,
    entries: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

// SAFETY: `repr(C)`, and the handle of this very type comes first; a mutex guards the entries.
unsafe impl MapOperations for TestMap {
    fn name(&self) -> &str {
        "counts"
    }
    fn kind(&self) -> u32 {
        2
    }
    fn key_size(&self) -> usize {
        4
    }
    fn value_size(&self) -> usize {
        8
    }
    fn max_entries(&self) -> usize {
        2
    }
    fn lookup(&self, key: &[u8], value: &mut [u8]) -> Result<(), MapError> {
        let entries = self.entries.lock().unwrap();
        value.copy_from_slice(entries.get(key).ok_or(MapError::NotFound)?);
        Ok(())
    }
    fn update(&self, key: &[u8], value: &[u8]) -> Result<(), MapError> {
        let mut entries = self.entries.lock().unwrap();
        if entries.len() == self.max_entries() && !entries.contains_key(key) {
            return Err(MapError::Full);
        }
        entries.insert(key.to_vec(), value.to_vec());
        Ok(())
    }
    fn delete(&self, key: &[u8]) -> Result<(), MapError> {
        let removed = self.entries.lock().unwrap().remove(key);
        removed.map(drop).ok_or(MapError::NotFound)
    }
    fn clear(&self) -> Result<(), MapError> {
        self.entries.lock().unwrap().clear();
        Ok(())
    }
}

fn test_map() -> Box<TestMap> {
    Box::new(TestMap {
        handle: MapHandle::of::<TestMap>(),
        entries: Mutex::default(),
    })
}

#[test]
fn a_map_is_found_by_the_address_that_the_codelet_passes() {
    let mut map = test_map();
    let at = address(&mut *map);
    assert_eq!(call(37, [at, 5, 0, 0, 0]), 0);
    assert_eq!(call(37, [at, 5, 0, 0, 0]), 1);
    assert_eq!(call(37, [at, 6, 0, 0, 0]), 0);
    assert_eq!(MapRef::new(&*map).lookup::<u32, u64>(&5), Ok(Some(2)));
    // A third key does not fit; the helper unwraps that, which is contained.
    let before = registry::helper(37).unwrap().panics();
    assert_eq!(call(37, [at, 7, 0, 0, 0]), 0);
    assert_eq!(registry::helper(37).unwrap().panics() - before, 1);
}

#[test]
fn a_map_checks_the_sizes_of_keys_and_values() {
    let map = test_map();
    let map = MapRef::new(&*map);
    assert_eq!(map.name(), "counts");
    assert_eq!(
        map.update(&1_u64, &1_u64),
        Err(MapError::WrongSize {
            expected: 4,
            given: 8
        })
    );
    assert_eq!(
        map.lookup::<u32, u32>(&1),
        Err(MapError::WrongSize {
            expected: 8,
            given: 4
        })
    );
    assert_eq!(map.delete(&1_u32), Err(MapError::NotFound));
    assert_eq!(map.update(&1_u32, &1_u64), Ok(()));
    assert_eq!(map.clear(), Ok(()));
    assert_eq!(map.lookup::<u32, u64>(&1), Ok(None));
    assert_eq!(MapError::Full.code(), -4);
}
