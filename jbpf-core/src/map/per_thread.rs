//! Maps with a copy for each thread.
//!
//! A copy belongs to a *slot*, the number of a
//! [`ThreadRecord`](jbpf_hooks::reclaim::ThreadRecord). A thread that exits passes its slot on,
//! and with it the copy, so counts are never lost. Copies are made at load for the slots that
//! exist and, for later ones, before their threads run codelets (`threads`); they live as long as
//! the map. Each is on pages of its own, so that no two threads write to one cache line.
#![expect(
    unsafe_code,
    reason = "owns copies through the atomic pointers that machine code reads"
)]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "an address is computed and used under one proof"
)]

use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jbpf_channel::MemoryCharge;

use super::array::ArrayLayout;
use super::hash::{HashLayout, HashTable};
use super::pages::{MapOptions, Pages, PagesError};

/// Slots that machine code finds without a call; later ones take the slow path on every use.
pub const INLINE_SLOTS: u32 = 512;

/// Segments after the first: each doubles the number of entries, so these reach every `u32`.
const LATER_SEGMENTS: usize = (u32::BITS - INLINE_SLOTS.ilog2()) as usize;

/// Pointers by slot, set once each. The holder of the table owns the objects that they point to.
struct SlotTable<T> {
    first: Box<[AtomicPtr<T>]>,
    later: [AtomicPtr<AtomicPtr<T>>; LATER_SEGMENTS],
    /// The memory of the segments, and of the owner's records of each copy besides its pages.
    charge: Mutex<MemoryCharge>,
}

/// Bytes of a segment.
const fn segment_bytes(len: usize) -> usize {
    len * size_of::<AtomicPtr<u8>>()
}

impl<T> SlotTable<T> {
    fn new(options: &MapOptions) -> Result<Self, PagesError> {
        let charge = MemoryCharge::new(
            segment_bytes(INLINE_SLOTS as usize),
            options.budget.as_ref(),
        )?;
        Ok(Self {
            first: empty_segment(INLINE_SLOTS as usize),
            later: [const { AtomicPtr::new(ptr::null_mut()) }; LATER_SEGMENTS],
            charge: Mutex::new(charge),
        })
    }

    fn charge(&self) -> MutexGuard<'_, MemoryCharge> {
        // Nothing panics while it is locked.
        self.charge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The segment of a slot at or beyond [`INLINE_SLOTS`], its length and the place in it.
    fn locate(slot: u32) -> (usize, usize, usize) {
        let segment = slot.ilog2() - INLINE_SLOTS.ilog2();
        let len = (INLINE_SLOTS as usize) << segment;
        (segment as usize, len, slot as usize - len)
    }

    #[inline]
    fn get(&self, slot: u32) -> *mut T {
        match self.first.get(slot as usize) {
            Some(entry) => entry.load(Ordering::Acquire),
            None => self.get_later(slot),
        }
    }

    #[cold]
    fn get_later(&self, slot: u32) -> *mut T {
        let (segment, _, place) = Self::locate(slot);
        let entries = self
            .later
            .get(segment)
            .map_or(ptr::null_mut(), |s| s.load(Ordering::Acquire));
        if entries.is_null() {
            return ptr::null_mut();
        }
        // SAFETY: a segment that is there has the length of `locate`, and `place` is below it.
        let entry = unsafe { &*entries.add(place) };
        entry.load(Ordering::Acquire)
    }

    /// Sets the entry of a slot.
    ///
    /// # Errors
    /// The pointer that is set already. `fresh` remains the caller's.
    fn install(&self, slot: u32, fresh: NonNull<T>) -> Result<(), *mut T> {
        let Ok(entry) = self.entry(slot) else {
            return Err(ptr::null_mut());
        };
        entry
            .compare_exchange(
                ptr::null_mut(),
                fresh.as_ptr(),
                Ordering::AcqRel,
                Ordering::Acquire,
            )
            .map(|_| ())
    }

    fn entry(&self, slot: u32) -> Result<&AtomicPtr<T>, PagesError> {
        let no_place = || PagesError::Refused {
            bytes: size_of::<T>(),
            reason: format!("no place for thread slot {slot}"),
        };
        if slot < INLINE_SLOTS {
            return self.first.get(slot as usize).ok_or_else(no_place);
        }
        let (segment, len, place) = Self::locate(slot);
        let segment = self.later.get(segment).ok_or_else(no_place)?;
        let mut entries = segment.load(Ordering::Acquire);
        if entries.is_null() {
            self.charge().grow(segment_bytes(len))?;
            let fresh = Box::into_raw(empty_segment::<T>(len)).cast::<AtomicPtr<T>>();
            entries = match segment.compare_exchange(
                ptr::null_mut(),
                fresh,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => fresh,
                Err(there) => {
                    // SAFETY: made above with this length and not published.
                    unsafe { drop_segment(fresh, len) };
                    self.charge().shrink(segment_bytes(len));
                    there
                }
            };
        }
        // SAFETY: a segment that is there has `len` entries and lives as long as the table;
        // `place` is below `len`.
        Ok(unsafe { &*entries.add(place) })
    }

