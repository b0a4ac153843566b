//! An application may instrument its allocator: then a hook is called wherever memory is
//! allocated, in a thread's registration and in its last destructors too. Alone in its process:
//! there is one allocator.
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

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use jbpf_hooks::hook::Hook;
use jbpf_hooks::reclaim::{self, ThreadRecord};

mod number;
use number::{attach, fire, hook, number};

static ALLOCATES: Hook = hook();
static FREES: Hook = hook();
static ALLOCATED: AtomicU64 = AtomicU64::new(0);

struct Instrumented;

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Instrumented {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if ALLOCATES.is_armed() {
            fire(&ALLOCATES, layout.size() as u64);
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if FREES.is_armed() {
            fire(&FREES, layout.size() as u64);
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Instrumented = Instrumented;

extern "C" fn sums(context: *mut c_void, _: *const ThreadRecord, _: *const Hook) -> u64 {
    // SAFETY: attached to a hook of numbers alone.
    ALLOCATED.fetch_add(unsafe { number(context) }.number, Relaxed)
}

fn observe(_: u32) {
    // As the runtime does for per-thread maps.
    drop(std::hint::black_box(vec![0_u8; 4096]));
}

#[test]
fn an_instrumented_allocator_neither_deadlocks_nor_recurses() {
    reclaim::on_new_thread(Some(observe));
    attach(&ALLOCATES, sums);
    attach(&FREES, sums);
    const THREADS: usize = 200;
    const SIZE: usize = 10_000;
    for _ in 0..THREADS / 4 {
        let threads = [(); 4].map(|()| {
            thread::spawn(|| {
                thread_local! { static KEPT: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) } }
                KEPT.with(|kept| *kept.borrow_mut() = vec![1; SIZE]);
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
    }
    ALLOCATES.detach();
    FREES.detach();
    reclaim::synchronize().unwrap();
    assert!(ALLOCATED.load(Relaxed) >= (2 * THREADS * SIZE) as u64);
    // The observer's own: one allocation and its end for each slot.
    assert!(ALLOCATES.skipped() <= u64::from(reclaim::slots()));
    assert!(FREES.skipped() <= u64::from(reclaim::slots()));
}
