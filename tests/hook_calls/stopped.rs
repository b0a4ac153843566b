//! A hook call returns whatever the other threads of the process do, even if all of them are
//! stopped, each at an instruction of its own. Operations on hash maps may say that they are busy.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

use crate::{alone, call, everything, start};

/// Threads that call the hook.
const CALLERS: usize = 3;
/// How often all threads are stopped.
const STOPS: usize = 300;
/// Calls while they are.
const CALLS: u64 = 50;

/// Counts the stops; odd while all are to stand still.
static ROUND: AtomicUsize = AtomicUsize::new(0);
static STANDING: AtomicUsize = AtomicUsize::new(0);

/// Stands still until the round is over, wherever the thread is.
extern "C" fn stand_still(_signal: i32) {
    let round = ROUND.load(Ordering::SeqCst);
    STANDING.fetch_add(1, Ordering::SeqCst);
    let moment = libc::timespec {
        tv_sec: 0,
        tv_nsec: 200_000,
    };
    while round % 2 == 1 && ROUND.load(Ordering::SeqCst) == round {
        // SAFETY: may be called in a handler; the time lives as long as the call.
        unsafe { libc::nanosleep(&raw const moment, std::ptr::null_mut()) };
    }
    STANDING.fetch_sub(1, Ordering::SeqCst);
}

fn other_threads() -> Vec<i64> {
    // SAFETY: asks for a number.
    let own = unsafe { libc::syscall(libc::SYS_gettid) };
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    threads
        .filter_map(|thread| thread.unwrap().file_name().to_str()?.parse().ok())
        .filter(|thread| *thread != own)
        .collect()
}

/// Stops all other threads, runs `meanwhile`, and lets them go on. Nothing in here takes a lock
/// that one of them may hold. False when a thread was about to end.
fn with_all_others_stopped(meanwhile: impl FnOnce()) -> bool {
    let threads = other_threads();
    ROUND.fetch_add(1, Ordering::SeqCst);
    let mut told = 0;
    for thread in &threads {
        let (process, signal) = (i64::from(std::process::id()), i64::from(libc::SIGUSR1));
        // SAFETY: sends a signal that is handled.
        let sent = unsafe { libc::syscall(libc::SYS_tgkill, process, *thread, signal) };
        told += usize::from(sent == 0);
    }
    while STANDING.load(Ordering::SeqCst) < told {
        thread::yield_now();
    }
    meanwhile();
    ROUND.fetch_add(1, Ordering::SeqCst);
    while STANDING.load(Ordering::SeqCst) > 0 {
        thread::yield_now();
    }
    told == threads.len()
}

/// Ends the process, and so the test, if something hangs.
struct Watchdog;

impl Watchdog {
    fn set() -> Self {
        // SAFETY: the signal's default is to end the process.
        unsafe { libc::alarm(120) };
        Self
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // SAFETY: takes the signal back.
        unsafe { libc::alarm(0) };
    }
}

#[test]
fn a_call_returns_while_all_other_threads_are_stopped_anywhere() {
    let _alone = alone();
    // SAFETY: numbers and addresses, all of which may be 0.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = stand_still as *const () as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler does only what a signal handler may do.
    let set = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
    assert_eq!(set, 0);

    let runtime = start(|builder| builder.shared_channels());
    runtime.load(&everything()).unwrap();
    let served = std::sync::Arc::new(AtomicU64::new(0));
    let serving = std::sync::Arc::clone(&served);
    runtime
        .on_output(move |_| _ = serving.fetch_add(1, Ordering::Relaxed))
        .unwrap();
    jbpf::reclaim::prepare_thread().unwrap();
    call(0);

    let (over, made) = (AtomicBool::new(false), AtomicU64::new(1));
    let _watchdog = Watchdog::set();
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (over, made) = (&over, &made);
            scope.spawn(move || {
                let mut key = caller as u64;
                while !over.load(Ordering::Relaxed) {
                    // All of them, and the calls below, meet in eight buckets.
                    assert_eq!(call(key % 8).wrong, 0);
                    key += 1;
                    made.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // A thread that changes and reads the objects that calls use.
        scope.spawn(|| {
            let set = runtime.get("set").unwrap();
            while !over.load(Ordering::Relaxed) {
                runtime.replace(&everything()).unwrap();
                let _ = set.map::<u64, u64>("all/hash").unwrap().iter();
                let _ = runtime.statistics();
            }
        });
        let mut stops = 0;
        while stops < STOPS {
            // Elsewhere each time.
            for _ in 0..stops % 7 {
                thread::yield_now();
            }
            let all = with_all_others_stopped(|| {
                for key in 0..CALLS {
                    call(key % 8);
                }
            });
            stops += usize::from(all);
            made.fetch_add(CALLS, Ordering::Relaxed);
        }
        over.store(true, Ordering::Relaxed);
    });
    let made = made.load(Ordering::Relaxed);
    let set = runtime.get("set").unwrap();
    let array = set.map::<u32, u64>("all/array").unwrap();
    assert!(made > STOPS as u64 * CALLS);
    assert!(array.sum(&0).unwrap() > 0);
    assert!(served.load(Ordering::Relaxed) > 0);
}
