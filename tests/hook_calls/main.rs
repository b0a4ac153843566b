//! Hook calls fault in no page, call no system, allocate no memory (`costs`), and wait for no
//! other thread (`stopped`). All of it is counted in the process that runs them.
//!
//! The optimiser can undo the conditions of these tests. So `.ci/run` runs this program in release
//! mode, too.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]
#![allow(
    unsafe_code,
    reason = "counts allocations, traps system calls, stops threads, and has a map type of its own"
)]

mod costs;
mod observation;
mod stopped;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jbpf::map::{ApplicationKind, ApplicationMap, ShowElement, Status};
use jbpf::request::CodeletBuilder;
use jbpf::{
    CodeletBytes, LoadRequest, MapRef, Runtime, RuntimeBuilder, StreamId, jbpf_data, jbpf_helper,
    jbpf_hook,
};

/// As in `codelets/hook_calls/everything.c`.
#[jbpf_data]
#[derive(Clone, Copy, Default, Debug)]
pub struct Cell {
    pub key: u64,
    pub calls: u64,
    pub busy: u64,
    pub wrong: u64,
}

/// The records that the codelet sends and receives.
#[jbpf_data]
#[derive(Clone, Copy)]
pub struct Record {
    pub key: u64,
    pub words: [u64; 7],
}

/// The hook of the codelet that uses everything.
#[jbpf_hook]
pub fn observed(cell: &mut Cell, ctx_id: u32) {}

/// The hook that its helper fires.
#[jbpf_hook]
pub fn another(cell: &mut Cell, ctx_id: u32) {}

#[jbpf_helper(id = 40)]
fn digest(bytes: &[u8]) -> u64 {
    assert_eq!(bytes.len(), 4096);
    u64::from(bytes[0]) + u64::from(bytes[4095])
}

#[jbpf_helper(id = 41)]
fn digest_in_place(bytes: CodeletBytes<'_>) -> u64 {
    let mut first = [0; 64];
    bytes.copy_to(&mut first) as u64 - 64 + u64::from(first[0])
}

#[jbpf_helper(id = 42)]
fn exchange(from: &Record, to: &mut Record) -> u64 {
    std::mem::replace(&mut to.key, from.key)
}

#[jbpf_helper(id = 43)]
fn count_in(map: MapRef<'_>, key: u32, by: u64) -> i32 {
    let wide = u64::from(key);
    let counted = if map.key_size() == 8 {
        map.update(&wide, &by)
    } else {
        map.lookup::<u32, u64>(&key)
            .and_then(|count| map.update(&key, &(count.unwrap_or(0) + by)))
    };
    counted.map_or_else(|error| error.code(), |()| 0)
}

#[jbpf_helper(id = 44)]
fn fire_another(number: u64) -> u64 {
    let mut cell = Cell {
        key: number % 8,
        ..Cell::default()
    };
    another(&mut cell, 0);
    cell.calls
}

/// A map type of the application's own: one value of 4096 bytes.
struct OneBlock([AtomicU64; 512]);

// SAFETY: the one address has 4096 bytes behind it, aligned, of atomics, as long as the map lives.
unsafe impl ApplicationMap for OneBlock {
    fn lookup(&self, _key: &[u8], _slot: u32) -> *mut u8 {
        self.0.as_ptr().cast::<u8>().cast_mut()
    }

    fn update(&self, _key: &[u8], value: &[u8], _slot: u32) -> Status {
        for (word, bytes) in self.0.iter().zip(value.as_chunks::<8>().0) {
            word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
        }
        Status::Success
    }

    fn for_each(&self, _slot: u32, show: &mut ShowElement<'_>) -> Result<(), Status> {
        match show(&[0; 4], &[0; 4096]) {
            ControlFlow::Continue(()) | ControlFlow::Break(()) => Ok(()),
        }
    }

    fn contains(&self, addr: usize, len: usize, _slot: u32) -> bool {
        let start = self.0.as_ptr().addr();
        addr >= start && addr + len <= start + 4096
    }
}

pub const RECORDS: StreamId = StreamId([1; 16]);
pub const OUTPUTS: StreamId = StreamId([2; 16]);
pub const COMMANDS: StreamId = StreamId([3; 16]);

/// There is one runtime a process, and threads of one test are no business of another.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn start(with: impl FnOnce(RuntimeBuilder) -> RuntimeBuilder) -> Runtime {
    let block = ApplicationKind::new(20, |_| {
        Ok(Box::new(OneBlock([const { AtomicU64::new(0) }; 512])))
    });
    let builder = Runtime::builder().name("calls").map_type(block.unwrap());
    with(builder).build().unwrap()
}

fn object(name: &str) -> String {
    format!("{}/../codelets/{name}.o", env!("CARGO_MANIFEST_DIR"))
}

/// The codelet that uses everything, and one for its helper's hook.
pub fn everything() -> LoadRequest {
    let all = CodeletBuilder::from_path("all", object("hook_calls/everything"), "observed")
        .output("records", RECORDS)
        .output("outputs", OUTPUTS)
        .input("commands", COMMANDS);
    let inner = CodeletBuilder::from_path("inner", object("under_fire/thread_array_1"), "another");
    LoadRequest::builder("set")
        .codelet(all)
        .codelet(inner)
        .build()
        .unwrap()
}

/// A call with this number; returns the cell as the codelet left it.
pub fn call(key: u64) -> Cell {
    let mut cell = Cell {
        key,
        ..Cell::default()
    };
    observed(&mut cell, 0);
    cell
}
