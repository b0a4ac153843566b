//! A map's contents by byte strings, for the application while codelets run.
//!
//! Keys and values are copied, never borrowed. Each aligned word of eight bytes is copied whole;
//! the words of a larger value may be from different moments when a codelet writes it meanwhile. A
//! value read from a hash map was the value of that very key at some moment during the call.
#![expect(
    unsafe_code,
    reason = "turns byte strings of the right size into the addresses that storage works on"
)]

use std::ops::ControlFlow;
use std::time::Duration;

use jbpf_hooks::reclaim;
use jbpf_verifier::types::MapKind;
use thiserror::Error;

use super::application::ApplicationStorage;
use super::array::{self, ArrayLayout};
use super::hash::{Busy, HashTable, MAX_KEY_SIZE};
use super::payload::{self, WORD};
use super::status::Status;
use super::{Map, Storage};

/// Why a map's contents could not be read or changed. Each names the map.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessError {
    /// A key of another size.
    #[error("map `{map}` has keys of {expected} bytes, and {given} were given")]
    KeySize {
        /// The map.
        map: String,
        /// The size in its definition.
        expected: usize,
        /// The size or index that the caller gave.
        given: usize,
    },
    /// A value of another size.
    #[error("map `{map}` has values of {expected} bytes, and {given} were given")]
    ValueSize {
        /// The map.
        map: String,
        /// The size in its definition.
        expected: usize,
        /// The size or index that the caller gave.
        given: usize,
    },
    /// An index beyond the last.
    #[error("map `{map}` has {max_entries} entries, and none at index {index}")]
    OutOfRange {
        /// The map.
        map: String,
        /// The size or index that the caller gave.
        index: u32,
        /// How many there are.
        max_entries: u32,
    },
    /// A new key, and every entry is taken.
    #[error("map `{map}` is full with {max_entries} entries")]
    Full {
        /// The map.
        map: String,
        /// How many there are.
        max_entries: u32,
    },
    /// Another thread kept the key's bucket locked.
    #[error("the key's bucket in map `{map}` is in use by another thread; try again")]
    Busy {
        /// The map.
        map: String,
    },
    /// A section of constants.
    #[error("map `{map}` holds constants")]
    ReadOnly {
        /// The map.
        map: String,
    },
    /// A map of the application's own kind said no.
    #[error("map `{map}`, of the application's own kind, refuses it")]
    Refused {
        /// The map.
        map: String,
    },
    /// Every thread has a copy, and this would need one.
    #[error("every thread has its own copy of map `{map}`; ask for the copies or their sum")]
    PerThread {
        /// The map.
        map: String,
    },
    /// The kind has no such operation.
    #[error("map `{map}` is of kind {kind:?}, which has nothing to {operation}")]
    Unsupported {
        /// The map.
        map: String,
        /// Its kind.
        kind: MapKind,
        /// The operation that was tried, as a verb.
        operation: &'static str,
    },
}

/// The values of a map that threads share, or one thread's copy.
#[derive(Debug, Clone, Copy)]
pub(super) enum Contents<'a> {
    Array {
        base: *mut u8,
        layout: ArrayLayout,
        read_only: bool,
    },
    Hash(&'a HashTable),
    Application {
        own: &'a ApplicationStorage,
        slot: u32,
    },
}

