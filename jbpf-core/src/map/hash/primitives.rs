//! What the model checker replaces: `tests/hash_model.rs` compiles [`index`](super::index) and
//! [`free_list`](super::free_list) against loom's versions of these.

pub(crate) use std::hint::spin_loop;
pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// Entries of a bucket. With eight, tags, version, lock, link and slots fill one cache line.
pub(crate) const LANES: usize = 8;

/// How often a writer looks at a locked bucket before it gives up. A bucket is locked for tens of
/// nanoseconds, unless the system takes the processor away from the thread that holds it. The bound (20 to 50
/// ns a look, so some 100 to 200 ms of processor time) outlasts the time slices of many other threads, so
/// that an update is refused only when something is badly wrong, and still is no hang.
pub(crate) const SPIN_LIMIT: u32 = 1 << 22;
