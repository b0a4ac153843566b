//! Sending records, inlined: the usual case of `ringbuf_output` and `send_output`, by the contract
//! of [`OutputAddresses`]. The helper does everything unusual: a claim that was lost to another
//! thread, a ring that only looks full, a thread's first drop, and waking readers that sleep.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, MemFlagsData, Type, Value, types};
use jbpf_channel::OutputAddresses;
use jbpf_verifier::program::MemorySpace;

use super::insn::Operand;
use super::known::{Known, Stored};
use super::lower::{Body, address_of};
use crate::builtins::{HelperTarget, notify_readers};
use crate::map::{Map, OutputMap, Status};

/// Records of channels of up to this many bytes are copied by loads and stores, one by one. The
/// copy of a larger record is most of the work, and the helper's loop does it as well.
const INLINE_RECORD_BYTES: u32 = 128;

/// A place in a ring that machine code has claimed.
struct Claim {
    /// The record's number.
    number: Value,
    /// The number of the claimed buffer, a 64-bit value below 2^32.
    buffer: Value,
    /// The entry to publish in.
    entry: Value,
    /// The limit that was met, if the ring was found full instead.
    limit: Value,
}

/// Some bytes of a record.
struct Piece {
    offset: u32,
    bytes: u32,
    value: PieceValue,
}

enum PieceValue {
    /// To be loaded from the codelet's record.
    Load,
    /// The value that the codelet has just stored there.
    Held(Value),
}

impl Body<'_, '_> {
    /// r0 = 0 when the record at r2 was sent, or the helper's result. Returns false, with nothing
    /// emitted, unless its size is a known number and the channel's records are small.
    pub(super) fn send(&mut self, map: &Map, output: &OutputMap, target: HelperTarget) -> bool {
        let ring = output.ring().addresses();
        let size = match self.known_operand(Operand::Register(3)) {
            Some(size) if size <= u64::from(ring.record_size) => size as u32,
            _ => return false,
        };
        // The size of the channel's records counts, not the size of this record: the rest of the
        // buffer is filled with zeros, one store for each eight bytes.
        if ring.record_size > INLINE_RECORD_BYTES {
            return false;
        }
        let record = self.read(2, 64);
        let pieces = self.pieces(size);
        let done = self.fb.create_block();
        let result = self.fb.append_block_param(done, types::I64);
        let [full, slow] = [(); 2].map(|()| self.fb.create_block());
        self.fb.set_cold_block(slow);

        let (line, _) = self.line(&ring, slow);
        let claim = self.claim(&ring, line, full, slow);
        let buffers = self.address(address_of(ring.buffers_at.cast_const()));
        let stride = i64::try_from(ring.buffer_stride).unwrap_or(i64::MAX);
        let offset = self.fb.ins().imul_imm_s(claim.buffer, stride);
        let buffer = self.fb.ins().iadd(buffers, offset);
        self.copy(record, &pieces, buffer);
        self.fill(size, ring.record_size, buffer);
        self.publish(&claim, claim.buffer);
        self.attend(map, &ring, done);

        self.fb.seal_block(full);
        self.fb.switch_to_block(full);
        self.drop_when_full(&ring, &claim, line, slow, done);

        self.fb.seal_block(slow);
        self.fb.switch_to_block(slow);
        if !pieces
            .iter()
            .any(|piece| matches!(piece.value, PieceValue::Load))
        {
            // Written for the helper alone: so the frame's address does not leave the codelet, and
            // its own stores may be dropped.
            let copy = self.imports.copy_for_helper(self.fb, size);
            self.copy(copy, &pieces, copy);
            self.define(2, copy);
        }
        let from_helper = self.helper_result(target);
        self.fb.ins().jump(done, &[BlockArg::Value(from_helper)]);

        self.fb.seal_block(done);
        self.fb.switch_to_block(done);
        self.called_without_stores();
        self.define(0, result);
        true
    }

