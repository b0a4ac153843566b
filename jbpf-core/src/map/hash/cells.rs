//! A fixed run of atomics, wherever it lies.

use std::fmt;
use std::ptr::NonNull;

use super::primitives::{AtomicU32, touched};

/// `len` values of an atomic type at a fixed address. A pointer, not an owner.
pub(crate) struct Cells<T> {
    start: NonNull<T>,
    len: u32,
}

/// Numbers by slot or bucket.
pub(crate) type Links = Cells<AtomicU32>;

// SAFETY: gives out `&T` alone. The caller of `new` promised that the memory outlives the cells.
unsafe impl<T: Sync> Send for Cells<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Cells<T> {}

impl<T> Cells<T> {
    /// # Safety
    /// `len` initialised values lie at `start`, at least as long as these cells are used, and
    /// nobody has a `&mut` to them.
    pub(crate) unsafe fn new(start: NonNull<T>, len: u32) -> Self {
        Self { start, len }
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// # Safety
    /// `at` is below [`len`](Self::len).
    #[inline(always)]
    pub(crate) unsafe fn at(&self, at: u32) -> &T {
        debug_assert!(at < self.len);
        touched::add(size_of::<T>());
        // SAFETY: below `len` by the caller's word.
        let cell = unsafe { self.start.add(at as usize) };
        // SAFETY: an initialised value, as the caller of `new` promised.
        unsafe { cell.as_ref() }
    }
}

impl<T> fmt::Debug for Cells<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cells({:p}; {})", self.start, self.len)
    }
}
