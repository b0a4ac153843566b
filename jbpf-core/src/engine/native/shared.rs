//! Accesses to memory that other threads see: each is made, whole, in the codelet's order.
//!
//! Cranelift neither changes the order of accesses nor splits one. Its alias analysis merges some,
//! though: a load with an earlier load or store of the same address, offset and type; a store with
//! a later one that overwrites it unseen; and a store of the very value that an access found or
//! left there. A thread that is alone would not notice. A codelet would notice if it waits for
//! another thread, raises a flag for one, or counts versions.
//!
//! A *sequence point* is an instruction of Cranelift's without code. Behind it, Cranelift knows
//! nothing of memory. A sequence point stands
//!
//! * behind each store, so that nothing later is merged with it;
//! * before a load, if there may be an earlier one of the same offset and type since the last
//!   sequence point;
//! * before a store, if there may be such a load, and the value stored may be what it loaded.
//!
//! Everywhere else it would only keep Cranelift from merging a load and its use into one
//! instruction.
//!
//! The verifier says of each access whether its memory is shared ([`MemorySpace`]). Values of maps
//! and writable sections are. A frame and a context belong to this call. A region is borrowed by
//! the call: the bytes behind `&T` do not change meanwhile, and nobody else uses the bytes behind
//! `&mut T` ([`RegionTarget`](jbpf_hooks::region::RegionTarget)). Values of per-thread maps, and
//! records until they are sent, are the thread's own. Read-only sections are constant.

use cranelift_codegen::ir::{
    DataFlowGraph, InstBuilder, InstructionData, Opcode, Type, Value, ValueDef,
};
use cranelift_frontend::FunctionBuilder;
use jbpf_verifier::program::MemorySpace;

/// Whether other threads may access memory of that kind at the same time.
pub(super) const fn is_shared(space: MemorySpace) -> bool {
    match space {
        MemorySpace::MapValue | MemorySpace::Mixed => true,
        MemorySpace::Context
        | MemorySpace::Stack
        | MemorySpace::Region
        | MemorySpace::PrivateValue
        | MemorySpace::OutputBuffer => false,
    }
}

/// A load of shared memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    offset: i32,
    ty: Type,
    value: Value,
}

/// The loads of shared memory since the last sequence point.
#[derive(Debug)]
pub(super) enum SharedLoads {
    /// These.
    Known(Vec<Load>),
    /// Paths meet here, and some may bring loads that others do not.
    Any,
}

/// Loads that are remembered; beyond, a sequence point is cheaper than looking.
const REMEMBERED_LOADS: usize = 16;

impl SharedLoads {
    pub(super) const fn none() -> Self {
        Self::Known(Vec::new())
    }

    /// Emits a sequence point.
    pub(super) fn separate(&mut self, fb: &mut FunctionBuilder<'_>) {
        fb.ins().sequence_point();
        *self = Self::none();
    }

    /// A load follows, at some address plus `offset`.
    pub(super) fn before_load(&mut self, fb: &mut FunctionBuilder<'_>, offset: i32, ty: Type) {
        let apart = matches!(self, Self::Known(loads)
            if loads.len() < REMEMBERED_LOADS && !loads.iter().any(|load| load.is(offset, ty)));
        if !apart {
            self.separate(fb);
        }
    }

    /// That load gave `value`.
    pub(super) fn loaded(&mut self, offset: i32, ty: Type, value: Value) {
        if let Self::Known(loads) = self {
            loads.push(Load { offset, ty, value });
        }
    }

    /// A store of `value` follows, at some address plus `offset`. A sequence point follows that.
    pub(super) fn before_store(&mut self, fb: &mut FunctionBuilder<'_>, offset: i32, value: Value) {
        let dfg = &fb.func.dfg;
        let ty = dfg.value_type(value);
        let apart = constant(dfg, value).is_some()
            || matches!(self, Self::Known(loads) if loads.iter()
                .all(|load| !load.is(offset, ty) || is_other(dfg, value, load.value)));
        if !apart {
            self.separate(fb);
        }
    }
}

impl Load {
    fn is(&self, offset: i32, ty: Type) -> bool {
        self.offset == offset && self.ty == ty
    }
}

/// The constant that a value was emitted as. No load gives that one.
fn constant(dfg: &DataFlowGraph, value: Value) -> Option<i64> {
    match *definition(dfg, value)? {
        InstructionData::UnaryImm {
            opcode: Opcode::Iconst,
            imm,
        } => Some(imm.bits()),
        InstructionData::Unary {
            opcode: Opcode::Ireduce,
            arg,
        } => constant(dfg, arg),
        _ => None,
    }
}

/// Whether `stored` is `loaded` plus a number that is not 0: no simplification makes the two one.
fn is_other(dfg: &DataFlowGraph, stored: Value, loaded: Value) -> bool {
    let bits = dfg.value_type(stored).bits().min(64);
    match definition(dfg, without_conversions(dfg, stored)) {
        Some(&InstructionData::Binary {
            opcode: Opcode::Iadd,
            args: [sum, number],
        }) => {
            let number = constant(dfg, number).unwrap_or_default();
            without_conversions(dfg, sum) == dfg.resolve_aliases(loaded)
                && number << (64 - bits) != 0
        }
        _ => false,
    }
}

/// A value before it was cut or extended, up to so many times. (A value that is cut and extended
/// again has lost bits, but its low bits are still the original's.)
fn without_conversions(dfg: &DataFlowGraph, value: Value) -> Value {
    /// A codelet may have thousands in a row, and each store looks at its own.
    const MOST_CONVERSIONS: usize = 16;
    let mut value = dfg.resolve_aliases(value);
    for _ in 0..MOST_CONVERSIONS {
        let Some(&InstructionData::Unary {
            opcode: Opcode::Ireduce | Opcode::Uextend | Opcode::Sextend,
            arg,
        }) = definition(dfg, value)
        else {
            break;
        };
        value = dfg.resolve_aliases(arg);
    }
    value
}

fn definition(dfg: &DataFlowGraph, value: Value) -> Option<&InstructionData> {
    match dfg.value_def(dfg.resolve_aliases(value)) {
        ValueDef::Result(inst, _) => Some(&dfg.insts[inst]),
        _ => None,
    }
}
