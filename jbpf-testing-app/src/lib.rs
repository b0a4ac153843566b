//! The application that tests, benchmarks and a fuzz target operate through its control socket.
//!
//! It has one hook, [`example`], that codelets of `codelets/first_example` attach to.
//! [`Application`] runs one at a time in a process, on a socket of its own, and [`Raw`] is a client
//! that knows no protocol.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails here"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jbpf::operator::Operator;
use jbpf::request::CodeletBuilder;
use jbpf::{LoadRequest, Runtime, RuntimeBuilder, StreamId, jbpf_data, jbpf_hook};
use serde_json::Value;
use tempfile::TempDir;

/// The data that the application hands to its hook, and that the codelet sends out.
#[jbpf_data]
pub struct Packet {
    /// Its number.
    pub seq_no: i32,
    /// Any number.
    pub value: i32,
    /// Any text.
    #[jbpf(text)]
    pub name: [u8; 32],
}

/// Called for every packet.
#[jbpf_hook]
pub fn example(packet: &Packet, ctx_id: u32) {}

/// The output channel of `first_example`.
pub const OUTPUT: StreamId = StreamId([
    0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
]);
/// Its input channel.
pub const INPUT: StreamId = StreamId([0x11; 16]);

/// Fires the hook with packets of these numbers.
pub fn fire(numbers: impl IntoIterator<Item = i32>) {
    for seq_no in numbers {
        let packet = Packet {
            seq_no,
            value: -seq_no,
            name: [0; 32],
        };
        example(&packet, 0);
    }
}

/// A file below the repository's `codelets`, for any package of the repository.
pub fn codelets(path: &str) -> PathBuf {
    let package = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut folders = package.ancestors().map(|folder| folder.join("codelets"));
    folders.find(|folder| folder.is_dir()).unwrap().join(path)
}

/// The request of `codelets/first_example`.
pub fn first_example() -> LoadRequest {
    LoadRequest::from_yaml_file(codelets("first_example/load.yaml")).unwrap()
}

/// A request of one codelet without channels, on the hook `example`.
pub fn single(path: &str, hook: &str) -> LoadRequest {
    LoadRequest::builder("single")
        .codelet(CodeletBuilder::from_path("only", codelets(path), hook))
        .build()
        .unwrap()
}

/// A running application with a socket of its own.
pub struct Application {
    runtime: Option<Runtime>,
    folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Application {
    /// Starts it.
    pub fn start() -> Self {
        Self::with(|builder| builder)
    }

    /// Starts it with settings of the runtime.
    pub fn with(configure: impl FnOnce(RuntimeBuilder) -> RuntimeBuilder) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("app.sock");
        let builder = Runtime::builder().name("served").socket(socket);
        let runtime = configure(builder).build().unwrap();
        Self {
            runtime: Some(runtime),
            folder,
            _turn: turn,
        }
    }

    /// Its runtime.
    pub fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().unwrap()
    }

    /// A folder of its own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The path of its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("app.sock")
    }

    /// A client.
    pub fn operator(&self) -> Operator {
        Operator::connect(self.socket()).unwrap()
    }

    /// A connection.
    pub fn connect(&self) -> Raw {
        Raw::new(UnixStream::connect(self.socket()).unwrap())
    }

    /// Ends the runtime, not the folder.
    pub fn end(&mut self) {
        self.runtime = None;
    }
}

/// A connection without knowledge of the protocol.
pub struct Raw {
    reader: BufReader<UnixStream>,
}

impl Raw {
    /// A connection whose answers come within a minute, or not at all.
    pub fn new(stream: UnixStream) -> Self {
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        Self {
            reader: BufReader::new(stream),
        }
    }

    /// The socket.
    pub fn stream(&self) -> &UnixStream {
        self.reader.get_ref()
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// The application has closed the connection.
    pub fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        self.reader.get_ref().write_all(bytes)
    }

    /// The next line; `None` when the server has closed the connection.
    pub fn read(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(serde_json::from_str(&line).unwrap()),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Sends a line, and waits for the next one.
    pub fn ask(&mut self, line: &str) -> Value {
        self.write(format!("{line}\n").as_bytes()).unwrap();
        self.read().unwrap()
    }
}
