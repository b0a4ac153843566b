//! What machine code is told of an output ring, so that codelets send and reserve without a call.

use core::sync::atomic::{AtomicU32, AtomicU64};

use super::layout::{
    SLOT_DROPPED, SLOT_EXPECTED, SLOT_RESERVED, SLOT_SPARE, SLOT_STRIDE, ThreadSlot,
};
use super::output::OutputRing;

/// Where machine code finds what it needs to do the usual cases of an [`OutputRing`]'s methods by itself.
///
/// All addresses stay the same for as long as the ring exists. Words are those of the ring's protocol, and each is
/// read and written in the order that the protocol names; whatever is not described here is a case for the
/// method itself, which may be called at any point marked with *(else …)*: up to there nothing has changed.
///
/// # A thread's line
///
/// A thread of slot `s`, below `slots`, has a line at `slots_at + s * slot_stride`, whose words nobody else
/// writes.
///
/// # Reserving
///
/// Who reserves is told by the word of its [`HookCall`](jbpf_hooks::reclaim::HookCall). With the u32 at `slot_reserved`
/// of the line that word, or else with 0 there and the u64 at `head` below the u64 at `limit` (then store the word), the
/// thread's buffer is number `spare ^ (capacity + s)`, `spare` being the u32 at
/// `slot_spare` of the line, and lies at `buffers_at + number * buffer_stride` *(else [`OutputRing::reserve_in`])*.
///
/// # Claiming a place
///
/// 1. Load the u64 at `slot_expected` of the line: the record's `number`, if nobody else sends; `u64::MAX` where somebody
///    does. Load `limit` (acquire). Unless `number < limit` the ring may be full: see below.
/// 2. Load (acquire) the entry, the u64 at `entries + (number & (capacity - 1)) * 8`. Its upper half is
///    the low half of `number - capacity + 1` *(else the method)*; its lower half is the number of a buffer.
/// 3. Compare `head` with `number` and swap in one more, atomically *(else the method, which
///    starts anew)*. The place, and the buffer, are this thread's from now on; **there is no way back from here: it
///    must publish, soon, since the reader waits for it.** Store `number + 1` at `slot_expected`.
/// 4. A release fence: `head` moves before any byte of the buffer does. Taps rely on it. (The compare-and-swap of
///    x86-64 is a full one, and its stores stay in order.)
///
/// # A full ring
///
/// With `number >= limit`, and `number` not `u64::MAX` *(else the method)*, load `cursor` (acquire). When it is `limit - capacity`, the reader has released nothing since,
/// and the record is dropped: the u64 at `slot_dropped` of the line is raised by one, if it was not 0, and that is
/// all *(else the method)*. The first drop of a slot must be counted by the method, which also notes that the slot
/// has one.
///
/// # Sending a copy
///
/// Claim; copy the record to the claimed buffer, at `buffers_at + number * buffer_stride`, and fill it with zeros
/// up to `record_size`; publish *(else [`OutputRing::send`])*. Buffers are 8-aligned, and nobody else reads or writes
/// one before it is published but taps, which throw away what they read.
///
/// # Committing a reservation
///
/// With the word of the caller's hook call at `slot_reserved`: claim; store 0 there; store the claimed buffer's number, xor
/// `capacity + s`, at `slot_spare`; publish the buffer that was reserved *(else [`OutputRing::commit_in`])*.
///
/// # Publishing
///
/// Store (release) `(number + 1) << 32 | buffer` to the entry, with the numbers of the claim. After that, in the order
/// of the program, load `attention` (relaxed): no fence stands between, since a reader that goes to sleep
/// puts one into this thread from outside (`wake` tells how). When it is not 0, call
/// [`OutputRing::notify`].
#[derive(Debug, Clone, Copy)]
pub struct OutputAddresses {
    /// The number of the next record.
    pub head: *const AtomicU64,
    /// The number that `head` must be below.
    pub limit: *const AtomicU64,
    /// The number of the next record that the reader has not released. Written by the reader, perhaps another
    /// process: believed by [`OutputRing`]'s methods alone.
    pub cursor: *const AtomicU64,
    /// Who wants to hear of the next record.
    pub attention: *const AtomicU32,
    /// Entry 0.
    pub entries: *const AtomicU64,
    /// The line of slot 0.
    pub slots_at: *mut u8,
    /// Lines there are.
    pub slots: u32,
    /// Bytes from one line to the next.
    pub slot_stride: usize,
    /// Offset of the spare buffer's index in a line.
    pub slot_spare: usize,
    /// Offset of the word of who has a reservation in a line. [`UNREADY`](Self::UNREADY) in the line of a thread that has no
    /// buffer, since nobody has [prepared](OutputRing::prepare_slot) it.
    pub slot_reserved: usize,
    /// Offset of the count of dropped records in a line.
    pub slot_dropped: usize,
    /// Offset of the number that the thread's next record is expected to have in a line.
    pub slot_expected: usize,
    /// Buffer 0.
    pub buffers_at: *mut u8,
    /// Bytes from one buffer to the next.
    pub buffer_stride: usize,
    /// Bytes of a record.
    pub record_size: u32,
    /// Places in the ring, a power of two.
    pub capacity: u32,
}

impl OutputAddresses {
    /// The word of no hook call: see [`slot_reserved`](Self::slot_reserved).
    pub const UNREADY: u32 = ThreadSlot::UNREADY;
}

impl OutputRing {
    /// For the compiler of codelets.
    #[must_use]
    pub fn addresses(&self) -> OutputAddresses {
        let view = self.view();
        let traffic = &view.header().traffic;
        OutputAddresses {
            head: &raw const traffic.head,
            limit: &raw const traffic.limit,
            cursor: &raw const view.control().cursor.0,
            attention: &raw const traffic.attention,
            entries: view.words().entries.as_ptr(),
            slots_at: view.slots_address().as_ptr().cast(),
            slots: view.geometry.slots,
            slot_stride: SLOT_STRIDE,
            slot_spare: SLOT_SPARE,
            slot_reserved: SLOT_RESERVED,
            slot_dropped: SLOT_DROPPED,
            slot_expected: SLOT_EXPECTED,
            buffers_at: view.buffers_address().as_ptr(),
            buffer_stride: view.geometry.stride(),
            record_size: view.geometry.record_size,
            capacity: view.geometry.capacity,
        }
    }
}
