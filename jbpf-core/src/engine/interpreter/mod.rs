//! The checked interpreter. It checks that every access is within bounds and rights, that every
//! register and stack byte is written before it is read, and that every helper argument is of the
//! kind in the prototype. A violation is a [`Fault`].
//!
//! A verified program never faults. So it is the oracle that the verifier and the native engine
//! are tested against, and for that it shares no code with either: it reads opcodes on its own. It
//! is also the engine of machines that Cranelift does not serve.
//!
//! `memory` knows what a program may touch, `arithmetic` computes, `helpers` checks and makes
//! calls.
#![expect(
    unsafe_code,
    reason = "reads and writes the memory that was checked, for contexts of other types"
)]

use std::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jbpf_abi::helper::ABORT;
use jbpf_hooks::hook::{Hook, HookKind};
use jbpf_hooks::reclaim::ThreadRecord;
use jbpf_verifier::RawInsn;
use jbpf_verifier::program::{Fact, VerifiedFunction};

use super::abort::{Abort, AbortKind};
use super::measure::{self, HookStats};
use super::{BoundCodelet, Input, InputError};

mod arithmetic;
mod fault;
mod helpers;
mod memory;
#[cfg(test)]
mod tests;

pub use fault::{Fault, FaultKind};
use memory::{FRAME_BYTES, FRAMES, Memory, Stack};

/// How a run ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// r0 at the end; 0 if the codelet left before.
    pub r0: u64,
    /// Instructions executed; a wide load is one.
    pub instructions: u64,
    /// The instruction at which the codelet left its call, and why; `None` if it returned.
    pub left: Option<Abort>,
}

/// The state before one instruction.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// Index of the instruction.
    pub insn: usize,
    /// How many functions are waiting for this one to return.
    pub depth: usize,
    /// r0 to r10.
    pub registers: &'a [u64; 11],
    /// Bit `i`: register `i` was written.
    pub initialised: u16,
}

/// Looks at every step of a run. `()` looks at none.
pub trait Observer {
    /// Called before each instruction.
    fn step(&mut self, step: Step<'_>);
}

impl Observer for () {
    #[inline(always)]
    fn step(&mut self, _: Step<'_>) {}
}

impl<F: FnMut(Step<'_>)> Observer for F {
    fn step(&mut self, step: Step<'_>) {
        self(step);
    }
}

/// Why a run on an [`Input`] gave no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The input does not fit the program's context.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The program did something that verified programs never do.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Runs a codelet once, outside of any hook.
///
/// # Errors
/// The input does not fit the codelet's context, or the run faults.
pub fn run(
    codelet: &BoundCodelet,
    input: &mut Input<'_>,
    observer: &mut impl Observer,
) -> Result<Outcome, RunError> {
    let outcome = input.enter(codelet.program().context(), |context, thread| {
        // SAFETY: `enter` gives a context of this definition that nothing else touches meanwhile,
        // and the calling thread's own record.
        unsafe { run_on_context(codelet, context, thread, observer) }
    })?;
    Ok(outcome?)
}

/// Runs a codelet on the context at `context`.
///
/// # Safety
/// `context` points at memory laid out by the program's context definition: readable as it says,
/// its region writable if it says so. `thread` is the calling thread's record.
unsafe fn run_on_context(
    codelet: &BoundCodelet,
    context: *mut u8,
    thread: &ThreadRecord,
    observer: &mut impl Observer,
) -> Result<Outcome, Fault> {
    let mut stack = Stack::new();
    // SAFETY: the caller's word; the stack outlives the machine and is used through it alone.
    let memory = unsafe { Memory::new(codelet, context, thread.slot(), stack.base()) };
    let mut machine = Machine {
        codelet,
        thread,
        memory,
        registers: [0; 11],
        initialised: 0,
        callers: Vec::new(),
        at: 0,
        executed: 0,
        limit: codelet.program().summary().worst_case_instructions,
    };
    machine.set(1, context as u64);
    machine.set(2, codelet.context_size());
    machine
        .run(observer)
        .map_err(|kind| Fault::new(codelet, machine.at, kind))
}

/// A function that waits for its callee.
struct Caller {
    /// The instruction at which it goes on.
    next: usize,
    /// Its r6 to r10.
    saved: [u64; 5],
    initialised: u16,
}

/// A program while it runs.
struct Machine<'c> {
    codelet: &'c BoundCodelet,
    thread: &'c ThreadRecord,
    memory: Memory<'c>,
    registers: [u64; 11],
    initialised: u16,
    callers: Vec<Caller>,
    at: usize,
    executed: u64,
    limit: u64,
}

/// The step that follows an instruction.
enum Flow {
    Next,
    Jump(usize),
    Return(u64),
    Leave(AbortKind),
}

impl<'c> Machine<'c> {
    fn run(&mut self, observer: &mut impl Observer) -> Result<Outcome, FaultKind> {
        self.enter_function(0)?;
        loop {
            let insn = self.fetch_reached()?;
            observer.step(Step {
                insn: self.at,
                depth: self.callers.len(),
                registers: &self.registers,
                initialised: self.initialised,
            });
            self.executed += 1;
            if self.executed > self.limit {
                return Err(FaultKind::TooManyInstructions { limit: self.limit });
            }
            match self.execute(insn)? {
                Flow::Next => self.at += 1,
                Flow::Jump(target) => self.at = target,
                Flow::Return(r0) => {
                    return Ok(Outcome {
                        r0,
                        instructions: self.executed,
                        left: None,
                    });
                }
                Flow::Leave(kind) => {
                    return Ok(Outcome {
                        r0: 0,
                        instructions: self.executed,
                        left: Some(Abort {
                            kind,
                            insn: self.at,
                        }),
                    });
                }
            }
        }
    }

