//! The collector, another process than the host: it reads the records that the host's codelets
//! send, and sends records to them.
//!
//! `connection` talks to the host; `remote` maps the rings that it grants.

mod connection;
pub(crate) mod remote;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jbpf_hooks::layout::FieldType;
use zerocopy::{FromBytes, Immutable, IntoBytes};

pub(crate) use self::connection::Connection;
use self::remote::{RemoteInput, RemoteOutput};
use crate::protocol::{CollectorReply, CollectorRequest, ErrorCode, check_folder, socket_path};
use crate::{ChannelError, RawReceiver, RawSender, Receiver, Sender, StreamId};

/// Why a collector could not connect, or could not open a channel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectorError {
    /// No process listens there, or none that serves this user.
    #[error(
        "no connection to {}; is the application running, with a control socket?",
        path.display()
    )]
    Connect {
        /// The socket's path.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The connection broke, or the host did not answer in time.
    #[error("the application ended the conversation")]
    Connection(#[source] io::Error),
    /// The host speaks another version.
    #[error(
        "the application speaks version {theirs} of the protocol, and this collector version {ours}"
    )]
    Version {
        /// The host's version.
        theirs: u32,
        /// This crate's version.
        ours: u32,
    },
    /// The host's answer does not fit the request.
    #[error("the application's answer makes no sense: {0}")]
    Answer(String),
    /// The host refused.
    #[error("{message}")]
    Refused {
        /// The reason.
        code: ErrorCode,
        /// The host's sentence.
        message: String,
    },
    /// The channel is not as expected.
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

/// A connection to an application, for opening channels. Build the application's runtime with
/// `.shared_channels()`, and declare types of records with
/// [`#[jbpf_data]`](jbpf_hooks::jbpf_data).
///
/// Receivers and senders keep the connection. The collector itself may be dropped before them.
///
/// All of them belong to the process that connected. A forked child shares its parent's place in
/// each ring: it must not receive or send, and dropping one in the child leaves it open for the
/// parent. The host takes channels back when the last process that holds the connection is gone.
/// The child's descriptors close when it executes another program.
#[derive(Debug, Clone)]
pub struct Collector {
    connection: Arc<Connection>,
}

/// How often a collector looks for an application that is not there yet.
const RETRY: Duration = Duration::from_millis(20);

/// Whether nobody serves the socket so far.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

impl Collector {
    /// Connects to the application `app`. `app` is the name given to its runtime, or the path of
    /// its control socket; a path has a slash in it.
    ///
    /// # Errors
    ///
    /// [`CollectorError::Connect`].
    pub fn connect(app: impl AsRef<Path>) -> Result<Self, CollectorError> {
        let app = app.as_ref();
        let path = match app.to_str() {
            Some(name) if !name.contains('/') => {
                let path = socket_path(name);
                if let Err(source) = check_folder() {
                    return Err(CollectorError::Connect { path, source });
                }
                path
            }
            _ => app.to_owned(),
        };
        let connection =
            Connection::open(&path).map_err(|source| CollectorError::Connect { path, source })?;
        Ok(Self {
            connection: Arc::new(connection),
        })
    }

    /// Connects to the application once it serves its control socket. The collector may be started
    /// before the application.
    ///
    /// # Errors
    ///
    /// [`CollectorError::Connect`] if the application does not serve its socket within `limit`, or
    /// does not serve this user.
    pub fn connect_within(app: impl AsRef<Path>, limit: Duration) -> Result<Self, CollectorError> {
        let end = Instant::now().checked_add(limit);
        loop {
            let refused = match Self::connect(app.as_ref()) {
                Err(CollectorError::Connect { path, source }) if is_absent(&source) => {
                    CollectorError::Connect { path, source }
                }
                connected => return connected,
            };
            let now = Instant::now();
            let left = end.map_or(RETRY, |end| end.saturating_duration_since(now));
            if left.is_zero() {
                return Err(refused);
            }
            std::thread::sleep(left.min(RETRY));
        }
    }

