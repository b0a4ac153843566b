//! The producers' end of an output ring, in the process that owns it.

#![expect(
    unsafe_code,
    reason = "fills buffers of mapped memory from the caller's pointers"
)]

use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use jbpf_hooks::reclaim::HookCall;
use rustix::io::Errno;

use super::copy::{shared_to_shared, zero_shared};
use super::layout::{Control, MAX_CAPACITY, MAX_RECORD_SIZE, OutputGeometry, ThreadSlot};
use super::protocol::output::{Claim, OutputWords};
use super::reader::OutputView;
use super::region::{Access, PageOptions, Region, page_size, whole_pages};
use crate::limits::MappingShare;
use crate::record::{Disagreement, RecordType};
use crate::shared::memory::{Lendable, MemoryFile};
use crate::wake::{self, Doorbell, Producers, attention};
use crate::{ChannelError, MemoryBudget, MemoryCharge, RawReceiver, SendError};

/// Bytes of spare buffers kept for threads that do not exist yet. They are addresses without
/// memory until they are used.
const LATE_SPARES: usize = 16 << 20;

/// How an output ring is made.
#[derive(Debug, Clone)]
pub struct OutputOptions {
    /// The channel's name in errors.
    pub name: String,
    /// The type of its records, if it is known. Opening the channel with a type of another layout
    /// is refused.
    pub record_type: Option<RecordType>,
    /// Thread slots, from 0, whose buffers are made with the ring.
    /// [`prepare_slot`](OutputRing::prepare_slot) makes those of the others.
    pub prepared_slots: u32,
    /// Thread slots that can hold a reservation at all. The ring lowers it to the number of
    /// records that fit 16 MiB, and never below `prepared_slots`.
    pub max_slots: u32,
    /// Whether the ring can be lent to other processes: its memory is a file without a name.
    pub shared: bool,
    /// Wishes to the kernel about its pages.
    pub pages: PageOptions,
    /// The budget against which its memory is counted.
    pub budget: Option<Arc<MemoryBudget>>,
    /// The doorbells that receivers may ask to be rung when a record comes. Only the first 29 are
    /// used.
    pub doorbells: Vec<Arc<Doorbell>>,
}

impl Default for OutputOptions {
    /// No name, records of unknown meaning, 32 prepared slots of 1024, no doorbells, not shared.
    fn default() -> Self {
        Self {
            name: "(unnamed)".to_owned(),
            record_type: None,
            prepared_slots: 32,
            max_slots: 1024,
            shared: false,
            pages: PageOptions::default(),
            budget: None,
            doorbells: Vec::new(),
        }
    }
}

/// The whereabouts of an [`OutputRing`]'s records, at one moment.
///
/// The sum of `sent` and `dropped` is the number of records that codelets tried to send. Records
/// that were `received` or `passed_over` are no longer in the ring. The rest of those `sent` waits
/// there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutputCounts {
    /// Records accepted.
    pub sent: u64,
    /// Records that found no place.
    pub dropped: u64,
    /// Records that a primary reader has released.
    pub received: u64,
    /// Records that made room without having been read: [`OutputRing::passed_over`].
    pub passed_over: u64,
}

/// A bounded ring of records from any thread to one reader.
///
/// A *thread slot* is a small dense number that belongs to one thread at a time
/// (`jbpf_hooks::reclaim::ThreadRecord`); [`OutputRing::NO_SLOT`] stands for threads without one.
#[derive(Debug)]
pub struct OutputRing {
    view: OutputView,
    name: String,
    record_type: OnceLock<RecordType>,
    doorbells: Box<[Arc<Doorbell>]>,
    /// Readers of this process sleep on it.
    bell: AtomicU32,
    /// Whether the ring has a primary reader. A thread holds the lock for moments, when a reader
    /// begins or ends, or a tap stands in for one.
    has_reader: Mutex<bool>,
    /// The thread slots that may reserve, and their memory. A thread holds the lock for moments,
    /// to make more.
    ready: Arc<Mutex<Ready>>,
    /// The cursors' files that were lent, one for each user.
    cursors: Mutex<Vec<Lendable>>,
    pages: PageOptions,
    /// The memory that a shared ring lends to other processes.
    data_file: Option<MemoryFile>,
    /// The memory that the view points into: the page of control words, then the producers'
    /// memory.
    region: Region,
    /// Those of the region: the page of control words, which is exchanged, and what lies before and
    /// behind it, sparse or not.
    _mappings: MappingShare,
}

