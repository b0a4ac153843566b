//! Machine code of programs that differ from the verified ones, so that the verifier's facts do
//! not hold. Guards stop each access that leaves its object, and instructions that no path was
//! proven to reach leave the call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jbpf_verifier::RawInsn;
use jbpf_verifier::program::{BranchOutcome, Fact};
use jbpf_verifier::types::{ContextDef, DataSection, HelperTable, MapDef, MapKind};

use super::code::{Unit, host};
use super::dispatch::compile_subjects;
use super::homes::Effort;
use super::subject::Subject;
use crate::builtins;
use crate::engine::{
    Abort, AbortKind, BoundCodelet, CodeletEnvironment, CompileOptions, CompiledHook, Engine,
    EngineError, Input,
};
use crate::map::{Map, MapOptions};

use jbpf_hooks::hook::HookKind;

#[path = "../../../tests/support/assembler.rs"]
mod assembler;

use assembler::assemble;

const GUARDED: CompileOptions = CompileOptions {
    guard_accesses: true,
    fast_compile: false,
};

fn map(kind: MapKind, value_size: u32) -> MapDef {
    MapDef {
        name: format!("{kind:?}"),
        kind,
        key_size: if kind.holds_values() { 4 } else { 0 },
        value_size,
        max_entries: 4,
        parameters: Default::default(),
        section: None,
    }
}

/// `.rodata` of 16 bytes, each 9.
fn constants() -> MapDef {
    MapDef {
        name: ".rodata".to_owned(),
        max_entries: 1,
        section: Some(DataSection {
            contents: Arc::from([9; 16]),
            read_only: true,
        }),
        ..map(MapKind::Array, 16)
    }
}

fn maps() -> Vec<MapDef> {
    vec![
        map(MapKind::Array, 16),
        map(MapKind::Hash, 16),
        map(MapKind::PerThreadArray, 16),
        map(MapKind::PerThreadHash, 16),
        map(MapKind::Output, 16),
        map(MapKind::RingBuf, 16),
        map(MapKind::ControlInput, 16),
        constants(),
        MapDef {
            name: "larger".to_owned(),
            ..map(MapKind::Array, 64)
        },
        MapDef {
            name: ".data".to_owned(),
            section: Some(DataSection {
                contents: Arc::from([9; 16]),
                read_only: false,
            }),
            ..constants()
        },
    ]
}

fn bind(insns: Vec<RawInsn>, context: ContextDef) -> Arc<BoundCodelet> {
    let program = jbpf_verifier::Program {
        name: "honest".to_owned(),
        insns,
        maps: maps(),
        ..Default::default()
    };
    let helpers = Arc::new(HelperTable::builtin());
    let verified = jbpf_verifier::verify(&Arc::new(program), &Arc::new(context), &helpers)
        .unwrap_or_else(|rejection| panic!("{rejection} at {}", rejection.insn));
    let maps = verified.program().maps.iter();
    let maps = maps.map(|def| Arc::new(Map::new(def, &MapOptions::default()).unwrap()));
    let maps = maps.collect();
    let helpers = Arc::new(builtins::bindings(helpers, []).unwrap());
    let environment = Arc::new(CodeletEnvironment {
        name: "honest".to_owned(),
        runtime_threshold_ns: 0,
    });
    Arc::new(BoundCodelet::bind(verified, maps, helpers, environment).unwrap())
}

/// A codelet, and the program that it is turned into after verification.
struct Forgery {
    honest: Arc<BoundCodelet>,
    insns: Vec<RawInsn>,
    facts: Vec<Fact>,
}

/// The effects of a call.
#[derive(Debug, PartialEq)]
struct Effects {
    answer: Option<u64>,
    region: Vec<u8>,
    fields: Vec<u8>,
}

impl Forgery {
    /// The first text is verified, the second is compiled.
    fn new(honest: &str, forged: &str, context: ContextDef) -> Self {
        let honest = bind(assemble(honest), context);
        let insns = assemble(forged);
        assert_eq!(insns.len(), honest.program().program().insns.len());
        Self {
            facts: honest.program().facts().to_vec(),
            honest,
            insns,
        }
    }

    /// The program as it was verified, with other facts.
    fn of_facts(honest: &str, change: impl FnOnce(&mut Vec<Fact>)) -> Self {
        let mut forgery = Self::new(honest, honest, ContextDef::generic());
        change(&mut forgery.facts);
        forgery
    }

