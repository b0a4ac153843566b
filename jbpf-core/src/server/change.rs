//! Changes: loads, replacements, unloads, and turning measuring on and off. Each runs on a thread
//! of its own, so that a client that only asks never waits behind one. Changes begin one at a
//! time. A change that is effective, and waits for threads to leave the codelets that it took off
//! hooks, keeps no other change waiting.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use jbpf_channel::Doorbell;
use jbpf_operator::info::{CodeletsetInfo, ThreadInside};
use jbpf_operator::protocol::{
    ChangeReport, ErrorCode, ErrorReport, LoadBody, MeasureBody, Reply, RequestName,
};
use jbpf_operator::request::{MAX_NAME_LEN, RequestError};
use jbpf_verifier::bug::Bug;

use super::store::{MAX_READ, Store, StoreError};
use crate::error::{LoadError, threads};
use crate::runtime::{MeasureError, Measuring, Progress, Shared, Wanted, find_hook};

/// Changes that may wait at a time, for all clients and for one user's.
const MAX_WAITING: usize = 48;
const MAX_WAITING_OF_A_USER: usize = 32;

/// Bytes that waiting changes may hold, for all clients and for one user's.
const MAX_BYTES: usize = 32 << 20;
const MAX_BYTES_OF_A_USER: usize = 16 << 20;

/// Changes at a time that are effective, and wait for threads inside.
const MAX_SETTLING: usize = 16;

/// A change that a client asks for.
#[derive(Debug)]
pub(super) enum Change {
    Load(LoadBody),
    Replace(LoadBody),
    Unload(String),
    Measure(MeasureBody),
    /// Nobody waits for these to end.
    EndMeasuring(Vec<Measuring>),
}

/// The measurements of a client. Dropping it ends them, in turn with other changes: ending may
/// take long, and the thread that drops it serves other clients.
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

/// The outcome of a change.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) reply: Reply,
    /// The measurements that begin for the client that asked.
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

/// The client that asked for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asker {
    /// The client.
    pub(super) client: u64,
    /// The client's user.
    pub(super) user: u32,
    /// The id of its request.
    pub(super) request: u64,
}

impl Asker {
    /// Clients count from 1.
    const NOBODY: Self = Self {
        client: 0,
        user: 0,
        request: 0,
    };
}

/// A change that has not begun.
#[derive(Debug)]
struct Waiting {
    asker: Asker,
    title: Title,
    change: Change,
    /// Bytes that it holds.
    bytes: usize,
}

/// A change that has begun.
#[derive(Debug)]
struct Job {
    asker: Asker,
    title: Title,
    progress: Arc<Progress>,
    /// The outcome, once there is one.
    outcome: Arc<Mutex<Option<Outcome>>>,
    thread: JoinHandle<()>,
}

