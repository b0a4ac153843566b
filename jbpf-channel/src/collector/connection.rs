//! The conversation with a host.

use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jbpf_hooks::reclaim::process;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;

use super::CollectorError;
use crate::protocol::{
    CollectorReply, CollectorRequest, Envelope, MAX_LINE, VERSION, connect,
    receive_with_descriptors, send_with_descriptors, to_line,
};

/// The time that the host may take for an answer, whatever else it says meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// One socket; one question at a time.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: UnixStream,
    /// The [`process`] that connected. The host's grants belong to it; a forked child only shares
    /// the socket.
    owner: u64,
    patience: Duration,
    talk: Mutex<Talk>,
}

/// The state of the conversation.
#[derive(Debug, Default)]
struct Talk {
    last_id: u64,
    /// Bytes that were received and not read yet.
    bytes: Vec<u8>,
    descriptors: Vec<OwnedFd>,
}

impl Connection {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::on(connect(path, PATIENCE)?, PATIENCE)
    }

    fn on(socket: UnixStream, patience: Duration) -> io::Result<Self> {
        socket.set_write_timeout(Some(patience))?;
        Ok(Self {
            socket,
            owner: process(),
            patience,
            talk: Mutex::default(),
        })
    }

    /// Asks, and waits for the answer and its descriptors.
    pub(crate) fn ask(
        &self,
        request: CollectorRequest,
    ) -> Result<(CollectorReply, Vec<OwnedFd>), CollectorError> {
        if self.is_inherited() {
            let message = "this process was forked from the one that is connected; connect anew";
            return Err(CollectorError::Connection(io::Error::other(message)));
        }
        let mut talk = self.talk.lock().unwrap_or_else(PoisonError::into_inner);
        let id = self
            .say(&mut talk, request)
            .map_err(CollectorError::Connection)?;
        let asked = Instant::now();
        loop {
            let line = self
                .hear(&mut talk, asked)
                .map_err(CollectorError::Connection)?;
            let reply: Envelope<CollectorReply> = serde_json::from_slice(&line)
                .map_err(|error| CollectorError::Answer(error.to_string()))?;
            if reply.version != VERSION {
                return Err(CollectorError::Version {
                    theirs: reply.version,
                    ours: VERSION,
                });
            }
            // Close requests are the only ones without a wait, and their answers bring no
            // descriptors. So the descriptors that came belong to this request.
            if reply.id != id {
                continue;
            }
            let descriptors = core::mem::take(&mut talk.descriptors);
            return match reply.body {
                CollectorReply::Error { code, message } => {
                    Err(CollectorError::Refused { code, message })
                }
                granted => Ok((granted, descriptors)),
            };
        }
    }

    /// Gives an attachment back, without waiting for the answer. A forked child gives nothing
    /// back, because the attachment is its parent's.
    pub(crate) fn close(&self, attachment: u64) {
        if self.is_inherited() {
            return;
        }
        let mut talk = self.talk.lock().unwrap_or_else(PoisonError::into_inner);
        // A host that does not listen any more has taken it back already.
        let _ = self.say(&mut talk, CollectorRequest::Close { attachment });
    }

    /// Whether this process was forked from the one that connected.
    pub(crate) fn is_inherited(&self) -> bool {
        process() != self.owner
    }

    fn say(&self, talk: &mut Talk, body: CollectorRequest) -> io::Result<u64> {
        talk.last_id += 1;
        let line = to_line(&Envelope {
            version: VERSION,
            id: talk.last_id,
            body,
        })?;
        let mut rest = line.as_slice();
        while !rest.is_empty() {
            let sent = send_with_descriptors(&self.socket, rest, &[])?;
            rest = rest.get(sent..).unwrap_or_default();
        }
        Ok(talk.last_id)
    }

    /// Receives a line. After a failure nothing tells where the next line begins, so the
    /// conversation is over.
    fn hear(&self, talk: &mut Talk, asked: Instant) -> io::Result<Vec<u8>> {
        let line = self.next_line(talk, asked);
        if line.is_err() {
            let _ = self.socket.shutdown(Shutdown::Both);
        }
        line
    }

    fn next_line(&self, talk: &mut Talk, asked: Instant) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = talk.bytes.iter().position(|byte| *byte == b'\n') {
                let rest = talk.bytes.split_off(end + 1);
                return Ok(core::mem::replace(&mut talk.bytes, rest));
            }
            if talk.bytes.len() > MAX_LINE {
                return Err(io::Error::from(io::ErrorKind::InvalidData));
            }
            // The deadline ends the wait even if a host sends a byte now and then, or answers to
            // other ids.
            let left = self.patience.saturating_sub(asked.elapsed());
            if left.is_zero() {
                return Err(io::Error::from(io::ErrorKind::TimedOut));
            }
            self.socket.set_read_timeout(Some(left))?;
            let received =
                receive_with_descriptors(&self.socket, &mut talk.bytes, &mut talk.descriptors)?;
            if received == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
        }
    }

    /// Whether the host is gone.
    pub(crate) fn is_over(&self) -> bool {
        let mut fds = [PollFd::new(&self.socket, PollFlags::RDHUP)];
        let now = Timespec::default();
        poll(&mut fds, Some(&now)).is_ok_and(|ready| ready > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_host_that_answers_what_nobody_asked_is_not_heard_for_ever() {
        let (near, far) = UnixStream::pair().unwrap();
        let connection = Connection::on(near, Duration::from_millis(50)).unwrap();
        let host = std::thread::spawn(move || {
            let line = to_line(&Envelope {
                version: VERSION,
                id: 7,
                body: CollectorReply::Closed { attachment: 7 },
            });
            let line = line.unwrap();
            // The host writes until the collector has hung up.
            while (&far).write_all(&line).is_ok() {}
        });
        let asked = connection.ask(CollectorRequest::Close { attachment: 1 });
        let error = asked.unwrap_err();
        assert!(
            matches!(&error, CollectorError::Connection(error) if error.kind() == io::ErrorKind::TimedOut),
            "{error:?}"
        );
        host.join().unwrap();
    }
}
