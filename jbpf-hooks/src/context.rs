//! Contexts: the data that a hook hands to its codelets, described for verifier, header and tools.
//!
//! Every context starts with three words, `data`, `data_end` and `meta_data` (offsets 0, 8, 16).
//! Fields of the application's own follow from offset 24. The words `data` and `data_end` bound
//! the *data region*, the memory that the hook's one reference parameter points at.

#![expect(
    unsafe_code,
    reason = "the traits are promises about layouts, which firing relies on"
)]

use crate::layout::{DataLayout, Scalar, Type};

/// Offset of the first field of the application's own, in bytes.
pub const FIRST_FIELD_OFFSET: usize = jbpf_abi::context::FIELDS as usize;

/// A struct that can be a hook's context. Written by [`#[jbpf_hook]`](crate::jbpf_hook) and
/// [`#[derive(JbpfContext)]`](derive@crate::JbpfContext).
///
/// # Safety
///
/// The type is `repr(C)` and laid out as [`CONTEXT`](Self::CONTEXT) says: the words `data`,
/// `data_end` and `meta_data`, then the fields. Its first [`readable`](ContextLayout::readable)
/// bytes are always initialised, and a field declared writable is valid whatever bits it holds.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a number nor a hook's context",
    label = "codelets cannot be given this by value",
    note = "parameters by value are u8 to u64, i8 to i64 and bool; the one parameter of a hook may also be \
            a struct of your own with `#[derive(JbpfContext)]`",
    note = "mark a parameter that only the function's body uses `#[jbpf(skip)]`"
)]
pub unsafe trait JbpfContext {
    /// The fields, and the content of the region.
    const CONTEXT: ContextLayout;
}

/// A [`JbpfContext`] that is passed to a hook by value.
/// [`#[derive(JbpfContext)]`](derive@crate::JbpfContext) writes it. Contexts that
/// [`#[jbpf_hook]`](crate::jbpf_hook) generates are none, since their `data` and `data_end` are
/// numbers that anybody in the module could set.
///
/// # Safety
///
/// As long as a value lives, `data..data_end` bounds memory as the layout's
/// [`region`](ContextLayout::region) says: the first field is a
/// [`ContextRegion`](crate::region::ContextRegion).
#[diagnostic::on_unimplemented(
    message = "a `{Self}` cannot be passed to a hook",
    label = "not a struct with `#[derive(JbpfContext)]`",
    note = "the context that `#[jbpf_hook]` generates is made by the hook itself, from references whose \
            lifetimes keep what codelets see alive: declare a struct that begins with a `Region<'_, T>`"
)]
pub unsafe trait PassedContext: JbpfContext {}

/// A context's description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextLayout {
    /// The struct's name, without path: `ExampleContext`.
    pub name: &'static str,
    /// Bytes that codelets may read: the end of the last field.
    pub readable: usize,
    /// Bytes passed in r2: `readable` rounded up to a multiple of 8.
    pub size: usize,
    /// The content of `data..data_end`.
    pub region: RegionLayout,
    /// The fields after `meta_data`, in the order of their offsets.
    pub fields: &'static [ContextField],
}

/// One number after `meta_data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextField {
    /// The field's name.
    pub name: &'static str,
    /// Offset from the start of the context, in bytes.
    pub offset: usize,
    /// The number's representation.
    pub scalar: Scalar,
    /// Whether codelets may store to it.
    pub writable: bool,
}

impl ContextLayout {
    /// The layout of a context with these fields, in the order of their offsets.
    #[must_use]
    pub const fn new(
        name: &'static str,
        region: RegionLayout,
        fields: &'static [ContextField],
    ) -> Self {
        let readable = match fields.last() {
            Some(last) => last.offset + last.scalar.size(),
            None => FIRST_FIELD_OFFSET,
        };
        Self {
            name,
            readable,
            size: readable.next_multiple_of(8),
            region,
            fields,
        }
    }
}

/// A number that can be a field of a context: `u8` to `u64`, `i8` to `i64`, `bool`.
///
/// # Safety
///
/// [`SCALAR`](Self::SCALAR) is the type's representation.
#[diagnostic::on_unimplemented(
    message = "a context's fields are numbers, and `{Self}` is none",
    label = "expected u8 to u64, i8 to i64 or bool",
    note = "data of other types goes into the hook's data region: one `&T`, `&mut T`, `&[T]` or `&mut [T]`"
)]
pub unsafe trait ContextNumber: Copy {
    /// The number's representation.
    const SCALAR: Scalar;
}

/// A [`ContextNumber`] for which any bits are a value: all but `bool`.
///
/// A promise like [`ContextNumber`], made only for that trait's types, all of which are here.
#[diagnostic::on_unimplemented(
    message = "codelets must not write to a `{Self}`",
    label = "not every bit pattern is a valid value of this type",
    note = "take an integer, such as `u8`, where codelets may write"
)]
pub trait WritableNumber: ContextNumber {}

macro_rules! context_numbers {
    ($($ty:ty => $scalar:ident),* $(,)?) => {$(
        // SAFETY: the scalar is named after the type.
        unsafe impl ContextNumber for $ty {
            const SCALAR: Scalar = Scalar::$scalar;
        }
    )*};
}

context_numbers! {
    u8 => U8, u16 => U16, u32 => U32, u64 => U64,
    i8 => I8, i16 => I16, i32 => I32, i64 => I64,
    bool => Bool,
}

macro_rules! writable_numbers {
    ($($ty:ty),*) => {$( impl WritableNumber for $ty {} )*};
}

writable_numbers!(u8, u16, u32, u64, i8, i16, i32, i64);

/// The content of a context's `data..data_end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegionLayout {
    /// Nothing: `data` and `data_end` are equal.
    None,
    /// One value of a type: its size needs no comparison with `data_end`.
    Value {
        /// The type of the value.
        ty: Type,
        /// Size in bytes.
        size: usize,
        /// Alignment in bytes.
        align: usize,
        /// Whether codelets may store to it (`&mut T`).
        writable: bool,
    },
    /// A slice. Only `data_end` tells the number of elements.
    Slice {
        /// The type of one element.
        element: Type,
        /// Size of one element, in bytes.
        stride: usize,
        /// Alignment in bytes.
        align: usize,
        /// Whether codelets may store to it (`&mut [T]`).
        writable: bool,
    },
}

impl RegionLayout {
    /// The same region, for codelets that may store to it.
    #[must_use]
    pub const fn made_writable(mut self) -> Self {
        match &mut self {
            Self::None => {}
            Self::Value { writable, .. } | Self::Slice { writable, .. } => *writable = true,
        }
        self
    }

    /// Whether codelets may store to the region.
    #[must_use]
    pub const fn writable(&self) -> bool {
        match self {
            Self::None => false,
            Self::Value { writable, .. } | Self::Slice { writable, .. } => *writable,
        }
    }

    /// The layout of the struct that the region holds one or many of, if it is a struct.
    #[must_use]
    pub const fn data_layout(&self) -> Option<&'static DataLayout> {
        match self {
            Self::Value {
                ty: Type::Struct(layout),
                ..
            }
            | Self::Slice {
                element: Type::Struct(layout),
                ..
            } => Some(layout),
            _ => None,
        }
    }
}