    fn compile(&self, options: CompileOptions) -> CompiledHook {
        let subject = Subject::forged(&self.honest, &self.insns, &self.facts, options);
        let owners = [Arc::clone(&self.honest)];
        let native = compile_subjects(HookKind::Control, &[subject], &owners).unwrap();
        CompiledHook::Native(Box::new(native))
    }

    /// The program as it was verified, by an engine that does not place frames that nothing is
    /// stored in.
    fn compile_with_null_frames(&self, options: CompileOptions) -> CompiledHook {
        let subject = Subject::forged(&self.honest, &self.insns, &self.facts, options);
        let owners = [Arc::clone(&self.honest)];
        let subjects = [subject.with_null_frames()];
        let native = compile_subjects(HookKind::Control, &subjects, &owners).unwrap();
        CompiledHook::Native(Box::new(native))
    }

    fn last(&self) -> Option<Abort> {
        self.honest.aborts().last().map(|last| last.abort)
    }

    /// The instruction in which the two texts differ first.
    fn difference(&self) -> usize {
        let honest = &self.honest.program().program().insns;
        let mut both = honest.iter().zip(&self.insns);
        both.position(|(honest, forged)| honest != forged).unwrap()
    }
}

/// Calls it on a region of 32 bytes, each its number, and this `ctx_id`.
fn call(hook: &CompiledHook, ctx_id: u32) -> Effects {
    let words = [0, 1, 2, 3].map(|word| 0x0706_0504_0302_0100 + word * 0x0808_0808_0808_0808);
    call_on(hook, words, ctx_id)
}

/// Calls it on a region of these words.
fn call_on(hook: &CompiledHook, mut words: [u64; 4], ctx_id: u32) -> Effects {
    let mut fields = [0; 16];
    fields[8..12].copy_from_slice(&ctx_id.to_ne_bytes());
    let region: &mut [u8] = zerocopy::IntoBytes::as_mut_bytes(&mut words[..]);
    let answer = hook
        .answer(&mut Input {
            fields: &mut fields,
            region,
        })
        .unwrap();
    Effects {
        answer,
        region: region.to_vec(),
        fields: fields.to_vec(),
    }
}

/// A region that may not be written.
fn read_only() -> ContextDef {
    let mut context = ContextDef::generic();
    context.region.writable = false;
    context
}

/// A context in which the field behind `meta_data` may be written, too.
fn two_writable() -> ContextDef {
    let mut context = ContextDef::generic();
    for field in &mut context.fields {
        field.writable = true;
    }
    context
}

/// Whatever the programs below store is this.
const STORED: &str = "0x77";

/// A program with a hole, the text that is verified in it, and texts that are compiled in its
/// place: guards must stop each of them.
struct Case {
    name: &'static str,
    program: &'static str,
    honest: &'static str,
    forged: &'static [&'static str],
    context: fn() -> ContextDef,
}

fn generic() -> ContextDef {
    ContextDef::generic()
}

/// r0 = the value of key 1 of map `M`, found.
const FOUND: &str = "stw [r10-4], 1
    mov r2, r10
    add r2, -4
    lddw r1, map M
    call 1
    jne r0, 0, +2
    mov r0, 0
    exit
    ";

/// The same of a hash map, after it was put there.
const PUT: &str = "stw [r10-4], 1
    stdw [r10-16], 5
    stdw [r10-24], 5
    mov r2, r10
    add r2, -4
    mov r3, r10
    add r3, -24
    lddw r1, map M
    mov r4, 0
    call 3
    stw [r10-4], 1
    mov r2, r10
    add r2, -4
    lddw r1, map M
    call 1
    jne r0, 0, +2
    mov r0, 0
    exit
    ";

/// r0 = a value of array 0 by an index that is not known, found.
const INDEXED: &str = "ldxw r3, [r1+24]
    stxw [r10-4], r3
    mov r2, r10
    add r2, -4
    lddw r1, map M
    call 1
    jne r0, 0, +2
    mov r0, 0
    exit
    ";

/// r6 = data; 16 bytes of it are there.
const REGION: &str = "ldxdw r6, [r1]
    ldxdw r3, [r1+8]
    mov r2, r6
    add r2, 16
    jle r2, r3, +2
    mov r0, 0
    exit
    ";

/// r0 = a record that is reserved.
const RESERVED: &str = "lddw r1, map 4
    call 17
    jne r0, 0, +2
    mov r0, 0
    exit
    ";

const END: &str = "\nmov r0, 7\nexit";

