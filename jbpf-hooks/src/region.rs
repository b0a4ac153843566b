//! The data region of a context that an application writes as a struct of its own.
//!
//! [`Region`] and [`RegionMut`] are the first 24 bytes of such a context: `data`, `data_end`,
//! `meta_data`. They hold the reference's lifetime, and so keep the codelets' memory alive for the
//! call.
//!
//! ```
//! use jbpf_hooks::{JbpfContext, Region, jbpf_data, jbpf_hook};
//!
//! #[jbpf_data]
//! struct Slot { frame: u32, index: u32 }
//!
//! #[derive(JbpfContext)]
//! #[repr(C)]
//! struct SlotContext<'a> {
//!     slot: Region<'a, Slot>,
//!     carrier: u32,
//! }
//!
//! #[jbpf_hook]
//! fn slot_done(ctx: SlotContext<'_>) {}
//!
//! let slot = Slot { frame: 1, index: 9 };
//! slot_done(SlotContext { slot: Region::new(&slot), carrier: 3 });
//! ```
//!
//! Only a reference makes a region, so that safe code cannot point codelets elsewhere.

#![expect(
    unsafe_code,
    reason = "addresses of a region become references again, for the hook's own body"
)]

use core::fmt;
use core::marker::PhantomData;
use core::ptr;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::context::RegionLayout;
use crate::layout::FieldType;

/// Memory that codelets can be shown: a value with a known layout and only initialised bytes, a
/// slice of such values, or nothing (`()`).
///
/// # Safety
///
/// Every byte of a value is initialised and stays the same while it is borrowed (no interior
/// mutability), and [`SHARED`](Self::SHARED) describes the type's layout.
#[diagnostic::on_unimplemented(
    message = "codelets cannot be shown a `{Self}`",
    label = "not made of data that codelets can see",
    note = "a region is a struct declared with `#[jbpf_data]`, a number, an array, or a slice of these"
)]
pub unsafe trait RegionTarget {
    /// The rights of codelets behind `&Self`.
    const SHARED: RegionLayout;

    /// The pointer to the value that starts at `data` and ends before `data_end`.
    #[doc(hidden)]
    fn at(data: *mut u8, data_end: *mut u8) -> *mut Self;
}

/// Memory that codelets can be given to write: a [`RegionTarget`] for which any bits are a value
/// (`zerocopy::FromBytes`).
///
/// Every type that fulfils the two traits is one, so that nobody else implements this.
///
/// # Safety
///
/// Any bits are a value of the type, and [`EXCLUSIVE`](Self::EXCLUSIVE) describes its layout.
#[diagnostic::on_unimplemented(
    message = "codelets must not write to a `{Self}`",
    label = "not every bit pattern is a valid value of this type",
    note = "a codelet may leave any bits behind `&mut`, so the type must be `FromBytes`: take `&` instead, \
            or declare it with `#[jbpf_data]` without `read_only`"
)]
pub unsafe trait WritableTarget: RegionTarget {
    /// The rights of codelets behind `&mut Self`.
    const EXCLUSIVE: RegionLayout;
}

// SAFETY: `FromBytes` is the promise that any bits are a value, and the layout is that of
// `RegionTarget`.
#[diagnostic::do_not_recommend]
unsafe impl<T: RegionTarget + FromBytes + ?Sized> WritableTarget for T {
    const EXCLUSIVE: RegionLayout = T::SHARED.made_writable();
}

// SAFETY: `IntoBytes` is the promise that every byte of a value is initialised, `Immutable` that
// none changes behind a shared reference, and `FieldType::TYPE` is the type's own layout.
#[diagnostic::do_not_recommend]
unsafe impl<T: FieldType + IntoBytes + Immutable> RegionTarget for T {
    const SHARED: RegionLayout = value_region::<T>();

    fn at(data: *mut u8, _: *mut u8) -> *mut Self {
        data.cast()
    }
}

// SAFETY: as for one value; a slice is values in a row without gaps.
#[diagnostic::do_not_recommend]
unsafe impl<T: FieldType + IntoBytes + Immutable> RegionTarget for [T] {
    const SHARED: RegionLayout = slice_region::<T>();

    fn at(data: *mut u8, data_end: *mut u8) -> *mut Self {
        let bytes = data_end.addr() - data.addr();
        let len = bytes.checked_div(size_of::<T>()).unwrap_or(0);
        ptr::slice_from_raw_parts_mut(data.cast(), len)
    }
}

// SAFETY: there is nothing to see.
unsafe impl RegionTarget for () {
    const SHARED: RegionLayout = RegionLayout::None;

    fn at(data: *mut u8, _: *mut u8) -> *mut Self {
        data.cast()
    }
}

const fn value_region<T: FieldType>() -> RegionLayout {
    RegionLayout::Value {
        ty: T::TYPE,
        size: size_of::<T>(),
        align: align_of::<T>(),
        writable: false,
    }
}

const fn slice_region<T: FieldType>() -> RegionLayout {
    RegionLayout::Slice {
        element: T::TYPE,
        stride: size_of::<T>(),
        align: align_of::<T>(),
        writable: false,
    }
}

