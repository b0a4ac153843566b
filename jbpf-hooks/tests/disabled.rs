//! With the feature `disabled`, a hook is its body, whatever is attached:
//! `cargo test -p jbpf-hooks --features disabled --test disabled`.
#![cfg(feature = "disabled")]
#![allow(missing_docs)]
#![allow(unsafe_code, reason = "attaches a function, as the runtime does")]

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use jbpf_hooks::hook::Hook;
use jbpf_hooks::jbpf_hook;
use jbpf_hooks::reclaim::ThreadRecord;

static RAN: AtomicBool = AtomicBool::new(false);

#[jbpf_hook(control)]
fn admit(cost: u64) -> u64 {
    cost
}

unsafe extern "C" fn answer(_: *mut c_void, _: *const ThreadRecord, _: *const Hook) -> u64 {
    RAN.store(true, Ordering::Relaxed);
    77
}

#[test]
fn a_disabled_hook_runs_its_body_alone() {
    const { assert!(!jbpf_hooks::ENABLED) };
    // SAFETY: the function is there as long as the process, and touches no context.
    unsafe { ADMIT_HOOK.attach(answer, ptr::null_mut()) };
    assert_eq!(admit(5), 5);
    assert!(!RAN.load(Ordering::Relaxed));
}
