//! A codelet that runs in this process, on maps of its own and without a hook.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::SystemTime;

use jbpf_channel::RawReceiver;
use jbpf_core::builtins;
use jbpf_core::engine::interpreter::{self, Observer};
use jbpf_core::engine::measure::HookStats;
use jbpf_core::engine::{Abort, BoundCodelet, CodeletEnvironment, CompiledHook, Engine, Input};
use jbpf_core::map::{Map, MapOptions, SPARE_RECORDS, Storage};
use jbpf_hooks::hook::HookKind;
use jbpf_operator::stats::AbortPlace;
use jbpf_verifier::VerifiedProgram;
use serde::Serialize;

use crate::on_rbpf::OnRbpf;
use crate::output::Failure;
use crate::verdict;

/// The machines that a codelet can run on here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Machine {
    Interpreter,
    Native,
    Rbpf,
}

impl Machine {
    /// The name that the command line and the output have for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Interpreter => "interpreter",
            Self::Native => "native",
            Self::Rbpf => "rbpf",
        }
    }
}

/// A codelet, and what runs it.
pub(crate) struct OffTarget {
    codelet: Arc<BoundCodelet>,
    runner: Runner,
    outputs: Vec<(String, RawReceiver)>,
}

enum Runner {
    Interpreter { least: u64, most: u64 },
    Native(CompiledHook, Arc<HookStats>),
    Rbpf(OnRbpf),
}

/// The time that the calls so far took.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Effort {
    /// The fewest and the most instructions of a call.
    Instructions {
        least_instructions: u64,
        most_instructions: u64,
    },
    /// The shortest, the average and the longest call, with the reading of the clock.
    Times {
        least_ns: u64,
        mean_ns: u64,
        most_ns: u64,
    },
}

impl std::fmt::Display for Effort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::Instructions {
                least_instructions: least,
                most_instructions: most,
            } => {
                if least < most {
                    write!(f, "{least} to ")?;
                }
                f.write_str(&verdict::count(most, "instruction"))
            }
            Self::Times {
                least_ns,
                mean_ns,
                most_ns,
            } => write!(f, "{mean_ns} ns a call, {least_ns} to {most_ns} ns"),
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The codelet returned this.
    Returned(u64),
    /// The codelet left before.
    Left(Abort),
}

impl OffTarget {
    /// Makes maps and channels, and compiles the program for the native engine.
    pub(crate) fn new(
        verified: VerifiedProgram,
        environment: CodeletEnvironment,
        machine: Machine,
    ) -> Result<Self, Failure> {
        let mut options = MapOptions::default();
        options.spare_records = SPARE_RECORDS;
        let maps = verified.program().maps.iter();
        let maps: Vec<Arc<Map>> = maps
            .map(|def| Map::new(def, &options).map(Arc::new))
            .collect::<Result<_, _>>()?;
        let mut outputs = Vec::new();
        for map in &maps {
            if let Storage::RingBuf(output) | Storage::Output(output) = map.storage() {
                let reader = output.ring().primary()?;
                outputs.push((map.def().name.clone(), reader));
            }
        }
        let helpers = builtins::bindings(Arc::clone(verified.helpers()), [])?;
        let environment = Arc::new(environment);
        let codelet = BoundCodelet::bind(verified, maps, Arc::new(helpers), environment)?;
        let codelet = Arc::new(codelet);
        let runner = match machine {
            Machine::Interpreter => Runner::Interpreter {
                least: u64::MAX,
                most: 0,
            },
            Machine::Native => {
                let stats = Arc::new(HookStats::new(1));
                let codelets = [Arc::clone(&codelet)];
                let compiled = Engine::Native.compile(
                    HookKind::Control,
                    &codelets,
                    Some(Arc::clone(&stats)),
                )?;
                Runner::Native(compiled, stats)
            }
            Machine::Rbpf => Runner::Rbpf(OnRbpf::new(&codelet)?),
        };
        Ok(Self {
            codelet,
            runner,
            outputs,
        })
    }

    /// The place where it left a call that has just ended.
    pub(crate) fn place(&self, abort: Abort) -> AbortPlace {
        abort.place(self.codelet.program().program(), SystemTime::now())
    }

    /// Its maps, in the order of the object's.
    pub(crate) fn maps(&self) -> &[Arc<Map>] {
        self.codelet.maps()
    }

    /// Puts a record into an input channel.
    pub(crate) fn send(&self, name: &str, record: &[u8]) -> Result<(), Failure> {
        for map in self.maps().iter().filter(|map| map.def().name == name) {
            if let Storage::ControlInput(input) = map.storage() {
                let sent = input.ring().send_bytes(record);
                sent.map_err(|source| Failure::NotSent {
                    map: name.to_owned(),
                    source,
                })?;
            }
        }
        Ok(())
    }

    /// Runs it once; how it ended. The observer sees the steps of the interpreter.
    pub(crate) fn call(
        &mut self,
        input: &mut Input<'_>,
        observer: &mut impl Observer,
    ) -> Result<End, Failure> {
        match &mut self.runner {
            Runner::Interpreter { least, most } => {
                let outcome = interpreter::run(&self.codelet, input, observer)?;
                *least = outcome.instructions.min(*least);
                *most = outcome.instructions.max(*most);
                Ok(outcome.left.map_or(End::Returned(outcome.r0), End::Left))
            }
            Runner::Native(compiled, stats) => {
                // Every call is timed.
                stats.look_closely();
                let answer = compiled.answer(input)?;
                let left = || self.codelet.aborts().last();
                Ok(match (answer, answer.is_none().then(left).flatten()) {
                    (None, Some(last)) => End::Left(last.abort),
                    (answer, _) => End::Returned(answer.unwrap_or_default()),
                })
            }
            Runner::Rbpf(rbpf) => rbpf.call(&self.codelet, input).map(End::Returned),
        }
    }

    /// Takes the records that were sent out, each with the map that it came from.
    pub(crate) fn records(&self) -> impl Iterator<Item = (&str, Vec<u8>)> {
        let outputs = self.outputs.iter();
        outputs.flat_map(|(name, reader)| {
            let records = std::iter::from_fn(|| reader.try_recv_bytes());
            records.map(move |record| (name.as_str(), record))
        })
    }

    /// Records that found no place, by the map that they were for.
    pub(crate) fn dropped(&self) -> impl Iterator<Item = (&str, u64)> {
        let outputs = self.outputs.iter();
        let dropped = outputs.map(|(name, reader)| (name.as_str(), reader.dropped()));
        dropped.filter(|(_, records)| *records > 0)
    }

    /// Shows the entries of a map until that fails.
    pub(crate) fn entries(
        map: &Map,
        mut show: impl FnMut(u32, &[u8], &[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut shown = Ok(());
        map.for_each(|thread, key, value| {
            shown = show(thread, key, value);
            match shown {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        shown
    }

    /// The time that the calls so far took.
    pub(crate) fn effort(&self) -> Effort {
        match &self.runner {
            Runner::Interpreter { least, most } => Effort::Instructions {
                least_instructions: *least,
                most_instructions: *most,
            },
            Runner::Native(_, stats) => {
                let totals = stats.hook().totals();
                Effort::Times {
                    least_ns: totals.times.min_ns,
                    mean_ns: totals.times.mean_ns().unwrap_or(0),
                    most_ns: totals.times.max_ns,
                }
            }
            Runner::Rbpf(rbpf) => {
                let [least_ns, mean_ns, most_ns] = rbpf.times();
                Effort::Times {
                    least_ns,
                    mean_ns,
                    most_ns,
                }
            }
        }
    }
}
