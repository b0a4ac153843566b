//! One client as the server sees it: bytes in, messages out, and how long it may take.
//!
//! The memory that it can make the server hold is bounded: one line of input, and output up to a
//! threshold and one answer. While it holds more than that, its lines wait in its own socket.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use jbpf_channel::RawReceiver;
use jbpf_channel::shared::Session;
use jbpf_operator::protocol::{
    Bytes, Envelope, ErrorCode, ErrorReport, MAX_LINE, RecordEvent, Reply, VERSION, to_line,
};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use super::change::Observation;
use super::peer::Peer;
use super::untaken::{Left, Untaken};
use crate::runtime::ParentsAlone;

/// How long a client may say nothing, or take nothing.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of output. From this number on, the server reads nothing more from a client and records
/// nothing for it.
const MAX_QUEUED: usize = 256 << 10;

/// Descriptors that wait for a client, here or in its socket. From this number on, the server
/// reads nothing more from it.
const MAX_WAITING_DESCRIPTORS: usize = 16;

/// Channels that one client may watch.
const MAX_TAILS: usize = 64;

/// Bytes read at once.
const CHUNK: usize = 64 << 10;

/// Records taken from one channel before others have their turn.
const RECORDS_A_TURN: usize = 256;

#[derive(Debug)]
pub(super) struct Client {
    parents_alone: Option<ParentsAlone>,
    stream: UnixStream,
    /// The user of its process.
    pub(super) peer: Peer,
    /// Received; lines before `start` are answered, and none ends before `scanned`.
    input: Vec<u8>,
    start: usize,
    scanned: usize,
    /// `input` may hold a whole line.
    unread: bool,
    /// The client has sent all that it will.
    ended: bool,
    output: VecDeque<Message>,
    /// Bytes in `output`.
    queued: usize,
    /// Descriptors in `output`.
    lent: usize,
    untaken: Untaken,
    /// The channels that it has opened.
    pub(super) session: Session,
    tails: Vec<Tail>,
    /// The measurements that it asked for.
    pub(super) observation: Option<Observation>,
    /// A load, replace or unload of it is under way; its next line waits.
    pub(super) busy: bool,
    state: State,
    /// How long its lines have taken to be answered.
    pub(super) spent: Duration,
    /// When it last asked something whole.
    heard: Instant,
    /// When it last took something, or there was nothing to take.
    drained: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its lines are read.
    Open,
    /// It gets the queued output, and its lines are not read any more.
    Closing,
    /// Its connection is broken.
    Gone,
}

/// A line on its way, with the descriptors that go with its first byte.
#[derive(Debug)]
struct Message {
    bytes: Vec<u8>,
    sent: usize,
    descriptors: Vec<OwnedFd>,
}

/// A channel that the client watches.
#[derive(Debug)]
struct Tail {
    /// The id of the request and of all its events.
    id: u64,
    records: RawReceiver,
}

