//! The first example: a hook, a codelet compiled from C, records out and control back.
//!
//! ```text
//! cargo run --release --example first_example -- --count 5 --interval-ms 10
//! ```
//!
//! Once a second the application calls its hook `example` with a packet. The codelet
//! (`codelets/first_example/example_codelet.c`) counts its calls in a map, echoes the packet through
//! an output channel and prints the response that comes back. The application prints what comes out
//! and answers with the packet's sequence number.
//!
//! With `--wait` it loads nothing itself and serves its control socket: `jbpf load`, `jbpf tail`, `jbpf unload`
//! operate it while it runs.

mod debug_lines;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use clap::Parser;
use jbpf::json::JsonRecord;
use jbpf::{LoadRequest, Receiver, Runtime, SendError, Sender, StreamId, jbpf_data, jbpf_hook};
use signal_hook::consts::{SIGINT, SIGTERM};

/// What the application hands to its hook, and what the codelet sends out.
#[jbpf_data]
pub struct Packet {
    seq_no: i32,
    value: i32,
    #[jbpf(text)]
    name: [u8; 32],
}

/// What the application sends back to the codelet.
#[jbpf_data]
pub struct PacketResp {
    seq_no: i32,
}

/// Called for every packet.
#[jbpf_hook]
fn example(packet: &Packet, ctx_id: u32) {}

/// Ids of the codelet's channels, as in `load.yaml`.
const OUTPUT_STREAM: &str = "00112233445566778899AABBCCDDEEFF";
const INPUT_STREAM: &str = "11111111111111111111111111111111";

/// The first example of jbpf: a hook that runs a codelet compiled from C.
#[derive(Parser)]
struct Options {
    /// How many packets to pass; without it, until Ctrl-C.
    #[arg(long)]
    count: Option<i32>,
    /// Time between packets.
    #[arg(long, default_value_t = 1000)]
    interval_ms: u64,
    /// The load request.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/codelets/first_example/load.yaml"))]
    request: PathBuf,
    /// Leave the loading to an operator, over the control socket.
    #[arg(long, conflicts_with = "request")]
    wait: bool,
}

/// The codelet's channels, while it is loaded.
struct Channels {
    packets: Receiver<Packet>,
    responses: Sender<PacketResp>,
}

impl Channels {
    fn open(runtime: &Runtime) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            packets: runtime.output(OUTPUT_STREAM.parse::<StreamId>()?)?,
            responses: runtime.input(INPUT_STREAM.parse::<StreamId>()?)?,
        })
    }

    /// Prints what has come out, and answers.
    fn serve(&self) -> Result<(), SendError> {
        for packet in self.packets.try_iter() {
            println!("{:#}\n", JsonRecord::of(&packet));
            self.responses.send(&PacketResp {
                seq_no: packet.seq_no,
            })?;
        }
        Ok(())
    }

    fn are_open(&self) -> bool {
        !self.packets.raw().is_closed()
    }
}

fn main() -> ExitCode {
    debug_lines::print();
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let interrupted = interrupts()?;
    let builder = Runtime::builder().name("first_example");
    if options.wait {
        let runtime = builder.serve().build()?;
        eprintln!(
            "waiting for codelets; from another terminal: jbpf load {}",
            options.request.display()
        );
        return operated(&runtime, options, &interrupted);
    }
    let runtime = builder.build()?;
    let set = runtime.load(&LoadRequest::from_yaml_file(&options.request)?)?;
    for codelet in set.info().codelets {
        eprintln!("loaded codelet {} on hook {}", codelet.name, codelet.hook);
    }
    let channels = Channels::open(&runtime)?;
    for seq_no in 1..=options.count.unwrap_or(i32::MAX) {
        example(&packet(seq_no), 0);
        channels.serve()?;
        if options.is_over(seq_no, &interrupted) {
            break;
        }
    }
    runtime.unload(set.id())?;
    Ok(())
}

/// The codelet comes and goes as an operator wants.
fn operated(
    runtime: &Runtime,
    options: &Options,
    interrupted: &mpsc::Receiver<()>,
) -> Result<(), Box<dyn Error>> {
    let mut channels = None;
    for seq_no in 1..=options.count.unwrap_or(i32::MAX) {
        example(&packet(seq_no), 0);
        channels = channels
            .filter(Channels::are_open)
            .or_else(|| Channels::open(runtime).ok());
        match channels.as_ref().map_or(Ok(()), Channels::serve) {
            // Unloaded meanwhile: what it was sent is of no use to anybody. Or an operator has sent so much that the codelet
            // is behind: what found no place is counted.
            Ok(()) | Err(SendError::Closed | SendError::Full) => {}
            Err(error) => return Err(error.into()),
        }
        if options.is_over(seq_no, interrupted) {
            break;
        }
    }
    Ok(())
}

impl Options {
    /// Whether this packet was the last one; waits for the next one's time.
    fn is_over(&self, seq_no: i32, interrupted: &mpsc::Receiver<()>) -> bool {
        let interval = Duration::from_millis(self.interval_ms);
        self.count == Some(seq_no) || interrupted.recv_timeout(interval).is_ok()
    }
}

fn packet(seq_no: i32) -> Packet {
    let mut name = [0; 32];
    let text = format!("instance {seq_no}");
    for (byte, character) in name.iter_mut().zip(text.bytes()) {
        *byte = character;
    }
    Packet {
        seq_no,
        value: -seq_no,
        name,
    }
}

/// Receives a message when the user presses Ctrl-C.
fn interrupts() -> Result<mpsc::Receiver<()>, std::io::Error> {
    let (sender, receiver) = mpsc::channel();
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            // Nobody listens once the loop has ended.
            let _ = sender.send(());
        }
    });
    Ok(receiver)
}