/// The part of a ring that is memory.
#[derive(Debug)]
struct Ready {
    /// Thread slots whose buffers are there.
    slots: u32,
    charge: MemoryCharge,
}

/// The charge for the memory of a ring that another process may have mapped, whether the ring is
/// still there or not.
#[derive(Debug)]
pub(crate) struct KeptCharge(#[expect(dead_code, reason = "held, not read")] Arc<Mutex<Ready>>);

/// Bytes of memory of a ring in which slots below `ready` may reserve: the page of control words,
/// and the producers' part.
fn memory(geometry: OutputGeometry, ready: u32) -> usize {
    page_size() + whole_pages(geometry.ready_size(ready))
}

impl OutputRing {
    /// Bytes of memory of a new ring: [`new`](Self::new) charges and faults in as many.
    ///
    /// # Errors
    ///
    /// The errors of [`new`](Self::new) for sizes that no ring can have.
    pub fn memory_of(
        records: u32,
        record_size: u32,
        options: &OutputOptions,
    ) -> Result<usize, ChannelError> {
        let geometry = geometry(records, record_size, options)?;
        Ok(memory(geometry, options.prepared_slots))
    }

    /// Bytes of memory that the ring takes now. Each prepared slot adds to it.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.ready().charge.bytes()
    }

    /// Stands for threads without a slot of their own. They can send, but not reserve.
    pub const NO_SLOT: u32 = u32::MAX;

    /// Makes a ring of at least `records` places for records of `record_size` bytes, in memory of
    /// this process.
    ///
    /// Its pages are faulted in.
    ///
    /// # Errors
    ///
    /// [`ChannelError::Empty`] and [`ChannelError::TooLarge`] (beyond 2^28 places or 1 MiB a
    /// record) for sizes that no ring can have, [`ChannelError::OverBudget`] if the budget has no
    /// room, [`ChannelError::System`] if there is no memory. A shared ring also fails with
    /// `System` if the kernel cannot seal a file against writing (Linux before 5.1).
    pub fn new(
        records: u32,
        record_size: u32,
        options: &OutputOptions,
    ) -> Result<Arc<Self>, ChannelError> {
        let geometry = geometry(records, record_size, options)?;
        let prepared = memory(geometry, options.prepared_slots);
        let charge = MemoryCharge::new(prepared, options.budget.as_ref())
            .map_err(ChannelError::over_budget(&options.name))?;
        let mappings = if options.shared { 6 } else { 3 };
        let mappings =
            MappingShare::take(mappings).map_err(ChannelError::too_many_mappings(&options.name))?;
        let region = Region::anonymous(page_size() + geometry.size())
            .map_err(ChannelError::system(&options.name, "mapping its memory"))?;
        let data_file = options
            .shared
            .then(|| place_data_file(&region, geometry, prepared - page_size()))
            .transpose()
            .map_err(ChannelError::system(
                &options.name,
                "making its memory file",
            ))?;
        region.keep_sparse(
            prepared,
            (page_size() + geometry.size()).saturating_sub(prepared),
        );
        region
            .prepare(0, prepared, options.pages)
            .map_err(ChannelError::system(&options.name, "locking its memory"))?;
        Self::on(region, mappings, data_file, geometry, options, charge).map(Arc::new)
    }

    /// Makes a ring in zeroed memory.
    fn on(
        region: Region,
        mappings: MappingShare,
        data_file: Option<MemoryFile>,
        geometry: OutputGeometry,
        options: &OutputOptions,
        charge: MemoryCharge,
    ) -> Result<Self, ChannelError> {
        let parts = region
            .at(page_size(), geometry.size())
            .zip(region.at(0, page_size()));
        let Some((data, control)) = parts else {
            return Err(too_large(geometry.capacity, geometry.record_size, options));
        };
        // SAFETY: the geometry is valid, both parts lie in the region, page-aligned, and the ring
        // that holds the view owns the region. All of it is writable in this process.
        let view = unsafe { OutputView::new(data, control, geometry) };
        let words = view.words();
        for (position, entry) in (0..).zip(words.entries) {
            entry.store(
                OutputWords::initial_entry(position, geometry.capacity),
                Ordering::Relaxed,
            );
        }
        words
            .limit
            .store(u64::from(geometry.capacity), Ordering::Release);
        for slot in options.prepared_slots..geometry.slots {
            if let Some(line) = view.slot(slot) {
                line.reserved.store(ThreadSlot::UNREADY, Ordering::Relaxed);
            }
        }
        Ok(Self {
            view,
            name: options.name.clone(),
            record_type: options
                .record_type
                .clone()
                .map(OnceLock::from)
                .unwrap_or_default(),
            doorbells: options
                .doorbells
                .iter()
                .take(attention::DOORBELLS)
                .cloned()
                .collect(),
            bell: AtomicU32::new(0),
            has_reader: Mutex::new(false),
            ready: Arc::new(Mutex::new(Ready {
                slots: options.prepared_slots,
                charge,
            })),
            cursors: Mutex::default(),
            pages: options.pages,
            data_file,
            region,
            _mappings: mappings,
        })
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

    /// Records accepted so far; the next record's number.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.view.header().traffic.head.load(Ordering::Acquire)
    }

    /// Records dropped so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.view.dropped()
    }

    /// Records that made room for others although no primary reader released them. Either a tap
    /// stood in for a reader and went past them ([`tap`](Self::tap)), or a reader in another
    /// process left while the ring was full, which costs one record.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.view.passed_over()
    }

    /// The whereabouts of the records so far.
    #[must_use]
    pub fn counts(&self) -> OutputCounts {
        // While the lock is held no tap stands in, so the counts of passed over and of released
        // records belong to one moment.
        let _nobody_stands_in = self.has_reader();
        let passed_over = self.passed_over();
        OutputCounts {
            dropped: self.dropped(),
            received: self.delivered().saturating_sub(passed_over),
            passed_over,
            // This is read last, so that it is never below the number of records that have gone.
            sent: self.sent(),
        }
    }

    /// Records that are no longer in the ring, [received](OutputCounts::received) or [passed
    /// over](Self::passed_over). It is also the number of the oldest record that the ring still
    /// holds.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        let cursor = self.view.control().cursor.0.load(Ordering::Acquire);
        let believed = self.view.words().believed_cursor();
        let pending = self.sent().wrapping_sub(believed);
        if cursor.wrapping_sub(believed) <= pending {
            cursor
        } else {
            believed
        }
    }

    /// Whether the ring has a primary reader, in this process or another. Without one, the ring
    /// fills up and then drops records.
    #[must_use]
    pub fn is_read(&self) -> bool {
        *self.has_reader()
    }

    /// Cursors that producers did not believe, because they could not be true.
    #[must_use]
    pub fn refused_cursors(&self) -> u64 {
        self.view.header().losses.refused.load(Ordering::Relaxed)
    }

    /// Makes the buffers of thread `slot`, and of the slots below it, ahead of the thread's first
    /// call. Until then the thread cannot reserve.
    ///
    /// # Errors
    ///
    /// [`ChannelError::OverBudget`] if the budget has no room, [`ChannelError::System`] if there
    /// is no memory.
    pub fn prepare_slot(&self, slot: u32) -> Result<(), ChannelError> {
        let geometry = self.view.geometry;
        if slot >= geometry.slots {
            return Ok(());
        }
        let mut ready = self.ready();
        if slot < ready.slots {
            return Ok(());
        }
        let (before, after) = (memory(geometry, ready.slots), memory(geometry, slot + 1));
        let more = after - before;
        ready
            .charge
            .grow(more)
            .map_err(ChannelError::over_budget(&self.name))?;
        if let Err(errno) = self.make_ready(before, more) {
            ready.charge.shrink(more);
            return Err(ChannelError::system(&self.name, "making a thread's buffer")(errno));
        }
        for new in ready.slots..=slot {
            if let Some(line) = self.view.slot(new) {
                // The slot's thread cannot have reserved before.
                line.reserved.store(0, Ordering::Release);
            }
        }
        ready.slots = slot + 1;
        Ok(())
    }

    /// Takes memory for `len` bytes from `offset` of the region.
    fn make_ready(&self, offset: usize, len: usize) -> rustix::io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        if let Some(file) = &self.data_file {
            // Through the mapping: a peer may have the file.
            match self.region.populate(offset, len) {
                Err(Errno::INVAL) => file.allocate(offset - page_size(), len)?,
                populated => populated?,
            }
        }
        self.region.prepare(offset, len, self.pages)
    }

    /// Locks `ready`. A thread that panicked while it held the lock has left consistent numbers.
    fn ready(&self) -> MutexGuard<'_, Ready> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a copy of the `len` bytes at `record`. A record shorter than the channel's is filled
    /// up with zeros.
    ///
    /// `slot` is the calling thread's, or [`NO_SLOT`](Self::NO_SLOT). A slot makes counting of
    /// drops cheap.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] and [`SendError::TooLong`]; both are counted as dropped.
    ///
    /// # Safety
    ///
    /// `record` is readable for `len` bytes of memory that may be shared: nobody holds a `&mut` to
    /// it. This thread alone uses `slot`, or it is `NO_SLOT`.
    #[inline]
    pub unsafe fn send(&self, slot: u32, record: *const u8, len: usize) -> Result<(), SendError> {
        let size = self.view.geometry.record_size as usize;
        if len > size {
            self.count_drop(slot);
            return Err(SendError::TooLong);
        }
        let words = self.view.words();
        let Some(claim) = self.claim(self.view.slot(slot)) else {
            self.count_drop(slot);
            return Err(SendError::Full);
        };
        if let Some(buffer) = self.view.buffer(claim.buffer) {
            // SAFETY: the caller promises the source; the buffer is `stride` bytes, and this call
            // has claimed it.
            unsafe { shared_to_shared(record, buffer.as_ptr(), len) };
            if len < size {
                // SAFETY: the buffer is 8-aligned and has `size` bytes.
                unsafe { zero_shared(buffer.as_ptr(), len, size - len) };
            }
        }
        words.publish(claim.number, claim.buffer);
        self.notify();
        Ok(())
    }

    /// Sends a copy of `record`, from any thread.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub fn send_bytes(&self, record: &[u8]) -> Result<(), SendError> {
        // SAFETY: the slice is readable, and a shared borrow of it excludes a `&mut`.
        unsafe { self.send(Self::NO_SLOT, record.as_ptr(), record.len()) }
    }

    /// As [`reserve_in`](Self::reserve_in), outside of hooks.
    #[inline]
    #[must_use]
    pub fn reserve(&self, slot: u32) -> *mut u8 {
        self.reserve_in(slot, HookCall::NONE)
    }

    /// The calling thread's buffer for the next record, 8-aligned. Null if the ring is full or has
    /// no buffer for this slot ([`prepare_slot`](Self::prepare_slot)); both count as a drop.
    ///
    /// It is the same buffer until [`commit_in`](Self::commit_in). Its bytes are left from an
    /// older record of this channel.
    ///
    /// A thread has one buffer. While a hook call has it, nested hook calls, which its codelet
    /// makes by way of helpers, do not get it, and their attempts count as drops. So no codelet
    /// fills or sends a buffer that another one is filling.
    ///
    /// `slot` must be the calling thread's alone. With [`NO_SLOT`](Self::NO_SLOT) the answer is
    /// null.
    #[inline]
    #[must_use]
    pub fn reserve_in(&self, slot: u32, call: HookCall) -> *mut u8 {
        let Some(line) = self.view.slot(slot) else {
            self.count_drop(slot);
            return ptr::null_mut();
        };
        let holder = line.reserved.load(Ordering::Relaxed);
        let refused = match holder {
            0 => self.view.words().is_full(),
            ThreadSlot::UNREADY => true,
            _ => call.is_inside_of(HookCall::from_word(holder)),
        };
        if refused {
            self.count_drop(slot);
            return ptr::null_mut();
        }
        line.reserved.store(call.word(), Ordering::Relaxed);
        let spare = line.spare.load(Ordering::Relaxed) ^ self.first_spare(slot);
        self.view
            .buffer(spare)
            .map_or(ptr::null_mut(), |buffer| buffer.as_ptr())
    }

    /// As [`commit_in`](Self::commit_in), outside of hooks.
    ///
    /// # Errors
    ///
    /// As `commit_in`.
    #[inline]
    pub fn commit(&self, slot: u32) -> Result<(), SendError> {
        self.commit_in(slot, HookCall::NONE)
    }

    /// Sends the calling thread's reserved buffer, without copying it.
    ///
    /// # Errors
    ///
    /// [`SendError::NotReserved`] if there is no reservation, or if an outer hook call has it.
    /// [`SendError::Full`] if the ring has filled up since; the reservation ends, and the record
    /// counts as dropped.
    #[inline]
    pub fn commit_in(&self, slot: u32, call: HookCall) -> Result<(), SendError> {
        let line = self.view.slot(slot).ok_or(SendError::NotReserved)?;
        let holder = line.reserved.load(Ordering::Relaxed);
        let none = holder == 0 || holder == ThreadSlot::UNREADY;
        if none || call.is_inside_of(HookCall::from_word(holder)) {
            return Err(SendError::NotReserved);
        }
        line.reserved.store(0, Ordering::Relaxed);
        let Some(claim) = self.claim(Some(line)) else {
            self.count_drop(slot);
            return Err(SendError::Full);
        };
        let first = self.first_spare(slot);
        let spare = line.spare.load(Ordering::Relaxed) ^ first;
        line.spare.store(claim.buffer ^ first, Ordering::Relaxed);
        self.view.words().publish(claim.number, spare);
        self.notify();
        Ok(())
    }

    #[inline]
    fn claim(&self, line: Option<&ThreadSlot>) -> Option<Claim> {
        let words = self.view.words();
        let Some(line) = line else {
            return words.claim(words.head.load(Ordering::Relaxed));
        };
        let claim = words.claim(line.expected(words.head))?;
        line.claimed(claim.number);
        Some(claim)
    }

    #[inline]
    fn first_spare(&self, slot: u32) -> u32 {
        self.view.geometry.capacity + slot
    }

    /// Counts a drop in the thread's own line, without an atomic read-modify-write or a shared
    /// line. Threads without a slot share a counter.
    #[inline]
    fn count_drop(&self, slot: u32) {
        let losses = &self.view.header().losses;
        let Some(line) = self.view.slot(slot) else {
            losses.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let before = line.dropped.load(Ordering::Relaxed);
        line.dropped.store(before + 1, Ordering::Relaxed);
        if before == 0 {
            losses.slots_seen.fetch_max(slot + 1, Ordering::Release);
        }
    }

    /// Wakes the readers that sleep until the next record. Machine code calls it after it has
    /// published a record by itself: [`OutputAddresses`](crate::OutputAddresses).
    #[inline]
    pub fn notify(&self) {
        wake::after_publishing();
        let wanted = self.view.header().traffic.attention.load(Ordering::Relaxed);
        if wanted != 0 {
            self.attend(wanted);
        }
    }

    /// Wakes the readers whose bits are set in `wanted`.
    #[cold]
    fn attend(&self, wanted: u32) {
        if wanted & attention::REMOTE != 0 {
            let sleeping = &self.view.control().sleeping.0;
            if sleeping.load(Ordering::Relaxed) != 0 && sleeping.swap(0, Ordering::AcqRel) != 0 {
                wake::wake(sleeping, true);
            }
        }
        if wanted & !attention::REMOTE == 0 {
            return;
        }
        let armed = self
            .view
            .header()
            .traffic
            .attention
            .fetch_and(attention::REMOTE, Ordering::AcqRel);
        if armed & attention::LOCAL != 0 {
            self.bell.fetch_add(1, Ordering::Release);
            wake::wake(&self.bell, false);
        }
        for (at, doorbell) in self.doorbells.iter().enumerate() {
            if armed & (attention::DOORBELL << at) != 0 {
                doorbell.ring();
            }
        }
    }

    /// Declares that no record will come any more, and wakes every reader to tell it.
    ///
    /// The caller has stopped the producers; a record sent later is lost. In a forked child it
    /// does nothing, because the ring is its parent's.
    pub fn close(&self) {
        if self
            .data_file
            .as_ref()
            .is_some_and(MemoryFile::is_inherited)
        {
            return;
        }
        self.view.header().traffic.closed.store(1, Ordering::SeqCst);
        self.attend(u32::MAX);
    }

    /// Opens the ring for its primary reader, from the first record that no earlier reader
    /// released.
    ///
    /// # Errors
    ///
    /// [`ChannelError::AlreadyOpen`] if the ring has a primary reader.
    pub fn primary(self: &Arc<Self>) -> Result<RawReceiver, ChannelError> {
        self.begin_primary()?;
        Ok(RawReceiver::primary(self.clone(), self.delivered()))
    }

    /// Opens the ring for watching, from the next record on. A tap takes nothing away from the
    /// primary reader, delays nobody, and loses the records for which it is too slow.
    ///
    /// Without a primary reader, a ring would fill up and send nothing more. So a tap then stands
    /// in for the reader: it releases the records of the older half that it has passed. The newer
    /// half waits for the next reader.
    #[must_use]
    pub fn tap(self: &Arc<Self>) -> RawReceiver {
        RawReceiver::tap(self.clone(), self.sent())
    }

    /// Makes the caller the primary reader, if there is none.
    pub(crate) fn begin_primary(&self) -> Result<(), ChannelError> {
        let mut has_reader = self.has_reader();
        if *has_reader {
            return Err(ChannelError::AlreadyOpen {
                channel: self.name.clone(),
            });
        }
        *has_reader = true;
        Ok(())
    }

    /// Ends what [`begin_primary`](Self::begin_primary) began.
    pub(crate) fn end_primary(&self) {
        *self.has_reader() = false;
        // Taps stand in from here on. No record would wake them if the ring is full.
        self.attend(!attention::REMOTE);
    }

    /// Releases the records of the ring's older half that a tap at `next` has passed, if the ring
    /// has no primary reader.
    pub(crate) fn stand_in(&self, next: u64) {
        if !self.is_half_full_behind(next) {
            return;
        }
        let has_reader = self.has_reader();
        let target = self.view.passed_half(next);
        let delivered = self.delivered();
        if !*has_reader && target > delivered {
            self.view.words().release(target);
            self.count_passed_over(target.wrapping_sub(delivered));
        }
    }

    /// A file for the cursor of a reader of `user`: the one that it had, or a new one, whose page
    /// is charged for as long as the ring lives.
    pub(crate) fn take_cursor_file(&self, user: u32) -> Result<Lendable, ChannelError> {
        let mut kept = self.cursors();
        if let Some(at) = kept.iter().position(|file| file.is_for(user)) {
            return Ok(kept.swap_remove(at));
        }
        let mut ready = self.ready();
        let charge = &mut ready.charge;
        charge
            .grow(page_size())
            .map_err(ChannelError::over_budget(&self.name))?;
        Lendable::new(user, size_of::<Control>()).map_err(|errno| {
            charge.shrink(page_size());
            ChannelError::system(&self.name, "making the cursor's file")(errno)
        })
    }

    /// Keeps the charge for its memory.
    pub(crate) fn keep_charge(&self) -> KeptCharge {
        KeptCharge(Arc::clone(&self.ready))
    }

    /// Keeps what [`take_cursor_file`](Self::take_cursor_file) gave, for the user's next reader.
    pub(crate) fn keep_cursor_file(&self, file: Lendable) {
        self.cursors().push(file);
    }

    /// Locks `cursors`. A panic leaves it whole.
    fn cursors(&self) -> MutexGuard<'_, Vec<Lendable>> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Settles the cursor after the caller has taken it away from a peer.
    pub(crate) fn settle(&self) {
        // Holding the lock keeps `counts` from reading a state in between.
        let _nobody_counts = self.has_reader();
        let settled = self.view.words().settle();
        self.count_passed_over(settled.given_up);
    }

    fn count_passed_over(&self, records: u64) {
        let losses = &self.view.header().losses;
        losses.passed_over.fetch_add(records, Ordering::Relaxed);
    }

    /// Whether a tap at `next` has records to release in place of a reader.
    pub(crate) fn needs_stand_in(&self, next: u64) -> bool {
        self.is_half_full_behind(next) && !*self.has_reader()
    }

    fn is_half_full_behind(&self, next: u64) -> bool {
        self.view.passed_half(next) > self.delivered()
    }

    /// Locks `has_reader`. A thread that panicked while it held the lock has left a plain boolean.
    fn has_reader(&self) -> MutexGuard<'_, bool> {
        self.has_reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn view(&self) -> &OutputView {
        &self.view
    }

    pub(crate) fn data_file(&self) -> Option<&MemoryFile> {
        self.data_file.as_ref()
    }

    /// Lets `place` put other pages at the offset of the control words in the region.
    pub(crate) fn place_control(
        &self,
        place: impl FnOnce(&Region, usize) -> rustix::io::Result<()>,
    ) -> rustix::io::Result<()> {
        place(&self.region, 0)
    }

    /// Arms `doorbell`, when it is one of this ring's.
    pub(crate) fn arm(&self, doorbell: &Doorbell) {
        let at = self
            .doorbells
            .iter()
            .position(|own| ptr::eq(Arc::as_ptr(own), doorbell));
        if let Some(at) = at {
            self.announce(attention::DOORBELL << at);
        }
    }

    fn announce(&self, who: u32) {
        let wanted = &self.view.header().traffic.attention;
        wanted.fetch_or(who, Ordering::SeqCst);
    }

    /// Sleeps until `ready` or until `deadline`. Returns true if it is ready.
    pub(crate) fn wait_until(&self, deadline: Option<Instant>, ready: impl Fn() -> bool) -> bool {
        loop {
            let rung = self.bell.load(Ordering::Acquire);
            self.announce(attention::LOCAL);
            let signalled = wake::fence_producers(Producers::ThisProcess);
            if ready() {
                return true;
            }
            let Some(left) = wake::left(deadline) else {
                return false;
            };
            let limit = if signalled {
                left
            } else {
                Some(left.map_or(wake::UNSIGNALLED, |left| left.min(wake::UNSIGNALLED)))
            };
            wake::sleep(&self.bell, rung, false, limit);
        }
    }
}

