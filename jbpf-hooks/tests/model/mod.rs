//! The model of reclamation: every interleaving, and every value that the memory model lets a load
//! return, of the code that ships.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test -p jbpf-hooks --release --test loom --test loom_reader_fences --target-dir target/loom
//! ```
//!
//! It covers the hook, marks, the list of records, registration on the first call, retirement at
//! thread exit, reuse of records, and the writer's wait. A dispatch function reads a cell that the
//! writer overwrites when it believes that it may. Loom fails the test if a reader may be reading
//! the cell, and if the reader's last use does not happen before the overwriting.
//!
//! Each test runs twice, in processes of their own: once with the writer's fences, and once with
//! the readers'.
//!
//! It does not cover that `membarrier` on one side and a compiler fence on the other order as two
//! full fences do. The model has the two fences. The rest is the kernel's promise, and the stress
//! tests and the litmus test run it.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use jbpf_hooks::context::{ContextLayout, JbpfContext, RegionLayout};
use jbpf_hooks::hook::{Hook, HookInfo, HookKind};
use jbpf_hooks::reclaim::{self, Grace, ThreadRecord};
use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::sync::Arc;
use loom::thread;

#[repr(C)]
struct Empty([u64; 3]);

// SAFETY: three u64 in C layout, always initialised.
unsafe impl JbpfContext for Empty {
    const CONTEXT: ContextLayout = ContextLayout {
        name: "Empty",
        readable: 24,
        size: 24,
        region: RegionLayout::None,
        fields: &[],
    };
}

/// The attached state: its answer, gone when freed.
struct Attached {
    answer: UnsafeCell<u64>,
}

const FREED: u64 = u64::MAX;

/// A hook and what its writer attaches to it.
#[repr(C)]
struct Scene {
    hook: Hook,
    attached: [Attached; 2],
}

// SAFETY: that the cells are not used at once is what the model checks.
unsafe impl Sync for Scene {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for Scene {}

extern "C" fn answers(_: *mut c_void, _: *const ThreadRecord, hook: *const Hook) -> u64 {
    // SAFETY: a hook that fires is alive, and its environments are `Attached`.
    let attached = unsafe { &*(*hook).environment().cast::<Attached>() };
    // SAFETY: checked by the model.
    attached.answer.with(|answer| unsafe { *answer })
}

/// Like machine code, it needs no environment: it knows where its data is.
extern "C" fn knows_the_second(_: *mut c_void, _: *const ThreadRecord, hook: *const Hook) -> u64 {
    // SAFETY: every hook here is the first field of a scene that is alive.
    let scene = unsafe { &*hook.cast::<Scene>() };
    // SAFETY: checked by the model.
    scene.attached[1].answer.with(|answer| unsafe { *answer })
}

extern "C" fn nests(_: *mut c_void, _: *const ThreadRecord, hook: *const Hook) -> u64 {
    // SAFETY: a hook that fires is alive, and its environments are `Attached`.
    let attached = unsafe { &*(*hook).environment().cast::<Attached>() };
    // SAFETY: a hook that fires is alive.
    let inner = unsafe { &*hook };
    assert!(reclaim::inside_codelet());
    if NESTED.with(|nested| nested.replace(true)) {
        return 0;
    }
    // The inner call leaves first; the outer one still reads.
    // SAFETY: the hook's layout is `Empty`'s.
    unsafe { inner.fire(&mut Empty([0; 3])) };
    // SAFETY: checked by the model.
    attached.answer.with(|answer| unsafe { *answer })
}

loom::thread_local! {
    static NESTED: std::cell::Cell<bool> = std::cell::Cell::new(false);
}

impl Scene {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            hook: Hook::new(HookInfo {
                name: "modelled",
                kind: HookKind::Control,
                program_type: None,
                max_instructions: None,
                context: &Empty::CONTEXT,
                module: "",
                file: "",
                line: 0,
                docs: "",
            }),
            attached: [1, 2].map(|answer| Attached {
                answer: UnsafeCell::new(answer),
            }),
        })
    }

    fn attach(&self, which: usize, dispatch: jbpf_hooks::hook::Dispatch) {
        let environment = ptr::from_ref(&self.attached[which]).cast_mut().cast();
        // SAFETY: that it stays alive long enough is what the model checks.
        unsafe { self.hook.attach(dispatch, environment) };
    }

    fn fire(&self) -> Option<u64> {
        // SAFETY: the hook's layout is `Empty`'s.
        let answer = unsafe { self.hook.fire_control(&mut Empty([0; 3])) };
        assert_ne!(answer, Some(FREED));
        answer
    }

    fn free(&self, which: usize) {
        reclaim::synchronize().unwrap();
        self.overwrite(which);
    }

    /// Waits for the threads that are inside this hook, and no others.
    fn free_apart(&self, which: usize) {
        Grace::begin([&self.hook]).unwrap().wait(None);
        self.overwrite(which);
    }

    fn overwrite(&self, which: usize) {
        // SAFETY: checked by the model.
        self.attached[which]
            .answer
            .with_mut(|answer| unsafe { *answer = FREED });
    }
}

/// Calls another hook, which its environment is the scene of.
extern "C" fn calls_another(_: *mut c_void, _: *const ThreadRecord, hook: *const Hook) -> u64 {
    // SAFETY: a hook that fires is alive, and the environment of this one is a scene that is.
    let scene = unsafe { &*(*hook).environment().cast::<Scene>() };
    scene.fire();
    7
}

