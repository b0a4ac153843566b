//! Why commands could not give their answers, as sentences that name the culprit.

use std::io;
use std::path::PathBuf;

use jbpf_channel::{ChannelError, SendError};
use jbpf_core::builtins;
use jbpf_core::engine::interpreter::RunError;
use jbpf_core::engine::{BindError, EngineError, InputError};
use jbpf_core::map::{AccessError, MapError};
use jbpf_object::ObjectError;
use jbpf_operator::client::OperatorError;
use jbpf_operator::nearest::nearest;
use jbpf_operator::protocol::ErrorReport;
use jbpf_operator::request::RequestError;
use jbpf_operator::stream::Direction;
use jbpf_verifier::report::codes::UnknownCode;

use crate::record::NotARecord;

/// Why a command could not give its answer. Each is a sentence that names the culprit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },

    #[error("`{}` is not a codelet object: {source}", path.display())]
    Object { path: PathBuf, source: ObjectError },

    #[error("`{}` has no program section `{section}`{}", path.display(), alternatives(section, existing))]
    NoSection {
        path: PathBuf,
        section: String,
        existing: Vec<String>,
    },

    #[error("line {line} of `{}` is not what `jbpf hooks --json` writes: {reason}", path.display())]
    Contexts {
        path: PathBuf,
        line: usize,
        reason: String,
    },

    #[error("no hook `{wanted}`{}", others(wanted, existing))]
    NoHook {
        wanted: String,
        existing: Vec<String>,
    },

    #[error(
        "no hook of the application takes section `{section}` of `{}` by its type; name one of {} with --hook",
        path.display(),
        list(existing)
    )]
    NoHookForType {
        path: PathBuf,
        section: String,
        existing: Vec<String>,
    },

    #[error(
        "section `{section}` of `{}` may be for any of {}; name one with --hook",
        path.display(),
        list(fitting)
    )]
    SeveralHooks {
        path: PathBuf,
        section: String,
        fitting: Vec<String>,
    },

    #[error(
        "`{}` has several program sections; name one of {} with --section",
        path.display(),
        list(existing)
    )]
    SeveralSections {
        path: PathBuf,
        existing: Vec<String>,
    },

    #[error(
        "`{}` calls `{helper}`, a function of the application that exists in its process alone; `jbpf verify` checks the call here, and `jbpf load` runs it there",
        path.display()
    )]
    ApplicationHelper { path: PathBuf, helper: String },

    #[error(
        "no map of the codelet holds the type `{wanted}`{}",
        others(wanted, existing)
    )]
    NoType {
        wanted: String,
        existing: Vec<String>,
    },

    #[error(
        "context `{context}` has no field `{wanted}`{}",
        alternatives(wanted, existing)
    )]
    NoField {
        context: String,
        wanted: String,
        existing: Vec<String>,
    },

    #[error(
        "the codelet has no input channel `{wanted}`{}",
        others(wanted, existing)
    )]
    NoInput {
        wanted: String,
        existing: Vec<String>,
    },

    #[error("`{0}` is no NAME=VALUE")]
    NoAssignment(String),

    #[error("field `{field}` is a whole number of {bits} bits, not `{given}`")]
    NoNumber {
        field: String,
        given: String,
        bits: u32,
    },

    #[error(
        "nobody knows what the data region holds; name its type with --type, or a running application's hook with --hook"
    )]
    UnknownData,

    #[error("input channel `{map}`: {source}")]
    NotSent { map: String, source: SendError },

    #[error(transparent)]
    Map(#[from] MapError),

    #[error(transparent)]
    Access(#[from] AccessError),

    #[error(transparent)]
    Channel(#[from] ChannelError),

    #[error(transparent)]
    Helpers(#[from] builtins::BindError),

    #[error(transparent)]
    Bind(#[from] BindError),

    #[error(transparent)]
    Engine(#[from] EngineError),

    #[error(transparent)]
    Input(#[from] InputError),

    #[error(transparent)]
    Run(#[from] RunError),

    #[error(
        "rbpf does not run instruction {insn}, `{text}`: {reason}; choose another engine with --engine"
    )]
    NotOnRbpf {
        insn: usize,
        text: String,
        reason: &'static str,
    },

    #[error("rbpf: {message}")]
    Rbpf { message: String },

    #[error("engine `{engine}` shows no trace; run it with --engine interpreter")]
    NoTrace { engine: &'static str },

    #[error("cannot write `{}`: {source}", path.display())]
    Unwritable { path: PathBuf, source: io::Error },

    #[error("cannot run the compiler `{}`: {source}{}", compiler.display(), install(source))]
    Compiler {
        compiler: PathBuf,
        source: io::Error,
    },

    #[error("`{}` exists and is not empty; name a new folder", .0.display())]
    NotEmpty(PathBuf),

    #[error(
        "`{0}` cannot be the name of a package; name one with --name, of letters, digits, - and _"
    )]
    NoPackageName(String),

    #[error(
        "`{}` is no source tree of jbpf; say with --jbpf where one is, or the URL of its git repository",
        .0.display()
    )]
    NoSourceTree(PathBuf),

    #[error(
        "clang would read options from `{}`, since the name begins with `@`; give the source another name",
        .0.display()
    )]
    OptionsFile(PathBuf),

    #[error("`{}` would be its own object; say with -o where the object goes", .0.display())]
    OwnObject(PathBuf),

    #[error("no command `{wanted}`{}", others(wanted, existing))]
    NoCommand {
        wanted: String,
        existing: Vec<String>,
    },

    #[error(transparent)]
    UnknownCode(#[from] UnknownCode),

    #[error("cannot look for applications: {0}")]
    Applications(io::Error),

    #[error(
        "no application that can be operated is running; applications serve a control socket with `Runtime::builder().serve()`"
    )]
    NoApplications,

    #[error("no application answers; stopped, or hanging: {}", list(silent))]
    NoneAnswers { silent: Vec<String> },

    #[error(
        "several applications are running; say which with --app: {}",
        list(running)
    )]
    SeveralApplications { running: Vec<String> },

    #[error("no application `{wanted}` is running{}", others(wanted, running))]
    NoApplication {
        wanted: String,
        running: Vec<String>,
    },

    #[error("`{}` has no type `{wanted}` in its debug information{}", path.display(), alternatives(wanted, existing))]
    NoRecordType {
        path: PathBuf,
        wanted: String,
        existing: Vec<String>,
    },

    #[error("{0}")]
    RecordType(String),

    #[error(
        "`{}` names no protobuf message (`serde`, `protobuf`, `package_path` and `msg_name`) for channel `{channel}`",
        path.display()
    )]
    NoMessage { path: PathBuf, channel: String },

    #[error("`{}` has no message `{wanted}`{}", path.display(), alternatives(wanted, existing))]
    NoMessageInSet {
        path: PathBuf,
        wanted: String,
        existing: Vec<String>,
    },

    #[error("type `{name}` has {size} bytes, and a record of `{channel}` has {record_size}")]
    RecordTypeSize {
        name: String,
        size: u32,
        channel: String,
        record_size: u32,
    },

    #[error("`{}` has no channel `{wanted}`{}", path.display(), others(wanted, existing))]
    NoChannel {
        path: PathBuf,
        wanted: String,
        existing: Vec<String>,
    },

    #[error("there is no {kind} `{wanted}`{hint}")]
    NoStream {
        wanted: String,
        kind: &'static str,
        hint: String,
    },

    #[error("`{wanted}` is an {}", use_of(*direction))]
    OtherWay {
        wanted: String,
        /// The channel's own.
        direction: Direction,
    },

    #[error(
        "there are several channels `{wanted}`; name one of {}, or give its stream id",
        list(existing)
    )]
    SeveralStreams {
        wanted: String,
        existing: Vec<String>,
    },

    #[error(
        "codeletset `{id}` has no map `{wanted}` to show{}",
        others(wanted, existing)
    )]
    NoMap {
        id: String,
        wanted: String,
        existing: Vec<String>,
    },

    #[error(
        "codeletset `{id}` has several such maps, and this format takes one layout; name one of {}",
        list(existing)
    )]
    SeveralMaps { id: String, existing: Vec<String> },

    #[error("this is not CSV of such records: {0}")]
    Csv(csv::Error),

    #[error("these records have too many numbers for a line of CSV; choose another format")]
    TooManyColumns,

    #[error("this is not protobuf of such records: {0}")]
    Protobuf(String),

    #[error("nobody knows what the records of `{0}` mean; send bytes with --hex")]
    UnknownRecord(String),

    #[error("the record is no JSON: {0}")]
    Json(serde_json::Error),

    #[error(transparent)]
    NotARecord(#[from] NotARecord),

    #[error(transparent)]
    Request(#[from] RequestError),

    #[error(transparent)]
    Operator(#[from] OperatorError),

    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// The application's words, when it is the application that refuses.
    pub(crate) fn refusal(&self) -> Option<&ErrorReport> {
        match self {
            Self::Operator(OperatorError::Refused(report)) => Some(report),
            _ => None,
        }
    }

    /// Whether the reader of the output has gone away.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// The end of a sentence about a name that does not exist: the nearest one that does, or all.
fn alternatives(wanted: &str, existing: &[String]) -> String {
    match nearest(wanted, existing.iter().map(String::as_str)) {
        Some(name) => format!("; did you mean `{name}`?"),
        None => format!("; it has {}", list(existing)),
    }
}

/// The end of a sentence about one of a kind that does not exist.
fn others(wanted: &str, existing: &[String]) -> String {
    match nearest(wanted, existing.iter().map(String::as_str)) {
        Some(name) => format!("; did you mean `{name}`?"),
        None if existing.is_empty() => "; there is none".to_owned(),
        None => format!("; there are {}", list(existing)),
    }
}

/// An explanation of channels, and the command for them.
fn use_of(direction: Direction) -> &'static str {
    match direction {
        Direction::Input => "input channel; `jbpf send` sends into it",
        Direction::Output => "output channel; `jbpf tail` watches it",
    }
}

/// Advice when the compiler is not there.
fn install(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::NotFound {
        "; install clang, or say where it is with --clang or the variable CLANG"
    } else {
        ""
    }
}

fn list(names: &[String]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
