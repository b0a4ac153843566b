//! The primitives that the model checker replaces: `tests/hash_model.rs` compiles
//! [`index`](super::index) and [`free_list`](super::free_list) against loom's versions of these.

#[cfg(not(test))]
pub(crate) use std::hint::spin_loop;
pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

pub(crate) use crate::map::touched;

/// Entries of a bucket. With eight, tags, version, lock, link and slots fill one cache line.
pub(crate) const LANES: usize = 8;

/// How often a writer looks at a locked bucket before it gives up, and says that it is busy.
///
/// A bucket is locked for tens of nanoseconds, unless the system takes the processor away from the
/// thread that holds it: then waiting is in vain, and may keep busy the very processor that this
/// thread needs. So a hook call waits for less than 5 us. A look is a load and a pause. It takes
/// processors 10 to 65 ns (140 cycles on the slowest): together 1 to 4 us.
pub(crate) const SPIN_LIMIT: u32 = 64;

/// How often a lookup starts again, since a writer has changed the chain under it, before it locks
/// the bucket against writers.
///
/// A writer that stands still never makes it start again: only a writer that has finished a step
/// does. A step takes a writer as long as a lookup takes. So that many in a row do not happen by
/// chance.
pub(crate) const LOOKUP_ATTEMPTS: u32 = 64;

/// Counts the looks of a thread, for the tests.
#[cfg(test)]
pub(crate) fn spin_loop() {
    LOOKS.set(LOOKS.get() + 1);
    std::hint::spin_loop();
}

#[cfg(test)]
thread_local! {
    pub(crate) static LOOKS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}
