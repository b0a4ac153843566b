//! The second line: accesses that are checked when they are made, though the verifier has proved
//! them.
//!
//! A guarded codelet compares the address of each access, and each pointer with its size that a
//! helper is given, with the objects that the verifier says it points into
//! ([`VerifiedProgram::objects`]). An access to anything else is not made: it leaves the call by
//! [`AbortKind::Guard`]. So a mistake of the verifier, or a difference between its idea of an
//! address and the machine's, costs the call and not the process.
//!
//! Accesses at known places are decided at compile time: places in the codelet's own frame and in
//! the context, and constant addresses. Accesses of unguarded codelets cost what they did without
//! guards.
//!
//! [`VerifiedProgram::objects`]: jbpf_verifier::VerifiedProgram::objects
#![expect(
    unsafe_code,
    reason = "is called by machine code, with addresses that it was compiled with"
)]

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    BlockArg, Function, InstBuilder, InstructionData, MemFlagsData, Opcode, Value, ValueDef, types,
};
use cranelift_frontend::FunctionBuilder;
use jbpf_channel::OutputAddresses;
use jbpf_hooks::reclaim::ThreadRecord;
use jbpf_verifier::bug::Bug;
use jbpf_verifier::program::Objects;
use jbpf_verifier::types::{ArgKind, ContextDef, EntryKind};

use super::frame;
use super::insn::{Bits, Operand};
use super::known::Known;
use super::lower::{Body, address_of};
use crate::engine::{AbortKind, BoundCodelet, EngineError};
use crate::map::{ArrayLayout, INLINE_SLOTS, Map, OutputMap, PerThreadArray, Storage};

/// The objects that accesses of a codelet are compared with, beside its own frame and its maps.
/// The entry function finds them, and hands them to the functions that it calls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings {
    /// One past the entry's frame: the frames of callers end here.
    pub frames_end: Value,
    /// The context's start, or the region's if r1 points at the region.
    pub context: Value,
    /// The region's start.
    pub region: Value,
    /// Its size in bytes.
    pub region_size: Value,
}

/// How many numbers [`Surroundings`] are.
pub(super) const SURROUNDINGS: usize = 4;

impl Surroundings {
    /// Those of a call on the context at `context`.
    pub(super) fn of_call(
        fb: &mut FunctionBuilder<'_>,
        definition: &ContextDef,
        context: Value,
        frames_end: Value,
    ) -> Self {
        let (region, region_size) = match definition.entry {
            EntryKind::Context => {
                // Words that no codelet may write.
                let flags = MemFlagsData::trusted();
                let start = fb.ins().load(types::I64, flags, context, 0);
                let end = fb.ins().load(types::I64, flags, context, 8);
                (start, fb.ins().isub(end, start))
            }
            EntryKind::Memory => {
                let size = definition.region.known_size.cast_signed();
                (context, fb.ins().iconst(types::I64, size))
            }
        };
        Self {
            frames_end,
            context,
            region,
            region_size,
        }
    }

    /// As arguments of a function.
    pub(super) fn values(&self) -> [Value; SURROUNDINGS] {
        [self.frames_end, self.context, self.region, self.region_size]
    }

    /// From the arguments of a function.
    pub(super) fn from_values(values: [Value; SURROUNDINGS]) -> Self {
        let [frames_end, context, region, region_size] = values;
        Self {
            frames_end,
            context,
            region,
            region_size,
        }
    }
}

/// An operand that may point into more maps than this is not compared with each: a call looks
/// through all of them. Without this limit, a codelet of a thousand accesses to one of 64 maps
/// would make a million comparisons to compile.
const COMPARED_MAPS: usize = 4;

/// Whether a call looks through the maps that an access may be to.
fn has_many_maps(objects: &Objects) -> bool {
    objects.values.len() + objects.records.len() > COMPARED_MAPS
}

/// How many bytes an access touches.
#[derive(Debug, Clone, Copy)]
enum Size {
    Constant(u64),
    Value(Value),
}