impl Client {
    pub(super) fn new(stream: UnixStream, peer: Peer, now: Instant) -> Self {
        Self {
            parents_alone: ParentsAlone::new(&stream),
            stream,
            peer,
            input: Vec::new(),
            start: 0,
            scanned: 0,
            unread: false,
            ended: false,
            output: VecDeque::new(),
            queued: 0,
            lent: 0,
            untaken: Untaken::default(),
            session: Session::of_user(peer.user),
            tails: Vec::new(),
            observation: None,
            busy: false,
            state: State::Open,
            spent: Duration::ZERO,
            heard: now,
            drained: now,
        }
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// The events to wait for.
    pub(super) fn interest(&self) -> PollFlags {
        let mut interest = PollFlags::empty();
        if self.wants_input() {
            interest |= PollFlags::IN;
        }
        if !self.output.is_empty() {
            interest |= PollFlags::OUT;
        }
        interest
    }

    /// Whether the server can drop it.
    pub(super) fn is_over(&self) -> bool {
        let served = self.output.is_empty() && !self.busy;
        match self.state {
            State::Open => self.ended && served && !self.unread && !self.stays(),
            State::Closing => served,
            State::Gone => true,
        }
    }

    /// Whether it has something open, for which it need not ask anything.
    pub(super) fn stays(&self) -> bool {
        !self.tails.is_empty() || !self.session.is_empty()
    }

    /// Bytes that the server holds for it.
    pub(super) fn held_bytes(&self) -> usize {
        self.input.capacity() + self.queued
    }

    /// Since when it has been silent, if nothing is lost by letting it go.
    pub(super) fn silent_since(&self) -> Option<Instant> {
        let idle = !self.busy && !self.stays() && !self.unread && self.output.is_empty();
        idle.then_some(self.heard)
    }

    /// Says to it why it cannot stay.
    pub(super) fn send_away(&self, error: &ErrorReport) {
        turn_away(&self.stream, error);
    }

    /// Ends the connection. Descriptors that the client has not taken stay counted.
    pub(super) fn leave(self) -> Option<Left> {
        Left::new(self.parents_alone, self.stream, self.peer, self.untaken)
    }

    /// Descriptors that wait for it.
    pub(super) fn waiting_descriptors(&self) -> usize {
        self.lent + self.untaken.count()
    }

    /// Whether the server reads nothing more from it until it takes the descriptors in its socket.
    pub(super) fn must_take(&self) -> bool {
        self.state == State::Open && self.untaken.count() >= MAX_WAITING_DESCRIPTORS
    }

    /// Looks whether it has taken the descriptors in its socket.
    pub(super) fn look_at_untaken(&mut self) {
        self.untaken.look(&self.stream);
    }

    /// When its time is over unless something happens; `None` while it may idle.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if !self.output.is_empty() || self.must_take() {
            return self.drained.checked_add(PATIENCE);
        }
        if self.busy || self.stays() {
            return None;
        }
        self.heard.checked_add(PATIENCE)
    }

    /// Drops it if its time is over.
    pub(super) fn check_time(&mut self, now: Instant) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.state = State::Gone;
        }
    }

    /// The connection broke, or the client closed it.
    pub(super) fn hang_up(&mut self) {
        self.state = State::Gone;
    }

    fn wants_input(&self) -> bool {
        self.state == State::Open && !self.ended && !self.unread && self.may_answer()
    }

    fn may_answer(&self) -> bool {
        !self.busy
            && self.queued < MAX_QUEUED
            && self.waiting_descriptors() < MAX_WAITING_DESCRIPTORS
    }

    /// Whether there is something to do for it without waiting.
    pub(super) fn has_work(&self) -> bool {
        self.state == State::Open && self.unread && self.may_answer()
    }

    /// Reads once from the socket.
    pub(super) fn receive(&mut self) {
        if !self.wants_input() {
            return;
        }
        let mut chunk = [MaybeUninit::<u8>::uninit(); CHUNK];
        match rustix::net::recv(&self.stream, &mut chunk, RecvFlags::DONTWAIT) {
            Ok((([], _), _)) => self.ended = true,
            Ok(((received, _), _)) => {
                self.input.extend_from_slice(received);
                self.unread = true;
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.state = State::Gone,
        }
    }

    /// The next whole line, without its end, if it may be answered now.
    pub(super) fn next_line(&mut self, now: Instant) -> Option<Vec<u8>> {
        if !self.has_work() {
            return None;
        }
        let unseen = self.input.get(self.scanned..).unwrap_or_default();
        let Some(end) = unseen.iter().position(|byte| *byte == b'\n') else {
            self.wait_for_more();
            return None;
        };
        let end = self.scanned + end;
        let line = self.input.get(self.start..end).map(<[u8]>::to_vec)?;
        (self.start, self.scanned) = (end + 1, end + 1);
        self.heard = now;
        if line.len() > MAX_LINE {
            self.refuse_length();
            return None;
        }
        Some(line)
    }

    /// Keeps the beginning of a line.
    fn wait_for_more(&mut self) {
        self.unread = false;
        self.input.drain(..self.start);
        self.start = 0;
        self.scanned = self.input.len();
        if self.input.is_empty() {
            self.input.shrink_to(CHUNK);
        } else if self.input.len() > MAX_LINE {
            self.refuse_length();
        }
    }

    fn refuse_length(&mut self) {
        let message = format!("a line has at most {MAX_LINE} bytes");
        self.refuse(&ErrorReport::new(ErrorCode::LineTooLong, message));
    }

    /// Says why, and listens no more.
    pub(super) fn refuse(&mut self, error: &ErrorReport) {
        self.reply(0, &Reply::Error(error.clone()));
        self.input = Vec::new();
        (self.start, self.scanned, self.unread) = (0, 0, false);
        if self.state == State::Open {
            self.state = State::Closing;
        }
    }

    /// Queues an answer.
    pub(super) fn reply(&mut self, id: u64, reply: &Reply) {
        self.envelope(id, reply, Vec::new());
    }

    /// Queues an answer of any kind.
    pub(super) fn envelope(
        &mut self,
        id: u64,
        body: &impl serde::Serialize,
        descriptors: Vec<OwnedFd>,
    ) {
        let envelope = Envelope {
            version: VERSION,
            id,
            body,
        };
        let bytes = match to_line(&envelope) {
            Ok(bytes) if bytes.len() <= MAX_LINE + 1 => bytes,
            Ok(bytes) => {
                let message = format!(
                    "the answer would have {} bytes, and a line has at most {MAX_LINE}",
                    bytes.len()
                );
                let error = ErrorReport::new(ErrorCode::AnswerTooLong, message);
                return self.reply(id, &Reply::Error(error));
            }
            // Nothing here has keys that are no strings, which is all that JSON cannot say.
            Err(_) => return self.hang_up(),
        };
        if self.output.is_empty() {
            self.drained = Instant::now();
        }
        self.queued += bytes.len();
        self.lent += descriptors.len();
        self.output.push_back(Message {
            bytes,
            sent: 0,
            descriptors,
        });
    }

    /// Sends as much as the socket takes.
    pub(super) fn send(&mut self) {
        while let Some(message) = self.output.front_mut() {
            let lent = message.descriptors.len();
            match message.send(&self.stream) {
                Ok(sent) => {
                    self.untaken.went(sent, lent);
                    self.queued = self.queued.saturating_sub(sent);
                    // They went with the first byte.
                    self.lent = self.lent.saturating_sub(lent);
                    self.drained = Instant::now();
                    if message.sent == message.bytes.len() {
                        self.output.pop_front();
                    }
                }
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => {}
                Err(_) => {
                    self.state = State::Gone;
                    return;
                }
            }
        }
        // The room that a large answer needed is not kept for the next small one.
        self.output.shrink_to(8);
    }

    /// Watches a channel.
    pub(super) fn watch(&mut self, id: u64, records: RawReceiver) -> Result<(), ErrorReport> {
        if self.tails.len() == MAX_TAILS {
            let message = format!("this connection watches {MAX_TAILS} channels already");
            return Err(ErrorReport::new(ErrorCode::TooManyTails, message));
        }
        self.tails.push(Tail { id, records });
        Ok(())
    }

    /// The channels it watches.
    pub(super) fn tails(&self) -> impl Iterator<Item = &RawReceiver> + Clone {
        // A client whose output queue is full is not woken by new records. It is served again when
        // it drains the queue.
        let may_record = self.queued < MAX_QUEUED && self.state == State::Open;
        let tails: &[Tail] = if may_record { &self.tails } else { &[] };
        tails.iter().map(|tail| &tail.records)
    }

    /// Queues records of the channels it watches, until there are none or it is too slow for them.
    pub(super) fn record(&mut self) {
        if self.state != State::Open {
            return;
        }
        let mut tails = core::mem::take(&mut self.tails);
        let watched = !tails.is_empty();
        tails.retain(|tail| self.record_one(tail));
        if watched && tails.is_empty() {
            // From here on it idles like others.
            self.heard = Instant::now();
        }
        self.tails = tails;
    }

    /// False when the channel has ended.
    fn record_one(&mut self, tail: &Tail) -> bool {
        // Closing is looked at first: records sent before closing reach the client before the end
        // does.
        let closed = tail.records.is_closed();
        let mut bytes = vec![0; tail.records.record_size() as usize];
        for _ in 0..RECORDS_A_TURN {
            if self.queued >= MAX_QUEUED {
                return true;
            }
            let Some(number) = tail.records.try_recv(&mut bytes) else {
                if closed {
                    let lost = tail.records.lost();
                    self.reply(tail.id, &Reply::End { lost });
                }
                return !closed;
            };
            self.record_event(tail, number, &bytes);
        }
        true
    }

    fn record_event(&mut self, tail: &Tail, number: u64, bytes: &[u8]) {
        let event = RecordEvent {
            number,
            lost: tail.records.lost(),
            bytes: Bytes(bytes.to_vec()),
        };
        self.reply(tail.id, &Reply::Record(event));
    }
}

