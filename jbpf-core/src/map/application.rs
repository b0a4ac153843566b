//! Kinds of map that the application provides (map types 16 and up).
#![expect(
    unsafe_code,
    reason = "hands addresses between codelets and the application's storage"
)]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "an address is computed and used under one proof"
)]

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::ControlFlow;
use std::ptr;
use std::sync::Arc;

use jbpf_channel::MemoryCharge;
use jbpf_verifier::types::MapDef;

use super::MapError;
use super::pages::MapOptions;
use super::payload;
use super::status::Status;
use crate::containment::contain;

/// Storage of the application's own behind a map.
///
/// Codelets use it through helpers 1 to 6, like a built-in map that holds values; `key` and
/// `value` have the sizes of the map's definition. `slot` is the number of the calling thread (see
/// [`ThreadRecord::slot`](jbpf_hooks::reclaim::ThreadRecord::slot)), for kinds with a copy a
/// thread; when the application itself uses the map it is 0.
///
/// A panic is contained: the codelet sees null, or -1. A panic while the map is dropped is
/// contained, too.
///
/// # Safety
/// The verifier lets codelets read and write the values that [`lookup`](Self::lookup) returns
/// without any further check. An implementation promises for every address that is not null:
///
/// * *Size and alignment.* `value_size` bytes lie there, initialised, and the address is a
///   multiple of 8.
/// * *Lifetime.* They stay readable and writable at that address until the map is dropped.
///   Deleting a key does not end it: its place may hold another value then, of the same size, and
///   nothing else.
/// * *Sharing.* Any thread may read and write them at any time. While the map exists nobody in the
///   process has a `&` or `&mut` to them; Rust code reads and writes them through atomics alone.
/// * *Truth.* [`contains`](Self::contains) says yes for these bytes, and for no others.
///
/// The methods are called by many threads at once, inside of hooks: they do not block, and do not
/// load or unload codeletsets. The constructor and the destructor obey the same rule: they run in
/// the middle of a load or an unload.
pub unsafe trait ApplicationMap: Send + Sync {
    /// The address of a key's value; null when there is none.
    fn lookup(&self, key: &[u8], slot: u32) -> *mut u8;

    /// Sets the value of a key.
    fn update(&self, key: &[u8], value: &[u8], slot: u32) -> Status;

    /// Removes a key; [`Status::Error`] when there is none.
    fn delete(&self, _key: &[u8], _slot: u32) -> Status {
        Status::UNSUPPORTED
    }

    /// Removes all keys, or zeroes all values.
    fn clear(&self, _slot: u32) -> Status {
        Status::UNSUPPORTED
    }

    /// Shows copies of all keys and values until `show` breaks. Each has the size of the
    /// definition.
    ///
    /// # Errors
    /// [`Status::UNSUPPORTED`], which is the default, or why it could not be done.
    fn for_each(&self, _slot: u32, _show: &mut ShowElement<'_>) -> Result<(), Status> {
        Err(Status::UNSUPPORTED)
    }

    /// Whether `len` bytes from `addr` on lie in one value that `lookup` may have returned to this
    /// thread. The checked interpreter asks before each access.
    fn contains(&self, addr: usize, len: usize, slot: u32) -> bool;

    /// Bytes of memory that the map takes now. The runtime asks once, after the map was made, and
    /// takes the answer from its memory budget.
    fn memory(&self) -> usize {
        0
    }
}

/// Takes a key and its value, and says whether it wants more.
pub type ShowElement<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

type Create = dyn Fn(&MapDef) -> Result<Box<dyn ApplicationMap>, String> + Send + Sync;

/// A map type of the application's, by its number in map definitions.
#[derive(Clone)]
pub struct ApplicationKind {
    number: u32,
    create: Arc<Create>,
}

impl ApplicationKind {
    /// The smallest number that an application may use.
    pub const FIRST: u32 = jbpf_abi::map::FIRST_OF_APPLICATION;

    /// A map type. `create` is called at load for each map of that type, with all eight numbers of
    /// its definition; it says no with the reason, a sentence without a full stop. `value_size`
    /// and `max_entries` are not 0; `key_size` and `value_size` are [`MAX_COPIED_SIZE`] at most.
    ///
    /// Returns `None` for numbers below [`FIRST`](Self::FIRST).
    pub fn new(
        number: u32,
        create: impl Fn(&MapDef) -> Result<Box<dyn ApplicationMap>, String> + Send + Sync + 'static,
    ) -> Option<Self> {
        (number >= Self::FIRST).then(|| Self {
            number,
            create: Arc::new(create),
        })
    }

    /// The number in map definitions.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl fmt::Debug for ApplicationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApplicationKind({})", self.number)
    }
}

/// The most bytes that keys and values of an application's kind have: they are copied on the stack
/// of the hook call.
pub const MAX_COPIED_SIZE: u32 = payload::MAX_COPY as u32;

/// A map of the application's, as codelets use it.
pub struct ApplicationStorage {
    map: ManuallyDrop<Box<dyn ApplicationMap>>,
    key_size: usize,
    value_size: usize,
    /// Held for its drop, which gives the bytes back.
    _charge: MemoryCharge,
}

