//! What the model checker replaces: `tests/hash_model.rs` compiles [`index`](super::index) and
//! [`free_list`](super::free_list) against loom's versions of these.

pub(crate) use std::hint::spin_loop;
pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// Entries of a bucket. With eight, tags, version, lock, link and slots fill one cache line.
pub(crate) const LANES: usize = 8;

/// How often a writer looks at a locked bucket before it gives up. A bucket is locked for tens of
/// nanoseconds, unless the system takes the processor away from the thread that holds it: the bound
/// outlasts several time slices (20 to 40 ns a look, some 10 to 20 ms), so that an update is refused only
/// when something is badly wrong, and still is no hang.
pub(crate) const SPIN_LIMIT: u32 = 1 << 19;
