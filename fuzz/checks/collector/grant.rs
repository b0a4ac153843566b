//! A collector with a lying host. The host lies in its answers, in the numbers of its grants, in
//! the files that it sends, and in their contents, at first and later.

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use jbpf_channel::protocol::{
    CollectorReply, Envelope, InputGrant, OutputGrant, VERSION, send_with_descriptors, to_line,
};
use jbpf_channel::record::RecordType;
use jbpf_channel::{Collector, Doorbell, RawReceiver, RawSender, StreamId};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::pwrite;

use super::decisions::Decisions;

/// Steps of a collector with one channel.
const MAX_STEPS: usize = 64;
/// The largest file that a host sends.
const MAX_FILE: u64 = 1 << 20;

/// The socket that hosts listen on.
struct Door {
    listener: UnixListener,
    path: PathBuf,
}

static DOOR: LazyLock<Mutex<Door>> = LazyLock::new(|| {
    let name = format!("jbpf-lying-host-{}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    Mutex::new(Door { listener, path })
});

/// The kind of channel that a collector asks the host for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Output,
    Tap,
    Input,
}

/// The host's end of the connection, and the files that it has sent.
struct Host {
    socket: Option<UnixStream>,
    files: Vec<OwnedFd>,
}

pub fn check(bytes: &[u8]) {
    let decisions = &mut Decisions::new(bytes);
    let wish = [Wish::Output, Wish::Tap, Wish::Input][usize::from(decisions.below(3))];
    let files = files(decisions);
    let says = answers(decisions, wish);
    let door = DOOR.lock().unwrap_or_else(PoisonError::into_inner);
    let collector = Collector::connect(&door.path).unwrap();
    let (socket, _) = door.listener.accept().unwrap();
    drop(door);
    let sent = send_with_descriptors(&socket, &says, &files).unwrap();
    // A blocking write that exceeds the socket's buffer would wait for the collector, which has
    // not begun to read.
    socket.set_nonblocking(true).unwrap();
    let _ = (&socket).write_all(says.get(sent..).unwrap_or_default());
    // The shutdown ends the collector's wait for answers that never come.
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    let mut host = Host {
        socket: Some(socket),
        files,
    };
    let id = StreamId([7; 16]);
    match wish {
        Wish::Output | Wish::Tap => {
            let opened = match wish {
                Wish::Tap => collector.raw_tap(id),
                _ => collector.raw_output(id),
            };
            match opened {
                Ok(receiver) => receive(receiver, &mut host, decisions),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
        Wish::Input => match collector.raw_input(id) {
            Ok(sender) => send(sender, &mut host, decisions),
            Err(error) => assert!(!error.to_string().is_empty()),
        },
    }
}

/// Up to three files, fit or unfit for a ring, with their first contents.
fn files(decisions: &mut Decisions<'_>) -> Vec<OwnedFd> {
    let count = decisions.below(4);
    let mut files: Vec<OwnedFd> = (0..count).map(|_| file(decisions)).collect();
    for _ in 0..decisions.below(32) {
        write_word(&files, decisions);
    }
    files.truncate(usize::from(count));
    files
}

fn file(decisions: &mut Decisions<'_>) -> OwnedFd {
    let kind = decisions.byte();
    let file = memfd_create("lie", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    let len = match kind >> 4 {
        0..=7 => 1 << 16,
        8..=11 => u64::from(decisions.byte()) * 512,
        12 => 0,
        _ => u64::from(decisions.u32()) % MAX_FILE,
    };
    ftruncate(&file, len).unwrap();
    let seals = match kind & 15 {
        0..=9 => SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL,
        10 => SealFlags::empty(),
        11 => SealFlags::GROW,
        12 => SealFlags::SHRINK | SealFlags::WRITE,
        13 => SealFlags::SHRINK | SealFlags::FUTURE_WRITE,
        _ => return eventfd(0, EventfdFlags::CLOEXEC).unwrap(),
    };
    fcntl_add_seals(&file, seals).unwrap();
    file
}

/// Writes a number to a word of one of the files. The first words matter most, so half of the
/// choices are among them.
fn write_word(files: &[OwnedFd], decisions: &mut Decisions<'_>) {
    let (which, place) = (decisions.byte(), decisions.byte());
    let Some(file) = files.get(usize::from(which >> 6)) else {
        return;
    };
    let offset = if which & 32 == 0 {
        u64::from(place) * 8
    } else {
        u64::from(place) * 256 + u64::from(which & 31) * 8
    };
    let word = if which & 16 == 0 {
        decisions.number(0)
    } else {
        // An entry: the lower half of a number, and a buffer.
        decisions.number(1) << 32 | u64::from(decisions.byte())
    };
    // The write may fail: the file may be short, sealed, or an eventfd.
    let _ = pwrite(file, &word.to_ne_bytes(), offset);
}

/// The lines that the host sends before the collector asks: the first answer, and later ones.
fn answers(decisions: &mut Decisions<'_>, wish: Wish) -> Vec<u8> {
    let manner = decisions.byte();
    if manner >= 200 {
        // Any bytes.
        let count = usize::from(decisions.byte());
        return decisions.bytes(count).to_vec();
    }
    let attachment = decisions.number(1);
    let body = match wish {
        _ if manner >= 190 => CollectorReply::Closed { attachment },
        Wish::Input => CollectorReply::Input {
            attachment,
            grant: input_grant(decisions),
        },
        Wish::Output | Wish::Tap => CollectorReply::Output {
            attachment,
            grant: output_grant(decisions, (wish == Wish::Tap) != (manner >= 180)),
        },
    };
    let mut says = line(1, body);
    if manner & 1 != 0 {
        // An error under any id comes before the answer.
        let other = CollectorReply::Error {
            code: "no".into(),
            message: "no\u{1b}[2J".to_owned(),
        };
        let id = decisions.number(1);
        says.splice(0..0, line(id, other));
    }
    for id in 2..2 + u64::from(decisions.below(4)) {
        says.extend(line(
            id,
            CollectorReply::StandingIn {
                attachment,
                delivered: decisions.number(8),
            },
        ));
    }
    says
}

fn line(id: u64, body: CollectorReply) -> Vec<u8> {
    let version = VERSION;
    to_line(&Envelope { version, id, body }).unwrap()
}

fn size(decisions: &mut Decisions<'_>, usual: u32) -> u32 {
    match decisions.byte() {
        small @ 0..=23 => usual << (small % 8),
        small @ 24..=199 => u32::from(small - 24),
        200..=227 => u32::MAX >> decisions.below(32),
        _ => decisions.u32(),
    }
}

fn output_grant(decisions: &mut Decisions<'_>, tap: bool) -> OutputGrant {
    OutputGrant {
        name: "set/codelet/out".to_owned(),
        record_type: record_type(decisions),
        capacity: size(decisions, 1),
        record_size: size(decisions, 8),
        slots: size(decisions, 1),
        tap,
        fences: decisions.byte() & 1 != 0,
    }
}

fn input_grant(decisions: &mut Decisions<'_>) -> InputGrant {
    InputGrant {
        name: "set/codelet/in".to_owned(),
        record_type: record_type(decisions),
        capacity: size(decisions, 1),
        record_size: size(decisions, 8),
    }
}

fn record_type(decisions: &mut Decisions<'_>) -> Option<RecordType> {
    match decisions.below(4) {
        0 => Some(RecordType::of::<u64>()),
        1 => Some(RecordType::of::<[u16; 3]>()),
        _ => None,
    }
}

/// Reads like a collector, while the host goes on lying.
fn receive(receiver: RawReceiver, host: &mut Host, decisions: &mut Decisions<'_>) {
    let size = receiver.record_size() as usize;
    assert!(size <= 1 << 20);
    let mut record = vec![0; size];
    for _ in 0..MAX_STEPS {
        if decisions.is_over() {
            break;
        }
        match decisions.below(13) {
            0..=2 => {
                let number = receiver.try_recv(&mut record);
                assert_eq!(number, number.and(receiver.record_number()));
            }
            3 => drop(receiver.try_recv(&mut record[..size / 2])),
            4 => {
                let count = usize::from(decisions.byte());
                assert!(
                    receiver
                        .try_iter()
                        .take(count)
                        .all(|record| record.len() == size)
                );
            }
            5 => {
                let _ = receiver.recv(&mut record, Some(Duration::ZERO));
            }
            6 => drop((receiver.dropped(), receiver.lost(), receiver.is_closed())),
            7 => host.socket = None,
            8 => {
                assert!(
                    receiver
                        .try_recv_bytes()
                        .is_none_or(|record| record.len() == size)
                );
            }
            12 => check_readiness(&receiver),
            9 if decisions.byte() == 0 => {
                match receiver.described::<u64>() {
                    Ok(typed) => drop((typed.try_recv(), typed.try_iter().take(9).count())),
                    Err(error) => assert!(!error.to_string().is_empty()),
                }
                return;
            }
            _ => write_word(&host.files, decisions),
        }
    }
}

/// Checks that a ring that is ready has something to read: otherwise a waiting reader would spin.
fn check_readiness(receiver: &RawReceiver) {
    let bell = Doorbell::new().unwrap();
    // A tap is ready now and then because it wants to ask the host for room, which this host
    // refuses.
    let gives_or_sleeps = (0..50).any(|_| {
        let given = receiver.try_recv_bytes().is_some() || receiver.is_closed();
        given || !bell.arm([receiver])
    });
    assert!(gives_or_sleeps, "ready, and nothing to read");
}

/// Sends like a collector, while the host goes on lying.
fn send(sender: RawSender, host: &mut Host, decisions: &mut Decisions<'_>) {
    let size = sender.record_size() as usize;
    assert!(size <= 1 << 20);
    let record = vec![0x5a; size + 1];
    for _ in 0..MAX_STEPS {
        if decisions.is_over() {
            break;
        }
        match decisions.below(8) {
            0..=2 => drop(sender.send(&record[..size])),
            3 => drop(sender.send(&record[..size / 2])),
            4 => assert!(sender.send(&record).is_err()),
            5 => drop((sender.dropped(), sender.clone())),
            6 if decisions.byte() == 0 => host.socket = None,
            _ => write_word(&host.files, decisions),
        }
    }
    if let Err(error) = sender.described::<u64>() {
        assert!(!error.to_string().is_empty());
    }
}
