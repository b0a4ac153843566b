//! A thread with observed hook calls: page faults and allocations are counted, and each system
//! call is trapped.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::c_void;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::thread;
use std::time::{Duration, Instant};

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// Nothing here takes longer on any machine. Work that does hangs.
const DEADLINE: Duration = Duration::from_secs(120);

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
}

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, with the allocations of watched threads counted.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count() {
    if WATCHED.get() {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: all is the system's allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's word.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count();
        // SAFETY: the caller's word.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// The system calls of the observed thread, by number.
static TRAPPED: [AtomicI64; 8] = [const { AtomicI64::new(0) }; 8];
/// As many system calls as no test expects: the process ends, and so the test.
const TOO_MANY: usize = 1000;
static TRAPS: AtomicUsize = AtomicUsize::new(0);

/// Notes which call was trapped.
extern "C" fn on_trap(_signal: i32, info: *const c_void, _context: *mut c_void) {
    // The kernel tells the number behind three words of 32 bits, padding, and an address.
    const NUMBER: usize = 24;
    // SAFETY: a signal of this kind has its information, with this field.
    let number = unsafe { info.cast::<i32>().wrapping_byte_add(NUMBER).read() };
    let trap = TRAPS.fetch_add(1, Ordering::Relaxed);
    if trap == TOO_MANY {
        // A panic, say, which cannot even abort the process.
        // SAFETY: ends the process.
        unsafe { libc::_exit(99) };
    }
    if let Some(trapped) = TRAPPED.get(trap) {
        trapped.store(number.into(), Ordering::Relaxed);
    }
}

/// Traps all system calls of this thread except those that observe it or end it.
fn forbid_system_calls() {
    static HANDLER: Once = Once::new();
    HANDLER.call_once(|| {
        // SAFETY: numbers and addresses, all of which may be 0.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = on_trap as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        // SAFETY: the handler does only what a signal handler may do.
        let set = unsafe { libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut()) };
        assert_eq!(set, 0);
    });
    let allowed = [
        libc::SYS_getrusage,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_rt_sigreturn,
    ];
    let filter = SeccompFilter::new(
        allowed.map(|call| (call, Vec::new())).into_iter().collect(),
        SeccompAction::Trap,
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let filter: BpfProgram = filter.unwrap().try_into().unwrap();
    seccompiler::apply_filter(&filter).unwrap();
}

/// Page faults of this thread so far.
fn faults() -> i64 {
    // SAFETY: numbers, all of which may be 0.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the structure is this function's own.
    let told = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
    assert_eq!(told, 0);
    usage.ru_minflt + usage.ru_majflt
}

/// The cost of hook calls beside time.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cost {
    pub faults: i64,
    pub allocations: u64,
    /// Numbers of system calls, the first few of them.
    pub system_calls: Vec<i64>,
}

/// The steps of the observed thread.
#[derive(Default)]
struct Progress {
    step: AtomicUsize,
    faults: AtomicI64,
}

impl Progress {
    const PREPARED: usize = 1;
    const GO: usize = 2;
    const DONE: usize = 3;

    fn wait_for(&self, step: usize) {
        let deadline = Instant::now() + DEADLINE;
        while self.step.load(Ordering::Acquire) < step {
            assert!(Instant::now() < deadline, "in vain, for step {step}");
            thread::yield_now();
        }
    }

    fn reach(&self, step: usize) {
        self.step.store(step, Ordering::Release);
    }
}

/// The cost of `calls` on a new thread that has called `prepare_thread`, before `meanwhile`
/// happens on this one.
pub fn cost_of(calls: fn(), meanwhile: impl FnOnce()) -> Cost {
    TRAPS.store(0, Ordering::Relaxed);
    ALLOCATIONS.store(0, Ordering::Relaxed);
    let progress = Arc::new(Progress::default());
    let own = Arc::clone(&progress);
    thread::spawn(move || {
        jbpf::reclaim::prepare_thread().unwrap();
        own.reach(Progress::PREPARED);
        own.wait_for(Progress::GO);
        forbid_system_calls();
        let before = faults();
        WATCHED.set(true);
        calls();
        WATCHED.set(false);
        own.faults.store(faults() - before, Ordering::Relaxed);
        own.reach(Progress::DONE);
        // This thread may not make the system calls of the standard library at a thread's end.
        // SAFETY: ends this thread. Its memory stays.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    });
    progress.wait_for(Progress::PREPARED);
    meanwhile();
    progress.reach(Progress::GO);
    progress.wait_for(Progress::DONE);
    let traps = TRAPS.load(Ordering::Relaxed);
    let trapped = TRAPPED.iter().take(traps);
    Cost {
        faults: progress.faults.load(Ordering::Relaxed),
        allocations: ALLOCATIONS.load(Ordering::Relaxed),
        system_calls: trapped
            .map(|number| number.load(Ordering::Relaxed))
            .collect(),
    }
}