impl Message {
    fn send(&mut self, socket: &UnixStream) -> Result<usize, Errno> {
        let rest = self.bytes.get(self.sent..).unwrap_or_default();
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let sent = if self.descriptors.is_empty() {
            rustix::net::send(socket, rest, flags)?
        } else {
            let sent = send_descriptors(socket, rest, &self.descriptors, flags)?;
            self.descriptors.clear();
            sent
        };
        self.sent += sent;
        Ok(sent)
    }
}

/// The most descriptors that go with a line.
const MAX_DESCRIPTORS: usize = 4;

fn send_descriptors(
    socket: &UnixStream,
    bytes: &[u8],
    descriptors: &[OwnedFd],
    flags: SendFlags,
) -> Result<usize, Errno> {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, sendmsg};

    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let borrowed: Vec<BorrowedFd<'_>> = descriptors.iter().map(|fd| fd.as_fd()).collect();
    if !control.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(Errno::INVAL);
    }
    sendmsg(socket, &[IoSlice::new(bytes)], &mut control, flags)
}

/// Tells a client that cannot stay why, as far as its socket takes it.
pub(super) fn turn_away(stream: &UnixStream, error: &ErrorReport) {
    let line = to_line(&Envelope {
        version: VERSION,
        id: 0,
        body: Reply::Error(error.clone()),
    });
    if let Ok(line) = line {
        // A client that does not even take that is gone as well.
        let _ = rustix::net::send(stream, &line, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
    }
}
