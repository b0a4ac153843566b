//! The offsets of a ring's words in its memory.
//!
//! They are the same in one process and across two, and part of the protocol between processes.

use core::mem::{offset_of, size_of};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::region::whole_pages;

/// The most places a ring may have.
pub const MAX_CAPACITY: u32 = 1 << 28;

/// The most bytes a record may have: 1 MiB.
pub(crate) const MAX_RECORD_SIZE: u32 = 1 << 20;

/// The part of an output ring that producers write. A reader in another process can only look at
/// it.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct OutputHeader {
    pub(crate) traffic: Traffic,
    pub(crate) losses: Losses,
}

/// The one line that a producer touches for every record. It spans two lines of 64 bytes, since
/// processors fetch in pairs.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Traffic {
    pub(crate) head: AtomicU64,
    pub(crate) limit: AtomicU64,
    /// A bit for each party that waits for the next record: [`crate::wake::attention`]. It is on
    /// this line since a producer has the line anyway.
    pub(crate) attention: AtomicU32,
    /// 1 once no producer will send again.
    pub(crate) closed: AtomicU32,
}

/// Counters off the usual path.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Losses {
    /// Records dropped by threads without a slot.
    pub(crate) dropped: AtomicU64,
    /// Cursors of the reader that could not be true.
    pub(crate) refused: AtomicU64,
    /// One more than the highest thread slot that has dropped a record.
    pub(crate) slots_seen: AtomicU32,
    /// Records that made room and that no reader has released: see
    /// [`OutputRing::passed_over`](super::output::OutputRing::passed_over).
    pub(crate) passed_over: AtomicU64,
}

/// The line that one producer thread alone writes, once its buffer is there. Zeros are the initial
/// state of a slot that is ready.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct ThreadSlot {
    /// The spare buffer's index, combined by exclusive or with the one that the slot starts with.
    pub(crate) spare: AtomicU32,
    /// The word of the hook call that has a reservation, from the reservation to its commit; else
    /// 0. [`UNREADY`](Self::UNREADY) until there is memory for the slot's buffer.
    pub(crate) reserved: AtomicU32,
    /// Records that this thread dropped.
    pub(crate) dropped: AtomicU64,
    /// The number of this thread's next record, as long as the thread finds no other thread's
    /// records between its own; else [`SHARED`](Self::SHARED).
    ///
    /// It is a value that `head` has, or had once. A processor that loads `head` shortly after its
    /// own locked instruction on it waits for that instruction to end. This word can be read at
    /// once.
    pub(crate) expected: AtomicU64,
    /// The number after that of this thread's last record that a method of
    /// [`OutputRing`](super::output::OutputRing) claimed.
    pub(crate) following: AtomicU64,
}

impl ThreadSlot {
    /// The value of `reserved` in a slot without a buffer. It is the word of no hook call.
    pub(crate) const UNREADY: u32 = u32::MAX;

    /// The value of `expected` if only `head` can tell the number. It is at or above every limit.
    pub(crate) const SHARED: u64 = u64::MAX;

    /// The number at which this thread begins to claim.
    #[inline]
    pub(crate) fn expected(&self, head: &AtomicU64) -> u64 {
        match self.expected.load(Ordering::Relaxed) {
            Self::SHARED => head.load(Ordering::Relaxed),
            number => number,
        }
    }

    /// Notes that this thread has claimed `number`.
    #[inline]
    pub(crate) fn claimed(&self, number: u64) {
        let alone = number == self.expected.load(Ordering::Relaxed)
            || number == self.following.load(Ordering::Relaxed);
        let following = number.wrapping_add(1);
        self.following.store(following, Ordering::Relaxed);
        let expected = if alone { following } else { Self::SHARED };
        self.expected.store(expected, Ordering::Relaxed);
    }
}

/// The part of an output ring that the primary reader writes, also from another process. It lies
/// on pages of its own.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Control {
    pub(crate) cursor: Cursor,
    pub(crate) sleeping: Sleeping,
}

/// The number of the next record that the reader has not released.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Cursor(pub(crate) AtomicU64);

/// 1 while a reader in another process sleeps on this word.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Sleeping(pub(crate) AtomicU32);

/// The numbers that an output ring's layout follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutputGeometry {
    /// A power of two.
    pub(crate) capacity: u32,
    pub(crate) record_size: u32,
    /// Threads that can hold a reservation.
    pub(crate) slots: u32,
}

impl OutputGeometry {
    /// Whether a ring can have these numbers.
    pub(crate) fn is_valid(&self) -> bool {
        is_valid(self.capacity, self.record_size) && self.slots <= MAX_CAPACITY
    }

    pub(crate) fn stride(&self) -> usize {
        stride(self.record_size)
    }

    pub(crate) fn buffers(&self) -> u32 {
        self.capacity + self.slots
    }

    pub(crate) fn entries_offset() -> usize {
        size_of::<OutputHeader>()
    }

    pub(crate) fn slots_offset(&self) -> usize {
        (Self::entries_offset() + self.capacity as usize * size_of::<AtomicU64>())
            .next_multiple_of(align_of::<ThreadSlot>())
    }

    pub(crate) fn buffers_offset(&self) -> usize {
        self.slots_offset() + self.slots as usize * size_of::<ThreadSlot>()
    }

    /// Bytes of the producers' memory; at most some 2^49, since the parts are bounded.
    pub(crate) fn size(&self) -> usize {
        self.ready_size(self.slots)
    }

