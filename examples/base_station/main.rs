//! A stand-in for a 5G base station (gNB) that is watched, and steered, by codelets.
//!
//! ```text
//! cargo run --release --example base_station
//! ```
//!
//! The station has 83 hooks in eight layers (`hooks`). Five threads call them as a station of two
//! cells would (`traffic`): 110,000 times a second when it is idle, and 1,000,000 times when it is
//! loaded. Fourteen codelets in C and C++ (`codelets/base_station`), two of them attached twice,
//! measure the throughput of UEs, the use of resource blocks, HARQ, buffers, CRCs, xRAN packets,
//! delays and volumes. They share out the resource blocks between slices, and report what they
//! have found.
//!
//! The traffic depends on the seed and the number of slots alone. The traffic model counts by
//! itself what the codelets count. If the two differ, the example says so and ends with code 1.
//! The share of a core that the codelets take is the difference between turns without codelets and
//! turns with them.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use jbpf::stats::Statistics;
use jbpf::{LoadRequest, Receiver, Runtime, StreamId};

pub(crate) mod hooks;
mod report;
pub(crate) mod totals;
mod traffic;
mod turn;

use totals::{CellReport, Session, SliceWeights, Totals};
use traffic::{Load, Run, SLICE_WEIGHTS, Stay};
use turn::Turn;

/// As in `load.yaml`.
const CELL_REPORTS: StreamId = StreamId([0xce; 16]);
const SESSIONS: StreamId = StreamId([0x5e; 16]);
const WEIGHTS: StreamId = StreamId([0x51; 16]);

/// A stand-in for a base station that is watched and steered by codelets.
#[derive(Parser)]
struct Options {
    /// How busy the station is.
    #[arg(long, value_enum, default_value_t = Loads::Both)]
    load: Loads,
    /// How long a turn is, in the station's time.
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    seconds: f64,
    /// Turns without codelets, and as many with them. One more measures each codelet.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    turns: u32,
    /// Where everything random begins.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Runs the station alone.
    #[arg(long)]
    no_codelets: bool,
    /// Works off the slots as fast as it goes, and does not wait for their time.
    #[arg(long)]
    unpaced: bool,
    /// Hides every Nth call of each thread from the codelets, to see that the totals are compared.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    hide: Option<u64>,
    /// The load request.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/codelets/base_station/load.yaml"))]
    request: PathBuf,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Loads {
    Idle,
    Loaded,
    Both,
}

/// The maps of the codelets have room for the UEs of a minute.
fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=60.0).contains(&seconds) => Ok(seconds),
        _ => Err("0.01 to 60 seconds".to_owned()),
    }
}

impl Options {
    fn run(&self) -> Run {
        Run {
            slots: (self.seconds * 1e9 / hooks::SLOT_NS as f64) as u64,
            seed: self.seed,
            hide: self.hide,
        }
    }

    fn loads(&self) -> &[Load] {
        match self.load {
            Loads::Idle => &[traffic::IDLE],
            Loads::Loaded => &[traffic::LOADED],
            Loads::Both => &[traffic::IDLE, traffic::LOADED],
        }
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(differences) if differences.is_empty() => {
            println!("\nAll totals are what the application counted itself.");
            ExitCode::SUCCESS
        }
        Ok(differences) => {
            println!("\nThe totals differ from what the application counted itself:");
            for difference in differences {
                println!("  {difference}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the station under each load. The result is how the totals differ.
fn run(options: &Options) -> Result<Vec<String>, Box<dyn Error>> {
    let runtime = Runtime::builder().name("base_station").build()?;
    let request = LoadRequest::from_yaml_file(&options.request)?;
    let run = options.run();
    println!(
        "A base station of {} cells: {} slots of 0.5 ms a turn, seed {}, {}.",
        hooks::CELLS,
        run.slots,
        run.seed,
        if options.unpaced {
            "as fast as it goes"
        } else {
            "in real time"
        },
    );
    let mut differences = Vec::new();
    for load in options.loads() {
        let station = Station {
            runtime: &runtime,
            request: &request,
            load,
            plan: traffic::plan(load, run.seed, run.slots),
            run: &run,
            options,
        };
        differences.extend(station.run()?);
    }
    Ok(differences)
}

/// A station under a load.
struct Station<'a> {
    runtime: &'a Runtime,
    request: &'a LoadRequest,
    load: &'a Load,
    plan: Vec<Stay>,
    run: &'a Run,
    options: &'a Options,
}

impl Station<'_> {
    /// All turns. The result is how the totals of any of them differ.
    fn run(&self) -> Result<Vec<String>, Box<dyn Error>> {
        let seconds = self.run.slots as f64 * hooks::SLOT_NS as f64 * 1e-9;
        let mut differences = Vec::new();
        let mut turns = Vec::new();
        println!(
            "\nThe station is {}: {} UEs.",
            self.load.name, self.load.ues
        );
        for number in 1..=self.options.turns {
            let alone = self.turn(|| {});
            if self.options.no_codelets {
                turns.push((alone.busy, None));
                if number == self.options.turns {
                    report::print_calls(&alone.calls, seconds);
                }
                continue;
            }
            let (watched, reported) = self.watched(|_| Ok(()))?;
            turns.push((alone.busy, Some(watched.busy)));
            differences.extend(watched.counted.differences(&reported));
            if number == self.options.turns {
                report::print_calls(&watched.calls, seconds);
                reported.print(seconds);
            }
        }
        let clock = match turn::processor_time() {
            Some(_) => "processor time",
            None => "time",
        };
        report::print_shares(&turns, seconds, clock);
        if !self.options.no_codelets {
            let measuring = self.runtime.measure_all()?;
            let (measured, reported) = self.watched(|statistics| {
                report::print_measured(&statistics, seconds);
                Ok(())
            })?;
            drop(measuring);
            differences.extend(measured.counted.differences(&reported));
        }
        Ok(differences)
    }

    fn turn(&self, receive: impl FnMut()) -> Turn {
        turn::take(
            self.load,
            &self.plan,
            self.run,
            !self.options.unpaced,
            receive,
        )
    }

    /// A turn with codelets, and what they have found.
    fn watched(
        &self,
        inspect: impl FnOnce(Statistics) -> Result<(), Box<dyn Error>>,
    ) -> Result<(Turn, Totals), Box<dyn Error>> {
        let set = self.runtime.load(self.request)?;
        let records = Records::open(self.runtime)?;
        let mut reported = Totals::default();
        let turn = self.turn(|| records.receive(&mut reported));
        reported.read(&set)?;
        reported.lost = records.lost();
        inspect(self.runtime.statistics())?;
        drop(records);
        self.runtime.unload(set.id())?;
        Ok((turn, reported))
    }
}

/// The channels of the codelets.
struct Records {
    reports: Receiver<CellReport>,
    sessions: Receiver<Session>,
}

impl Records {
    /// Opens the channels, and tells `slice_policy` the weights of the slices.
    fn open(runtime: &Runtime) -> Result<Self, Box<dyn Error>> {
        let weights = runtime.input::<SliceWeights>(WEIGHTS)?;
        weights.send(&SliceWeights {
            weights: SLICE_WEIGHTS,
        })?;
        Ok(Self {
            reports: runtime.output(CELL_REPORTS)?,
            sessions: runtime.output(SESSIONS)?,
        })
    }

    fn receive(&self, reported: &mut Totals) {
        for report in self.reports.try_iter() {
            reported.add_report(&report);
        }
        for session in self.sessions.try_iter() {
            reported.add_session(&session);
        }
    }

    fn lost(&self) -> u64 {
        self.reports.dropped() + self.sessions.dropped()
    }
}
