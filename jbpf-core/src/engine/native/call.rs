//! Calls: of helpers, directly at their address, and of the codelet's own functions; and the helpers that
//! need no call, because the map's memory is at a constant address.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    BlockArg, InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Value, types,
};
use jbpf_verifier::program::{Fact, MemorySpace};

use super::known::{Known, Lookup, Stored};
use super::lower::{Body, address_of};
use crate::builtins::HelperTarget;
use crate::engine::EngineError;
use crate::map::{ArrayMap, INLINE_SLOTS, PerThreadArray, Storage};
use jbpf_hooks::reclaim::ThreadRecord;

/// `map_lookup_elem`.
const LOOKUP: u32 = 1;
/// `map_lookup_reset_elem`.
const LOOKUP_RESET: u32 = 2;
/// Values of at most this many bytes are zeroed by stores instead of a call.
const INLINE_RESET_BYTES: usize = 64;

impl Body<'_, '_> {
    pub(super) fn call_helper(&mut self, fact: Fact, id: u32) -> Result<(), EngineError> {
        let target = self.codelet.helper(id)?;
        let map = match fact {
            Fact::HelperCall { map: Some(map) } => Some(self.codelet.map(map)?),
            _ => None,
        };
        let section = map.is_some_and(|map| map.def().section.is_some());
        match (id, map.map(|map| map.storage())) {
            (LOOKUP, Some(Storage::Array(array))) => {
                self.lookup_array(array);
                return Ok(());
            }
            (LOOKUP_RESET, Some(Storage::Array(array)))
                if array.stride() <= INLINE_RESET_BYTES && !section =>
            {
                self.lookup_array(array);
                self.reset_found(array.stride());
                return Ok(());
            }
            (LOOKUP, Some(Storage::PerThreadArray(array))) => {
                self.lookup_per_thread(array, target);
                return Ok(());
            }
            _ => {}
        }
        let result = self.helper_result(target);
        self.known.called();
        self.define(0, result);
        Ok(())
    }

    /// Emits the call itself, with the arguments that r1 to r5 hold now.
    fn helper_result(&mut self, target: HelperTarget) -> Value {
        let mut arguments: Vec<Value> = (1..=target.args.min(5))
            .map(|register| self.read(register, 64))
            .collect();
        if target.needs_thread {
            arguments.push(self.thread);
        }
        if target.needs_codelet {
            let environment = address_of(self.codelet.environment());
            arguments.push(self.address(environment));
        }
        let signature = self.imports.signature(self.fb, arguments.len());
        let callee = self.address(target.address as u64);
        let call = self.fb.ins().call_indirect(signature, callee, &arguments);
        self.only_result(call)
    }

    pub(super) fn call_function(&mut self, at: usize, target: usize) -> Result<(), EngineError> {
        let functions = self.codelet.program().functions();
        let callee = functions
            .binary_search_by_key(&target, |function| function.start)
            .ok()
            .and_then(|index| self.functions.get(index).copied().flatten())
            .ok_or_else(|| EngineError::MissingFunction {
                codelet: self.codelet.name().to_owned(),
                insn: at,
                target,
            })?;
        let mut arguments: Vec<Value> = (1..=5).map(|register| self.read(register, 64)).collect();
        arguments.push(self.thread);
        let call = self.fb.ins().call(callee, &arguments);
        let result = self.only_result(call);
        self.known.called();
        self.define(0, result);
        Ok(())
    }

    fn only_result(&mut self, call: cranelift_codegen::ir::Inst) -> Value {
        match self.fb.inst_results(call) {
            [result] => *result,
            _ => self.fb.ins().iconst(types::I64, 0),
        }
    }

    fn address(&mut self, address: u64) -> Value {
        self.fb.ins().iconst(types::I64, address.cast_signed())
    }

    /// The array index that r2 points at: a number when the codelet has just written it to its stack.
    fn index(&mut self) -> Index {
        if let Known::Frame(at) = self.known.get(2) {
            match self.known.stack_held(at, 4) {
                Some(Stored::Constant(number)) => return Index::Number(number as u32),
                Some(Stored::Value(value)) => return Index::Value(value),
                None => {}
            }
            let flags = self.stack_flags();
            let displacement = self.frame.size + at;
            return Index::Value(self.fb.ins().load(
                types::I32,
                flags,
                self.frame.base,
                displacement,
            ));
        }
        let flags = self.flags_of(MemorySpace::Mixed);
        let pointer = self.read(2, 64);
        Index::Value(self.fb.ins().load(types::I32, flags, pointer, 0))
    }

    /// r0 = address of the entry, or null.
    fn lookup_array(&mut self, array: &ArrayMap) {
        let base = address_of(array.base().cast_const());
        match self.index() {
            Index::Number(index) => {
                self.called_without_stores();
                let address = if index < array.layout().entries() {
                    base.wrapping_add(u64::from(index) * array.stride() as u64)
                } else {
                    0
                };
                self.define_constant(0, address);
            }
            Index::Value(index) => {
                let found = self.below(index, array.layout().entries());
                let base = self.address(base);
                let address = self.element(base, index, array.stride());
                let null = self.fb.ins().iconst(types::I64, 0);
                let result = self.fb.ins().select(found, address, null);
                self.called_without_stores();
                self.define(0, result);
                self.known.set(0, Known::Lookup(Lookup { found, address }));
            }
        }
    }

