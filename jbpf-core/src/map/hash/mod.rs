//! Values by key: preallocated, with lookups that take no lock.
//!
//! A *slot* is a key, filled up with zeros to whole words, and its value. Slots never move and
//! keep their type; a slot whose element was deleted may be used for another key at once, even
//! while a codelet holds a pointer to its value, as with preallocated maps of the Linux kernel.
//! [`index`] finds the slot of a key.
//!
//! Three checks of it that `cargo test` does not run by itself:
//!
//! * `cargo test -p jbpf-core --features loom --test hash_model` explores the interleavings of
//!   readers and writers;
//! * `MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-disable-weak-memory-emulation" cargo +nightly miri test -p jbpf-core --lib map::`
//!   looks for undefined behaviour (the emulation of weak memory does not cope with accesses of
//!   two sizes to one word);
//! * `cargo test --release -p jbpf-core --test maps_concurrent` runs ten times the rounds.
#![expect(
    unsafe_code,
    reason = "computes addresses of slots and copies keys and values"
)]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "an address is computed and used under one proof"
)]

mod cells;
mod free_list;
mod index;
mod key;
mod primitives;

#[cfg(test)]
mod tests;

use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::ptr::{self, NonNull};

use jbpf_verifier::types::MapDef;

use self::cells::Cells;
pub(super) use self::index::Busy;
use self::index::{Bucket, BucketCount, Index, Walker};
pub use self::key::MAX_KEY_SIZE;
use self::key::{Key, LongKey, LongKeyBuffer, Seed, WordsKey};
use super::pages::{MapOptions, Pages, PagesError};
use super::payload::{self, Source, WORD};
use super::status::Status;
use super::{MapError, layout_overflow};

/// One cache line holds all that a lookup needs to know of eight entries.
const _: () = assert!(size_of::<Bucket>() == 64);

/// The most entries of one map.
pub const MAX_HASH_ENTRIES: u32 = 1 << 28;

/// Sizes and seed of a hash map: the same for every copy of a per-thread one.
#[derive(Debug, Clone, Copy)]
pub struct HashLayout {
    key_size: usize,
    value_size: usize,
    /// The value's offset in a slot: the size of the key in whole words.
    value_offset: usize,
    /// From one slot to the next.
    stride: usize,
    entries: u32,
    buckets: BucketCount,
    seed: Seed,
}

impl HashLayout {
    pub(super) fn new(def: &MapDef) -> Result<Self, MapError> {
        if def.key_size > MAX_KEY_SIZE {
            return Err(MapError::TooLarge {
                map: def.name.clone(),
                field: "key_size",
                value: def.key_size.into(),
                limit: MAX_KEY_SIZE.into(),
            });
        }
        if def.max_entries > MAX_HASH_ENTRIES {
            return Err(MapError::TooLarge {
                map: def.name.clone(),
                field: "max_entries",
                value: def.max_entries.into(),
                limit: MAX_HASH_ENTRIES.into(),
            });
        }
        let key_size = def.key_size as usize;
        let value_size = def.value_size as usize;
        let value_offset = key_size.next_multiple_of(WORD);
        let layout = Self {
            key_size,
            value_size,
            value_offset,
            stride: value_offset + value_size.next_multiple_of(WORD),
            entries: def.max_entries,
            buckets: BucketCount::of(def.max_entries),
            seed: Seed::random(),
        };
        layout
            .checked_bytes()
            .map(|_| layout)
            .ok_or_else(|| layout_overflow(def))
    }

    /// Bytes of a key.
    #[must_use]
    pub fn key_size(&self) -> usize {
        self.key_size
    }

    /// Bytes from one value to the next.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Bytes of a value.
    #[must_use]
    pub fn value_size(&self) -> usize {
        self.value_size
    }

    /// The most entries.
    #[must_use]
    pub fn entries(&self) -> u32 {
        self.entries
    }

    fn bucket_bytes(&self) -> usize {
        self.buckets.total() as usize * size_of::<Bucket>()
    }

    fn slot_bytes(&self) -> usize {
        self.entries as usize * self.stride
    }

    /// Bytes of a table.
    pub(super) fn bytes(&self) -> usize {
        self.checked_bytes().unwrap_or(usize::MAX)
    }

