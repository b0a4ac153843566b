//! The status that map operations return to codelets.

use jbpf_abi::status;

/// Outcome of a map operation, by the number that the codelet sees (ABI: return codes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Status {
    /// 0: done.
    Success = status::SUCCESS,
    /// -1: no such key, an index out of range, a full or unsuitable channel.
    Error = status::ERROR,
    /// -2: another thread kept the bucket locked for too long, or the kind has no such operation.
    Busy = status::BUSY,
    /// -4: a new key, and every entry is taken.
    Full = status::FULL,
}

impl Status {
    /// The operation does not exist on this kind of map: the same number as [`Status::Busy`].
    pub const UNSUPPORTED: Self = Self::Busy;

    /// The number as a helper returns it in r0, sign-extended.
    #[must_use]
    pub const fn to_register(self) -> u64 {
        self as i32 as i64 as u64
    }
}