    /// All entries that are set, with their slots.
    fn iter(&self) -> impl Iterator<Item = (u32, NonNull<T>)> {
        let later = self
            .later
            .iter()
            .enumerate()
            .flat_map(|(segment, entries)| {
                let len = (INLINE_SLOTS as usize) << segment;
                let entries = entries.load(Ordering::Acquire);
                let segment: &[AtomicPtr<T>] = if entries.is_null() {
                    &[]
                } else {
                    // SAFETY: a segment that is there has `len` entries and lives as long as the
                    // table.
                    unsafe { std::slice::from_raw_parts(entries, len) }
                };
                segment.iter().zip(len..)
            });
        self.first
            .iter()
            .zip(0..)
            .chain(later)
            .filter_map(|(entry, slot)| {
                let entry = NonNull::new(entry.load(Ordering::Acquire))?;
                Some((u32::try_from(slot).ok()?, entry))
            })
    }
}

impl<T> Drop for SlotTable<T> {
    fn drop(&mut self) {
        for (segment, entries) in self.later.iter_mut().enumerate() {
            let entries = *entries.get_mut();
            if !entries.is_null() {
                // SAFETY: made by `entry` with this length, and nobody uses the table any more.
                unsafe { drop_segment(entries, (INLINE_SLOTS as usize) << segment) };
            }
        }
    }
}

impl<T> fmt::Debug for SlotTable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

fn empty_segment<T>(len: usize) -> Box<[AtomicPtr<T>]> {
    (0..len).map(|_| AtomicPtr::new(ptr::null_mut())).collect()
}

/// # Safety
/// `entries` and `len` are those of an [`empty_segment`] turned raw, and nobody uses it any more.
unsafe fn drop_segment<T>(entries: *mut AtomicPtr<T>, len: usize) {
    let segment = ptr::slice_from_raw_parts_mut(entries, len);
    // SAFETY: the caller's word.
    drop(unsafe { Box::from_raw(segment) });
}

/// PER_THREAD_ARRAY: values by index, one run of them a thread.
#[derive(Debug)]
pub struct PerThreadArray {
    layout: ArrayLayout,
    options: MapOptions,
    copies: SlotTable<u8>,
    /// The pages that the entries of the table point to.
    pages: Mutex<Vec<Pages>>,
}

impl PerThreadArray {
    /// Bytes of the table.
    pub(super) const TABLE: usize = segment_bytes(INLINE_SLOTS as usize);
    /// Bytes that are kept of a copy besides its pages.
    pub(super) const BOOKS: usize = size_of::<Pages>();

    pub(super) fn new(layout: ArrayLayout, options: &MapOptions) -> Result<Self, PagesError> {
        Ok(Self {
            layout,
            options: options.clone(),
            copies: SlotTable::new(options)?,
            pages: Mutex::default(),
        })
    }