    /// Zeroes the entry that r0 holds since [`Self::lookup_array`], unless it is null.
    fn reset_found(&mut self, bytes: usize) {
        match self.known.get(0) {
            Known::Constant(0) => {}
            Known::Lookup(lookup) => {
                let reset = self.fb.create_block();
                let done = self.fb.create_block();
                self.fb.ins().brif(lookup.found, reset, &[], done, &[]);
                self.fb.seal_block(reset);
                self.fb.switch_to_block(reset);
                self.zero_value(lookup.address, bytes);
                self.fb.ins().jump(done, &[]);
                self.fb.seal_block(done);
                self.fb.switch_to_block(done);
            }
            _ => {
                let address = self.read(0, 64);
                self.zero_value(address, bytes);
            }
        }
    }

    fn zero_value(&mut self, address: Value, bytes: usize) {
        let flags = self.flags_of(MemorySpace::MapValue);
        let zero = self.fb.ins().iconst(types::I64, 0);
        // Strides are multiples of eight.
        for offset in (0i32..).step_by(8).take(bytes / 8) {
            self.fb.ins().store(flags, zero, address, offset);
        }
    }

    /// r0 = address of the entry in this thread's copy, or null. The thread's copy is found in a table
    /// by its slot; a thread that has none yet goes through the helper, which makes one.
    fn lookup_per_thread(&mut self, array: &PerThreadArray, target: HelperTarget) {
        let entries = array.layout().entries();
        let index = self.index();
        if matches!(index, Index::Number(number) if number >= entries) {
            self.called_without_stores();
            return self.define_constant(0, 0);
        }
        let done = self.fb.create_block();
        let result = self.fb.append_block_param(done, types::I64);
        let null = self.fb.ins().iconst(types::I64, 0);
        let index = match index {
            Index::Number(number) => self.fb.ins().iconst(types::I32, i64::from(number)),
            Index::Value(index) => {
                let in_range = self.below(index, entries);
                let inside = self.fb.create_block();
                self.fb
                    .ins()
                    .brif(in_range, inside, &[], done, &[BlockArg::Value(null)]);
                self.fb.seal_block(inside);
                self.fb.switch_to_block(inside);
                index
            }
        };
        let [has_slot, fast, slow] = [(); 3].map(|()| self.fb.create_block());
        self.fb.set_cold_block(slow);
        // The record is its own thread's, and tables only gain copies: neither meets memory that codelets
        // store to.
        let plain = MemFlagsData::trusted();
        let slot = self.fb.ins().load(
            types::I32,
            plain,
            self.thread,
            i32::try_from(ThreadRecord::SLOT_OFFSET).unwrap_or_default(),
        );
        let known_slot = self.below(slot, INLINE_SLOTS);
        self.fb.ins().brif(known_slot, has_slot, &[], slow, &[]);

        self.fb.seal_block(has_slot);
        self.fb.switch_to_block(has_slot);
        let table = self.address(address_of(array.table()));
        let entry = self.element(table, slot, size_of::<usize>());
        let copy = self.fb.ins().load(types::I64, plain, entry, 0);
        let missing = self.fb.ins().icmp(IntCC::Equal, copy, null);
        self.fb.ins().brif(missing, slow, &[], fast, &[]);
        self.fb.seal_block(slow);
        self.fb.seal_block(fast);

        self.fb.switch_to_block(slow);
        // The key is written once more, for the helper alone: so the frame's address does not leave the
        // codelet, and the codelet's own store of it may be dropped.
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, 8, 3);
        let slot = self.fb.create_sized_stack_slot(slot);
        let key = self.fb.ins().stack_addr(types::I64, slot, 0);
        self.fb.ins().store(MemFlagsData::trusted(), index, key, 0);
        self.define(2, key);
        let from_helper = self.helper_result(target);
        self.fb.ins().jump(done, &[BlockArg::Value(from_helper)]);

        self.fb.switch_to_block(fast);
        let address = self.element(copy, index, array.layout().stride());
        self.fb.ins().jump(done, &[BlockArg::Value(address)]);

        self.fb.seal_block(done);
        self.fb.switch_to_block(done);
        self.called_without_stores();
        self.define(0, result);
    }

    /// `base + index * stride`.
    fn element(&mut self, base: Value, index: Value, stride: usize) -> Value {
        let index = self.fb.ins().uextend(types::I64, index);
        let stride = i64::try_from(stride).unwrap_or(i64::MAX);
        let offset = self.fb.ins().imul_imm_s(index, stride);
        self.fb.ins().iadd(base, offset)
    }

    /// After an inlined helper: the argument registers are gone, the frame is as it was.
    fn called_without_stores(&mut self) {
        for register in 0..6 {
            self.known.set(register, Known::Unknown);
        }
    }
}

enum Index {
    Number(u32),
    Value(Value),
}
