//! The runtime of a process: the loaded codeletsets, and how they come and go.
//!
//! `admission` decides which codeletsets may come, `codeletset` is the application's handle of
//! one, `attachment` knows the codelets of each hook, `publish` hands code to hooks and frees it,
//! and `leaving` waits until it can be freed. `measuring` keeps the demand for measurements, and
//! `statistics` puts the results together. `aborts` tells the log of calls that codelets left,
//! `output` serves callbacks, `maintenance` calls the built-in hooks, `threads` starts the threads
//! of all of these, and `fork` keeps children from running codelets. Loads and unloads take turns
//! until they are effective, and wait for threads inside codelets after that. Readers of the
//! loaded codeletsets never wait for a load.

mod aborts;
mod admission;
mod attachment;
mod builder;
mod codeletset;
mod fork;
mod leaving;
mod maintenance;
mod measuring;
mod output;
mod publish;
mod statistics;
mod threads;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::time::Duration;

use jbpf_channel::{Doorbell, Receiver, Sender, StreamId};
use jbpf_hooks::hook::{Hook, HookInfo};
use jbpf_hooks::layout::FieldType;
use jbpf_hooks::{reclaim, registry};
use jbpf_operator::nearest::nearest;
use jbpf_operator::protocol::StreamReport;
use jbpf_operator::request::LoadRequest;
use jbpf_operator::stream::Direction;
use jbpf_verifier::types::{ContextDef, HelperTable};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::builtin_hooks;
use crate::codeletset::{Channel, CodeletsetInfo, LoadedSet, World, prepare};
use crate::error::{
    BuildError, LoadError, OpenError, ThreadInside, UnloadError, WrongPlace, threads as named,
};
use crate::map::MemoryBudget;
use crate::server::{ServeError, Server, ServerOptions};
use crate::stats::Statistics;
use attachment::{Attachments, Change, CompileError, Compiler};
use leaving::{LOAD_LIMIT, Leaving, MEASURE_LIMIT, Rest, Settled};
use maintenance::{Maintenance, Needed, Periods};
use measuring::{Board, Demand};
use publish::Retired;

pub use builder::RuntimeBuilder;
pub use codeletset::Codeletset;
pub(crate) use fork::ParentsAlone;
pub(crate) use leaving::Progress;
pub use measuring::{MeasureError, Measuring};
pub(crate) use measuring::{MeasuredHook, Wanted};
pub use output::{OutputError, OutputRecord};
pub(crate) use publish::kept;
pub(crate) use threads::Threads;
pub use threads::{Scheduling, ThreadError};

/// Most codeletsets loaded at a time.
pub const MAX_CODELETSETS: usize = 1024;
/// Most codelets loaded at a time.
pub const MAX_CODELETS: usize = 4096;

/// The thread that frees code and maps that a thread inside a codelet cannot wait for.
const RETIRE_THREAD: &str = "retire";

/// The process that has the one runtime, see [`reclaim::process`]; 0: there is none.
static OWNER: AtomicU64 = AtomicU64::new(0);

/// The runtime of this process: loads codelets, unloads them, opens their channels.
///
/// There is one at a time, since hooks are statics. Dropping it unloads everything. Its methods
/// may be called from any thread.
#[derive(Debug)]
#[must_use = "dropping it ends the runtime, and unloads everything"]
pub struct Runtime {
    shared: Arc<Shared>,
    server: Option<Server>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    name: String,
    compiler: Compiler,
    world: World,
    threads: Threads,
    /// The process that it is the runtime of.
    owner: u64,
    /// Held while something is loaded or unloaded.
    attachments: Mutex<Attachments>,
    /// Written for moments only.
    sets: RwLock<BTreeMap<String, Arc<LoadedSet>>>,
    board: Arc<Board>,
    maintenance: Maintenance,
    output: output::Output,
    /// Codelets that changes took off hooks, and for which no change waits any more.
    rest: Rest,
    /// How long an unload waits for threads inside.
    unload_limit: Duration,
}

/// A codeletset that is loaded.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) set: Codeletset,
    /// The threads that are inside of its predecessor still.
    pub(crate) inside: Vec<ThreadInside>,
}

impl Shared {
    /// The budget of maps and channels, which counts them even if it has no limit.
    pub(crate) fn budget(&self) -> Option<&MemoryBudget> {
        self.world.map_options.budget.as_deref()
    }
}