    /// All of it: buckets, slots, links of overflow buckets, links of slots.
    fn checked_bytes(&self) -> Option<usize> {
        (self.entries as usize)
            .checked_mul(self.stride + size_of::<u32>())?
            .checked_add(self.bucket_bytes() + self.buckets.overflow as usize * size_of::<u32>())
            .filter(|bytes| isize::try_from(*bytes).is_ok())
    }
}

/// A hash map that all threads share, or one thread's copy.
#[derive(Debug)]
pub struct HashTable {
    index: Index,
    slots: NonNull<u8>,
    layout: HashLayout,
    pages: Pages,
}

// SAFETY: the pointer leads into `pages`, which the table owns; slots are only accessed
// atomically.
unsafe impl Send for HashTable {}
// SAFETY: as above: every operation is made for concurrent use.
unsafe impl Sync for HashTable {}

/// Runs `$body` with the key at `$address`, as the type that fits the size of the map's keys. The
/// sizes that most maps have are constants in it.
macro_rules! with_key {
    ($table:expr, $address:expr, |$key:ident| $body:expr) => {{
        let size = $table.layout.key_size;
        match size {
            4 => with_key!(1 word of $address, 4, |$key| $body),
            8 => with_key!(1 word of $address, 8, |$key| $body),
            16 => with_key!(2 word of $address, 16, |$key| $body),
            1..8 => with_key!(1 word of $address, size, |$key| $body),
            9..16 => with_key!(2 word of $address, size, |$key| $body),
            17..=24 => with_key!(3 word of $address, size, |$key| $body),
            25..=32 => with_key!(4 word of $address, size, |$key| $body),
            33..=40 => with_key!(5 word of $address, size, |$key| $body),
            _ => {
                let mut buffer: LongKeyBuffer = [const { MaybeUninit::uninit() }; _];
                // SAFETY: the caller says that `key_size` bytes are readable.
                let $key = &unsafe { LongKey::load($address, size, &mut buffer) };
                $body
            }
        }
    }};
    ($words:literal word of $address:expr, $size:expr, |$key:ident| $body:expr) => {{
        // SAFETY: the caller says that `key_size` bytes are readable.
        let $key = &unsafe { WordsKey::<$words>::load($address, $size) };
        $body
    }};
}

impl HashTable {
    pub(super) fn new(layout: HashLayout, options: &MapOptions) -> Result<Self, PagesError> {
        let pages = Pages::new(layout.bytes(), options)?;
        let after_buckets = layout.bucket_bytes();
        let after_slots = after_buckets + layout.slot_bytes();
        let after_overflow = after_slots + layout.buckets.overflow as usize * size_of::<u32>();
        let start = pages.start();
        let part = |offset: usize| {
            // SAFETY: every offset is below the size of the pages, so the address is not null.
            unsafe { NonNull::new_unchecked(start.add(offset)) }
        };
        // SAFETY: the pages are zeroed, which a bucket and an `AtomicU32` may be, hold the four
        // parts one after the other (64-byte buckets first, then slots in multiples of 8, then
        // words of 4), and live as long as the table.
        let (buckets, overflow, links) = unsafe {
            (
                Cells::new(part(0).cast(), layout.buckets.total()),
                Cells::new(part(after_slots).cast(), layout.buckets.overflow),
                Cells::new(part(after_overflow).cast(), layout.entries),
            )
        };
        Ok(Self {
            index: Index::new(buckets, layout.buckets.homes, overflow, links),
            slots: part(after_buckets),
            layout,
            pages,
        })
    }

    /// All keys meet in one bucket from now on, and have one tag.
    #[cfg(test)]
    pub(crate) fn let_keys_meet(&mut self) {
        self.layout.seed = Seed::degenerate();
    }

    /// Sizes.
    #[must_use]
    pub fn layout(&self) -> &HashLayout {
        &self.layout
    }

    #[inline(always)]
    fn slot(&self, slot: u32) -> *mut u8 {
        // SAFETY: the index gives numbers below `entries`.
        unsafe { self.slots.as_ptr().add(slot as usize * self.layout.stride) }
    }

    #[inline(always)]
    fn value(&self, slot: u32) -> *mut u8 {
        // SAFETY: the value lies in the slot, behind its key.
        unsafe { self.slot(slot).add(self.layout.value_offset) }
    }

    #[inline(always)]
    fn slot_holds(&self, key: &impl Key) -> impl Fn(u32) -> bool {
        // SAFETY: a slot starts with the words of a key, aligned to 8.
        move |slot| unsafe { key.is_at(self.slot(slot)) }
    }

