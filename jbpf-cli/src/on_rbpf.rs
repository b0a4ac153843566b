//! A codelet on rbpf's interpreter: a second opinion on what a program computes.
//!
//! rbpf 0.4.1 computes some instructions wrong, and has no maps. [`refusal`] looks at each
//! instruction and names the first one that rbpf does not run as RFC 9669 says, so that a program
//! either gives the right result or an error. `tests/rbpf.rs` of the repository reproduces the
//! defects.

use std::time::{Duration, Instant};

use jbpf_abi::helper;
use jbpf_core::clock;
use jbpf_core::engine::{BoundCodelet, Input};
use jbpf_verifier::program::{Fact, MemorySpace, VerifiedFunction};
use jbpf_verifier::report::disassemble;
use jbpf_verifier::{RawInsn, VerifiedProgram};
use rbpf::ebpf::Helper;
use rbpf::{EbpfVmMbuff, lib::Error};

use crate::output::Failure;

/// Bytes between the frames of nested functions on rbpf, which has 512 bytes for all of them.
const FRAME: u32 = 256;

/// The helpers that rbpf is given: those of numbers alone.
const HELPERS: [(u32, Helper); 3] = [
    (helper::TIME_GET_NS, |_, _, _, _, _| clock::wall_ns()),
    (helper::GET_SYS_TIME, |_, _, _, _, _| clock::ticks()),
    (helper::GET_SYS_TIME_DIFF_NS, |start, end, _, _, _| {
        clock::ticks_to_ns(end.saturating_sub(start))
    }),
];

/// A codelet as rbpf takes it.
pub(crate) struct OnRbpf {
    bytes: Vec<u8>,
    calls: u32,
    total: Duration,
    least: Duration,
    most: Duration,
}

impl OnRbpf {
    /// The codelet, if rbpf runs all of its instructions right.
    pub(crate) fn new(codelet: &BoundCodelet) -> Result<Self, Failure> {
        let program = codelet.program();
        if let Some((insn, reason)) = refusal(program) {
            return Err(Failure::NotOnRbpf {
                insn,
                text: disassemble(program.program(), program.helpers(), insn),
                reason,
            });
        }
        Ok(Self {
            bytes: encoded(codelet)?,
            calls: 0,
            total: Duration::ZERO,
            least: Duration::MAX,
            most: Duration::ZERO,
        })
    }

    /// Runs it once, and returns its result.
    pub(crate) fn call(
        &mut self,
        codelet: &BoundCodelet,
        input: &Input<'_>,
    ) -> Result<u64, Failure> {
        input.check(codelet.program().context())?;
        let region: &[u8] = input.region;
        let data = region.as_ptr().expose_provenance();
        let mut context = Vec::with_capacity(16 + input.fields.len());
        for pointer in [data, data + region.len()] {
            context.extend_from_slice(&(pointer as u64).to_ne_bytes());
        }
        context.extend_from_slice(input.fields);
        let mut machine = EbpfVmMbuff::new(Some(&self.bytes)).map_err(refused)?;
        for (id, function) in HELPERS {
            machine.register_helper(id, function).map_err(refused)?;
        }
        let start = Instant::now();
        let result = machine.execute_program(region, &context).map_err(refused)?;
        let took = start.elapsed();
        self.calls = self.calls.saturating_add(1);
        self.total += took;
        self.least = self.least.min(took);
        self.most = self.most.max(took);
        Ok(result)
    }

