//! The control socket of a running application, and a client that sends it any bytes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use jbpf::Engine;
use jbpf::protocol::{Envelope, MAX_LINE, Reply, VERSION};
use jbpf_channel::protocol::CollectorReply;
use serde_json::Value;

use jbpf_testing_app::{Application, codelets, fire, first_example};

/// The id of the line after the client's own. Inputs that contain it are left out.
const LAST: u64 = 7_405_926_180_351_974;

/// The time that an application may take for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// An application with a codeletset, a store, and channels for collectors. It interprets codelets:
/// compiling them would take most of the time.
pub fn application() -> Application {
    let application = Application::with(|builder| {
        builder
            .codelet_store(codelets(""))
            .shared_channels()
            .memory_budget(64 << 20)
            .engine(Engine::Interpreter)
    });
    restore(&application);
    application
}

/// Sends the application `bytes`. Checks that the application answers each line, in order and
/// under its id, and goes on serving.
pub fn check(application: &Application, bytes: &[u8]) {
    let last = LAST.to_string();
    if bytes
        .windows(last.len())
        .any(|part| part == last.as_bytes())
    {
        return;
    }
    let mut socket = UnixStream::connect(application.socket()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    // The application may cut off a client that it refuses, before the client has sent everything.
    let _ = socket.write_all(bytes);
    fire(0..3);
    let end = format!("\n{{\"version\":{VERSION},\"id\":{LAST},\"hello\":{{}}}}\n");
    let _ = socket.write_all(end.as_bytes());
    let mut answers = BufReader::new(&socket).lines();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some(answer) = next_answer(&mut answers) else {
            panic!("no answer to {:?}", String::from_utf8_lossy(line));
        };
        if let Reply::Error(error) = &answer.body
            && error.code == "line-too-long"
        {
            assert!(bytes.len() > MAX_LINE);
            return restore(application);
        }
        assert_eq!(
            answer.id,
            id_of(line),
            "{:?}",
            String::from_utf8_lossy(line)
        );
    }
    let answer = next_answer(&mut answers).unwrap();
    assert!(answer.id == LAST && matches!(answer.body, Reply::Hello(_)));
    restore(application);
}

/// The next answer that is no record and no end of a watched channel. Answers to collectors come
/// as `Sent`.
fn next_answer(
    answers: &mut impl Iterator<Item = std::io::Result<String>>,
) -> Option<Envelope<Reply>> {
    loop {
        let line = answers.next()?.unwrap();
        let answer = read(&line);
        if !matches!(answer.body, Reply::Record(_) | Reply::End { .. }) {
            return Some(answer);
        }
    }
}

/// Reads an answer, and checks that its JSON survives a round trip.
fn read(line: &str) -> Envelope<Reply> {
    assert!(line.len() <= MAX_LINE);
    let value: Value = serde_json::from_str(line).unwrap();
    if let Ok(answer) = serde_json::from_str::<Envelope<Reply>>(line) {
        assert_eq!(answer.version, VERSION);
        if let Reply::Error(error) = &answer.body {
            assert!(!error.code.as_str().is_empty() && !error.message.is_empty());
        }
        assert_eq!(serde_json::to_value(&answer).unwrap(), value);
        return answer;
    }
    let answer: Envelope<CollectorReply> = serde_json::from_value(value.clone()).unwrap();
    assert_eq!(serde_json::to_value(&answer).unwrap(), value);
    Envelope {
        version: answer.version,
        id: answer.id,
        body: Reply::Sent {},
    }
}

/// The id that a line's answer repeats, 0 if it has none.
fn id_of(line: &[u8]) -> u64 {
    let value: Result<serde_json::Map<String, Value>, _> = serde_json::from_slice(line);
    let id = value.ok().and_then(|fields| fields.get("id")?.as_u64());
    id.unwrap_or(0)
}

/// Gives the application its one codeletset again, after any loads and unloads of a client.
fn restore(application: &Application) {
    let (runtime, request) = (application.runtime(), first_example());
    let mut found = false;
    for set in runtime.list() {
        // A client may have loaded other codelets under its name.
        if set.id == request.codeletset_id() && set.codelets.len() == 1 {
            found = true;
        } else {
            runtime.unload(&set.id).unwrap();
        }
    }
    if !found {
        runtime.load(&request).unwrap();
    }
}
