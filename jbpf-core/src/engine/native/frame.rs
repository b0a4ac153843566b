//! The stack frame of a function that is being lowered.

use std::collections::{HashMap, HashSet};

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{
    Function, Inst, InstBuilder, InstructionData, Opcode, StackSlot, StackSlotData, StackSlotKind,
    Value, types,
};
use cranelift_frontend::FunctionBuilder;
use jbpf_verifier::addresses::FRAME_ALIGN;

/// A frame in a stack slot. Every function has one, also if nothing is stored in it: the codelet may
/// compare its address, and the verifier holds that it is not null and no other frame's (clauses 1 to 3 of
/// [`addresses`](jbpf_verifier::addresses)).
#[derive(Clone, Copy)]
pub(super) struct Frame {
    /// Address of its lowest byte.
    pub base: Value,
    /// Bytes from there to r10.
    pub size: i32,
}

impl Frame {
    /// The frame at the start of a stack slot, for a function that uses `stack_size` bytes of it.
    pub(super) fn new(fb: &mut FunctionBuilder<'_>, slot: StackSlot, stack_size: u32) -> Self {
        Self {
            base: fb.ins().stack_addr(types::I64, slot, 0),
            size: rounded(stack_size).cast_signed(),
        }
    }
}

/// Bytes of a frame: its top is aligned when its start is, and no frame is empty. The top of an empty
/// one could be the start of what lies above it, and so another object's address.
fn rounded(stack_size: u32) -> u32 {
    stack_size.max(1).next_multiple_of(FRAME_ALIGN)
}

/// A stack slot for a frame of `stack_size` bytes.
pub(super) fn slot(fb: &mut FunctionBuilder<'_>, stack_size: u32) -> StackSlot {
    let align = FRAME_ALIGN.trailing_zeros() as u8;
    let data = StackSlotData::new(StackSlotKind::ExplicitSlot, rounded(stack_size), align);
    fb.create_sized_stack_slot(data)
}

/// Gives up a slot's memory unless it is used: no code that is left computes with its address.
pub(super) fn release_unused(fb: &mut FunctionBuilder<'_>, slot: StackSlot, used: FrameUse) {
    if used == FrameUse::Used {
        return;
    }
    if let Some(data) = fb.func.sized_stack_slots.get_mut(slot) {
        data.size = 0;
    }
}

/// Whether the machine code needs a frame's memory, or its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameUse {
    Used,
    Unused,
}

/// Removes `stores` to the frame at `base` if nothing can read them: when every helper that was
/// given a key is inlined, the key was never needed in memory, and the frame takes no room.
///
/// The frame is unread if its address goes nowhere but into these stores and into additions whose
/// results go nowhere else.
pub(super) fn drop_unread(func: &mut Function, base: Value, stores: &[Inst]) -> FrameUse {
    let stores: HashSet<Inst> = stores.iter().copied().collect();
    let addresses = addresses_in(func, base);
    let is_address = |value: Value| addresses.contains(&func.dfg.resolve_aliases(value));
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            let data = func.dfg.insts[inst];
            let is_used = match data {
                // Where it stores is the frame; what it stores may be an address like any other.
                InstructionData::Store {
                    args: [stored, _frame],
                    ..
                } if stores.contains(&inst) => is_address(stored),
                _ if data.opcode() == Opcode::Iadd => false,
                // Passing an address to a block is a use as well.
                _ => func.dfg.inst_values(inst).any(is_address),
            };
            if is_used {
                return FrameUse::Used;
            }
        }
    }
    for inst in stores {
        FuncCursor::new(func).at_inst(inst).remove_inst();
    }
    FrameUse::Unused
}

/// All that is `base` plus something. The order of blocks says nothing: jumps lead back to code that
/// stands before what it uses.
fn addresses_in(func: &Function, base: Value) -> HashSet<Value> {
    let mut additions: HashMap<Value, Vec<Inst>> = HashMap::new();
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            if func.dfg.insts[inst].opcode() == Opcode::Iadd {
                for value in func.dfg.inst_values(inst) {
                    let value = func.dfg.resolve_aliases(value);
                    additions.entry(value).or_default().push(inst);
                }
            }
        }
    }
    let mut addresses = HashSet::from([base]);
    let mut open = vec![base];
    while let Some(address) = open.pop() {
        for inst in additions.remove(&address).unwrap_or_default() {
            let sums = func.dfg.inst_results(inst).iter().copied();
            open.extend(sums.filter(|sum| addresses.insert(*sum)));
        }
    }
    addresses
}
