//! Helper functions that an application declares for its codelets with `#[jbpf_helper(id = N)]`.

/// What one argument of a helper must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelperArgument {
    /// A number; the shim truncates it to its type.
    Number(crate::layout::Scalar),
    /// `&T`: readable memory of this many bytes, of this C type.
    Readable {
        /// Size in bytes.
        size: usize,
        /// What it holds.
        ty: crate::layout::Type,
    },
    /// `&mut T`: writable memory of this many bytes, of this C type.
    Writable {
        /// Size in bytes.
        size: usize,
        /// What it holds.
        ty: crate::layout::Type,
    },
    /// `&[u8]` or `CodeletBytes`: two registers, a readable pointer and its length.
    Bytes,
    /// `MapRef<'_>`: a map of any kind.
    Map,
}

/// What a helper returns.
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

/// A declared helper.
#[derive(Debug)]
pub struct HelperInfo {
    /// 32 to 63, or the id of a built-in helper that may be replaced.
    pub id: u32,
    /// The function's name; unique in the process.
    pub name: &'static str,
    /// Names of the arguments, for the C header.
    pub argument_names: &'static [&'static str],
    /// The arguments in order; [`HelperArgument::Bytes`] takes two registers.
    pub arguments: &'static [HelperArgument],
    /// What it returns.
    pub returns: HelperReturn,
    /// Called by codelets; never unwinds.
    pub shim: HelperShim,
    /// `file!()` of the declaration.
    pub file: &'static str,
    /// `line!()` of the declaration.
    pub line: u32,
    /// The function's doc comment.
    pub docs: &'static str,
    /// Panics contained so far.
    pub panics: core::sync::atomic::AtomicU64,
}
