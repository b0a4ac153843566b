//! Loads, replacements and unloads: one at a time, on a thread of their own, so that nobody who only
//! asks waits behind one.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use jbpf_channel::Doorbell;

use super::protocol::{ErrorReport, LoadBody, Reply};
use super::store::{Store, StoreError};
use crate::codeletset::CodeletsetInfo;
use crate::error::LoadError;
use crate::request::RequestError;
use crate::runtime::{Codeletset, Shared};

/// What a client wants changed.
#[derive(Debug)]
pub(super) enum Change {
    Load(LoadBody),
    Replace(LoadBody),
    Unload(String),
}

/// Whose change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asker {
    /// The client.
    pub(super) client: u64,
    /// The id of its request.
    pub(super) request: u64,
}

/// Changes that wait, and the one under way.
#[derive(Debug)]
pub(super) struct Changes {
    store: Option<Arc<Store>>,
    bell: Arc<Doorbell>,
    waiting: VecDeque<(Asker, Change)>,
    running: Option<(Asker, JoinHandle<()>)>,
    /// What the one under way has come to.
    outcome: Arc<Mutex<Option<Reply>>>,
}

impl Changes {
    /// Rings `bell` whenever a change is over.
    pub(super) fn new(store: Option<Arc<Store>>, bell: Arc<Doorbell>) -> Self {
        Self {
            store,
            bell,
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
    pub(super) fn finished(&mut self) -> Option<(Asker, Reply)> {
        let reply = self
            .outcome
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()?;
        let (asker, thread) = self.running.take()?;
        // It has nothing left to do, and panics nowhere.
        let _ = thread.join();
        Some((asker, reply))
    }

    /// Begins with the next one, unless one is under way. An answer is of one that cannot begin.
    pub(super) fn start_next(&mut self, shared: &Arc<Shared>) -> Option<(Asker, Reply)> {
        if self.running.is_some() {
            return None;
        }
        let (asker, change) = self.waiting.pop_front()?;
        let shared = Arc::clone(shared);
        let store = self.store.clone();
        let (outcome, bell) = (Arc::clone(&self.outcome), Arc::clone(&self.bell));
        let thread = std::thread::Builder::new()
            .name("jbpf-load".into())
            .spawn(move || {
                let reply =
                    catch_unwind(AssertUnwindSafe(|| change.apply(&shared, store.as_deref())));
                let reply = reply.unwrap_or_else(|_| {
                    let defect = LoadError::Internal("a load panicked");
                    Reply::Error(ErrorReport::from(&defect))
                });
                drop(shared);
                *outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(reply);
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
    fn apply(self, shared: &Shared, store: Option<&Store>) -> Reply {
        match self {
            Self::Load(body) => loaded(load(shared, store, body, false)),
            Self::Replace(body) => loaded(load(shared, store, body, true)),
            Self::Unload(codeletset) => match shared.unload(&codeletset) {
                Ok(()) => Reply::Unloaded { codeletset },
                Err(error) => Reply::Error(ErrorReport::from(&error)),
            },
        }
    }
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
