//! The messages between collectors and hosts on the Unix socket.
//!
//! Each line is a JSON object. It has the protocol's `version`, and an `id` that the answer
//! repeats:
//!
//! ```text
//! > {"version":1,"id":1,"open_output":{"stream_id":"00112233445566778899aabbccddeeff","tap":false}}
//! < {"version":1,"id":1,"output":{"attachment":1,"name":"set/codelet/out","capacity":1024,...}}
//! > {"version":1,"id":2,"close":{"attachment":1}}
//! < {"version":1,"id":2,"closed":{"attachment":1}}
//! ```
//!
//! An answer that grants a channel carries the descriptors of its memory (`SCM_RIGHTS`) with its
//! first byte. A channel stays open until it or the connection is closed.

mod code;

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, recvmsg, sendmsg,
    socket_with,
};
use serde::{Deserialize, Serialize};

use crate::StreamId;
use crate::credentials::open_private_folder;
use crate::record::RecordType;

pub use code::ErrorCode;

/// The version of the messages, and of the layout of shared rings.
pub const VERSION: u32 = 1;

/// The most bytes in a line.
pub const MAX_LINE: usize = 1 << 20;

/// The most descriptors that come with a line.
const MAX_DESCRIPTORS: usize = 4;

/// A message in its line. The field of `body` stands beside the two of the envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<B> {
    /// [`VERSION`] of the sender.
    pub version: u32,
    /// The collector chooses it, and the host repeats it in the answer.
    pub id: u64,
    /// The request or reply itself.
    #[serde(flatten)]
    pub body: B,
}

/// A collector's request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollectorRequest {
    /// Opens a channel to read the records that codelets send.
    OpenOutput {
        /// The channel.
        stream_id: StreamId,
        /// Whether to watch, instead of being the primary reader.
        #[serde(default)]
        tap: bool,
    },
    /// Opens a channel to send records to codelets.
    OpenInput {
        /// The channel.
        stream_id: StreamId,
    },
    /// Asks the host to stand in for an absent reader: to release the records of the older half
    /// that this tap has passed.
    StandIn {
        /// The number from the answer that granted the tap.
        attachment: u64,
        /// The number of the next record that the tap reads.
        next: u64,
    },
    /// Gives back what was opened.
    Close {
        /// The number from the answer that granted it.
        attachment: u64,
    },
}

/// A host's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollectorReply {
    /// An output channel. It comes with the descriptors of the records' file and, unless it is a
    /// tap, of the cursor's file.
    Output {
        /// The number by which this connection refers to the channel.
        attachment: u64,
        /// The ring's numbers.
        #[serde(flatten)]
        grant: OutputGrant,
    },
    /// An input channel. It comes with the descriptors of the consumers' file and of the sender's
    /// file.
    Input {
        /// The number by which this connection refers to the channel.
        attachment: u64,
        /// The ring's numbers.
        #[serde(flatten)]
        grant: InputGrant,
    },
    /// The records that are released now. Unless the channel has a reader, these are all that the
    /// tap asked for.
    StandingIn {
        /// The tap.
        attachment: u64,
        /// The number of the first record that is not released.
        delivered: u64,
    },
    /// The channel is given back.
    Closed {
        /// The number of the channel that was given back.
        attachment: u64,
    },
    /// The host refused.
    Error {
        /// The reason.
        code: ErrorCode,
        /// The reason as a sentence.
        message: String,
    },
}

/// An output ring's numbers, from which its layout follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputGrant {
    /// The channel's name in errors.
    pub name: String,
    /// The type of its records, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_type: Option<RecordType>,
    /// Places, a power of two.
    pub capacity: u32,
    /// Bytes of one record.
    pub record_size: u32,
    /// Threads that can hold a reservation.
    pub slots: u32,
    /// Whether the collector may only watch.
    pub tap: bool,
    /// Whether a reader can put fences into the host's threads
    /// (`MEMBARRIER_CMD_GLOBAL_EXPEDITED`). If it cannot, it must sleep for short times only.
    pub fences: bool,
}

/// An input ring's numbers, from which its layout follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputGrant {
    /// The channel's name in errors.
    pub name: String,
    /// The type of its records, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_type: Option<RecordType>,
    /// Places, a power of two.
    pub capacity: u32,
    /// Bytes of one record.
    pub record_size: u32,
}

/// The default control socket of this user's application `name`:
/// `$XDG_RUNTIME_DIR/jbpf/<name>.sock`, else `/tmp/jbpf-<uid>/<name>.sock`.
#[must_use]
pub fn socket_path(name: &str) -> PathBuf {
    socket_folder().join(format!("{name}.sock"))
}

/// The folder of [`socket_path`]: `$XDG_RUNTIME_DIR/jbpf`, else `/tmp/jbpf-<uid>`.
#[must_use]
pub fn socket_folder() -> PathBuf {
    runtime_folder().map_or_else(
        || PathBuf::from(format!("/tmp/jbpf-{}", rustix::process::getuid().as_raw())),
        |folder| folder.join("jbpf"),
    )
}

fn runtime_folder() -> Option<PathBuf> {
    let folder = std::env::var_os("XDG_RUNTIME_DIR")?;
    (!folder.is_empty()).then(|| PathBuf::from(folder))
}