fn text(case: &Case, hole: &str) -> String {
    let program = case.program.replace("HOLE", hole).replace("STORED", STORED);
    format!("{program}{END}")
}

/// Compiles the case's forgeries with guards, and looks that each leaves the call and touches
/// nothing.
fn stopped(case: &Case) {
    let honest = text(case, case.honest);
    let plain = Forgery::new(&honest, &honest, (case.context)());
    let unguarded = call(&plain.compile(CompileOptions::default()), 1);
    assert_eq!(call(&plain.compile(GUARDED), 1), unguarded, "{}", case.name);
    assert_eq!(
        plain.last(),
        None,
        "{}: honest accesses are let through",
        case.name
    );
    for hole in case.forged {
        let forged = text(case, hole);
        let forgery = Forgery::new(&honest, &forged, (case.context)());
        let hook = forgery.compile(GUARDED);
        let before = snapshot(&forgery.honest);
        let effects = call(&hook, 1);
        let name = format!("{}: {hole}", case.name);
        assert_eq!(effects.answer, None, "{name}");
        let abort = forgery.last().unwrap_or_else(|| panic!("{name}"));
        assert_eq!(abort.kind, AbortKind::Guard, "{name}");
        assert!(abort.insn >= forgery.difference(), "{name} at {abort:?}");
        assert_eq!(effects.region, unstored(), "{name} changed the region");
        // Lookups and updates before the access may have changed the maps; only the forged store
        // counts.
        let after = snapshot(&forgery.honest);
        let stored = |values: &[Vec<u8>]| {
            values
                .iter()
                .flatten()
                .filter(|byte| **byte == 0x77)
                .count()
        };
        assert_eq!(stored(&after), stored(&before), "{name} changed a map");
    }
}

fn unstored() -> Vec<u8> {
    (0..32).collect()
}

