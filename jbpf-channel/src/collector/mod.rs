//! The other process: reads what a host's codelets send, and sends to them.
//!
//! `connection` talks to the host; `remote` maps the rings that it grants.

mod connection;
pub(crate) mod remote;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jbpf_hooks::layout::FieldType;
use zerocopy::{FromBytes, Immutable, IntoBytes};

pub(crate) use self::connection::Connection;
use self::remote::{RemoteInput, RemoteOutput};
use crate::protocol::{CollectorReply, CollectorRequest, check_folder, socket_path};
use crate::{ChannelError, RawReceiver, RawSender, Receiver, Sender, StreamId};

/// Why a collector could not connect, or not open a channel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectorError {
    /// Nobody listens there, or not for us.
    #[error(
        "no connection to {}; is the application running, with a control socket?",
        path.display()
    )]
    Connect {
        /// The socket's path.
        path: PathBuf,
        /// What the system answered.
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
        /// The host's.
        theirs: u32,
        /// This crate's.
        ours: u32,
    },
    /// The host said something else than the question allows.
    #[error("the application's answer makes no sense: {0}")]
    Answer(String),
    /// The host refused.
    #[error("{message}")]
    Refused {
        /// A stable name of the reason.
        code: String,
        /// The host's sentence.
        message: String,
    },
    /// The channel is not as expected.
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

/// A connection to an application, through which channels are opened. The application's runtime is built with
/// `.shared_channels()`; types of records are declared with [`#[jbpf_data]`](jbpf_hooks::jbpf_data).
///
/// Receivers and senders keep the connection; the collector itself may be dropped before them.
///
/// All of them belong to the process that connected. A forked child shares its parent's place in each ring: it must not
/// receive or send, and what it drops stays its parent's. The host takes channels back when the last process that holds
/// the connection is gone; descriptors close when the child executes something else.
#[derive(Debug, Clone)]
pub struct Collector {
    connection: Arc<Connection>,
}

impl Collector {
    /// Connects to the application `app`: its name, as given to the runtime, or the path of its control socket, with a slash in it.
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

    /// Opens an output channel as its primary reader.
    ///
    /// # Errors
    ///
    /// [`CollectorError::Refused`] by the host, [`CollectorError::Channel`] when `T` has not the size and layout of a record, and
    /// what goes wrong on the way.
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
    /// As [`output`](Self::output).
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
    /// As [`output`](Self::output); `T` may be shorter than a record.
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
    /// As there.
    pub fn raw_output(&self, stream_id: StreamId) -> Result<RawReceiver, CollectorError> {
        let remote = self.open_output(stream_id, false)?;
        Ok(RawReceiver::remote(remote))
    }

    /// [`tap`](Self::tap) for tools.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn raw_tap(&self, stream_id: StreamId) -> Result<RawReceiver, CollectorError> {
        let remote = self.open_output(stream_id, true)?;
        Ok(RawReceiver::remote(remote))
    }

    /// [`input`](Self::input) for tools.
    ///
    /// # Errors
    ///
    /// As there.
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

    /// What the host has granted and could not be mapped here goes back: nobody else could have it, as long as this connection
    /// is there.
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
