//! How many bytes operations on maps read and write, counted at each access. Only unit tests
//! count: they compare the bytes that helpers touch with the verifier's count.

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
