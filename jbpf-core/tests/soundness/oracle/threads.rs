//! Accepted programs on two threads at once, over the same maps.
//!
//! Neither may crash, hang, leave its call by a fault, or write beside its region, whatever the
//! other does to the maps. As long as a program does not read memory that threads share, its r0,
//! region and fields are those of the evaluator. Atomic additions to shared memory leave the sum
//! of all of them. One thread runs machine code with guards. None of the guards fires.

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};
use std::thread;

use jbpf_core::engine::abort::AbortKind;
use jbpf_core::engine::{BoundCodelet, CompileOptions, CompiledHook, Engine};
use jbpf_core::map::{Map, Storage};
use jbpf_hooks::hook::HookKind;
use jbpf_verifier::Program;

use super::super::application;
use super::super::choices::Choices;
use super::super::evaluator::{Byte, Evaluator, Left};
use super::super::row::{APPLICATION, Access, Given, Memory, Row};
use super::layout::{Ground, Traces};
use super::listing;
use super::voices::{Accepted, agree, subject_of};
use super::world::{Surroundings, bind, byte, contents, maps_of};

/// Inputs that the calls take turns with.
const INPUTS: usize = 4;

/// The use that calls of a program make of memory that threads share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sharing {
    /// They do not touch it.
    Nothing,
    /// They add to it, atomically, words of so many bytes.
    Adds(u8),
    Everything,
}

/// A native codelet. Several threads use its maps.
struct Shared {
    codelet: Arc<BoundCodelet>,
    hook: CompiledHook,
}

impl Shared {
    fn new(accepted: &Accepted, maps: &[Arc<Map>], guard_accesses: bool) -> Self {
        let codelet = bind(&accepted.verified, accepted.replaced, maps.to_vec());
        let options = CompileOptions {
            guard_accesses,
            ..CompileOptions::default()
        };
        let codelets = std::slice::from_ref(&codelet);
        let hook = Engine::Native
            .compile_with(HookKind::Control, codelets, None, options)
            .unwrap_or_else(|error| panic!("accepted, not compiled: {error}"));
        Self { codelet, hook }
    }

    fn check(&self) {
        for kind in [AbortKind::Guard, AbortKind::Unreachable] {
            let program = self.codelet.program().program();
            assert_eq!(
                self.codelet.aborts().of(kind),
                0,
                "{}: left by {kind} on two threads\n{}",
                program.name,
                listing(program)
            );
        }
    }
}

/// Calls of one thread: the seed of its layouts, and the effects of each call on its own memory.
fn call_again_and_again(
    shared: &Shared,
    inputs: &[Surroundings],
    rounds: usize,
    seed: u64,
    start: &Barrier,
    mut see: impl FnMut(usize, Traces),
) {
    let mut ground = Ground::new();
    let mut choices = Choices::from_seed(seed);
    let context = shared.codelet.program().context();
    start.wait();
    for round in 0..rounds {
        let input = round % inputs.len();
        let mut layout = ground.lay_out(&inputs[input], context, &mut choices);
        application::begin();
        let answer = layout.call(&shared.hook);
        see(input, layout.traces(answer));
    }
}

/// Two programs, one on each thread, over the maps of both, if those are the same.
pub fn collide(programs: [&Accepted; 2], rounds: usize, choices: &mut Choices) {
    let maps = maps_of(&programs[0].verified);
    let first = choices.chance(50);
    let guarded = [first, !first];
    let shared = [0, 1].map(|at| Shared::new(programs[at], &maps, guarded[at]));
    let inputs = programs.map(|program| {
        let context = program.verified.context();
        [(); INPUTS].map(|()| Surroundings::new(context, choices))
    });
    let seeds = [choices.number(), choices.number()];
    let start = Barrier::new(2);
    thread::scope(|scope| {
        for at in 0..2 {
            let (shared, inputs, start) = (&shared[at], &inputs[at], &start);
            scope.spawn(move || {
                call_again_and_again(shared, inputs, rounds, seeds[at], start, |_, _| ());
            });
        }
        // Meanwhile the application sends and receives.
        for map in &maps {
            match map.storage() {
                Storage::ControlInput(input) => {
                    let record = vec![byte(choices); map.def().value_size as usize];
                    // A full ring is as good.
                    let _ = input.ring().send_bytes(&record);
                }
                Storage::RingBuf(_) | Storage::Output(_) => drop(contents(map)),
                _ => {}
            }
        }
    });
    shared.iter().for_each(Shared::check);
}

/// Whether two programs can have the same maps.
pub fn have_one_world(one: &Program, other: &Program) -> bool {
    one.maps == other.maps
}

