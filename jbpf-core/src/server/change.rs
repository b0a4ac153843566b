//! Loads, replacements, unloads, and what turns measuring on and off: one at a time, on a thread of their own, so that nobody who only
//! asks waits behind one.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use jbpf_channel::Doorbell;

use super::protocol::{ErrorReport, LoadBody, MeasureBody, Reply};
use super::store::{Store, StoreError};
use crate::codeletset::CodeletsetInfo;
use crate::error::LoadError;
use crate::request::RequestError;
use crate::runtime::{Codeletset, MeasureError, Measuring, Shared, Wanted, find_hook};

/// What a client wants changed.
#[derive(Debug)]
pub(super) enum Change {
    Load(LoadBody),
    Replace(LoadBody),
    Unload(String),
    Measure(MeasureBody),
    /// Nobody waits for these to end.
    EndMeasuring(Vec<Measuring>),
}

/// What is measured for a client. Dropping it ends that, in turn with other changes: it may take long, and
/// who drops it serves others.
#[derive(Debug)]
pub(super) struct Observation {
    measuring: Option<Measuring>,
    ended: Arc<Ended>,
}

/// Measuring that is to end.
#[derive(Debug)]
struct Ended {
    measuring: Mutex<Vec<Measuring>>,
    bell: Arc<Doorbell>,
}

impl Drop for Observation {
    fn drop(&mut self) {
        if let Some(measuring) = self.measuring.take() {
            self.ended.lock().push(measuring);
            self.ended.bell.ring();
        }
    }
}

impl Ended {
    fn lock(&self) -> MutexGuard<'_, Vec<Measuring>> {
        self.measuring
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a change has come to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) reply: Reply,
    /// What is measured from now on for whoever asked.
    pub(super) observation: Option<Observation>,
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Self {
        Self {
            reply,
            observation: None,
        }
    }
}

/// Whose change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asker {
    /// The client.
    pub(super) client: u64,
    /// The id of its request.
    pub(super) request: u64,
}

impl Asker {
    /// Clients count from 1.
    const NOBODY: Self = Self {
        client: 0,
        request: 0,
    };
}

/// Changes that wait, and the one under way.
#[derive(Debug)]
pub(super) struct Changes {
    store: Option<Arc<Store>>,
    bell: Arc<Doorbell>,
    waiting: VecDeque<(Asker, Change)>,
    running: Option<(Asker, JoinHandle<()>)>,
    /// What the one under way has come to.
    outcome: Arc<Mutex<Option<Outcome>>>,
    ended: Arc<Ended>,
}

impl Changes {
    /// Rings `bell` whenever a change is over.
    pub(super) fn new(store: Option<Arc<Store>>, bell: Arc<Doorbell>) -> Self {
        let ended = Ended {
            measuring: Mutex::default(),
            bell: Arc::clone(&bell),
        };
        Self {
            store,
            bell,
            ended: Arc::new(ended),
            waiting: VecDeque::new(),
            running: None,
            outcome: Arc::default(),
        }
    }

    /// At most one a client, which keeps the queue as short as the list of clients.
    pub(super) fn push(&mut self, asker: Asker, change: Change) {
        self.waiting.push_back((asker, change));
    }

    /// What has ended since the last call.
    pub(super) fn finished(&mut self) -> Option<(Asker, Outcome)> {
        let outcome = self
            .outcome
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()?;
        let (asker, thread) = self.running.take()?;
        // It has nothing left to do, and panics nowhere.
        let _ = thread.join();
        Some((asker, outcome))
    }