    /// The address of a key's value, or null.
    ///
    /// # Errors
    /// The bucket is busy.
    ///
    /// # Safety
    /// `key` is readable for `key_size` bytes.
    #[inline]
    pub(super) unsafe fn lookup(&self, key: *const u8) -> Result<*mut u8, Busy> {
        with_key!(self, key, |key| self.lookup_key(key))
    }

    /// [`lookup`](Self::lookup) for a key that is at hand.
    #[inline(always)]
    fn lookup_key(&self, key: &impl Key) -> Result<*mut u8, Busy> {
        let found = self
            .index
            .find(key.hash(&self.layout.seed), self.slot_holds(key))?;
        Ok(found.map_or(ptr::null_mut(), |slot| self.value(slot)))
    }

    /// The address of a key's value, zeroed, or null.
    ///
    /// # Errors
    /// The bucket is busy.
    ///
    /// # Safety
    /// As [`lookup`](Self::lookup).
    pub(super) unsafe fn lookup_reset(&self, key: *const u8) -> Result<*mut u8, Busy> {
        with_key!(self, key, |key| {
            // The lock keeps the slot from being given to another key before it is zeroed.
            let locked = self.index.lock(key.hash(&self.layout.seed))?;
            let Some(place) = locked.find(self.slot_holds(key)) else {
                return Ok(ptr::null_mut());
            };
            let value = self.value(place.slot);
            // SAFETY: a value of this size.
            unsafe { payload::zero(value, self.layout.value_size) };
            Ok(value)
        })
    }

    /// Sets the value of a key, new or not.
    ///
    /// # Safety
    /// As [`lookup`](Self::lookup); `value` has `value_size` bytes.
    #[inline]
    pub(super) unsafe fn update(&self, key: *const u8, value: impl Source) -> Status {
        with_key!(self, key, |key| {
            // SAFETY: the caller's word.
            unsafe { self.update_key(key, value) }
        })
    }

    /// # Safety
    /// `value` has `value_size` bytes.
    #[inline(always)]
    unsafe fn update_key(&self, key: &impl Key, value: impl Source) -> Status {
        let Ok(locked) = self.index.lock(key.hash(&self.layout.seed)) else {
            return Status::Busy;
        };
        if let Some(place) = locked.find(self.slot_holds(key)) {
            // SAFETY: both are values of this size.
            unsafe { value.write(self.value(place.slot), self.layout.value_size) };
            return Status::Success;
        }
        let Some(slot) = self.index.take_slot() else {
            return Status::Full;
        };
        // SAFETY: a slot starts with the words of a key.
        unsafe { key.store(self.slot(slot)) };
        // SAFETY: both are values of this size.
        unsafe { value.write(self.value(slot), self.layout.value_size) };
        if locked.insert(slot).is_err() {
            self.index.release_slot(slot);
            return Status::Full;
        }
        Status::Success
    }

    /// Removes a key.
    ///
    /// # Safety
    /// As [`lookup`](Self::lookup).
    #[inline]
    pub(super) unsafe fn delete(&self, key: *const u8) -> Status {
        with_key!(self, key, |key| {
            let Ok(locked) = self.index.lock(key.hash(&self.layout.seed)) else {
                return Status::Busy;
            };
            let Some(place) = locked.find(self.slot_holds(key)) else {
                return Status::Error;
            };
            locked.remove(place);
            drop(locked);
            self.index.release_slot(place.slot);
            Status::Success
        })
    }

    /// Removes all keys. A busy bucket ends it: the keys of that bucket and of later ones stay.
    pub(super) fn clear(&self) -> Status {
        match self.index.clear() {
            Ok(()) => Status::Success,
            Err(Busy) => Status::Busy,
        }
    }

