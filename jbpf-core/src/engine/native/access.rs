//! Loads, stores and atomic operations of codelets: plain instructions, since the verifier proved
//! each in bounds.

use cranelift_codegen::ir::{AtomicRmwOp, Inst, InstBuilder, MemFlagsData, Type, Value, types};
use jbpf_verifier::program::{Fact, MemorySpace};

use super::alu;
use super::insn::{AtomicOp, Bits, Operand};
use super::known::{Known, Stored};
use super::lower::{Body, ones};
use super::shared::is_shared;

/// The address of an access.
struct Place {
    base: Value,
    displacement: i32,
    /// The offset from r10, when it is known.
    frame_offset: Option<i32>,
    space: MemorySpace,
    flags: MemFlagsData,
}

impl Body<'_, '_> {
    pub(super) fn load(
        &mut self,
        fact: Fact,
        bits: Bits,
        signed: bool,
        dst: u8,
        base: u8,
        offset: i16,
    ) {
        let place = self.place(fact, base, offset);
        let held = place
            .frame_offset
            .and_then(|at| self.known.stack_held(at, i32::from(bits / 8)));
        let value = match held {
            Some(Stored::Constant(number)) => {
                let number = if signed {
                    sign_extend(number, bits)
                } else {
                    number
                };
                return self.define_constant(dst, number);
            }
            Some(Stored::Value(value)) => value,
            None => self.load_at(&place, alu::int_type(bits)),
        };
        if signed {
            let extended = self.fb.ins().sextend(types::I64, value);
            self.define(dst, extended);
        } else {
            self.write(dst, bits, value);
        }
    }

    pub(super) fn store(&mut self, fact: Fact, bits: Bits, base: u8, offset: i16, value: Operand) {
        let place = self.place(fact, base, offset);
        let stored = self.operand(value, bits);
        let held = match self.known_operand(value) {
            Some(number) => Stored::Constant(number & ones(bits)),
            None => Stored::Value(stored),
        };
        let store = self.store_at(&place, stored);
        if place.frame_offset.is_some() {
            self.frame_stores.push(store);
        }
        self.stored(&place, bits, Some(held));
    }

    pub(super) fn atomic(
        &mut self,
        fact: Fact,
        bits: Bits,
        op: AtomicOp,
        fetch: bool,
        (base, offset): (u8, i16),
        src: u8,
    ) {
        let place = self.place(fact, base, offset);
        // Atomic operations order all memory, so that no region narrows them.
        let flags = MemFlagsData::trusted();
        let address = self
            .fb
            .ins()
            .iadd_imm_s(place.base, i64::from(place.displacement));
        let operand = self.read(src, bits);
        let ty = alu::int_type(bits);
        let rmw = match op {
            AtomicOp::Add => AtomicRmwOp::Add,
            AtomicOp::Or => AtomicRmwOp::Or,
            AtomicOp::And => AtomicRmwOp::And,
            AtomicOp::Xor => AtomicRmwOp::Xor,
            AtomicOp::Exchange => AtomicRmwOp::Xchg,
            AtomicOp::CompareExchange => {
                let expected = self.read(0, bits);
                let old = self.fb.ins().atomic_cas(flags, address, expected, operand);
                self.stored(&place, bits, None);
                return self.write(0, bits, old);
            }
        };
        let old = self.fb.ins().atomic_rmw(ty, flags, rmw, address, operand);
        self.stored(&place, bits, None);
        if fetch {
            self.write(src, bits, old);
        }
    }

    fn load_at(&mut self, place: &Place, ty: Type) -> Value {
        let (base, offset) = (place.base, place.displacement);
        if !is_shared(place.space) {
            return self.fb.ins().load(ty, place.flags, base, offset);
        }
        self.known.shared_loads.before_load(self.fb, offset, ty);
        let value = self.fb.ins().load(ty, place.flags, base, offset);
        self.known.shared_loads.loaded(offset, ty, value);
        value
    }

    fn store_at(&mut self, place: &Place, value: Value) -> Inst {
        let (base, offset) = (place.base, place.displacement);
        if !is_shared(place.space) {
            return self.fb.ins().store(place.flags, value, base, offset);
        }
        self.known.shared_loads.before_store(self.fb, offset, value);
        let store = self.fb.ins().store(place.flags, value, base, offset);
        self.known.shared_loads.separate(self.fb);
        store
    }

    fn stored(&mut self, place: &Place, bits: Bits, held: Option<Stored>) {
        match (place.frame_offset, place.space) {
            (Some(at), _) => self.known.stack_stored(at, i32::from(bits / 8), held),
            (None, MemorySpace::Stack | MemorySpace::Mixed) => self.known.stack_clobbered(),
            (None, _) => {}
        }
    }

    fn place(&mut self, fact: Fact, base: u8, offset: i16) -> Place {
        let offset = i32::from(offset);
        if let Known::Frame(at) = self.known.get(base) {
            return Place {
                base: self.frame.base,
                displacement: self.frame.size + at + offset,
                frame_offset: Some(at + offset),
                space: MemorySpace::Stack,
                flags: self.stack_flags(),
            };
        }
        let space = match fact {
            Fact::Memory(space) => space,
            _ => MemorySpace::Mixed,
        };
        Place {
            base: self.read(base, 64),
            displacement: offset,
            frame_offset: None,
            space,
            flags: self.flags_of(space),
        }
    }

    /// Flags of the next access. The access goes to memory of that kind and is emitted right
    /// afterwards. A sequence point stands before an access that may be to several kinds. Without
    /// it, Cranelift would assume that this access never meets accesses to each of those kinds.
    pub(super) fn flags_of(&mut self, space: MemorySpace) -> MemFlagsData {
        let regions = self.imports.regions;
        let region = match space {
            MemorySpace::Stack => Some(regions.stack),
            MemorySpace::Context => Some(regions.context),
            MemorySpace::Region
            | MemorySpace::MapValue
            | MemorySpace::PrivateValue
            | MemorySpace::OutputBuffer => Some(regions.data),
            MemorySpace::Mixed => {
                self.known.shared_loads.separate(self.fb);
                None
            }
        };
        MemFlagsData::new().with_notrap().with_alias_region(region)
    }
}

const fn sign_extend(value: u64, bits: Bits) -> u64 {
    let unused = 64 - bits;
    ((value << unused).cast_signed() >> unused).cast_unsigned()
}
