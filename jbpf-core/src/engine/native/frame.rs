//! The stack frame of a function that is being lowered.

use std::collections::{HashMap, HashSet};

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{
    Function, Inst, InstBuilder, InstructionData, Opcode, StackSlot, StackSlotData, StackSlotKind,
    Value, types,
};
use cranelift_frontend::FunctionBuilder;
use jbpf_verifier::addresses::FRAME_ALIGN;

/// A frame in a stack slot. Every function has one, also if nothing is stored in it: the codelet
/// may compare its address, and the verifier assumes that it is not null and no other frame's
/// (clauses 1 to 3 of [`addresses`](jbpf_verifier::addresses)).
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

    /// The frame at the end of a slot of `frames` bytes, which has those of callees below it.
    pub(super) fn at_end(
        fb: &mut FunctionBuilder<'_>,
        slot: StackSlot,
        frames: u32,
        stack_size: u32,
    ) -> Self {
        let size = rounded(stack_size);
        let offset = frames.saturating_sub(size).cast_signed();
        Self {
            base: fb.ins().stack_addr(types::I64, slot, offset),
            size: size.cast_signed(),
        }
    }

    /// The frame below that of its caller, which starts at `above`.
    pub(super) fn below(fb: &mut FunctionBuilder<'_>, above: Value, stack_size: u32) -> Self {
        let distance = i64::from(with_gap(stack_size));
        Self {
            base: fb.ins().iadd_imm_s(above, -distance),
            size: rounded(stack_size).cast_signed(),
        }
    }

    /// No frame: r10 is 0.
    #[cfg(test)]
    pub(super) fn null(fb: &mut FunctionBuilder<'_>) -> Self {
        Self {
            base: fb.ins().iconst(types::I64, 0),
            size: 0,
        }
    }
}

/// Bytes between two frames that lie one below the other: the top of one is not the start of the
/// next, and so no other object's address.
pub(super) const GAP: u32 = FRAME_ALIGN;

/// Bytes of all frames that can be active at a time.
pub(super) const MAX_FRAMES: u32 = 8 * with_gap(512);

/// Bytes of a frame with the gap above it.
pub(super) const fn with_gap(stack_size: u32) -> u32 {
    rounded(stack_size) + GAP
}

/// Bytes of a frame: its top is aligned when its start is, and no frame is empty. The top of an
/// empty frame could be the start of the object above it, and so another object's address.
pub(super) const fn rounded(stack_size: u32) -> u32 {
    let bytes = if stack_size == 0 { 1 } else { stack_size };
    bytes.next_multiple_of(FRAME_ALIGN)
}

/// A stack slot for a frame of `stack_size` bytes.
pub(super) fn slot(fb: &mut FunctionBuilder<'_>, stack_size: u32) -> StackSlot {
    let align = FRAME_ALIGN.trailing_zeros() as u8;
    let data = StackSlotData::new(StackSlotKind::ExplicitSlot, rounded(stack_size), align);
    fb.create_sized_stack_slot(data)
}

/// Gives up a slot's memory unless it is used: no remaining code computes with its address.
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

/// Removes `stores` to the frame at `base` if nothing can read them. If every helper that takes a
/// key is inlined, the key is not needed in memory, and the frame takes no room.
///
/// The frame is unread if its address is used only by these stores and by additions, and the
/// results of the additions are used in the same way.
pub(super) fn drop_unread(func: &mut Function, base: Value, stores: &[Inst]) -> FrameUse {
    let stores: HashSet<Inst> = stores.iter().copied().collect();
    let addresses = addresses_in(func, base);
    let is_address = |value: Value| addresses.contains(&func.dfg.resolve_aliases(value));
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            let data = func.dfg.insts[inst];
            let is_used = match data {
                // The store's target is the frame. The stored value may be an address like any
                // other, and storing one is a use.
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

/// All values that are `base` plus something. The order of blocks says nothing: jumps lead back,
/// and code may stand before the values that it uses.
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