    /// Writes all elements, key then value, one after the other, and tells how many; 0 when they
    /// do not fit into `size` bytes.
    ///
    /// # Errors
    /// A bucket is busy.
    ///
    /// # Safety
    /// `out` is writable for `size` bytes.
    pub(super) unsafe fn dump(&self, out: *mut u8, size: usize) -> Result<u32, Status> {
        let mut dump = Dump {
            table: self,
            out,
            size,
            chain: (0, 0),
            used: 0,
            elements: 0,
        };
        for home in 0..self.index.homes() {
            dump.chain = (dump.used, dump.elements);
            match self.index.walk(home, &mut dump) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return Ok(0),
                Err(Busy) => return Err(Status::Busy),
            }
        }
        Ok(dump.elements)
    }

    /// How many chains [`elements`](Self::elements) takes.
    pub(super) fn chains(&self) -> u32 {
        self.index.homes()
    }

    /// Copies the elements of one chain, key then value, one after the other. An element that is
    /// there all the while is there once.
    ///
    /// # Errors
    /// The bucket is busy.
    pub(super) fn elements(&self, chain: u32) -> Result<Vec<u8>, Status> {
        let mut copies = Copies {
            table: self,
            bytes: Vec::new(),
        };
        match self.index.walk(chain, &mut copies) {
            Ok(_) => Ok(copies.bytes),
            Err(Busy) => Err(Status::Busy),
        }
    }

    /// Copies the value of a key as it was while the key was there.
    ///
    /// # Errors
    /// The bucket is busy.
    ///
    /// # Safety
    /// `key` is readable for `key_size` bytes, `out` writable for `value_size` bytes.
    pub(super) unsafe fn read(&self, key: *const u8, out: *mut u8) -> Result<bool, Busy> {
        with_key!(self, key, |key| {
            let holds = self.slot_holds(key);
            let found = self.index.find(key.hash(&self.layout.seed), |slot| {
                // The index takes an answer back when the slot changed hands meanwhile.
                let found = holds(slot);
                if found {
                    // SAFETY: both are values of this size.
                    unsafe { payload::copy(self.value(slot), out, self.layout.value_size) };
                }
                found
            });
            found.map(|slot| slot.is_some())
        })
    }

    /// Entries now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are no entries now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn bytes(&self) -> usize {
        self.pages.size()
    }

    /// The addresses from the first value's first byte to one past the last one's last.
    pub(crate) fn values(&self) -> std::ops::Range<usize> {
        let layout = &self.layout;
        let first = self.slots.as_ptr().addr() + layout.value_offset;
        let last = first + (layout.entries as usize).saturating_sub(1) * layout.stride;
        first..last + layout.value_size
    }

    /// Whether `len` bytes from `addr` on lie in one value.
    pub(super) fn contains(&self, addr: usize, len: usize) -> bool {
        let layout = &self.layout;
        addr.checked_sub(self.slots.as_ptr().addr())
            .filter(|offset| *offset < layout.slot_bytes())
            .and_then(|offset| (offset % layout.stride).checked_sub(layout.value_offset))
            .and_then(|offset| offset.checked_add(len))
            .is_some_and(|end| end <= layout.value_size)
    }
}

/// A dump into a codelet's buffer.
struct Dump<'a> {
    table: &'a HashTable,
    out: *mut u8,
    size: usize,
    /// Bytes and elements before the chain that is being walked.
    chain: (usize, u32),
    used: usize,
    elements: u32,
}

impl Walker for Dump<'_> {
    fn begin(&mut self) {
        (self.used, self.elements) = self.chain;
    }

    fn slot(&mut self, slot: u32) -> ControlFlow<()> {
        let HashLayout {
            key_size,
            value_size,
            ..
        } = self.table.layout;
        if key_size + value_size > self.size - self.used {
            return ControlFlow::Break(());
        }
        // SAFETY: that many bytes are left behind `used`; key and value lie in the slot.
        unsafe {
            let out = self.out.add(self.used);
            payload::copy(self.table.slot(slot), out, key_size);
            payload::copy(self.table.value(slot), out.add(key_size), value_size);
        }
        self.used += key_size + value_size;
        self.elements += 1;
        ControlFlow::Continue(())
    }
}

/// A copy of a chain's elements for the application.
struct Copies<'a> {
    table: &'a HashTable,
    bytes: Vec<u8>,
}

impl Walker for Copies<'_> {
    fn begin(&mut self) {
        self.bytes.clear();
    }

    fn slot(&mut self, slot: u32) -> ControlFlow<()> {
        let HashLayout {
            key_size,
            value_size,
            ..
        } = self.table.layout;
        let at = self.bytes.len();
        self.bytes.resize(at + key_size + value_size, 0);
        // SAFETY: the vector has grown by that much; key and value lie in the slot.
        unsafe {
            let out = self.bytes.as_mut_ptr().add(at);
            payload::copy(self.table.slot(slot), out, key_size);
            payload::copy(self.table.value(slot), out.add(key_size), value_size);
        }
        ControlFlow::Continue(())
    }
}
