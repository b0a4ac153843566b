//! An operator with a lying application: any bytes as an answer, and the command that prints it.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use jbpf_channel::StreamId;
use jbpf_channel::record::RecordType;
use jbpf_operator::client::{Operator, OperatorError, TailEvent};
use jbpf_operator::protocol::{MapBody, MapPage};
use jbpf_operator::request::{CodeletBuilder, LoadRequest};
use jbpf_verifier::report::render;
use jbpf_verifier::types::{ContextDef, HelperTable};
use jbpf_verifier::{Program, RawInsn, verify};

use super::{csv, protobuf};
use crate::record::{Record, encode, opaque};

/// The time that an operator waits. Answers are there before it asks.
const PATIENCE: Duration = Duration::from_secs(20);
/// Records that are shown.
const MAX_RECORDS: usize = 16;
/// The largest record whose zeros are shown.
const LARGEST: u32 = 1 << 12;

/// The socket that applications listen on.
struct Door {
    listener: UnixListener,
    path: PathBuf,
}

static DOOR: LazyLock<Mutex<Door>> = LazyLock::new(|| {
    let name = format!("jbpf-lying-application-{}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    Mutex::new(Door { listener, path })
});

/// The first byte chooses the question; the application sends the rest as its answer to any
/// question.
pub fn check(bytes: &[u8]) {
    let Some((question, says)) = bytes.split_first() else {
        return;
    };
    let door = DOOR.lock().unwrap_or_else(PoisonError::into_inner);
    let operator = Operator::connect_within(&door.path, PATIENCE).unwrap();
    let (socket, _) = door.listener.accept().unwrap();
    drop(door);
    say(&socket, says);
    if let Err(error) = ask(operator, *question) {
        assert!(!error.to_string().is_empty());
        if let OperatorError::Refused(report) = error
            && let Some(rejection) = report.rejection
        {
            for color in [false, true] {
                assert!(!render(&rejection, color).is_empty());
            }
        }
    }
}

/// Writes as many bytes as fit into the socket's buffer.
fn say(socket: &UnixStream, mut rest: &[u8]) {
    socket.set_nonblocking(true).unwrap();
    while !rest.is_empty() {
        let Ok(sent) = std::io::Write::write(&mut &*socket, rest) else {
            break;
        };
        rest = &rest[sent..];
    }
    socket.shutdown(std::net::Shutdown::Write).unwrap();
}

fn ask(mut operator: Operator, question: u8) -> Result<(), OperatorError> {
    let id = StreamId([1; 16]);
    match question % 12 {
        0 => operator.hello().map(drop),
        1 => {
            let helpers = operator.helpers()?;
            for helper in helpers.iter().take(MAX_RECORDS) {
                // Numbers for arguments, or addresses of the stack.
                for argument in [insn(0xb7, 0, 0, 8), insn(0xbf, 0, 10, 0)] {
                    let mut insns = vec![insn(0x7a, 10, 0, 0)];
                    insns.extend((1..=5).map(|dst| RawInsn { dst, ..argument }));
                    insns.extend([
                        insn(0x85, 0, 0, helper.id.cast_signed()),
                        insn(0x95, 0, 0, 0),
                    ]);
                    verify_for(&ContextDef::generic(), &helpers, insns);
                }
            }
            Ok(())
        }
        2 => operator.header().map(drop),
        3 => operator.list().map(drop),
        4 => operator.show("set").map(drop),
        5 => operator.statistics(Some(&["example"])).map(drop),
        6 => {
            let codelet = CodeletBuilder::from_bytes("codelet", vec![0x7f], "example");
            let request = LoadRequest::builder("set").codelet(codelet).build();
            operator.load(&request.unwrap()).map(drop)
        }
        7 => operator.send(id, &[1, 2, 3]),
        8 => {
            for hook in operator.hooks()? {
                show(hook.data.as_ref(), &[0; 8]);
                for off in [0, 8, 16, 24, 28] {
                    let load = RawInsn {
                        off,
                        ..insn(0x79, 0, 1, 0)
                    };
                    let byte = insn(0x71, 0, 0, 0);
                    let insns = vec![load, byte, insn(0x95, 0, 0, 0)];
                    verify_for(&hook.context, &HelperTable::builtin(), insns);
                }
            }
            Ok(())
        }
        9 => {
            for stream in operator.streams()? {
                show(stream.record_type.as_ref(), &[0xff; 8]);
            }
            Ok(())
        }
        10 => operator.map(&map()).map(|page| show_page(&page)),
        _ => watch(operator, id),
    }
}

fn insn(opcode: u8, dst: u8, src: u8, imm: i32) -> RawInsn {
    RawInsn {
        opcode,
        dst,
        src,
        off: if opcode == 0x7a { -8 } else { 0 },
        imm,
    }
}

/// `jbpf verify`, against the context and helpers that the application declares.
fn verify_for(context: &ContextDef, helpers: &HelperTable, insns: Vec<RawInsn>) {
    let program = Program {
        name: "program".to_owned(),
        insns,
        ..Program::default()
    };
    let (context, helpers) = (Arc::new(context.clone()), Arc::new(helpers.clone()));
    if let Err(rejection) = verify(&Arc::new(program), &context, &helpers) {
        assert!(!render(&rejection, false).is_empty());
    }
}

fn map() -> MapBody {
    MapBody {
        codeletset: "set".to_owned(),
        codelet: "codelet".to_owned(),
        map: "map".to_owned(),
        skip: 0,
        limit: None,
    }
}

fn show_page(page: &MapPage) {
    for element in page.elements.iter().take(MAX_RECORDS) {
        show(page.key_type.as_ref(), &element.key.0);
        show(page.value_type.as_ref(), &element.value.0);
    }
}

/// `jbpf tail`.
fn watch(operator: Operator, id: StreamId) -> Result<(), OperatorError> {
    let mut tail = operator.tail(id)?;
    let stream = tail.stream().clone();
    let layout = stream
        .record_type
        .unwrap_or_else(|| opaque(stream.record_size));
    for _ in 0..MAX_RECORDS {
        match tail.next_event(Some(PATIENCE))? {
            Some(TailEvent::Record(event)) => show(Some(&layout), &event.bytes.0),
            Some(TailEvent::End { .. }) | None => break,
        }
    }
    Ok(())
}

/// Shows a record in each format of the command, and reads it back from some.
fn show(layout: Option<&RecordType>, bytes: &[u8]) {
    let json = Record::new(layout, bytes).to_string();
    drop(Record::in_a_row(layout, bytes).to_string());
    let Some(layout) = layout else { return };
    if let Ok(value) = serde_json::from_str(&json) {
        drop(encode(layout, &value));
    }
    if let Ok(columns) = csv::Columns::of(layout)
        && let (Ok(names), Ok(line)) = (columns.names(), columns.line(bytes))
    {
        drop(csv::read(layout, &[names, line].concat()));
    }
    if let Ok(messages) = protobuf::Messages::of(layout)
        && let Ok(message) = messages.encode(layout, bytes)
        && layout.size <= LARGEST
    {
        drop(messages.decode(layout, &message));
    }
}