    /// Opens an output channel as its primary reader.
    ///
    /// # Errors
    ///
    /// [`CollectorError::Refused`] by the host, [`CollectorError::Channel`] if the size or layout
    /// of `T` differs from the records', and the errors of the conversation.
    pub fn output<T: FromBytes + FieldType>(
        &self,
        stream_id: StreamId,
    ) -> Result<Receiver<T>, CollectorError> {
        Ok(self.raw_output(stream_id)?.described()?)
    }

    /// Opens an output channel for watching: see [`OutputRing::tap`](crate::OutputRing::tap).
    ///
    /// # Errors
    ///
    /// Those of [`output`](Self::output).
    pub fn tap<T: FromBytes + FieldType>(
        &self,
        stream_id: StreamId,
    ) -> Result<Receiver<T>, CollectorError> {
        Ok(self.raw_tap(stream_id)?.described()?)
    }

    /// Opens an input channel for sending.
    ///
    /// # Errors
    ///
    /// Those of [`output`](Self::output). `T` may be shorter than a record if the channel has no
    /// record type.
    pub fn input<T: IntoBytes + Immutable + FieldType>(
        &self,
        stream_id: StreamId,
    ) -> Result<Sender<T>, CollectorError> {
        Ok(self.raw_input(stream_id)?.described()?)
    }

    /// [`output`](Self::output) for tools.
    ///
    /// # Errors
    ///
    /// Those of `output`.
    pub fn raw_output(&self, stream_id: StreamId) -> Result<RawReceiver, CollectorError> {
        let remote = self.open_output(stream_id, false)?;
        Ok(RawReceiver::remote(remote))
    }

    /// [`tap`](Self::tap) for tools.
    ///
    /// # Errors
    ///
    /// Those of `tap`.
    pub fn raw_tap(&self, stream_id: StreamId) -> Result<RawReceiver, CollectorError> {
        let remote = self.open_output(stream_id, true)?;
        Ok(RawReceiver::remote(remote))
    }

    /// [`input`](Self::input) for tools.
    ///
    /// # Errors
    ///
    /// Those of `input`.
    pub fn raw_input(&self, stream_id: StreamId) -> Result<RawSender, CollectorError> {
        let (reply, descriptors) = self
            .connection
            .ask(CollectorRequest::OpenInput { stream_id })?;
        let CollectorReply::Input { attachment, grant } = reply else {
            return Err(nonsense(&reply));
        };
        let remote = RemoteInput::map(&self.connection, attachment, &grant, &descriptors);
        Ok(RawSender::remote(Arc::new(self.kept(attachment, remote)?)))
    }

    fn open_output(
        &self,
        stream_id: StreamId,
        tap: bool,
    ) -> Result<Arc<RemoteOutput>, CollectorError> {
        let (reply, descriptors) = self
            .connection
            .ask(CollectorRequest::OpenOutput { stream_id, tap })?;
        let CollectorReply::Output { attachment, grant } = reply else {
            return Err(nonsense(&reply));
        };
        let remote = if grant.tap == tap {
            RemoteOutput::map(&self.connection, attachment, &grant, &descriptors)
        } else {
            Err(CollectorError::Answer("it granted another role".to_owned()))
        };
        Ok(Arc::new(self.kept(attachment, remote)?))
    }

    /// Closes an attachment that the host has granted and that could not be mapped here. Otherwise
    /// nobody could open the channel for as long as this connection is there.
    fn kept<T>(
        &self,
        attachment: u64,
        remote: Result<T, CollectorError>,
    ) -> Result<T, CollectorError> {
        remote.inspect_err(|_| self.connection.close(attachment))
    }
}

fn nonsense(reply: &CollectorReply) -> CollectorError {
    CollectorError::Answer(format!("{reply:?}"))
}
