//! A terminal shows the words of a hostile application or codelet, and obeys none of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod terminal;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use jbpf::StreamId;
use jbpf_channel::record::{FieldType, NumberKind, RecordField, RecordType};
use jbpf_object::visible::is_invisible;
use jbpf_operator::info::ThreadInside;
use jbpf_operator::protocol::{
    Bytes, ChangeReport, Envelope, ErrorReport, Hello, MeasureBody, MemoryReport, RecordEvent,
    Reply, StreamReport, VERSION, WaitingReport, to_line,
};
use jbpf_operator::stats::{AbortPlace, AbortStatistics, CodeletStatistics, HookStatistics};
use jbpf_operator::stream::Direction;
use terminal::Terminal;
use terminal::pty::Pty;

/// Sets the title, clears the screen, hides what follows, goes back to the start of the line, and
/// is answered by terminals as if keys had been pressed; with one character, too. What follows is
/// read from right to left, in a part of its own, behind a blank without width.
const OBEYED: &str =
    "\u{1b}]0;title\u{7}\u{1b}[2J\u{1b}[8m\r\u{1b}[6n\u{7f}\u{9b}6n\u{202e}\u{2066}\u{200b}";

/// The end of what each text says.
const END: &str = "the end";

fn hostile() -> String {
    format!("{OBEYED}{END}")
}

fn stream() -> StreamReport {
    let text = FieldType::Array {
        element: Box::new(FieldType::Number {
            kind: NumberKind::Char,
            size: 1,
        }),
        len: 64,
    };
    StreamReport {
        stream_id: StreamId([1; 16]),
        direction: Direction::Output,
        codeletset: hostile(),
        codelet: hostile(),
        map: hostile(),
        record_size: 64,
        capacity: 1,
        sent: 1,
        dropped: 0,
        received: 0,
        passed_over: 0,
        read: true,
        record_type: Some(RecordType {
            name: "said".to_owned(),
            size: 64,
            fields: vec![RecordField {
                name: "text".to_owned(),
                offset: 0,
                ty: text,
            }],
        }),
    }
}

fn record() -> Reply {
    let mut bytes = hostile().into_bytes();
    bytes.resize(64, 0);
    Reply::Record(RecordEvent {
        number: 0,
        lost: 0,
        bytes: Bytes(bytes),
    })
}

fn refusal() -> Reply {
    Reply::Error(ErrorReport {
        code: "hostile".into(),
        message: hostile(),
        rejection: None,
    })
}

/// An application that gives one client these answers, one a question; a record comes without one.
fn application(socket: &Path, answers: Vec<Reply>) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(&client).lines();
        let mut id = 0;
        for body in answers {
            if !matches!(body, Reply::Record(_)) {
                lines.next().unwrap().unwrap();
                id += 1;
            }
            let version = VERSION;
            let line = to_line(&Envelope { version, id, body }).unwrap();
            (&client).write_all(&line).unwrap();
        }
        lines.count();
    })
}

/// What the command shows on a terminal, up to the end of the first text.
fn shows(command: &str, answers: Vec<Reply>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("hostile.sock");
    let application = application(&socket, answers);
    let command = format!("{command} --socket {}", socket.display());
    let mut pty = Pty::start(Terminal(folder.path()).command(&command), (200, 24));
    let shown = pty.wait_for(END);
    drop(pty);
    application.join().unwrap();
    shown
}

#[test]
fn nothing_that_an_application_says_is_obeyed() {
    let watched = || {
        vec![
            Reply::Streams(vec![stream()]),
            Reply::Tail(stream()),
            record(),
        ]
    };
    let id = "01010101010101010101010101010101";
    for (command, answers) in [
        (format!("tail {id} --format csv"), watched()),
        (format!("tail {id} --format json"), watched()),
        (format!("tail {id} --format protobuf"), watched()),
        (format!("tail {id} --json"), watched()),
        (format!("tail {id} --raw"), watched()),
        ("streams".to_owned(), vec![Reply::Streams(vec![stream()])]),
        (
            "streams --json".to_owned(),
            vec![Reply::Streams(vec![stream()])],
        ),
        ("list".to_owned(), vec![refusal()]),
    ] {
        let shown = shows(&command, answers);
        let mut controls = shown.replace("\r\n", "\n");
        for style in ["\u{1b}[2m", "\u{1b}[0m"] {
            controls = controls.replace(style, "");
        }
        assert!(
            controls.chars().all(|c| !is_invisible(c) || c == '\n'),
            "{command}: {shown:?}"
        );
        assert!(shown.contains(r"\u{202e}"), "{command}: {shown:?}");
        assert!(shown.contains("[2J"), "{command}: {shown:?}");
    }
}

