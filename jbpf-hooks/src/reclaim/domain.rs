//! The records of all threads, and the writer's side of reclamation.

use core::ptr;

use super::atomics::{AtomicPtr, AtomicU32, Ordering};
use super::process::memory;
use super::record::ThreadRecord;
use super::wait::Wait;

/// A list of records that only grows. It takes no lock, because a forked child could inherit a
/// held one, and a hook may be called from anywhere.
#[derive(Debug)]
pub(super) struct Domain {
    /// The newest record.
    head: AtomicPtr<ThreadRecord>,
    /// The number of records made so far.
    slots: AtomicU32,
    /// The number of records that nobody owns. It is only a hint whether looking for one is worth
    /// it. It is counted up before a record is given back, so that it never runs below the truth.
    free: AtomicU32,
}

/// A record that was just taken.
pub(super) struct Claim {
    pub(super) record: &'static ThreadRecord,
    /// Whether its slot was never used before.
    pub(super) new: bool,
}

impl Domain {
    #[cfg(not(loom))]
    pub(super) const fn new() -> Self {
        Self {
            head: AtomicPtr::new(ptr::null_mut()),
            slots: AtomicU32::new(0),
            free: AtomicU32::new(0),
        }
    }

    #[cfg(loom)]
    pub(super) fn new() -> Self {
        Self {
            head: AtomicPtr::new(ptr::null_mut()),
            slots: AtomicU32::new(0),
            free: AtomicU32::new(0),
        }
    }

    /// The number of records made so far.
    pub(super) fn slots(&self) -> u32 {
        self.slots.load(Ordering::Acquire)
    }

    /// Takes a record that nobody owns, or makes one. `None` if memory is short.
    pub(super) fn claim(&self, fences: bool) -> Option<Claim> {
        if let Some(record) = self.reuse() {
            return Some(Claim { record, new: false });
        }
        let record = self.make(fences)?;
        Some(Claim { record, new: true })
    }

    /// Gives a record back. Only its owner may do so, and does not use it afterwards.
    pub(super) fn release(&self, record: &ThreadRecord) {
        record.leave_for_good();
        self.free.fetch_add(1, Ordering::Relaxed);
        // Release, paired with the Acquire of `reuse`: the next owner sees the last one's stores.
        record.taken.store(0, Ordering::Release);
    }

    fn reuse(&self) -> Option<&'static ThreadRecord> {
        if self.free.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.records().find(|record| {
            let taken = record.taken.load(Ordering::Relaxed) == 0
                && record
                    .taken
                    .compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok();
            if taken {
                self.free.fetch_sub(1, Ordering::Relaxed);
            }
            taken
        })
    }

    fn make(&self, fences: bool) -> Option<&'static ThreadRecord> {
        let memory = memory::for_record()?;
        let slot = self.slots.fetch_add(1, Ordering::AcqRel);
        // SAFETY: `memory` is not null, is of the type's size and alignment, and nobody else has
        // it.
        unsafe { memory.write(ThreadRecord::new(slot, fences)) };
        // SAFETY: it was initialised above, is never freed and never referred to mutably.
        let record: &'static ThreadRecord = unsafe { memory.as_ref() };
        let mut next = self.head.load(Ordering::Relaxed);
        loop {
            record.next.store(next, Ordering::Relaxed);
            // Release, paired with the Acquire of `records`: a thread that finds the record finds
            // it initialised.
            match self.head.compare_exchange_weak(
                next,
                memory.as_ptr(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(record),
                Err(now) => next = now,
            }
        }
    }

    /// All records, the newest first.
    pub(super) fn records(&self) -> impl Iterator<Item = &'static ThreadRecord> {
        let mut at = self.head.load(Ordering::Acquire);
        core::iter::from_fn(move || {
            // SAFETY: the list holds null or records that `make` initialised and that are never
            // freed; the Acquire load of `head` made their initialisation visible, that of older
            // records too, because each later push read the head before it (AcqRel).
            let record = unsafe { at.as_ref::<'static>() }?;
            at = record.next.load(Ordering::Relaxed);
            Some(record)
        })
    }

    /// Waits until every thread that is inside has left, or has left once and come again.
    ///
    /// If this does not see a thread inside, also a new one, that thread sees all stores that the
    /// caller made before its [`barrier`](super::barrier::writer).
    pub(super) fn wait_for_readers(&self) {
        for record in self.records() {
            let before = record.whereabouts();
            let mut wait = Wait::new();
            while before.inside() && !record.whereabouts().moved_on_from(before) {
                wait.a_little();
            }
        }
    }
}