/// A run of bytes that an access may touch.
#[derive(Debug, Clone, Copy)]
struct Extent {
    start: Start,
    size: Size,
    /// If they are values in a row, with something between them: bytes from one to the next, and
    /// of one.
    values: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Copy)]
enum Start {
    Constant(u64),
    Value(Value),
}

/// An access that is about to be made.
#[derive(Debug, Clone, Copy)]
struct Access {
    /// The instruction.
    at: usize,
    /// The register that holds the address, and the offset that is added to it.
    register: u8,
    offset: i32,
    size: Size,
    writes: bool,
}

/// Whether an access is to an object that the verifier says it points into.
enum Verdict {
    /// It is, on any input of the codelet.
    Inside,
    /// It is not.
    Outside,
    /// It is if this is not 0 when the codelet runs.
    If(Value),
}

impl Body<'_, '_> {
    /// Guards a load, store or atomic operation; true if it cannot be made, and the current block
    /// is filled.
    pub(super) fn guard_access(
        &mut self,
        at: usize,
        (register, offset): (u8, i16),
        bits: Bits,
        writes: bool,
    ) -> Result<bool, EngineError> {
        if self.surroundings.is_none() {
            return Ok(false);
        }
        let access = Access {
            at,
            register,
            offset: offset.into(),
            size: Size::Constant(u64::from(bits / 8)),
            writes,
        };
        self.guard(access, 0)
    }

