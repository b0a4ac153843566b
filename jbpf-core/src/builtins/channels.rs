//! Helpers 12 and 16 to 18: channels.
#![expect(
    unsafe_code,
    reason = "takes addresses from machine code, which the verifier proved"
)]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "map and thread are proved together"
)]

use jbpf_hooks::reclaim::ThreadRecord;

use crate::map::{Map, Status, Storage};

/// 12: sends a copy of a buffer; a shorter buffer is filled up with zeros. -1 when the ring is
/// full or the buffer is longer than a record.
///
/// # Safety
/// Called by verified code alone, which proves, as for all functions here: `map` is of a kind that
/// the helper takes, a buffer readable or writable for its size, and `thread` is the record of the
/// calling thread.
pub(super) unsafe extern "C" fn ringbuf_output(
    map: *const Map,
    record: *const u8,
    size: u64,
    thread: *const ThreadRecord,
) -> u64 {
    // SAFETY: proved by the verifier.
    let (map, slot) = unsafe { (&*map, (*thread).slot()) };
    let Storage::RingBuf(output) = map.storage() else {
        return Status::Error.to_register();
    };
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    // SAFETY: proved by the verifier.
    unsafe { output.send(slot, record, size) }.to_register()
}

/// 16: takes a record: 1 with `value_size` bytes in the buffer, 0 when there is none, -1 when the
/// buffer is too small.
///
/// # Safety
/// As [`ringbuf_output`].
pub(super) unsafe extern "C" fn control_input_receive(
    map: *const Map,
    buffer: *mut u8,
    size: u64,
) -> u64 {
    // SAFETY: proved by the verifier.
    let map = unsafe { &*map };
    let Storage::ControlInput(input) = map.storage() else {
        return Status::Error.to_register();
    };
    if size < u64::from(input.ring().record_size()) {
        return Status::Error.to_register();
    }
    // SAFETY: proved by the verifier; the buffer has room for a record.
    u64::from(unsafe { input.ring().receive(buffer) })
}

/// 17: this thread's buffer for the next record. 0 when the ring is full, or when another codelet
/// has the buffer: a helper of that codelet led to this call.
///
/// # Safety
/// As [`ringbuf_output`].
pub(super) unsafe extern "C" fn get_output_buf(
    map: *const Map,
    thread: *const ThreadRecord,
) -> u64 {
    // SAFETY: proved by the verifier.
    let (map, thread) = unsafe { (&*map, &*thread) };
    match map.storage() {
        Storage::Output(output) => output.ring().reserve_in(thread.slot(), thread.call()) as u64,
        _ => 0,
    }
}

/// 18: sends this thread's buffer. -1 when there is none, when the ring has filled up since, or
/// when the buffer belongs to another codelet: a helper of that codelet led to this call.
///
/// # Safety
/// As [`ringbuf_output`].
pub(super) unsafe extern "C" fn send_output(map: *const Map, thread: *const ThreadRecord) -> u64 {
    // SAFETY: proved by the verifier.
    let (map, thread) = unsafe { (&*map, &*thread) };
    match map.storage() {
        Storage::Output(output) => output.commit(thread.slot(), thread.call()),
        _ => Status::Error,
    }
    .to_register()
}

/// Machine code calls this after it has published a record by itself, if a reader asked to be
/// notified.
///
/// # Safety
/// As [`ringbuf_output`], for a map of either output kind.
pub(crate) unsafe extern "C" fn notify_readers(map: *const Map) -> u64 {
    // SAFETY: the caller's word.
    let map = unsafe { &*map };
    if let Storage::RingBuf(output) | Storage::Output(output) = map.storage() {
        output.ring().notify();
    }
    Status::Success.to_register()
}
