//! Unloading after the system has ceased to tell when the last thread has left.

use std::sync::mpsc;
use std::thread;

use jbpf::UnloadError;
use jbpf_channel::{Doorbell, OutputOptions, OutputRing};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use super::{Turn, answer, asked, request};

/// Runs `run` on a thread of its own, which may not call `membarrier`.
fn without_membarrier<R: Send>(run: impl FnOnce() -> R + Send) -> R {
    let refuse = SeccompFilter::new(
        [(libc::SYS_membarrier, Vec::new())].into_iter().collect(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let refuse: BpfProgram = refuse.unwrap().try_into().unwrap();
    thread::scope(|scope| {
        let run = scope.spawn(|| {
            seccompiler::apply_filter(&refuse).unwrap();
            run()
        });
        run.join().unwrap()
    })
}

fn kept(turn: &Turn) -> u64 {
    turn.runtime.statistics().hook("asked").unwrap().kept
}

#[test]
fn what_cannot_be_freed_is_an_error_kept_counted_and_freed_later() {
    let turn = Turn::start();
    let asks = request("asks", "stress/asks", "asked");
    turn.runtime.load(&asks).unwrap();
    let (tell, inside) = mpsc::channel();
    let (go, until) = mpsc::channel::<()>();
    answer(move || {
        tell.send(()).unwrap();
        let _ = until.recv();
    });
    thread::scope(|scope| {
        let caller = scope.spawn(asked);
        inside.recv().unwrap();
        // The unload does not wait for the thread inside, and does not claim that it has left.
        let unloaded = without_membarrier(|| turn.runtime.unload("asks"));
        assert!(matches!(&unloaded, Err(UnloadError::Kept { id, .. }) if id == "asks"));
        let error = unloaded.unwrap_err().to_string();
        assert!(error.contains("membarrier"), "{error}");
        assert!(turn.runtime.list().is_empty(), "it is detached");
        assert!(!jbpf::registry::hook("asked").unwrap().is_armed());
        assert_eq!(kept(&turn), 1);
        // Other loads and unloads do not free it either.
        without_membarrier(|| turn.runtime.load(&asks).map(drop)).unwrap();
        let unloaded = without_membarrier(|| turn.runtime.unload("asks"));
        assert!(matches!(unloaded, Err(UnloadError::Kept { .. })));
        assert_eq!(kept(&turn), 2);
        drop(go);
        caller.join().unwrap();
    });
    answer(|| {});
    // All of it goes once the system tells.
    turn.runtime.load(&asks).unwrap();
    turn.runtime.unload("asks").unwrap();
    assert_eq!(kept(&turn), 0);
}

#[test]
fn a_doorbell_whose_fence_fails_wakes_by_itself() {
    let bell = std::sync::Arc::new(Doorbell::new().unwrap());
    let options = OutputOptions {
        doorbells: vec![std::sync::Arc::clone(&bell)],
        ..OutputOptions::default()
    };
    let ring = OutputRing::new(16, 8, &options).unwrap();
    let records = ring.primary().unwrap();
    assert!(!bell.arm([&records]));
    assert_eq!(bell.longest_wait(), None);
    let bound = without_membarrier(|| {
        bell.arm([]);
        bell.longest_wait()
    });
    assert!(bound.is_some());
    assert!(!bell.arm([&records]));
    assert_eq!(bell.longest_wait(), None, "the system allows it again");
}
