//! Helper functions that an application declares for its codelets with `#[jbpf_helper(id = N)]`.
//!
//! The Rust signature is the verifier's prototype, described by [`HelperDeclaration::arguments`].
//! Machine code calls a *shim*, which the macro writes. The shim takes the registers apart
//! (`registers`), calls the function, contains its panics and turns the result into a register.
//! Helpers use maps through [`MapRef`] (`map`).

#![expect(
    unsafe_code,
    reason = "a declaration promises what machine code and the verifier believe of its function"
)]

use core::ops::Deref;
use core::sync::atomic::{AtomicU64, Ordering};

use jbpf_abi::helper as ids;

use crate::layout::{Scalar, Type};

mod map;
mod registers;

pub use map::{MapError, MapHandle, MapOperations, MapRef};
pub use registers::{
    BytesCopy, CodeletBytes, HelperMemory, HelperResult, HelperValue, Registers, Writable, run,
};

/// The ids that an application gives to helpers of its own.
pub const APPLICATION_IDS: core::ops::RangeInclusive<u32> =
    ids::FIRST_OF_APPLICATION..=ids::END - 1;

/// The kind of one argument of a helper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelperArgument {
    /// A number. The shim truncates it to its type.
    Number(Scalar),
    /// `&T`: readable memory of this many bytes, of this C type.
    Readable {
        /// Size in bytes.
        size: usize,
        /// The type of the value.
        ty: Type,
    },
    /// `&mut T`: writable memory of this many bytes, of this C type.
    Writable {
        /// Size in bytes.
        size: usize,
        /// The type of the value.
        ty: Type,
    },
    /// `CodeletBytes`: two registers, a readable pointer and its length.
    Bytes,
    /// `&[u8]`: the same, with a length of at most this many bytes, which are copied on the stack.
    BytesUpTo(u32),
    /// `MapRef<'_>`: a map of any kind.
    Map,
}

impl HelperArgument {
    /// The argument of a parameter `&T`.
    #[must_use]
    pub const fn readable<T: HelperMemory>() -> Self {
        Self::Readable {
            size: size_of::<T>(),
            ty: T::TYPE,
        }
    }

    /// The argument of a parameter `&mut T`.
    #[must_use]
    pub const fn writable<T: HelperMemory>() -> Self {
        Self::Writable {
            size: size_of::<T>(),
            ty: T::TYPE,
        }
    }

    /// The argument of a parameter `&[u8]`.
    #[must_use]
    pub const fn copied_bytes() -> Self {
        Self::BytesUpTo(BytesCopy::MAX)
    }

    /// The number of the five argument registers that it takes.
    #[must_use]
    pub const fn registers(&self) -> usize {
        match self {
            Self::Bytes | Self::BytesUpTo(_) => 2,
            Self::Number(_) | Self::Readable { .. } | Self::Writable { .. } | Self::Map => 1,
        }
    }
}

/// The result of a helper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelperReturn {
    /// Nothing: r0 is 0.
    Unit,
    /// `u64`.
    U64,
    /// `i32`, sign-extended.
    I32,
}

/// The shim's signature: the five argument registers in, r0 out.
pub type HelperShim = unsafe extern "C" fn(u64, u64, u64, u64, u64) -> u64;

/// The description of a helper for the verifier, the C header and tools.
#[derive(Debug, Clone, Copy)]
pub struct HelperDeclaration {
    /// 32 to 63, or the id of a built-in helper that may be replaced.
    pub id: u32,
    /// The function's name; unique in the process.
    pub name: &'static str,
    /// Names of the arguments, for the C header.
    pub argument_names: &'static [&'static str],
    /// The arguments in order; [`HelperArgument::Bytes`] and `BytesUpTo` take two registers.
    pub arguments: &'static [HelperArgument],
    /// The result's type.
    pub returns: HelperReturn,
    /// `file!()` of the declaration.
    pub file: &'static str,
    /// `line!()` of the declaration.
    pub line: u32,
    /// The function's doc comment.
    pub docs: &'static str,
}

/// A declared helper: a [`HelperDeclaration`], and the function that keeps its promises.
///
/// The verifier lets codelets call the function with all values that the declaration allows, and
/// computes with the range that it gives for the result. So only [`new`](Self::new), which is
/// unsafe, puts the two together, and nobody changes either afterwards.
#[derive(Debug)]
pub struct HelperInfo {
    declaration: HelperDeclaration,
    shim: HelperShim,
    panics: AtomicU64,
}

impl HelperInfo {
    /// A helper of the application, written by [`#[jbpf_helper]`](crate::jbpf_helper).
    ///
    /// # Safety
    ///
    /// * `shim` may be called on any thread with registers that hold what `declaration.arguments`
    ///   says: a number's register may hold any number, a pointer's is readable (and writable) for
    ///   its size until the call returns, a map's is the address of a map.
    /// * It writes to no other memory of the codelet than [`HelperArgument::Writable`], and does
    ///   not unwind.
    /// * Its result is in the range of `declaration.returns`.
    /// * `declaration.id` is 32 to 63, or one of [`ids::REPLACEABLE`] and the arguments are
    ///   numbers.
    #[must_use]
    pub const unsafe fn new(declaration: HelperDeclaration, shim: HelperShim) -> Self {
        Self {
            declaration,
            shim,
            panics: AtomicU64::new(0),
        }
    }

    /// The function that codelets call. It never unwinds.
    #[must_use]
    pub const fn shim(&self) -> HelperShim {
        self.shim
    }

    /// The number of calls that panicked, and so returned 0.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }
}

impl Deref for HelperInfo {
    type Target = HelperDeclaration;

    fn deref(&self) -> &HelperDeclaration {
        &self.declaration
    }
}
