//! Operators load, replace, measure and unload the same codeletsets at once. Meanwhile threads
//! call the hooks, codelets call hooks again through a helper, and that helper fails, or tries to
//! load and unload itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::any::Any;
use std::cell::Cell as Local;
use std::panic::{panic_any, set_hook};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use jbpf::map::{MapOptions, MemoryBudget};
use jbpf::request::CodeletBuilder;
use jbpf::{
    Engine, LoadError, LoadRequest, MapView, Measuring, Receiver, Runtime, StreamId, UnloadError,
    WrongPlace, jbpf_data, jbpf_helper, jbpf_hook, registry,
};

/// The region of the codelets of `codelets/stress` and `codelets/under_fire`: both count in its
/// first words.
#[jbpf_data]
#[derive(Clone, Copy, Default)]
struct Cell {
    steady: u64,
    passing: u64,
    version: u64,
    failed: u64,
}

#[jbpf_hook]
fn crossed(cell: &mut Cell, ctx_id: u32) {}

/// The hook of codelets that call hooks again.
#[jbpf_hook(control)]
fn asking(cell: &mut Cell, ctx_id: u32) -> u64 {
    7
}

#[jbpf_data]
struct Record {
    key: u64,
    version: u64,
    again: u64,
}

const STREAM: StreamId = StreamId([5; 16]);
const OPERATORS: u64 = 4;
const CALLERS: u64 = 4;
const CHANGES: u64 = 40;

/// The runtime that the helper uses.
static RUNTIME: Mutex<Option<Arc<Runtime>>> = Mutex::new(None);
static NESTED: AtomicU64 = AtomicU64::new(0);
static REFUSED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static TURN: Local<u64> = const { Local::new(0) };
    /// Calls hooks once more when the thread ends.
    static LAST: LastCall = const { LastCall };
}

struct LastCall;

impl Drop for LastCall {
    fn drop(&mut self) {
        crossed(&mut Cell::default(), 1);
        asking(&mut Cell::default(), 1);
    }
}

/// A payload of a panic that panics when it is dropped.
struct Explosive;

impl Drop for Explosive {
    fn drop(&mut self) {
        panic_any(Self);
    }
}

/// Calls both hooks again, so that calls nest as deep as they may; at times tries to load and
/// unload, or panics.
#[jbpf_helper(id = 40)]
fn ask() -> u64 {
    NESTED.fetch_add(1, Ordering::Relaxed);
    let turn = TURN.get();
    TURN.set(turn + 1);
    if turn % 16 == 5 {
        let runtime = RUNTIME.lock().unwrap().clone();
        let runtime = runtime.as_ref().unwrap();
        let unload = runtime.unload("passing");
        assert!(matches!(
            unload,
            Err(UnloadError::Place(WrongPlace::InsideCodelet))
        ));
        let load = runtime.load(&requests()[0]);
        assert!(matches!(
            load,
            Err(LoadError::Place(WrongPlace::InsideCodelet))
        ));
        REFUSED.fetch_add(1, Ordering::Relaxed);
        assert!(!runtime.list().is_empty() && !runtime.statistics().hooks.is_empty());
    }
    if turn % 8 == 3 {
        panic_any(Explosive);
    }
    let mut cell = Cell::default();
    crossed(&mut cell, 0);
    asking(&mut cell, 0);
    cell.steady
}

fn codelet(name: &str, object: &str, hook: &str) -> CodeletBuilder {
    let path = format!("{}/../codelets/{object}.o", env!("CARGO_MANIFEST_DIR"));
    CodeletBuilder::from_path(name, path, hook)
}

fn set<const N: usize>(id: &str, codelets: [CodeletBuilder; N]) -> LoadRequest {
    codelets
        .into_iter()
        .fold(LoadRequest::builder(id), |set, codelet| {
            set.codelet(codelet)
        })
        .build()
        .unwrap()
}

/// Sets and versions of them; some take each other's hook or channel, one needs more memory than
/// there is.
fn requests() -> &'static [LoadRequest] {
    static REQUESTS: OnceLock<Vec<LoadRequest>> = OnceLock::new();
    REQUESTS.get_or_init(|| {
        let passing = || codelet("passing", "stress/passing", "crossed");
        let counts = |name: &str| codelet(name, "under_fire/array_1", "crossed");
        let records = || codelet("r", "under_fire/output_1", "crossed").output("records", STREAM);
        vec![
            set("passing", [passing()]),
            set("passing", [passing(), counts("b")]),
            set(
                "passing",
                [counts("b"), counts("c").linked_map("counts", "b", "counts")],
            ),
            set(
                "linked",
                [counts("b").linked_map("counts", "c", "counts"), counts("c")],
            ),
            set("linked", [counts("b"), counts("c"), records()]),
            set("records", [records()]),
            set(
                "records",
                [
                    codelet("r", "under_fire/thread_hash_1", "crossed"),
                    passing(),
                ],
            ),
            set("asks", [codelet("a", "stress/asks", "asking")]),
            set(
                "asks too",
                [codelet("a", "stress/asks", "asking"), passing()],
            ),
            set(
                "asks too",
                [passing(), codelet("large", "loading/large_map", "crossed")],
            ),
        ]
    })
}