impl Job {
    fn outcome(&self) -> MutexGuard<'_, Option<Outcome>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of a change in reports to other clients.
#[derive(Debug, Clone)]
struct Title {
    change: RequestName,
    codeletset: Option<String>,
    since: Instant,
}

/// Changes that wait, and those under way.
#[derive(Debug)]
pub(super) struct Changes {
    store: Option<Arc<Store>>,
    bell: Arc<Doorbell>,
    waiting: VecDeque<Waiting>,
    /// The change that is not effective yet.
    running: Option<Job>,
    settling: Vec<Job>,
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
            settling: Vec::new(),
        }
    }

    /// Has a change wait for its turn. Each client has one at most.
    ///
    /// # Errors
    /// Too many wait already, of this user or in all.
    pub(super) fn push(&mut self, asker: Asker, change: Change) -> Result<(), ErrorReport> {
        let bytes = change.bytes();
        let of_user = self.waiting.iter();
        let of_user = of_user.filter(|waiting| waiting.asker.user == asker.user);
        let (all, own) = (Load::of(&self.waiting), Load::of(of_user));
        let fits = all.fits(bytes, MAX_WAITING, MAX_BYTES)
            && own.fits(bytes, MAX_WAITING_OF_A_USER, MAX_BYTES_OF_A_USER);
        if !fits {
            let message = format!(
                "{} changes of {} bytes wait for their turn already; try again later",
                all.changes, all.bytes
            );
            return Err(ErrorReport::new(ErrorCode::TooManyChanges, message));
        }
        self.waiting.push_back(Waiting {
            asker,
            title: change.title(),
            change,
            bytes,
        });
        Ok(())
    }

    /// Forgets the changes of clients that are not there any more.
    pub(super) fn keep(&mut self, is_there: impl Fn(u64) -> bool) {
        self.waiting
            .retain(|waiting| is_there(waiting.asker.client));
    }

    fn has_room(&self) -> bool {
        self.running.is_none() && self.settling.len() < MAX_SETTLING
    }

    /// Whether some wait, and the next one can begin.
    pub(super) fn is_next(&self) -> bool {
        self.has_room() && !self.waiting.is_empty()
    }

    /// One that has ended since the last call.
    pub(super) fn finished(&mut self) -> Option<(Asker, Outcome)> {
        if let Some(job) = self.running.take_if(|job| job.progress.is_effective()) {
            self.settling.push(job);
        }
        let ended = |job: &Job| job.outcome().is_some();
        let job = match self.settling.iter().position(ended) {
            Some(place) => self.settling.swap_remove(place),
            None => self.running.take_if(|job| ended(job))?,
        };
        let outcome = job.outcome().take()?;
        // It has nothing left to do, and panics nowhere.
        let _ = job.thread.join();
        Some((job.asker, outcome))
    }

    /// Begins the next change, unless one is under way. Returns the answer to a change that cannot
    /// begin.
    pub(super) fn start_next(&mut self, shared: &Arc<Shared>) -> Option<(Asker, Reply)> {
        if !self.has_room() {
            return None;
        }
        let Waiting {
            asker,
            title,
            change,
            ..
        } = self.next()?;
        let threads = shared.threads().clone();
        let shared = Arc::clone(shared);
        let store = self.store.clone();
        let (outcome, bell) = (Arc::default(), Arc::clone(&self.bell));
        let progress = Arc::new(Progress::new(Arc::clone(&bell)));
        let ended = Arc::clone(&self.ended);
        let thread = threads.spawn("load", {
            let (outcome, progress) = (Arc::clone(&outcome), Arc::clone(&progress));
            move || {
                let applied = catch_unwind(AssertUnwindSafe(|| {
                    change.apply(&shared, store.as_deref(), &ended, &progress)
                }));
                let applied = applied.unwrap_or_else(|_| {
                    let defect = LoadError::Internal(Bug::new("a load panicked"));
                    Reply::Error(ErrorReport::from(&defect)).into()
                });
                drop(shared);
                let outcome: &Mutex<Option<Outcome>> = &outcome;
                *outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(applied);
                bell.ring();
            }
        });
        match thread {
            Ok(thread) => {
                self.running = Some(Job {
                    asker,
                    title,
                    progress,
                    outcome,
                    thread,
                });
                None
            }
            Err(error) => {
                let message = format!("the system has no thread for it: {error}");
                Some((
                    asker,
                    Reply::Error(ErrorReport::new(ErrorCode::System, message)),
                ))
            }
        }
    }

    /// The changes that have not ended, in the order in which they began and will begin.
    pub(super) fn report(&self) -> Vec<ChangeReport> {
        let begun = self.settling.iter().chain(&self.running).map(|job| {
            let inside = job.progress.inside();
            job.title.report(true, inside)
        });
        let waiting = self.waiting.iter();
        begun
            .chain(waiting.map(|waiting| waiting.title.report(false, Vec::new())))
            .collect()
    }

    /// The next change. Measurements that clients have dropped end first: they cost the
    /// application something.
    fn next(&mut self) -> Option<Waiting> {
        let ended = std::mem::take(&mut *self.ended.lock());
        if ended.is_empty() {
            return self.waiting.pop_front();
        }
        let change = Change::EndMeasuring(ended);
        Some(Waiting {
            asker: Asker::NOBODY,
            title: change.title(),
            change,
            bytes: 0,
        })
    }

    /// Waits for the change that is not effective yet. Changes that have not begun are forgotten.
    /// Effective ones leave their waiting to another thread.
    pub(super) fn stop(&mut self) {
        self.waiting.clear();
        let jobs: Vec<Job> = self
            .running
            .take()
            .into_iter()
            .chain(self.settling.drain(..))
            .collect();
        jobs.iter().for_each(|job| job.progress.stop());
        for job in jobs {
            let _ = job.thread.join();
        }
    }
}