    /// The shortest, the average and the longest call in ns.
    pub(crate) fn times(&self) -> [u64; 3] {
        let mean = self.total.checked_div(self.calls).unwrap_or_default();
        [self.least, mean, self.most].map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// The program's bytes. The first instruction puts the context's size into r2, which rbpf leaves
/// at 0.
fn encoded(codelet: &BoundCodelet) -> Result<Vec<u8>, Failure> {
    let size = codelet.context_size();
    let size = i32::try_from(size).map_err(|_| Failure::Rbpf {
        message: format!("a context of {size} bytes is too large"),
    })?;
    let size = RawInsn {
        opcode: 0xb7,
        dst: 2,
        imm: size,
        ..RawInsn::default()
    };
    let insns = std::iter::once(&size).chain(&codelet.program().program().insns);
    Ok(insns.flat_map(|insn| insn.to_bytes()).collect())
}

fn refused(error: Error) -> Failure {
    Failure::Rbpf {
        message: error.to_string(),
    }
}

/// The first instruction that rbpf does not run, or runs wrong, and why.
fn refusal(program: &VerifiedProgram) -> Option<(usize, &'static str)> {
    let insns = program.program().insns.iter().enumerate();
    let mut refusals = insns.filter_map(|(at, insn)| Some((at, fault(program, at, *insn)?)));
    refusals.next()
}

fn fault(program: &VerifiedProgram, at: usize, insn: RawInsn) -> Option<&'static str> {
    // The second slot of a wide load.
    if insn.opcode == 0 {
        return None;
    }
    let by_register = insn.opcode & 0x08 != 0;
    match (insn.opcode & 7, insn.opcode & 0xf0) {
        (0, _) if insn.src != 0 => Some("it has no maps and no data sections"),
        (1, 0x80 | 0x90) => Some("it has no loads that extend the sign"),
        (2 | 3, 0xc0 | 0xd0) => Some("it has no atomic operations"),
        (2 | 3, _) => match program.facts().get(at) {
            Some(Fact::Memory(MemorySpace::Stack) | Fact::Unreachable) => None,
            _ => Some("it may write to its stack alone, and not to data or context"),
        },
        (4 | 7, 0x30 | 0x90 | 0xb0) if insn.off != 0 => {
            Some("it computes division and moves without their sign")
        }
        (4, 0x90) if by_register || insn.imm == 0 => {
            Some("it keeps the upper half of a remainder by zero")
        }
        (7, 0x80) => Some("it cannot negate the smallest number"),
        (7, 0xd0) => Some("it has no unconditional byte swap"),
        (5, 0x80) if insn.src == 1 => call(program, at, insn),
        (5, 0x80) => {
            let id = insn.imm.cast_unsigned();
            let is_given = HELPERS.iter().any(|(given, _)| *given == id);
            (!is_given).then_some("it is not given this helper")
        }
        (6, 0x00) => Some("it has no long jumps"),
        (5, 0x90) => None,
        (5 | 6, operation) => jump(at, insn, operation),
        _ => None,
    }
}

/// A jump: 64-bit comparisons without sign zero-extend their immediate, and positions are 16 bits.
fn jump(at: usize, insn: RawInsn, operation: u8) -> Option<&'static str> {
    let zero_extends = matches!(operation, 0x10 | 0x20 | 0x30 | 0x50 | 0xa0 | 0xb0);
    let by_immediate = insn.opcode & 0x08 == 0;
    if insn.dst == 10 {
        return Some("it compares r10 on the right side alone");
    }
    if insn.off == -1 {
        return Some("it takes a jump to itself for an endless loop");
    }
    if insn.opcode & 7 == 5 && zero_extends && by_immediate && insn.imm < 0 {
        return Some("it compares 64 bits with a negative immediate as if that was positive");
    }
    // One instruction stands in front of the program.
    let next = i16::try_from(at + 2).ok();
    match next.and_then(|next| next.checked_add(insn.off)) {
        Some(_) => None,
        None => Some("it jumps within the first 32768 instructions alone"),
    }
}

/// A call of a function of the codelet: forward, and with a frame that overlaps no other.
fn call(program: &VerifiedProgram, at: usize, insn: RawInsn) -> Option<&'static str> {
    let target = (at + 1).checked_add_signed(insn.imm as isize);
    let caller = function(program, at);
    let callee = target.and_then(|target| function(program, target));
    let (Some(caller), Some(callee)) = (caller, callee) else {
        return Some("the function has no known frame");
    };
    if insn.imm < 0 {
        return Some("it calls forward alone");
    }
    let fits = caller.start == 0 && caller.stack_size <= FRAME && callee.stack_size <= FRAME;
    (callee.stack_size > 0 && !fits).then_some("the frames of nested functions overlap there")
}

