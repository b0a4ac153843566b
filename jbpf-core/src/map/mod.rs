//! Maps: memory that machine code, helpers, other threads and the application share.
//!
//! `pages` owns memory; `array`, `hash` and `per_thread` lay entries out in it, and `storage` is
//! one of them. `threads` makes each thread's own parts before the thread runs codelets. `payload`
//! copies bytes that other threads may be writing. Channels (kinds 3, 4 and 7) are maps too: they
//! hold the codelet's end of a ring of `jbpf-channel`. Codelets use a map by the operations of
//! [`Map`]; the application by byte strings (`access`) or types (`view`), its helpers through
//! `operations`. No `&` or `&mut` to a byte of a key or value is ever made here.
#![expect(
    unsafe_code,
    reason = "hands addresses from codelets on to the kind of map that they are meant for"
)]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "an address is computed and used under one proof"
)]

mod access;
mod application;
mod array;
mod channel;
mod error;
mod hash;
mod operations;
mod pages;
pub(crate) mod payload;
mod per_thread;
mod status;
mod storage;
mod threads;
pub(crate) mod touched;
mod view;

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jbpf_hooks::helper::MapHandle;
use jbpf_verifier::types::MapDef;

pub use self::access::AccessError;
pub use self::application::{
    ApplicationKind, ApplicationMap, ApplicationStorage, MAX_COPIED_SIZE, ShowElement,
};
#[doc(hidden)]
pub use self::array::{ArrayLayout, ArrayMap};
pub(crate) use self::channel::records;
#[doc(hidden)]
pub use self::channel::{InputMap, OutputMap};
pub use self::error::MapError;
use self::hash::Busy;
#[doc(hidden)]
pub use self::hash::{HashLayout, HashTable, MAX_HASH_ENTRIES, MAX_KEY_SIZE};
pub use self::pages::{MapOptions, Pages, PagesError, SPARE_RECORDS};
#[doc(hidden)]
pub use self::per_thread::{INLINE_SLOTS, PerThreadArray, PerThreadHash};
pub use self::status::Status;
#[doc(hidden)]
pub use self::storage::Storage;
use self::threads::{ForThreads, Shortage};
pub use self::view::{MapKey, MapValue, MapView};
pub use jbpf_channel::MemoryBudget;

/// A map of any kind. Codelets hold its address as a map pointer.
#[derive(Debug)]
#[repr(C)]
pub struct Map {
    /// First, so that helpers of the application find it.
    handle: MapHandle,
    storage: Storage,
    def: MapDef,
    /// Operations of codelets that did not wait for another thread.
    busy: AtomicU64,
}

impl Map {
    /// Makes an empty map, or the data section with its contents. Its memory is present when this
    /// returns; copies of per-thread kinds are made for the threads that have run codelets so far,
    /// and for others before they run any: see
    /// [`prepare_thread`](jbpf_hooks::reclaim::prepare_thread).
    ///
    /// # Errors
    /// The definition breaks a limit, or there is no memory for it; the map and the field are
    /// named.
    pub fn new(def: &MapDef, options: &MapOptions) -> Result<Self, MapError> {
        let map = Self {
            handle: operations::HANDLE,
            storage: Storage::new(def, options)?,
            def: def.clone(),
            busy: AtomicU64::new(0),
        };
        if let Some(for_threads) = map.for_threads() {
            threads::prepare_all(&for_threads).map_err(|shortage| map.unprepared(&shortage))?;
        }
        Ok(map)
    }

    /// The same map, in which all keys meet in one bucket and have one tag.
    #[cfg(test)]
    pub(crate) fn with_keys_that_meet(mut self) -> Self {
        if let Storage::Hash(table) = &mut self.storage {
            table.let_keys_meet();
        }
        self
    }

    /// The handle by which the shims of the application's helpers take a map. Its address is the
    /// map's own.
    #[must_use]
    pub fn handle(&self) -> &MapHandle {
        &self.handle
    }

    /// The definition that it was made from.
    #[must_use]
    pub fn def(&self) -> &MapDef {
        &self.def
    }