    /// Bytes from one value to the next: `value_size` rounded up to a multiple of 8.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.layout.stride()
    }

    /// How many values a copy has.
    #[must_use]
    pub fn max_entries(&self) -> u32 {
        self.layout.entries()
    }

    /// The places of the values in a copy.
    #[must_use]
    pub fn layout(&self) -> ArrayLayout {
        self.layout
    }

    /// For machine code: a pointer by slot, the address of the first value of that slot's copy, or
    /// null when there is none yet. At this address as long as the map lives.
    #[must_use]
    pub fn table(&self) -> *const AtomicPtr<u8> {
        self.copies.first.as_ptr()
    }

    /// How many slots have a place in [`table`](Self::table).
    #[must_use]
    pub fn table_len(&self) -> usize {
        self.copies.first.len()
    }

    /// The values of a slot, or null when it has no copy.
    #[inline]
    #[must_use]
    pub fn copy(&self, slot: u32) -> *mut u8 {
        self.copies.get(slot)
    }

    /// Makes the copy of a slot, unless it exists.
    pub(super) fn create(&self, slot: u32) -> Result<*mut u8, PagesError> {
        let there = self.copy(slot);
        if !there.is_null() {
            return Ok(there);
        }
        self.copies.entry(slot)?;
        self.copies.charge().grow(Self::BOOKS)?;
        let fresh = Pages::new(self.layout.bytes(), &self.options);
        let installed = fresh.map(|fresh| {
            let start = fresh.start();
            self.copies
                .install(slot, fresh.first())
                .map(|()| (start, fresh))
        });
        match installed {
            Ok(Ok((start, fresh))) => {
                self.pages().push(fresh);
                Ok(start)
            }
            Ok(Err(there)) => {
                self.copies.charge().shrink(Self::BOOKS);
                Ok(there)
            }
            Err(error) => {
                self.copies.charge().shrink(Self::BOOKS);
                Err(error)
            }
        }
    }

    fn pages(&self) -> MutexGuard<'_, Vec<Pages>> {
        // Nothing panics while it is locked.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The copies that exist, with their slots.
    pub(super) fn copies(&self) -> impl Iterator<Item = (u32, *mut u8)> {
        self.copies.iter().map(|(slot, copy)| (slot, copy.as_ptr()))
    }

    pub(super) fn bytes(&self) -> usize {
        let pages: usize = self.pages().iter().map(Pages::size).sum();
        self.copies.charge().bytes() + pages
    }

    pub(super) fn contains(&self, addr: usize, len: usize, slot: u32) -> bool {
        let copy = self.copy(slot);
        !copy.is_null()
            && addr
                .checked_sub(copy.addr())
                .is_some_and(|offset| self.layout.inside_value(offset, len))
    }
}

/// PER_THREAD_HASHMAP: a hash table a thread.
#[derive(Debug)]
pub struct PerThreadHash {
    layout: HashLayout,
    options: MapOptions,
    copies: SlotTable<HashTable>,
}

impl PerThreadHash {
    /// Bytes of the table of copies.
    pub(super) const TABLE: usize = segment_bytes(INLINE_SLOTS as usize);
    /// Bytes that are kept of a copy besides its pages.
    pub(super) const BOOKS: usize = size_of::<HashTable>();

    pub(super) fn new(layout: HashLayout, options: &MapOptions) -> Result<Self, PagesError> {
        Ok(Self {
            layout,
            options: options.clone(),
            copies: SlotTable::new(options)?,
        })
    }

    /// The table of a slot, if it has one.
    #[inline]
    #[must_use]
    pub fn copy(&self, slot: u32) -> Option<&HashTable> {
        // SAFETY: a table that is published lives, unmoved, as long as the map.
        unsafe { self.copies.get(slot).as_ref() }
    }

    /// Makes the table of a slot, unless it exists.
    pub(super) fn create(&self, slot: u32) -> Result<&HashTable, PagesError> {
        if let Some(there) = self.copy(slot) {
            return Ok(there);
        }
        self.copies.entry(slot)?;
        self.copies.charge().grow(Self::BOOKS)?;
        let fresh = HashTable::new(self.layout, &self.options)
            .inspect_err(|_| self.copies.charge().shrink(Self::BOOKS))?;
        let fresh = NonNull::from(Box::leak(Box::new(fresh)));
        let copy = match self.copies.install(slot, fresh) {
            Ok(()) => fresh.as_ptr(),
            Err(there) => {
                // SAFETY: leaked above and not published.
                drop(unsafe { Box::from_raw(fresh.as_ptr()) });
                self.copies.charge().shrink(Self::BOOKS);
                there
            }
        };
        // SAFETY: as in `copy`; null only if no segment of the table covers the slot.
        unsafe { copy.as_ref() }.ok_or_else(|| PagesError::Refused {
            bytes: size_of::<HashTable>(),
            reason: format!("no place for thread slot {slot}"),
        })
    }

    /// The tables that exist, with their slots.
    pub(super) fn copies(&self) -> impl Iterator<Item = (u32, &HashTable)> {
        // SAFETY: as in `copy`.
        self.copies
            .iter()
            .map(|(slot, copy)| (slot, unsafe { copy.as_ref() }))
    }

    pub(super) fn bytes(&self) -> usize {
        let pages: usize = self.copies().map(|(_, copy)| copy.bytes()).sum();
        self.copies.charge().bytes() + pages
    }

    pub(super) fn contains(&self, addr: usize, len: usize, slot: u32) -> bool {
        self.copy(slot).is_some_and(|copy| copy.contains(addr, len))
    }
}

impl Drop for PerThreadHash {
    fn drop(&mut self) {
        for (_, copy) in self.copies.iter() {
            // SAFETY: leaked by `create`; owned by this map, which nobody uses any more.
            drop(unsafe { Box::from_raw(copy.as_ptr()) });
        }
    }
}