/// The errors that operators get in each other's way; no others are expected.
fn expected(error: &LoadError) -> bool {
    matches!(
        error,
        LoadError::AlreadyLoaded { .. }
            | LoadError::NotLoaded { .. }
            | LoadError::ControlHookTaken { .. }
            | LoadError::StreamIdInUse { .. }
            | LoadError::Map { .. }
    )
}

/// Objects that operators keep for a while. At times they outlive the codeletset that they came
/// from.
#[derive(Default)]
struct Kept {
    receivers: Vec<Receiver<Record>>,
    views: Vec<MapView<u32, u64>>,
    measuring: Vec<Measuring>,
}

fn operate(runtime: &Runtime, mut seed: u64) {
    let mut kept = Kept::default();
    let mut draw = |below: usize| {
        // SplitMix64's step and the end of its mixing.
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (seed ^ seed >> 31).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word >> 33) as usize % below
    };
    for _ in 0..CHANGES {
        let request = &requests()[draw(requests().len())];
        match draw(8) {
            0 | 1 => {
                let loaded = runtime.load(request);
                assert!(loaded.as_ref().err().is_none_or(expected), "{loaded:?}");
                let view = loaded.ok().and_then(|set| set.map("counts").ok());
                kept.views.extend(view);
            }
            2 | 3 => {
                let replaced = runtime.replace(request);
                assert!(replaced.as_ref().err().is_none_or(expected), "{replaced:?}");
            }
            4 => {
                let unloaded = runtime.unload(request.codeletset_id());
                let gone = matches!(unloaded, Err(UnloadError::NotLoaded { .. }));
                assert!(gone || unloaded.is_ok(), "{unloaded:?}");
            }
            5 => kept.receivers.extend(runtime.output(STREAM).ok()),
            6 => kept.measuring.push(runtime.measure_all().unwrap()),
            _ => {
                for receiver in &kept.receivers {
                    for record in receiver.try_iter() {
                        assert_eq!((record.version, record.again), (1, record.key));
                    }
                }
                for view in &kept.views {
                    assert!(view.sum(&0).is_ok());
                }
                assert!(!runtime.statistics().hooks.is_empty());
                kept = Kept::default();
            }
        }
    }
}

fn call(over: &AtomicBool) {
    LAST.with(|_| ());
    while !over.load(Ordering::Acquire) {
        // Threads come and go as well.
        thread::scope(|scope| {
            scope.spawn(|| {
                LAST.with(|_| ());
                for _ in 0..64 {
                    let mut cell = Cell::default();
                    crossed(&mut cell, 0);
                    assert!(cell.steady >= 1, "the codelet that stays has run");
                    let answer = asking(&mut cell, 0);
                    assert!(matches!(answer, 0..=8), "{answer}");
                }
            });
        });
    }
}

/// Says so when it goes, on unwinding too.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn crossfire(engine: Engine) {
    let budget = MemoryBudget::new(900 << 10);
    let mut options = MapOptions::default();
    options.budget = Some(Arc::clone(&budget));
    let builder = Runtime::builder().name("crossfire").engine(engine);
    let runtime = Arc::new(builder.map_options(options).build().unwrap());
    *RUNTIME.lock().unwrap() = Some(Arc::clone(&runtime));
    let steady = codelet("steady", "stress/steady", "crossed");
    runtime.load(&set("steady", [steady])).unwrap();
    let at_rest = budget.used();

    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| call(&over));
        }
        let _over = Over(&over);
        thread::scope(|scope| {
            for operator in 0..OPERATORS {
                let runtime = &runtime;
                scope.spawn(move || operate(runtime, operator));
            }
        });
    });

    for set in runtime.list() {
        runtime.unload(&set.id).unwrap();
    }
    assert!(
        ["crossed", "asking"].map(|hook| registry::hook(hook).unwrap().is_armed()) == [false; 2]
    );
    assert!(
        budget.used() <= at_rest,
        "{} of {at_rest} bytes are left",
        budget.used()
    );
    *RUNTIME.lock().unwrap() = None;
    drop(Arc::into_inner(runtime).expect("nobody else holds the runtime"));
    assert_eq!(budget.used(), 0);
}

