//! Errors between a request and an attached codelet, and afterwards.

use std::path::PathBuf;

use jbpf_channel::StreamId;
use jbpf_hooks::reclaim::SynchronizeError;
use jbpf_object::ObjectError;
pub use jbpf_operator::info::ThreadInside;
use jbpf_operator::request::{RequestError, Subject};
use jbpf_operator::stream::Direction;
use jbpf_verifier::Rejection;
use jbpf_verifier::bug::Bug;
use jbpf_verifier::types::{MapDef, MapKind};

use crate::engine::EngineError;
use crate::map::MapError;

/// Why a runtime could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Hooks are statics: one runtime a process.
    #[error("this process has a runtime already; drop it before building another")]
    AlreadyRunning,
    /// In a forked child: threads and codelets of its parent are not its own.
    #[error(
        "this process was forked from one that had codelets attached, and cannot have any; fork before the first load, or execute the program anew"
    )]
    Forked,
    /// The name is empty, too long or no file name.
    #[error(
        "the runtime's name `{0}` must have 1 to 64 letters, digits, `-`, `_` or `.`, and not start with `.`"
    )]
    Name(String),
    /// The runtime's threads cannot have the names, the processors or the scheduling that were
    /// asked for.
    #[error(transparent)]
    Threads(#[from] crate::runtime::ThreadError),
    /// A built-in hook cannot be called this often, or this seldom.
    #[error("the period of a built-in hook must be from 1 ms to an hour, not {0:?}")]
    Period(std::time::Duration),
    /// Hooks or helpers are declared so that none of them can be told apart.
    #[error(transparent)]
    Duplicate(#[from] jbpf_hooks::registry::Duplicate),
    /// Two map types of the application have one number.
    #[error(
        "two of the application's map types have the number {0}; give one of them another, from 16 on"
    )]
    MapTypeTwice(u32),
    /// A declared helper makes no sense, or has the name of another.
    #[error(transparent)]
    Helper(#[from] jbpf_verifier::types::SenselessHelper),
    /// A declared helper cannot be bound.
    #[error(transparent)]
    Helpers(#[from] crate::builtins::BindError),
    /// The control socket cannot be served.
    #[error(transparent)]
    Serve(#[from] crate::server::ServeError),
    /// The system refused a resource that the runtime needs.
    #[error("cannot start the runtime: {0}")]
    System(#[from] std::io::Error),
}

/// Why a codeletset was not loaded. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The request breaks a rule.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A codeletset of this id is loaded.
    #[error("codeletset `{id}` is loaded already; unload it first, or replace it")]
    AlreadyLoaded {
        /// The id.
        id: String,
    },
    /// Replacing needs something to replace.
    #[error("codeletset `{id}` is not loaded, so there is nothing to replace{}", instead(.nearest, .loaded))]
    NotLoaded {
        /// The id.
        id: String,
        /// The nearest id of a loaded codeletset.
        nearest: Option<String>,
        /// The ids of all loaded codeletsets.
        loaded: Vec<String>,
    },
    /// Called by a helper or hook inside a codelet, which would wait for itself.
    #[error(transparent)]
    Place(#[from] WrongPlace),
    /// No hook of this name is linked into the process.
    #[error("{subject}: no hook `{hook}`{}", did_you_mean(.nearest))]
    UnknownHook {
        /// The codelet that names the hook.
        subject: Subject,
        /// The name in the request.
        hook: String,
        /// The nearest hook.
        nearest: Option<String>,
    },
    /// The object could not be read.
    #[error("{subject}: cannot read the object `{}`: {source}", path.display())]
    ReadObject {
        /// The codelet that the object is for.
        subject: Subject,
        /// Its path.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The object cannot be loaded.
    #[error("{subject}: the object {origin} cannot be loaded: {source}")]
    Object {
        /// The codelet that the object is for.
        subject: Subject,
        /// Its path, or "in memory".
        origin: String,
        /// The mistake.
        source: ObjectError,
    },
    /// The object has no program, or more than one.
    #[error("{subject}: the object {origin} has {count} programs; a codelet has exactly 1")]
    Programs {
        /// The codelet that the object is for.
        subject: Subject,
        /// Its path, or "in memory".
        origin: String,
        /// The number of programs.
        count: usize,
    },
    /// The program's type belongs to other hooks.
    #[error(
        "{subject}: the program type `{program_type}` does not attach to hook `{hook}`, whose type is `{hook_type}`"
    )]
    ProgramType {
        /// The codelet that the program is for.
        subject: Subject,
        /// The type that the program's section names.
        program_type: String,
        /// The hook.
        hook: String,
        /// The hook's type.
        hook_type: String,
    },
    /// The verifier rejected the program.
    #[error(
        "{subject}: rejected for hook `{hook}` at {}: {rejection}",
        place(rejection)
    )]
    Rejected {
        /// The codelet that the program is for.
        subject: Subject,
        /// The hook it was verified for.
        hook: String,
        /// Why; [`render`](jbpf_verifier::report::render::render) shows it in full.
        rejection: Box<Rejection>,
    },
    /// A control hook takes one codelet.
    #[error(
        "{subject}: the control hook `{hook}` has a codelet already: {occupant}; unload that codeletset, or replace it"
    )]
    ControlHookTaken {
        /// The codelet that cannot be attached.
        subject: Subject,
        /// The hook.
        hook: String,
        /// The codelet that is attached: codeletset and codelet, quoted.
        occupant: String,
    },
    /// An entry names no map of the object.
    #[error("{subject}: `{field}` names the map `{map}`, which the object does not have{}", did_you_mean(.nearest))]
    UnknownMap {
        /// The codelet that has the entry.
        subject: Subject,
        /// `in_io_channel`, `out_io_channel` or `linked_maps`.
        field: &'static str,
        /// The name in the request.
        map: String,
        /// The nearest map of the object.
        nearest: Option<String>,
    },
    /// An entry names a map of the wrong kind.
    #[error(
        "{subject}: `{field}` names the map `{map}`, which is of kind {kind}; {}",
        kinds_listed(.field)
    )]
    ChannelKind {
        /// The codelet that has the entry.
        subject: Subject,
        /// `in_io_channel` or `out_io_channel`.
        field: &'static str,
        /// The map.
        map: String,
        /// Its kind.
        kind: MapKind,
    },
    /// The codelet uses a channel that the request does not list.
    #[error("{subject}: the codelet uses the channel `{map}`, which `{field}` does not list")]
    ChannelNotListed {
        /// The codelet that has the channel.
        subject: Subject,
        /// `in_io_channel` or `out_io_channel`.
        field: &'static str,
        /// The map.
        map: String,
    },
    /// The type that the request states for a channel's records is none of the object's, or of
    /// another size.
    #[error("{subject}: `record` of channel `{map}` is `{record}`: {reason}{}", did_you_mean(.nearest))]
    RecordType {
        /// The codelet that has the channel.
        subject: Subject,
        /// The channel's map.
        map: String,
        /// The type's name.
        record: String,
        /// The reason, a sentence without a full stop.
        reason: String,
        /// The nearest type of the object.
        nearest: Option<String>,
    },
    /// The stream id is taken.
    #[error("{subject}: the stream id {stream_id} of {} channel `{map}` is in use by {user}", direction.name())]
    StreamIdInUse {
        /// The codelet that has the channel.
        subject: Subject,
        /// The id.
        stream_id: StreamId,
        /// The direction of its records.
        direction: Direction,
        /// The channel's map.
        map: String,
        /// The channel that has it.
        user: String,
    },
    /// A channel that lives on carries records of another layout.
    #[error("{subject}: the records of channel `{map}` are not what they were: {disagreement}")]
    RecordLayout {
        /// The codelet that has the channel.
        subject: Subject,
        /// The channel's map.
        map: String,
        /// The first difference between the two layouts.
        disagreement: Box<jbpf_channel::record::Disagreement>,
    },
    /// Channels and data sections are not linked.
    #[error(
        "{subject}: `linked_maps` links `{map}` with `{linked_map}` of `{linked_codelet}`; {what} cannot be linked"
    )]
    NotLinkable {
        /// The codelet that has the map.
        subject: Subject,
        /// The map.
        map: String,
        /// The other codelet.
        linked_codelet: String,
        /// Its map.
        linked_map: String,
        /// "channels" or "data sections".
        what: &'static str,
    },
    /// Linked maps differ.
    #[error(
        "{subject}: `linked_maps` links `{map}` ({}) with `{linked_map}` of `{linked_codelet}` ({}); they must have the same type and sizes",
        shape(.def), shape(.linked_def)
    )]
    LinkedMapsDiffer {
        /// The codelet that has the map.
        subject: Subject,
        /// The map.
        map: String,
        /// Its definition.
        def: Box<MapDef>,
        /// The other codelet.
        linked_codelet: String,
        /// Its map.
        linked_map: String,
        /// The other definition.
        linked_def: Box<MapDef>,
    },
    /// A limit of the runtime is reached.
    #[error("{subject}: {count} {what} would be loaded; at most {max} are allowed")]
    Limit {
        /// The codeletset or codelet that would exceed it.
        subject: Subject,
        /// Codeletsets, codelets, ...
        what: &'static str,
        /// How many there would be.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// A map could not be made.
    #[error("{subject}: {source}")]
    Map {
        /// The codelet that has the map.
        subject: Subject,
        /// The mistake.
        source: MapError,
    },
    /// Program, maps and helpers do not belong together.
    #[error("{subject}: {source}")]
    Bind {
        /// The codelet that the program is for.
        subject: Subject,
        /// The map or helper that does not fit.
        source: crate::engine::BindError,
    },
    /// The engine could not compile.
    #[error("hook `{hook}`: {source}")]
    Engine {
        /// The hook that the codelets were compiled for.
        hook: String,
        /// The engine's error.
        source: EngineError,
    },
    /// The system has no thread to call a built-in hook from.
    #[error("cannot start the thread that calls the built-in hooks: {0}")]
    Thread(#[source] std::io::Error),
    /// Too many changes wait for threads that stay inside of hooks. The codelets that those
    /// changes took off stay in memory until the threads leave.
    #[error(
        "{changes} changes wait for {} to leave; load again after that",
        threads(inside)
    )]
    Waiting {
        /// How many.
        changes: usize,
        /// The threads that are inside.
        inside: Vec<ThreadInside>,
    },
    /// The runtime was dropped meanwhile.
    #[error("the runtime is gone")]
    Gone,
    /// A defect of the runtime.
    #[error("a defect of the runtime itself: {0}; please report it")]
    Internal(Bug),
}