/// The words `data` and `data_end` of a context. Any reference has them. [`RegionTarget`] and
/// [`WritableTarget`] decide whether codelets may see the memory between them.
///
/// A reference to no bytes may hold any aligned address, also one of the last, at which the sum of
/// it and an offset would wrap. Codelets see the alignment itself as the address of an empty
/// region, where nothing lies. (Clause 2 of `jbpf-verifier/src/addresses.rs`.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Address of the first byte, or 0 if there is no region.
    pub data: u64,
    /// Address after the last byte.
    pub data_end: u64,
}

impl Bounds {
    /// No region.
    pub const NONE: Self = Self {
        data: 0,
        data_end: 0,
    };

    /// The bounds of memory that codelets may read.
    #[inline(always)]
    #[must_use]
    pub fn shared<T: ?Sized>(target: &T) -> Self {
        let data = ptr::from_ref(target).cast::<u8>();
        Self::new(data, size_of_val(target), align_of_val(target))
    }

    /// The bounds of memory that codelets may write, too.
    #[inline(always)]
    #[must_use]
    pub fn exclusive<T: ?Sized>(target: &mut T) -> Self {
        let (size, align) = (size_of_val(target), align_of_val(target));
        let data = ptr::from_mut(target).cast::<u8>().cast_const();
        Self::new(data, size, align)
    }

    // The provenance is exposed, because codelets, and `Region::get`, make pointers of these
    // numbers again.
    #[inline(always)]
    fn new(data: *const u8, size: usize, align: usize) -> Self {
        let data = match size {
            0 => align as u64,
            _ => data.expose_provenance() as u64,
        };
        Self {
            data,
            data_end: data + size as u64,
        }
    }
}

/// A region that codelets may read, as the first field of a context of the application's own. It
/// has 24 bytes: `data`, `data_end`, `meta_data`.
#[repr(C)]
pub struct Region<'a, T: ?Sized> {
    data: u64,
    data_end: u64,
    meta_data: u64,
    target: PhantomData<&'a T>,
}

/// A region that codelets may read and write, as the first field of a context of the application's
/// own. It has 24 bytes: `data`, `data_end`, `meta_data`.
#[repr(C)]
pub struct RegionMut<'a, T: ?Sized> {
    data: u64,
    data_end: u64,
    meta_data: u64,
    target: PhantomData<&'a mut T>,
}

impl<'a, T: RegionTarget + ?Sized> Region<'a, T> {
    /// Shows `target` to the codelets of one call. `meta_data` is 0.
    #[inline(always)]
    #[must_use]
    pub fn new(target: &'a T) -> Self {
        let Bounds { data, data_end } = Bounds::shared(target);
        Self {
            data,
            data_end,
            meta_data: 0,
            target: PhantomData,
        }
    }

    /// The value that codelets see.
    #[must_use]
    pub fn get(&self) -> &'a T {
        let data = ptr::with_exposed_provenance_mut(self.data as usize);
        let end = ptr::with_exposed_provenance_mut(self.data_end as usize);
        // SAFETY: `new`, the only constructor, took both addresses from a `&'a T`, exposing its
        // provenance. A `T` of no bytes may lie at any aligned address, and `new` chose the
        // alignment itself. Codelets can write neither a context's `data` and `data_end`, nor the
        // memory between them here.
        unsafe { &*T::at(data, end) }
    }
}

impl Region<'_, ()> {
    /// No region: `data` and `data_end` are equal.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(&())
    }
}

impl<'a, T: WritableTarget + ?Sized> RegionMut<'a, T> {
    /// Lends `target` to the codelets of one call, to read and write. `meta_data` is 0.
    #[inline(always)]
    #[must_use]
    pub fn new(target: &'a mut T) -> Self {
        let Bounds { data, data_end } = Bounds::exclusive(target);
        Self {
            data,
            data_end,
            meta_data: 0,
            target: PhantomData,
        }
    }

    /// The value that codelets saw and changed.
    #[must_use]
    pub fn get_mut(&mut self) -> &mut T {
        let data = ptr::with_exposed_provenance_mut(self.data as usize);
        let end = ptr::with_exposed_provenance_mut(self.data_end as usize);
        // SAFETY: `new`, the only constructor, took both addresses from a `&'a mut T`, exposing
        // its provenance. A `T` of no bytes may lie at any aligned address, and `new` chose the
        // alignment itself. The borrow lasts as long as `self`. The result borrows `self`, so that
        // nobody has a second one. No hook call is under way, because a call has the context, and
        // so this region, by value or by `&mut`. Codelets cannot write a context's `data` and
        // `data_end`: the verifier refuses stores at offsets below 16. They may leave any bits
        // behind, and `WritableTarget` says that these are a value. `RegionTarget` (`IntoBytes`)
        // has no padding in which bits could be lost.
        unsafe { &mut *T::at(data, end) }
    }
}

impl<T: ?Sized> Region<'_, T> {
    /// The same region with another first value of `meta_data`, the word of scratch that codelets
    /// share during one call.
    #[must_use]
    pub const fn with_meta_data(mut self, meta_data: u64) -> Self {
        self.meta_data = meta_data;
        self
    }

    /// The word of scratch, as the last codelet left it.
    #[must_use]
    pub const fn meta_data(&self) -> u64 {
        self.meta_data
    }
}