    /// The storage behind the map.
    #[must_use]
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Makes a thread slot's copy ahead of its first use; nothing to do for kinds that have no
    /// copies.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn prepare(&self, slot: u32) -> Result<(), MapError> {
        match self.for_threads() {
            Some(for_threads) => for_threads
                .prepare(slot)
                .map_err(|shortage| self.unprepared(&shortage)),
            None => Ok(()),
        }
    }

    /// The part that has something of its own for each thread.
    fn for_threads(&self) -> Option<Arc<dyn ForThreads>> {
        match &self.storage {
            Storage::PerThreadArray(array) => Some(Arc::clone(array) as _),
            Storage::PerThreadHash(hash) => Some(Arc::clone(hash) as _),
            Storage::Output(output) => Some(Arc::clone(output.ring()) as _),
            _ => None,
        }
    }

    fn unprepared(&self, shortage: &Shortage) -> MapError {
        match shortage {
            Shortage::Pages(source) => MapError::Memory {
                map: self.def.name.clone(),
                source: source.clone(),
            },
            Shortage::Channel(source) => MapError::channel(&self.def, source),
        }
    }

    /// Operations of codelets, and of helpers for them, that did not wait for a thread that held a
    /// bucket of a hash map or kept changing it, since the map was made. Updates and deletions
    /// returned -2, and lookups found nothing.
    #[must_use]
    pub fn busy(&self) -> u64 {
        self.busy.load(Ordering::Relaxed)
    }

    #[cold]
    fn count_busy(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
    }

    /// The status of an operation, counted if it says busy.
    #[inline]
    fn counted(&self, status: Status) -> Status {
        if status == Status::Busy
            && matches!(self.storage, Storage::Hash(_) | Storage::PerThreadHash(_))
        {
            self.count_busy();
        }
        status
    }

    /// The result of a lookup; null, counted, if the bucket was busy.
    #[inline]
    fn found(&self, found: Result<*mut u8, Busy>) -> *mut u8 {
        found.unwrap_or_else(|Busy| {
            self.count_busy();
            ptr::null_mut()
        })
    }

    /// Bytes of memory that the map takes now, as the budget is charged. They count all that was
    /// allocated for it, with the copies of threads and the lanes of collectors. Names and the
    /// like are not counted: they take less than a page.
    #[must_use]
    pub fn memory(&self) -> usize {
        match &self.storage {
            Storage::Array(array) => array.bytes(),
            Storage::Hash(hash) => hash.bytes(),
            Storage::PerThreadArray(array) => array.bytes(),
            Storage::PerThreadHash(hash) => hash.bytes(),
            Storage::RingBuf(output) | Storage::Output(output) => output.bytes(),
            Storage::ControlInput(input) => input.bytes(),
            Storage::Application(own) => own.bytes(),
        }
    }

    /// Bytes of memory that a map of this definition takes while one thread uses it: the number
    /// that [`memory`](Self::memory) will return. Per-thread kinds take the size of a copy once
    /// more for each further thread. Input channels take a ring more for each sender in another
    /// process. The application's own kinds give their size when they are made.
    ///
    /// # Errors
    /// The definition breaks a limit.
    pub fn memory_of(def: &MapDef) -> Result<usize, MapError> {
        Storage::memory_of(def)
    }

    /// Whether a codelet on the thread of this slot may touch `len` bytes from `addr` on: they lie
    /// inside one value of this map (for per-thread kinds, of the thread's own copy), or inside
    /// the record that the thread has reserved in an OUTPUT map.
    #[must_use]
    pub fn contains(&self, addr: usize, len: usize, slot: u32) -> bool {
        match &self.storage {
            Storage::Array(array) => array.contains(addr, len),
            Storage::Hash(hash) => hash.contains(addr, len),
            Storage::PerThreadArray(array) => array.contains(addr, len, slot),
            Storage::PerThreadHash(hash) => hash.contains(addr, len, slot),
            Storage::Output(output) => output.contains(addr, len, slot),
            Storage::RingBuf(_) | Storage::ControlInput(_) => false,
            Storage::Application(own) => own.contains(addr, len, slot),
        }
    }

    /// The address of a key's value, or null: no such key, an index out of range, or no copy for
    /// the thread, since there was no memory for it. Copies are never made here: a hook call asks
    /// the system for nothing.
    ///
    /// # Safety
    /// `key` is readable for `key_size` bytes, and all other accesses to them are atomic or made
    /// by machine code.
    #[inline]
    pub unsafe fn lookup(&self, key: *const u8, slot: u32) -> *mut u8 {
        // SAFETY: the caller's word about the key, in every arm; a base is that of the layout's
        // values.
        unsafe {
            match &self.storage {
                Storage::Array(array) => array::values::lookup(array.base(), array.layout(), key),
                Storage::Hash(hash) => self.found(hash.lookup(key)),
                Storage::PerThreadArray(array) => match array.copy(slot) {
                    base if base.is_null() => base,
                    base => array::values::lookup(base, array.layout(), key),
                },
                Storage::PerThreadHash(hash) => hash
                    .copy(slot)
                    .map_or(ptr::null_mut(), |copy| self.found(copy.lookup(key))),
                Storage::Application(own) => own.lookup(key, slot),
                _ => ptr::null_mut(),
            }
        }
    }

    /// As [`lookup`](Self::lookup), with the value set to zero. Null as well when a hash bucket is
    /// busy.
    ///
    /// # Safety
    /// As [`lookup`](Self::lookup).
    pub unsafe fn lookup_reset(&self, key: *const u8, slot: u32) -> *mut u8 {
        // SAFETY: as in `lookup`.
        unsafe {
            match &self.storage {
                Storage::Array(array) => array.writable().map_or(ptr::null_mut(), |base| {
                    array::values::lookup_reset(base, array.layout(), key)
                }),
                Storage::Hash(hash) => self.found(hash.lookup_reset(key)),
                Storage::PerThreadArray(array) => match array.copy(slot) {
                    base if base.is_null() => base,
                    base => array::values::lookup_reset(base, array.layout(), key),
                },
                Storage::PerThreadHash(hash) => hash
                    .copy(slot)
                    .map_or(ptr::null_mut(), |copy| self.found(copy.lookup_reset(key))),
                Storage::Application(own) => own.lookup_reset(key, slot),
                _ => ptr::null_mut(),
            }
        }
    }

    /// Sets the value of a key. Words of eight bytes are written whole; two updates of one value
    /// at the same time may mix theirs on arrays, and do not on hash maps.
    ///
    /// # Safety
    /// As [`lookup`](Self::lookup), and `value` is readable for `value_size` bytes in the same
    /// way.
    #[inline]
    pub unsafe fn update(&self, key: *const u8, value: *const u8, slot: u32) -> Status {
        // SAFETY: as in `lookup`, and the caller's word about the value.
        unsafe {
            match &self.storage {
                Storage::Array(array) => array.writable().map_or(Status::Error, |base| {
                    array::values::update(base, array.layout(), key, value)
                }),
                Storage::Hash(hash) => self.counted(hash.update(key, value)),
                Storage::PerThreadArray(array) => match array.copy(slot) {
                    base if base.is_null() => Status::Error,
                    base => array::values::update(base, array.layout(), key, value),
                },
                Storage::PerThreadHash(hash) => hash
                    .copy(slot)
                    .map_or(Status::Error, |copy| self.counted(copy.update(key, value))),
                Storage::Application(own) => own.update(key, value, slot),
                _ => Status::UNSUPPORTED,
            }
        }
    }

    /// Removes a key and its value from a hash map.
    ///
    /// # Safety
    /// As [`lookup`](Self::lookup).
    #[inline]
    pub unsafe fn delete(&self, key: *const u8, slot: u32) -> Status {
        // SAFETY: as in `lookup`.
        unsafe {
            match &self.storage {
                Storage::Hash(hash) => self.counted(hash.delete(key)),
                Storage::PerThreadHash(hash) => hash
                    .copy(slot)
                    .map_or(Status::Error, |copy| self.counted(copy.delete(key))),
                Storage::Application(own) => own.delete(key, slot),
                _ => Status::UNSUPPORTED,
            }
        }
    }

    /// Zeroes an array or empties a hash map; for per-thread kinds, the copy of this slot. Some
    /// keys of a hash map remain if a bucket is busy.
    pub fn clear(&self, slot: u32) -> Status {
        match &self.storage {
            Storage::Array(array) => array.writable().map_or(Status::Error, |base| {
                // SAFETY: the base is that of the layout's values.
                unsafe { array::values::clear(base, array.layout()) };
                Status::Success
            }),
            Storage::Hash(hash) => self.counted(hash.clear()),
            Storage::PerThreadArray(array) => {
                let base = array.copy(slot);
                if !base.is_null() {
                    // SAFETY: the base of a copy is that of the layout's values.
                    unsafe { array::values::clear(base, array.layout()) };
                }
                Status::Success
            }
            Storage::PerThreadHash(hash) => hash
                .copy(slot)
                .map_or(Status::Success, |copy| self.counted(copy.clear())),
            Storage::Application(own) => own.clear(slot),
            _ => Status::UNSUPPORTED,
        }
    }

    /// Writes all elements of a hash map, key then value, packed; of this slot's copy for the
    /// per-thread kind. Returns how many; 0 when they do not all fit into `size` bytes. An element
    /// that is there all the while is there once.
    ///
    /// # Errors
    /// [`Status::UNSUPPORTED`] on arrays, [`Status::Busy`].
    ///
    /// # Safety
    /// `out` is writable for `size` bytes, and all other accesses to them are atomic or made by
    /// machine code.
    pub unsafe fn dump(&self, out: *mut u8, size: usize, slot: u32) -> Result<u32, Status> {
        // SAFETY: the caller's word, in every arm.
        unsafe {
            match &self.storage {
                Storage::Hash(hash) => hash.dump(out, size).map_err(|status| self.counted(status)),
                Storage::PerThreadHash(hash) => hash
                    .copy(slot)
                    .map_or(Ok(0), |copy| copy.dump(out, size))
                    .map_err(|status| self.counted(status)),
                Storage::Application(own) => own.dump(out, size, slot),
                _ => Err(Status::UNSUPPORTED),
            }
        }
    }
}

/// The error for sizes that multiply to more than an address space holds.
fn layout_overflow(def: &MapDef) -> MapError {
    MapError::Overflow {
        map: def.name.clone(),
        max_entries: def.max_entries,
        value_size: def.value_size,
    }
}
