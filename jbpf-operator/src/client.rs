//! The operator's side of the control socket: a blocking client, one question at a time.
//!
//! ```no_run
//! use jbpf_operator::client::{Operator, applications};
//!
//! for application in applications()? {
//!     let mut operator = Operator::connect(&application.socket)?;
//!     println!("{}: {} codelets", application.name, operator.hello()?.codelets);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jbpf_channel::StreamId;
use jbpf_channel::protocol::socket_folder;
use jbpf_verifier::types::HelperTable;

use crate::info::CodeletsetInfo;
use crate::protocol::{
    Bytes, Envelope, ErrorCode, ErrorReport, Hello, HookReport, LoadBody, MAX_LINE, MapBody,
    MapPage, MeasureBody, RecordEvent, Reply, Request, StatisticsBody, StreamReport,
    UnreadableObject, VERSION, WaitingReport, to_line,
};
use crate::request::LoadRequest;
use crate::stats::HookStatistics;

/// The reason why a request to an application failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// No process listens there, or this user may not connect.
    #[error("no connection to `{}`: {source}; is the application running, and does it serve a control socket?", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the application did not answer: {0}")]
    Connection(#[from] io::Error),
    /// The application did not accept the connection, or did not answer, in time.
    #[error("the application did not answer within {} s; it may be stopped, or hang", within.as_secs_f32())]
    Silent {
        /// The time that the client waited.
        within: Duration,
    },
    /// The application speaks another version.
    #[error(
        "the application speaks version {theirs} of the protocol, and this program version {VERSION}"
    )]
    Version {
        /// The application's version.
        theirs: u32,
    },
    /// The answer does not fit the question.
    #[error("the application's answer makes no sense: {0}")]
    Answer(String),
    /// An object of a load request cannot be read.
    #[error(transparent)]
    Object(#[from] UnreadableObject),
    /// The request does not fit into a line.
    #[error(
        "the request takes {bytes} bytes, and a line has at most {MAX_LINE}; let the application load large codelets from its store"
    )]
    TooLong {
        /// Its size.
        bytes: usize,
    },
    /// The application refused.
    #[error("{}", refusal(.0))]
    Refused(Box<ErrorReport>),
}

/// The reason of a refusal. An application that gives none still names its code.
fn refusal(report: &ErrorReport) -> String {
    if report.message.is_empty() {
        return format!(
            "the application refused, without a reason ({:?})",
            report.code.as_str()
        );
    }
    report.message.clone()
}

/// The most pages of an answer. The limit ends a list of an application that always has one more
/// page.
const MAX_PAGES: usize = 256;

/// An entry of a list. Lists that are told in pages may have several entries, one after the other,
/// for something with many codelets.
trait Entry: Sized {
    /// Adds the codelets of the entry that follows, or returns it if it is about something else.
    fn join(&mut self, next: Self) -> Option<Self>;
}

macro_rules! entries {
    ($($entry:ty: $name:ident),*) => {$(
        impl Entry for $entry {
            fn join(&mut self, next: Self) -> Option<Self> {
                if self.$name != next.$name {
                    return Some(next);
                }
                self.codelets.extend(next.codelets);
                None
            }
        }
    )*};
}

entries! { HookReport: name, HookStatistics: hook, CodeletsetInfo: id }

impl Entry for StreamReport {
    fn join(&mut self, next: Self) -> Option<Self> {
        Some(next)
    }
}

/// A socket in the default folder. Only a connection tells whether an application serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The runtime's name.
    pub name: String,
    /// The socket's path.
    pub socket: PathBuf,
}

