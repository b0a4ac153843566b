//! The usual cases of channels, inlined: seeing that no control record has come, and getting the
//! buffer for the next record. The helper does everything else. (Sending is in `send`.)

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, MemFlagsData, types};

use super::insn::Operand;
use super::lower::{Body, address_of};
use crate::builtins::HelperTarget;
use crate::map::{InputMap, OutputMap};

impl Body<'_, '_> {
    /// r0 = 0 while the ring is empty, else the helper's result. Returns false, with nothing
    /// emitted, unless the buffer is known to be large enough.
    pub(super) fn receive(&mut self, input: &InputMap, target: HelperTarget) -> bool {
        let ring = input.ring();
        let size = self.known_operand(Operand::Register(3));
        if size.is_none_or(|size| size < u64::from(ring.record_size())) {
            return false;
        }
        let addresses = ring.addresses();
        let done = self.fb.create_block();
        let result = self.fb.append_block_param(done, types::I64);
        let [no_local, call] = [(); 2].map(|()| self.fb.create_block());
        // These loads read words that other threads write. An old value is as good as the answer
        // that the helper would have given a moment ago.
        let flags = MemFlagsData::trusted();

        let tail = self.address(address_of(addresses.tail));
        let number = self.fb.ins().load(types::I64, flags, tail, 0);
        let place = self
            .fb
            .ins()
            .band_imm_u(number, addresses.mask.cast_signed());
        let offset = self.fb.ins().ishl_imm_u(place, 3);
        let published = self.address(address_of(addresses.published_at));
        let published = self.fb.ins().iadd(published, offset);
        let published = self.fb.ins().load(types::I64, flags, published, 0);
        let awaited = self.fb.ins().iadd_imm_s(number, 1);
        let there = self.fb.ins().icmp(IntCC::Equal, published, awaited);
        self.fb.ins().brif(there, call, &[], no_local, &[]);

        self.fb.seal_block(no_local);
        self.fb.switch_to_block(no_local);
        let lanes = self.address(address_of(addresses.lanes));
        let lanes = self.fb.ins().load(types::I32, flags, lanes, 0);
        let none = self.fb.ins().iconst(types::I64, 0);
        self.fb
            .ins()
            .brif(lanes, call, &[], done, &[BlockArg::Value(none)]);

        self.fb.seal_block(call);
        self.fb.switch_to_block(call);
        let received = self.helper_result(target);
        self.fb.ins().jump(done, &[BlockArg::Value(received)]);

        self.fb.seal_block(done);
        self.fb.switch_to_block(done);
        self.known.called();
        self.define(0, result);
        true
    }

    /// r0 = this thread's buffer, or null. Marks it as this hook call's, if the ring has room. The
    /// helper does the rest: buffers that other calls have left, and the count of records without
    /// room.
    pub(super) fn reserve(&mut self, output: &OutputMap, target: HelperTarget) {
        let addresses = output.ring().addresses();
        let done = self.fb.create_block();
        let result = self.fb.append_block_param(done, types::I64);
        let [held, look, mark, ready, slow] = [(); 5].map(|()| self.fb.create_block());
        self.fb.set_cold_block(slow);
        // These are words of this thread's own, and two that other threads write. An old value of
        // those two does no harm: the record's place is claimed when it is sent.
        let flags = MemFlagsData::trusted();

        let (line, slot) = self.line(&addresses, slow);
        let reserved_at = i32::from(addresses.slot_reserved);
        let reserved = self.fb.ins().load(types::I32, flags, line, reserved_at);
        let call = self.hook_call();
        self.fb.ins().brif(reserved, held, &[], look, &[]);

        self.fb.seal_block(held);
        self.fb.switch_to_block(held);
        let own = self.fb.ins().icmp(IntCC::Equal, reserved, call);
        self.fb.ins().brif(own, ready, &[], slow, &[]);

        self.fb.seal_block(look);
        self.fb.switch_to_block(look);
        let head = self.address(address_of(addresses.head));
        let head = self.fb.ins().load(types::I64, flags, head, 0);
        let limit = self.address(address_of(addresses.limit));
        let limit = self.fb.ins().load(types::I64, flags, limit, 0);
        let room = self.fb.ins().icmp(IntCC::UnsignedLessThan, head, limit);
        self.fb.ins().brif(room, mark, &[], slow, &[]);
        self.fb.seal_block(slow);

        self.fb.seal_block(mark);
        self.fb.switch_to_block(mark);
        self.fb.ins().store(flags, call, line, reserved_at);
        self.fb.ins().jump(ready, &[]);

        self.fb.seal_block(ready);
        self.fb.switch_to_block(ready);
        let buffer = self.spare_buffer(&addresses, line, slot);
        self.fb.ins().jump(done, &[BlockArg::Value(buffer)]);

        self.fb.switch_to_block(slow);
        let from_helper = self.helper_result(target);
        self.fb.ins().jump(done, &[BlockArg::Value(from_helper)]);

        self.fb.seal_block(done);
        self.fb.switch_to_block(done);
        self.called_without_stores();
        self.define(0, result);
    }
}
