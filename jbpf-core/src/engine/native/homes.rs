//! Registers of a function that is being lowered, and the two ways to keep them.
//!
//! As SSA variables, registers become machine registers. Cranelift's register allocator splits
//! and merges the ranges in which a value is needed. Its time grows with the square of the uses of
//! one value, and with the square of the blocks that hand values to each other. Its spills grow
//! the machine frame by a word for each value that is alive at one time.
//!
//! As words of a stack slot, registers have *homes*. Each instruction loads what it reads and
//! stores what it writes; no block has parameters for registers, and no value is used by more than
//! a few instructions. The time grows with the length of the code, and the frame does not grow.
//! [`Effort::Linear`] compiles so. Each instruction then costs some accesses to the first level
//! cache.

use cranelift_codegen::ir::{
    InstBuilder, MemFlagsData, StackSlot, StackSlotData, StackSlotKind, Value, types,
};
use cranelift_frontend::{FunctionBuilder, Variable};

use super::frame::Frame;
use super::guard::{SURROUNDINGS, Surroundings};
use super::insn::Insn;
use super::lower::Body;
use crate::engine::{BoundCodelet, CompileOptions, EngineError};

/// How much time the compiler may take for good code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// All optimisations, in time that grows with the square of the code.
    Optimised,
    /// None, in time that grows with the code.
    Linear,
}

/// Longer codelets are compiled by [`Effort::Linear`]. The worst ones below compile in less than
/// half a second.
const OPTIMISED_INSTRUCTIONS: usize = 4096;
/// The same, with guards: each access becomes a handful of instructions more.
const OPTIMISED_INSTRUCTIONS_GUARDED: usize = 2048;

impl Effort {
    /// The effort for a dispatch function.
    pub(super) fn for_dispatch(options: CompileOptions) -> Self {
        if options.fast_compile {
            Self::Linear
        } else {
            Self::Optimised
        }
    }

    /// The effort for a codelet that is compiled on its own.
    pub(super) fn for_codelet(codelet: &BoundCodelet, options: CompileOptions) -> Self {
        let limit = if options.guard_accesses {
            OPTIMISED_INSTRUCTIONS_GUARDED
        } else {
            OPTIMISED_INSTRUCTIONS
        };
        if codelet.program().program().insns.len() > limit {
            Self::Linear
        } else {
            Self::for_dispatch(options)
        }
    }

    /// Compiles with this effort, and by [`Effort::Linear`] if the machine code takes too much
    /// stack.
    pub(super) fn compile<T>(
        self,
        compile: impl Fn(Self) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        match compile(self) {
            Err(EngineError::MachineFrame { .. }) if self == Self::Optimised => {
                compile(Self::Linear)
            }
            result => result,
        }
    }
}

/// The registers of a codelet: r0 to r10.
const REGISTERS: usize = 11;
/// Words of the slot behind the registers: thread, start of the frame, surroundings.
const THREAD: usize = REGISTERS;
const FRAME: usize = THREAD + 1;
const FIRST_SURROUNDING: usize = FRAME + 1;
const HOMES: usize = FIRST_SURROUNDING + SURROUNDINGS;

/// The registers of the function that is being lowered.
pub(super) enum Registers {
    Variables([Variable; REGISTERS]),
    Homes(Homes),
}

impl Registers {
    pub(super) fn new(fb: &mut FunctionBuilder<'_>, effort: Effort) -> Self {
        match effort {
            Effort::Optimised => {
                Self::Variables([(); REGISTERS].map(|()| fb.declare_var(types::I64)))
            }
            Effort::Linear => Self::Homes(Homes::new(fb)),
        }
    }

    /// The number in a register. If nothing was written there on some path, it is 0 on that path.
    pub(super) fn get(&self, fb: &mut FunctionBuilder<'_>, register: u8) -> Value {
        match self {
            Self::Variables(variables) => {
                let variable = variables.get(usize::from(register));
                fb.use_var(*variable.unwrap_or(&variables[0]))
            }
            Self::Homes(homes) => homes.load(fb, register.into()),
        }
    }

    pub(super) fn set(&self, fb: &mut FunctionBuilder<'_>, register: u8, value: Value) {
        match self {
            Self::Variables(variables) => {
                if let Some(variable) = variables.get(usize::from(register)) {
                    fb.def_var(*variable, value);
                }
            }
            Self::Homes(homes) => homes.store(fb, register.into(), value),
        }
    }
}

/// A stack slot with a word for each register, and for each value that is needed all over the
/// function.
pub(super) struct Homes {
    slot: StackSlot,
}

impl Homes {
    fn new(fb: &mut FunctionBuilder<'_>) -> Self {
        let bytes = HOMES as u32 * 8;
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3);
        let homes = Self {
            slot: fb.create_sized_stack_slot(data),
        };
        // Nothing that the application left on its stack gets into a register.
        for register in 0..REGISTERS {
            let zero = fb.ins().iconst(types::I64, 0);
            homes.store(fb, register, zero);
        }
        homes
    }

    fn load(&self, fb: &mut FunctionBuilder<'_>, home: usize) -> Value {
        let flags = MemFlagsData::new().with_notrap();
        let slot = fb.ins().stack_addr(types::I64, self.slot, 0);
        fb.ins().load(types::I64, flags, slot, offset(home))
    }

    fn store(&self, fb: &mut FunctionBuilder<'_>, home: usize, value: Value) {
        let flags = MemFlagsData::new().with_notrap();
        let slot = fb.ins().stack_addr(types::I64, self.slot, 0);
        fb.ins().store(flags, value, slot, offset(home));
    }
}

/// Bytes from the start of the slot to a home.
fn offset(home: usize) -> i32 {
    home.min(HOMES - 1) as i32 * 8
}

impl Body<'_, '_> {
    /// Puts the values that are needed all over the function into their homes, if registers have
    /// homes.
    pub(super) fn settle(&mut self) {
        let Registers::Homes(homes) = &self.registers else {
            return;
        };
        homes.store(self.fb, THREAD, self.thread);
        homes.store(self.fb, FRAME, self.frame.base);
        let surroundings = self.surroundings.iter().flat_map(Surroundings::values);
        for (home, value) in (FIRST_SURROUNDING..).zip(surroundings) {
            homes.store(self.fb, home, value);
        }
    }

    /// Loads these values again before an instruction that may use them: it uses the values of no
    /// other instruction.
    pub(super) fn recall(&mut self, insn: Insn) {
        let Registers::Homes(homes) = &self.registers else {
            return;
        };
        if !matches!(
            insn,
            Insn::Load { .. }
                | Insn::Store { .. }
                | Insn::Atomic { .. }
                | Insn::CallHelper { .. }
                | Insn::CallFunction { .. }
        ) {
            return;
        }
        self.thread = homes.load(self.fb, THREAD);
        self.frame = Frame {
            base: homes.load(self.fb, FRAME),
            ..self.frame
        };
        if self.surroundings.is_some() {
            let values =
                std::array::from_fn(|index| homes.load(self.fb, FIRST_SURROUNDING + index));
            self.surroundings = Some(Surroundings::from_values(values));
        }
    }
}
