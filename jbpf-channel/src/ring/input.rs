//! Input rings: records from senders to codelets.

#![expect(
    unsafe_code,
    reason = "forms references to words of mapped memory and fills the caller's buffers"
)]

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::copy::{shared_to_shared, zero_shared};
use super::lanes::Lanes;
use super::layout::{ConsumerHeader, InputGeometry, SenderHeader};
use super::protocol::input::{ConsumerWords, SenderWords};
use super::region::{PageOptions, Region, whole_pages};
use crate::limits::MappingShare;
use crate::record::{Disagreement, RecordType};
use crate::{ChannelError, MemoryBudget, MemoryCharge, RawSender, SendError};

/// How an input ring is made.
#[derive(Debug, Clone)]
pub struct InputOptions {
    /// The channel's name in errors.
    pub name: String,
    /// The type of its records, if it is known. Opening the channel with a type of another layout
    /// is refused.
    pub record_type: Option<RecordType>,
    /// Whether the ring can be lent to other processes, [`InputRing::LANES`] at a time.
    pub shared: bool,
    /// Wishes to the kernel about its pages.
    pub pages: PageOptions,
    /// The budget against which its memory is counted.
    pub budget: Option<Arc<MemoryBudget>>,
}

impl Default for InputOptions {
    /// No name, records of unknown meaning, not shared.
    fn default() -> Self {
        Self {
            name: "(unnamed)".to_owned(),
            record_type: None,
            shared: false,
            pages: PageOptions::default(),
            budget: None,
        }
    }
}

/// The addresses of an input ring's two halves in this process.
///
/// The holder of a view keeps the memory mapped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InputView {
    consumer: NonNull<ConsumerHeader>,
    consumed: NonNull<AtomicU64>,
    sender: NonNull<SenderHeader>,
    published: NonNull<AtomicU64>,
    records: NonNull<u8>,
    pub(crate) geometry: InputGeometry,
    stride: usize,
}

// SAFETY: a view holds addresses of memory. Each side accesses that memory with atomics only, and
// as its protocol allows.
unsafe impl Send for InputView {}
// SAFETY: as above.
unsafe impl Sync for InputView {}

impl InputView {
    /// The view of a ring of `geometry` with its halves at `consumer` and `sender`.
    ///
    /// # Safety
    ///
    /// `geometry` is valid. `consumer` and `sender` are aligned to 128 and mapped readable for
    /// `consumer_size()` and `sender_size()` bytes for as long as the view or a copy of it is
    /// used, and Rust reaches them through views alone. Memory that a method writes is mapped
    /// writable when that method is called.
    pub(crate) unsafe fn new(
        consumer: NonNull<u8>,
        sender: NonNull<u8>,
        geometry: InputGeometry,
    ) -> Self {
        // SAFETY: within the consumers' half.
        let consumed = unsafe { consumer.add(InputGeometry::consumed_offset()) };
        // SAFETY: within the senders' half.
        let published = unsafe { sender.add(InputGeometry::published_offset()) };
        // SAFETY: within the senders' half.
        let records = unsafe { sender.add(geometry.records_offset()) };
        Self {
            consumer: consumer.cast(),
            consumed: consumed.cast(),
            sender: sender.cast(),
            published: published.cast(),
            records,
            geometry,
            stride: geometry.stride(),
        }
    }

    /// Makes an empty ring of zeroed halves. It writes the consumers' half alone, because a
    /// senders' half of zeros is empty.
    pub(crate) fn initialise(&self) {
        for (position, consumed) in (0_u64..).zip(self.consumed()) {
            consumed.store(position, Ordering::Release);
        }
    }

    #[inline]
    pub(crate) fn consumer(&self) -> &ConsumerHeader {
        // SAFETY: mapped and aligned for as long as the view is used; all fields are atomics.
        unsafe { self.consumer.as_ref() }
    }

    #[inline]
    pub(crate) fn sender(&self) -> &SenderHeader {
        // SAFETY: mapped and aligned for as long as the view is used; all fields are atomics.
        unsafe { self.sender.as_ref() }
    }

    #[inline]
    fn consumed(&self) -> &[AtomicU64] {
        // SAFETY: `capacity` aligned words lie there, for as long as the view is used.
        unsafe {
            core::slice::from_raw_parts(self.consumed.as_ptr(), self.geometry.capacity as usize)
        }
    }

    #[inline]
    fn published(&self) -> &[AtomicU64] {
        // SAFETY: `capacity` aligned words lie there, for as long as the view is used.
        unsafe {
            core::slice::from_raw_parts(self.published.as_ptr(), self.geometry.capacity as usize)
        }
    }

    #[inline]
    fn record(&self, number: u64) -> *mut u8 {
        let position = number & (u64::from(self.geometry.capacity) - 1);
        // SAFETY: `capacity` times `stride` bytes lie there, and this is one of the places.
        unsafe { self.records.add(position as usize * self.stride) }.as_ptr()
    }

