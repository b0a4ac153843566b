//! A reader's and a producer's view of an output ring's memory.

#![expect(unsafe_code, reason = "forms references to words of mapped memory")]

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use super::copy::shared_to_own;
use super::layout::{Control, OutputGeometry, OutputHeader, ThreadSlot};
use super::protocol::output::OutputWords;

/// The addresses of an output ring's parts in this process.
///
/// The holder of a view keeps the memory mapped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutputView {
    header: NonNull<OutputHeader>,
    control: NonNull<Control>,
    entries: NonNull<AtomicU64>,
    slots: NonNull<ThreadSlot>,
    buffers: NonNull<u8>,
    pub(crate) geometry: OutputGeometry,
    stride: usize,
}

// SAFETY: a view holds addresses of memory. Each side accesses that memory with atomics only, and
// as its protocol allows.
unsafe impl Send for OutputView {}
// SAFETY: as above.
unsafe impl Sync for OutputView {}

impl OutputView {
    /// The view of a ring of `geometry` at `data`, with its control words at `control`.
    ///
    /// # Safety
    ///
    /// `geometry` is valid. `data` is aligned to 128 and mapped readable for `geometry.size()`
    /// bytes, and `control` is aligned to 128 and mapped readable for a [`Control`]. Both stay
    /// mapped for as long as the view or a copy of it is used, and Rust reaches them through views
    /// alone. Memory that a method writes is mapped writable when that method is called.
    pub(crate) unsafe fn new(
        data: NonNull<u8>,
        control: NonNull<u8>,
        geometry: OutputGeometry,
    ) -> Self {
        // SAFETY: each offset is below `geometry.size()`.
        let at = |offset| unsafe { data.add(offset) };
        Self {
            header: data.cast(),
            control: control.cast(),
            entries: at(OutputGeometry::entries_offset()).cast(),
            slots: at(geometry.slots_offset()).cast(),
            buffers: at(geometry.buffers_offset()),
            geometry,
            stride: geometry.stride(),
        }
    }

    #[inline]
    pub(crate) fn header(&self) -> &OutputHeader {
        // SAFETY: mapped and aligned for as long as the view is used; all fields are atomics.
        unsafe { self.header.as_ref() }
    }

    #[inline]
    pub(crate) fn control(&self) -> &Control {
        // SAFETY: mapped and aligned for as long as the view is used; all fields are atomics.
        unsafe { self.control.as_ref() }
    }

    #[inline]
    fn entries(&self) -> &[AtomicU64] {
        // SAFETY: `capacity` aligned words lie there, for as long as the view is used.
        unsafe {
            core::slice::from_raw_parts(self.entries.as_ptr(), self.geometry.capacity as usize)
        }
    }

    #[inline]
    pub(crate) fn words(&self) -> OutputWords<'_> {
        let header = self.header();
        OutputWords {
            head: &header.traffic.head,
            limit: &header.traffic.limit,
            cursor: &self.control().cursor.0,
            refused: &header.losses.refused,
            entries: self.entries(),
        }
    }

    /// The line of a producer thread, if the ring has one for it.
    #[inline]
    pub(crate) fn slot(&self, slot: u32) -> Option<&ThreadSlot> {
        if slot >= self.geometry.slots {
            return None;
        }
        let line = self.slots.as_ptr().wrapping_add(slot as usize);
        // SAFETY: `slots` lines lie there, and this is one of them; all fields are atomics.
        Some(unsafe { &*line })
    }

    /// The first line.
    pub(crate) fn slots_address(&self) -> NonNull<ThreadSlot> {
        self.slots
    }

    /// The first buffer.
    pub(crate) fn buffers_address(&self) -> NonNull<u8> {
        self.buffers
    }

    /// The buffer `index`, 8-aligned and `stride` bytes long. `None` if the ring has no such
    /// buffer.
    #[inline]
    pub(crate) fn buffer(&self, index: u32) -> Option<NonNull<u8>> {
        if index >= self.geometry.buffers() {
            return None;
        }
        // SAFETY: `buffers()` times `stride` bytes lie there, and this is one of the buffers.
        Some(unsafe { self.buffers.add(index as usize * self.stride) })
    }

    /// Copies buffer `index` to `target`.
    ///
    /// # Safety
    ///
    /// `target` is writable for `record_size` bytes, and nobody else accesses it.
    #[inline]
    pub(crate) unsafe fn copy_out(&self, index: u32, target: *mut u8) -> bool {
        let Some(buffer) = self.buffer(index) else {
            return false;
        };
        // SAFETY: a buffer is 8-aligned, and its stride is `record_size` rounded up to 8; the
        // caller promises that the target is valid.
        unsafe { shared_to_own(buffer.as_ptr(), target, self.geometry.record_size as usize) };
        true
    }

    /// The buffer of record `number`, once it is published and while it is there. In a ring of
    /// another process, an entry can name a buffer that no ring of this size has. Such an entry is
    /// no record.
    #[inline]
    pub(crate) fn published(&self, number: u64) -> Option<u32> {
        let buffer = self.words().published(number)?;
        (buffer < self.geometry.buffers()).then_some(buffer)
    }

    /// The end of the ring's older half, or `next` if a reader that has come to `next` has not
    /// passed the whole half.
    pub(crate) fn passed_half(&self, next: u64) -> u64 {
        let head = self.header().traffic.head.load(Ordering::Acquire);
        let half = u64::from(self.geometry.capacity / 2);
        head.saturating_sub(half).min(next)
    }

    /// Records that made room for others without having been read.
    pub(crate) fn passed_over(&self) -> u64 {
        self.header().losses.passed_over.load(Ordering::Relaxed)
    }

    /// Records dropped so far, by all threads. If another process owns the ring, it may have
    /// written anything.
    pub(crate) fn dropped(&self) -> u64 {
        let losses = &self.header().losses;
        let seen = losses
            .slots_seen
            .load(Ordering::Acquire)
            .min(self.geometry.slots);
        (0..seen)
            .filter_map(|slot| self.slot(slot))
            .map(|slot| slot.dropped.load(Ordering::Relaxed))
            .fold(losses.dropped.load(Ordering::Relaxed), u64::saturating_add)
    }
}
