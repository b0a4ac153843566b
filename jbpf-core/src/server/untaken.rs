//! Descriptors in flight: those that the server has sent, and that their client has not taken.
//!
//! The kernel counts them for the application's user, and refuses to send more than
//! `RLIMIT_NOFILE` of them to anybody. They stay in flight when the server closes its end, until
//! the client takes them or closes its own end. The server therefore counts those of ended
//! connections, too.
#![expect(
    unsafe_code,
    reason = "asks the system by a request that rustix has no function for"
)]

use std::collections::BTreeMap;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use jbpf_operator::protocol::{ErrorCode, ErrorReport};
use rustix::io::Result;
use rustix::ioctl::{Getter, Opcode, ioctl};
use rustix::process::{Resource, getrlimit};

use super::peer::Peer;
use crate::runtime::ParentsAlone;

/// The descriptors in flight of one connection.
#[derive(Debug, Default)]
pub(super) struct Untaken {
    /// Descriptors that went out, and are not known to be taken.
    count: usize,
    /// Bytes that went out.
    sent: u64,
    /// Bytes that went out until the last descriptor had gone.
    sent_with_descriptors: u64,
}

impl Untaken {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Bytes went out, the first of them with so many descriptors.
    pub(super) fn went(&mut self, bytes: usize, descriptors: usize) {
        self.sent += bytes as u64;
        if descriptors > 0 {
            self.count += descriptors;
            self.sent_with_descriptors = self.sent;
        }
    }

    /// Looks whether the client has taken them. The kernel does not signal that.
    pub(super) fn look(&mut self, stream: &UnixStream) {
        if self.count == 0 {
            return;
        }
        // A socket that cannot be asked may hold all of them.
        let held = held_bytes(stream).unwrap_or(u64::MAX);
        if self.sent.saturating_sub(held) >= self.sent_with_descriptors {
            self.count = 0;
        }
    }
}

/// A connection that the server has ended, while its client has not taken all descriptors.
#[derive(Debug)]
pub(super) struct Left {
    _parents_alone: Option<ParentsAlone>,
    stream: UnixStream,
    peer: Peer,
    untaken: Untaken,
}

impl Left {
    /// Ends the connection. Returns `None` if no descriptor is in flight there.
    pub(super) fn new(
        parents_alone: Option<ParentsAlone>,
        stream: UnixStream,
        peer: Peer,
        mut untaken: Untaken,
    ) -> Option<Self> {
        untaken.look(&stream);
        if untaken.count == 0 {
            return None;
        }
        // The client reads to the end, as if the server had closed it.
        let _ = stream.shutdown(Shutdown::Both);
        Some(Self {
            _parents_alone: parents_alone,
            stream,
            peer,
            untaken,
        })
    }

    /// Whether descriptors are still in flight.
    pub(super) fn stays(&mut self) -> bool {
        self.untaken.look(&self.stream);
        self.untaken.count > 0
    }

    /// Its user, and its descriptors: those in flight, and the server's own.
    pub(super) fn load(&self) -> (u32, usize) {
        (self.peer.user, self.untaken.count + 1)
    }
}

/// Descriptors that wait for clients, by user.
#[derive(Debug)]
pub(super) struct Loads(BTreeMap<u32, usize>);

impl Loads {
    /// The users and descriptors of all connections.
    pub(super) fn new(connections: impl Iterator<Item = (u32, usize)>) -> Self {
        let mut loads = Self(BTreeMap::new());
        for (user, count) in connections {
            loads.add(user, count);
        }
        loads
    }

    pub(super) fn add(&mut self, user: u32, count: usize) {
        *self.0.entry(user).or_default() += count;
    }

    /// Whether more may be sent to `user`: while less than a quarter of the descriptors that the
    /// process may open (`RLIMIT_NOFILE`) wait for clients, and less than an eighth for this user.
    pub(super) fn check_room(&self, user: u32) -> std::result::Result<(), ErrorReport> {
        let Some(limit) = getrlimit(Resource::Nofile).current else {
            return Ok(());
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let all: usize = self.0.values().sum();
        let of_user = self.0.get(&user).copied().unwrap_or(0);
        if all < limit / 4 && of_user < limit / 8 {
            return Ok(());
        }
        let message = format!(
            "{all} file descriptors wait for collectors that do not take them, {of_user} of them for this user; the \
             application may open {limit} (RLIMIT_NOFILE); try again later"
        );
        Err(ErrorReport::new(ErrorCode::NoDescriptors, message))
    }
}

/// `SIOCOUTQ`, which has the number of the terminals' request.
const OUTQ: Opcode = libc::TIOCOUTQ as Opcode;

/// Bytes that the peer of a Unix socket has not taken, with those that the kernel adds for itself.
fn held_bytes(stream: &UnixStream) -> Result<u64> {
    // SAFETY: the system answers this request of a socket with an `int`, and does nothing else.
    let request = unsafe { Getter::<OUTQ, libc::c_int>::new() };
    // SAFETY: as above.
    let bytes = unsafe { ioctl(stream, request) }?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}
