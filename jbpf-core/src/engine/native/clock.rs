//! Tick clocks, inlined: a tick is one instruction of the processor away, and its time a
//! multiplication.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, types};

use super::lower::{Body, address_of};
use crate::clock::{self, SCALE_BITS, TickSource};

impl Body<'_, '_> {
    /// r0 = the processor's counter. Returns false, with nothing emitted, if ticks come from the
    /// system.
    ///
    /// Cranelift has no instruction for it. The call of a function for it costs a fraction of the
    /// time that the counter itself takes to read.
    pub(super) fn tick(&mut self) -> bool {
        if clock::source() != TickSource::TimeStampCounter {
            return false;
        }
        let ticks = self.call_address(clock::counter_ticks as *const () as usize, &[]);
        self.called_without_stores();
        self.define(0, ticks);
        true
    }

    /// r0 = ns from the tick in r1 to the one in r2: [`clock::ticks_to_ns`] of the difference, or
    /// 0.
    pub(super) fn ticks_between(&mut self) {
        let [start, end] = [1, 2].map(|register| self.read(register, 64));
        let none = self.fb.ins().iconst(types::I64, 0);
        let passed = self.fb.ins().isub(end, start);
        let forward = self.fb.ins().icmp(IntCC::UnsignedLessThan, start, end);
        let passed = self.fb.ins().select(forward, passed, none);

        // A measured scale becomes better while the process lives: read, and not known.
        let scale = self.address(address_of(clock::scale()));
        let flags = MemFlagsData::trusted();
        let scale = self.fb.ins().load(types::I64, flags, scale, 0);
        let high = self.fb.ins().umulhi(passed, scale);
        let low = self.fb.ins().imul(passed, scale);
        let bits = i64::from(SCALE_BITS);
        let upper = self.fb.ins().ishl_imm_u(high, 64 - bits);
        let lower = self.fb.ins().ushr_imm_u(low, bits);
        let ns = self.fb.ins().bor(upper, lower);
        let excess = self.fb.ins().ushr_imm_u(high, bits);
        let most = self.fb.ins().iconst(types::I64, -1);
        let ns = self.fb.ins().select(excess, most, ns);
        self.called_without_stores();
        self.define(0, ns);
    }
}
