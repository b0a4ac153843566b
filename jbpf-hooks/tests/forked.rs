//! A forked child runs nothing that is attached, and frees nothing. Alone in its process: it
//! forks.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]
#![allow(
    unsafe_code,
    reason = "attaches dispatch functions, as the runtime does"
)]

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use jbpf_hooks::hook::Hook;
use jbpf_hooks::reclaim::{self, SynchronizeError, ThreadRecord};

mod number;
use number::{attach, fire, hook};

unsafe extern "C" {
    safe fn fork() -> i32;
    fn syscall(number: i64, ...) -> i64;
    safe fn alarm(seconds: u32) -> u32;
    fn waitpid(process: i32, status: *mut i32, options: i32) -> i32;
    safe fn _exit(status: i32) -> !;
}

/// All processes are number 1, as each may be in a PID namespace of its own.
#[unsafe(no_mangle)]
extern "C" fn getpid() -> i32 {
    1
}

static BLOCKS: Hook = hook();
static ANSWERS: Hook = hook();
static INSIDE: AtomicBool = AtomicBool::new(false);
static GO_ON: AtomicBool = AtomicBool::new(false);

extern "C" fn blocks(_: *mut c_void, _: *const ThreadRecord, _: *const Hook) -> u64 {
    INSIDE.store(true, SeqCst);
    while !GO_ON.load(SeqCst) {
        thread::yield_now();
    }
    0
}

extern "C" fn answers(_: *mut c_void, _: *const ThreadRecord, _: *const Hook) -> u64 {
    42
}

/// The child's checks. Returns the number of the first one that fails.
fn child() -> i32 {
    if !matches!(reclaim::synchronize(), Err(SynchronizeError::ForkedChild)) {
        return 1;
    }
    if fire(&ANSWERS, 0).is_some() || reclaim::inside_codelet() {
        return 2;
    }
    let new_thread = thread::spawn(|| (fire(&ANSWERS, 0), reclaim::prepare_thread()));
    if !matches!(new_thread.join(), Ok((None, None))) {
        return 3;
    }
    if ANSWERS.skipped() != 2 {
        return 4;
    }
    0
}

/// Waits for a child to end well.
fn wait_for(process: i32) {
    let mut status = -1;
    // SAFETY: `status` may be written.
    assert_eq!(unsafe { waitpid(process, &raw mut status, 0) }, process);
    assert_eq!(status, 0, "exit status times 256");
}

#[test]
fn a_forked_child_does_not_wait_for_threads_that_it_does_not_have() {
    assert_eq!(
        std::process::id(),
        1,
        "children are not known by their numbers"
    );
    attach(&BLOCKS, blocks);
    attach(&ANSWERS, answers);
    assert_eq!(fire(&ANSWERS, 0), Some(42));
    let other = thread::spawn(|| fire(&BLOCKS, 0));
    while !INSIDE.load(SeqCst) {
        thread::yield_now();
    }
    let process = fork();
    assert!(process >= 0);
    if process == 0 {
        // Ends a child that waits for ever.
        alarm(60);
        _exit(child());
    }
    wait_for(process);

    // Like `fork`, without the C library's work in the child, which therefore calls nothing that
    // takes a lock.
    const CLONE: i64 = if cfg!(target_arch = "x86_64") {
        56
    } else {
        220
    };
    const SIGCHLD: i64 = 17;
    // SAFETY: without CLONE_VM, the child has memory and stack of its own.
    let process = unsafe { syscall(CLONE, SIGCHLD, 0, 0, 0, 0) };
    if process == 0 {
        let ran = fire(&ANSWERS, 0).is_some();
        let known = matches!(reclaim::synchronize(), Err(SynchronizeError::ForkedChild));
        _exit(i32::from(ran) + 2 * i32::from(!known));
    }
    wait_for(i32::try_from(process).unwrap());
    assert_eq!(fire(&ANSWERS, 0), Some(42), "its parent's goes on");

    GO_ON.store(true, SeqCst);
    assert_eq!(other.join().unwrap(), Some(0));
    reclaim::synchronize().unwrap();
}