impl ApplicationStorage {
    pub(super) fn new(def: &MapDef, number: u32, options: &MapOptions) -> Result<Self, MapError> {
        let map = || def.name.clone();
        for (field, value) in [("key_size", def.key_size), ("value_size", def.value_size)] {
            if value > MAX_COPIED_SIZE {
                return Err(MapError::TooLarge {
                    map: map(),
                    field,
                    value: value.into(),
                    limit: MAX_COPIED_SIZE.into(),
                });
            }
        }
        let kind = options
            .kinds
            .iter()
            .find(|kind| kind.number == number)
            .ok_or_else(|| MapError::UnknownKind { map: map(), number })?;
        let panicked = Err("its constructor panicked".to_owned());
        let created =
            contained(panicked, || (kind.create)(def)).map_err(|reason| MapError::Application {
                map: map(),
                number,
                reason,
            })?;
        let bytes = contained(0, || created.memory());
        let charge =
            MemoryCharge::new(bytes, options.budget.as_ref()).map_err(|over| MapError::Memory {
                map: map(),
                source: over.into(),
            })?;
        Ok(Self {
            map: ManuallyDrop::new(created),
            key_size: def.key_size as usize,
            value_size: def.value_size as usize,
            _charge: charge,
        })
    }

    /// The application's own map.
    #[must_use]
    pub fn map(&self) -> &dyn ApplicationMap {
        &**self.map
    }

    pub(super) fn lookup_bytes(&self, key: &[u8], slot: u32) -> *mut u8 {
        contained(ptr::null_mut(), || self.map.lookup(key, slot))
    }

    pub(super) fn update_bytes(&self, key: &[u8], value: &[u8], slot: u32) -> Status {
        contained(Status::Error, || self.map.update(key, value, slot))
    }

    pub(super) fn delete_bytes(&self, key: &[u8], slot: u32) -> Status {
        contained(Status::Error, || self.map.delete(key, slot))
    }

    /// # Safety
    /// `key` is readable for `key_size` bytes.
    pub(super) unsafe fn lookup(&self, key: *const u8, slot: u32) -> *mut u8 {
        contained(ptr::null_mut(), || {
            // SAFETY: the caller's word.
            unsafe { payload::with_copy(key, self.key_size, |key| self.map.lookup(key, slot)) }
        })
    }

    /// # Safety
    /// As [`lookup`](Self::lookup).
    pub(super) unsafe fn lookup_reset(&self, key: *const u8, slot: u32) -> *mut u8 {
        // SAFETY: the caller's word, and the promise of `ApplicationMap` about addresses that are
        // not null.
        unsafe {
            let value = self.lookup(key, slot);
            if !value.is_null() {
                payload::zero(value, self.value_size);
            }
            value
        }
    }

    /// # Safety
    /// As [`lookup`](Self::lookup), and `value` is readable for `value_size` bytes.
    pub(super) unsafe fn update(&self, key: *const u8, value: *const u8, slot: u32) -> Status {
        // SAFETY: the caller's word.
        contained(Status::Error, || unsafe {
            payload::with_copy(key, self.key_size, |key| {
                payload::with_copy(value, self.value_size, |value| {
                    self.map.update(key, value, slot)
                })
            })
        })
    }

    /// # Safety
    /// As [`lookup`](Self::lookup).
    pub(super) unsafe fn delete(&self, key: *const u8, slot: u32) -> Status {
        contained(Status::Error, || {
            // SAFETY: the caller's word.
            unsafe { payload::with_copy(key, self.key_size, |key| self.map.delete(key, slot)) }
        })
    }

    pub(super) fn clear(&self, slot: u32) -> Status {
        contained(Status::Error, || self.map.clear(slot))
    }

    /// # Safety
    /// `out` is writable for `size` bytes.
    pub(super) unsafe fn dump(&self, out: *mut u8, size: usize, slot: u32) -> Result<u32, Status> {
        let mut used = 0;
        let mut elements = 0;
        let mut fits = true;
        self.for_each(slot, &mut |key, value| {
            if key.len() + value.len() > size - used {
                fits = false;
                return ControlFlow::Break(());
            }
            for bytes in [key, value] {
                // SAFETY: that many bytes are left behind `used`, and the source is the
                // application's own copy.
                unsafe { payload::store(bytes, out.add(used)) };
                used += bytes.len();
            }
            elements += 1;
            ControlFlow::Continue(())
        })?;
        Ok(if fits { elements } else { 0 })
    }

    /// Elements of other sizes than the definition's are left out.
    pub(super) fn for_each(&self, slot: u32, show: &mut ShowElement<'_>) -> Result<(), Status> {
        let sizes = (self.key_size, self.value_size);
        contained(Err(Status::Error), || {
            self.map.for_each(slot, &mut |key, value| {
                if (key.len(), value.len()) == sizes {
                    show(key, value)
                } else {
                    ControlFlow::Continue(())
                }
            })
        })
    }

    pub(super) fn contains(&self, addr: usize, len: usize, slot: u32) -> bool {
        contained(false, || self.map.contains(addr, len, slot))
    }

    pub(super) fn bytes(&self) -> usize {
        contained(0, || self.map.memory())
    }
}

impl Drop for ApplicationStorage {
    /// A load or an unload is not left half done because the application's destructor panics.
    fn drop(&mut self) {
        // SAFETY: the field is used no more: `self` is being dropped.
        contained((), || unsafe { ManuallyDrop::drop(&mut self.map) });
    }
}

impl fmt::Debug for ApplicationStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApplicationStorage").finish_non_exhaustive()
    }
}

/// Runs the application's code; a panic must not unwind into machine code.
fn contained<R>(otherwise: R, run: impl FnOnce() -> R) -> R {
    contain(run).unwrap_or(otherwise)
}
