//! One lowering for every function: from verified instructions to Cranelift IR.
//!
//! Registers become SSA variables, so that no register file exists in memory. (`homes` tells of
//! the large codelets, whose registers do.) The lowering walks
//! the instructions once, in order, and starts a block at each target of a reachable jump. The
//! verifier's facts decide the code: nothing for unreachable instructions, a plain jump for a
//! branch that goes one way, plain loads and stores without checks.

use std::collections::BTreeMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AliasRegion, AliasRegionData, Block, BlockArg, FuncRef, Inst, InstBuilder, MemFlagsData,
    SigRef, StackSlot, StackSlotData, StackSlotKind, Value, types,
};
use cranelift_frontend::FunctionBuilder;
use jbpf_verifier::RawInsn;
use jbpf_verifier::bug::Bug;
use jbpf_verifier::program::{BranchOutcome, Fact, VerifiedFunction};

use super::alu;
use super::frame::{self, Frame, FrameUse};
use super::guard::Surroundings;
use super::homes::{Effort, Registers};
use super::insn::{AluOp, Bits, Condition, Insn, Operand};
use super::known::{Known, KnownState, Lookup};
use super::leaving::AbortBlocks;
use super::shared::SharedLoads;
use super::subject::Subject;
use crate::engine::{AbortKind, BoundCodelet, EngineError};
use crate::map::Storage;

/// The imports of one Cranelift function, shared by all codelets that are lowered into it.
pub(super) struct Imports {
    /// Signatures of functions of so many u64 registers that return one.
    signatures: [Option<SigRef>; 9],
    pub(super) regions: AliasRegions,
    /// The stack slot for copies that helpers read.
    copies: Option<StackSlot>,
    /// The loads of shared memory by codelets that were lowered before.
    shared_loads: SharedLoads,
}

/// Memory that cannot overlap (clause 3 of [`addresses`](jbpf_verifier::addresses)): Cranelift
/// forwards stores to loads and drops repeated loads inside one.
#[derive(Clone, Copy)]
pub(super) struct AliasRegions {
    /// The frame. Only helpers get its address, for the length of their call.
    pub stack: AliasRegion,
    /// The context struct.
    pub context: AliasRegion,
    /// Data regions, map values and records: an application may lay one over the other.
    pub data: AliasRegion,
}

impl Imports {
    pub(super) fn new(fb: &mut FunctionBuilder<'_>) -> Self {
        let mut region = |user_id, description: &'static str| {
            fb.func.dfg.alias_regions.insert(AliasRegionData {
                user_id,
                description: description.into(),
            })
        };
        Self {
            signatures: [None; 9],
            regions: AliasRegions {
                stack: region(0, "stack"),
                context: region(1, "context"),
                data: region(2, "data"),
            },
            copies: None,
            shared_loads: SharedLoads::none(),
        }
    }

    /// The signature of an `extern "C"` function of `count` u64 arguments.
    pub(super) fn signature(&mut self, fb: &mut FunctionBuilder<'_>, count: usize) -> SigRef {
        if let Some(Some(known)) = self.signatures.get(count) {
            return *known;
        }
        let call_conv = fb.func.signature.call_conv;
        let reference = fb.import_signature(super::registers_signature(call_conv, count));
        if let Some(slot) = self.signatures.get_mut(count) {
            *slot = Some(reference);
        }
        reference
    }

    /// The address of `bytes` bytes, 8-aligned, for the copy that the next helper reads. All calls
    /// of the Cranelift function share them: a slot for each call would add up to more stack than
    /// small threads have.
    pub(super) fn copy_for_helper(&mut self, fb: &mut FunctionBuilder<'_>, bytes: u32) -> Value {
        let slot = *self.copies.get_or_insert_with(|| {
            fb.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 1, 3))
        });
        if let Some(data) = fb.func.sized_stack_slots.get_mut(slot) {
            data.size = data.size.max(bytes);
        }
        fb.ins().stack_addr(types::I64, slot, 0)
    }
}

/// Functions of a codelet by index, as the current Cranelift function calls them.
pub(super) type Callees = BTreeMap<usize, FuncRef>;