impl Runtime {
    /// Sets a runtime up.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder::default()
    }

    fn start(
        name: String,
        compiler: Compiler,
        world: World,
        periods: Periods,
        threads: Threads,
        unload_limit: Duration,
        bell: Arc<Doorbell>,
    ) -> Result<Self, BuildError> {
        if reclaim::is_of_another_process() {
            return Err(BuildError::Forked);
        }
        fork::disarm_children()?;
        let owner = reclaim::process();
        let previous = OWNER.load(Ordering::Acquire);
        // A child that was forked before anything was attached may have its own: the parent's is
        // not its.
        if previous == owner
            || OWNER
                .compare_exchange(previous, owner, Ordering::AcqRel, Ordering::Acquire)
                .is_err()
        {
            return Err(BuildError::AlreadyRunning);
        }
        let attachments = Attachments::default();
        let board = Arc::clone(attachments.board());
        let shared = Shared {
            name,
            compiler,
            world,
            owner,
            attachments: Mutex::new(attachments),
            sets: RwLock::default(),
            maintenance: Maintenance::new(periods, Arc::clone(&board), threads.clone()),
            board,
            output: output::Output::new(bell, threads.clone()),
            rest: Rest::default(),
            unload_limit,
            threads,
        };
        Ok(Self {
            shared: Arc::new(shared),
            server: None,
        })
    }

    /// Lets operators in.
    fn serve(&mut self, options: &ServerOptions, bell: Arc<Doorbell>) -> Result<(), ServeError> {
        let server = Server::start(options, bell, &self.shared)?;
        self.server = Some(server);
        Ok(())
    }

    /// The path of the control socket, if there is one.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        self.server.as_ref().map(Server::path)
    }

    /// The name by which operators know the application.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Verifies, compiles and attaches a codeletset: all of it, or nothing.
    ///
    /// # Errors
    /// See [`LoadError`]; each names codeletset, codelet and field. Nothing is left behind.
    pub fn load(&self, request: &LoadRequest) -> Result<Codeletset, LoadError> {
        let loaded = self.shared.change(request, false, &Progress::default());
        loaded.map(|loaded| loaded.set)
    }

    /// Swaps a loaded codeletset for a new version of itself, in one step per hook: each call runs
    /// exactly one of the two. Maps whose definition did not change keep their contents; channels
    /// of unchanged stream id and definition stay open. Returns once no thread runs the old
    /// version any more, or after a second. If a thread stays inside longer, the old version's
    /// memory is freed when that thread has left.
    ///
    /// # Errors
    /// See [`LoadError`]; the loaded version then stays as it is.
    pub fn replace(&self, request: &LoadRequest) -> Result<Codeletset, LoadError> {
        let loaded = self.shared.change(request, true, &Progress::default())?;
        if !loaded.inside.is_empty() {
            tracing::warn!(
                target: "jbpf",
                "the old version of codeletset `{}` is freed when {} has left",
                loaded.set.id(),
                named(&loaded.inside)
            );
        }
        Ok(loaded.set)
    }

    /// Takes a codeletset out of the process. Returns once no thread runs it any more.
    ///
    /// # Errors
    /// [`UnloadError::StillInside`]: the codeletset is taken off its hooks, but a thread has
    /// stayed inside for [too long](RuntimeBuilder::unload_limit). Others: the codeletset is not
    /// loaded, or this thread is inside a codelet. [`UnloadError::Kept`]: it is taken off its
    /// hooks, and the system cannot tell when the last thread has left it.
    pub fn unload(&self, id: &str) -> Result<(), UnloadError> {
        self.shared.unload(id, &Progress::default())
    }

    /// The loaded codeletsets, by id.
    #[must_use]
    pub fn list(&self) -> Vec<CodeletsetInfo> {
        self.shared.tell_aborts();
        self.shared.sets().values().map(|set| set.info()).collect()
    }

    /// The channels of all loaded codeletsets, with the counts of their records so far.
    #[must_use]
    pub fn streams(&self) -> Vec<StreamReport> {
        crate::server::streams(&self.shared)
    }

    /// Becomes the one reader of an output channel. Its records are values of type `T`.
    ///
    /// # Errors
    /// No output channel has the id, its records are known not to be of type `T`, or it has a
    /// reader already.
    pub fn output<T: FromBytes + FieldType>(
        &self,
        stream_id: StreamId,
    ) -> Result<Receiver<T>, OpenError> {
        let channel = self.shared.channel(stream_id, Direction::Output)?;
        let ring = channel.output_ring().ok_or(OpenError::UnknownStream {
            stream_id,
            direction: Direction::Output,
        })?;
        Ok(ring.primary()?.described()?)
    }

    /// Sends values of type `T` into an input channel.
    ///
    /// # Errors
    /// No input channel has the id, or its records are known to be something else than `T`.
    pub fn input<T: IntoBytes + Immutable + FieldType>(
        &self,
        stream_id: StreamId,
    ) -> Result<Sender<T>, OpenError> {
        let channel = self.shared.channel(stream_id, Direction::Input)?;
        let ring = channel.input_ring().ok_or(OpenError::UnknownStream {
            stream_id,
            direction: Direction::Input,
        })?;
        Ok(ring.sender().described()?)
    }

    /// Serves the records of all output channels without another reader, now and later, to
    /// `callback`. One thread calls it, and sleeps while no records come.
    ///
    /// The callback may load and unload; it must not wait for its own thread. A panic in it is
    /// contained and loses the one record.
    ///
    /// # Errors
    /// There is a callback already, or no thread for it.
    pub fn on_output<F>(&self, callback: F) -> Result<(), OutputError>
    where
        F: FnMut(OutputRecord<'_>) + Send + 'static,
    {
        self.shared
            .output
            .serve(Arc::downgrade(&self.shared), callback)
    }

    /// Panics of the [`on_output`](Self::on_output) callback so far.
    #[must_use]
    pub fn output_panics(&self) -> u64 {
        self.shared.output.panics()
    }

    /// Measures a hook while the returned guard lives: counts its calls and those of its codelets,
    /// and times them. All calls are timed, or about one in 16 us of each group of threads if the
    /// hook is busy. [`statistics`](Self::statistics) returns the results. Several guards may
    /// measure one hook.
    ///
    /// A hook that is not measured costs the same as if there were no measuring.
    ///
    /// # Errors
    /// No hook has the name, this thread is inside a codelet, or the engine fails.
    pub fn measure(&self, hook: &str) -> Result<Measuring, MeasureError> {
        let wanted = Wanted::Hooks(vec![find_hook(hook)?]);
        self.shared.measure(wanted, &Progress::default())
    }

    /// Measures all hooks, also those that get codelets later, while the returned guard lives.
    ///
    /// # Errors
    /// This thread is inside a codelet, or the engine fails.
    pub fn measure_all(&self) -> Result<Measuring, MeasureError> {
        self.shared.measure(Wanted::All, &Progress::default())
    }

    /// The figures of all hooks, their codelets and channels now. Waits for no load and no call.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.shared.tell_aborts();
        self.shared.statistics()
    }

    /// A loaded codeletset.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Codeletset> {
        self.shared.sets().get(id).map(|set| Codeletset {
            set: Arc::clone(set),
        })
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // The server ends first, so that no client loads a codeletset that nobody would unload.
        if let Some(server) = self.server.take() {
            if self.shared.is_forked() {
                server.forget();
            } else {
                drop(server);
            }
        }
        self.shared.shut_down();
    }
}

