//! Values by index, in one run of memory. They never move.
#![expect(
    unsafe_code,
    reason = "computes addresses of values and copies into them"
)]

use jbpf_verifier::types::{DataSection, MapDef};

use super::pages::{MapOptions, Pages, PagesError};
use super::payload::{self, Source, WORD};
use super::status::Status;
use super::{MapError, layout_overflow};

/// The places of an array's values: the same for every copy of a per-thread array.
#[derive(Debug, Clone, Copy)]
pub struct ArrayLayout {
    stride: usize,
    value_size: usize,
    entries: u32,
}

impl ArrayLayout {
    pub(super) fn new(def: &MapDef) -> Result<Self, MapError> {
        let value_size = usize::try_from(def.value_size).map_err(|_| layout_overflow(def))?;
        let stride = value_size.next_multiple_of(WORD);
        usize::try_from(def.max_entries)
            .ok()
            .and_then(|entries| entries.checked_mul(stride))
            .filter(|bytes| isize::try_from(*bytes).is_ok())
            .ok_or_else(|| layout_overflow(def))?;
        Ok(Self {
            stride,
            value_size,
            entries: def.max_entries,
        })
    }

    /// Bytes from one value to the next: `value_size` rounded up to a multiple of 8.
    #[must_use]
    pub fn stride(self) -> usize {
        self.stride
    }

    /// Bytes of a value.
    #[must_use]
    pub fn value_size(self) -> usize {
        self.value_size
    }

    /// How many values there are.
    #[must_use]
    pub fn entries(self) -> u32 {
        self.entries
    }

    /// Bytes of all values.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.stride * self.entries as usize
    }

    /// Offset of the value that a key names; `None` beyond the last.
    ///
    /// # Safety
    /// `key` is valid for reads of four bytes.
    #[inline]
    pub(super) unsafe fn offset(self, key: *const u8) -> Option<usize> {
        // SAFETY: the caller's word.
        let index = unsafe { payload::load_u32(key) };
        (index < self.entries).then(|| index as usize * self.stride)
    }

    /// Whether `len` bytes at `offset` lie inside one value.
    pub(super) fn inside_value(self, offset: usize, len: usize) -> bool {
        offset < self.bytes()
            && (offset % self.stride)
                .checked_add(len)
                .is_some_and(|end| end <= self.value_size)
    }
}

/// An array that all threads share, or a data section.
#[derive(Debug)]
pub struct ArrayMap {
    pages: Pages,
    layout: ArrayLayout,
    /// `.rodata`: its pages fault when written to.
    read_only: bool,
}

impl ArrayMap {
    pub(super) fn new(layout: ArrayLayout, options: &MapOptions) -> Result<Self, PagesError> {
        Ok(Self {
            pages: Pages::new(layout.bytes(), options)?,
            layout,
            read_only: false,
        })
    }

    /// The one value of a data section, filled; unwritable from then on if it is read-only.
    pub(super) fn section(
        layout: ArrayLayout,
        section: &DataSection,
        options: &MapOptions,
    ) -> Result<Self, PagesError> {
        let mut array = Self::new(layout, options)?;
        let len = section.contents.len().min(layout.bytes());
        // SAFETY: `len` bytes are in the contents and in the pages, which nobody else knows yet.
        unsafe {
            section
                .contents
                .as_ptr()
                .copy_to_nonoverlapping(array.base(), len);
        }
        if section.read_only {
            array.pages.make_read_only()?;
            array.read_only = true;
        }
        Ok(array)
    }

    /// Address of the first value; the value of index `i` lies `i * stride` bytes further.
    #[must_use]
    pub fn base(&self) -> *mut u8 {
        self.pages.start()
    }

    /// Bytes from one value to the next: `value_size` rounded up to a multiple of 8.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.layout.stride
    }

    /// How many values there are.
    #[must_use]
    pub fn max_entries(&self) -> u32 {
        self.layout.entries
    }

    /// The places of the values.
    #[must_use]
    pub fn layout(&self) -> ArrayLayout {
        self.layout
    }

    /// The base of the values if they may be written; `None` for constants.
    pub(super) fn writable(&self) -> Option<*mut u8> {
        (!self.read_only).then(|| self.base())
    }

    pub(super) fn bytes(&self) -> usize {
        self.pages.size()
    }

    pub(super) fn contains(&self, addr: usize, len: usize) -> bool {
        addr.checked_sub(self.base().addr())
            .is_some_and(|offset| self.layout.inside_value(offset, len))
    }
}

/// Operations on the values of an array or of one thread's copy. `base` is the address of the
/// first value of memory laid out by `layout`.
///
/// Each is `unsafe`: `base` must be such memory, `key` readable for four bytes, `value` have
/// `value_size` bytes.
pub(super) mod values {
    use super::{ArrayLayout, Source, Status, payload};

    #[inline]
    pub(crate) unsafe fn lookup(base: *mut u8, layout: ArrayLayout, key: *const u8) -> *mut u8 {
        // SAFETY: the caller's word for the key.
        match unsafe { layout.offset(key) } {
            // SAFETY: an offset below the size of the memory at `base`.
            Some(offset) => unsafe { base.add(offset) },
            None => std::ptr::null_mut(),
        }
    }

    pub(crate) unsafe fn lookup_reset(
        base: *mut u8,
        layout: ArrayLayout,
        key: *const u8,
    ) -> *mut u8 {
        // SAFETY: the caller's word.
        let value = unsafe { lookup(base, layout, key) };
        if !value.is_null() {
            // SAFETY: `lookup` gives the address of a whole value.
            unsafe { payload::zero(value, layout.value_size) };
        }
        value
    }

    pub(crate) unsafe fn update(
        base: *mut u8,
        layout: ArrayLayout,
        key: *const u8,
        value: impl Source,
    ) -> Status {
        // SAFETY: the caller's word.
        let slot = unsafe { lookup(base, layout, key) };
        if slot.is_null() {
            return Status::Error;
        }
        // SAFETY: `slot` is a whole value, `value` as large by the caller's word.
        unsafe { value.write(slot, layout.value_size) };
        Status::Success
    }

    pub(crate) unsafe fn clear(base: *mut u8, layout: ArrayLayout) {
        // SAFETY: all values lie at `base`.
        unsafe { payload::zero(base, layout.bytes()) };
    }
}