    /// Begins with the next one, unless one is under way. An answer is of one that cannot begin.
    pub(super) fn start_next(&mut self, shared: &Arc<Shared>) -> Option<(Asker, Reply)> {
        if self.running.is_some() {
            return None;
        }
        let (asker, change) = self.next()?;
        let threads = shared.threads().clone();
        let shared = Arc::clone(shared);
        let store = self.store.clone();
        let (outcome, bell) = (Arc::clone(&self.outcome), Arc::clone(&self.bell));
        let ended = Arc::clone(&self.ended);
        let thread = threads.spawn("load", move || {
            let applied = catch_unwind(AssertUnwindSafe(|| {
                change.apply(&shared, store.as_deref(), &ended)
            }));
            let applied = applied.unwrap_or_else(|_| {
                let defect = LoadError::Internal("a load panicked");
                Reply::Error(ErrorReport::from(&defect)).into()
            });
            drop(shared);
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(applied);
            bell.ring();
        });
        match thread {
            Ok(thread) => {
                self.running = Some((asker, thread));
                None
            }
            Err(error) => {
                let message = format!("the system has no thread for it: {error}");
                Some((asker, Reply::Error(ErrorReport::new("system", message))))
            }
        }
    }

    /// What clients had measured ends first: it costs the application something.
    fn next(&mut self) -> Option<(Asker, Change)> {
        let ended = std::mem::take(&mut *self.ended.lock());
        if ended.is_empty() {
            return self.waiting.pop_front();
        }
        Some((Asker::NOBODY, Change::EndMeasuring(ended)))
    }

    /// Waits for the one under way; the others are forgotten.
    pub(super) fn stop(&mut self) {
        self.waiting.clear();
        if let Some((_, thread)) = self.running.take() {
            let _ = thread.join();
        }
    }
}

/// Why a load did not even begin, or failed.
#[derive(Debug)]
enum Refusal {
    Load(Box<LoadError>),
    Store(StoreError),
}

impl From<RequestError> for Refusal {
    fn from(error: RequestError) -> Self {
        Self::Load(Box::new(error.into()))
    }
}

impl Change {
    fn apply(self, shared: &Arc<Shared>, store: Option<&Store>, ended: &Arc<Ended>) -> Outcome {
        let reply = match self {
            Self::Load(body) => loaded(load(shared, store, body, false)),
            Self::Replace(body) => loaded(load(shared, store, body, true)),
            Self::Unload(codeletset) => match shared.unload(&codeletset) {
                Ok(()) => Reply::Unloaded { codeletset },
                Err(error) => Reply::Error(ErrorReport::from(&error)),
            },
            Self::EndMeasuring(measuring) => {
                drop(measuring);
                Reply::Measuring(MeasureBody::default())
            }
            Self::Measure(body) => match measure(shared, &body) {
                Ok(measuring) => {
                    return Outcome {
                        reply: Reply::Measuring(body),
                        observation: Some(Observation {
                            measuring: Some(measuring),
                            ended: Arc::clone(ended),
                        }),
                    };
                }
                Err(error) => Reply::Error(ErrorReport::from(&error)),
            },
        };
        reply.into()
    }
}

fn measure(shared: &Arc<Shared>, body: &MeasureBody) -> Result<Measuring, MeasureError> {
    let wanted = match &body.hooks {
        None => Wanted::All,
        Some(names) => {
            let mut hooks = Vec::new();
            for name in names {
                hooks.push(find_hook(name)?);
            }
            Wanted::Hooks(hooks)
        }
    };
    shared.measure(wanted)
}

fn load(
    shared: &Shared,
    store: Option<&Store>,
    body: LoadBody,
    replace: bool,
) -> Result<CodeletsetInfo, Refusal> {
    let request = body.into_request(|path| match store {
        Some(store) => store.read(path).map_err(Refusal::Store),
        None => Err(Refusal::Store(StoreError::NoStore(path.to_owned()))),
    })?;
    let set: Codeletset = shared
        .change(&request, replace)
        .map_err(|error| Refusal::Load(Box::new(error)))?;
    Ok(set.info())
}

fn loaded(result: Result<CodeletsetInfo, Refusal>) -> Reply {
    match result {
        Ok(info) => Reply::Loaded(info.into()),
        Err(Refusal::Load(error)) => Reply::Error(ErrorReport::from(error.as_ref())),
        Err(Refusal::Store(error)) => {
            Reply::Error(ErrorReport::new(error.code(), error.to_string()))
        }
    }
}
