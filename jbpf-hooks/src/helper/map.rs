//! Maps for the application's helpers, which copy keys and values in and out.

#![expect(
    unsafe_code,
    reason = "the address that a codelet passes becomes the map it starts"
)]

use core::fmt;
use core::ptr;

use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The first field of every map. A helper that gets the map's address finds the map's operations
/// here.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct MapHandle {
    operations: unsafe fn(*const MapHandle) -> *const dyn MapOperations,
}

impl MapHandle {
    /// The handle of maps of type `M`.
    #[must_use]
    pub const fn of<M: MapOperations + 'static>() -> Self {
        Self {
            // A `MapHandle` made here is the first field of an `M`, as `MapOperations` demands.
            operations: |handle| handle.cast::<M>() as *const dyn MapOperations,
        }
    }
}

impl fmt::Debug for MapHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapHandle").finish_non_exhaustive()
    }
}

/// The operations of a map for helpers. The runtime implements them for the maps that it makes.
///
/// Keys and values come with the sizes that [`key_size`](Self::key_size) and
/// [`value_size`](Self::value_size) give; [`MapRef`] checks them. On per-thread kinds the
/// operations act on the calling thread's copy.
///
/// # Safety
///
/// The type is `repr(C)`, its first field is a [`MapHandle`] made by [`MapHandle::of`] for this
/// very type, and the operations may be called on any thread while codelets use the map.
pub unsafe trait MapOperations: Sync {
    /// The map's name.
    fn name(&self) -> &str;
    /// The kind by its number in the map's definition (ABI: map types).
    fn kind(&self) -> u32;
    /// Size of a key in bytes, or 0 for channels.
    fn key_size(&self) -> usize;
    /// Size of a value or record in bytes.
    fn value_size(&self) -> usize;
    /// The most entries it holds.
    fn max_entries(&self) -> usize;
    /// Copies the value of `key` into `value`.
    ///
    /// # Errors
    ///
    /// [`NotFound`](MapError::NotFound), or [`Unsupported`](MapError::Unsupported) on channels.
    fn lookup(&self, key: &[u8], value: &mut [u8]) -> Result<(), MapError>;
    /// Makes `value` the value of `key`.
    ///
    /// # Errors
    ///
    /// [`Full`](MapError::Full), [`Busy`](MapError::Busy), [`NotFound`](MapError::NotFound) for an
    /// index out of range, or [`Unsupported`](MapError::Unsupported) on channels.
    fn update(&self, key: &[u8], value: &[u8]) -> Result<(), MapError>;
    /// Takes `key` and its value out.
    ///
    /// # Errors
    ///
    /// [`NotFound`](MapError::NotFound), [`Busy`](MapError::Busy), or
    /// [`Unsupported`](MapError::Unsupported) on arrays and channels.
    fn delete(&self, key: &[u8]) -> Result<(), MapError>;
    /// Empties a hash map, zeroes an array.
    ///
    /// # Errors
    ///
    /// [`Busy`](MapError::Busy), or [`Unsupported`](MapError::Unsupported) on channels.
    fn clear(&self) -> Result<(), MapError>;
}

/// The reason why a map refused an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MapError {
    /// The key is not in the map, or the index is out of range.
    NotFound,
    /// Another thread held the key's place for too long.
    Busy,
    /// A new key does not fit.
    Full,
    /// Maps of this kind have no such operation.
    Unsupported,
    /// The key or the value does not have the map's size.
    WrongSize {
        /// The size that the map has, in bytes.
        expected: usize,
        /// The size that was given, in bytes.
        given: usize,
    },
}

impl MapError {
    /// The code that codelets know it by (ABI: return codes of map operations).
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::NotFound | Self::WrongSize { .. } => -1,
            Self::Busy | Self::Unsupported => -2,
            Self::Full => -4,
        }
    }
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("the map has no such key"),
            Self::Busy => {
                f.write_str("the key's place in the map is in use by another thread; try again")
            }
            Self::Full => f.write_str("the map is full"),
            Self::Unsupported => f.write_str("maps of this kind have no such operation"),
            Self::WrongSize { expected, given } => {
                write!(
                    f,
                    "the map takes {expected} bytes here, and {given} were given"
                )
            }
        }
    }
}

impl std::error::Error for MapError {}

/// A map that a codelet passed to a helper, for the length of the call.
#[derive(Clone, Copy)]
pub struct MapRef<'call> {
    operations: &'call dyn MapOperations,
}

impl<'call> MapRef<'call> {
    /// The map of an address that a codelet passed.
    ///
    /// # Safety
    ///
    /// `handle` is the address of a whole map, whose first field it is, with the provenance of
    /// that map, and the map outlives `'call`.
    #[must_use]
    pub unsafe fn from_handle(handle: *const MapHandle) -> Self {
        // SAFETY: a map starts with its handle (caller).
        let find = unsafe { (*handle).operations };
        // SAFETY: `find` is the function of this handle's own type of map.
        let operations = unsafe { find(handle) };
        // SAFETY: the pointer is the map's address with the operations of its type, and the map
        // outlives `'call`.
        let operations = unsafe { &*operations };
        Self { operations }
    }