/// The sockets of this user's applications, ordered by name.
///
/// # Errors
/// The default folder exists and cannot be read, or is not this user's alone.
pub fn applications() -> io::Result<Vec<Application>> {
    jbpf_channel::protocol::check_folder()?;
    let entries = match std::fs::read_dir(socket_folder()) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let socket = entry?.path();
        if socket
            .extension()
            .is_none_or(|extension| extension != "sock")
        {
            continue;
        }
        if let Some(name) = socket.file_stem().and_then(|name| name.to_str()) {
            found.push(Application {
                name: name.to_owned(),
                socket: socket.clone(),
            });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// A connection to an application.
#[derive(Debug)]
pub struct Operator {
    stream: UnixStream,
    /// The socket.
    path: PathBuf,
    /// Bytes that are received and not read yet.
    bytes: Vec<u8>,
    last_id: u64,
    /// The time that it waits for an answer, from the question on.
    patience: Duration,
    waiting: Option<Waiting>,
}

/// A function that the client calls while it waits for an answer. Its arguments are the socket's
/// path and the time since the question.
pub type Waiting = fn(&Path, Duration);

/// The time between two of these calls.
const WAITING_EVERY: Duration = Duration::from_secs(1);

/// The time of one question.
struct Clock {
    asked: Instant,
    patience: Option<Duration>,
}

impl Clock {
    /// The time that the next wait may take; `None` once the time is over.
    fn slice(&self, waiting: bool) -> Option<Option<Duration>> {
        let left = match self.patience {
            Some(patience) => {
                let left = patience.saturating_sub(self.asked.elapsed());
                (!left.is_zero()).then_some(Some(left))?
            }
            None => None,
        };
        if !waiting {
            return Some(left);
        }
        Some(Some(
            left.map_or(WAITING_EVERY, |left| left.min(WAITING_EVERY)),
        ))
    }
}

/// A watched channel.
#[derive(Debug)]
pub struct Tail {
    operator: Operator,
    id: u64,
    stream: StreamReport,
}

/// An event of a watched channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TailEvent {
    /// A record.
    Record(RecordEvent),
    /// The channel is gone; so many records were missed.
    End {
        /// Records that were missed, in all.
        lost: u64,
    },
}

/// A method for a question and the one kind of answer to it.
macro_rules! questions {
    ($($(#[$docs:meta])* $name:ident($($argument:ident: $type:ty),*) -> $answer:ty { $request:expr => $reply:pat => $value:expr })*) => {$(
        $(#[$docs])*
        ///
        /// # Errors
        /// The application refuses, or does not answer.
        pub fn $name(&mut self, $($argument: $type),*) -> Result<$answer, OperatorError> {
            match self.ask(&$request)? {
                $reply => Ok($value),
                other => Err(nonsense(&other)),
            }
        }
    )*};
}

/// A method for a question whose answer is a list of any length. If a load or an unload comes
/// between two pages, an entry may be missing, or be there twice.
macro_rules! lists {
    ($($(#[$docs:meta])* $name:ident() -> $item:ty { Request::$request:ident => Reply::$reply:ident })*) => {$(
        $(#[$docs])*
        ///
        /// # Errors
        /// The application refuses, or does not answer.
        pub fn $name(&mut self) -> Result<Vec<$item>, OperatorError> {
            self.ask_for_list(|skip| Request::$request { skip }, |reply| match reply {
                Reply::$reply(page) => Ok(page),
                other => Err(nonsense(&other)),
            })
        }
    )*};
}

impl Operator {
    /// The default time that an application may take for an answer. It is long because loads wait
    /// for each other.
    pub const PATIENCE: Duration = Duration::from_secs(60);

    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// No process listens there, or this user may not connect.
    pub fn connect(path: impl AsRef<Path>) -> Result<Self, OperatorError> {
        Self::connect_within(path, Self::PATIENCE)
    }

    /// Connects to the socket at `path`. The application may take `patience` to accept the
    /// connection, and for each answer. An application that hangs accepts no connection: clients
    /// wait in the socket's queue, until the queue is full.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); `patience` is zero.
    pub fn connect_within(
        path: impl AsRef<Path>,
        patience: Duration,
    ) -> Result<Self, OperatorError> {
        let path = path.as_ref();
        let stream = jbpf_channel::protocol::connect(path, patience).map_err(|source| {
            if is_over(&source) {
                return OperatorError::Silent { within: patience };
            }
            OperatorError::Connect {
                path: path.to_owned(),
                source,
            }
        })?;
        Ok(Self {
            stream,
            path: path.to_owned(),
            bytes: Vec::new(),
            last_id: 0,
            patience,
            waiting: None,
        })
    }

    /// Sets the time that the application may take for a whole answer; at first,
    /// [`PATIENCE`](Self::PATIENCE).
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Calls `waiting` each second while the client waits for an answer. With a connection of its
    /// own, `waiting` may ask for the changes that the application waits for: see
    /// [`Request::Waiting`].
    pub fn while_waiting(&mut self, waiting: Option<Waiting>) {
        self.waiting = waiting;
    }

    questions! {
        /// The application's name, process and versions.
        hello() -> Hello { Request::Hello {} => Reply::Hello(hello) => hello }
        /// The helpers that codelets may call.
        helpers() -> HelperTable { Request::Helpers {} => Reply::Helpers(helpers) => helpers }
        /// A page of a map.
        map(part: &MapBody) -> MapPage { Request::Map(part.clone()) => Reply::Map(page) => page }
        /// Loads a codeletset; objects are read here.
        load(request: &LoadRequest) -> CodeletsetInfo {
            Request::Load(LoadBody::from_request(request)?) => Reply::Loaded(set) => set
        }
        /// Swaps a codeletset for another version of it; objects are read here.
        replace(request: &LoadRequest) -> CodeletsetInfo {
            Request::Replace(LoadBody::from_request(request)?) => Reply::Loaded(set) => set
        }
        /// The changes that have not ended, and the threads that they wait for.
        waiting() -> WaitingReport { Request::Waiting {} => Reply::Waiting(report) => report }
        /// Takes a codeletset out.
        unload(id: &str) -> () { Request::Unload { codeletset: id.to_owned() } => Reply::Unloaded { .. } => () }
        /// Measures these hooks, or all of them, until this connection is dropped or asks for
        /// others.
        measure(hooks: Option<&[&str]>) -> () {
            Request::Measure(MeasureBody { hooks: owned(hooks) }) => Reply::Measuring(_) => ()
        }
        /// Puts a record into an input channel.
        send(stream_id: StreamId, record: &[u8]) -> () {
            Request::Send { stream_id, record: Bytes(record.to_vec()) } => Reply::Sent {} => ()
        }
    }

    lists! {
        /// The application's hooks, ordered by name.
        hooks() -> HookReport { Request::Hooks => Reply::Hooks }
        /// The loaded codeletsets, ordered by id.
        list() -> CodeletsetInfo { Request::List => Reply::List }
        /// The channels of the loaded codeletsets.
        streams() -> StreamReport { Request::Streams => Reply::Streams }
    }

    /// A loaded codeletset.
    ///
    /// # Errors
    /// The application refuses, or does not answer.
    pub fn show(&mut self, id: &str) -> Result<CodeletsetInfo, OperatorError> {
        let codeletset = id.to_owned();
        let request = |skip| Request::Show {
            codeletset: codeletset.clone(),
            skip,
        };
        let mut whole: Option<CodeletsetInfo> = None;
        self.ask_in_pages(request, |reply| match reply {
            Reply::Show(part) => {
                let taken = part.codelets.len();
                let other = match &mut whole {
                    Some(whole) => whole.join(part),
                    None => {
                        whole = Some(part);
                        None
                    }
                };
                if other.is_some() {
                    let message = "it has parts of several codeletsets".to_owned();
                    return Err(OperatorError::Answer(message));
                }
                Ok(taken)
            }
            other => Err(nonsense(&other)),
        })?;
        whole.ok_or_else(|| OperatorError::Answer("it has no part".to_owned()))
    }

    /// The statistics of these hooks, or of all, ordered by name.
    ///
    /// # Errors
    /// The application refuses, or does not answer.
    pub fn statistics(
        &mut self,
        hooks: Option<&[&str]>,
    ) -> Result<Vec<HookStatistics>, OperatorError> {
        let hooks = owned(hooks);
        let request = |skip| {
            let hooks = hooks.clone();
            Request::Statistics(StatisticsBody { hooks, skip })
        };
        self.ask_for_list(request, |reply| match reply {
            Reply::Statistics(page) => Ok(page),
            other => Err(nonsense(&other)),
        })
    }

    /// The C header that codelets include.
    ///
    /// # Errors
    /// The application refuses, or does not answer.
    pub fn header(&mut self) -> Result<String, OperatorError> {
        let mut header = String::new();
        let request = |skip| Request::Header { skip };
        self.ask_in_pages(request, |reply| match reply {
            Reply::Header { text } => {
                header.push_str(&text);
                Ok(text.len())
            }
            other => Err(nonsense(&other)),
        })?;
        Ok(header)
    }

    fn ask_for_list<T: Entry>(
        &mut self,
        request: impl Fn(Option<u64>) -> Request,
        page: impl Fn(Reply) -> Result<Vec<T>, OperatorError>,
    ) -> Result<Vec<T>, OperatorError> {
        let mut all: Vec<T> = Vec::new();
        self.ask_in_pages(request, |reply| {
            let page = page(reply)?;
            let taken = page.len();
            for entry in page {
                let further = match all.last_mut() {
                    Some(last) => last.join(entry),
                    None => Some(entry),
                };
                all.extend(further);
            }
            Ok(taken)
        })?;
        Ok(all)
    }

    /// Asks for the whole answer. If that is too long for a line, asks page by page, up to the
    /// empty page. `take` returns the length of a page.
    fn ask_in_pages(
        &mut self,
        request: impl Fn(Option<u64>) -> Request,
        mut take: impl FnMut(Reply) -> Result<usize, OperatorError>,
    ) -> Result<(), OperatorError> {
        match self.ask(&request(None)) {
            Err(OperatorError::Refused(report)) if report.code == ErrorCode::AnswerTooLong => {}
            answer => return take(answer?).map(|_| ()),
        }
        let mut skip = 0;
        for _ in 0..MAX_PAGES {
            match take(self.ask(&request(Some(skip)))?)? {
                0 => return Ok(()),
                taken => skip += taken as u64,
            }
        }
        let message = format!("it has more than {MAX_PAGES} pages");
        Err(OperatorError::Answer(message))
    }

    /// Watches an output channel with this connection.
    ///
    /// # Errors
    /// The application refuses, or does not answer.
    pub fn tail(mut self, stream_id: StreamId) -> Result<Tail, OperatorError> {
        match self.ask(&Request::Tail { stream_id })? {
            Reply::Tail(stream) => Ok(Tail {
                id: self.last_id,
                operator: self,
                stream,
            }),
            other => Err(nonsense(&other)),
        }
    }

    /// Asks anything, and waits for the answer.
    ///
    /// # Errors
    /// The application refuses, or does not answer.
    pub fn ask(&mut self, request: &Request) -> Result<Reply, OperatorError> {
        self.last_id += 1;
        let line = to_line(&Envelope {
            version: VERSION,
            id: self.last_id,
            body: request,
        })?;
        if line.len() > MAX_LINE {
            return Err(OperatorError::TooLong { bytes: line.len() });
        }
        let clock = Clock {
            asked: Instant::now(),
            patience: Some(self.patience),
        };
        let written = self.write(&line, &clock);
        // An application that turns a client away sends the reason and closes the connection. The
        // write may fail then; the reason is read all the same.
        let answer = self.hear(self.last_id, &clock);
        match (written, answer) {
            (_, Ok(Reply::Error(report))) => Err(OperatorError::Refused(Box::new(report))),
            (Err(error), Err(_)) => Err(self.unanswered(error)),
            (_, Err(OperatorError::Connection(error))) => Err(self.unanswered(error)),
            (_, answer) => answer,
        }
    }

    fn unanswered(&self, error: io::Error) -> OperatorError {
        if is_over(&error) {
            let within = self.patience;
            return OperatorError::Silent { within };
        }
        error.into()
    }

    /// Says that there is no answer yet.
    fn wait_on(&self, clock: &Clock) {
        if let Some(waiting) = self.waiting {
            waiting(&self.path, clock.asked.elapsed());
        }
    }

    fn write(&self, line: &[u8], clock: &Clock) -> io::Result<()> {
        let mut rest = line;
        while !rest.is_empty() {
            let slice = clock.slice(self.waiting.is_some());
            let slice = slice.ok_or(ErrorKind::TimedOut)?;
            self.stream.set_write_timeout(slice)?;
            match (&self.stream).write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_over(&error) => self.wait_on(clock),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The next message with this id, or the next error with id 0: an application that turns a
    /// client away sends the latter.
    fn hear(&mut self, id: u64, clock: &Clock) -> Result<Reply, OperatorError> {
        loop {
            let line = self.next_line(clock)?;
            let reply: Envelope<Reply> = serde_json::from_slice(&line)
                .map_err(|error| OperatorError::Answer(error.to_string()))?;
            if reply.version != VERSION {
                return Err(OperatorError::Version {
                    theirs: reply.version,
                });
            }
            if reply.id == id || (reply.id == 0 && matches!(reply.body, Reply::Error(_))) {
                return Ok(reply.body);
            }
        }
    }

    fn next_line(&mut self, clock: &Clock) -> io::Result<Vec<u8>> {
        let mut scanned = 0;
        loop {
            let unseen = self.bytes.get(scanned..).unwrap_or_default();
            if let Some(end) = unseen.iter().position(|byte| *byte == b'\n') {
                let rest = self.bytes.split_off(scanned + end + 1);
                return Ok(core::mem::replace(&mut self.bytes, rest));
            }
            scanned = self.bytes.len();
            if scanned > MAX_LINE {
                return Err(ErrorKind::InvalidData.into());
            }
            let mut chunk = [0; 4096];
            // The clock ends the wait even if the application sends a byte each second, or answers
            // to other questions.
            let slice = clock.slice(self.waiting.is_some());
            let slice = slice.ok_or(ErrorKind::TimedOut)?;
            self.stream.set_read_timeout(slice)?;
            let read = match self.stream.read(&mut chunk) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if is_over(&error) => {
                    self.wait_on(clock);
                    continue;
                }
                read => read?,
            };
            if read == 0 {
                let message = "it closed the connection";
                return Err(io::Error::new(ErrorKind::UnexpectedEof, message));
            }
            self.bytes
                .extend_from_slice(chunk.get(..read).unwrap_or_default());
        }
    }
}

impl Tail {
    /// The channel, as it was when watching began.
    #[must_use]
    pub fn stream(&self) -> &StreamReport {
        &self.stream
    }

    /// Waits for the next event, without end if there is no limit; `None` once the limit is over.
    ///
    /// # Errors
    /// The application is gone.
    pub fn next_event(
        &mut self,
        limit: Option<Duration>,
    ) -> Result<Option<TailEvent>, OperatorError> {
        let clock = Clock {
            asked: Instant::now(),
            patience: limit,
        };
        // A watched channel may be silent: that is no wait to report.
        self.operator.waiting = None;
        match self.operator.hear(self.id, &clock) {
            Ok(Reply::Record(event)) => Ok(Some(TailEvent::Record(event))),
            Ok(Reply::End { lost }) => Ok(Some(TailEvent::End { lost })),
            Ok(Reply::Error(report)) => Err(OperatorError::Refused(Box::new(report))),
            Ok(other) => Err(nonsense(&other)),
            Err(OperatorError::Connection(error)) if is_over(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether the error says that the time is over.
fn is_over(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn owned(names: Option<&[&str]>) -> Option<Vec<String>> {
    names.map(|names| names.iter().copied().map(str::to_owned).collect())
}

fn nonsense(reply: &Reply) -> OperatorError {
    OperatorError::Answer(format!("{reply:?}"))
}