/// All values of all maps.
fn snapshot(codelet: &BoundCodelet) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    for map in codelet
        .maps()
        .iter()
        .filter(|map| map.def().kind.holds_values())
    {
        map.for_each(|_, _, value| {
            values.push(value.to_vec());
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    }
    values
}

#[test]
fn accesses_to_the_own_frame_stay_in_it() {
    stopped(&Case {
        name: "a place that is known",
        program: "stdw [r10-16], 0\nHOLE",
        honest: "stdw [r10-8], STORED",
        forged: &[
            "stdw [r10-24], STORED",
            "stdw [r10+0], STORED",
            "stdw [r10-4], STORED",
            "stdw [r10+800], STORED",
        ],
        context: generic,
    });
    // Behind a meeting of paths, the address is a number added to r10, and the lowering no longer
    // remembers it.
    stopped(&Case {
        name: "a place behind a jump",
        program: "stdw [r10-16], 0\nmov r2, r10\nldxw r3, [r1+24]\njeq r3, 3, +1\nmov r4, 1\nHOLE",
        honest: "stdw [r2-8], STORED",
        forged: &[
            "stdw [r2-24], STORED",
            "stdw [r2+0], STORED",
            "stdw [r2-3], STORED",
        ],
        context: generic,
    });
    stopped(&Case {
        name: "an index",
        program: "stdw [r10-16], 0\nstdw [r10-8], 0\nldxw r3, [r1+24]\nHOLE\nmov r2, r10\nadd r2, -16\nadd r2, r3\nstb [r2], STORED",
        honest: "and r3, 15",
        forged: &["mov r3, 16", "mov r3, -1", "mov r3, 4000", "mov r3, -4000"],
        context: generic,
    });
}

#[test]
fn accesses_to_a_callers_frame_stay_in_one() {
    let program = "stdw [r10-16], 0
        stdw [r10-8], 0
        mov r1, r10
        add r1, -16
        call +2
        mov r0, 0
        exit
        stdw [r10-8], 0
        HOLE";
    stopped(&Case {
        name: "a caller's frame",
        program,
        honest: "stdw [r1+8], STORED",
        // Below it is the own one, above it the end of all.
        forged: &[
            "stdw [r1+16], STORED",
            "stdw [r1-8], STORED",
            "stdw [r1-16], STORED",
            "stdw [r1+9], STORED",
        ],
        context: generic,
    });
    stopped(&Case {
        name: "another frame than was said",
        program,
        honest: "stdw [r1+8], STORED",
        forged: &["stdw [r10-8], STORED"],
        context: generic,
    });
}

#[test]
fn accesses_to_the_context_stay_in_it() {
    stopped(&Case {
        name: "a place that is known",
        program: "HOLE",
        honest: "ldxw r0, [r1+24]",
        forged: &[
            "ldxw r0, [r1+32]",
            "ldxw r0, [r1-4]",
            "ldxw r0, [r1+30]",
            "ldxw r0, [r1+8000]",
        ],
        context: generic,
    });
    stopped(&Case {
        name: "what may be written",
        program: "HOLE",
        honest: "stdw [r1+16], STORED",
        forged: &[
            "stdw [r1+8], STORED",
            "stdw [r1+20], STORED",
            "stdw [r1+24], STORED",
            "stdw [r1+0], STORED",
        ],
        context: generic,
    });
    for program in ["HOLE", "call +2\nmov r0, 0\nexit\nHOLE"] {
        stopped(&Case {
            name: "two fields side by side that may be written",
            program,
            honest: "stdw [r1+20], STORED",
            forged: &[
                "stdw [r1+12], STORED",
                "stdw [r1+24], STORED",
                "stw [r1+26], STORED",
            ],
            context: two_writable,
        });
    }
    for (name, honest, forged) in [
        (
            "read by a function",
            "ldxw r0, [r1+24]",
            &["ldxw r0, [r1+32]", "ldxw r0, [r1-1]"][..],
        ),
        (
            "written by a function",
            "stdw [r1+16], STORED",
            &["stdw [r1+24], STORED", "stdw [r1+8], STORED"][..],
        ),
    ] {
        stopped(&Case {
            name,
            program: "call +2\nmov r0, 0\nexit\nHOLE",
            honest,
            forged,
            context: generic,
        });
    }
}

#[test]
fn accesses_to_the_region_stay_in_it() {
    stopped(&Case {
        name: "loads",
        program: concat!(
            "ldxdw r6, [r1]\nldxdw r3, [r1+8]\nmov r2, r6\nadd r2, 16\njle r2, r3, +2\nmov r0, 0\nexit\n",
            "HOLE"
        ),
        honest: "ldxdw r0, [r6+8]",
        forged: &[
            "ldxdw r0, [r6+32]",
            "ldxdw r0, [r6+25]",
            "ldxdw r0, [r6-1]",
            "ldxdw r0, [r6+8000]",
            "ldxdw r0, [r6-8000]",
        ],
        context: generic,
    });
    let program: &'static str = Box::leak(format!("{REGION}HOLE").into_boxed_str());
    stopped(&Case {
        name: "stores",
        program,
        honest: "stdw [r6+8], STORED",
        forged: &["stdw [r6+32], STORED", "stdw [r6-8], STORED"],
        context: generic,
    });
    stopped(&Case {
        name: "atomic operations",
        program: Box::leak(format!("{REGION}mov r2, 7\nHOLE").into_boxed_str()),
        honest: "atomic_add_dw [r6+8], r2",
        forged: &[
            "atomic_add_dw [r6+32], r2",
            "atomic_add_dw [r6-8], r2",
            "atomic_add_dw [r6+28], r2",
        ],
        context: generic,
    });
    stopped(&Case {
        name: "a region that may only be read",
        program,
        honest: "ldxdw r0, [r6+8]",
        forged: &["stdw [r6+8], STORED", "ldxdw r0, [r6+32]"],
        context: read_only,
    });
    stopped(&Case {
        name: "another object than was said",
        program: Box::leak(
            format!("stdw [r10-8], 0\n{REGION}HOLE\nstdw [r2], STORED").into_boxed_str(),
        ),
        honest: "mov r2, r6",
        forged: &["mov r2, r10", "mov r2, 4096", "mov r2, 0", "mov r2, -8"],
        context: generic,
    });
}

#[test]
fn accesses_to_values_stay_in_their_map() {
    let on = |setup: &str, map: usize| -> &'static str {
        let setup = setup.replace('M', &map.to_string());
        Box::leak(format!("{setup}HOLE").into_boxed_str())
    };
    for (name, program) in [
        ("an array", on(INDEXED, 0)),
        ("an array, at a constant address", on(FOUND, 0)),
        ("an array of each thread", on(FOUND, 2)),
        ("a hash map", on(PUT, 1)),
        ("a hash map of each thread", on(PUT, 3)),
    ] {
        stopped(&Case {
            name,
            program,
            honest: "stdw [r0+8], STORED",
            forged: &[
                "stdw [r0+12], STORED",
                "stdw [r0-4], STORED",
                "stdw [r0+88], STORED",
                "stdw [r0-100], STORED",
                "stdw [r0+30000], STORED",
                "stdw [r0-30000], STORED",
            ],
            context: generic,
        });
    }
    stopped(&Case {
        name: "a value and its padding at a constant address",
        program: on(FOUND, 0),
        honest: "stdw [r0+8], STORED",
        forged: &["stdw [r0+12], STORED", "stdw [r0-4], STORED"],
        context: generic,
    });
    stopped(&Case {
        name: "another map than was said",
        program: Box::leak(
            INDEXED
                .replace("lddw r1, map M", "HOLE")
                .replace("call 1", "call 1\nmov r5, 1")
                .into_boxed_str(),
        ),
        honest: "lddw r1, map 0",
        forged: &[
            "lddw r1, map 8",
            "lddw r1, map 1",
            "lddw r1, 0",
            "lddw r1, 0x7fff00000000",
        ],
        context: generic,
    });
}