    /// r0 = 0 when the record that this thread has reserved was sent, or the helper's result.
    pub(super) fn commit(&mut self, map: &Map, output: &OutputMap, target: HelperTarget) {
        let ring = output.ring().addresses();
        let done = self.fb.create_block();
        let result = self.fb.append_block_param(done, types::I64);
        let [reserved, slow] = [(); 2].map(|()| self.fb.create_block());
        self.fb.set_cold_block(slow);
        let flags = MemFlagsData::trusted();

        let (line, slot) = self.line(&ring, slow);
        let holder = self
            .fb
            .ins()
            .load(types::I32, flags, line, i32::from(ring.slot_reserved));
        let call = self.hook_call();
        let own = self.fb.ins().icmp(IntCC::Equal, holder, call);
        self.fb.ins().brif(own, reserved, &[], slow, &[]);
        self.fb.seal_block(reserved);
        self.fb.switch_to_block(reserved);
        let claim = self.claim(&ring, line, slow, slow);
        let none = self.fb.ins().iconst(types::I32, 0);
        self.fb
            .ins()
            .store(flags, none, line, i32::from(ring.slot_reserved));
        let spare_at = i32::from(ring.slot_spare);
        let spare = self.fb.ins().load(types::I32, flags, line, spare_at);
        let first = self.first_spare(&ring, slot);
        let claimed = self.fb.ins().ireduce(types::I32, claim.buffer);
        let next = self.fb.ins().bxor(claimed, first);
        self.fb.ins().store(flags, next, line, spare_at);
        let filled = self.fb.ins().bxor(spare, first);
        let filled = self.fb.ins().uextend(types::I64, filled);
        self.publish(&claim, filled);
        self.attend(map, &ring, done);

        self.fb.seal_block(slow);
        self.fb.switch_to_block(slow);
        let from_helper = self.helper_result(target);
        self.fb.ins().jump(done, &[BlockArg::Value(from_helper)]);

        self.fb.seal_block(done);
        self.fb.switch_to_block(done);
        self.called_without_stores();
        self.define(0, result);
    }

    /// The line of the calling thread and its slot; `slow` for threads that have none.
    pub(super) fn line(&mut self, ring: &OutputAddresses, slow: Block) -> (Value, Value) {
        let has_line = self.fb.create_block();
        let slot = self.thread_slot();
        let known = self.below(slot, ring.slots);
        self.fb.ins().brif(known, has_line, &[], slow, &[]);
        self.fb.seal_block(has_line);
        self.fb.switch_to_block(has_line);
        let lines = self.address(address_of(ring.slots_at.cast_const()));
        (self.element(lines, slot, ring.slot_stride), slot)
    }

    /// The index of the spare buffer that a slot starts with. The slot's spare word is combined
    /// with it by exclusive or.
    fn first_spare(&mut self, ring: &OutputAddresses, slot: Value) -> Value {
        self.fb.ins().iadd_imm_u(slot, i64::from(ring.capacity))
    }

    /// The address of the spare buffer of a thread's line.
    pub(super) fn spare_buffer(
        &mut self,
        ring: &OutputAddresses,
        line: Value,
        slot: Value,
    ) -> Value {
        let flags = MemFlagsData::trusted();
        let spare_at = i32::from(ring.slot_spare);
        let spare = self.fb.ins().load(types::I32, flags, line, spare_at);
        let first = self.first_spare(ring, slot);
        let number = self.fb.ins().bxor(spare, first);
        let buffers = self.address(address_of(ring.buffers_at.cast_const()));
        self.element(buffers, number, ring.buffer_stride)
    }

