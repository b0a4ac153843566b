//! Contexts: what a hook hands to its codelets, described for verifier, header and tools.
//!
//! Every context starts with three words, `data`, `data_end` and `meta_data` (offsets 0, 8, 16);
//! fields of the application's own follow from offset 24. The words `data` and `data_end` bound the
//! *data region*, the memory that the hook's one reference parameter points at.

use crate::layout::{DataLayout, Scalar, Type};

/// Offset of the first field of the application's own, in bytes.
pub const FIRST_FIELD_OFFSET: usize = 24;

/// A struct that can be a hook's context. Written by [`#[jbpf_hook]`](crate::jbpf_hook) and
/// [`#[derive(JbpfContext)]`](derive@crate::JbpfContext).
pub trait JbpfContext {
    /// The fields, and what the region holds.
    const CONTEXT: ContextLayout;
}

/// A context's description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextLayout {
    /// The struct's name, without path: `ExampleContext`.
    pub name: &'static str,
    /// Bytes that codelets may read: the end of the last field.
    pub readable: usize,
    /// Bytes passed in r2: `readable` rounded up to a multiple of 8.
    pub size: usize,
    /// What `data..data_end` holds.
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

/// What a context's `data..data_end` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegionLayout {
    /// Nothing: `data` and `data_end` are equal.
    None,
    /// One value of a type: its size needs no comparison with `data_end`.
    Value {
        /// What the value holds.
        ty: Type,
        /// Size in bytes.
        size: usize,
        /// Alignment in bytes.
        align: usize,
        /// Whether codelets may store to it (`&mut T`).
        writable: bool,
    },
    /// A slice: the number of elements is known from `data_end` alone.
    Slice {
        /// What one element holds.
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
    /// Whether codelets may store to the region.
    #[must_use]
    pub const fn writable(&self) -> bool {
        match self {
            Self::None => false,
            Self::Value { writable, .. } | Self::Slice { writable, .. } => *writable,
        }
    }

    /// The layout of the struct that the region holds one or many of, if it is one.
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
