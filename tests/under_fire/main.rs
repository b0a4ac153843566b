//! Codelets compiled from C at a hook that many threads call: each kind of map with known totals
//! (`kinds`), versions that replace each other (`replace`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod kinds;
mod replace;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jbpf::request::CodeletBuilder;
use jbpf::{LoadRequest, Runtime, StreamId, jbpf_data, jbpf_hook};

/// The region of one call: the input of codelets, and their results. `cell.h` has the same.
#[jbpf_data]
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub struct Cell {
    pub key: u64,
    pub first: u64,
    pub second: u64,
    pub failed: u64,
}

/// The hook that all threads call.
#[jbpf_hook]
pub fn fire(cell: &mut Cell, ctx_id: u32) {}

/// Records of the output codelets.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Record {
    pub key: u64,
    pub version: u64,
    pub again: u64,
}

/// Records of the input codelet.
#[jbpf_data]
pub struct Command {
    pub number: u64,
    pub again: u64,
}

const STREAM: StreamId = StreamId([7; 16]);
const THREADS: u64 = 8;
const ROUNDS: u64 = 20_000;
/// Nothing here takes longer on any machine. Work that does hangs.
const DEADLINE: Duration = Duration::from_secs(120);

fn fired(key: u64) -> Cell {
    let mut cell = Cell {
        key,
        ..Cell::default()
    };
    fire(&mut cell, 0);
    cell
}

fn request(codelet: &str, channel: Option<(&str, bool)>) -> LoadRequest {
    let path = format!(
        "{}/../codelets/under_fire/{codelet}.o",
        env!("CARGO_MANIFEST_DIR")
    );
    // The versions of a codelet have one name: maps live on from codelet to codelet of a name.
    let codelet = CodeletBuilder::from_path("codelet", path, "fire");
    let codelet = match channel {
        None => codelet,
        Some((map, true)) => codelet.output(map, STREAM),
        Some((map, false)) => codelet.input(map, STREAM),
    };
    LoadRequest::builder("set")
        .codelet(codelet)
        .build()
        .unwrap()
}

/// The runtime, one test at a time.
struct Application {
    runtime: Runtime,
    _turn: MutexGuard<'static, ()>,
}

impl std::ops::Deref for Application {
    type Target = Runtime;
    fn deref(&self) -> &Runtime {
        &self.runtime
    }
}

impl Application {
    fn start() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            runtime: Runtime::builder().name("under_fire").build().unwrap(),
            _turn: turn,
        }
    }
}

/// Runs `work` on all threads, with their numbers, and adds up what they return.
fn on_threads(work: impl Fn(u64) -> Cell + Sync) -> Cell {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let work = &work;
                scope.spawn(move || work(number))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .fold(Cell::default(), sum)
    })
}

fn sum(all: Cell, one: Cell) -> Cell {
    Cell {
        key: 0,
        first: all.first + one.first,
        second: all.second + one.second,
        failed: all.failed + one.failed,
    }
}

/// Sets the flag when it is dropped, on unwinding too: a thread that waits for it does not wait
/// for ever.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Fires on all threads while `change` runs. Gives the sum of all cells.
fn while_firing(change: impl FnOnce(), check: impl Fn(Cell) + Sync) -> Cell {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let firing = scope.spawn(|| {
            on_threads(|thread| {
                let mut all = Cell::default();
                let mut round = thread;
                while !over.load(Ordering::Acquire) {
                    let cell = fired(round % 8);
                    check(cell);
                    all = sum(all, cell);
                    round += 1;
                    if round.is_multiple_of(64) {
                        thread::yield_now(); // Two cores: let the one that loads have its turn.
                    }
                }
                all
            })
        });
        {
            let _over = Done(&over);
            change();
        }
        firing.join().unwrap()
    })
}

/// Repeats `step` until it says that it is done.
fn until(what: &str, mut step: impl FnMut() -> bool) {
    let start = Instant::now();
    while !step() {
        assert!(start.elapsed() < DEADLINE, "{what} within {DEADLINE:?}");
        thread::yield_now();
    }
}