    /// Claims the next place for the thread of `line`: control goes on in the current block with
    /// it, to `full` when the limit is met, to `slow` when another thread was faster.
    fn claim(&mut self, ring: &OutputAddresses, line: Value, full: Block, slow: Block) -> Claim {
        let flags = MemFlagsData::trusted();
        let [room, free, claimed] = [(); 3].map(|()| self.fb.create_block());

        let expected_at = i32::from(ring.slot_expected);
        let number = self.fb.ins().load(types::I64, flags, line, expected_at);
        let limit_at = self.address(address_of(ring.limit));
        let limit = self.fb.ins().atomic_load(types::I64, flags, limit_at);
        let below = self.fb.ins().icmp(IntCC::UnsignedLessThan, number, limit);
        self.fb.ins().brif(below, room, &[], full, &[]);

        self.fb.seal_block(room);
        self.fb.switch_to_block(room);
        let capacity = i64::from(ring.capacity);
        let position = self.fb.ins().band_imm_u(number, capacity - 1);
        let from_first = self.fb.ins().ishl_imm_u(position, 3);
        let entries = self.address(address_of(ring.entries));
        let entry = self.fb.ins().iadd(entries, from_first);
        let word = self.fb.ins().atomic_load(types::I64, flags, entry);
        let round = self.fb.ins().ushr_imm_u(word, 32);
        let round = self.fb.ins().ireduce(types::I32, round);
        let before = self.fb.ins().iadd_imm_s(number, 1 - capacity);
        let before = self.fb.ins().ireduce(types::I32, before);
        let published = self.fb.ins().icmp(IntCC::Equal, round, before);
        self.fb.ins().brif(published, free, &[], slow, &[]);

        self.fb.seal_block(free);
        self.fb.switch_to_block(free);
        let next = self.fb.ins().iadd_imm_s(number, 1);
        let head_at = self.address(address_of(ring.head));
        let found = self.fb.ins().atomic_cas(flags, head_at, number, next);
        let first = self.fb.ins().icmp(IntCC::Equal, found, number);
        self.fb.ins().brif(first, claimed, &[], slow, &[]);

        self.fb.seal_block(claimed);
        self.fb.switch_to_block(claimed);
        if !STORES_IN_ORDER {
            self.fb.ins().fence();
        }
        self.fb.ins().store(flags, next, line, expected_at);
        let buffer = self.fb.ins().ireduce(types::I32, word);
        let buffer = self.fb.ins().uextend(types::I64, buffer);
        Claim {
            number,
            buffer,
            entry,
            limit,
        }
    }

    /// Makes the claimed record visible; its bytes are in buffer number `filled`.
    fn publish(&mut self, claim: &Claim, filled: Value) {
        let flags = MemFlagsData::trusted();
        let sent = self.fb.ins().iadd_imm_s(claim.number, 1);
        let round = self.fb.ins().ishl_imm_u(sent, 32);
        let word = self.fb.ins().bor(round, filled);
        if STORES_IN_ORDER {
            // A plain store is a releasing one; the sequence points keep Cranelift from moving or
            // merging it, and are no code.
            self.fb.ins().sequence_point();
            self.fb.ins().store(flags, word, claim.entry, 0);
            self.fb.ins().sequence_point();
        } else {
            self.fb.ins().atomic_store(flags, word, claim.entry);
        }
    }

    /// After publishing: wakes readers that sleep, and goes on at `done` with 0.
    fn attend(&mut self, map: &Map, ring: &OutputAddresses, done: Block) {
        let wake = self.fb.create_block();
        self.fb.set_cold_block(wake);
        let attention = self.address(address_of(ring.attention));
        let flags = MemFlagsData::trusted();
        let wanted = self.fb.ins().load(types::I32, flags, attention, 0);
        let sent = self.status(Status::Success);
        self.fb
            .ins()
            .brif(wanted, wake, &[], done, &[BlockArg::Value(sent)]);

        self.fb.seal_block(wake);
        self.fb.switch_to_block(wake);
        let map = self.address(address_of(map));
        let sent = self.call_address(notify_readers as *const () as usize, &[map]);
        self.fb.ins().jump(done, &[BlockArg::Value(sent)]);
    }