/// The way out of a lowered function, when it returns r0 and when it leaves the codelet.
#[derive(Clone, Copy)]
pub(super) struct Exit {
    pub to: ExitTo,
    /// Whether the function can leave the codelet: then it gives a second number along with r0, 1
    /// if it did and else 0.
    pub leaves: bool,
}

#[derive(Clone, Copy)]
pub(super) enum ExitTo {
    /// It returns from the Cranelift function.
    Caller,
    /// It continues at a block that takes these numbers as its parameters.
    Block(Block),
}

/// One function of a codelet, on its way into the current Cranelift function.
pub(super) struct Body<'b, 'f> {
    pub(super) fb: &'b mut FunctionBuilder<'f>,
    pub(super) imports: &'b mut Imports,
    pub(super) subject: Subject<'b>,
    pub(super) codelet: &'b BoundCodelet,
    pub(super) frame: Frame,
    /// The objects that accesses are compared with, if they are guarded.
    pub(super) surroundings: Option<Surroundings>,
    /// `*const ThreadRecord`.
    pub(super) thread: Value,
    /// The codelet's functions by index, as this Cranelift function calls them.
    pub(super) functions: &'b Callees,
    pub(super) exit: Exit,
    pub(super) known: KnownState,
    pub(super) registers: Registers,
    /// The stores to known places of the frame.
    pub(super) frame_stores: Vec<Inst>,
    /// The blocks of aborts, made by the first abort.
    pub(super) aborts: Option<AbortBlocks>,
}

/// The target of a jump.
#[derive(Debug, Clone, Copy)]
struct Leader {
    at: usize,
    block: Block,
    /// The last instruction that jumps here: once it is lowered, all predecessors are known.
    last_jump: usize,
    /// Whether anything emitted so far leads here.
    reached: bool,
    sealed: bool,
}