fn function(program: &VerifiedProgram, at: usize) -> Option<&VerifiedFunction> {
    let functions = program.functions();
    functions
        .iter()
        .find(|function| (function.start..function.end).contains(&at))
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]

    use std::sync::Arc;

    use jbpf_core::engine::CodeletEnvironment;
    use jbpf_verifier::Program;
    use jbpf_verifier::types::{ContextDef, HelperTable};

    use super::*;
    use crate::off_target::{End, Machine, OffTarget};

    const fn insn(opcode: u8, dst: u8, src: u8, off: i16, imm: i32) -> RawInsn {
        RawInsn {
            opcode,
            dst,
            src,
            off,
            imm,
        }
    }

    const EXIT: RawInsn = insn(0x95, 0, 0, 0, 0);

    /// Numbers at which arithmetic goes wrong if it can.
    const EXTREMES: [u64; 9] = [
        0,
        1,
        33,
        0x8000_0000,
        0xffff_ffff,
        0x1_0000_0001,
        0x7fff_ffff_ffff_ffff,
        0x8000_0000_0000_0000,
        u64::MAX,
    ];

    /// A program with two numbers of the region in r2 and r3, on both interpreters.
    struct Pair {
        ours: OffTarget,
        rbpf: OffTarget,
    }

    impl Pair {
        /// `None`: the verifier rejects it. An error: rbpf does not run it.
        fn new(body: &[RawInsn]) -> Option<Result<Self, Failure>> {
            let mut insns = vec![
                insn(0xb7, 0, 0, 0, 0),
                insn(0x79, 4, 1, 0, 0),
                insn(0x79, 5, 1, 8, 0),
                insn(0xbf, 6, 4, 0, 0),
                insn(0x07, 6, 0, 0, 16),
                insn(0xbd, 6, 5, 1, 0),
                EXIT,
                insn(0x79, 2, 4, 0, 0),
                insn(0x79, 3, 4, 8, 0),
            ];
            insns.extend_from_slice(body);
            let program = Program {
                insns,
                ..Program::default()
            };
            let verified = jbpf_verifier::verify(
                &Arc::new(program),
                &Arc::new(ContextDef::generic()),
                &Arc::new(HelperTable::builtin()),
            );
            let verified = verified.ok()?;
            let on = |machine| {
                let environment = CodeletEnvironment {
                    name: "pair".to_owned(),
                    runtime_threshold_ns: 0,
                };
                OffTarget::new(verified.clone(), environment, machine)
            };
            Some(on(Machine::Rbpf).map(|rbpf| Self {
                ours: on(Machine::Interpreter).unwrap(),
                rbpf,
            }))
        }

        fn agree(&mut self, left: u64, right: u64) -> [u64; 2] {
            [&mut self.ours, &mut self.rbpf].map(|codelet| {
                let numbers = [left, right].map(u64::to_ne_bytes).concat();
                // Room for an aligned start.
                let mut bytes = [0; 24];
                let start = bytes.as_ptr().align_offset(8);
                let region = &mut bytes[start..start + 16];
                region.copy_from_slice(&numbers);
                let mut input = Input {
                    fields: &mut [],
                    region,
                };
                match codelet.call(&mut input, &mut ()).unwrap() {
                    End::Returned(result) => result,
                    End::Left(abort) => panic!("left: {abort:?}"),
                }
            })
        }
    }

    /// Every form of arithmetic and of comparisons, on r2 and r3 or an immediate.
    fn bodies() -> Vec<(RawInsn, Vec<RawInsn>)> {
        let mut bodies = Vec::new();
        for (class, operation) in (4..=7).flat_map(|class| (0..=0xd).map(move |op| (class, op))) {
            for (source, imm) in [
                (0, 0),
                (0, -1),
                (0, 1),
                (0, 33),
                (0, 16),
                (0, 32),
                (0, 64),
                (8, 0),
                (8, 16),
                (8, 32),
                (8, 64),
            ] {
                let opcode = class | operation << 4 | source;
                let src = if source == 8 && operation != 0xd {
                    3
                } else {
                    0
                };
                if class == 5 || class == 6 {
                    let jump = insn(opcode, 2, src, 1, imm);
                    let [one, two] = [1, 2].map(|result| insn(0xb7, 0, 0, 0, result));
                    bodies.push((jump, vec![one, jump, two, EXIT]));
                    continue;
                }
                for off in [0, 1, 8, 16, 32] {
                    let form = insn(opcode, 2, src, off, imm);
                    bodies.push((form, vec![form, insn(0xbf, 0, 2, 0, 0), EXIT]));
                }
            }
        }
        bodies
    }

    #[test]
    fn what_rbpf_may_run_it_computes_as_our_interpreter_does() {
        let (mut ran, mut refused) = (0, 0);
        for (form, body) in bodies() {
            match Pair::new(&body) {
                None => {}
                Some(Err(Failure::NotOnRbpf { .. })) => refused += 1,
                Some(Err(failure)) => panic!("{form:?}: {failure}"),
                Some(Ok(mut pair)) => {
                    ran += 1;
                    for (left, right) in EXTREMES.iter().flat_map(|l| EXTREMES.map(|r| (*l, r))) {
                        let [ours, rbpf] = pair.agree(left, right);
                        assert_eq!(ours, rbpf, "{form:?} on {left:#x} and {right:#x}");
                    }
                }
            }
        }
        // Signed division, moves and swaps of ISA v4 and what else rbpf computes wrong are the
        // minority.
        assert!(
            ran > 200 && refused > 20 && refused < ran,
            "{ran} {refused}"
        );
    }

    /// Stores a number, calls a function `distance` instructions on, and loads the number again.
    fn nested(caller: i16, callee: i16) -> Vec<RawInsn> {
        vec![
            insn(0x7b, 10, 2, caller, 0),
            insn(0xbf, 1, 3, 0, 0),
            insn(0x85, 0, 1, 0, 2),
            insn(0x79, 0, 10, caller, 0),
            EXIT,
            // The function.
            insn(0x7b, 10, 1, callee, 0),
            insn(0xb7, 0, 0, 0, 0),
            EXIT,
        ]
    }

    #[test]
    fn functions_run_where_their_frames_do_not_overlap() {
        let mut pair = Pair::new(&nested(-256, -256)).unwrap().ok().unwrap();
        assert_eq!(pair.agree(7, 9), [7, 7]);
        for (caller, callee) in [(-264, -8), (-8, -264)] {
            let refused = Pair::new(&nested(caller, callee)).unwrap().err().unwrap();
            assert_eq!(
                refused.to_string(),
                "rbpf does not run instruction 11, `call +2`: the frames of nested functions overlap \
                 there; choose another engine with --engine"
            );
        }
    }
}
