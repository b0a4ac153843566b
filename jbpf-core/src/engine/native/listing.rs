//! The native engine's code for codelets, as text that is the same on every machine: for golden
//! tests and for the curious.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use jbpf_hooks::hook::HookKind;

use super::code::baseline;
use super::dispatch;
use super::guard;
use super::lower::address_of;
use crate::builtins::notify_readers;
use crate::clock;
use crate::engine::measure::HookStats;
use crate::engine::{BoundCodelet, CompileOptions, EngineError, abort, measure};
use crate::map::{InputMap, OutputMap, Storage};

/// Functions as the compiler got them and as it emitted them. Names replace the addresses of this
/// process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The dispatch function last; before it, functions that codelets call.
    pub functions: Vec<ListedFunction>,
}

/// One function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFunction {
    /// `dispatch`, or a codelet's name and the first instruction of the function.
    pub name: String,
    /// Cranelift IR as lowered, before optimisation.
    pub ir: String,
    /// Machine instructions, for the host's architecture without optional features.
    pub assembly: String,
    /// Cranelift's reason for each machine instruction that may trap. All of them are divisions,
    /// and none of them is ever made by zero.
    pub traps: Vec<String>,
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for function in &self.functions {
            writeln!(f, "; {}", function.name)?;
            writeln!(f, "{}", function.ir)?;
            writeln!(f, "{}", function.assembly)?;
        }
        Ok(())
    }
}

/// Lists the dispatch function of a hook that runs `codelets`, as
/// [`compile_dispatch`](super::compile_dispatch) would compile it.
///
/// # Errors
/// As of [`compile_dispatch`](super::compile_dispatch).
pub fn list_dispatch(
    kind: HookKind,
    codelets: &[Arc<BoundCodelet>],
    stats: Option<&HookStats>,
) -> Result<Listing, EngineError> {
    list_dispatch_with(kind, codelets, stats, CompileOptions::default())
}

/// [`list_dispatch`], compiled as `options` say.
///
/// # Errors
/// As of [`list_dispatch`].
pub fn list_dispatch_with(
    kind: HookKind,
    codelets: &[Arc<BoundCodelet>],
    stats: Option<&HookStats>,
    options: CompileOptions,
) -> Result<Listing, EngineError> {
    let functions = dispatch::list(baseline, kind, codelets, stats, options)?;
    let names = Names::of(codelets, stats);
    Ok(Listing {
        functions: functions
            .into_iter()
            .map(|listed| ListedFunction {
                name: listed.name,
                ir: names.replace_in(&listed.ir),
                assembly: names.replace_in(&listed.assembly),
                traps: listed.traps,
            })
            .collect(),
    })
}

/// Names for the addresses that code refers to.
struct Names(Vec<(Range<u64>, String)>);