/// Checks that this user made [`socket_folder`], if the folder is there. The name of the folder in
/// `/tmp` can be guessed, so another user could make it first and listen in it. `XDG_RUNTIME_DIR`
/// is trusted, because the user's own environment sets it.
///
/// # Errors
///
/// The folder belongs to somebody else or is open to others, or the system does not let this
/// process look at it.
pub fn check_folder() -> io::Result<()> {
    match runtime_folder() {
        Some(_) => Ok(()),
        None => check_private(&socket_folder()),
    }
}

fn check_private(folder: &Path) -> io::Result<()> {
    match open_private_folder(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        opened => opened.map(|_| ()),
    }
}

/// Connects to the socket at `path`. It waits for `patience` at most while the listener accepts no
/// connection. (The standard library's `connect` waits for ever.)
///
/// # Errors
///
/// The system's error; [`io::ErrorKind::WouldBlock`] if the time is over.
pub fn connect(path: &Path, patience: Duration) -> io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(patience))?;
    let address = SocketAddrUnix::new(path)?;
    rustix::io::retry_on_intr(|| rustix::net::connect(&socket, &address))?;
    Ok(UnixStream::from(socket))
}

/// Writes `message` as a line, newline included.
///
/// # Errors
///
/// The error of the message's own `Serialize`.
pub fn to_line(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}

/// Sends the first bytes of `line`, and `descriptors` with them. Returns the number of bytes that
/// went. Send the rest, if any, as ordinary bytes.
///
/// # Errors
///
/// The socket's error. No descriptor went then.
pub fn send_with_descriptors(
    socket: impl AsFd,
    line: &[u8],
    descriptors: &[OwnedFd],
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let borrowed: Vec<BorrowedFd<'_>> = descriptors.iter().map(AsFd::as_fd).collect();
    if !borrowed.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let sent = rustix::io::retry_on_intr(|| {
        sendmsg(
            &socket,
            &[IoSlice::new(line)],
            &mut control,
            SendFlags::NOSIGNAL,
        )
    })?;
    Ok(sent)
}

/// Receives some bytes and the descriptors that came with them, and appends them to `bytes` and
/// `descriptors`. Returns the number of bytes, 0 at the end.
///
/// # Errors
///
/// The socket's error.
pub fn receive_with_descriptors(
    socket: impl AsFd,
    bytes: &mut Vec<u8>,
    descriptors: &mut Vec<OwnedFd>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut chunk = [0; 4096];
    let received = rustix::io::retry_on_intr(|| {
        recvmsg(
            &socket,
            &mut [io::IoSliceMut::new(&mut chunk)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )
    })?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.extend(received);
        }
    }
    bytes.extend_from_slice(chunk.get(..received.bytes).unwrap_or_default());
    Ok(received.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_as_documented() {
        let line = br#"{"version":1,"id":1,"open_output":{"stream_id":"00112233445566778899aabbccddeeff"}}"#;
        let request: Envelope<CollectorRequest> = serde_json::from_slice(line).unwrap();
        let stream_id = "00112233445566778899AABBCCDDEEFF".parse().unwrap();
        assert_eq!(
            request.body,
            CollectorRequest::OpenOutput {
                stream_id,
                tap: false
            }
        );
        let reply = Envelope {
            version: VERSION,
            id: 1,
            body: CollectorReply::Input {
                attachment: 3,
                grant: InputGrant {
                    name: "in".to_owned(),
                    record_type: None,
                    capacity: 4,
                    record_size: 8,
                },
            },
        };
        let line = to_line(&reply).unwrap();
        assert_eq!(
            String::from_utf8(line.clone()).unwrap(),
            "{\"version\":1,\"id\":1,\"input\":{\"attachment\":3,\"name\":\"in\",\"capacity\":4,\"record_size\":8}}\n"
        );
        assert_eq!(
            serde_json::from_slice::<Envelope<CollectorReply>>(&line).unwrap(),
            reply
        );
    }

    #[test]
    fn sockets_are_looked_for_in_folders_of_this_user_alone() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};

        let folder = std::env::temp_dir().join(format!("jbpf-folder-test-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("own")).unwrap();
        let own = folder.join("own");
        let set = |mode| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&own, mode).unwrap();
        };
        set(0o700);
        check_private(&own).unwrap();
        check_private(&folder.join("none")).unwrap();
        symlink(&own, folder.join("link")).unwrap();
        check_private(&folder.join("link")).unwrap_err();
        for mode in [0o777, 0o710, 0o701] {
            set(mode);
            let refused = check_private(&own).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        }
        // The system's own folder is root's, and open to others for everyone.
        check_private(Path::new("/tmp")).unwrap_err();
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn descriptors_travel_with_their_line() {
        let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        let file = rustix::event::eventfd(7, rustix::event::EventfdFlags::empty()).unwrap();
        assert_eq!(send_with_descriptors(&near, b"line\n", &[file]).unwrap(), 5);
        let (mut bytes, mut descriptors) = (Vec::new(), Vec::new());
        receive_with_descriptors(&far, &mut bytes, &mut descriptors).unwrap();
        assert_eq!((bytes.as_slice(), descriptors.len()), (&b"line\n"[..], 1));
        let mut count = [0; 8];
        rustix::io::read(&descriptors[0], &mut count).unwrap();
        assert_eq!(u64::from_ne_bytes(count), 7);
    }
}