/// The first of several, and how many more there are.
pub(crate) fn threads(inside: &[ThreadInside]) -> String {
    match inside {
        [] => "a thread of the runtime".to_owned(),
        [only] => only.to_string(),
        [first, others @ ..] => format!("{first} and {} more", others.len()),
    }
}

/// Why a codeletset was not unloaded. It is as loaded as before, unless it is [`Kept`](Self::Kept)
/// or [`StillInside`](Self::StillInside).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnloadError {
    /// No codeletset of this id is loaded.
    #[error("codeletset `{id}` is not loaded{}", instead(.nearest, .loaded))]
    NotLoaded {
        /// The id.
        id: String,
        /// The nearest id of a loaded codeletset.
        nearest: Option<String>,
        /// The ids of all loaded codeletsets.
        loaded: Vec<String>,
    },
    /// Called by a helper or hook inside a codelet, which would wait for itself.
    #[error(transparent)]
    Place(#[from] WrongPlace),
    /// The codelets that stay could not be compiled anew.
    #[error("hook `{hook}`: {source}")]
    Engine {
        /// The hook that the codelets were compiled for.
        hook: String,
        /// The engine's error.
        source: EngineError,
    },
    /// The codeletset is taken off its hooks and not listed any more, and no call begins to run
    /// it. But a call that began before has not ended within the time that an unload takes at
    /// most. Another thread waits for its end, and then frees code and maps.
    #[error(
        "codeletset `{id}` is detached, and after {} s still waits for {} to leave; its memory is freed when that has left",
        within.as_secs_f32(),
        threads(inside)
    )]
    StillInside {
        /// The id.
        id: String,
        /// How long it was waited for.
        within: std::time::Duration,
        /// The threads that are inside.
        inside: Vec<ThreadInside>,
    },
    /// The codeletset is taken off its hooks, and no call begins to run it any more. But a call
    /// that began before may not have ended, and the runtime cannot tell. So code and maps stay in
    /// memory until a later load or unload can tell.
    #[error(
        "codeletset `{id}` is detached, and stays in memory, as a thread may still be inside it: {source}"
    )]
    Kept {
        /// The id.
        id: String,
        /// Why the runtime cannot tell.
        source: SynchronizeError,
    },
}