impl Names {
    fn of(codelets: &[Arc<BoundCodelet>], stats: Option<&HookStats>) -> Self {
        let mut names = Self(Vec::new());
        for codelet in codelets {
            names.add(address_of(&raw const **codelet.aborts()), 1, || {
                format!("{}.aborts", codelet.name())
            });
            names.add(address_of(codelet.environment()), 1, || {
                format!("{}.environment", codelet.name())
            });
            for code in codelet.compiled_before() {
                names.add(code.entry() as u64, 1, || codelet.name().to_owned());
            }
            for map in codelet.maps() {
                let name = &map.def().name;
                names.add(address_of(&raw const **map), 1, || name.clone());
                match map.storage() {
                    Storage::Array(array) => names.add(
                        address_of(array.base().cast_const()),
                        array.layout().bytes() as u64,
                        || format!("{name}.values"),
                    ),
                    Storage::Hash(table) => {
                        let values = table.values();
                        names.add(values.start as u64, values.len() as u64, || {
                            format!("{name}.values")
                        });
                    }
                    Storage::PerThreadArray(array) => {
                        names.add(address_of(array.table()), 1, || format!("{name}.table"));
                    }
                    Storage::ControlInput(input) => names.add_input(name, input),
                    Storage::Output(output) | Storage::RingBuf(output) => {
                        names.add_output(name, output);
                    }
                    _ => {}
                }
            }
            for proto in codelet.program().helpers().iter() {
                if let Ok(target) = codelet.helper(proto.id) {
                    names.add(target.address as u64, 1, || proto.name.clone());
                }
            }
        }
        let notify = notify_readers as *const () as usize as u64;
        names.add(notify, 1, || "notify_readers".to_owned());
        let count = abort::count as *const () as usize as u64;
        names.add(count, 1, || "count_abort".to_owned());
        let asked = guard::is_in_value as *const () as usize as u64;
        names.add(asked, 1, || "is_in_value".to_owned());
        let asked = guard::is_in_values as *const () as usize as u64;
        names.add(asked, 1, || "is_in_values".to_owned());
        let asked = guard::is_one_of_maps as *const () as usize as u64;
        names.add(asked, 1, || "is_one_of_maps".to_owned());
        let withhold = abort::withhold_answer as *const () as usize as u64;
        names.add(withhold, 1, || "withhold_answer".to_owned());
        let counter = clock::counter_ticks as *const () as usize as u64;
        names.add(counter, 1, || "counter_ticks".to_owned());
        names.add(address_of(clock::scale()), 1, || "scale".to_owned());
        if let Some(stats) = stats {
            let functions = [
                ("begin", measure::begin as *const () as usize),
                (
                    "start_codelet",
                    measure::start_codelet as *const () as usize,
                ),
                ("end_codelet", measure::end_codelet as *const () as usize),
                ("end_hook", measure::end_hook as *const () as usize),
            ];
            for (name, address) in functions {
                names.add(address as u64, 1, || name.to_owned());
            }
            names.add(address_of(stats), 1, || "stats".to_owned());
            names.add(address_of(stats.hook()), 1, || "stats.hook".to_owned());
            for (index, codelet) in stats.codelets().iter().enumerate() {
                names.add(address_of(&raw const **codelet), 1, || {
                    format!("stats.{index}")
                });
            }
        }
        names
    }

    fn add(&mut self, start: u64, len: u64, name: impl FnOnce() -> String) {
        // Small numbers are numbers: only a helper without a function has an address in the first
        // page.
        if start < 4096 {
            return;
        }
        self.0.push((start..start.saturating_add(len), name()));
    }

    fn add_input(&mut self, name: &str, input: &InputMap) {
        let addresses = input.ring().addresses();
        self.add(address_of(addresses.tail), 1, || format!("{name}.tail"));
        self.add(address_of(addresses.lanes), 1, || format!("{name}.lanes"));
        let published = address_of(addresses.published_at);
        self.add(published, 1, || format!("{name}.published"));
    }

    fn add_output(&mut self, name: &str, output: &OutputMap) {
        let addresses = output.ring().addresses();
        self.add(address_of(addresses.head), 1, || format!("{name}.head"));
        self.add(address_of(addresses.limit), 1, || format!("{name}.limit"));
        self.add(address_of(addresses.cursor), 1, || format!("{name}.cursor"));
        let attention = address_of(addresses.attention);
        self.add(attention, 1, || format!("{name}.attention"));
        self.add(address_of(addresses.entries), 1, || {
            format!("{name}.entries")
        });
        let slots = address_of(addresses.slots_at.cast_const());
        self.add(slots, 1, || format!("{name}.slots"));
        let buffers = address_of(addresses.buffers_at.cast_const());
        self.add(buffers, 1, || format!("{name}.buffers"));
    }

    fn name(&self, address: u64) -> Option<String> {
        let (range, name) = self.0.iter().find(|(range, _)| range.contains(&address))?;
        Some(match address - range.start {
            0 => format!("<{name}>"),
            offset => format!("<{name}+{offset}>"),
        })
    }

    /// The text with each number that is an address replaced.
    fn replace_in(&self, text: &str) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let word = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len())
                .max(first.len_utf8());
            let (word, after) = rest.split_at(word);
            match number(word).and_then(|address| self.name(address)) {
                Some(name) => replaced.push_str(&name),
                None => replaced.push_str(word),
            }
            rest = after;
        }
        replaced
    }
}

/// A number as Cranelift prints it, decimal or hexadecimal.
fn number(word: &str) -> Option<u64> {
    let digits = word.replace('_', "");
    match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => digits.parse().ok(),
    }
}