impl Shared {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The hooks that are measured.
    pub(crate) fn board(&self) -> &Board {
        &self.board
    }

    /// How threads are started.
    pub(crate) fn threads(&self) -> &Threads {
        &self.threads
    }

    /// The context that a hook gives to its codelets.
    pub(crate) fn context(&self, hook: &HookInfo) -> ContextDef {
        self.world.context(hook)
    }

    /// The helpers that codelets may call.
    pub(crate) fn helpers(&self) -> &HelperTable {
        &self.world.helpers
    }

    /// Loads the request's codeletset, in place of the one of its id if `replace`.
    pub(crate) fn change(
        self: &Arc<Self>,
        request: &LoadRequest,
        replace: bool,
        progress: &Progress,
    ) -> Result<Loaded, LoadError> {
        self.check_place()?;
        let mut attachments = self.lock();
        if let Some((changes, inside)) = self.rest.too_much() {
            return Err(LoadError::Waiting { changes, inside });
        }
        // A load of the server is not waited for by a codelet that drops the runtime.
        if attachments.is_closed() {
            return Err(LoadError::Gone);
        }
        let id = request.codeletset_id();
        let leaving = admission::leaving(&self.sets(), id, replace)?;
        admission::check_limits(&self.sets(), request, leaving.as_deref())?;
        let coming = prepare(request, &self.world, leaving.as_deref())?;
        admission::check_streams(&self.sets(), &coming, leaving.as_deref())?;
        admission::check_control_hooks(&attachments, &coming, leaving.as_deref())?;

        let change = attachments
            .compile(leaving.as_deref(), Some(&coming), self.compiler)
            .map_err(|CompileError { hook, source }| LoadError::Engine {
                hook: hook.info().name.into(),
                source,
            })?;
        let needed = needed_after(&attachments, &change);
        self.maintenance
            .prepare(needed)
            .map_err(LoadError::Thread)?;
        coming.declare_records()?;
        let coming = Arc::new(coming);
        // The set is listed before it runs: a reader that sees its first record finds its
        // channels.
        self.sets_mut().insert(id.to_owned(), Arc::clone(&coming));
        let retired = attachments.publish(change);
        self.output.streams_changed();
        let timer = self.maintenance.settle(needed);
        drop(attachments);
        let leaving = Leaving {
            retired,
            timer,
            set: leaving.map(|leaving| (leaving, Some(Arc::clone(&coming)))),
        };
        let inside = match self.settle(leaving, LOAD_LIMIT, progress) {
            // The new version runs. The old one is counted and logged if it cannot be freed.
            Settled::Freed(_) => Vec::new(),
            Settled::Left(inside) => inside,
        };
        let set = Codeletset { set: coming };
        Ok(Loaded { set, inside })
    }