    /// Takes the next record.
    ///
    /// # Safety
    ///
    /// `target` is writable for `record_size` bytes of memory that may be shared.
    #[inline]
    pub(crate) unsafe fn receive(&self, target: *mut u8) -> bool {
        let words = ConsumerWords {
            tail: &self.consumer().tail,
            published: self.published(),
            consumed: self.consumed(),
        };
        let Some(number) = words.claim() else {
            return false;
        };
        // SAFETY: a place holds `record_size` bytes; the caller promises that the target is valid.
        unsafe {
            shared_to_shared(
                self.record(number),
                target,
                self.geometry.record_size as usize,
            );
        }
        words.release(number);
        true
    }

    /// Sends a copy of `record`, filled with zeros.
    pub(crate) fn send(&self, record: &[u8]) -> Result<(), SendError> {
        let size = self.geometry.record_size as usize;
        if record.len() > size {
            self.count_drop();
            return Err(SendError::TooLong);
        }
        if self.consumer().closed.load(Ordering::Relaxed) != 0 {
            return Err(SendError::Closed);
        }
        let words = SenderWords {
            head: &self.sender().head,
            tail: &self.consumer().tail,
            published: self.published(),
            consumed: self.consumed(),
        };
        let Some(number) = words.claim() else {
            self.count_drop();
            return Err(SendError::Full);
        };
        let place = self.record(number);
        // SAFETY: the slice is readable; the place is `stride` bytes, and this sender has claimed
        // it.
        unsafe { shared_to_shared(record.as_ptr(), place, record.len()) };
        // SAFETY: the place is 8-aligned and has `size` bytes.
        unsafe { zero_shared(place, record.len(), size - record.len()) };
        words.publish(number);
        Ok(())
    }

    /// Records that were refused.
    pub(crate) fn dropped(&self) -> u64 {
        self.sender().dropped.load(Ordering::Relaxed)
    }

    fn count_drop(&self) {
        self.sender().dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// A bounded ring of records from senders to codelets; each record reaches one call.
#[derive(Debug)]
pub struct InputRing {
    view: InputView,
    name: String,
    record_type: OnceLock<RecordType>,
    /// For senders of other processes; empty unless shared.
    lanes: Lanes,
    charge: MemoryCharge,
    /// The memory that the view points into.
    _region: Region,
    /// Those of the ring and its lanes.
    _mappings: MappingShare,
}

/// The addresses by which machine code finds out that there is no record.
///
/// Let `n` be the u64 at `tail`. The ring is empty if the u64 at `published_at + 8 * (n & mask)`
/// is not `n + 1` and the u32 at `lanes` is 0. In every other case, call [`InputRing::receive`].
#[derive(Debug, Clone, Copy)]
pub struct InputAddresses {
    /// The number of the next record to take.
    pub tail: *const AtomicU64,
    /// The first of the words that tell which record a place holds.
    pub published_at: *const AtomicU64,
    /// Places less one.
    pub mask: u64,
    /// A bit for each attached sender of another process.
    pub lanes: *const AtomicU32,
}

impl InputRing {
    /// Senders in other processes that a shared ring can have at a time.
    pub const LANES: usize = 8;

    /// Bytes of memory of a new ring: [`new`](Self::new) charges and faults in as many.
    ///
    /// # Errors
    ///
    /// The errors of [`new`](Self::new) for sizes that no ring can have.
    pub fn memory_of(
        records: u32,
        record_size: u32,
        options: &InputOptions,
    ) -> Result<usize, ChannelError> {
        Ok(geometry(records, record_size, options)?.memory())
    }

    /// Bytes of memory that the ring takes now. Each sender in another process adds a half, or a
    /// whole ring.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.charge.bytes() + self.lanes.memory()
    }

    /// Makes a ring of at least `records` places for records of `record_size` bytes, in memory of
    /// this process.
    ///
    /// Its pages are faulted in.
    ///
    /// # Errors
    ///
    /// [`ChannelError::Empty`] and [`ChannelError::TooLarge`] (beyond 2^28 places or 1 MiB a
    /// record) for sizes that no ring can have, [`ChannelError::OverBudget`] if the budget has no
    /// room, [`ChannelError::System`] if there is no memory.
    pub fn new(
        records: u32,
        record_size: u32,
        options: &InputOptions,
    ) -> Result<Arc<Self>, ChannelError> {
        let geometry = geometry(records, record_size, options)?;
        let sender_offset = whole_pages(geometry.consumer_size());
        let len = geometry.memory();
        let charge = MemoryCharge::new(len, options.budget.as_ref())
            .map_err(ChannelError::over_budget(&options.name))?;
        let lanes = if options.shared { Self::LANES } else { 0 };
        // Each half of a lane is exchanged alone.
        let mappings = if options.shared { 2 + 2 * lanes } else { 1 };
        let mappings = MappingShare::take(mappings as u64)
            .map_err(ChannelError::too_many_mappings(&options.name))?;
        let region = Region::anonymous(len)
            .map_err(ChannelError::system(&options.name, "mapping its memory"))?;
        region
            .prepare(0, len, options.pages)
            .map_err(ChannelError::system(&options.name, "locking its memory"))?;
        let halves = region
            .at(0, geometry.consumer_size())
            .zip(region.at(sender_offset, geometry.sender_size()));
        let (consumer, sender) = halves.ok_or_else(|| too_large(records, record_size, options))?;
        // SAFETY: the geometry is valid, both halves lie in the region, page-aligned, and the ring
        // that holds the view owns the region. All of it is writable in this process.
        let view = unsafe { InputView::new(consumer, sender, geometry) };
        view.initialise();
        let lanes = Lanes::new(lanes, geometry, options.budget.clone()).map_err(
            ChannelError::system(&options.name, "reserving memory for senders"),
        )?;
        Ok(Arc::new(Self {
            view,
            name: options.name.clone(),
            record_type: options
                .record_type
                .clone()
                .map(OnceLock::from)
                .unwrap_or_default(),
            lanes,
            charge,
            _region: region,
            _mappings: mappings,
        }))
    }

    /// The channel's name in errors.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of its records, if anybody has declared it.
    #[must_use]
    pub fn record_type(&self) -> Option<&RecordType> {
        self.record_type.get()
    }

    /// Declares the type of the records. It fails if somebody has declared another layout. The
    /// type of a shorter record is compared with a known type and is not remembered.
    ///
    /// # Errors
    ///
    /// The place at which the two types disagree.
    pub fn declare(&self, record_type: RecordType) -> Result<(), Disagreement> {
        let whole = record_type.size == self.record_size();
        let known = match self.record_type.get() {
            Some(known) => known,
            None if whole => self.record_type.get_or_init(|| record_type.clone()),
            None => return Ok(()),
        };
        known.disagreement(&record_type).map_or(Ok(()), Err)
    }

    /// Places in the ring: the records asked for, rounded up to a power of two.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.view.geometry.capacity
    }