#[test]
fn data_sections_stay_what_they_are() {
    stopped(&Case {
        name: "constants",
        program: "lddw r6, section 7 + 4\nHOLE",
        honest: "ldxdw r0, [r6]",
        forged: &["ldxdw r0, [r6+8]", "ldxdw r0, [r6-5]", "stdw [r6], STORED"],
        context: generic,
    });
    stopped(&Case {
        name: "constants, by an index",
        program: "lddw r6, section 7 + 0\nldxw r3, [r1+24]\nand r3, 15\nadd r6, r3\nHOLE",
        honest: "ldxb r0, [r6]",
        forged: &["ldxb r0, [r6+16]", "ldxb r0, [r6-2]", "stb [r6], STORED"],
        context: generic,
    });
}

#[test]
fn records_are_written_where_they_were_reserved() {
    stopped(&Case {
        name: "a record",
        program: Box::leak(format!("{RESERVED}HOLE").into_boxed_str()),
        honest: "stdw [r0+8], STORED",
        forged: &[
            "stdw [r0+16], STORED",
            "stdw [r0-8], STORED",
            "stdw [r0+9], STORED",
            "stdw [r0+32000], STORED",
        ],
        context: generic,
    });
    // The record is sent, and its buffer belongs to another record.
    stopped(&Case {
        name: "a record that is gone",
        program: Box::leak(
            format!(
                "{RESERVED}mov r6, r0\nstdw [r6], 1\nlddw r1, map 4\nHOLE\nstdw [r6+8], STORED"
            )
            .into_boxed_str(),
        ),
        honest: "call 17",
        forged: &["call 18"],
        context: generic,
    });
}

#[test]
fn an_access_to_one_of_several_objects_is_to_one_of_them() {
    // By ctx_id, r2 is in the frame, a value, or the region.
    let program: &'static str = Box::leak(
        format!(
            "mov r7, r1
            stdw [r10-32], 0
            stdw [r10-24], 0
            {REGION}{}
            ldxw r3, [r7+24]
            mov r2, r0
            jeq r3, 1, +4
            mov r2, r6
            jeq r3, 2, +2
            mov r2, r10
            add r2, -32
            HOLE",
            INDEXED.replace("[r1+24]", "[r7+24]").replace('M', "0")
        )
        .into_boxed_str(),
    );
    stopped(&Case {
        name: "one of three",
        program,
        honest: "stdw [r2+8], STORED",
        forged: &["stdw [r2+64], STORED", "stdw [r2-100], STORED"],
        context: generic,
    });
    let case = Case {
        name: "",
        program,
        honest: "stdw [r2+8], STORED",
        forged: &[],
        context: generic,
    };
    let honest = text(&case, case.honest);
    let outside = text(&case, "stdw [r2+64], STORED");
    for ctx_id in 1..4 {
        let plain = Forgery::new(&honest, &honest, generic());
        assert_eq!(
            call(&plain.compile(GUARDED), ctx_id).answer,
            Some(7),
            "{ctx_id}"
        );
        let forgery = Forgery::new(&honest, &outside, generic());
        assert_eq!(
            call(&forgery.compile(GUARDED), ctx_id).answer,
            None,
            "{ctx_id}"
        );
        assert_eq!(
            forgery.last().map(|abort| abort.kind),
            Some(AbortKind::Guard)
        );
    }
}