impl Title {
    fn report(&self, begun: bool, inside: Vec<ThreadInside>) -> ChangeReport {
        ChangeReport {
            change: self.change.clone(),
            codeletset: self.codeletset.clone(),
            begun,
            for_ms: u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX),
            inside,
        }
    }
}

/// The number and size of waiting changes.
#[derive(Debug, Default)]
struct Load {
    changes: usize,
    bytes: usize,
}

impl Load {
    fn of<'a>(waiting: impl IntoIterator<Item = &'a Waiting>) -> Self {
        waiting
            .into_iter()
            .fold(Self::default(), |load, waiting| Self {
                changes: load.changes + 1,
                bytes: load.bytes.saturating_add(waiting.bytes),
            })
    }

    /// Whether one more of so many bytes keeps to these limits.
    fn fits(&self, bytes: usize, changes: usize, all_bytes: usize) -> bool {
        self.changes < changes && self.bytes.saturating_add(bytes) <= all_bytes
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
    /// Memory that it holds.
    fn bytes(&self) -> usize {
        size_of::<Waiting>()
            + match self {
                Self::Load(body) | Self::Replace(body) => body.held_bytes(),
                Self::Unload(codeletset) => codeletset.capacity(),
                Self::Measure(body) => {
                    let hooks = body.hooks.as_deref().unwrap_or_default();
                    hooks
                        .iter()
                        .map(|hook| size_of::<String>() + hook.capacity())
                        .sum()
                }
                Self::EndMeasuring(measuring) => measuring.len() * size_of::<Measuring>(),
            }
    }

    fn title(&self) -> Title {
        let (change, codeletset) = match self {
            Self::Load(body) => (RequestName::Load, Some(body.codeletset.clone())),
            Self::Replace(body) => (RequestName::Replace, Some(body.codeletset.clone())),
            Self::Unload(codeletset) => (RequestName::Unload, Some(codeletset.clone())),
            Self::Measure(_) | Self::EndMeasuring(_) => (RequestName::Measure, None),
        };
        Title {
            change,
            codeletset: codeletset.filter(|id| id.len() <= MAX_NAME_LEN),
            since: Instant::now(),
        }
    }

    fn apply(
        self,
        shared: &Arc<Shared>,
        store: Option<&Store>,
        ended: &Arc<Ended>,
        progress: &Progress,
    ) -> Outcome {
        let reply = match self {
            Self::Load(body) => loaded(load(shared, store, body, false, progress)),
            Self::Replace(body) => loaded(load(shared, store, body, true, progress)),
            Self::Unload(codeletset) => match shared.unload(&codeletset, progress) {
                Ok(()) => Reply::Unloaded { codeletset },
                Err(error) => Reply::Error(ErrorReport::from(&error)),
            },
            Self::EndMeasuring(measuring) => {
                drop(measuring);
                Reply::Measuring(MeasureBody::default())
            }
            Self::Measure(body) => match measure(shared, &body, progress) {
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

fn measure(
    shared: &Arc<Shared>,
    body: &MeasureBody,
    progress: &Progress,
) -> Result<Measuring, MeasureError> {
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
    shared.measure(wanted, progress)
}

fn load(
    shared: &Arc<Shared>,
    store: Option<&Store>,
    body: LoadBody,
    replace: bool,
    progress: &Progress,
) -> Result<CodeletsetInfo, Refusal> {
    let mut left = MAX_READ;
    let request = body.into_request(|path| match store {
        Some(store) => {
            let object = store.read(path, left).map_err(Refusal::Store)?;
            left = left.saturating_sub(object.len() as u64);
            Ok(object)
        }
        None => Err(Refusal::Store(StoreError::NoStore(path.to_owned()))),
    })?;
    let loaded = shared
        .change(&request, replace, progress)
        .map_err(|error| Refusal::Load(Box::new(error)))?;
    let mut report = loaded.set.info();
    if !loaded.inside.is_empty() {
        report.warnings.push(format!(
            "the memory of the old version is freed when {} has left",
            threads(&loaded.inside)
        ));
    }
    Ok(report)
}

fn loaded(result: Result<CodeletsetInfo, Refusal>) -> Reply {
    match result {
        Ok(report) => super::answer::loaded(report),
        Err(Refusal::Load(error)) => Reply::Error(ErrorReport::from(error.as_ref())),
        Err(Refusal::Store(error)) => {
            Reply::Error(ErrorReport::new(error.code(), error.to_string()))
        }
    }
}

#[cfg(test)]
impl Changes {
    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// The clients whose changes wait.
    pub(super) fn waiting(&self) -> Vec<u64> {
        let clients = self.waiting.iter();
        clients.map(|waiting| waiting.asker.client).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes() -> Changes {
        Changes::new(None, Arc::new(Doorbell::new().unwrap()))
    }

    fn push(changes: &mut Changes, client: u64, user: u32, bytes: usize) -> Result<(), ErrorCode> {
        let request = 1;
        let asker = Asker {
            client,
            user,
            request,
        };
        let change = Change::Unload("x".repeat(bytes));
        changes.push(asker, change).map_err(|error| error.code)
    }

    #[test]
    fn so_many_changes_wait_and_no_more() {
        let mut changes = changes();
        let refused = Err(ErrorCode::TooManyChanges);
        for client in 0..32 {
            push(&mut changes, client, 1, 10).unwrap();
        }
        assert_eq!(push(&mut changes, 32, 1, 10), refused);
        for client in 32..48 {
            push(&mut changes, client, 2, 10).unwrap();
        }
        assert_eq!(push(&mut changes, 48, 3, 10), refused, "in all");
        changes.keep(|client| client < 40);
        push(&mut changes, 49, 3, 10).unwrap();
    }

    #[test]
    fn waiting_changes_hold_so_many_bytes_and_no_more() {
        let mut changes = changes();
        let large = |changes: &mut Changes, client, user| push(changes, client, user, 1 << 20);
        let refused = Err(ErrorCode::TooManyChanges);
        for client in 0..15 {
            large(&mut changes, client, 1).unwrap();
        }
        assert_eq!(large(&mut changes, 15, 1), refused);
        for client in 15..30 {
            large(&mut changes, client, 2).unwrap();
        }
        large(&mut changes, 30, 3).unwrap();
        assert_eq!(large(&mut changes, 31, 3), refused, "in all");
        push(&mut changes, 31, 3, 10).unwrap();
    }

    #[test]
    fn a_load_is_counted_with_all_that_it_holds() {
        let codelet = r#"{"name":"n","hook":"h","object":{"bytes":""},"inputs":[{"map":"m"}]}"#;
        let line = format!(
            r#"{{"codeletset":"s","codelets":[{}]}}"#,
            [codelet; 1000].join(",")
        );
        let body: LoadBody = serde_json::from_str(&line).unwrap();
        let least =
            1000 * (size_of_val(&body.codelets[0]) + size_of_val(&body.codelets[0].inputs[0]));
        let bytes = Change::Load(body).bytes();
        assert!(bytes > least && bytes < 4 * least, "{bytes}");
    }
}
