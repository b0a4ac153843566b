//! How many bytes operations on maps read and write, counted where they do it: in unit tests alone, which hold what
//! helpers do against what the verifier counts for it.

/// Bytes are read or written.
#[cfg(not(test))]
#[inline(always)]
pub(crate) fn add(_bytes: usize) {}

#[cfg(test)]
pub(crate) use counting::{add, during};

#[cfg(test)]
mod counting {
    use std::cell::Cell;

    thread_local! {
        static BYTES: Cell<u64> = const { Cell::new(0) };
    }

    pub(crate) fn add(bytes: usize) {
        BYTES.set(BYTES.get() + bytes as u64);
    }

    /// The bytes that this thread reads and writes in the meantime.
    pub(crate) fn during(run: impl FnOnce()) -> u64 {
        BYTES.set(0);
        run();
        BYTES.get()
    }
}
