//! How a runtime is set up.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jbpf_channel::Doorbell;
use jbpf_hooks::registry;

use super::Runtime;
use super::attachment::Compiler;
use super::leaving::UNLOAD_LIMIT;
use super::maintenance::Periods;
use super::threads::{Scheduling, Threads};
use crate::builtins;
use crate::codeletset::World;
use crate::containment;
use crate::declared;
use crate::engine::{CompileOptions, Engine};
use crate::error::BuildError;
use crate::map::{ApplicationKind, MapOptions, MemoryBudget, SPARE_RECORDS};
use crate::server::{self, ServerOptions};

/// Longest name of a runtime, in bytes.
const MAX_NAME_LEN: usize = 64;

/// The periods of built-in hooks; `meas_period` counts an hour in microseconds without overflow.
const PERIODS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(3600);

/// Sets a [`Runtime`] up; [`build`](Self::build) starts it.
#[derive(Debug, Clone)]
#[must_use]
pub struct RuntimeBuilder {
    name: String,
    compiler: Compiler,
    map_options: MapOptions,
    serve: bool,
    socket: Option<PathBuf>,
    allow_uids: Vec<u32>,
    codelet_store: Option<PathBuf>,
    periods: Periods,
    threads: Threads,
    unload_limit: Duration,
    max_instructions: Option<u64>,
}

impl Default for RuntimeBuilder {
    fn default() -> Self {
        Self {
            name: default_name(),
            compiler: Compiler {
                engine: Engine::default(),
                options: CompileOptions::default(),
            },
            map_options: MapOptions {
                spare_records: SPARE_RECORDS,
                ..MapOptions::default()
            },
            serve: false,
            socket: None,
            allow_uids: Vec::new(),
            codelet_store: None,
            periods: Periods::default(),
            threads: Threads::default(),
            unload_limit: UNLOAD_LIMIT,
            max_instructions: None,
        }
    }
}

impl RuntimeBuilder {
    /// The name by which operators know the application; the executable's name when not set.
    /// Letters, digits, `-`, `_` and `.`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How codelets run: as machine code, if the target has a compiler, or in the interpreter.
    pub fn engine(mut self, engine: Engine) -> Self {
        self.compiler.engine = engine;
        self
    }

    /// Has machine code check accesses against the objects that the verifier says they point into:
    /// a second line behind the verifier. It checks each access whose address is not constant, and
    /// each pointer with its size that a helper gets. An access to anything else is not made: the
    /// codelet leaves its call. [`statistics`](super::Runtime::statistics), `jbpf top` and the log
    /// show that as an abort of kind [`Guard`](crate::stats::AbortKind::Guard). The interpreter
    /// checks all accesses in any case.
    ///
    /// It costs something with each access: `benches/hot_path` has rows of it.
    pub fn guard_accesses(mut self, guard: bool) -> Self {
        self.compiler.options.guard_accesses = guard;
        self
    }

    /// How the memory of maps and channels is obtained. Adds to the options that this builder has
    /// already: a budget takes the place of another one, and nothing else is taken back.
    pub fn map_options(mut self, options: MapOptions) -> Self {
        let own = &mut self.map_options;
        own.huge_pages |= options.huge_pages;
        own.lock_memory |= options.lock_memory;
        own.shared_channels |= options.shared_channels;
        own.spare_records = own.spare_records.max(options.spare_records);
        own.budget = options.budget.or(own.budget.take());
        own.kinds.extend(options.kinds);
        own.doorbells.extend(options.doorbells);
        self
    }

    /// Lets codelets have maps of a type of the application's own.
    pub fn map_type(mut self, kind: ApplicationKind) -> Self {
        self.map_options.kinds.push(kind);
        self
    }

    /// Lets operators reach the application: serves a control socket, on a thread of its own. It
    /// is `$XDG_RUNTIME_DIR/jbpf/<name>.sock`, else `/tmp/jbpf-<uid>/<name>.sock`, and this user's
    /// and root's alone.
    pub fn serve(mut self) -> Self {
        self.serve = true;
        self
    }