/// Explores `scene` with at most this many preemptions (`None`: all). The thread that runs `scene`
/// itself must not fire: loom ends its statics before its thread-locals.
fn model(preemptions: Option<usize>, scene: impl Fn() + Sync + Send + 'static) {
    assert_eq!(reclaim::prefer_fences(crate::FENCES), crate::FENCES);
    let executions = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&executions);
    let mut builder = Builder::new();
    builder.preemption_bound = preemptions;
    builder.max_branches = 20_000;
    builder.check(move || {
        counted.fetch_add(1, Relaxed);
        scene();
    });
    println!("{} executions", executions.load(Relaxed));
}

#[test]
fn what_was_detached_is_freed_after_its_last_reader() {
    model(None, || {
        let scene = Scene::new();
        scene.attach(0, answers);
        let reader = {
            let scene = Arc::clone(&scene);
            thread::spawn(move || {
                let first = scene.fire();
                assert!(matches!(first, None | Some(1)));
                let second = scene.fire();
                assert!(second.is_none() || first.is_some(), "came back");
            })
        };
        scene.hook.detach();
        scene.free(0);
        assert!(!scene.hook.is_armed());
        reader.join().unwrap();
    });
}

#[test]
fn what_is_attached_is_ready() {
    model(None, || {
        let scene = Scene::new();
        let reader = {
            let scene = Arc::clone(&scene);
            thread::spawn(move || assert!(matches!(scene.fire(), None | Some(3))))
        };
        // SAFETY: checked by the model.
        scene.attached[1]
            .answer
            .with_mut(|answer| unsafe { *answer = 3 });
        // SAFETY: that it is ready is what the model checks.
        unsafe { scene.hook.attach(knows_the_second, ptr::null_mut()) };
        reader.join().unwrap();
    });
}

#[test]
fn two_readers_are_both_waited_for() {
    model(Some(3), || {
        let scene = Scene::new();
        scene.attach(0, answers);
        let readers = [(); 2].map(|()| {
            let scene = Arc::clone(&scene);
            thread::spawn(move || assert!(matches!(scene.fire(), None | Some(1))))
        });
        scene.hook.detach();
        scene.free(0);
        for reader in readers {
            reader.join().unwrap();
        }
        assert!(reclaim::slots() <= 2);
    });
}

#[test]
fn a_replacement_takes_over_without_a_gap() {
    model(None, || {
        let scene = Scene::new();
        scene.attach(0, answers);
        let reader = {
            let scene = Arc::clone(&scene);
            thread::spawn(move || {
                let first = scene.fire().unwrap();
                let second = scene.fire().unwrap();
                assert!(first <= second, "went back");
            })
        };
        scene.attach(1, answers);
        scene.free(0);
        reader.join().unwrap();
    });
}

#[test]
fn a_nested_call_that_ends_does_not_end_the_outer_one() {
    model(None, || {
        let scene = Scene::new();
        scene.attach(0, nests);
        let reader = {
            let scene = Arc::clone(&scene);
            thread::spawn(move || scene.fire())
        };
        scene.hook.detach();
        scene.free(0);
        assert!(matches!(reader.join().unwrap(), None | Some(1)));
    });
}

#[test]
fn a_record_passes_on_with_all_that_its_thread_did() {
    /// Executions in which the second thread got the first one's record.
    static PASSED_ON: AtomicUsize = AtomicUsize::new(0);
    model(None, || {
        let scene = Scene::new();
        scene.attach(0, answers);
        let first = {
            let scene = Arc::clone(&scene);
            thread::spawn(move || scene.fire())
        };
        // loom's join, unlike that of the standard library, does not wait for thread-locals to
        // end.
        assert_eq!(first.join().unwrap(), Some(1));
        let second = {
            let scene = Arc::clone(&scene);
            thread::spawn(move || scene.fire())
        };
        scene.hook.detach();
        scene.free(0);
        let answer = second.join().unwrap();
        assert!(matches!(answer, None | Some(1)));
        assert!(reclaim::slots() <= 2);
        if answer.is_some() && reclaim::slots() == 1 {
            PASSED_ON.fetch_add(1, Relaxed);
        }
    });
    assert_ne!(PASSED_ON.load(Relaxed), 0);
}

/// The writer does not wait for a reader that is inside another hook by then: its work in this
/// hook has happened before.
#[test]
fn what_one_hook_ran_is_freed_after_its_last_reader() {
    model(None, || {
        let (scene, other) = (Scene::new(), Scene::new());
        scene.attach(0, answers);
        other.attach(0, answers);
        let reader = {
            let (scene, other) = (Arc::clone(&scene), Arc::clone(&other));
            thread::spawn(move || {
                assert!(matches!(scene.fire(), None | Some(1)));
                assert_eq!(other.fire(), Some(1));
            })
        };
        scene.hook.detach();
        scene.free_apart(0);
        reader.join().unwrap();
    });
}

#[test]
fn what_one_hook_ran_is_freed_after_its_last_nested_reader() {
    model(None, || {
        let (scene, outer) = (Scene::new(), Scene::new());
        scene.attach(0, answers);
        let environment = Arc::as_ptr(&scene).cast_mut().cast();
        // SAFETY: the scene lives as long as the threads here.
        unsafe { outer.hook.attach(calls_another, environment) };
        let reader = {
            let outer = Arc::clone(&outer);
            thread::spawn(move || assert_eq!(outer.fire(), Some(7)))
        };
        scene.hook.detach();
        scene.free_apart(0);
        reader.join().unwrap();
    });
}
