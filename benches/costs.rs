//! The time of one counted instruction, for the extremes of the helpers' work.
//!
//! `cargo bench --bench costs`. The worst case of a codelet counts instructions. A helper's call
//! counts one, and one more for each eight bytes that the helper may touch. Each row is a codelet
//! that does little but call one helper, natively. A row shows the counted instructions of one
//! call of the codelet, the time of the fastest call, and the time per instruction. The aim is at
//! most 100 ns per instruction, so that a worst case bounds the time as well.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

#[path = "../jbpf-verifier/tests/assembly/mod.rs"]
mod assembly;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jbpf_core::builtins;
use jbpf_core::engine::{BoundCodelet, CodeletEnvironment, CompiledHook, Engine, Input};
use jbpf_core::map::{Map, MapOptions, Storage};
use jbpf_hooks::hook::HookKind;
use jbpf_verifier::verify;

/// The time in ns that no counted instruction should exceed.
const AIM: f64 = 100.0;
const SAMPLES: usize = 9;

/// A codelet with the maps that it was bound to.
struct Codelet {
    hook: CompiledHook,
    maps: Vec<Arc<Map>>,
    counted: u64,
}

impl Codelet {
    fn new(text: &str) -> Self {
        let mut example = assembly::assemble(text);
        example.context.max_instructions = Some(u64::MAX);
        let program = Arc::new(example.program);
        let verified = verify(
            &program,
            &Arc::new(example.context),
            &Arc::new(example.helpers),
        );
        let verified = verified.unwrap_or_else(|rejection| panic!("{text}: {rejection}"));
        let counted = verified.summary().worst_case_instructions;
        let options = MapOptions::default();
        let maps = program.maps.iter();
        let maps: Vec<_> = maps
            .map(|def| Arc::new(Map::new(def, &options).unwrap()))
            .collect();
        let bindings = builtins::bindings(Arc::clone(verified.helpers()), []).unwrap();
        let environment = Arc::new(CodeletEnvironment {
            name: "costs".to_owned(),
            runtime_threshold_ns: 0,
        });
        let bound = BoundCodelet::bind(verified, maps.clone(), Arc::new(bindings), environment);
        let codelets = [Arc::new(bound.unwrap())];
        let hook = Engine::Native.compile(HookKind::Control, &codelets, None);
        Self {
            hook: hook.unwrap(),
            maps,
            counted,
        }
    }

    fn call(&self) -> u64 {
        let mut fields = [0; 12];
        let mut region = [0; 64];
        let input = &mut Input {
            fields: &mut fields,
            region: &mut region,
        };
        self.hook.call(input).unwrap()
    }

    /// The fastest of [`SAMPLES`] calls, each after `before`.
    fn fastest(&self, before: impl Fn(&Self)) -> Duration {
        let sample = |_| {
            before(self);
            let start = Instant::now();
            self.call();
            start.elapsed()
        };
        (0..SAMPLES).map(sample).min().unwrap()
    }

    /// Prints the row.
    fn row(&self, name: &str, before: impl Fn(&Self)) {
        self.fastest(&before);
        let fastest = self.fastest(before).as_nanos() as f64;
        let each = fastest / self.counted as f64;
        let verdict = if each > AIM {
            " more than aimed at"
        } else {
            ""
        };
        println!(
            "| {name} | {} | {:.1} us | {each:.2} ns{verdict} |",
            self.counted,
            fastest / 1000.0
        );
    }
}

/// Looks a key of zeros up in map `m`. `body` finds the value in r9, the map in r8 and the key in
/// r7.
fn with_value(maps: &str, key: u32, body: &str) -> String {
    let zeros: String = (1..=key.div_ceil(8))
        .map(|word| format!("stxdw [r10-{}], r0\n", word * 8))
        .collect();
    let key = key.next_multiple_of(8);
    format!(
        "{maps}\nmov r6, r1\nmov r0, 0\n{zeros}lddw r8, map m\nmov r7, r10\nadd r7, -{key}\nmov r1, r8\nmov r2, r7\ncall map_lookup_elem\njeq r0, 0, out\nmov r9, r0\n{body}\nout:\nmov r0, 0\nexit"
    )
}

