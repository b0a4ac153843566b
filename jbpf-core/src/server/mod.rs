//! The control socket: how operators, and collectors in other processes, reach a running
//! application.
//!
//! One thread serves it with `poll`; loads run beside it, one at a time. A client that sends
//! anything, or nothing, can lose its own connection at most: lines, answers, clients and time are
//! bounded.
//!
//! The messages are those of `jbpf_operator::protocol`. `path` finds the socket's place, and
//! `peer` decides who may connect. `serve` is the thread, and `client` one connection. `line`
//! reads a question, `answer` answers from what is known, and `change` answers what takes longer.
//! `codes` has the codes of refusals. `store` is the folder that codelets may come from, and
//! `untaken` counts the descriptors that clients leave in their sockets.

mod answer;
mod change;
mod client;
mod codes;
mod line;
mod path;
mod peer;
mod serve;
mod store;
mod untaken;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use jbpf_channel::Doorbell;

use crate::runtime::Shared;
use change::Changes;
use path::Endpoint;
use peer::Admission;
use serve::Service;
use store::Store;

pub(crate) use answer::streams;
pub use path::{SocketError, default_folder, default_path};
pub use store::OpenStoreError;

/// The socket, and the users and the folder that it serves.
#[derive(Debug, Clone)]
pub(crate) struct ServerOptions {
    pub(crate) path: PathBuf,
    /// Users beside this one and root that may operate the application.
    pub(crate) allow_uids: Vec<u32>,
    /// The folder that codelets may be loaded from by path.
    pub(crate) store: Option<PathBuf>,
}

/// Why the control socket is not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// There is no socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// There is no codelet store.
    #[error(transparent)]
    Store(#[from] OpenStoreError),
    /// There is no thread.
    #[error("cannot start the thread that serves the control socket: {0}")]
    Thread(std::io::Error),
}

/// How the rest of the runtime talks to the serving thread.
#[derive(Debug)]
struct Signals {
    /// Rung by channels that are watched, by loads that are over, and to stop.
    bell: Arc<Doorbell>,
    stop: AtomicBool,
}

/// The serving thread. Dropping it ends the thread and removes the socket.
#[derive(Debug)]
pub(crate) struct Server {
    path: PathBuf,
    signals: Arc<Signals>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves `shared`. The rings of that runtime ring `bell`.
    pub(crate) fn start(
        options: &ServerOptions,
        bell: Arc<Doorbell>,
        shared: &Arc<Shared>,
    ) -> Result<Self, ServeError> {
        let store = options.store.as_deref().map(Store::open).transpose()?;
        let endpoint = Endpoint::new(&options.path, !options.allow_uids.is_empty())?;
        let changes = Changes::new(store.map(Arc::new), Arc::clone(&bell));
        let signals = Arc::new(Signals {
            bell,
            stop: AtomicBool::new(false),
        });
        let admission = Admission::new(options.allow_uids.clone());
        let service = Service::new(
            endpoint,
            Arc::clone(&signals),
            Arc::downgrade(shared),
            admission,
            changes,
        );
        let thread = shared
            .threads()
            .spawn("server", || service.run())
            .map_err(ServeError::Thread)?;
        Ok(Self {
            path: options.path.clone(),
            signals,
            thread: Some(thread),
        })
    }

    /// The path of its socket.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// In a forked child, where the thread does not exist: forgets it.
    pub(crate) fn forget(mut self) {
        std::mem::forget(self.thread.take());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        self.signals.stop.store(true, Ordering::Release);
        self.signals.bell.ring();
        // A load under way may wait for this very thread to leave its codelet: then it ends by
        // itself.
        if !jbpf_hooks::reclaim::inside_codelet() {
            let _ = thread.join();
        }
    }
}