    /// Called when the limit is met. If the reader has released nothing since, it counts a drop
    /// and goes on at `done` with -1. The number u64::MAX means that only `head` can tell, and
    /// meets every limit.
    fn drop_when_full(
        &mut self,
        ring: &OutputAddresses,
        claim: &Claim,
        line: Value,
        slow: Block,
        done: Block,
    ) {
        let flags = MemFlagsData::trusted();
        let [met, full, counted] = [(); 3].map(|()| self.fb.create_block());
        let shared = self
            .fb
            .ins()
            .icmp_imm_s(IntCC::SignedLessThan, claim.number, 0);
        self.fb.ins().brif(shared, slow, &[], met, &[]);

        self.fb.seal_block(met);
        self.fb.switch_to_block(met);
        let cursor = self.address(address_of(ring.cursor));
        let cursor = self.fb.ins().atomic_load(types::I64, flags, cursor);
        let end = self.fb.ins().iadd_imm_s(cursor, i64::from(ring.capacity));
        let same = self.fb.ins().icmp(IntCC::Equal, end, claim.limit);
        self.fb.ins().brif(same, full, &[], slow, &[]);

        self.fb.seal_block(full);
        self.fb.switch_to_block(full);
        let dropped_at = i32::from(ring.slot_dropped);
        let before = self.fb.ins().load(types::I64, flags, line, dropped_at);
        self.fb.ins().brif(before, counted, &[], slow, &[]);

        self.fb.seal_block(counted);
        self.fb.switch_to_block(counted);
        let now = self.fb.ins().iadd_imm_s(before, 1);
        self.fb.ins().store(flags, now, line, dropped_at);
        let refused = self.status(Status::Error);
        self.fb.ins().jump(done, &[BlockArg::Value(refused)]);
    }

    fn status(&mut self, status: Status) -> Value {
        let number = status.to_register().cast_signed();
        self.fb.ins().iconst(types::I64, number)
    }

    /// The first `size` bytes of the record at r2, in pieces that are aligned in it: as the
    /// codelet stored them, if that is known.
    fn pieces(&mut self, size: u32) -> Vec<Piece> {
        let frame = match self.known.get(2) {
            Known::Frame(at) => Some(at),
            _ => None,
        };
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < size {
            let fits = |bytes: &u32| at.is_multiple_of(*bytes) && at + bytes <= size;
            let held = [8, 4, 2, 1].into_iter().filter(fits).find_map(|bytes| {
                let start = frame?.checked_add_unsigned(at)?;
                let stored = self.known.stack_held(start, bytes.cast_signed())?;
                Some((bytes, stored))
            });
            let (bytes, value) = match held {
                Some((bytes, Stored::Value(value))) => (bytes, PieceValue::Held(value)),
                Some((bytes, Stored::Constant(number))) => {
                    let constant = self.fb.ins().iconst(integer(bytes), number.cast_signed());
                    (bytes, PieceValue::Held(constant))
                }
                None => {
                    let bytes = [8, 4, 2].into_iter().find(fits).unwrap_or(1);
                    (bytes, PieceValue::Load)
                }
            };
            pieces.push(Piece {
                offset: at,
                bytes,
                value,
            });
            at += bytes;
        }
        pieces
    }

    /// Stores the pieces of the record at `from`.
    fn copy(&mut self, from: Value, pieces: &[Piece], to: Value) {
        let space = match self.known.get(2) {
            Known::Frame(_) => MemorySpace::Stack,
            _ => MemorySpace::Mixed,
        };
        let from_flags = self.flags_of(space);
        for piece in pieces {
            let displacement = piece.offset.cast_signed();
            let value = match piece.value {
                PieceValue::Held(value) => value,
                PieceValue::Load => {
                    self.fb
                        .ins()
                        .load(integer(piece.bytes), from_flags, from, displacement)
                }
            };
            let flags = MemFlagsData::trusted();
            self.fb.ins().store(flags, value, to, displacement);
        }
    }

    /// Zeros for the bytes of a record that the codelet does not send.
    fn fill(&mut self, from: u32, to: u32, buffer: Value) {
        let mut at = from;
        while at < to {
            let bytes = [8, 4, 2, 1]
                .into_iter()
                .find(|bytes| at.is_multiple_of(*bytes) && at + bytes <= to)
                .unwrap_or(1);
            let zero = self.fb.ins().iconst(integer(bytes), 0);
            let flags = MemFlagsData::trusted();
            self.fb.ins().store(flags, zero, buffer, at.cast_signed());
            at += bytes;
        }
    }
}

/// Whether stores become visible in the order of the program, and the compare-and-swap is a full
/// fence.
const STORES_IN_ORDER: bool = cfg!(target_arch = "x86_64");

fn integer(bytes: u32) -> Type {
    match bytes {
        8 => types::I64,
        4 => types::I32,
        2 => types::I16,
        _ => types::I8,
    }
}