    pub(crate) fn unload(
        self: &Arc<Self>,
        id: &str,
        progress: &Progress,
    ) -> Result<(), UnloadError> {
        self.check_place()?;
        let mut attachments = self.lock();
        let leaving = self
            .sets()
            .get(id)
            .cloned()
            .ok_or_else(|| UnloadError::not_loaded(id, self.sets().keys()))?;
        let change = attachments
            .compile(Some(&leaving), None, self.compiler)
            .map_err(|CompileError { hook, source }| UnloadError::Engine {
                hook: hook.info().name.into(),
                source,
            })?;
        let needed = needed_after(&attachments, &change);
        let retired = attachments.publish(change);
        let timer = self.maintenance.settle(needed);
        self.sets_mut().remove(id);
        drop(attachments);
        let set = Some((leaving, None));
        let leaving = Leaving {
            retired,
            timer,
            set,
        };
        let id = id.to_owned();
        match self.settle(leaving, self.unload_limit, progress) {
            Settled::Freed(freed) => freed.map_err(|source| UnloadError::Kept { id, source }),
            Settled::Left(inside) => Err(UnloadError::StillInside {
                id,
                within: self.unload_limit,
                inside,
            }),
        }
    }

    /// The threads that left changes wait for: changes that no caller watches any more.
    pub(crate) fn waits_for(&self) -> Vec<ThreadInside> {
        self.rest.inside()
    }

    /// Measures these hooks until the guard is dropped.
    pub(crate) fn measure(
        self: &Arc<Self>,
        wanted: Wanted,
        progress: &Progress,
    ) -> Result<Measuring, MeasureError> {
        self.check_place()?;
        let attachments = self.lock();
        if let Some((changes, inside)) = self.rest.too_much() {
            return Err(MeasureError::Waiting { changes, inside });
        }
        if attachments.is_closed() {
            return Err(MeasureError::Gone);
        }
        let demand = attachments.demand().with(&wanted);
        self.change_demand(attachments, demand, progress)?;
        Ok(Measuring {
            shared: Arc::downgrade(self),
            wanted,
        })
    }

    fn stop_measuring(self: &Arc<Self>, wanted: &Wanted) {
        let attachments = self.lock();
        let demand = attachments.demand().without(wanted);
        if let Err(error) = self.change_demand(attachments, demand, &Progress::default()) {
            tracing::error!(target: "jbpf", %error, "hooks stay measured");
        }
    }

    fn change_demand(
        self: &Arc<Self>,
        mut attachments: MutexGuard<'_, Attachments>,
        demand: Demand,
        progress: &Progress,
    ) -> Result<(), MeasureError> {
        let change = attachments
            .compile_measured(demand, self.compiler)
            .map_err(|CompileError { hook, source }| MeasureError::Engine {
                hook: hook.info().name.into(),
                source,
            })?;
        let retired = attachments.publish(change);
        drop(attachments);
        let (timer, set) = (None, None);
        let leaving = Leaving {
            retired,
            timer,
            set,
        };
        // The hooks are measured from here on. The old code is freed in its own time; if it cannot
        // be freed, that is counted and logged.
        let _ = self.settle(leaving, MEASURE_LIMIT, progress);
        Ok(())
    }

    /// Waiting for readers while being one would never end; a child has nothing to wait for.
    fn check_place(&self) -> Result<(), WrongPlace> {
        if self.is_forked() {
            return Err(WrongPlace::Forked);
        }
        if reclaim::inside_codelet() {
            return Err(WrongPlace::InsideCodelet);
        }
        Ok(())
    }

    fn channel(&self, stream_id: StreamId, direction: Direction) -> Result<Channel, OpenError> {
        let sets = self.sets();
        let mut channels = sets.values().flat_map(|set| &set.channels);
        channels
            .find(|channel| channel.stream_id == stream_id && channel.direction == direction)
            .cloned()
            .ok_or(OpenError::UnknownStream {
                stream_id,
                direction,
            })
    }

