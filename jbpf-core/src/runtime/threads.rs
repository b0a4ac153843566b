//! The runtime's own threads: their names, their processors and their scheduling.
#![expect(
    unsafe_code,
    reason = "tells the system how a thread is scheduled, and asks it for the room that one takes"
)]

use std::io;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Longest prefix of the names, in bytes: the system keeps 15 of a name, and `-output` takes
/// seven.
const MAX_PREFIX_LEN: usize = 8;

/// How the system schedules the runtime's own threads, see `sched(7)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheduling {
    /// As others, with a niceness from -20 (before others) to 19. A negative one needs a
    /// privilege.
    Nice(i8),
    /// When no other thread wants the processor (`SCHED_IDLE`).
    Idle,
    /// In real time, until it waits (`SCHED_FIFO`), with a priority from 1 to 99. Needs a
    /// privilege.
    Fifo(u8),
    /// In real time, in turn with others of its priority (`SCHED_RR`), from 1 to 99. Needs a
    /// privilege.
    RoundRobin(u8),
}

/// Why the runtime cannot have the threads that its builder asks for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ThreadError {
    /// The prefix is empty, too long, or no name.
    #[error(
        "the prefix `{0}` of the threads' names must have 1 to {MAX_PREFIX_LEN} letters, digits, `-`, `_` or `.`"
    )]
    Prefix(String),
    /// The system refuses the processors.
    #[error(
        "the runtime's threads cannot be kept to the processors {processors:?}: {source}; name processors that exist and that this process may use"
    )]
    Affinity {
        /// The processors asked for.
        processors: Vec<usize>,
        /// The system's error.
        source: io::Error,
    },
    /// The system refuses the scheduling.
    #[error(
        "the runtime's threads cannot be scheduled as {scheduling:?}: {source}; what goes before others needs CAP_SYS_NICE, or a limit (RLIMIT_RTPRIO, RLIMIT_NICE) that allows it"
    )]
    Scheduling {
        /// The scheduling that was asked for.
        scheduling: Scheduling,
        /// The system's error.
        source: io::Error,
    },
    /// The system has no thread.
    #[error("cannot start a thread: {0}")]
    Start(#[from] io::Error),
}

/// How all threads of a runtime are started.
#[derive(Debug, Clone, Default)]
pub(crate) struct Threads {
    pub(super) prefix: Option<String>,
    pub(super) processors: Option<Vec<usize>>,
    pub(super) scheduling: Option<Scheduling>,
}

impl Threads {
    /// Checks that the system grants these names, processors and scheduling. Tries them on a
    /// thread, if any was asked for.
    pub(super) fn check(&self) -> Result<(), ThreadError> {
        if let Some(prefix) = &self.prefix {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if !(1..=MAX_PREFIX_LEN).contains(&prefix.len()) || !prefix.chars().all(allowed) {
                return Err(ThreadError::Prefix(prefix.clone()));
            }
        }
        if self.is_plain() {
            return Ok(());
        }
        self.start("try", || {}).map(|thread| {
            // It does nothing.
            let _ = thread.join();
        })
    }

    fn is_plain(&self) -> bool {
        self.processors.is_none() && self.scheduling.is_none()
    }

    /// The name of the thread with this role: `jbpf-output`.
    pub(super) fn name(&self, role: &str) -> String {
        format!("{}-{role}", self.prefix.as_deref().unwrap_or("jbpf"))
    }

    /// Starts a thread.
    ///
    /// # Errors
    /// The system has no thread, or does not grant any more the processors or the scheduling.
    pub(crate) fn spawn(
        &self,
        role: &str,
        run: impl FnOnce() + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        self.start(role, run).map_err(|error| match error {
            ThreadError::Start(error) => error,
            other => io::Error::other(other),
        })
    }