#[test]
fn helpers_are_given_what_the_verifier_said() {
    let key = "stw [r10-4], 1\nstdw [r10-16], 0\nstdw [r10-24], 0\nmov r2, r10\nadd r2, -4\nmov r3, r10\nadd r3, -24\nlddw r1, map 1\nmov r4, 0\n";
    let on = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    stopped(&Case {
        name: "keys",
        program: on(format!("{key}HOLE\ncall 3")),
        honest: "mov r5, 1",
        forged: &["add r2, 1", "add r2, -4000", "mov r2, 0", "mov r2, r1"],
        context: generic,
    });
    stopped(&Case {
        name: "values",
        program: on(format!("{key}HOLE\ncall 3")),
        honest: "mov r5, 1",
        forged: &["add r3, 9", "add r3, -9", "mov r3, 16", "mov r3, r1"],
        context: generic,
    });
    let send = "stdw [r10-8], 0\nstdw [r10-16], 0\nmov r2, r10\nadd r2, -16\nldxw r3, [r1+24]\nand r3, 15\n";
    stopped(&Case {
        name: "records, of a size that is not known",
        program: on(format!("{send}lddw r1, map 5\nHOLE\ncall 12")),
        honest: "mov r5, 1",
        forged: &["add r3, 16", "mov r3, -1", "mov r3, 17", "mov r2, 99"],
        context: generic,
    });
    stopped(&Case {
        name: "records, of a size that is known",
        program: on(format!("{send}lddw r1, map 5\nHOLE\ncall 12")),
        honest: "mov r3, 16",
        forged: &["mov r3, 17", "mov r3, 4096", "mov r3, -1"],
        context: generic,
    });
    stopped(&Case {
        name: "room for what is received",
        program: on(format!("{send}lddw r1, map 6\nHOLE\ncall 16")),
        honest: "mov r3, 16",
        forged: &["mov r3, 17", "mov r3, -1"],
        context: generic,
    });
    stopped(&Case {
        name: "what is hashed",
        program: on(format!("{REGION}mov r1, r6\nmov r2, 16\nHOLE\ncall 10")),
        honest: "mov r5, 1",
        forged: &[
            "mov r2, 33",
            "mov r2, -1",
            "add r1, 17",
            "mov r1, r10",
            "mov r1, 64",
        ],
        context: generic,
    });
    // Nothing of no bytes is touched, wherever it is.
    let honest = format!("{REGION}mov r1, r6\nldxw r2, [r6]\nand r2, 15\nmov r5, 1\ncall 10{END}");
    let nothing = honest.replace("mov r5, 1", "mov r2, 0");
    let forgery = Forgery::new(&honest, &nothing, generic());
    assert_eq!(call(&forgery.compile(GUARDED), 1).answer, Some(7));
}

#[test]
fn frames_have_room_or_are_not_entered() {
    // Each function calls the next one while r1 is not 0. Eight frames of 512 bytes are all that a
    // codelet may have.
    let function = "stdw [r10-512], 0
        jeq r1, 0, +2
        sub r1, 1
        call +2
        mov r0, 0
        exit
        ";
    let last = "mov r0, 0\nexit";
    let program = |calls: u32| format!("mov r1, {calls}\n{}{last}", function.repeat(8));
    let mut forgery = Forgery::new(&program(7), &program(8), generic());
    // The facts are those of a program in which a path reaches the ninth function.
    for fact in &mut forgery.facts {
        *fact = match *fact {
            Fact::Unreachable => Fact::Reached,
            Fact::Branch(_) => Fact::Branch(BranchOutcome::Both),
            other => other,
        };
    }
    assert_eq!(call(&forgery.compile(GUARDED), 0).answer, None);
    let abort = Abort {
        kind: AbortKind::Guard,
        insn: 1 + 7 * 6 + 3,
    };
    assert_eq!(forgery.last(), Some(abort));
    let honest = Forgery::new(&program(7), &program(7), generic());
    assert_eq!(call(&honest.compile(GUARDED), 0).answer, Some(0));
}

/// Runs a program that the verifier accepts because frame pointers are not null and differ between
/// frames. It answers `answers` on `words` in an engine that places its frames. In an engine that
/// places no frame for a function without stores, it takes a path that the verifier never saw.
fn stopped_without_frames(program: &str, words: [u64; 4], answers: u64) -> Abort {
    let forgery = || Forgery::new(program, program, generic());
    for options in [CompileOptions::default(), GUARDED] {
        let placed = forgery();
        let effects = call_on(&placed.compile(options), words, 1);
        assert_eq!(effects.answer, Some(answers), "{program}");
        assert_eq!(placed.last(), None, "{program}");
    }
    let unguarded = forgery();
    let hook = unguarded.compile_with_null_frames(CompileOptions::default());
    let before = snapshot(&unguarded.honest);
    let effects = call_on(&hook, words, 1);
    let is_same = effects.answer == Some(answers) && snapshot(&unguarded.honest) == before;
    assert!(!is_same, "unguarded, it is noticed: {program}");

    let guarded = forgery();
    let hook = guarded.compile_with_null_frames(GUARDED);
    let before = snapshot(&guarded.honest);
    let effects = call_on(&hook, words, 1);
    assert_eq!(effects.answer, None, "{program}");
    assert_eq!(snapshot(&guarded.honest), before, "{program}");
    let words = words.map(u64::to_ne_bytes).concat();
    assert_eq!(effects.region, words, "{program}");
    guarded.last().unwrap()
}