    /// As [`serve`](Self::serve), at a path of the application's own. Its folder exists, and
    /// nobody else may write to it.
    pub fn socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.socket = Some(path.into());
        self.serve()
    }

    /// Users, by id, that may operate the application as well. They need a folder that lets them
    /// in, which the default one does not.
    ///
    /// In a user namespace that does not know all users, the kernel shows all unknown users as one
    /// number, the overflow uid (65534 as a rule). No client is let in by that number there,
    /// whether it is listed here or is the application's own.
    pub fn allow_uids(mut self, uids: impl IntoIterator<Item = u32>) -> Self {
        self.allow_uids.extend(uids);
        self
    }

    /// Lets operators load codelets from this folder by path, instead of sending them. Paths do
    /// not lead out of it, not by links either.
    pub fn codelet_store(mut self, folder: impl Into<PathBuf>) -> Self {
        self.codelet_store = Some(folder.into());
        self
    }

    /// Makes channels that collectors in other processes can open, through the control socket.
    pub fn shared_channels(mut self) -> Self {
        self.map_options.shared_channels = true;
        self
    }

    /// How often the built-in hook `report_stats` is called while codelets are attached to it;
    /// every second when not set. From a millisecond to an hour.
    pub fn report_period(mut self, period: Duration) -> Self {
        self.periods.report = period;
        self
    }

    /// How often the built-in hook `periodic_call` is called while codelets are attached to it;
    /// every 10 ms when not set. From a millisecond to an hour.
    pub fn call_period(mut self, period: Duration) -> Self {
        self.periods.call = period;
        self
    }

    /// The most instructions that one call of a codelet may execute, on hooks that do not say it
    /// themselves (`#[jbpf_hook(max_instructions = N)]`); a million when not set. The work of
    /// helpers on sizes counts as well, an instruction for eight bytes. A codelet with a longer
    /// worst case is refused, and no request can change that.
    pub fn max_instructions(mut self, limit: u64) -> Self {
        self.max_instructions = Some(limit);
        self
    }

    /// Names the runtime's own threads `<prefix>-output`, `-server`, `-load`, `-timer` and
    /// `-retire`, instead of `jbpf-output` and so on. At most 8 letters, digits, `-`, `_` and `.`.
    pub fn thread_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.threads.prefix = Some(prefix.into());
        self
    }

    /// Keeps the runtime's own threads to these processors, by number. Building fails if the
    /// system refuses.
    pub fn thread_affinity(mut self, processors: impl IntoIterator<Item = usize>) -> Self {
        self.threads.processors = Some(processors.into_iter().collect());
        self
    }

    /// How the runtime's own threads are scheduled. Building fails if the system refuses.
    pub fn thread_scheduling(mut self, scheduling: Scheduling) -> Self {
        self.threads.scheduling = Some(scheduling);
        self
    }

    /// Puts maps that are large enough on huge pages. A load fails if the system has none.
    pub fn huge_pages(mut self) -> Self {
        self.map_options.huge_pages = true;
        self
    }

    /// Locks maps and channels in memory, so that no codelet waits for a page. A load fails if the
    /// system allows no more (`RLIMIT_MEMLOCK`).
    pub fn lock_memory(mut self) -> Self {
        self.map_options.lock_memory = true;
        self
    }

    /// Limits the memory that all maps and channels take together, in bytes. If they would need
    /// more, a load fails, a collector cannot open a channel, and a new thread gets no copies of
    /// per-thread maps.
    ///
    /// The limit counts the memory that the system gives: whole pages with all that lies on them,
    /// with the copies of every thread and the rings of every collector.
    /// [`MapInfo::memory`](crate::codeletset::MapInfo::memory) gives the number for each map. Maps
    /// of the application's own kinds count the size that they give when they are made. Machine
    /// code does not count, and neither does memory that a load takes for a moment.
    ///
    /// Maps and channels have half of the memory mappings that the system allows the process
    /// (`vm.max_map_count`), with a budget or without.
    pub fn memory_budget(mut self, bytes: usize) -> Self {
        self.map_options.budget = Some(MemoryBudget::new(bytes));
        self
    }

    /// How long an unload waits for threads that stay inside of the codeletset's codelets, as in a
    /// helper that waits for something: 10 s when not set. After that, it is [an
    /// error](crate::error::UnloadError::StillInside).
    pub fn unload_limit(mut self, limit: Duration) -> Self {
        self.unload_limit = limit;
        self
    }

    /// Starts the runtime. It starts no thread that it does not need.
    ///
    /// # Errors
    /// When the process has a runtime, the name cannot be used, two hooks or helpers have one
    /// name, two map types one number, or the engine does not work here.
    pub fn build(self) -> Result<Runtime, BuildError> {
        check_name(&self.name)?;
        self.threads.check()?;
        if containment::ABORTS {
            tracing::warn!(
                target: "jbpf",
                "this program is built with panic = \"abort\": a panic of a helper or callback ends it, and is not contained"
            );
        }
        for period in [self.periods.report, self.periods.call] {
            if !PERIODS.contains(&period) {
                return Err(BuildError::Period(period));
            }
        }
        if let Some(duplicate) = registry::duplicates().into_iter().next() {
            return Err(duplicate.into());
        }
        check_map_types(&self.map_options.kinds)?;
        let declared: Vec<_> = registry::helpers().collect();
        let helpers = Arc::new(declared::helpers(declared.iter().copied())?);
        let bindings = builtins::bindings(Arc::clone(&helpers), declared)?;
        let socket = self
            .socket
            .unwrap_or_else(|| server::default_path(&self.name));
        let bell = Arc::new(Doorbell::new()?);
        let mut map_options = self.map_options;
        map_options
            .budget
            .get_or_insert_with(|| MemoryBudget::new(usize::MAX));
        map_options.doorbells.push(Arc::clone(&bell));
        let server_bell = self.serve.then(Doorbell::new).transpose()?.map(Arc::new);
        map_options.doorbells.extend(server_bell.clone());
        let world = World {
            helpers,
            bindings: Arc::new(bindings),
            map_options,
            max_instructions: self.max_instructions,
            socket: socket.to_string_lossy().into_owned(),
        };
        let mut runtime = Runtime::start(
            self.name,
            self.compiler,
            world,
            self.periods,
            self.threads,
            self.unload_limit,
            bell,
        )?;
        if let Some(bell) = server_bell {
            let options = ServerOptions {
                path: socket,
                allow_uids: self.allow_uids,
                store: self.codelet_store,
            };
            runtime.serve(&options, bell)?;
        }
        Ok(runtime)
    }
}