    /// As [`spawn`](Self::spawn), for work that must be done even if the system now refuses the
    /// processors or the scheduling. Waits for nothing.
    pub(crate) fn spawn_anyhow(
        &self,
        role: &str,
        run: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        check_room()?;
        let own = self.clone();
        let builder = std::thread::Builder::new().name(self.name(role));
        builder.spawn(move || {
            if let Err(error) = own.apply() {
                tracing::warn!(target: "jbpf", %error, "a thread runs as its parent does");
            }
            run();
        })?;
        Ok(())
    }

    /// The thread first sets its own processors and scheduling. If the system refuses, `run` never
    /// runs.
    fn start(
        &self,
        role: &str,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<JoinHandle<()>, ThreadError> {
        check_room()?;
        let builder = std::thread::Builder::new().name(self.name(role));
        if self.is_plain() {
            return Ok(builder.spawn(run)?);
        }
        let (tell, hear) = sync_channel(1);
        let own = self.clone();
        let thread = builder.spawn(move || {
            let applied = own.apply();
            let refused = applied.is_err();
            // The starting thread listens.
            let _ = tell.send(applied);
            if !refused {
                run();
            }
        })?;
        match hear.recv() {
            Ok(applied) => applied.map(|()| thread),
            // It cannot end before it has told.
            Err(_) => Err(ThreadError::Start(io::ErrorKind::Other.into())),
        }
    }

    /// Sets processors and scheduling of the calling thread.
    fn apply(&self) -> Result<(), ThreadError> {
        if let Some(processors) = &self.processors {
            keep_to(processors).map_err(|source| ThreadError::Affinity {
                processors: processors.clone(),
                source,
            })?;
        }
        if let Some(scheduling) = self.scheduling {
            schedule(scheduling)
                .map_err(|source| ThreadError::Scheduling { scheduling, source })?;
        }
        Ok(())
    }
}

/// Checks that the process may map the memory of a thread: its stack, and the stack of its signal
/// handlers. The standard library maps the second one inside of the new thread, and ends the
/// process if it cannot; here, that is an error before there is a thread. Another thread that
/// takes the last memory in between can still bring that about.
fn check_room() -> io::Result<()> {
    /// Bytes of std's default stack, and as many again for the other parts of a thread.
    const BYTES: usize = 4 << 20;
    /// A multiple of the size of pages everywhere.
    const STEP: usize = 64 << 10;

    if cfg!(miri) {
        return Ok(());
    }
    // SAFETY: a new anonymous mapping at an address of the system's choice touches nothing else.
    let room = unsafe {
        mmap_anonymous(
            std::ptr::null_mut(),
            BYTES,
            ProtFlags::empty(),
            MapFlags::PRIVATE,
        )
    }?;
    // Two stacks with a guard page each are four mappings. These two parts and the gap behind each
    // are four mappings, too.
    let parts = [0, 2 * STEP].into_iter().try_for_each(|offset| {
        // SAFETY: both parts lie in the mapping.
        let part = unsafe { room.byte_add(offset) };
        // SAFETY: as above, and nobody else knows of the mapping.
        unsafe { mprotect(part, STEP, MprotectFlags::READ) }
    });
    // SAFETY: mapped above with this length, and not handed out.
    let given_back = unsafe { munmap(room, BYTES) };
    Ok(parts.and(given_back)?)
}

fn keep_to(processors: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for processor in processors {
        if *processor >= CpuSet::MAX_CPU {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        set.set(*processor);
    }
    Ok(sched_setaffinity(None, &set)?)
}

fn schedule(scheduling: Scheduling) -> io::Result<()> {
    let (policy, priority) = match scheduling {
        Scheduling::Nice(niceness) => {
            // On Linux this is the calling thread's alone.
            return Ok(rustix::process::setpriority_process(None, niceness.into())?);
        }
        Scheduling::Idle => (libc::SCHED_IDLE, 0),
        Scheduling::Fifo(priority) => (libc::SCHED_FIFO, priority),
        Scheduling::RoundRobin(priority) => (libc::SCHED_RR, priority),
    };
    let parameters = libc::sched_param {
        sched_priority: priority.into(),
    };
    // SAFETY: 0 is the calling thread, and the parameters live as long as the call.
    match unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