impl<'b, 'f> Body<'b, 'f> {
    /// Lowers `function` into the current block, with `arguments` in r1 to r5. Afterwards the
    /// current block is filled. Returns whether the frame is used.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is one part of the surroundings"
    )]
    pub(super) fn lower(
        fb: &'b mut FunctionBuilder<'f>,
        imports: &'b mut Imports,
        subject: Subject<'b>,
        functions: &'b Callees,
        function: &VerifiedFunction,
        frame: Frame,
        surroundings: Option<Surroundings>,
        thread: Value,
        arguments: &[Value],
        exit: Exit,
    ) -> Result<FrameUse, EngineError> {
        let registers = Registers::new(fb, subject.effort);
        let shared_loads = std::mem::replace(&mut imports.shared_loads, SharedLoads::Any);
        #[cfg(test)]
        let frame = if subject.null_frames && function.stack_size == 0 {
            Frame::null(fb)
        } else {
            frame
        };
        let mut body = Self {
            fb,
            imports,
            subject,
            codelet: subject.codelet,
            frame,
            surroundings,
            thread,
            functions,
            exit,
            known: KnownState::new(shared_loads, subject.effort),
            registers,
            frame_stores: Vec::new(),
            aborts: None,
        };
        for (register, &argument) in (1u8..).zip(arguments) {
            body.define(register, argument);
        }
        let top = body.fb.ins().iadd_imm_s(frame.base, i64::from(frame.size));
        body.define(10, top);
        body.known.set(10, Known::Frame(0));
        body.settle();
        for bytes in &function.zero_on_entry {
            body.zero_frame(bytes.offset, bytes.len);
        }
        body.walk(function)?;
        body.fill_abort_blocks();
        if subject.effort == Effort::Linear {
            return Ok(FrameUse::Used);
        }
        let Self {
            fb, frame_stores, ..
        } = body;
        Ok(frame::drop_unread(fb.func, frame.base, &frame_stores))
    }

    fn walk(&mut self, function: &VerifiedFunction) -> Result<(), EngineError> {
        let mut leaders = self.find_leaders(function)?;
        // Whether the current block is filled: nothing falls into the next instruction.
        let mut filled = false;
        let mut at = function.start;
        while at < function.end {
            if let Some(leader) = leaders.find_mut(at) {
                if !filled {
                    leader.reached = true;
                    self.fb.ins().jump(leader.block, &[]);
                }
                if leader.reached || leader.last_jump >= at {
                    self.fb.switch_to_block(leader.block);
                    if leader.last_jump < at {
                        self.fb.seal_block(leader.block);
                        leader.sealed = true;
                    }
                    self.known.forget();
                    filled = false;
                }
            }
            if self.fact(at) == Fact::Unreachable {
                if !filled {
                    self.abort(at, AbortKind::Unreachable)?;
                    filled = true;
                }
                at += slots(self.raw(at)?);
                continue;
            }
            let insn = self.decode(at)?;
            if !filled {
                self.recall(insn);
                filled = self.instruction(at, insn, &mut leaders)?;
            }
            at += insn.slots();
        }
        if !filled {
            self.abort(function.end.saturating_sub(1), AbortKind::Unreachable)?;
        }
        for leader in &leaders.0 {
            if !leader.sealed {
                self.fb.seal_block(leader.block);
            }
        }
        Ok(())
    }

    /// The targets of the function's reachable jumps.
    fn find_leaders(&mut self, function: &VerifiedFunction) -> Result<Leaders, EngineError> {
        let mut jumps: Vec<(usize, usize)> = Vec::new();
        let mut at = function.start;
        while at < function.end {
            if self.fact(at) == Fact::Unreachable {
                at += slots(self.raw(at)?);
                continue;
            }
            let insn = self.decode(at)?;
            let jump = match (insn, self.fact(at)) {
                (_, Fact::Branch(BranchOutcome::Never)) => None,
                (Insn::Jump { target } | Insn::Branch { target, .. }, _) => Some(target),
                _ => None,
            };
            jumps.extend(jump.map(|target| (target, at)));
            at += insn.slots();
        }
        jumps.sort_unstable();
        let mut leaders: Vec<Leader> = Vec::new();
        for (target, from) in jumps {
            match leaders.last_mut() {
                Some(last) if last.at == target => last.last_jump = from,
                _ => leaders.push(Leader {
                    at: target,
                    block: self.fb.create_block(),
                    last_jump: from,
                    reached: false,
                    sealed: false,
                }),
            }
        }
        Ok(Leaders(leaders))
    }

    fn decode(&self, at: usize) -> Result<Insn, EngineError> {
        let raw = self.raw(at)?;
        Insn::decode(at, raw, self.subject.insn(at + 1)).ok_or_else(|| self.unsupported(at, raw))
    }

    fn unsupported(&self, at: usize, raw: RawInsn) -> EngineError {
        EngineError::Unsupported {
            codelet: self.codelet.name().to_owned(),
            insn: at,
            opcode: raw.opcode,
        }
    }

    pub(super) fn fact(&self, at: usize) -> Fact {
        self.subject.fact(at)
    }

    /// Lowers one instruction; true if it filled the current block.
    fn instruction(
        &mut self,
        at: usize,
        insn: Insn,
        leaders: &mut Leaders,
    ) -> Result<bool, EngineError> {
        match insn {
            Insn::Alu { bits, op, dst, src } => self.alu(bits, op, dst, src),
            Insn::Negate { bits, dst } => {
                let value = self.read(dst, bits);
                let negated = self.fb.ins().ineg(value);
                self.write(dst, bits, negated);
            }
            Insn::Move { bits, dst, src } => self.mov(bits, dst, src),
            Insn::MoveSigned {
                bits,
                from,
                dst,
                src,
            } => {
                let value = self.read(src, from);
                let extended = self.fb.ins().sextend(alu::int_type(bits), value);
                self.write(dst, bits, extended);
            }
            Insn::Swap { order, bits, dst } => {
                let value = self.read(dst, 64);
                let swapped = alu::swap(self.fb, order, bits, value);
                self.define(dst, swapped);
            }
            Insn::Load {
                bits,
                signed,
                dst,
                base,
                offset,
            } => {
                if self.guard_access(at, (base, offset), bits, false)? {
                    return Ok(true);
                }
                self.load(self.fact(at), bits, signed, dst, base, offset);
            }
            Insn::Store {
                bits,
                base,
                offset,
                value,
            } => {
                if self.guard_access(at, (base, offset), bits, true)? {
                    return Ok(true);
                }
                self.store(self.fact(at), bits, base, offset, value);
            }
            Insn::Atomic {
                bits,
                op,
                fetch,
                base,
                offset,
                src,
            } => {
                if self.guard_access(at, (base, offset), bits, true)? {
                    return Ok(true);
                }
                self.atomic(self.fact(at), bits, op, fetch, (base, offset), src);
            }
            Insn::Wide { dst, value } => self.define_constant(dst, value),
            Insn::MapPointer { dst, map } => {
                let map = self.codelet.map(map)?;
                self.define_constant(dst, address_of(map));
            }
            Insn::MapValue { dst, map, offset } => {
                let base = match self.codelet.map(map)?.storage() {
                    Storage::Array(array) => address_of(array.base()),
                    _ => return Err(self.unsupported(at, self.raw(at)?)),
                };
                self.define_constant(dst, base.wrapping_add(offset.into()));
            }
            Insn::Jump { target } => {
                self.jump(at, target, leaders)?;
                return Ok(true);
            }
            Insn::Branch {
                condition,
                bits,
                dst,
                src,
                target,
            } => {
                return self.branch(at, (condition, bits, dst, src), target, leaders);
            }
            Insn::CallHelper { id } => return self.call_helper(at, id),
            Insn::CallFunction { target } => return self.call_function(at, target),
            Insn::Exit => {
                // A function that returns nothing may get here with r0 unwritten, which is 0 then.
                // Nobody reads it.
                let result = self.registers.get(self.fb, 0);
                self.end(result, false);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The function ends: gives r0 and, if it can leave the codelet, whether it does.
    pub(super) fn end(&mut self, result: Value, left: bool) {
        let mut results = vec![result];
        if self.exit.leaves {
            results.push(self.fb.ins().iconst(types::I64, i64::from(left)));
        }
        match self.exit.to {
            ExitTo::Caller => self.fb.ins().return_(&results),
            ExitTo::Block(block) => {
                let results: Vec<BlockArg> = results.into_iter().map(BlockArg::Value).collect();
                self.fb.ins().jump(block, &results)
            }
        };
    }

    fn raw(&self, at: usize) -> Result<RawInsn, EngineError> {
        let raw = self.subject.insn(at);
        Ok(raw.ok_or(Bug::new("a function behind its program"))?)
    }

    // Registers.

    pub(super) fn define(&mut self, register: u8, value: Value) {
        self.registers.set(self.fb, register, value);
        self.known.set(register, Known::Unknown);
    }

    pub(super) fn define_constant(&mut self, register: u8, value: u64) {
        let constant = self.fb.ins().iconst(types::I64, value.cast_signed());
        self.define(register, constant);
        self.known.set(register, Known::Constant(value));
    }

    /// The low `bits` of a register.
    pub(super) fn read(&mut self, register: u8, bits: Bits) -> Value {
        let value = self.registers.get(self.fb, register);
        alu::truncate(self.fb, value, bits)
    }

    /// Sets a register to a value of `bits`, zero-extended.
    pub(super) fn write(&mut self, register: u8, bits: Bits, value: Value) {
        let extended = alu::zero_extend(self.fb, value, bits);
        self.define(register, extended);
    }

    /// An operand as a value of `bits`; immediates are sign-extended or cut.
    pub(super) fn operand(&mut self, operand: Operand, bits: Bits) -> Value {
        match operand {
            Operand::Register(register) => self.read(register, bits),
            Operand::Immediate(imm) => {
                let value = i64::from(imm) & ones(bits).cast_signed();
                self.fb.ins().iconst(alu::int_type(bits), value)
            }
        }
    }

    /// An operand's value, if it is a known number; immediates are sign-extended.
    pub(super) fn known_operand(&self, operand: Operand) -> Option<u64> {
        match operand {
            Operand::Immediate(imm) => Some(i64::from(imm).cast_unsigned()),
            Operand::Register(register) => match self.known.get(register) {
                Known::Constant(value) => Some(value),
                _ => None,
            },
        }
    }

    // Arithmetic.

    fn alu(&mut self, bits: Bits, op: AluOp, dst: u8, src: Operand) {
        let moved = match (bits, op, self.known.get(dst), src) {
            (64, AluOp::Add, Known::Frame(at), Operand::Immediate(imm)) => at.checked_add(imm),
            (64, AluOp::Sub, Known::Frame(at), Operand::Immediate(imm)) => at.checked_sub(imm),
            _ => None,
        };
        let left = self.read(dst, bits);
        let right = self.operand(src, bits);
        let divisor = match src {
            Operand::Immediate(imm) => Some(imm),
            Operand::Register(_) => None,
        };
        let result = alu::binary(self.fb, op, bits, left, right, divisor);
        self.write(dst, bits, result);
        if let Some(at) = moved {
            self.known.set(dst, Known::Frame(at));
        }
    }

    fn mov(&mut self, bits: Bits, dst: u8, src: Operand) {
        if let Some(value) = self.known_operand(src) {
            return self.define_constant(dst, value & ones(bits));
        }
        let known = match src {
            Operand::Register(register) if bits == 64 => self.known.get(register),
            _ => Known::Unknown,
        };
        let value = self.operand(src, bits);
        self.write(dst, bits, value);
        self.known.set(dst, known);
    }

    // Control flow.

    fn jump(&mut self, at: usize, target: usize, leaders: &mut Leaders) -> Result<(), EngineError> {
        let block = self.landing(at, target, leaders)?;
        self.fb.ins().jump(block, &[]);
        Ok(())
    }

    fn landing(
        &self,
        at: usize,
        target: usize,
        leaders: &mut Leaders,
    ) -> Result<Block, EngineError> {
        match leaders.find_mut(target) {
            Some(leader) => {
                leader.reached = true;
                Ok(leader.block)
            }
            None => Err(self.unsupported(at, self.raw(at)?)),
        }
    }

    fn branch(
        &mut self,
        at: usize,
        (condition, bits, dst, src): (Condition, Bits, u8, Operand),
        target: usize,
        leaders: &mut Leaders,
    ) -> Result<bool, EngineError> {
        let outcome = match self.fact(at) {
            Fact::Branch(BranchOutcome::Always) => Some(true),
            Fact::Branch(BranchOutcome::Never) => Some(false),
            _ => self.decide(condition, bits, dst, src),
        };
        match outcome {
            Some(true) => {
                self.jump(at, target, leaders)?;
                return Ok(true);
            }
            Some(false) => return Ok(false),
            None => {}
        }
        let taken = self.landing(at, target, leaders)?;
        if let Some((lookup, jumps_if_found)) = self.null_check(condition, bits, dst, src) {
            self.branch_on_lookup(lookup, jumps_if_found, taken);
            return Ok(false);
        }
        let left = self.read(dst, bits);
        let right = self.operand(src, bits);
        let holds = alu::compare(self.fb, condition, left, right);
        let next = self.fb.create_block();
        self.fb.ins().brif(holds, taken, &[], next, &[]);
        self.fb.seal_block(next);
        self.fb.switch_to_block(next);
        Ok(false)
    }

    /// The outcome of a comparison of known numbers. Addresses of inlined lookups are such
    /// numbers, so that their null checks disappear.
    fn decide(&self, condition: Condition, bits: Bits, dst: u8, src: Operand) -> Option<bool> {
        let left = self.known_operand(Operand::Register(dst))? & ones(bits);
        let right = self.known_operand(src)? & ones(bits);
        let signed = |value: u64| {
            if bits == 32 {
                i64::from(value as u32 as i32)
            } else {
                value.cast_signed()
            }
        };
        let (signed_left, signed_right) = (signed(left), signed(right));
        Some(match condition {
            Condition::Equal => left == right,
            Condition::NotEqual => left != right,
            Condition::Greater => left > right,
            Condition::GreaterOrEqual => left >= right,
            Condition::Less => left < right,
            Condition::LessOrEqual => left <= right,
            Condition::SignedGreater => signed_left > signed_right,
            Condition::SignedGreaterOrEqual => signed_left >= signed_right,
            Condition::SignedLess => signed_left < signed_right,
            Condition::SignedLessOrEqual => signed_left <= signed_right,
            Condition::Intersects => left & right != 0,
        })
    }

    /// Whether the branch compares the result of an inlined lookup with null, and if so, whether
    /// it jumps when the entry was found.
    fn null_check(
        &self,
        condition: Condition,
        bits: Bits,
        dst: u8,
        src: Operand,
    ) -> Option<(Lookup, bool)> {
        let Known::Lookup(lookup) = self.known.get(dst) else {
            return None;
        };
        match (condition, bits, src) {
            (Condition::Equal, 64, Operand::Immediate(0)) => Some((lookup, false)),
            (Condition::NotEqual, 64, Operand::Immediate(0)) => Some((lookup, true)),
            _ => None,
        }
    }

    /// Branches on the lookup's own condition; each side gives its registers the plain value that
    /// they have there, so that the select that would merge both is never computed.
    fn branch_on_lookup(&mut self, lookup: Lookup, jumps_if_found: bool, taken: Block) {
        let found = self.fb.create_block();
        let missing = self.fb.create_block();
        self.fb.ins().brif(lookup.found, found, &[], missing, &[]);
        self.fb.seal_block(found);
        self.fb.seal_block(missing);
        let holders: Vec<u8> = self.known.holders(lookup).collect();
        let (jumping, falling) = if jumps_if_found {
            (found, missing)
        } else {
            (missing, found)
        };
        for side in [jumping, falling] {
            self.fb.switch_to_block(side);
            for &register in &holders {
                if side == found {
                    self.define(register, lookup.address);
                } else {
                    self.define_constant(register, 0);
                }
            }
            if side == jumping {
                self.fb.ins().jump(taken, &[]);
            }
        }
    }

    // Memory that the lowering itself touches.

    /// Flags of an access to the frame.
    pub(super) fn stack_flags(&self) -> MemFlagsData {
        MemFlagsData::new()
            .with_notrap()
            .with_alias_region(Some(self.imports.regions.stack))
    }

    fn zero_frame(&mut self, offset: i32, len: u32) {
        let flags = self.stack_flags();
        let end = offset + len.cast_signed();
        let mut at = offset;
        while at < end {
            let bits: Bits = match end - at {
                8.. => 64,
                4.. => 32,
                2.. => 16,
                _ => 8,
            };
            let zero = self.fb.ins().iconst(alu::int_type(bits), 0);
            let slot_offset = self.frame.size + at;
            let base = self.frame.base;
            let store = self.fb.ins().store(flags, zero, base, slot_offset);
            self.frame_stores.push(store);
            at += i32::from(bits / 8);
        }
    }

    /// Zero if `index < entries` does not hold.
    pub(super) fn below(&mut self, index: Value, entries: u32) -> Value {
        let limit = self.fb.ins().iconst(types::I32, i64::from(entries));
        self.fb.ins().icmp(IntCC::UnsignedLessThan, index, limit)
    }
}

/// The leaders of a function, ascending.
struct Leaders(Vec<Leader>);

impl Leaders {
    fn find_mut(&mut self, at: usize) -> Option<&mut Leader> {
        let index = self.0.binary_search_by_key(&at, |l| l.at).ok()?;
        self.0.get_mut(index)
    }
}

/// All bits of a `bits` wide value.
pub(super) const fn ones(bits: Bits) -> u64 {
    u64::MAX >> (64 - bits)
}

/// The slots that an instruction takes, known to the engine or not.
pub(super) const fn slots(raw: RawInsn) -> usize {
    if raw.opcode == 0x18 { 2 } else { 1 }
}

/// An address as machine code sees it.
pub(super) fn address_of<T>(pointer: *const T) -> u64 {
    pointer as usize as u64
}
