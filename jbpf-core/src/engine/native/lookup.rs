//! Lookups in arrays, inlined: the map's memory is at a constant address.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, MemFlagsData, Value, types};
use jbpf_verifier::program::MemorySpace;

use super::known::{Known, Lookup, Stored};
use super::lower::{Body, address_of};
use crate::builtins::HelperTarget;
use crate::map::{ArrayMap, INLINE_SLOTS, PerThreadArray};

/// An array index.
enum Index {
    Number(u32),
    Value(Value),
}

impl Body<'_, '_> {
    /// The array index that r2 points at: a number when the codelet has just written it to its
    /// stack.
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
        let index = self.fb.ins().load(types::I32, flags, pointer, 0);
        self.known.shared_loads.loaded(0, types::I32, index);
        Index::Value(index)
    }

    /// r0 = address of the entry, or null.
    pub(super) fn lookup_array(&mut self, array: &ArrayMap) {
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
    pub(super) fn reset_found(&mut self, bytes: usize) {
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
        self.known.shared_loads.separate(self.fb);
    }

    /// r0 = address of the entry in this thread's copy, or null. The thread's copy is found in a
    /// table by its slot. The helper serves threads with a slot beyond the table, and threads
    /// without a copy, which get null.
    pub(super) fn lookup_per_thread(&mut self, array: &PerThreadArray, target: HelperTarget) {
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
        // The record is its own thread's, and tables only gain copies: neither meets memory that
        // codelets store to.
        let plain = MemFlagsData::trusted();
        let slot = self.thread_slot();
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
        // The key is written once more, for the helper alone. So the frame's address does not
        // leave the codelet, and the codelet's own store of the key may be dropped.
        let key = self.imports.copy_for_helper(self.fb, 8);
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

    /// `base + index * stride`, of a 32-bit index.
    pub(super) fn element(&mut self, base: Value, index: Value, stride: usize) -> Value {
        let index = self.fb.ins().uextend(types::I64, index);
        let stride = i64::try_from(stride).unwrap_or(i64::MAX);
        let offset = self.fb.ins().imul_imm_s(index, stride);
        self.fb.ins().iadd(base, offset)
    }
}