/// Puts a memory file at the place of a ring's producers' memory.
fn place_data_file(
    region: &Region,
    geometry: OutputGeometry,
    allocated: usize,
) -> rustix::io::Result<MemoryFile> {
    let file = MemoryFile::unallocated(geometry.size())?;
    file.allocate(0, allocated)?;
    region.place_file(page_size(), geometry.size(), file.as_fd(), Access::Write)?;
    // Nobody maps the file for writing after this mapping.
    file.seal_against_writing()?;
    Ok(file)
}

fn too_large(records: u32, record_size: u32, options: &OutputOptions) -> ChannelError {
    ChannelError::TooLarge {
        channel: options.name.clone(),
        records,
        record_size,
    }
}

fn geometry(
    records: u32,
    record_size: u32,
    options: &OutputOptions,
) -> Result<OutputGeometry, ChannelError> {
    if records == 0 || record_size == 0 {
        return Err(ChannelError::Empty {
            channel: options.name.clone(),
            records,
            record_size,
        });
    }
    if records > MAX_CAPACITY || record_size > MAX_RECORD_SIZE {
        return Err(too_large(records, record_size, options));
    }
    let affordable = LATE_SPARES / (record_size as usize).next_multiple_of(8);
    let late = options
        .max_slots
        .min(u32::try_from(affordable).unwrap_or(u32::MAX));
    let geometry = OutputGeometry {
        capacity: records.next_power_of_two(),
        record_size,
        slots: late.max(options.prepared_slots),
    };
    if geometry.is_valid() {
        Ok(geometry)
    } else {
        Err(too_large(records, record_size, options))
    }
}
