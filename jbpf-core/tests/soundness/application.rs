//! Helpers of an application: one of each kind of argument, and replacements of the clocks and of
//! chance. Their functions are here, so that the evaluator computes the same.

use std::cell::Cell;

use jbpf_hooks::helper::HelperInfo;
use jbpf_hooks::{CodeletBytes, MapRef, jbpf_helper, registry};

/// Helpers that only some programs have replaced.
const REPLACED: [u32; 3] = [7, 8, 15];

/// The helpers that a program may call besides the built-in ones.
pub fn helpers(replaced: bool) -> impl Iterator<Item = &'static HelperInfo> + Clone {
    registry::helpers().filter(move |info| replaced || !REPLACED.contains(&info.id))
}

thread_local! {
    /// Calls of replaced helpers in this run.
    static CALLED: Cell<u64> = const { Cell::new(0) };
}

/// Begins a run: replaced helpers start again with their first answers.
pub fn begin() {
    CALLED.set(0);
}

fn next(id: u32) -> u64 {
    CALLED.set(CALLED.get() + 1);
    replaced(id, CALLED.get())
}

/// The answer of the replaced helper of an id to the call of this number.
pub fn replaced(id: u32, call: u64) -> u64 {
    let seed = call << 8 | u64::from(id);
    (seed ^ seed << 21).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The time.
#[jbpf_helper(id = 7)]
fn time_get_ns() -> u64 {
    next(7)
}

/// A tick.
#[jbpf_helper(id = 8)]
fn get_sys_time(_is_start: i32) -> u64 {
    next(8)
}

/// Chance.
#[jbpf_helper(id = 15)]
fn rand() -> u64 {
    next(15)
}

/// Numbers of several widths.
#[jbpf_helper(id = 32)]
fn sum(byte: u8, short: i16, flag: bool, wide: i64, word: i32) -> u64 {
    let narrow = i64::from(byte) + i64::from(short) + i64::from(flag) + i64::from(word);
    wide.wrapping_add(narrow) as u64
}

/// The same of whole registers.
pub fn sum_of(registers: &[u64]) -> u64 {
    let byte = registers[0] & 0xff;
    let short = (registers[1] as u16 as i16) as u64;
    // Any bit of the register: a flag is a number that is not zero.
    let flag = u64::from(registers[2] != 0);
    let word = (registers[4] as u32 as i32) as u64;
    [byte, short, flag, word]
        .into_iter()
        .fold(registers[3], u64::wrapping_add)
}

/// Memory that is read.
#[jbpf_helper(id = 33)]
fn distance(from: &u64, to: &u32) -> u64 {
    u64::from(*to).wrapping_sub(*from)
}

/// The same of bytes.
pub fn distance_of(from: &[u8], to: &[u8]) -> u64 {
    number(to).wrapping_sub(number(from))
}

/// Memory that is changed.
#[jbpf_helper(id = 34)]
fn exchange(first: &mut u64, second: &mut u16) {
    let low = *first as u16;
    *first = first.wrapping_add(u64::from(*second));
    *second ^= low;
}

/// The same of bytes.
pub fn exchanged(first: &[u8], second: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (one, other) = (number(first), number(second));
    let sum = one.wrapping_add(other).to_le_bytes();
    let low = (other ^ one).to_le_bytes();
    (sum.to_vec(), low[..2].to_vec())
}

/// Memory of any size.
#[jbpf_helper(id = 35)]
fn checksum(bytes: &[u8]) -> i32 {
    -sum_of_bytes(bytes) as i32
}

/// Memory of any size that stays where it is.
#[jbpf_helper(id = 36)]
fn checksum_in_place(bytes: CodeletBytes<'_>) -> u64 {
    3 * sum_of_bytes(&bytes.to_vec()) as u64
}

pub fn sum_of_bytes(bytes: &[u8]) -> i64 {
    bytes.iter().map(|byte| i64::from(*byte)).sum()
}

/// A map of any kind: adds to the first byte of a value.
#[jbpf_helper(id = 37)]
fn bump(counts: MapRef<'_>, by: u64) -> i32 {
    let key = key_of(counts.key_size());
    let mut value = vec![0; counts.value_size()];
    let found = match counts.lookup_bytes(&key, &mut value) {
        Ok(()) | Err(jbpf_hooks::MapError::NotFound) => Ok(()),
        Err(error) => Err(error),
    };
    match found.and_then(|()| counts.update_bytes(&key, &bumped(&value, by))) {
        Ok(()) => 0,
        Err(error) => error.code(),
    }
}

/// The key that `bump` means.
pub fn key_of(size: usize) -> Vec<u8> {
    let mut key = vec![0; size];
    if let Some(first) = key.first_mut() {
        *first = 2;
    }
    key
}

pub fn bumped(value: &[u8], by: u64) -> Vec<u8> {
    let mut value = value.to_vec();
    if let Some(first) = value.first_mut() {
        *first = first.wrapping_add(by as u8);
    }
    value
}

fn number(bytes: &[u8]) -> u64 {
    let bytes = bytes.iter().rev();
    bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
}
