//! Threads fire a hook without pause while a writer attaches, replaces and detaches, and destroys
//! what it took away as soon as it may.

use std::ffi::c_void;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;

use jbpf_hooks::hook::{Dispatch, Hook};
use jbpf_hooks::reclaim;

use crate::number::fire;

/// Something attached, which [`fire`] answers by its version number.
pub trait Version: Sized {
    /// Makes version `number`, which is not 0.
    fn new(number: u64) -> Self;
    /// The function and the environment to attach.
    fn dispatch(&self) -> (Dispatch, *mut c_void);
    /// The number of calls that it answered. Destroys it, so that a call that still uses it is
    /// found out.
    fn destroy(self) -> u64;
}

/// Raises a flag when dropped.
struct Raises<'a>(&'a AtomicBool);

impl Drop for Raises<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Runs `readers` threads, and as many short-lived ones as there is time for, over `rounds`
/// versions; every third version is detached before the next one is attached, the others are
/// replaced.
pub fn run<V: Version>(hook: &'static Hook, readers: usize, rounds: u64) {
    let stop = &AtomicBool::new(false);
    let answered = &AtomicU64::new(0);
    // From an attachment on, replacements included, no call may find nothing, until the writer
    // announces a gap.
    let attached = &AtomicBool::new(false);
    let gaps = &AtomicU64::new(0);

    let reads = move |calls: u64| {
        let (mut before, mut answers) = (0, 0);
        for _ in 0..calls {
            let gap = gaps.load(SeqCst);
            let must_answer = attached.load(SeqCst);
            match fire(hook, 0) {
                Some(version) => {
                    assert!(version >= before, "version {version} after {before}");
                    before = version;
                    answers += 1;
                }
                None => assert!(
                    !must_answer || gap != gaps.load(SeqCst),
                    "a call found nothing while versions were replaced"
                ),
            }
        }
        answered.fetch_add(answers, Relaxed);
    };

    let counted = thread::scope(|scope| {
        for _ in 0..readers {
            scope.spawn(move || {
                while !stop.load(Relaxed) {
                    reads(1_000);
                    // Lets the writer run on machines with fewer processors than readers.
                    thread::yield_now();
                }
            });
        }
        scope.spawn(move || {
            while !stop.load(Relaxed) {
                // Joined by hand: a scope's end does not wait for thread-locals to end.
                thread::scope(|short| short.spawn(move || reads(10)).join().unwrap());
            }
        });

        // Even when the writer fails: a scope waits for its threads.
        let _stop = Raises(stop);
        let mut counted = 0;
        let mut current: Option<V> = None;
        for number in 1..=rounds {
            let next = V::new(number);
            let (dispatch, environment) = next.dispatch();
            // SAFETY: versions take the hook's context, do not unwind, and are destroyed after a
            // `synchronize` that follows their end alone.
            unsafe { hook.attach(dispatch, environment) };
            attached.store(true, SeqCst);
            if let Some(replaced) = current.replace(next) {
                reclaim::synchronize().unwrap();
                counted += replaced.destroy();
            }
            // Lets every reader run with it, on machines with fewer processors than readers too.
            let seen = answered.load(Relaxed);
            while number % 64 == 0 && answered.load(Relaxed) == seen {
                thread::yield_now();
            }
            if number % 3 == 0 || number == rounds {
                attached.store(false, SeqCst);
                gaps.fetch_add(1, SeqCst);
                hook.detach();
                reclaim::synchronize().unwrap();
                counted += current.take().map_or(0, V::destroy);
            }
        }
        counted
    });
    let answered = answered.load(Relaxed);
    println!("{answered} calls answered by {rounds} versions");
    assert_eq!(
        counted, answered,
        "each call ran in exactly one version, once"
    );
    assert_eq!(hook.skipped(), 0);
    assert!(
        reclaim::slots() as usize <= readers + 2,
        "{} slots",
        reclaim::slots()
    );
}