    /// Guards the pointers that helper `id` is given; true if it cannot be called, and the current
    /// block is filled.
    pub(super) fn guard_arguments(&mut self, at: usize, id: u32) -> Result<bool, EngineError> {
        let codelet = self.codelet;
        let helpers = codelet.program().helpers();
        let Some(proto) = helpers.get(id).filter(|_| self.surroundings.is_some()) else {
            return Ok(false);
        };
        // The register of the nearest map before.
        let mut map = None;
        for (register, kind) in (1u8..).zip(&proto.args) {
            let (size, writes) = match *kind {
                ArgKind::Number
                | ArgKind::Ignored
                | ArgKind::Size
                | ArgKind::SizeUpTo(_)
                | ArgKind::FormatArg => continue,
                ArgKind::Map(_) => {
                    if self.guard_map(at, register)? {
                        return Ok(true);
                    }
                    map = Some(register);
                    continue;
                }
                ArgKind::MapKey => (self.size_by_map(at, map, key_size_of)?, false),
                ArgKind::MapValue => {
                    let size = self.size_by_map(at, map, value_size_of)?;
                    (size, false)
                }
                ArgKind::Readable | ArgKind::Format => (self.size_in(register + 1), false),
                ArgKind::Writable => (self.size_in(register + 1), true),
                ArgKind::ReadableFixed(size) => (Size::Constant(size.into()), false),
                ArgKind::WritableFixed(size) => (Size::Constant(size.into()), true),
            };
            let access = Access {
                at,
                register,
                offset: 0,
                size,
                writes,
            };
            if self.guard(access, register)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Guards a call of the function of this index: the frames of all that are active have room.
    pub(super) fn guard_call(
        &mut self,
        at: usize,
        index: usize,
        surroundings: Surroundings,
    ) -> Result<(), EngineError> {
        let callee = self.subject.functions().get(index);
        let size = callee.map_or(frame::MAX_FRAMES, |callee| {
            frame::with_gap(callee.stack_size)
        });
        let room = i64::from(frame::MAX_FRAMES.saturating_sub(size));
        let base = self.frame.base;
        let used = self.fb.ins().isub(surroundings.frames_end, base);
        let compare = IntCC::UnsignedLessThanOrEqual;
        let fits = self.fb.ins().icmp_imm_u(compare, used, room);
        self.abort_unless(at, fits)
    }

    /// The size that a register holds.
    fn size_in(&mut self, register: u8) -> Size {
        match self.known_operand(Operand::Register(register)) {
            Some(size) => Size::Constant(size),
            None => Size::Value(self.read(register, 64)),
        }
    }

    /// A size that depends on the map in `register`.
    fn size_by_map(
        &mut self,
        at: usize,
        register: Option<u8>,
        size: unsafe extern "C" fn(*const Map) -> u64,
    ) -> Result<Size, EngineError> {
        let codelet = self.codelet;
        let register = register.ok_or(Bug::new("a key or value of no map"))?;
        let maps = self
            .subject
            .objects(at, register)
            .map(|objects| &*objects.maps);
        let maps = maps.ok_or(Bug::new("a map of a call that the verifier does not know"))?;
        let sizes = maps
            .iter()
            .map(|map| {
                let map = codelet.map(*map)?;
                // SAFETY: a reference to a map.
                Ok((map, unsafe { size(map) }))
            })
            .collect::<Result<Vec<_>, EngineError>>()?;
        let largest = sizes.iter().map(|(_, size)| *size).max();
        // A size of 0 would guard nothing.
        let largest = largest.ok_or(Bug::new("a call with one of no maps"))?;
        if sizes.iter().all(|(_, size)| *size == largest) {
            return Ok(Size::Constant(largest));
        }
        let given = self.read(register, 64);
        if sizes.len() > COMPARED_MAPS {
            // The register was guarded before: it holds one of these maps.
            let asked = self.call_address(size as *const () as usize, &[given]);
            return Ok(Size::Value(asked));
        }
        let mut chosen = self.address(largest);
        for (map, size) in sizes {
            let map = self.address(address_of(&raw const *map));
            let is_this = self.fb.ins().icmp(IntCC::Equal, given, map);
            let size = self.address(size);
            chosen = self.fb.ins().select(is_this, size, chosen);
        }
        Ok(Size::Value(chosen))
    }

    /// Guards a register that holds a map; true if it holds none, and the current block is filled.
    fn guard_map(&mut self, at: usize, register: u8) -> Result<bool, EngineError> {
        let codelet = self.codelet;
        let objects = self.subject.objects(at, register);
        let maps = objects.map(|objects| &*objects.maps).unwrap_or_default();
        let addresses = maps
            .iter()
            .map(|map| Ok(address_of(&raw const *codelet.map(*map)?)))
            .collect::<Result<Vec<u64>, EngineError>>()?;
        let verdict = match self.known_operand(Operand::Register(register)) {
            Some(address) if addresses.contains(&address) => Verdict::Inside,
            Some(_) => Verdict::Outside,
            None if addresses.len() > COMPARED_MAPS => {
                let given = self.read(register, 64);
                let one_of_these = is_one_of_maps as *const () as usize;
                Verdict::If(self.ask_all(one_of_these, at, register, &[given]))
            }
            None => {
                let given = self.read(register, 64);
                let mut terms = Vec::with_capacity(addresses.len());
                for address in addresses {
                    let map = self.address(address);
                    terms.push(self.fb.ins().icmp(IntCC::Equal, given, map));
                }
                self.any(terms).map_or(Verdict::Outside, Verdict::If)
            }
        };
        self.follow(at, verdict)
    }

    /// Guards one access, to the objects of an operand of its instruction; true if it cannot be
    /// made, and the current block is filled.
    fn guard(&mut self, access: Access, operand: u8) -> Result<bool, EngineError> {
        let nothing = Objects::default();
        let objects = self.subject.objects(access.at, operand);
        let objects = objects.unwrap_or(&nothing);
        let verdict = match self.judge_known(access, objects)? {
            Some(verdict) => verdict,
            None => self.judge(access, operand, objects)?,
        };
        self.follow(access.at, verdict)
    }

    /// Calls a function of this codelet and the objects of an operand, and of these numbers. Not 0
    /// if its answer is not.
    fn ask_all(&mut self, asked: usize, at: usize, operand: u8, numbers: &[Value]) -> Value {
        let objects = self.subject.objects(at, operand);
        let objects = objects.map_or(std::ptr::null(), std::ptr::from_ref);
        let mut arguments = vec![
            self.address(address_of(self.codelet)),
            self.address(address_of(objects)),
        ];
        arguments.extend_from_slice(numbers);
        let answer = self.call_address(asked, &arguments);
        self.fb.ins().icmp_imm_u(IntCC::NotEqual, answer, 0)
    }

    fn follow(&mut self, at: usize, verdict: Verdict) -> Result<bool, EngineError> {
        match verdict {
            Verdict::Inside => Ok(false),
            Verdict::Outside => {
                self.abort(at, AbortKind::Guard)?;
                Ok(true)
            }
            Verdict::If(inside) => {
                self.abort_unless(at, inside)?;
                Ok(false)
            }
        }
    }

    /// Judges an access at a known place.
    fn judge_known(
        &mut self,
        access: Access,
        objects: &Objects,
    ) -> Result<Option<Verdict>, EngineError> {
        let Size::Constant(size) = access.size else {
            return Ok(None);
        };
        if size == 0 {
            // Nothing is touched.
            return Ok(Some(Verdict::Inside));
        }
        let verdict = |inside| {
            Some(if inside {
                Verdict::Inside
            } else {
                Verdict::Outside
            })
        };
        match self.known.get(access.register) {
            Known::Frame(top) => {
                let offset = i64::from(top) + i64::from(access.offset);
                let inside = self.in_frame(offset, size);
                return Ok(verdict(objects.own_frame && inside));
            }
            Known::Constant(address) => {
                let address = address.wrapping_add_signed(access.offset.into());
                let inside = self.is_in_shared_value(address, size, access.writes, objects)?;
                return Ok(verdict(inside));
            }
            Known::Unknown | Known::Lookup(_) => {}
        }
        let value = self.read(access.register, 64);
        let (root, offset) = origin(self.fb.func, value);
        let offset = offset.wrapping_add(access.offset.into());
        let definition = self.codelet.program().context();
        let context = self.surroundings.map(|surroundings| surroundings.context);
        if root == self.fb.func.dfg.resolve_aliases(self.frame.base) {
            let from_top = offset.wrapping_sub(self.frame.size.into());
            let inside = self.in_frame(from_top, size);
            return Ok(verdict(objects.own_frame && inside));
        }
        if definition.entry == EntryKind::Context
            && context.map(|context| self.fb.func.dfg.resolve_aliases(context)) == Some(root)
        {
            let inside = context_parts(definition, access.writes)
                .into_iter()
                .any(|(start, len)| contains(start, len, offset, size));
            return Ok(verdict(objects.context && inside));
        }
        Ok(None)
    }

    /// Whether `size` bytes at this offset from r10 are in the frame.
    fn in_frame(&self, offset: i64, size: u64) -> bool {
        let frame = u64::from(self.frame.size.unsigned_abs());
        contains(0, frame, offset.wrapping_add(frame.cast_signed()), size)
    }

    /// Whether the bytes at a constant address are in one value of an array of these.
    fn is_in_shared_value(
        &self,
        address: u64,
        size: u64,
        writes: bool,
        objects: &Objects,
    ) -> Result<bool, EngineError> {
        for map in &objects.values {
            let map = self.codelet.map(*map)?;
            let (Ok(address), Ok(size)) = (usize::try_from(address), usize::try_from(size)) else {
                return Ok(false);
            };
            let is_array = matches!(map.storage(), Storage::Array(_));
            if is_array && !(writes && is_constant(map)) && map.contains(address, size, 0) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Judges an access by the address that its register holds when the codelet runs.
    fn judge(
        &mut self,
        access: Access,
        operand: u8,
        objects: &Objects,
    ) -> Result<Verdict, EngineError> {
        let Some(surroundings) = self.surroundings else {
            return Ok(Verdict::Inside);
        };
        let register = self.read(access.register, 64);
        let address = match access.offset {
            0 => register,
            offset => self.fb.ins().iadd_imm_s(register, i64::from(offset)),
        };
        let mut terms = Vec::new();
        for extent in self.extents(access, objects, surroundings)? {
            terms.extend(self.inside(extent, address, access.size));
        }
        if has_many_maps(objects) {
            if let Size::Value(size) = access.size {
                terms.push(self.fb.ins().icmp_imm_u(IntCC::Equal, size, 0));
            }
            let size = match access.size {
                Size::Constant(size) => self.address(size),
                Size::Value(size) => size,
            };
            let writes = self.address(access.writes.into());
            let in_one_of_these = is_in_values as *const () as usize;
            let numbers = [address, size, writes, self.thread];
            terms.push(self.ask_all(in_one_of_these, access.at, operand, &numbers));
            return Ok(self.any(terms).map_or(Verdict::Outside, Verdict::If));
        }
        // These kinds have their values elsewhere for each thread. An address outside of the usual
        // place is put to `is_in_value`.
        let mut asked = Vec::new();
        for map in objects.values.iter().chain(&objects.records) {
            let map = self.codelet.map(*map)?;
            match map.storage() {
                Storage::PerThreadArray(array) => {
                    terms.extend(self.inside_copy(array, address, access.size));
                }
                Storage::Output(output) => {
                    terms.extend(self.inside_record(output, address, access.size));
                }
                Storage::PerThreadHash(_) | Storage::Application(_) => {}
                _ => continue,
            }
            asked.push(map);
        }
        if let Size::Value(size) = access.size {
            terms.push(self.fb.ins().icmp_imm_u(IntCC::Equal, size, 0));
        }
        let found = self.any(terms);
        if asked.is_empty() {
            return Ok(found.map_or(Verdict::Outside, Verdict::If));
        }
        Ok(Verdict::If(self.ask(found, &asked, address, access.size)))
    }

    /// The objects that lie at one place for the length of a call.
    fn extents(
        &mut self,
        access: Access,
        objects: &Objects,
        surroundings: Surroundings,
    ) -> Result<Vec<Extent>, EngineError> {
        let mut extents = Vec::new();
        let definition = self.codelet.program().context();
        if objects.own_frame {
            extents.push(Extent {
                start: Start::Value(self.frame.base),
                size: Size::Constant(self.frame.size.unsigned_abs().into()),
                values: None,
            });
        }
        if objects.caller_frames {
            let above = i64::from(self.frame.size) + i64::from(frame::GAP);
            let start = self.fb.ins().iadd_imm_s(self.frame.base, above);
            let size = self.fb.ins().isub(surroundings.frames_end, start);
            extents.push(Extent {
                start: Start::Value(start),
                size: Size::Value(size),
                values: None,
            });
        }
        if objects.context && definition.entry == EntryKind::Context {
            for (offset, len) in context_parts(definition, access.writes) {
                let context = surroundings.context;
                let start = self.fb.ins().iadd_imm_s(context, offset.cast_signed());
                extents.push(Extent {
                    start: Start::Value(start),
                    size: Size::Constant(len),
                    values: None,
                });
            }
        }
        if objects.region && (definition.region.writable || !access.writes) {
            extents.push(Extent {
                start: Start::Value(surroundings.region),
                size: Size::Value(surroundings.region_size),
                values: None,
            });
        }
        if has_many_maps(objects) {
            return Ok(extents);
        }
        for map in &objects.values {
            let map = self.codelet.map(*map)?;
            if access.writes && is_constant(map) {
                continue;
            }
            extents.extend(values_of(map));
        }
        Ok(extents)
    }

    /// Not 0 if the bytes are in the extent; `None` if they never are.
    fn inside(&mut self, extent: Extent, address: Value, size: Size) -> Option<Value> {
        let offset = match extent.start {
            Start::Constant(start) => {
                let start = self.address(start);
                self.fb.ins().isub(address, start)
            }
            Start::Value(start) => self.fb.ins().isub(address, start),
        };
        let within = self.fits(offset, extent.size, size)?;
        let Some((stride, value)) = extent.values else {
            return Some(within);
        };
        // The remainder of a constant number is a multiplication, or a mask.
        let stride = self.address(stride);
        let offset = self.fb.ins().urem(offset, stride);
        let of_one = self.fits(offset, Size::Constant(value), size)?;
        Some(self.fb.ins().band(within, of_one))
    }

    /// Not 0 if `size` bytes at `offset` are in an object of `len` bytes; `None` if they never
    /// are.
    fn fits(&mut self, offset: Value, len: Size, size: Size) -> Option<Value> {
        if let (Size::Constant(len), Size::Constant(size)) = (len, size) {
            let last = len.checked_sub(size)?;
            let last = self.address(last);
            let within = self
                .fb
                .ins()
                .icmp(IntCC::UnsignedLessThanOrEqual, offset, last);
            return Some(within);
        }
        let [len, size] = [len, size].map(|size| match size {
            Size::Constant(size) => self.address(size),
            Size::Value(size) => size,
        });
        let compare = IntCC::UnsignedLessThanOrEqual;
        let room = self.fb.ins().icmp(compare, size, len);
        let last = self.fb.ins().isub(len, size);
        let within = self.fb.ins().icmp(compare, offset, last);
        Some(self.fb.ins().band(room, within))
    }

    /// Not 0 if the bytes are in this thread's copy of an array. It looks only at the first
    /// segment of the table, in which nearly all threads have their copies.
    fn inside_copy(&mut self, array: &PerThreadArray, address: Value, size: Size) -> Option<Value> {
        let slot = self.thread_slot();
        let (known, slot) = self.known_slot(slot, INLINE_SLOTS);
        let table = self.address(address_of(array.table()));
        let entry = self.element(table, slot, size_of::<usize>());
        let flags = MemFlagsData::trusted();
        let copy = self.fb.ins().load(types::I64, flags, entry, 0);
        let extent = Extent {
            start: Start::Value(copy),
            ..in_a_row(array.layout())
        };
        let within = self.inside(extent, address, size)?;
        let exists = self.fb.ins().icmp_imm_u(IntCC::NotEqual, copy, 0);
        let within = self.fb.ins().band(within, exists);
        Some(self.fb.ins().band(within, known))
    }

    /// Not 0 if the bytes are in the record that this thread has reserved.
    fn inside_record(&mut self, output: &OutputMap, address: Value, size: Size) -> Option<Value> {
        let ring = output.ring().addresses();
        let slot = self.thread_slot();
        let (known, slot) = self.known_slot(slot, ring.slots);
        let lines = self.address(address_of(ring.slots_at.cast_const()));
        let line = self.element(lines, slot, ring.slot_stride);
        let flags = MemFlagsData::trusted();
        let reserved_at = i32::from(ring.slot_reserved);
        let reserved = self.fb.ins().load(types::I32, flags, line, reserved_at);
        let buffer = self.spare_buffer(&ring, line, slot);
        let extent = Extent {
            start: Start::Value(buffer),
            size: Size::Constant(ring.record_size.into()),
            values: None,
        };
        let within = self.inside(extent, address, size)?;
        // A thread has reserved a buffer unless the word is 0 or says that the line has no buffer.
        let unready = self
            .fb
            .ins()
            .iconst(types::I32, i64::from(OutputAddresses::UNREADY));
        let is_ready = self.fb.ins().icmp(IntCC::NotEqual, reserved, unready);
        let is_reserved = self.fb.ins().icmp_imm_u(IntCC::NotEqual, reserved, 0);
        let within = self.fb.ins().band(within, is_ready);
        let within = self.fb.ins().band(within, is_reserved);
        Some(self.fb.ins().band(within, known))
    }

    /// Whether the slot is below `slots`, and the slot, or 0 if it is not.
    fn known_slot(&mut self, slot: Value, slots: u32) -> (Value, Value) {
        let known = self.below(slot, slots);
        let first = self.fb.ins().iconst(types::I32, 0);
        (known, self.fb.ins().select(known, slot, first))
    }

    /// Not 0 if any of these is; `None` of none.
    fn any(&mut self, terms: Vec<Value>) -> Option<Value> {
        let mut terms = terms.into_iter();
        let first = terms.next()?;
        Some(terms.fold(first, |any, term| self.fb.ins().bor(any, term)))
    }

    /// Not 0 if `found` is not, or if the bytes are in one of these maps' values or records.
    fn ask(&mut self, found: Option<Value>, maps: &[&Map], address: Value, size: Size) -> Value {
        let done = self.fb.create_block();
        let inside = self.fb.append_block_param(done, types::I8);
        if let Some(found) = found {
            let slow = self.fb.create_block();
            self.fb.set_cold_block(slow);
            let yes = BlockArg::Value(found);
            self.fb.ins().brif(found, done, &[yes], slow, &[]);
            self.fb.seal_block(slow);
            self.fb.switch_to_block(slow);
        }
        let size = match size {
            Size::Constant(size) => self.address(size),
            Size::Value(size) => size,
        };
        let mut any = self.fb.ins().iconst(types::I64, 0);
        for map in maps {
            let map = self.address(address_of(&raw const **map));
            let arguments = [map, address, size, self.thread];
            let answer = self.call_address(is_in_value as *const () as usize, &arguments);
            any = self.fb.ins().bor(any, answer);
        }
        let any = self.fb.ins().icmp_imm_u(IntCC::NotEqual, any, 0);
        self.fb.ins().jump(done, &[BlockArg::Value(any)]);
        self.fb.seal_block(done);
        self.fb.switch_to_block(done);
        inside
    }
}

/// Whether `size` bytes at `offset` are in the `len` bytes at `start`.
fn contains(start: u64, len: u64, offset: i64, size: u64) -> bool {
    offset
        .checked_sub_unsigned(start)
        .and_then(|offset| u64::try_from(offset).ok())
        .and_then(|offset| offset.checked_add(size))
        .is_some_and(|end| end <= len)
}

/// The parts of a context that may be read, or written: offset and size. A store may touch several
/// fields that lie side by side: they are one part.
fn context_parts(definition: &ContextDef, writes: bool) -> Vec<(u64, u64)> {
    if !writes {
        return vec![(0, u64::from(definition.readable).next_multiple_of(8))];
    }
    let fields = definition.fields.iter().filter(|field| field.writable);
    let mut fields: Vec<(u64, u64)> = fields
        .map(|field| (u64::from(field.offset), u64::from(field.size)))
        .collect();
    fields.sort_unstable();
    let mut parts: Vec<(u64, u64)> = Vec::new();
    for (offset, size) in fields {
        match parts.last_mut() {
            Some((start, len)) if offset <= *start + *len => {
                *len = (*len).max(offset + size - *start);
            }
            _ => parts.push((offset, size)),
        }
    }
    parts
}

/// Whether a map is a section of constants.
fn is_constant(map: &Map) -> bool {
    let section = map.def().section.as_ref();
    section.is_some_and(|section| section.read_only)
}

/// The values of a map that all threads share.
fn values_of(map: &Map) -> Option<Extent> {
    match map.storage() {
        Storage::Array(array) => Some(Extent {
            start: Start::Constant(address_of(array.base().cast_const())),
            ..in_a_row(array.layout())
        }),
        Storage::Hash(table) => {
            let values = table.values();
            let layout = table.layout();
            let sizes = (layout.stride() as u64, layout.value_size() as u64);
            Some(Extent {
                start: Start::Constant(values.start as u64),
                size: Size::Constant(values.len() as u64),
                values: (layout.entries() > 1).then_some(sizes),
            })
        }
        _ => None,
    }
}

/// The values of an array, wherever they are.
fn in_a_row(layout: ArrayLayout) -> Extent {
    let (stride, value) = (layout.stride() as u64, layout.value_size() as u64);
    let before = u64::from(layout.entries()).saturating_sub(1) * stride;
    Extent {
        start: Start::Constant(0),
        size: Size::Constant(before + value),
        values: (layout.entries() > 1).then_some((stride, value)),
    }
}

/// The value that another was made from by adding constants, and the sum of the constants.
fn origin(func: &Function, value: Value) -> (Value, i64) {
    /// Longer chains are as good as unknown.
    const LONGEST: usize = 64;
    let dfg = &func.dfg;
    let constant = |value: Value| match dfg.value_def(dfg.resolve_aliases(value)) {
        ValueDef::Result(inst, _) => match dfg.insts[inst] {
            InstructionData::UnaryImm {
                opcode: Opcode::Iconst,
                imm,
            } => Some(imm.bits()),
            _ => None,
        },
        _ => None,
    };
    let (mut root, mut sum) = (dfg.resolve_aliases(value), 0_i64);
    for _ in 0..LONGEST {
        let ValueDef::Result(inst, _) = dfg.value_def(root) else {
            break;
        };
        let InstructionData::Binary {
            opcode: Opcode::Iadd,
            args: [left, right],
        } = dfg.insts[inst]
        else {
            break;
        };
        let (rest, number) = match (constant(left), constant(right)) {
            (_, Some(number)) => (left, number),
            (Some(number), _) => (right, number),
            _ => break,
        };
        root = dfg.resolve_aliases(rest);
        sum = sum.wrapping_add(number);
    }
    (root, sum)
}

/// [`Map::contains`] for machine code: 1 if the bytes are in one value, or in the record that is
/// reserved.
///
/// # Safety
/// `map` and `thread` point at live objects of their types for the length of the call; the record
/// is the calling thread's.
pub(super) unsafe extern "C" fn is_in_value(
    map: *const Map,
    address: u64,
    size: u64,
    thread: *const ThreadRecord,
) -> u64 {
    // SAFETY: the caller's word.
    let map = unsafe { &*map };
    // SAFETY: the caller's word.
    let slot = unsafe { &*thread }.slot();
    let (Ok(address), Ok(size)) = (usize::try_from(address), usize::try_from(size)) else {
        return 0;
    };
    u64::from(map.contains(address, size, slot))
}

/// [`is_in_value`] of any of the maps of `objects` that may be accessed so.
///
/// # Safety
/// `codelet`, `objects` and `thread` point at live objects of their types for the length of the
/// call; the record is the calling thread's.
pub(super) unsafe extern "C" fn is_in_values(
    codelet: *const BoundCodelet,
    objects: *const Objects,
    address: u64,
    size: u64,
    writes: u64,
    thread: *const ThreadRecord,
) -> u64 {
    // SAFETY: the caller's word.
    let codelet = unsafe { &*codelet };
    // SAFETY: the caller's word.
    let objects = unsafe { &*objects };
    let maps = objects.values.iter().chain(&objects.records);
    let mut maps = maps.filter_map(|map| codelet.map(*map).ok());
    let found = maps.any(|map| {
        // SAFETY: the map is alive, and so is the record, by the caller's word.
        !(writes != 0 && is_constant(map))
            && unsafe { is_in_value(map, address, size, thread) } != 0
    });
    found.into()
}

/// 1 if `map` is the address of one of the maps of `objects`.
///
/// # Safety
/// `codelet` and `objects` point at live objects of their types for the length of the call.
pub(super) unsafe extern "C" fn is_one_of_maps(
    codelet: *const BoundCodelet,
    objects: *const Objects,
    map: u64,
) -> u64 {
    // SAFETY: the caller's word.
    let codelet = unsafe { &*codelet };
    // SAFETY: the caller's word.
    let objects = unsafe { &*objects };
    let mut maps = objects.maps.iter().filter_map(|map| codelet.map(*map).ok());
    maps.any(|known| address_of(known) == map).into()
}

/// # Safety
/// `map` points at a live map.
unsafe extern "C" fn key_size_of(map: *const Map) -> u64 {
    // SAFETY: the caller's word.
    unsafe { &*map }.def().key_size.into()
}

/// # Safety
/// `map` points at a live map.
unsafe extern "C" fn value_size_of(map: *const Map) -> u64 {
    // SAFETY: the caller's word.
    unsafe { &*map }.def().value_size.into()
}