/// Hooks and the one runtime are one test's at a time.
static ALONE: Mutex<()> = Mutex::new(());

#[jbpf_data]
struct Command {
    number: u64,
    again: u64,
}

/// The permutation of this number.
fn order<const N: usize>(mut number: usize) -> [usize; N] {
    let mut left: Vec<usize> = (0..N).collect();
    std::array::from_fn(|at| {
        let choice = left.remove(number % left.len());
        number /= N - at;
        choice
    })
}

#[test]
fn what_comes_from_a_runtime_may_be_dropped_in_any_order() {
    const PARTS: usize = 6;
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let commands = StreamId([6; 16]);
    let request = set(
        "set",
        [
            codelet("r", "under_fire/output_1", "crossed").output("records", STREAM),
            codelet("i", "under_fire/input", "crossed").input("commands", commands),
            codelet("b", "under_fire/array_1", "crossed"),
        ],
    );
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..(1..=PARTS).product() {
        let budget = MemoryBudget::new(usize::MAX);
        let mut options = MapOptions::default();
        options.budget = Some(Arc::clone(&budget));
        let builder = Runtime::builder().name("parts").engine(Engine::Interpreter);
        let runtime = builder.map_options(options).build().unwrap();
        let set = runtime.load(&request).unwrap();
        let mut parts: [Option<Box<dyn Any>>; PARTS] = [
            Some(Box::new(runtime.output::<Record>(STREAM).unwrap())),
            Some(Box::new(runtime.input::<Command>(commands).unwrap())),
            Some(Box::new(set.map::<u32, u64>("counts").unwrap())),
            Some(Box::new(runtime.measure("crossed").unwrap())),
            Some(Box::new(set)),
            Some(Box::new(runtime)),
        ];
        let order = order::<PARTS>(number);
        for part in order {
            drop(parts[part].take());
            let mut cell = Cell::default();
            crossed(&mut cell, 0);
            let loaded = parts[PARTS - 1].is_some();
            assert_eq!(cell.passing != 0, loaded, "{order:?}");
        }
        assert_eq!(budget.used(), 0, "{order:?}");
        seen.insert(order);
    }
    assert_eq!(seen.len(), 720);
}

#[test]
fn a_replacement_takes_memory_for_what_is_new_alone_and_a_linked_map_takes_it_once() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let counts = |name: &str| codelet(name, "under_fire/array_1", "crossed");
    let linked = |name: &str| counts(name).linked_map("counts", "a", "counts");
    const PAGE: usize = 4096;
    let budget = MemoryBudget::new(2 * PAGE);
    let mut options = MapOptions::default();
    options.budget = Some(Arc::clone(&budget));
    let builder = Runtime::builder().name("memory").map_options(options);
    let runtime = builder.build().unwrap();
    let three = set("set", [counts("a"), linked("b"), linked("c")]);
    runtime.load(&three).unwrap();
    assert_eq!(budget.used(), PAGE);
    for _ in 0..3 {
        runtime.replace(&three).unwrap();
        assert_eq!(budget.used(), PAGE);
    }
    let apart = set("set", [counts("a"), counts("b"), counts("c")]);
    let error = runtime.replace(&apart).unwrap_err().to_string();
    assert_eq!(
        error,
        "codeletset `set`, codelet `c`: map `counts`: 4096 bytes are needed and 0 of the memory budget of 8192 bytes are left"
    );
    assert_eq!(budget.used(), PAGE);
    let two = set("set", [counts("a"), linked("b"), counts("c")]);
    let view = runtime.replace(&two).unwrap().map::<u32, u64>("c/counts");
    assert_eq!(budget.used(), 2 * PAGE);
    // A view of a map keeps the map alive.
    runtime.replace(&three).unwrap();
    assert_eq!(budget.used(), 2 * PAGE);
    drop(view);
    assert_eq!(budget.used(), PAGE);
    runtime.unload("set").unwrap();
    assert_eq!(budget.used(), 0);
}

#[test]
fn operators_in_each_others_way_lose_nothing_and_leave_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    set_hook(Box::new(|info| {
        if !info.payload().is::<Explosive>() {
            eprintln!("{info}");
        }
    }));
    for engine in [Engine::Native, Engine::Interpreter] {
        crossfire(engine);
        assert!(NESTED.swap(0, Ordering::Relaxed) > 0);
        assert!(REFUSED.swap(0, Ordering::Relaxed) > 0);
    }
}