#[test]
fn what_null_frame_pointers_would_let_through_is_stopped() {
    // fp - 16 + n <= fp - 8 leaves at most 8 for n. With fp = 0, the sums wrap.
    let bounded = |access: &str| {
        format!(
            "{REGION}mov r0, 5
            ldxdw r6, [r6]
            and r6, 0x3fffffff
            mov r7, r10
            add r7, -16
            add r7, r6
            mov r8, r10
            add r8, -8
            jgt r7, r8, +4
            lddw r1, section 9 + 0
            add r1, r6
            {access}
            exit"
        )
    };
    // Beyond the section, in its page.
    let (beyond, far) = ([48, 0, 0, 0], [0x3fff_ffff, 0, 0, 0]);
    let guard = |program: &str, insn: usize| {
        let insns = assemble(program);
        assert_ne!(insns[insn], RawInsn::default());
        Abort {
            kind: AbortKind::Guard,
            insn,
        }
    };
    let load = bounded("ldxdw r0, [r1]");
    let expected = guard(&load, 19);
    assert_eq!(stopped_without_frames(&load, beyond, 5), expected);
    // This access may go to no memory at all, or to memory of others: only the guarded engine runs
    // it.
    for program in [bounded("ldxdw r0, [r1]"), bounded("stxdw [r1], r6")] {
        let forgery = Forgery::new(&program, &program, generic());
        let hook = forgery.compile_with_null_frames(GUARDED);
        assert_eq!(call_on(&hook, far, 1).answer, None);
        assert_eq!(forgery.last(), Some(guard(&program, 19)));
    }
}

#[test]
fn numbers_that_null_frame_pointers_would_make_pointers_are_stopped() {
    // One way brings a frame pointer and a number, the other a number and a pointer: only the
    // number may be 0.
    let program = |access: &str| {
        format!(
            "{REGION}mov r0, 5
            ldxw r5, [r6]
            jeq r5, 1, +4
            ldxw r7, [r6+4]
            lddw r8, section 9 + 0
            ja +2
            mov r7, r10
            ldxdw r8, [r6+8]
            jne r7, 0, +1
            {access}
            exit"
        )
    };
    let secret = Box::leak(Box::new(AtomicU64::new(77)));
    let words = [1, secret.as_ptr() as u64, 0, 0];
    let kind = AbortKind::Guard;
    let expected = Abort { kind, insn: 17 };
    let load = program("ldxdw r0, [r8]");
    let forgery = Forgery::new(&load, &load, generic());
    let unguarded = forgery.compile_with_null_frames(CompileOptions::default());
    let told = call_on(&unguarded, words, 1).answer;
    assert_eq!(told, Some(77), "unguarded, it is told");
    assert_eq!(stopped_without_frames(&load, words, 5), expected);

    let store = program("stdw [r8], 78");
    let stored = |options| {
        let forgery = Forgery::new(&store, &store, generic());
        call_on(&forgery.compile_with_null_frames(options), words, 1);
        (secret.swap(77, Ordering::Relaxed), forgery.last())
    };
    assert_eq!(stored(CompileOptions::default()), (78, None));
    assert_eq!(stored(GUARDED), (77, Some(expected)));
}

#[test]
fn functions_without_frames_are_not_entered() {
    // Frames are different ones. Nothing is accessed, but the callee's frame would lie nowhere.
    let program = "mov r1, r10
        call +1
        exit
        mov r0, 1
        jeq r1, r10, +1
        mov r0, 2
        exit";
    let expected = Abort {
        kind: AbortKind::Guard,
        insn: 1,
    };
    assert_eq!(stopped_without_frames(program, [0; 4], 2), expected);
}