    /// Bytes of one record.
    #[must_use]
    pub fn record_size(&self) -> u32 {
        self.view.geometry.record_size
    }

    /// Records that this process's senders got in.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.view.sender().head.load(Ordering::Acquire)
    }

    /// Records sent by this process that codelets took.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.view.consumer().tail.load(Ordering::Acquire)
    }

    /// Records that were refused because the ring was full, or because they were too long.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.view.dropped()
    }

    /// Takes a record, from any thread; lock-free. If there is none, it returns false and leaves
    /// `target` untouched.
    ///
    /// # Safety
    ///
    /// `target` is writable for [`record_size`](Self::record_size) bytes, which may be shared
    /// memory. No Rust reference to them exists.
    #[inline]
    pub unsafe fn receive(&self, target: *mut u8) -> bool {
        // SAFETY: the caller promises it for `target`.
        if unsafe { self.view.receive(target) } {
            return true;
        }
        let attached = self.view.consumer().lanes.load(Ordering::Relaxed);
        // SAFETY: the caller promises it for `target`.
        attached != 0 && unsafe { self.lanes.receive(attached, target) }
    }

    pub(crate) fn view(&self) -> &InputView {
        &self.view
    }

    pub(crate) fn lanes(&self) -> &Lanes {
        &self.lanes
    }

    /// Tells consumers to look at `lane`, or to stop looking at it.
    pub(crate) fn announce_lane(&self, lane: usize, attached: bool) {
        let lanes = &self.view.consumer().lanes;
        if attached {
            lanes.fetch_or(1 << lane, Ordering::Release);
        } else {
            lanes.fetch_and(!(1 << lane), Ordering::Release);
        }
    }

    /// Sends a copy of `record`, from any thread. A record shorter than the channel's is filled up
    /// with zeros.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] and [`SendError::TooLong`], both counted; [`SendError::Closed`].
    pub fn send_bytes(&self, record: &[u8]) -> Result<(), SendError> {
        self.view.send(record)
    }

    /// Opens the ring for sending. There may be any number of senders.
    #[must_use]
    pub fn sender(self: &Arc<Self>) -> RawSender {
        RawSender::local(self.clone())
    }

    /// Declares that nobody will take records any more. Senders see it.
    pub fn close(&self) {
        self.view.consumer().closed.store(1, Ordering::Release);
        self.lanes.close();
    }

    /// For the compiler of codelets.
    #[must_use]
    pub fn addresses(&self) -> InputAddresses {
        InputAddresses {
            tail: &raw const self.view.consumer().tail,
            published_at: self.view.published().as_ptr(),
            mask: u64::from(self.view.geometry.capacity) - 1,
            lanes: &raw const self.view.consumer().lanes,
        }
    }
}

fn too_large(records: u32, record_size: u32, options: &InputOptions) -> ChannelError {
    ChannelError::TooLarge {
        channel: options.name.clone(),
        records,
        record_size,
    }
}

fn geometry(
    records: u32,
    record_size: u32,
    options: &InputOptions,
) -> Result<InputGeometry, ChannelError> {
    if records == 0 || record_size == 0 {
        return Err(ChannelError::Empty {
            channel: options.name.clone(),
            records,
            record_size,
        });
    }
    let geometry = InputGeometry {
        capacity: records.checked_next_power_of_two().unwrap_or(u32::MAX),
        record_size,
    };
    if geometry.is_valid() {
        Ok(geometry)
    } else {
        Err(too_large(records, record_size, options))
    }
}