/// The use that calls of a program make of shared memory, by the rows that it meets.
pub fn sharing(program: &Program, met: &BTreeSet<Row>) -> Sharing {
    let is_shared = |memory| {
        matches!(
            memory,
            Memory::Array | Memory::Hash | Memory::Application | Memory::Data
        )
    };
    let mut adds = false;
    for row in met {
        match *row {
            // The result depends on the other thread, or on earlier calls of this one.
            Row::Given {
                helper,
                given: Given::Map(kind),
                ..
            } if helper != 1 || matches!(kind, 2 | 5 | 6 | APPLICATION) => {
                return Sharing::Everything;
            }
            Row::Given {
                given: Given::Data, ..
            } => return Sharing::Everything,
            Row::Given {
                given: Given::Memory(memory),
                ..
            } if is_shared(memory) => return Sharing::Everything,
            Row::Accessed { access, memory, .. } if is_shared(memory) => {
                if access != Access::Atomic {
                    return Sharing::Everything;
                }
                adds = true;
            }
            _ => {}
        }
    }
    let mut updates = program
        .insns
        .iter()
        .filter(|insn| matches!(insn.opcode, 0xc3 | 0xdb));
    match (adds, updates.next()) {
        (false, _) | (_, None) => Sharing::Nothing,
        (true, Some(first)) => {
            let alike = updates.all(|other| other.opcode == first.opcode && other.imm == 0);
            if alike && first.imm == 0 {
                Sharing::Adds(if first.opcode == 0xc3 { 4 } else { 8 })
            } else {
                Sharing::Everything
            }
        }
    }
}

/// Runs one program on both threads, over the same maps, and compares it with the evaluator. The
/// program only adds to shared memory. Returns false if its effects are a matter of chance.
pub fn add_up(accepted: &Accepted, adds: Option<u8>, rounds: usize, choices: &mut Choices) -> bool {
    let context = accepted.verified.context().clone();
    let inputs = [(); INPUTS].map(|()| Surroundings::new(&context, choices));
    let mut evaluator = Evaluator::new(&[subject_of(accepted)]);
    let count = accepted.verified.program().maps.len();
    let held = |evaluator: &Evaluator| -> Vec<_> {
        (0..count).map(|map| evaluator.contents(0, map)).collect()
    };
    let before = held(&evaluator);
    let mut expected: Vec<Left> = Vec::new();
    for input in &inputs {
        match evaluator.run(input.region(), &input.fields) {
            Ok(left) => expected.push(left),
            Err(_) => return false,
        }
    }
    let after = held(&evaluator);
    let maps = maps_of(&accepted.verified);
    let shared = [false, true].map(|guarded| Shared::new(accepted, &maps, guarded));
    let seeds = [choices.number(), choices.number()];
    let start = Barrier::new(2);
    let program = accepted.verified.program();
    thread::scope(|scope| {
        for (shared, seed) in shared.iter().zip(seeds) {
            let (inputs, expected, start) = (&inputs, &expected, &start);
            scope.spawn(move || {
                let see = |input: usize, traces: Traces| {
                    if let Err(what) = agree(&expected[input], &traces) {
                        panic!(
                            "{}: on two threads, {what}\n{}",
                            program.name,
                            listing(program)
                        );
                    }
                };
                call_again_and_again(shared, inputs, rounds, seed, start, see);
            });
        }
    });
    shared.iter().for_each(Shared::check);
    let Some(width) = adds else { return true };
    let times = (2 * rounds / INPUTS) as u64;
    for (index, map) in maps.iter().enumerate() {
        if map.def().kind.is_channel() {
            continue;
        }
        for ((one, other), (key, found)) in
            before[index].iter().zip(&after[index]).zip(contents(map))
        {
            let sum = add_up_words(&one.1, &other.1, times, usize::from(width));
            assert!(
                sum.is_none_or(|sum| sum == found),
                "{}: {times} additions left {found:x?} at {key:x?} of {}\n{}",
                program.name,
                map.def().name,
                listing(program)
            );
        }
    }
    true
}

/// The value after the change from `before` to `after` was made so many times.
fn add_up_words(before: &[Byte], after: &[Byte], times: u64, width: usize) -> Option<Vec<u8>> {
    let word = |bytes: &[Byte]| {
        let bytes: Option<Vec<u8>> = bytes
            .iter()
            .map(|byte| match byte {
                Byte::Is(byte) => Some(*byte),
                _ => None,
            })
            .collect();
        let bytes = bytes?.into_iter().rev();
        Some(bytes.fold(0_u64, |word, byte| word << 8 | u64::from(byte)))
    };
    let mut sum = Vec::new();
    for (one, other) in before.chunks(width).zip(after.chunks(width)) {
        let (one, other) = (word(one)?, word(other)?);
        let total = other
            .wrapping_sub(one)
            .wrapping_mul(times)
            .wrapping_add(one);
        let left = before.len() - sum.len();
        sum.extend(&total.to_le_bytes()[..width.min(left)]);
    }
    Some(sum)
}
