//! The numbers measured of hooks, the built-in hooks that report them, the limits of codelets from
//! inside, and the service of the output callback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod aborts;
mod blocked;
mod builtin_hooks;
mod crowd;
mod inside;
mod kept;
mod measured;
mod order;
mod resources;
mod serving;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jbpf::request::CodeletBuilder;
use jbpf::{LoadRequest, Runtime, RuntimeBuilder, StreamId, jbpf_data, jbpf_helper, jbpf_hook};

#[jbpf_data]
pub struct Count {
    pub value: u64,
}

/// Codelets of `codelets/bench` count in its region.
#[jbpf_hook]
pub fn counted(count: &mut Count) {}

#[jbpf_hook]
pub fn also_counted(count: &mut Count) {}

/// The hook of codelets that ask the application for something.
#[jbpf_hook]
pub fn asked() {}

/// The application's action when a codelet asks it.
static ANSWER: Mutex<Option<Box<dyn FnMut() + Send>>> = Mutex::new(None);

/// Sets the action.
pub fn answer(with: impl FnMut() + Send + 'static) {
    *ANSWER.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(with));
}

/// Does the action.
#[jbpf_helper(id = 40)]
fn ask() -> u64 {
    // Not held while it runs, which may take long.
    let answer = ANSWER.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(mut answer) = answer {
        answer();
        let mut place = ANSWER.lock().unwrap_or_else(PoisonError::into_inner);
        place.get_or_insert(answer);
    }
    0
}

/// Calls a hook so many times.
pub fn fire(hook: fn(&mut Count), times: u64) {
    let mut count = Count { value: 0 };
    for _ in 0..times {
        hook(&mut count);
    }
}

pub const STREAM: StreamId = StreamId([7; 16]);

fn codelet(object: &str, hook: &str) -> CodeletBuilder {
    let path = format!("{}/../codelets/{object}.o", env!("CARGO_MANIFEST_DIR"));
    CodeletBuilder::from_path("codelet", path, hook)
}

/// A codeletset of one codelet.
pub fn request(id: &str, object: &str, hook: &str) -> LoadRequest {
    let set = LoadRequest::builder(id).codelet(codelet(object, hook));
    set.build().unwrap()
}

/// The same, with an output channel of id [`STREAM`].
pub fn sending(id: &str, object: &str, hook: &str, map: &str) -> LoadRequest {
    let codelet = codelet(object, hook).output(map, STREAM);
    LoadRequest::builder(id).codelet(codelet).build().unwrap()
}

/// The process's runtime, one test at a time.
pub struct Turn {
    pub runtime: Runtime,
    _turn: MutexGuard<'static, ()>,
}

pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Turn {
    pub fn start() -> Self {
        Self::with(|builder| builder)
    }

    pub fn with(configure: impl FnOnce(RuntimeBuilder) -> RuntimeBuilder) -> Self {
        let turn = turn();
        let runtime = configure(Runtime::builder().name("statistics")).build();
        Self {
            runtime: runtime.unwrap(),
            _turn: turn,
        }
    }
}

/// Waits for `found` to find something.
pub fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

/// Counts threads of this process with names that begin like this.
pub fn threads(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| {
        // Threads end while they are listed.
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    });
    names.filter(|comm| comm.starts_with(name)).count()
}
