//! The addresses by which machine code sends to and reserves from an output ring without a call.

use core::sync::atomic::{AtomicU32, AtomicU64};

use super::layout::{
    SLOT_DROPPED, SLOT_EXPECTED, SLOT_RESERVED, SLOT_SPARE, SLOT_STRIDE, ThreadSlot,
};
use super::output::OutputRing;

/// The addresses that machine code needs to do the usual cases of an [`OutputRing`]'s methods by
/// itself.
///
/// All addresses stay the same for as long as the ring exists. The words are those of the ring's
/// protocol, and each is read and written in the order that the protocol names. A case that is not
/// described here is one for the method itself. Machine code may call the method at any point
/// marked with *(else …)*: nothing has changed before that point.
///
/// # A thread's line
///
/// A thread of slot `s`, below `slots`, has a line at `slots_at + s * slot_stride`. Nobody else
/// writes the words of that line.
///
/// # Reserving
///
/// The word of a [`HookCall`](jbpf_hooks::reclaim::HookCall) names the call that reserves. The
/// usual case is one of two:
///
/// * The u32 at `slot_reserved` of the line is that word.
/// * It is 0, and the u64 at `head` is below the u64 at `limit`. Then store the word at
///   `slot_reserved`.
///
/// *(else [`OutputRing::reserve_in`])*. The thread's buffer is number `spare ^ (capacity + s)`,
/// where `spare` is the u32 at `slot_spare` of the line. It lies at
/// `buffers_at + number * buffer_stride`.
///
/// # Claiming a place
///
/// 1. Load the u64 at `slot_expected` of the line. It is the record's `number` if nobody else
///    sends, and `u64::MAX` if somebody does. Load `limit` (acquire). Unless `number < limit`, the
///    ring may be full: see below.
/// 2. Load (acquire) the entry, the u64 at `entries + (number & (capacity - 1)) * 8`. Its upper
///    half is the low half of `number - capacity + 1` *(else the method)*. Its lower half is the
///    number of a buffer.
/// 3. Compare `head` with `number` and swap in one more, atomically *(else the method, which
///    starts anew)*. The place and the buffer are this thread's from now on. **There is no way
///    back from here: the thread must publish, soon, since the reader waits for it.** Store
///    `number + 1` at `slot_expected`.
/// 4. Put a release fence: `head` moves before any byte of the buffer does. Taps rely on it. (On
///    x86-64 the compare-and-swap is a full fence, and stores stay in order.)
///
/// # A full ring
///
/// If `number >= limit` and `number` is not `u64::MAX` *(else the method)*, load `cursor`
/// (acquire). If it is `limit - capacity`, the reader has released nothing since, and the record
/// is dropped *(else the method)*: raise the u64 at `slot_dropped` of the line by one if it was
/// not 0 *(else the method)*. Nothing else is needed. The method must count the first drop of a
/// slot, because it also notes that the slot has dropped one.
///
/// # Sending a copy
///
/// Claim. Copy the record to the claimed buffer, at `buffers_at + number * buffer_stride`, and
/// fill it with zeros up to `record_size`. Publish *(else [`OutputRing::send`])*. Buffers are
/// 8-aligned. Before a buffer is published, only taps read it, and they discard the bytes that
/// they read. Nobody else writes it.
///
/// # Committing a reservation
///
/// If the word of the caller's hook call is at `slot_reserved` *(else [`OutputRing::commit_in`])*:
/// claim; store 0 there; store the claimed buffer's number, xor `capacity + s`, at `slot_spare`;
/// publish the buffer that was reserved.
///
/// # Publishing
///
/// Store (release) `(number + 1) << 32 | buffer` to the entry, with the numbers of the claim.
/// After that, in the order of the program, load `attention` (relaxed). No fence stands between
/// the two, since a reader that goes to sleep puts one into this thread from outside (`wake` tells
/// how). If `attention` is not 0, call [`OutputRing::notify`].
#[derive(Debug, Clone, Copy)]
pub struct OutputAddresses {
    /// The number of the next record.
    pub head: *const AtomicU64,
    /// The number that `head` must be below.
    pub limit: *const AtomicU64,
    /// The number of the next record that the reader has not released. The reader, perhaps another
    /// process, writes it. Only [`OutputRing`]'s methods believe it.
    pub cursor: *const AtomicU64,
    /// A bit for each party that waits for the next record.
    pub attention: *const AtomicU32,
    /// Entry 0.
    pub entries: *const AtomicU64,
    /// The line of slot 0.
    pub slots_at: *mut u8,
    /// Number of lines.
    pub slots: u32,
    /// Bytes from one line to the next.
    pub slot_stride: usize,
    /// Offset, in a line, of the spare buffer's index.
    pub slot_spare: u16,
    /// Offset, in a line, of the word of the hook call that has a reservation. It is
    /// [`UNREADY`](Self::UNREADY) if the thread has no buffer because nobody has
    /// [prepared](OutputRing::prepare_slot) its slot.
    pub slot_reserved: u16,
    /// Offset, in a line, of the count of dropped records.
    pub slot_dropped: u16,
    /// Offset, in a line, of the number that the thread's next record is expected to have.
    pub slot_expected: u16,
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
            slot_spare: const { small(SLOT_SPARE) },
            slot_reserved: const { small(SLOT_RESERVED) },
            slot_dropped: const { small(SLOT_DROPPED) },
            slot_expected: const { small(SLOT_EXPECTED) },
            buffers_at: view.buffers_address().as_ptr(),
            buffer_stride: view.geometry.stride(),
            record_size: view.geometry.record_size,
            capacity: view.geometry.capacity,
        }
    }
}

/// An offset in a line; checked when this crate is compiled.
const fn small(offset: usize) -> u16 {
    assert!(offset < SLOT_STRIDE && SLOT_STRIDE <= u16::MAX as usize);
    offset as u16
}