/// The live table moves the cursor itself: what is left out is what the name says.
#[test]
fn the_live_table_obeys_no_names() {
    let statistics = Reply::Statistics(vec![HookStatistics {
        hook: hostile(),
        measured: None,
        skipped: 0,
        kept: 0,
        codelets: vec![CodeletStatistics {
            codeletset: hostile(),
            codelet: hostile(),
            measured: None,
            busy: 0,
            memory: u64::MAX,
            aborts: AbortStatistics {
                count: 1,
                faults: 1,
                last: Some(AbortPlace {
                    kind: hostile().into(),
                    insn: usize::MAX,
                    function: Some(hostile()),
                    file: Some(hostile()),
                    line: Some(u32::MAX),
                    at: SystemTime::UNIX_EPOCH + Duration::from_millis(u64::MAX),
                }),
            },
            channels: Vec::new(),
        }],
    }]);
    let hello = Reply::Hello(Hello {
        name: hostile(),
        pid: 1,
        jbpf: String::new(),
        executable: None,
        aborts_on_panic: false,
        uptime_s: 0,
        codeletsets: 1,
        codelets: 1,
        memory: MemoryReport {
            used: u64::MAX,
            limit: Some(0),
            unloaded: u64::MAX,
        },
    });
    let measuring = Reply::Measuring(MeasureBody::default());
    let answers = vec![hello, measuring, statistics];
    let shown = shows("top", answers);
    for obeyed in [
        "\u{1b}]0;",
        "\u{1b}[2J",
        "\u{1b}[6n",
        "\u{9b}",
        "\u{202e}",
        "\u{2066}",
    ] {
        assert!(!shown.contains(obeyed), "{shown:?}");
    }
    assert!(shown.contains("[2J"), "{shown:?}");
}

/// The first connection gets no answer until the second one is told why.
#[test]
fn a_command_that_waits_says_what_for() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("slow.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let slow = std::thread::spawn(move || {
        let next = |body: fn(&str) -> Option<Reply>| {
            let (client, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&client).read_line(&mut line).unwrap();
            let answer = body(&line).map(|body| {
                to_line(&Envelope {
                    version: VERSION,
                    id: 1,
                    body,
                })
            });
            if let Some(line) = answer {
                (&client).write_all(&line.unwrap()).unwrap();
            }
            client
        };
        let first = next(|line| {
            assert!(line.contains("unload"), "{line}");
            None
        });
        next(|line| {
            assert!(line.contains("waiting"), "{line}");
            let inside = vec![ThreadInside {
                thread: 1234,
                hook: "fire".to_owned(),
            }];
            let change = ChangeReport {
                change: "unload".into(),
                codeletset: Some("set".to_owned()),
                begun: true,
                for_ms: 2345,
                inside,
            };
            Some(Reply::Waiting(WaitingReport {
                changes: vec![change],
                inside: Vec::new(),
            }))
        });
        let body = refusal();
        let line = to_line(&Envelope {
            version: VERSION,
            id: 1,
            body,
        })
        .unwrap();
        (&first).write_all(&line).unwrap();
    });
    let command = format!("unload set --socket {}", socket.display());
    let said = Terminal(folder.path()).complains(1, &command);
    slow.join().unwrap();
    assert!(
        said.starts_with("waiting for thread 1234 inside hook `fire` for 2 s\n"),
        "{said}"
    );
    assert!(said.contains(END), "{said}");
}

/// As one that is stopped: it accepts nobody, and its system lets some wait.
#[test]
fn a_command_says_that_nobody_answers() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("stopped.sock");
    let stopped = UnixListener::bind(&socket).unwrap();
    let command = format!("list --socket {}", socket.display());
    let mut pty = Pty::start(Terminal(folder.path()).command(&command), (200, 24));
    pty.wait_for("waiting for an application that may be stopped, or hang");
    drop((pty, stopped));
}

#[test]
fn an_application_that_no_panic_is_contained_in_is_warned_of() {
    use std::os::unix::fs::DirBuilderExt as _;

    let folder = tempfile::tempdir().unwrap();
    let sockets = folder.path().join("jbpf");
    let mut private = std::fs::DirBuilder::new();
    private.mode(0o700).create(&sockets).unwrap();
    let hello = Reply::Hello(Hello {
        name: "fragile".to_owned(),
        pid: 1,
        jbpf: String::new(),
        executable: None,
        aborts_on_panic: true,
        uptime_s: 0,
        codeletsets: 0,
        codelets: 0,
        memory: MemoryReport::default(),
    });
    let application = application(&sockets.join("fragile.sock"), vec![hello]);
    let said = Terminal(folder.path()).complains(0, "ps");
    assert!(
        said.contains(
            "`fragile` is built with panic = \"abort\": a panic of one of its helpers ends it"
        ),
        "{said}"
    );
    application.join().unwrap();
}

/// Programs that read the output get what was said.
#[test]
fn what_is_no_terminal_gets_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("hostile.sock");
    let answers = vec![
        Reply::Streams(vec![stream()]),
        Reply::Tail(stream()),
        record(),
    ];
    let application = application(&socket, answers);
    let command = format!(
        "tail 01010101010101010101010101010101 --count 1 --format csv --socket {}",
        socket.display()
    );
    let printed = Terminal(folder.path()).prints(&command);
    assert_eq!(printed, format!("text\n\"{}\"\n", hostile()));
    application.join().unwrap();
}