    /// Bytes of the producers' memory that are backed by pages while thread slots below `ready`
    /// may reserve. The rest is addresses alone.
    pub(crate) fn ready_size(&self, ready: u32) -> usize {
        self.buffers_offset() + (self.capacity + ready) as usize * self.stride()
    }
}

/// The consumers' half of an input ring. A sender in another process can only look at it. The
/// `consumed` words follow.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct ConsumerHeader {
    pub(crate) tail: AtomicU64,
    /// A bit for each attached sender of another process. Only the local half uses it.
    pub(crate) lanes: AtomicU32,
    /// 1 once no consumer will come again.
    pub(crate) closed: AtomicU32,
}

/// The senders' half of an input ring. The `published` words follow, then the records.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct SenderHeader {
    pub(crate) head: AtomicU64,
    /// Records refused because the ring was full.
    pub(crate) dropped: AtomicU64,
}

/// The numbers that an input ring's layout follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InputGeometry {
    /// A power of two.
    pub(crate) capacity: u32,
    pub(crate) record_size: u32,
}

impl InputGeometry {
    /// Whether a ring can have these numbers.
    pub(crate) fn is_valid(&self) -> bool {
        is_valid(self.capacity, self.record_size)
    }

    pub(crate) fn stride(&self) -> usize {
        stride(self.record_size)
    }

    pub(crate) fn consumed_offset() -> usize {
        size_of::<ConsumerHeader>()
    }

    pub(crate) fn consumer_size(&self) -> usize {
        Self::consumed_offset() + self.capacity as usize * size_of::<AtomicU64>()
    }

    pub(crate) fn published_offset() -> usize {
        size_of::<SenderHeader>()
    }

    pub(crate) fn records_offset(&self) -> usize {
        Self::published_offset() + self.capacity as usize * size_of::<AtomicU64>()
    }

    pub(crate) fn sender_size(&self) -> usize {
        self.records_offset() + self.capacity as usize * self.stride()
    }

    /// Bytes of memory of both halves, each on pages of its own.
    pub(crate) fn memory(&self) -> usize {
        whole_pages(self.consumer_size()) + whole_pages(self.sender_size())
    }
}

fn is_valid(capacity: u32, record_size: u32) -> bool {
    capacity.is_power_of_two()
        && capacity <= MAX_CAPACITY
        && (1..=MAX_RECORD_SIZE).contains(&record_size)
}

/// Records start at multiples of 8 bytes, because codelets' buffers are aligned like map values.
fn stride(record_size: u32) -> usize {
    (record_size as usize).next_multiple_of(8)
}

/// Bytes from one thread's slot to the next.
pub(crate) const SLOT_STRIDE: usize = size_of::<ThreadSlot>();
/// Offset of the spare buffer's index in a slot.
pub(crate) const SLOT_SPARE: usize = offset_of!(ThreadSlot, spare);
/// Offset of the holder of a reservation in a slot.
pub(crate) const SLOT_RESERVED: usize = offset_of!(ThreadSlot, reserved);
/// Offset of the count of drops in a slot.
pub(crate) const SLOT_DROPPED: usize = offset_of!(ThreadSlot, dropped);
/// Offset, in a slot, of the number at which the thread begins to claim.
pub(crate) const SLOT_EXPECTED: usize = offset_of!(ThreadSlot, expected);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_different_sides_write_lie_apart() {
        assert_eq!(offset_of!(OutputHeader, losses), 128);
        assert_eq!(offset_of!(Control, sleeping), 128);
        assert_eq!((SLOT_STRIDE, SLOT_SPARE, SLOT_RESERVED), (64, 0, 4));
        assert_eq!((SLOT_DROPPED, SLOT_EXPECTED), (8, 16));
    }

    #[test]
    fn a_thread_expects_the_next_number_while_nobody_sends_between_its_records() {
        let zero = || AtomicU64::new(0);
        let slot = ThreadSlot {
            spare: AtomicU32::new(0),
            reserved: AtomicU32::new(0),
            dropped: zero(),
            expected: zero(),
            following: zero(),
        };
        let expected_after = |number| {
            slot.claimed(number);
            slot.expected.load(Ordering::Relaxed)
        };
        assert_eq!([0, 1].map(expected_after), [1, 2]);
        assert_eq!([3, 5, 9].map(expected_after), [ThreadSlot::SHARED; 3]);
        assert_eq!([10, 11].map(expected_after), [11, 12]);
        // Machine code claims the number that it expects by itself.
        slot.expected.store(20, Ordering::Relaxed);
        assert_eq!([22, 24].map(expected_after), [ThreadSlot::SHARED; 2]);
    }

    #[test]
    fn what_a_file_starts_with_is_where_lending_writes_it() {
        assert_eq!(offset_of!(Control, cursor), 0);
        assert_eq!(offset_of!(SenderHeader, head), 0);
    }

    #[test]
    fn parts_follow_each_other_aligned() {
        for capacity in [1, 2, 64, 1024] {
            for record_size in [1, 8, 33, 4096] {
                let output = OutputGeometry {
                    capacity,
                    record_size,
                    slots: 3,
                };
                assert!(output.is_valid());
                assert!(output.slots_offset().is_multiple_of(64));
                assert!(output.buffers_offset().is_multiple_of(8));
                assert!(output.size() >= (capacity as usize + 3) * record_size as usize);
                let input = InputGeometry {
                    capacity,
                    record_size,
                };
                assert!(input.is_valid());
                assert!(input.records_offset().is_multiple_of(8));
            }
        }
    }
}
