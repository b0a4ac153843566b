//! The calling thread's record. One load finds it, the first call takes it, and the thread's exit
//! gives it back.

use core::cell::Cell;
use core::ptr;

use super::record::ThreadRecord;
use super::{DOMAIN, barrier};

/// The thread has no record yet.
const UNREGISTERED: *const ThreadRecord = ptr::null();
/// The thread's destructors run and its record is gone. Each call borrows one.
const RETIRED: *const ThreadRecord = ptr::without_provenance(1);
/// The thread is about to get a record. Hooks that its own registration calls are skipped.
const REGISTERING: *const ThreadRecord = ptr::without_provenance(2);

/// The last address at which no record can be.
const LAST_SENTINEL: usize = 2;

#[cfg(not(loom))]
thread_local! {
    /// It has no destructor, and so no flag to test before each access, and it is accessible as
    /// long as the thread lives.
    static CURRENT: Cell<*const ThreadRecord> = const { Cell::new(UNREGISTERED) };
    /// Registers a destructor when it is first touched.
    static RETIREMENT: Retirement = const { Retirement { record: Cell::new(None) } };
}

#[cfg(loom)]
loom::thread_local! {
    static CURRENT: Cell<*const ThreadRecord> = Cell::new(UNREGISTERED);
    static RETIREMENT: Retirement = Retirement { record: Cell::new(None) };
}

/// Gives the thread's record back when the thread exits.
struct Retirement {
    record: Cell<Option<&'static ThreadRecord>>,
}

impl Drop for Retirement {
    fn drop(&mut self) {
        // This fails only in the model, whose thread-locals all end.
        let _ = CURRENT.try_with(|current| current.set(RETIRED));
        if let Some(record) = self.record.take() {
            DOMAIN.release(record);
        }
    }
}

/// The calling thread's record, if it has one at the moment.
#[inline(always)]
pub(crate) fn current() -> Option<&'static ThreadRecord> {
    let record = CURRENT.with(Cell::get);
    if record.addr() <= LAST_SENTINEL {
        return None;
    }
    // SAFETY: apart from the sentinels, `CURRENT` holds records that `Domain::claim` returned,
    // which are never freed.
    Some(unsafe { &*record })
}

/// The system's number of the calling thread.
fn number() -> u32 {
    #[cfg(all(target_os = "linux", not(miri), not(loom)))]
    return rustix::thread::gettid()
        .as_raw_nonzero()
        .get()
        .unsigned_abs();
    #[cfg(not(all(target_os = "linux", not(miri), not(loom))))]
    return 0;
}

/// While it lives, the calling thread has a record.
pub(crate) struct Tenancy {
    /// Set if the record has to be given back at once, because the thread will not retire any
    /// more.
    borrowed: Option<&'static ThreadRecord>,
}

impl Drop for Tenancy {
    fn drop(&mut self) {
        if let Some(record) = self.borrowed {
            CURRENT.with(|current| current.set(RETIRED));
            DOMAIN.release(record);
        }
    }
}

/// Puts back the sentinel of before a registration, unless the registration succeeds. It fails if
/// the runtime's observer panics. The record then stays taken, because nothing is prepared for it.
struct Registration {
    before: *const ThreadRecord,
}

impl Registration {
    fn succeed(self, record: &'static ThreadRecord) {
        CURRENT.with(|current| current.set(record));
        core::mem::forget(self);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.before));
    }
}

/// Gives the calling thread a record until it exits. If it is exiting already, the record is given
/// back when the tenancy ends. `None` if there can be no record: out of memory, in a forked child,
/// or inside the thread's own registration.
#[cold]
#[inline(never)]
pub(crate) fn occupy() -> Option<Tenancy> {
    if current().is_some() {
        return Some(Tenancy { borrowed: None });
    }
    let before = CURRENT.with(|current| current.replace(REGISTERING));
    let registration = Registration { before };
    if before == REGISTERING || super::is_forked_child() {
        return None;
    }
    let fences = barrier::decided() == barrier::Fences::Readers;
    let claim = DOMAIN.claim(fences)?;
    claim.record.set_thread(number());
    if claim.new {
        super::announce(claim.record.slot());
    }
    let retires = before == UNREGISTERED
        && RETIREMENT
            .try_with(|retirement| retirement.record.set(Some(claim.record)))
            .is_ok();
    registration.succeed(claim.record);
    Some(Tenancy {
        borrowed: (!retires).then_some(claim.record),
    })
}