impl<T: ?Sized> RegionMut<'_, T> {
    /// The same region with another first value of `meta_data`, the word of scratch that codelets
    /// share during one call.
    #[must_use]
    pub const fn with_meta_data(mut self, meta_data: u64) -> Self {
        self.meta_data = meta_data;
        self
    }

    /// The word of scratch, as the last codelet left it.
    #[must_use]
    pub const fn meta_data(&self) -> u64 {
        self.meta_data
    }
}

impl<T: ?Sized> Clone for Region<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Region<'_, T> {}

impl<T: ?Sized> fmt::Debug for Region<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_region(f, "Region", self.data, self.data_end, self.meta_data)
    }
}

impl<T: ?Sized> fmt::Debug for RegionMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_region(f, "RegionMut", self.data, self.data_end, self.meta_data)
    }
}

fn debug_region(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    data: u64,
    data_end: u64,
    meta_data: u64,
) -> fmt::Result {
    f.debug_struct(name)
        .field("data", &format_args!("{data:#x}"))
        .field("data_end", &format_args!("{data_end:#x}"))
        .field("meta_data", &meta_data)
        .finish()
}

/// The type of the first field of a context: [`Region`] or [`RegionMut`].
///
/// # Safety
///
/// The type is 24 bytes without padding (`data`, `data_end`, `meta_data`), and as long as a value
/// lives, `data..data_end` bounds memory as [`LAYOUT`](Self::LAYOUT) describes it.
#[diagnostic::on_unimplemented(
    message = "a context must begin with its data region, not with a `{Self}`",
    label = "expected `Region<'_, T>` or `RegionMut<'_, T>`",
    note = "for a context without data, write `Region<'_, ()>` and make it with `Region::empty()`"
)]
pub unsafe trait ContextRegion {
    /// The content of the region.
    const LAYOUT: RegionLayout;
}

// SAFETY: three u64 and a `PhantomData`, in C layout; `new` takes the bounds from a reference that
// the lifetime keeps borrowed.
unsafe impl<T: RegionTarget + ?Sized> ContextRegion for Region<'_, T> {
    const LAYOUT: RegionLayout = T::SHARED;
}

// SAFETY: as for `Region`; `WritableTarget` admits any bits.
unsafe impl<T: WritableTarget + ?Sized> ContextRegion for RegionMut<'_, T> {
    const LAYOUT: RegionLayout = T::EXCLUSIVE;
}

const _: () = assert!(size_of::<Region<'_, [u8]>>() == crate::context::FIRST_FIELD_OFFSET);
const _: () = assert!(size_of::<RegionMut<'_, [u8]>>() == crate::context::FIRST_FIELD_OFFSET);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_bounds_the_value_it_was_made_of() {
        let value = 7_u32;
        let region = Region::new(&value);
        assert_eq!(region.data, ptr::from_ref(&value).addr() as u64);
        assert_eq!(region.data_end - region.data, 4);
        assert_eq!(*region.get(), 7);
    }

    #[test]
    fn a_slice_region_gives_its_elements_back() {
        let values = [1_u16, 2, 3];
        assert_eq!(Region::new(&values[..]).get(), &[1, 2, 3]);
        assert_eq!(Region::new(&values[..0]).get(), &[] as &[u16]);
        assert_eq!(Region::new(&[[0_u8; 0]; 4][..]).get().len(), 0);
    }

    #[test]
    fn a_writable_region_shows_what_was_written_through_its_address() {
        let mut value = [1_u8, 2];
        let mut region = RegionMut::new(&mut value).with_meta_data(9);
        let byte = ptr::with_exposed_provenance_mut::<u8>(region.data as usize);
        // SAFETY: the region borrows `value` exclusively; its first byte is in bounds.
        unsafe { byte.write(5) };
        assert_eq!(region.get_mut(), &[5, 2]);
        assert_eq!(region.meta_data(), 9);
        assert_eq!(value, [5, 2]);
    }

    #[test]
    fn a_region_without_bytes_starts_at_its_alignment_wherever_the_reference_points() {
        let last = ptr::without_provenance::<u32>(usize::MAX - 3);
        // SAFETY: aligned and not null, and no bytes are read.
        let nothing = unsafe { std::slice::from_raw_parts(last, 0) };
        let expected = Bounds {
            data: 4,
            data_end: 4,
        };
        assert_eq!(Bounds::shared(nothing), expected);
        assert_eq!(Bounds::exclusive(&mut [0_u32; 4][4..]), expected);
        assert!(Region::new(nothing).get().is_empty());
        assert!(RegionMut::new(&mut [0_u32; 4][4..]).get_mut().is_empty());
    }

    #[test]
    fn an_empty_region_has_no_bytes() {
        let region = Region::empty();
        assert_eq!(region.data, region.data_end);
        assert_eq!(
            <Region<'_, ()> as ContextRegion>::LAYOUT,
            RegionLayout::None
        );
        let () = region.get();
    }
}
