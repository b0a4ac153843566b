//! Parts of maps that each thread has for itself, made before the thread runs codelets: with the
//! map for the threads that there are, and with the thread for the maps that there are.
//!
//! The later of the two prepares. A map is in the list before its maker counts the threads, and a
//! thread is counted before it looks at the list; the list's lock orders the two. So if a map and
//! a thread come at the same time, one sees the other. A codelet that uses the map is attached
//! only after the map's maker is done.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};

use jbpf_channel::{ChannelError, OutputRing};
use jbpf_hooks::reclaim;

use super::pages::PagesError;
use super::per_thread::{PerThreadArray, PerThreadHash};

/// A part of a map that threads have for themselves.
pub(super) trait ForThreads: fmt::Debug + Send + Sync {
    /// Makes the parts that the thread of this slot needs, unless they are there.
    fn prepare(&self, slot: u32) -> Result<(), Shortage>;
}

/// There is no memory for it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Shortage {
    #[error(transparent)]
    Pages(#[from] PagesError),
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

impl ForThreads for PerThreadArray {
    fn prepare(&self, slot: u32) -> Result<(), Shortage> {
        Ok(self.create(slot).map(drop)?)
    }
}

impl ForThreads for PerThreadHash {
    fn prepare(&self, slot: u32) -> Result<(), Shortage> {
        Ok(self.create(slot).map(drop)?)
    }
}

/// The buffer that a thread fills.
impl ForThreads for OutputRing {
    fn prepare(&self, slot: u32) -> Result<(), Shortage> {
        Ok(self.prepare_slot(slot)?)
    }
}

type List = Vec<Weak<dyn ForThreads>>;

/// The maps that exist, and perhaps some that are gone.
///
/// The lock is held for moments in which nothing is allocated or freed. The application's
/// allocator may call hooks, and a hook call may take this lock.
static LIST: Mutex<List> = Mutex::new(Vec::new());

/// Prepares a new map for all threads that have a slot, and registers it for threads that come
/// later.
pub(super) fn prepare_all(map: &Arc<dyn ForThreads>) -> Result<(), Shortage> {
    static OBSERVING: Once = Once::new();
    OBSERVING.call_once(|| reclaim::on_new_thread(Some(prepare_thread)));
    enlist(map);
    (0..reclaim::slots()).try_for_each(|slot| map.prepare(slot))
}

fn enlist(map: &Arc<dyn ForThreads>) {
    let mut entry = Some(Arc::downgrade(map));
    while entry.is_some() {
        let room = lock().len() + 1;
        // Both are freed behind the lock's end.
        let (mut living, mut gone): (List, List) =
            (Vec::with_capacity(room), Vec::with_capacity(room));
        let mut list = lock();
        if list.len() < room {
            for old in list.drain(..) {
                if old.strong_count() > 0 {
                    living.push(old);
                } else {
                    gone.push(old);
                }
            }
            living.extend(entry.take());
            std::mem::swap(&mut *list, &mut living);
        }
        drop(list);
    }
}

/// Prepares all maps for the thread of a slot. Called by that thread, before it runs codelets.
fn prepare_thread(slot: u32) {
    let mut maps: Vec<Arc<dyn ForThreads>> = Vec::new();
    loop {
        let list = lock();
        if list.len() <= maps.capacity() {
            maps.extend(list.iter().filter_map(Weak::upgrade));
            break;
        }
        let room = list.len();
        drop(list);
        maps.reserve_exact(room);
    }
    for map in maps {
        if let Err(error) = map.prepare(slot) {
            tracing::error!(
                target: "jbpf",
                %error,
                slot,
                "codelets on this thread find nothing in a map of which each thread has its own: there is no memory for one"
            );
        }
    }
}

fn lock() -> MutexGuard<'static, List> {
    // Nothing panics while it is locked.
    LIST.lock().unwrap_or_else(PoisonError::into_inner)
}