    /// Whether this is a forked child. Its code and maps are copies, and nobody waits for them.
    fn is_forked(&self) -> bool {
        self.owner != reclaim::process()
    }

    fn shut_down(self: &Arc<Self>) {
        if self.is_forked() {
            return;
        }
        if !reclaim::inside_codelet() {
            self.finish();
            return;
        }
        // The holder of the lock may wait for this very codelet to end. So this thread does not
        // wait for the lock: another thread goes on.
        let retired = match self.attachments.try_lock() {
            Ok(mut attachments) => Some(attachments.close()),
            Err(TryLockError::Poisoned(attachments)) => Some(attachments.into_inner().close()),
            Err(TryLockError::WouldBlock) => None,
        };
        let shared = Arc::clone(self);
        let spawned = self.threads.spawn_anyhow(RETIRE_THREAD, move || {
            let _ = retired.map(Retired::free);
            shared.finish();
        });
        if let Err(error) = spawned {
            tracing::error!(target: "jbpf", %error, "the runtime stays: the system has no thread to end it");
        }
    }

    /// Hooks are closed first: while codelets run, the other parts get more and more to serve.
    fn finish(&self) {
        let retired = self.lock().close();
        let timer = self.maintenance.settle(Needed::default());
        let set = None;
        let mut leaving = self.rest.take();
        leaving.push(Leaving {
            retired,
            timer,
            set,
        });
        self.settle_all(leaving);
        self.output.stop();
        let leaving = core::mem::take(&mut *self.sets_mut());
        for set in leaving.values() {
            aborts::tell(set, true);
            set.close_channels(None);
        }
        OWNER.store(0, Ordering::Release);
    }

    /// A panic of another thread while it held the lock left consistent data: changes are
    /// published last, in steps that cannot panic.
    fn lock(&self) -> MutexGuard<'_, Attachments> {
        self.attachments
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sets(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Arc<LoadedSet>>> {
        self.sets.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn sets_mut(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<String, Arc<LoadedSet>>> {
        self.sets.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The built-in hooks that will have codelets.
fn needed_after(attachments: &Attachments, change: &Change) -> Needed {
    Needed {
        report: attachments.runs_after(change, builtin_hooks::report_hook()),
        call: attachments.runs_after(change, builtin_hooks::periodic_hook()),
    }
}

/// A hook that is to be measured.
pub(crate) fn find_hook(name: &str) -> Result<&'static Hook, MeasureError> {
    registry::hook(name).ok_or_else(|| MeasureError::UnknownHook {
        hook: name.to_owned(),
        nearest: nearest(name, registry::hooks().map(|hook| hook.info().name)),
    })
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A runtime and the turn: there is one runtime at a time.
    pub(crate) fn runtime() -> (Runtime, MutexGuard<'static, ()>) {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        (Runtime::builder().build().unwrap(), turn)
    }

    pub(crate) fn shared(runtime: &Runtime) -> Arc<Shared> {
        Arc::clone(&runtime.shared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jbpf_operator::request::CodeletBuilder;

    #[test]
    fn what_the_server_still_does_when_a_codelet_has_dropped_the_runtime_attaches_nothing() {
        let heartbeat = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../codelets/stats_report/heartbeat.o"
        );
        let heartbeat = CodeletBuilder::from_path("heartbeat", heartbeat, "periodic_call")
            .output("heartbeats", StreamId([1; 16]));
        let request = LoadRequest::builder("set").codelet(heartbeat).build();
        let request = request.unwrap();
        let (runtime, _turn) = testing::runtime();
        let shared = testing::shared(&runtime);
        let progress = Progress::default();
        shared.change(&request, false, &progress).unwrap();
        drop(runtime);

        // Another one has begun.
        let next = Runtime::builder().build().unwrap();
        let load = shared.change(&request, false, &progress);
        assert!(matches!(load, Err(LoadError::Gone)), "{load:?}");
        let unload = shared.unload("set", &progress);
        assert!(matches!(unload, Err(UnloadError::NotLoaded { .. })));
        let measure = shared.measure(Wanted::All, &progress);
        assert!(matches!(measure, Err(MeasureError::Gone)), "{measure:?}");
        assert!(!builtin_hooks::periodic_hook().is_armed());
        next.load(&request).unwrap();
        assert!(builtin_hooks::periodic_hook().is_armed());
        drop(next);
        assert!(!builtin_hooks::periodic_hook().is_armed());
    }
}