    fn fetch(&self, at: usize) -> Result<RawInsn, FaultKind> {
        let insns = &self.codelet.program().program().insns;
        insns.get(at).copied().ok_or(FaultKind::EndOfProgram)
    }

    /// The instruction that control has come to.
    fn fetch_reached(&self) -> Result<RawInsn, FaultKind> {
        let insn = self.fetch(self.at)?;
        match self.codelet.program().facts().get(self.at) {
            None | Some(Fact::Unreachable) => Err(FaultKind::Unreachable),
            Some(_) => Ok(insn),
        }
    }

    fn execute(&mut self, insn: RawInsn) -> Result<Flow, FaultKind> {
        let unknown = FaultKind::UnknownInstruction {
            opcode: insn.opcode,
        };
        match insn.opcode {
            // lddw
            0x18 => {
                let value = self.wide(insn)?;
                self.set(insn.dst, value);
                return Ok(Flow::Jump(self.at + 2));
            }
            // ldx: w, h, b, dw
            0x61 | 0x69 | 0x71 | 0x79 => {
                let (address, size) = self.operand_address(insn.src, insn)?;
                let value = self.memory.load(address, size)?;
                self.set(insn.dst, value);
            }
            // ldxs: w, h, b
            0x81 | 0x89 | 0x91 => {
                let (address, size) = self.operand_address(insn.src, insn)?;
                let value = self.memory.load(address, size)?;
                let signed = match size {
                    1 => i64::from(value as u8 as i8),
                    2 => i64::from(value as u16 as i16),
                    _ => i64::from(value as u32 as i32),
                };
                self.set(insn.dst, signed.cast_unsigned());
            }
            // st
            0x62 | 0x6a | 0x72 | 0x7a => {
                let (address, size) = self.operand_address(insn.dst, insn)?;
                self.memory
                    .store(address, size, i64::from(insn.imm).cast_unsigned())?;
            }
            // stx
            0x63 | 0x6b | 0x73 | 0x7b => {
                let (address, size) = self.operand_address(insn.dst, insn)?;
                let value = self.get(insn.src)?;
                self.memory.store(address, size, value)?;
            }
            // atomics: w, dw
            0xc3 | 0xdb => self.atomic(insn)?,
            0x85 => return self.call(insn),
            0x95 => return self.exit(),
            0x05 => return Ok(Flow::Jump(self.relative(insn.off.into())?)),
            0x06 => return Ok(Flow::Jump(self.relative(insn.imm)?)),
            opcode if matches!(opcode & 7, 5 | 6) => {
                let left = self.get(insn.dst)?;
                let right = self.source(insn)?;
                let taken = arithmetic::holds(opcode, left, right).ok_or(unknown)?;
                if taken {
                    return Ok(Flow::Jump(self.relative(insn.off.into())?));
                }
            }
            opcode if matches!(opcode & 7, 4 | 7) => {
                let right = match opcode & 0xf0 {
                    // neg and byte swaps have no source.
                    0x80 | 0xd0 => 0,
                    _ => self.source(insn)?,
                };
                // mov does not read its destination.
                let left = match opcode & 0xf0 {
                    0xb0 => 0,
                    _ => self.get(insn.dst)?,
                };
                let result = arithmetic::compute(insn, left, right).ok_or(unknown)?;
                self.set(insn.dst, result);
            }
            _ => return Err(unknown),
        }
        Ok(Flow::Next)
    }

