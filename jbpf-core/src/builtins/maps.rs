//! Helpers 1 to 6: maps that hold values.
#![expect(
    unsafe_code,
    reason = "takes addresses from machine code, which the verifier proved"
)]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "an address is computed and used under one proof"
)]

use jbpf_hooks::reclaim::ThreadRecord;

use crate::map::{Map, Status};

/// 1: the address of a key's value, or 0.
///
/// # Safety
/// Called by verified code alone, which proves, as for all functions here: `map` is a map that
/// holds values, a key is readable for its `key_size`, a value for its `value_size`, a buffer
/// writable for its size, and `thread` is the record of the calling thread.
pub(super) unsafe extern "C" fn lookup(
    map: *const Map,
    key: *const u8,
    thread: *const ThreadRecord,
) -> u64 {
    // SAFETY: proved by the verifier.
    unsafe { (*map).lookup(key, (*thread).slot()) as u64 }
}

/// 2: the address of a key's value, now zero, or 0.
///
/// # Safety
/// As [`lookup`].
pub(super) unsafe extern "C" fn lookup_reset(
    map: *const Map,
    key: *const u8,
    thread: *const ThreadRecord,
) -> u64 {
    // SAFETY: proved by the verifier.
    unsafe { (*map).lookup_reset(key, (*thread).slot()) as u64 }
}

/// 3: sets the value of a key. The flags in r4 are ignored.
///
/// # Safety
/// As [`lookup`].
pub(super) unsafe extern "C" fn update(
    map: *const Map,
    key: *const u8,
    value: *const u8,
    thread: *const ThreadRecord,
) -> u64 {
    // SAFETY: proved by the verifier.
    unsafe { (*map).update(key, value, (*thread).slot()) }.to_register()
}

/// 4: removes a key.
///
/// # Safety
/// As [`lookup`].
pub(super) unsafe extern "C" fn delete(
    map: *const Map,
    key: *const u8,
    thread: *const ThreadRecord,
) -> u64 {
    // SAFETY: proved by the verifier.
    unsafe { (*map).delete(key, (*thread).slot()) }.to_register()
}

/// 5: zeroes an array, empties a hash map.
///
/// # Safety
/// As [`lookup`].
pub(super) unsafe extern "C" fn clear(map: *const Map, thread: *const ThreadRecord) -> u64 {
    // SAFETY: proved by the verifier.
    unsafe { (*map).clear((*thread).slot()) }.to_register()
}

/// 6: writes all elements of a hash map into a buffer. The flags in r4 are ignored.
///
/// # Safety
/// As [`lookup`].
pub(super) unsafe extern "C" fn dump(
    map: *const Map,
    buffer: *mut u8,
    size: u64,
    thread: *const ThreadRecord,
) -> u64 {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    // SAFETY: proved by the verifier.
    match unsafe { (*map).dump(buffer, size, (*thread).slot()) } {
        Ok(elements) => u64::from(elements),
        Err(status) => Status::to_register(status),
    }
}