impl Contents<'_> {
    /// Copies the value of a key; false when there is none.
    ///
    /// # Errors
    /// The bucket is busy.
    ///
    /// # Safety
    /// Key and value have the sizes of the map.
    pub(super) unsafe fn read(self, key: &[u8], value: &mut [u8]) -> Result<bool, Status> {
        let found = match self {
            // SAFETY: the key holds an index of four bytes.
            Self::Array { base, layout, .. } => private_key(key, |key| unsafe {
                array::values::lookup(base, layout, key)
            }),
            Self::Hash(table) => {
                let out = value.as_mut_ptr();
                // SAFETY: both have the sizes of the map.
                let read = private_key(key, |key| unsafe { table.read(key, out) });
                return read.map_err(|Busy| Status::Busy);
            }
            Self::Application { own, slot } => own.lookup_bytes(key, slot),
        };
        if found.is_null() {
            return Ok(false);
        }
        // SAFETY: the value found has the size of the map's values, and so has `value`.
        unsafe { payload::copy(found, value.as_mut_ptr(), value.len()) };
        Ok(true)
    }

    /// Sets the value of a key.
    ///
    /// # Safety
    /// Key and value have the sizes of the map.
    pub(super) unsafe fn write(self, key: &[u8], value: &[u8]) -> Status {
        match self {
            Self::Array {
                read_only: true, ..
            } => Status::Error,
            // SAFETY: the key holds an index of four bytes, and the value is as large as the
            // map's.
            Self::Array { base, layout, .. } => private_key(key, |key| unsafe {
                array::values::update(base, layout, key, value)
            }),
            // SAFETY: both have the sizes of the map.
            Self::Hash(table) => private_key(key, |key| unsafe { table.update(key, value) }),
            Self::Application { own, slot } => own.update_bytes(key, value, slot),
        }
    }

    /// Removes a key.
    ///
    /// # Safety
    /// The key has the size of the map's.
    pub(super) unsafe fn remove(self, key: &[u8]) -> Status {
        match self {
            Self::Array { .. } => Status::UNSUPPORTED,
            // SAFETY: the key has the size of the map's.
            Self::Hash(table) => private_key(key, |key| unsafe { table.delete(key) }),
            Self::Application { own, slot } => own.delete_bytes(key, slot),
        }
    }

    pub(super) fn clear(self) -> Status {
        match self {
            Self::Array {
                read_only: true, ..
            } => Status::Error,
            Self::Array { base, layout, .. } => {
                // SAFETY: the base of the layout's values.
                unsafe { array::values::clear(base, layout) };
                Status::Success
            }
            Self::Hash(table) => table.clear(),
            Self::Application { own, slot } => own.clear(slot),
        }
    }

    /// Shows copies of all elements; an element that is there all the while is shown once.
    /// The first `skip` of them are left out, and taken off it.
    fn elements(
        self,
        key_size: usize,
        skip: &mut u64,
        show: &mut impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Status> {
        match self {
            Self::Array { base, layout, .. } => {
                let first = u32::try_from(*skip)
                    .map_or(layout.entries(), |skip| skip.min(layout.entries()));
                *skip -= u64::from(first);
                if first == layout.entries() {
                    return Ok(ControlFlow::Continue(()));
                }
                let mut key = vec![0; key_size.max(4)];
                let mut value = vec![0; layout.value_size()];
                for index in first..layout.entries() {
                    for (byte, of_index) in key.iter_mut().zip(index.to_le_bytes()) {
                        *byte = of_index;
                    }
                    let offset = index as usize * layout.stride();
                    // SAFETY: a value of the layout, and a vector of its size.
                    unsafe {
                        payload::copy(base.add(offset), value.as_mut_ptr(), value.len());
                    }
                    if show(&key, &value).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
            Self::Hash(table) => {
                for chain in 0..table.chains() {
                    let elements = patiently(self, || table.elements(chain))?;
                    let size = key_size + table.layout().value_size();
                    for element in elements.chunks_exact(size) {
                        if *skip > 0 {
                            *skip -= 1;
                            continue;
                        }
                        let (key, value) = element.split_at(key_size);
                        if show(key, value).is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                }
            }
            Self::Application { own, slot } => {
                let mut flow = ControlFlow::Continue(());
                own.for_each(slot, &mut |key, value| {
                    if *skip > 0 {
                        *skip -= 1;
                        return flow;
                    }
                    flow = show(key, value);
                    flow
                })?;
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn len(self, key_size: usize) -> usize {
        match self {
            Self::Array { layout, .. } => layout.entries() as usize,
            Self::Hash(table) => table.len(),
            Self::Application { .. } => {
                let mut elements = 0;
                // Copies that cannot be walked count as empty.
                let _ = self.elements(key_size, &mut 0, &mut |_, _| {
                    elements += 1;
                    ControlFlow::Continue(())
                });
                elements
            }
        }
    }
}

/// Calls `f` with the address of an aligned copy of a key of a built-in kind: storage reads keys
/// with atomics, and those need memory that may be written. A key longer than any map's is cut
/// off.
fn private_key<R>(key: &[u8], f: impl FnOnce(*const u8) -> R) -> R {
    let mut copy = [0; MAX_KEY_SIZE as usize / WORD];
    for (word, chunk) in copy.iter_mut().zip(key.chunks(WORD)) {
        let mut padded = [0; WORD];
        for (to, from) in padded.iter_mut().zip(chunk) {
            *to = *from;
        }
        *word = u64::from_ne_bytes(padded);
    }
    f(copy.as_mut_ptr().cast())
}

/// How often the application tries an operation whose bucket is busy: for a fifth of a second and
/// more.
const TRIES: u32 = 256;
/// How many of them come with no more than a yield in between.
const YIELDS: u32 = 64;

/// Tries again while a bucket is locked. A bucket stays locked for long only if its thread does
/// not run. Only the application waits: inside of a hook call there is one attempt.
fn patiently<R>(
    contents: Contents<'_>,
    mut attempt: impl FnMut() -> Result<R, Status>,
) -> Result<R, Status> {
    if !matches!(contents, Contents::Hash(_)) || reclaim::inside_codelet() {
        return attempt();
    }
    for tried in 0..TRIES {
        match attempt() {
            Err(Status::Busy) if tried < YIELDS => std::thread::yield_now(),
            Err(Status::Busy) => std::thread::sleep(Duration::from_millis(1)),
            other => return other,
        }
    }
    attempt()
}

impl Map {
    /// Copies the value of a key into `value`; false when there is no such key.
    ///
    /// # Errors
    /// Wrong sizes, an index out of range, a busy bucket, a per-thread kind, or a channel.
    pub fn get(&self, key: &[u8], value: &mut [u8]) -> Result<bool, AccessError> {
        self.check_sizes(key, Some(value))?;
        let copy = self.shared("read")?;
        // SAFETY: the sizes are right.
        let found = patiently(copy, || unsafe { copy.read(key, value) })
            .map_err(|status| self.refused(status, key))?;
        match self.storage {
            Storage::Array(_) if !found => Err(self.out_of_range(key)),
            _ => Ok(found),
        }
    }

    /// Sets the value of a key, new or not.
    ///
    /// # Errors
    /// As [`get`](Self::get), a full map, a busy bucket, or a section of constants.
    pub fn set(&self, key: &[u8], value: &[u8]) -> Result<(), AccessError> {
        self.check_sizes(key, Some(value))?;
        let copy = self.shared("set")?;
        // SAFETY: the sizes are right.
        let written = patiently(copy, || outcome(unsafe { copy.write(key, value) }));
        written.map_err(|status| self.refused(status, key))
    }

    /// Removes a key; false when there was no such key.
    ///
    /// # Errors
    /// A wrong size, a busy bucket, or a kind that keeps all its keys.
    pub fn remove(&self, key: &[u8]) -> Result<bool, AccessError> {
        self.check_sizes(key, None)?;
        let copy = self.shared("remove")?;
        if let Contents::Array { .. } = copy {
            return Err(self.unsupported("remove"));
        }
        // SAFETY: the size is right.
        match patiently(copy, || outcome(unsafe { copy.remove(key) })) {
            Ok(()) => Ok(true),
            Err(Status::Error) => Ok(false),
            Err(status) => Err(self.refused(status, key)),
        }
    }

    /// Zeroes an array or empties a hash map: every copy of a per-thread kind.
    ///
    /// # Errors
    /// A busy bucket (some keys remain), a section of constants, or a channel.
    pub fn clear_all(&self) -> Result<(), AccessError> {
        self.check_holds_values("clear")?;
        self.copies().try_for_each(|(_, copy)| {
            let cleared = patiently(copy, || outcome(copy.clear()));
            cleared.map_err(|status| self.refused(status, &[]))
        })
    }

    /// Copies the values that the threads have for a key, with their slots; on other kinds the one
    /// value, with slot 0.
    ///
    /// # Errors
    /// Wrong sizes, an index out of range, a busy bucket, or a channel.
    pub fn get_each(
        &self,
        key: &[u8],
        value: &mut [u8],
        mut show: impl FnMut(u32, &[u8]),
    ) -> Result<(), AccessError> {
        self.check_sizes(key, Some(value))?;
        self.check_holds_values("read")?;
        if self
            .array_layout()
            .is_some_and(|layout| index_of(key) >= layout.entries())
        {
            return Err(self.out_of_range(key));
        }
        for (slot, copy) in self.copies() {
            // SAFETY: the sizes are right.
            let found = patiently(copy, || unsafe { copy.read(key, value) })
                .map_err(|status| self.refused(status, key))?;
            if found {
                show(slot, value);
            }
        }
        Ok(())
    }

    /// Shows copies of all elements, key and value, with the slot of the thread that owns them (0
    /// on kinds that threads share), until `show` breaks. An array shows every element. A hash map
    /// shows each element that is there all the while, once.
    ///
    /// # Errors
    /// A bucket stayed locked, or the map is a channel.
    pub fn for_each(
        &self,
        show: impl FnMut(u32, &[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), AccessError> {
        self.for_each_after(0, show)
    }

    /// Shows copies of all elements but the first `skip`, as [`for_each`](Self::for_each).
    /// Elements of arrays that are left out take no time.
    ///
    /// # Errors
    /// A bucket stayed locked, or the map is a channel.
    pub fn for_each_after(
        &self,
        mut skip: u64,
        mut show: impl FnMut(u32, &[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), AccessError> {
        self.check_holds_values("read")?;
        for (slot, copy) in self.copies() {
            let shown = copy
                .elements(self.key_size(), &mut skip, &mut |key, value| {
                    show(slot, key, value)
                })
                .map_err(|status| self.refused(status, &[]))?;
            if shown.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Elements now: all entries of an array, the keys of a hash map; of every copy for per-thread
    /// kinds. While others write, a number that may never have been exact.
    ///
    /// # Errors
    /// The map is a channel.
    pub fn element_count(&self) -> Result<usize, AccessError> {
        self.check_holds_values("count")?;
        Ok(self
            .copies()
            .map(|(_, copy)| copy.len(self.key_size()))
            .sum())
    }

    pub(super) fn key_size(&self) -> usize {
        self.def.key_size as usize
    }

    pub(super) fn value_size(&self) -> usize {
        self.def.value_size as usize
    }

    /// The copies that exist, with their slots.
    fn copies(&self) -> impl Iterator<Item = (u32, Contents<'_>)> {
        let per_thread_arrays = match &self.storage {
            Storage::PerThreadArray(array) => Some(array.copies().map(|(slot, base)| {
                let copy = Contents::Array {
                    base,
                    layout: array.layout(),
                    read_only: false,
                };
                (slot, copy)
            })),
            _ => None,
        };
        let per_thread_hashes = match &self.storage {
            Storage::PerThreadHash(hash) => Some(
                hash.copies()
                    .map(|(slot, table)| (slot, Contents::Hash(table))),
            ),
            _ => None,
        };
        let shared = self.shared("read").ok().map(|copy| (0, copy));
        shared
            .into_iter()
            .chain(per_thread_arrays.into_iter().flatten())
            .chain(per_thread_hashes.into_iter().flatten())
    }

    /// The one copy of a kind that threads share.
    fn shared(&self, operation: &'static str) -> Result<Contents<'_>, AccessError> {
        match &self.storage {
            Storage::Array(array) => Ok(Contents::Array {
                base: array.base(),
                layout: array.layout(),
                read_only: array.writable().is_none(),
            }),
            Storage::Hash(table) => Ok(Contents::Hash(table)),
            Storage::Application(own) => Ok(Contents::Application { own, slot: 0 }),
            Storage::PerThreadArray(_) | Storage::PerThreadHash(_) => Err(AccessError::PerThread {
                map: self.def.name.clone(),
            }),
            Storage::RingBuf(_) | Storage::ControlInput(_) | Storage::Output(_) => {
                Err(self.unsupported(operation))
            }
        }
    }

    /// The copy of a slot, or the one copy that all threads share; `None` for channels and when
    /// there is no memory for a copy.
    pub(super) fn contents_of(&self, slot: u32) -> Option<Contents<'_>> {
        match &self.storage {
            Storage::PerThreadArray(array) => {
                let base = array.copy(slot);
                (!base.is_null()).then(|| Contents::Array {
                    base,
                    layout: array.layout(),
                    read_only: false,
                })
            }
            Storage::PerThreadHash(hash) => hash.copy(slot).map(Contents::Hash),
            Storage::Application(own) => Some(Contents::Application { own, slot }),
            _ => self.shared("use").ok(),
        }
    }

    fn array_layout(&self) -> Option<ArrayLayout> {
        match &self.storage {
            Storage::Array(array) => Some(array.layout()),
            Storage::PerThreadArray(array) => Some(array.layout()),
            _ => None,
        }
    }

    fn check_holds_values(&self, operation: &'static str) -> Result<(), AccessError> {
        if self.def.kind.is_channel() {
            return Err(self.unsupported(operation));
        }
        Ok(())
    }

    pub(super) fn check_sizes(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), AccessError> {
        let map = || self.def.name.clone();
        if key.len() != self.key_size() {
            return Err(AccessError::KeySize {
                map: map(),
                expected: self.key_size(),
                given: key.len(),
            });
        }
        match value {
            Some(value) if value.len() != self.value_size() => Err(AccessError::ValueSize {
                map: map(),
                expected: self.value_size(),
                given: value.len(),
            }),
            _ => Ok(()),
        }
    }

    fn refused(&self, status: Status, key: &[u8]) -> AccessError {
        let map = self.def.name.clone();
        match (status, &self.storage) {
            (Status::Full, _) => AccessError::Full {
                map,
                max_entries: self.def.max_entries,
            },
            (Status::Busy, _) => AccessError::Busy { map },
            (_, Storage::Array(array)) if array.writable().is_none() => {
                AccessError::ReadOnly { map }
            }
            (_, Storage::Application(_)) => AccessError::Refused { map },
            _ => self.out_of_range(key),
        }
    }

    fn out_of_range(&self, key: &[u8]) -> AccessError {
        AccessError::OutOfRange {
            map: self.def.name.clone(),
            index: index_of(key),
            max_entries: self.def.max_entries,
        }
    }

    fn unsupported(&self, operation: &'static str) -> AccessError {
        AccessError::Unsupported {
            map: self.def.name.clone(),
            kind: self.def.kind,
            operation,
        }
    }
}

/// A status as a result.
fn outcome(status: Status) -> Result<(), Status> {
    match status {
        Status::Success => Ok(()),
        refused => Err(refused),
    }
}

/// The index that an array's key holds.
fn index_of(key: &[u8]) -> u32 {
    let (words, _) = key.as_chunks::<4>();
    words.first().map_or(0, |index| u32::from_le_bytes(*index))
}