    // Registers.

    fn get(&self, register: u8) -> Result<u64, FaultKind> {
        match self.registers.get(usize::from(register)) {
            Some(value) if self.initialised & 1 << register != 0 => Ok(*value),
            _ => Err(FaultKind::UninitialisedRegister { register }),
        }
    }

    fn set(&mut self, register: u8, value: u64) {
        if let Some(slot) = self.registers.get_mut(usize::from(register)) {
            *slot = value;
            self.initialised |= 1 << register;
        }
    }

    /// The source operand: a register, or the immediate, sign-extended.
    fn source(&self, insn: RawInsn) -> Result<u64, FaultKind> {
        if insn.opcode & 0x08 == 0 {
            Ok(i64::from(insn.imm).cast_unsigned())
        } else {
            self.get(insn.src)
        }
    }

    fn operand_address(&self, base: u8, insn: RawInsn) -> Result<(u64, usize), FaultKind> {
        let size = match insn.opcode & 0x18 {
            0x00 => 4,
            0x08 => 2,
            0x10 => 1,
            _ => 8,
        };
        let base = self.get(base)?;
        Ok((base.wrapping_add_signed(insn.off.into()), size))
    }

    fn wide(&self, insn: RawInsn) -> Result<u64, FaultKind> {
        let next = self.fetch(self.at + 1)?;
        let high = u64::from(next.imm.cast_unsigned());
        let low = u64::from(insn.imm.cast_unsigned());
        match insn.src {
            0 => Ok(high << 32 | low),
            5 => self.memory.map_address(low),
            6 => Ok(self.memory.section_address(low)?.wrapping_add(high)),
            _ => Err(FaultKind::UnknownInstruction {
                opcode: insn.opcode,
            }),
        }
    }

    fn atomic(&mut self, insn: RawInsn) -> Result<(), FaultKind> {
        let (address, size) = self.operand_address(insn.dst, insn)?;
        let operand = self.get(insn.src)?;
        let expected = match insn.imm {
            0xf1 => self.get(0)?,
            _ => 0,
        };
        let old = self
            .memory
            .atomic(address, size, insn.imm, operand, expected)?;
        match insn.imm {
            0xf1 => self.set(0, old),
            imm if imm & 1 != 0 => self.set(insn.src, old),
            _ => {}
        }
        Ok(())
    }

    // Control flow.

    fn relative(&self, offset: i32) -> Result<usize, FaultKind> {
        (self.at + 1)
            .checked_add_signed(offset as isize)
            .ok_or(FaultKind::EndOfProgram)
    }

    fn call(&mut self, insn: RawInsn) -> Result<Flow, FaultKind> {
        match insn.src {
            0 => {
                let id = insn.imm.cast_unsigned();
                if id == ABORT && self.is_built_in(id) {
                    return Ok(Flow::Leave(AbortKind::of_argument(self.get(1)?)));
                }
                self.call_helper(id)?;
                Ok(Flow::Next)
            }
            1 => {
                let target = self.relative(insn.imm)?;
                let [.., r6, r7, r8, r9, r10] = self.registers;
                self.callers.push(Caller {
                    next: self.at + 1,
                    saved: [r6, r7, r8, r9, r10],
                    initialised: self.initialised,
                });
                self.at = target;
                self.enter_function(target)?;
                Ok(Flow::Jump(target))
            }
            _ => Err(FaultKind::UnknownInstruction {
                opcode: insn.opcode,
            }),
        }
    }

    /// A new frame; of the registers, r1 to r5 are passed on.
    fn enter_function(&mut self, start: usize) -> Result<(), FaultKind> {
        let depth = self.callers.len();
        if depth >= FRAMES {
            return Err(FaultKind::TooManyFrames);
        }
        let function = self.function(start)?;
        let top = self.memory.enter_frame(depth, function.stack_size);
        self.initialised &= 0b11_1110;
        self.set(10, top);
        for bytes in &function.zero_on_entry {
            let address = top.wrapping_add_signed(bytes.offset.into());
            self.memory.zero(address, bytes.len as usize)?;
        }
        Ok(())
    }

    fn function(&self, start: usize) -> Result<&'c VerifiedFunction, FaultKind> {
        let codelet: &'c BoundCodelet = self.codelet;
        let functions = codelet.program().functions();
        functions
            .binary_search_by_key(&start, |function| function.start)
            .ok()
            .and_then(|index| functions.get(index))
            .filter(|function| function.stack_size as usize <= FRAME_BYTES)
            .ok_or(FaultKind::NoFunction { target: start })
    }