/// An operation that cannot be done where it was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WrongPlace {
    /// On a thread that is inside a codelet: it would wait for itself.
    #[error("this thread is inside a codelet; load and unload from another thread")]
    InsideCodelet,
    /// In a forked child: the runtime belongs to the parent.
    #[error("this process was forked from the one that owns the runtime; load and unload there")]
    Forked,
}

/// Why a stream could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No channel of this direction has the id.
    #[error("no {} channel has the stream id {stream_id}", direction.name())]
    UnknownStream {
        /// The id.
        stream_id: StreamId,
        /// The direction of its records.
        direction: Direction,
    },
    /// The channel does not carry records of this type, or is taken.
    #[error(transparent)]
    Channel(#[from] jbpf_channel::ChannelError),
}

/// Why a map could not be opened from Rust.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenMapError {
    /// No codelet of the set has a map of this name.
    #[error("codeletset `{codeletset}` has no map `{map}`{}", did_you_mean(.nearest))]
    Unknown {
        /// The codeletset.
        codeletset: String,
        /// The name asked for.
        map: String,
        /// The nearest map.
        nearest: Option<String>,
    },
    /// Several codelets have different maps of this name.
    #[error(
        "codeletset `{codeletset}` has several maps `{map}`; name the codelet too: `CODELET/{map}`"
    )]
    Ambiguous {
        /// The codeletset.
        codeletset: String,
        /// The name asked for.
        map: String,
    },
    /// The types do not fit.
    #[error(transparent)]
    Access(#[from] crate::map::AccessError),
}

