//! The first example in two processes: a host whose codelet sends packets out, and a collector
//! that reads them.
//!
//! ```text
//! cargo run --release --example first_example_ipc -- --count 5 --interval-ms 10
//! ```
//!
//! runs both. `host` and `collector` run one each, in two terminals: the collector may come late,
//! be killed, and come again; what finds no place in the channel meanwhile is counted as dropped.
//!
//! `packet.rs` is what both know, `host.rs` the one that has the runtime, `collector.rs` the one
//! that needs `jbpf-channel` alone: no verifier, no compiler.

mod collector;
#[path = "../debug_lines/mod.rs"]
mod debug_lines;
mod host;
mod packet;

use std::error::Error;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitCode};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};
use signal_hook::consts::{SIGINT, SIGTERM};

/// The first example of jbpf in two processes. Without a command it runs both.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Options {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    pace: Pace,
}

#[derive(Subcommand)]
enum Part {
    /// Run the hook and its codelet.
    Host(Pace),
    /// Read what the host's codelet sends, and answer.
    Collector,
}

/// How many packets, and how fast.
#[derive(Args)]
struct Pace {
    /// How many packets to pass; without it, until Ctrl-C.
    #[arg(long)]
    count: Option<i32>,
    /// Time between packets.
    #[arg(long, default_value_t = 1000)]
    interval_ms: u64,
}

impl Pace {
    /// Whether this packet was the last one; waits for the next one's time.
    fn is_over(&self, seq_no: i32, interrupted: &mpsc::Receiver<()>) -> bool {
        let interval = Duration::from_millis(self.interval_ms);
        self.count == Some(seq_no) || interrupted.recv_timeout(interval).is_ok()
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    debug_lines::print();
    match &options.part {
        None => host::run(&options.pace, &interrupts()?, || {
            Collecting::start().map(Some)
        }),
        Some(Part::Host(pace)) => host::run(pace, &interrupts()?, || Ok(None)),
        Some(Part::Collector) => collector::run(),
    }
}

/// A collector that this process has started.
struct Collecting(Child);

impl Collecting {
    /// How long it may take for something.
    const PATIENCE: Duration = Duration::from_secs(30);

    fn start() -> std::io::Result<Self> {
        // Ctrl-C is the host's to hear: the collector ends with the channel.
        let child = Command::new(std::env::current_exe()?)
            .arg("collector")
            .process_group(0)
            .spawn()?;
        Ok(Self(child))
    }

    /// Waits until the collector `has done` what makes `ready` true.
    fn wait_until(
        &mut self,
        has_done: &str,
        ready: impl Fn() -> bool,
    ) -> Result<(), Box<dyn Error>> {
        let start = Instant::now();
        while !ready() {
            if let Some(status) = self.0.try_wait()? {
                return Err(format!("the collector ended before it {has_done}: {status}").into());
            }
            pause(start, has_done)?;
        }
        Ok(())
    }

    /// Waits for its end, which must be a good one.
    fn finish(mut self) -> Result<(), Box<dyn Error>> {
        let start = Instant::now();
        loop {
            match self.0.try_wait()? {
                None => pause(start, "has ended")?,
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("the collector failed: {status}").into()),
            }
        }
    }
}

/// Lets a moment pass, as long as there is patience.
fn pause(start: Instant, awaited: &str) -> Result<(), String> {
    if start.elapsed() > Collecting::PATIENCE {
        return Err(format!("no collector {awaited} for a long time"));
    }
    std::thread::sleep(Duration::from_millis(1));
    Ok(())
}

impl Drop for Collecting {
    fn drop(&mut self) {
        // Fails when it has ended, which is the usual case.
        let _ = self.0.kill();
        let _ = self.0.wait();
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