    fn exit(&mut self) -> Result<Flow, FaultKind> {
        let Some(caller) = self.callers.pop() else {
            return Ok(Flow::Return(self.get(0)?));
        };
        // A function that returns nothing leaves r0 as it is, written or not; its caller does not
        // read it then.
        let result = self.initialised & 1;
        self.memory.leave_frame(self.callers.len());
        let [r0, ..] = self.registers;
        let [r6, r7, r8, r9, r10] = caller.saved;
        self.registers = [r0, 0, 0, 0, 0, 0, r6, r7, r8, r9, r10];
        self.initialised = caller.initialised & !0b11_1111 | result;
        Ok(Flow::Jump(caller.next))
    }
}

/// The codelets of a hook, for [`dispatch`]: the environment that it is attached with.
#[derive(Debug)]
pub struct InterpretedHook {
    kind: HookKind,
    codelets: Vec<Arc<BoundCodelet>>,
    stats: Option<Arc<HookStats>>,
    faults: AtomicU64,
}

impl InterpretedHook {
    /// A hook that runs `codelets`, the first one first; with `stats` it times each.
    #[must_use]
    pub fn new(
        kind: HookKind,
        codelets: &[Arc<BoundCodelet>],
        stats: Option<Arc<HookStats>>,
    ) -> Self {
        Self {
            kind,
            codelets: codelets.to_vec(),
            stats,
            faults: AtomicU64::new(0),
        }
    }

    /// The codelets that it runs, the first one first.
    #[must_use]
    pub fn codelets(&self) -> &[Arc<BoundCodelet>] {
        &self.codelets
    }

    /// Runs that ended in a fault. More than 0 means a mistake in the verifier: please report it.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// Runs all codelets.
    ///
    /// # Safety
    /// As of [`Dispatch`](jbpf_hooks::hook::Dispatch).
    pub(super) unsafe fn run(&self, context: *mut c_void, thread: &ThreadRecord) -> u64 {
        let slot = thread.slot();
        let stats = self.stats.as_deref();
        let timed = stats.is_some_and(|stats| stats.begin(slot));
        let (mut answer, mut elapsed, mut has_left) = (0, 0, false);
        for (index, codelet) in self.codelets.iter().enumerate() {
            let start = measure::start(timed);
            // SAFETY: the caller's word: the codelets were verified against this hook's context.
            let outcome = unsafe { run_on_context(codelet, context.cast(), thread, &mut ()) };
            if let Some(stats) = stats.and_then(|stats| stats.codelets().get(index)) {
                elapsed += stats.end(slot, start);
            }
            let left = match &outcome {
                Ok(outcome) => outcome.left,
                Err(fault) => Some(fault.abort()),
            };
            if let Some(abort) = left {
                codelet.aborts().count(abort);
            }
            has_left = left.is_some();
            answer = match outcome {
                Ok(outcome) => outcome.r0,
                Err(fault) => {
                    if self.faults.fetch_add(1, Ordering::Relaxed) == 0 {
                        tracing::error!(target: "jbpf", %fault, "a verified codelet faulted");
                    }
                    0
                }
            };
        }
        if let Some(stats) = stats {
            stats.hook().end_all(slot, timed, elapsed);
        }
        match self.kind {
            HookKind::Control => {
                if has_left {
                    thread.withhold_answer();
                }
                answer
            }
            HookKind::Monitoring => 0,
        }
    }
}

/// The dispatch function of interpreted hooks: finds its codelets in the hook's environment, an
/// [`InterpretedHook`].
///
/// # Safety
/// As of [`Dispatch`](jbpf_hooks::hook::Dispatch); and the hook's environment is an
/// [`InterpretedHook`] of codelets that were verified against the hook's context.
pub unsafe extern "C" fn dispatch(
    context: *mut c_void,
    thread: *const ThreadRecord,
    hook: *const Hook,
) -> u64 {
    // SAFETY: the caller passes the hook that fires.
    let environment = unsafe { &*hook }.environment();
    // SAFETY: the environment was attached with this function, and lives while readers are inside.
    let hook = unsafe { &*environment.cast::<InterpretedHook>() };
    // SAFETY: the caller passes its own thread's record.
    let thread = unsafe { &*thread };
    // SAFETY: the caller's word for the context.
    unsafe { hook.run(context, thread) }
}