fn times(count: usize, text: &str) -> String {
    vec![text; count].join("\n")
}

/// Makes sixteen calls on a map, so that the instructions around them hardly count.
fn on(maps: &str, call: &str) -> String {
    let call = format!("mov r1, r8\nmov r2, r7\n{call}");
    with_value(maps, 8, &times(16, &call))
}

/// Fills a hash map of keys and values of eight bytes.
fn fill(map: &Map, entries: u64) {
    for key in 0..entries {
        map.set(&key.to_ne_bytes(), &key.to_ne_bytes()).unwrap();
    }
}

fn main() {
    // `cargo test --benches` passes this argument.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!("| what | counted | took | each |\n| --- | --- | --- | --- |");
    let nothing = |_: &Codelet| ();
    Codelet::new("mov r0, 0\nexit").row("nothing", nothing);
    let loops = "mov r1, 0\nmov r2, 1\nagain:\ndiv r2, 3\nadd r2, r1\nadd r1, 1\njlt r1, 10000, again\nmov r0, 0\nexit";
    Codelet::new(loops).row("a loop that divides", nothing);

    for call in ["time_get_ns", "rand", "mark_runtime_init"] {
        let text = format!("{}\nmov r0, 0\nexit", times(64, &format!("call {call}")));
        Codelet::new(&text).row(call, nothing);
    }
    let ticks = times(
        64,
        "mov r1, 1\ncall get_sys_time\nmov r1, 0\nmov r2, r0\ncall get_sys_time_diff_ns",
    );
    Codelet::new(&format!("{ticks}\nmov r0, 0\nexit")).row("ticks and their difference", nothing);
    let print = with_value(
        ".map m array key 8 value 1024 entries 1",
        8,
        &times(
            16,
            "mov r1, r9\nmov r2, 1024\nmov r3, 0\nmov r4, 0\nmov r5, 0\ncall printf",
        ),
    );
    Codelet::new(&print).row("printf, nobody listens", nothing);

    let hash =
        |value: u32, entries: u32| format!(".map m hash key 8 value {value} entries {entries}");
    for entries in [16, 1 << 20] {
        // Random keys, so that each lookup goes to another place than the last one.
        let text = format!(
            "{}\nmov r0, 0\nstxdw [r10-8], r0\nlddw r8, map m\nmov r7, 0\nagain:\ncall rand\nand r0, {}\nstxdw [r10-8], r0\nmov r1, r8\nmov r2, r10\nadd r2, -8\ncall map_lookup_elem\nadd r7, 1\njlt r7, 1000, again\nmov r0, 0\nexit",
            hash(8, entries),
            entries - 1
        );
        let codelet = Codelet::new(&text);
        fill(&codelet.maps[0], entries.into());
        codelet.row(&format!("lookups in a hash map of {entries}"), nothing);
    }
    let delete = "mov r1, r8\nmov r2, r7\nmov r3, r7\nmov r4, 0\ncall map_update_elem\nmov r1, r8\nmov r2, r7\ncall map_delete_elem";
    let text = with_value(&hash(8, 16), 8, &times(16, delete));
    let codelet = Codelet::new(&text);
    codelet.row("updates and deletes", |codelet| fill(&codelet.maps[0], 1));
    let long = ".map m hash key 504 value 8 entries 16";
    let text = with_value(
        long,
        504,
        &times(16, "mov r1, r8\nmov r2, r7\ncall map_lookup_elem"),
    );
    let codelet = Codelet::new(&text);
    codelet.maps[0].set(&[0; 504], &[0; 8]).unwrap();
    codelet.row("lookups with keys of 504 bytes", nothing);

    for kind in ["array", "hash"] {
        for value in [8, 4096, 64 << 20] {
            let maps = format!(".map m {kind} key 8 value {value} entries 1");
            let there = |codelet: &Codelet| {
                if kind == "hash" {
                    let value = vec![0; value as usize];
                    codelet.maps[0].set(&[0; 8], &value).unwrap();
                }
            };
            let update = on(&maps, "mov r3, r9\nmov r4, 0\ncall map_update_elem");
            let codelet = Codelet::new(&update);
            there(&codelet);
            codelet.row(&format!("updates of {value} bytes, {kind}"), nothing);
            let reset = Codelet::new(&on(&maps, "call map_lookup_reset_elem"));
            there(&reset);
            reset.row(&format!("resets of {value} bytes, {kind}"), nothing);
        }
    }
    let clear = "lddw r1, map m\ncall map_clear\nmov r0, 0\nexit";
    let text = format!(".map m array key 4 value 1 entries 4194304\n{clear}");
    Codelet::new(&text).row("clear of 4 Mi values of a byte", nothing);
    let text = format!("{}\n{clear}", hash(8, 4 << 20));
    Codelet::new(&text).row("clear of an empty hash map of 4 Mi", nothing);
    let text = format!("{}\n{clear}", hash(8, 1 << 18));
    Codelet::new(&text).row("clear of a full hash map of 256 Ki", |codelet| {
        fill(&codelet.maps[0], 1 << 18);
    });
    let dump = |size: u32| {
        format!(
            ".map room array key 4 value {size} entries 1\nmov r0, 0\nstxdw [r10-8], r0\nlddw r1, map room\nmov r2, r10\nadd r2, -8\ncall map_lookup_elem\njeq r0, 0, out\nlddw r1, map m\nmov r2, r0\nmov r3, {size}\nmov r4, 0\ncall map_dump\nout:\nmov r0, 0\nexit"
        )
    };
    let text = format!("{}\n{}", hash(8, 4 << 20), dump(16));
    Codelet::new(&text).row("dump of an empty hash map of 4 Mi", nothing);
    for (key, name) in [(8, "aligned"), (5, "not aligned")] {
        let maps = format!(".map m hash key {key} value 8 entries 65536");
        let codelet = Codelet::new(&format!("{maps}\n{}", dump((key + 8) << 16)));
        for number in 0..1_u64 << 16 {
            let bytes = number.to_le_bytes();
            codelet.maps[0].set(&bytes[..key as usize], &bytes).unwrap();
        }
        codelet.row(&format!("dump of 64 Ki elements, {name}"), nothing);
    }
    let bytes = 1 << 20;
    let hashed = with_value(
        &format!(".map m array key 8 value {bytes} entries 1"),
        8,
        &format!("mov r1, r9\nadd r1, 1\nmov r2, {}\ncall hash", bytes - 1),
    );
    Codelet::new(&hashed).row("hash of a mebibyte, not aligned", nothing);

    for record in [8, 1 << 16] {
        let send = format!(
            ".map m ringbuf value {record} entries 512\nmov r0, 0\nstxdw [r10-8], r0\n{}\nmov r0, 0\nexit",
            times(
                8,
                "lddw r1, map m\nmov r2, r10\nadd r2, -8\nmov r3, 8\ncall ringbuf_output"
            )
        );
        Codelet::new(&send).row(&format!("records of {record} bytes sent"), nothing);
        let receive = format!(
            ".map m control_input value {record} entries 64\n.map room array key 4 value {record} entries 1\nmov r0, 0\nstxdw [r10-8], r0\nlddw r1, map room\nmov r2, r10\nadd r2, -8\ncall map_lookup_elem\njeq r0, 0, out\nmov r6, r0\n{}\nout:\nmov r0, 0\nexit",
            times(
                8,
                &format!(
                    "lddw r1, map m\nmov r2, r6\nmov r3, {record}\ncall control_input_receive"
                )
            )
        );
        let fill = |codelet: &Codelet| {
            let Storage::ControlInput(input) = codelet.maps[0].storage() else {
                panic!("an input channel");
            };
            for _ in 0..8 {
                input.ring().send_bytes(&vec![1; record as usize]).unwrap();
            }
        };
        Codelet::new(&receive).row(&format!("records of {record} bytes received"), fill);
    }

    // A subscriber takes the prints from here on.
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(std::io::sink)
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        Codelet::new(&print).row("printf, somebody listens", nothing);
        let wide = with_value(
            ".rodata wide 25 31 30 30 30 64 00\n.map m array key 8 value 8 entries 1",
            8,
            &times(
                16,
                "lddw r1, section wide\nmov r2, 7\nmov r3, 0\ncall printf",
            ),
        );
        Codelet::new(&wide).row("printf of a thousand columns", nothing);
    });
}