fn check_map_types(kinds: &[ApplicationKind]) -> Result<(), BuildError> {
    let mut numbers: Vec<u32> = kinds.iter().map(ApplicationKind::number).collect();
    numbers.sort_unstable();
    let twice = numbers
        .windows(2)
        .find_map(|pair| matches!(pair, [a, b] if a == b).then(|| pair.first().copied())?);
    twice.map_or(Ok(()), |number| Err(BuildError::MapTypeTwice(number)))
}

fn default_name() -> String {
    let name = std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    name.filter(|name| check_name(name).is_ok())
        .unwrap_or_else(|| "jbpf".into())
}

fn check_name(name: &str) -> Result<(), BuildError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if (1..=MAX_NAME_LEN).contains(&name.len())
        && !name.starts_with('.')
        && name.chars().all(allowed)
    {
        Ok(())
    } else {
        Err(BuildError::Name(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_take_nothing_back_whatever_their_order() {
        let told = RuntimeBuilder::default()
            .memory_budget(5)
            .huge_pages()
            .lock_memory()
            .shared_channels()
            .map_options(MapOptions::default());
        let options = &told.map_options;
        assert!(options.huge_pages && options.lock_memory && options.shared_channels);
        assert_eq!(options.budget.as_ref().unwrap().limit(), 5);
        let other = MapOptions {
            budget: Some(MemoryBudget::new(6)),
            ..MapOptions::default()
        };
        let told = told.map_options(other).map_options;
        assert_eq!(told.budget.unwrap().limit(), 6);
    }
}