#[test]
fn what_nobody_reaches_leaves_the_call() {
    let honest = "ldxw r2, [r1+24]
        jeq r2, 1, +2
        mov r0, 3
        exit
        mov r0, 4
        ja +1
        mov r0, 5
        exit";
    for options in [CompileOptions::default(), GUARDED] {
        // Behind a branch, by falling into it, and at the end of a jump.
        for (dead, ctx_id, expected) in [
            (2..4, 1, Some(4)),
            (2..4, 0, None),
            (4..6, 1, None),
            (4..6, 0, Some(3)),
            (7..8, 1, None),
            (5..6, 1, None),
        ] {
            let first = dead.start;
            let forgery = Forgery::of_facts(honest, |facts| facts[dead].fill(Fact::Unreachable));
            let hook = forgery.compile(options);
            assert_eq!(call(&hook, ctx_id).answer, expected, "{first} by {ctx_id}");
            let abort = Abort {
                kind: AbortKind::Unreachable,
                insn: first,
            };
            assert_eq!(forgery.last(), expected.is_none().then_some(abort));
        }
    }
}

#[test]
fn calls_of_functions_that_nobody_reaches_leave_the_call() {
    let honest = "ldxw r2, [r1+24]
        jeq r2, 1, +1
        call +2
        mov r0, 4
        exit
        mov r0, 5
        exit";
    for options in [CompileOptions::default(), GUARDED] {
        let forgery = Forgery::of_facts(honest, |facts| facts[5..].fill(Fact::Unreachable));
        let hook = forgery.compile(options);
        assert_eq!(call(&hook, 1).answer, Some(4));
        assert_eq!(call(&hook, 0).answer, None);
        let abort = Abort {
            kind: AbortKind::Unreachable,
            insn: 2,
        };
        assert_eq!(forgery.last(), Some(abort));
        assert_eq!(call(&hook, 1).answer, Some(4));
    }
}

#[test]
fn codelets_that_are_called_are_guarded_too_and_both_ways_are_kept() {
    // Too long to be inlined.
    let long = format!(
        "{}{REGION}stdw [r6+8], {STORED}{END}",
        "mov r4, 1\n".repeat(200)
    );
    let codelet = bind(assemble(&long), generic());
    let codelets = [Arc::clone(&codelet)];
    for options in [
        CompileOptions::default(),
        GUARDED,
        CompileOptions::default(),
    ] {
        let hook = Engine::Native
            .compile_with(HookKind::Control, &codelets, None, options)
            .unwrap();
        assert_eq!(call(&hook, 1).answer, Some(7));
    }
    assert_eq!(codelet.compiled_before().count(), 2);
    assert_eq!(codelet.aborts().total(), 0);
}

/// Computes numbers that an optimiser keeps on the stack, as many as `terms`.
fn many_values(terms: i32) -> Arc<BoundCodelet> {
    let terms = |combine: &str| -> String {
        let term = |at| format!("mul r3, {}\n{combine} r0, r3\n", 2 * at + 3);
        (0..terms).map(term).collect()
    };
    let text = format!(
        "ldxw r2, [r1+24]\nmov r0, 0\nmov r3, r2\n{}mov r3, r2\n{}exit",
        terms("xor"),
        terms("add")
    );
    bind(assemble(&text), ContextDef::generic())
}

#[test]
fn code_that_takes_much_stack_is_compiled_again_without_optimisation() {
    let compile = |codelet: &Arc<BoundCodelet>, effort| {
        let mut unit = Unit::new(host(effort).unwrap());
        let subject = Subject::new(codelet, CompileOptions::default(), effort);
        unit.codelet_function(subject).map(|_| ())
    };
    // Few enough instructions to be optimised; half a dozen values stay in registers.
    let large = many_values(900);
    match compile(&large, Effort::Optimised) {
        Err(EngineError::MachineFrame { bytes, limit, .. }) => {
            assert!(bytes > 900 * 7, "{bytes}");
            assert_eq!(limit, 512);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(compile(&large, Effort::Linear), Ok(()));
    assert_eq!(compile(&many_values(40), Effort::Optimised), Ok(()));

    // Nobody notices but by the answer.
    let options = CompileOptions::default();
    let hook = Engine::Native
        .compile_with(HookKind::Control, &[Arc::clone(&large)], None, options)
        .unwrap();
    let fast = CompileOptions {
        fast_compile: true,
        ..options
    };
    let again = Engine::Native
        .compile_with(HookKind::Control, &[large], None, fast)
        .unwrap();
    assert_eq!(call(&hook, 7), call(&again, 7));
}