    /// A map that the caller holds.
    #[must_use]
    pub fn new(map: &'call dyn MapOperations) -> Self {
        Self { operations: map }
    }

    /// The map's name.
    #[must_use]
    pub fn name(&self) -> &'call str {
        self.operations.name()
    }

    /// The kind by its number in the map's definition (ABI: map types).
    #[must_use]
    pub fn kind(&self) -> u32 {
        self.operations.kind()
    }

    /// Whether it is a channel. A channel has records, and neither keys nor values.
    #[must_use]
    pub fn is_channel(&self) -> bool {
        matches!(self.kind(), 3 | 4 | 7)
    }

    /// Size of a key in bytes, or 0 for channels.
    #[must_use]
    pub fn key_size(&self) -> usize {
        self.operations.key_size()
    }

    /// Size of a value or record in bytes.
    #[must_use]
    pub fn value_size(&self) -> usize {
        self.operations.value_size()
    }

    /// The most entries it holds.
    #[must_use]
    pub fn max_entries(&self) -> usize {
        self.operations.max_entries()
    }

    /// Copies the value of `key` into `value`.
    ///
    /// # Errors
    ///
    /// [`MapError::WrongSize`], [`NotFound`](MapError::NotFound) or
    /// [`Unsupported`](MapError::Unsupported).
    pub fn lookup_bytes(&self, key: &[u8], value: &mut [u8]) -> Result<(), MapError> {
        self.check(key, Some(value))?;
        self.operations.lookup(key, value)
    }

    /// Makes `value` the value of `key`.
    ///
    /// # Errors
    ///
    /// Any [`MapError`].
    pub fn update_bytes(&self, key: &[u8], value: &[u8]) -> Result<(), MapError> {
        self.check(key, Some(value))?;
        self.operations.update(key, value)
    }

    /// Takes `key` and its value out.
    ///
    /// # Errors
    ///
    /// Any [`MapError`] but [`Full`](MapError::Full).
    pub fn delete_bytes(&self, key: &[u8]) -> Result<(), MapError> {
        self.check(key, None)?;
        self.operations.delete(key)
    }

    fn check(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), MapError> {
        if self.is_channel() {
            return Err(MapError::Unsupported);
        }
        check_size(self.key_size(), key)?;
        value.map_or(Ok(()), |value| check_size(self.value_size(), value))
    }

    /// The value of `key`, if there is one.
    ///
    /// # Errors
    ///
    /// [`MapError::WrongSize`] if `K` or `V` do not have the map's sizes, or
    /// [`Unsupported`](MapError::Unsupported).
    pub fn lookup<K, V>(&self, key: &K) -> Result<Option<V>, MapError>
    where
        K: IntoBytes + Immutable,
        V: FromBytes + IntoBytes,
    {
        let mut value = V::new_zeroed();
        match self.lookup_bytes(key.as_bytes(), value.as_mut_bytes()) {
            Ok(()) => Ok(Some(value)),
            Err(MapError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes `value` the value of `key`.
    ///
    /// # Errors
    ///
    /// Any [`MapError`].
    pub fn update<K, V>(&self, key: &K, value: &V) -> Result<(), MapError>
    where
        K: IntoBytes + Immutable,
        V: IntoBytes + Immutable,
    {
        self.update_bytes(key.as_bytes(), value.as_bytes())
    }

    /// Takes `key` and its value out.
    ///
    /// # Errors
    ///
    /// Any [`MapError`] but [`Full`](MapError::Full).
    pub fn delete<K: IntoBytes + Immutable>(&self, key: &K) -> Result<(), MapError> {
        self.delete_bytes(key.as_bytes())
    }

    /// Empties a hash map, zeroes an array.
    ///
    /// # Errors
    ///
    /// [`Busy`](MapError::Busy) or [`Unsupported`](MapError::Unsupported).
    pub fn clear(&self) -> Result<(), MapError> {
        self.operations.clear()
    }
}

impl fmt::Debug for MapRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapRef")
            .field("name", &self.name())
            .field("kind", &self.kind())
            .field("key_size", &self.key_size())
            .field("value_size", &self.value_size())
            .finish_non_exhaustive()
    }
}

impl PartialEq for MapRef<'_> {
    /// Whether both are the same map.
    fn eq(&self, other: &Self) -> bool {
        ptr::addr_eq(self.operations, other.operations)
    }
}

impl Eq for MapRef<'_> {}

fn check_size(expected: usize, bytes: &[u8]) -> Result<(), MapError> {
    if bytes.len() == expected {
        return Ok(());
    }
    Err(MapError::WrongSize {
        expected,
        given: bytes.len(),
    })
}