/// `; did you mean ...?`, or nothing.
pub(crate) fn did_you_mean(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

impl UnloadError {
    pub(crate) fn not_loaded<'a>(
        id: &str,
        loaded: impl Iterator<Item = &'a String> + Clone,
    ) -> Self {
        Self::NotLoaded {
            id: id.to_owned(),
            nearest: jbpf_operator::nearest::nearest(id, loaded.clone().map(String::as_str)),
            loaded: loaded.cloned().collect(),
        }
    }
}

/// The end of a sentence about a codeletset that is not loaded: names the nearest loaded one, or
/// all.
fn instead(nearest: &Option<String>, loaded: &[String]) -> String {
    if nearest.is_some() || loaded.is_empty() {
        return did_you_mean(nearest);
    }
    let quoted: Vec<_> = loaded.iter().map(|id| format!("`{id}`")).collect();
    let verb = if quoted.len() == 1 { "is" } else { "are" };
    format!("; loaded {verb} {}", quoted.join(", "))
}

/// The source line of a rejection, or its instruction if the object has no lines.
fn place(rejection: &Rejection) -> String {
    match &rejection.location {
        Some(line) => format!("{}:{}", line.file, line.line),
        None => format!("instruction {}", rejection.insn),
    }
}

/// The kinds of channels that the entries of `field` may name.
fn kinds_listed(field: &str) -> &'static str {
    match field {
        "in_io_channel" => "input channels are of kind CONTROL_INPUT",
        _ => "output channels are of kind RINGBUF or OUTPUT",
    }
}

fn shape(def: &MapDef) -> String {
    format!(
        "{}, key {} bytes, value {} bytes, {} entries",
        def.kind, def.key_size, def.value_size, def.max_entries
    )
}
