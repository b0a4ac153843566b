//! Loads, stores and atomic operations: what they may touch, and what they find there.

use super::{Checked, Step};
use crate::fault::Fault;
use crate::insn::{AtomicOp, Operand, Reg};
use crate::number::Number;
use crate::path::Need;
use crate::program::MemorySpace;
use crate::report::Code;
use crate::scalar::Scalar;
use crate::stack::{FRAME_SIZE, Made, Unreadable};
use crate::value::{Kind, Num, Places, Pointer, Source, Space, Value};

/// The fields `data` and `data_end` of a context: bytes before this offset.
const CONTEXT_POINTERS: i64 = 16;

/// A table in read-only data with more entries than this is not read entry by entry.
const TABLE: u64 = 256;

/// What an access does with memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Read,
    Write,
    /// An atomic operation.
    Atomic,
}

impl Mode {
    fn verb(self) -> &'static str {
        match self {
            Self::Read => "reads",
            Self::Write => "writes",
            Self::Atomic => "updates",
        }
    }

    fn writes(self) -> bool {
        self != Self::Read
    }
}

/// An access in numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access {
    /// Who accesses, as reports say it: a register.
    pub(super) reg: Reg,
    pub(super) mode: Mode,
    /// Bytes.
    pub(super) size: u64,
    /// The code of an access out of bounds, when it is a helper's.
    pub(super) by_helper: bool,
}

impl Access {
    fn code(&self, own: Code) -> Code {
        if self.by_helper {
            Code::HelperMemory
        } else {
            own
        }
    }

    fn bytes(&self) -> String {
        let plural = if self.size == 1 { "" } else { "s" };
        format!("{} {} byte{plural}", self.mode.verb(), self.size)
    }
}

impl Step<'_> {
    pub(super) fn load(
        &mut self,
        dst: Reg,
        base: Reg,
        offset: i16,
        size: u8,
        signed: bool,
    ) -> Checked<()> {
        let access = Access {
            reg: base,
            mode: Mode::Read,
            size: size.into(),
            by_helper: false,
        };
        let pointer = self.address(base, offset)?;
        self.check(&pointer, access)?;
        self.findings.memory(self.at, memory_space(pointer.space));
        let unknown = || {
            let bits = u32::from(size) * 8;
            let scalar = Scalar::any_of_bits(bits);
            Number::from(if signed {
                scalar.sign_extend(bits)
            } else {
                scalar
            })
        };
        match pointer.space {
            Space::Context if pointer.offset == 0 => {
                self.set_new(dst, Kind::Pointer(Pointer::to(Space::Region)));
            }
            Space::Context if pointer.offset == 8 => {
                self.set_new(dst, Kind::Pointer(Pointer::to(Space::RegionEnd)));
            }
            Space::MapValue { map } => {
                let number = self.constant_data(map, &pointer, size, signed);
                self.set_new(dst, Kind::number(number.unwrap_or_else(unknown)));
            }
            Space::Stack { frame } => {
                self.load_stack(dst, usize::from(frame), &pointer, size, signed)?;
            }
            _ => self.set_new(dst, Kind::number(unknown())),
        }
        Ok(())
    }

    fn load_stack(
        &mut self,
        dst: Reg,
        depth: usize,
        pointer: &Pointer,
        size: u8,
        signed: bool,
    ) -> Checked<()> {
        let (start, end) = stack_range(pointer, size.into());
        let segment = self.state.segment;
        let Some(frame) = self.state.frame(depth) else {
            return Ok(());
        };
        let places = frame.stack.places(depth, segment, start, end);
        if pointer.fixed_offset().is_none() {
            self.check_initialised(depth, start, end)?;
            let number = Number::of_size(size);
            let number = if signed {
                number.sign_extend(size)
            } else {
                number
            };
            self.set(dst, Kind::number(number), places);
            return Ok(());
        }
        if size == 8
            && let Some(cell) = frame.stack.pointer(start)
        {
            let value = Value {
                source: Source::new(segment, places),
                ..cell.value.clone()
            };
            self.state.set_register(dst, value);
            return Ok(());
        }
        let num = match frame.stack.number(start, size) {
            Ok(num) => num,
            Err(unreadable) => return Err(self.unreadable(unreadable, false)),
        };
        self.path.need(Need::Shape, places);
        let num = if signed {
            let number = num.number.sign_extend(size);
            if number == num.number {
                num
            } else {
                Num::new(number)
            }
        } else {
            num
        };
        self.set(dst, Kind::Number(num), places);
        Ok(())
    }

    /// What read-only data holds at a pointer, when that is few enough bytes to look at.
    fn constant_data(
        &self,
        map: usize,
        pointer: &Pointer,
        size: u8,
        signed: bool,
    ) -> Option<Number> {
        let def = self.subject.program.maps.get(map)?;
        let section = def.section.as_ref().filter(|section| section.read_only)?;
        let variable = pointer.variable.scalar();
        let stride = 1_u64 << variable.tnum().trailing_zeros().min(12);
        let span = variable.umax() - variable.umin();
        if span / stride > TABLE {
            return None;
        }
        let mut joined: Option<Scalar> = None;
        let mut at = variable.umin();
        loop {
            if variable.contains(at) {
                let first = usize::try_from(pointer.offset.checked_add_unsigned(at)?).ok()?;
                let bytes = section
                    .contents
                    .get(first..first.checked_add(size.into())?)?;
                let value = bytes
                    .iter()
                    .rev()
                    .fold(0, |value, byte| value << 8 | u64::from(*byte));
                let value = Scalar::constant(value);
                let value = if signed {
                    value.sign_extend(u32::from(size) * 8)
                } else {
                    value
                };
                joined = Some(joined.map_or(value, |joined| joined.join(&value)));
            }
            match at
                .checked_add(stride)
                .filter(|next| *next <= variable.umax())
            {
                Some(next) => at = next,
                None => return joined.map(Number::from),
            }
        }
    }

    pub(super) fn store(
        &mut self,
        base: Reg,
        offset: i16,
        size: u8,
        value: Operand,
    ) -> Checked<()> {
        let access = Access {
            reg: base,
            mode: Mode::Write,
            size: size.into(),
            by_helper: false,
        };
        let value = match value {
            Operand::Imm(value) => Value::new(Kind::constant(value), self.state.segment, self.at),
            Operand::Reg(reg) => {
                self.read(reg)?;
                let fits = self
                    .state
                    .number(reg)
                    .is_some_and(|num| num.number.truncate(size) == num.number);
                if size >= 4 && fits {
                    self.link(reg);
                }
                let places = self.state.places(reg);
                let source = Source::new(self.state.segment, places);
                Value {
                    source,
                    ..self.read(reg)?.clone()
                }
            }
        };
        let pointer = self.address(base, offset)?;
        self.check(&pointer, access)?;
        self.findings.memory(self.at, memory_space(pointer.space));
        let places = value.source.places(self.state.segment, Places::NONE);
        if let Space::Stack { frame } = pointer.space {
            return self.store_stack(usize::from(frame), &pointer, size, value, places);
        }
        if let Kind::Pointer(stored) = &value.kind {
            return Err(Fault::new(
                Code::PointerLeak,
                format!(
                    "a pointer to {} would be stored in {}",
                    self.target(stored.space),
                    self.target(pointer.space)
                ),
            )
            .register("stored", self.describe(&value.kind))
            .origin(value.origin, "the pointer was made here")
            .hint("pointers can be kept in registers and on the stack only"));
        }
        self.path.need(Need::Shape, places);
        Ok(())
    }

    fn store_stack(
        &mut self,
        depth: usize,
        pointer: &Pointer,
        size: u8,
        value: Value,
        places: Places,
    ) -> Checked<()> {
        let (start, end) = stack_range(pointer, size.into());
        let is_pointer = matches!(value.kind, Kind::Pointer(_));
        if let Kind::Pointer(stored) = &value.kind {
            if pointer.fixed_offset().is_none() || size != 8 || start % 8 != 0 {
                return Err(Fault::new(
                    Code::PointerPartial,
                    "a pointer can be stored on the stack whole, at a fixed offset that is a multiple of 8, and in no other way",
                )
                .register("stored", self.describe(&value.kind))
                .origin(value.origin, "the pointer was made here"));
            }
            if let Space::Stack { frame } = stored.space
                && usize::from(frame) > depth
            {
                return Err(Fault::new(
                    Code::PointerLeak,
                    "a pointer into a function's own stack would outlive the function in its caller's stack",
                )
                .register("stored", self.describe(&value.kind))
                .origin(value.origin, "the pointer was made here"));
            }
        }
        let segment = self.state.segment;
        let at = self.at as u32;
        if pointer.fixed_offset().is_none() {
            self.path.need(Need::Shape, places);
            let made = Made {
                places,
                segment,
                origin: at,
            };
            if let Some(frame) = self.state.frame_mut(depth) {
                frame.stack.blur(depth, start, end, made);
            }
            return Ok(());
        }
        let mut value = value;
        if let Kind::Number(num) = &mut value.kind {
            if size < 8 {
                self.path.need(Need::Shape, places);
                let number = num.number.truncate(size);
                if number != num.number {
                    *num = Num::new(number);
                }
            }
            if !num.link.exists() && num.number.is_unknown_of_size(size) {
                value.kind = Kind::Bytes;
            }
        }
        if !is_pointer {
            value.origin = at;
        }
        if let Some(frame) = self.state.frame_mut(depth) {
            frame.stack.write(depth, start, end, value);
        }
        Ok(())
    }

    pub(super) fn atomic(
        &mut self,
        op: AtomicOp,
        base: Reg,
        offset: i16,
        size: u8,
        src: Reg,
    ) -> Checked<()> {
        let access = Access {
            reg: base,
            mode: Mode::Atomic,
            size: size.into(),
            by_helper: false,
        };
        self.read_number(src, |step, pointer| step.atomic_leak(src, pointer))?;
        if op == AtomicOp::CompareExchange {
            self.read_number(Reg::R0, |step, pointer| step.atomic_leak(Reg::R0, pointer))?;
        }
        let pointer = self.address(base, offset)?;
        self.check(&pointer, access)?;
        self.check_aligned(&pointer, access)?;
        self.findings.memory(self.at, memory_space(pointer.space));
        if let Space::Stack { frame } = pointer.space {
            let depth = usize::from(frame);
            let (start, end) = stack_range(&pointer, size.into());
            self.check_initialised(depth, start, end)?;
            let made = Made {
                places: self.state.places(src),
                segment: self.state.segment,
                origin: self.at as u32,
            };
            if let Some(frame) = self.state.frame_mut(depth) {
                frame.stack.blur(depth, start, end, made);
            }
        }
        let old = Kind::number(Number::of_size(size));
        match op {
            AtomicOp::Combine { fetch: false } => {}
            AtomicOp::Combine { fetch: true } | AtomicOp::Exchange => self.set_new(src, old),
            AtomicOp::CompareExchange => self.set_new(Reg::R0, old),
        }
        Ok(())
    }

    fn atomic_leak(&self, reg: Reg, pointer: &Pointer) -> Box<Fault> {
        let (name, value) = self.shown(reg);
        Fault::new(
            Code::PointerLeak,
            format!(
                "an atomic operation would make a number of {reg}, a pointer to {}",
                self.target(pointer.space)
            ),
        )
        .register(name, value)
    }

    fn check_aligned(&self, pointer: &Pointer, access: Access) -> Checked<()> {
        let align = match pointer.space {
            Space::Stack { .. } => 16,
            Space::MapValue { .. } | Space::OutputBuffer { .. } => 8,
            Space::Region => self.subject.context.region.align,
            _ => {
                return Err(Fault::new(
                    Code::AtomicMemory,
                    format!(
                        "atomic operations do not work on {}",
                        self.target(pointer.space)
                    ),
                )
                .hint("use a map value, the stack, an output buffer or a writable region"));
            }
        };
        let size = access.size;
        let aligned = align >= size
            && pointer.offset.rem_euclid(size as i64) == 0
            && pointer.variable.is_multiple_of(size);
        if aligned {
            return Ok(());
        }
        let (name, value) = self.shown(access.reg);
        Err(Fault::new(
            Code::UnalignedAtomic,
            format!(
                "an atomic operation on {size} bytes needs an address that is a multiple of {size}, which this one is not known to be"
            ),
        )
        .obligation(format!(
            "updates {} bytes at {}; {} starts at a multiple of {align}",
            size,
            self.pointer(pointer),
            self.target(pointer.space)
        ))
        .register(name, value))
    }

    /// The address `base + offset`, noted as needed to be exactly that.
    pub(super) fn address(&mut self, base: Reg, offset: i16) -> Checked<Pointer> {
        let value = self.read(base)?;
        let origin = value.origin;
        let pointer = match &value.kind {
            Kind::Pointer(pointer) => pointer.clone(),
            other => {
                return Err(Fault::new(
                    Code::NotAPointer,
                    format!("{base} is used as an address, but holds a number"),
                )
                .register(base.to_string(), other.to_string())
                .origin(origin, format!("{base} was made here"))
                .hint("numbers that were read from memory cannot become pointers again"));
            }
        };
        self.need(Need::Exact, base);
        let fault = if pointer.or_null {
            Fault::new(
                Code::NullDereference,
                format!(
                    "{base}, a pointer to {}, may be null here",
                    self.target(pointer.space)
                ),
            )
            .origin(
                origin,
                format!("{base} got the result of this call, which may be null"),
            )
            .hint("compare it with null, and return or go elsewhere when it is")
        } else if let Space::Released { map } = pointer.space {
            Fault::new(
                Code::ReleasedBuffer,
                format!(
                    "the output buffer of map {} is used after it was sent",
                    self.subject.map_name(map)
                ),
            )
            .origin(origin, "the buffer was reserved here")
            .hint("finish the record before send_output, or reserve another one")
        } else if let Space::Map { map } = pointer.space {
            Fault::new(
                Code::NotAPointer,
                format!(
                    "{base} is the map {} itself, not the address of a value in it",
                    self.subject.map_name(map)
                ),
            )
            .origin(origin, "the map was loaded here")
            .hint("look a value up with map_lookup_elem")
        } else {
            return Ok(Pointer {
                offset: pointer.offset.wrapping_add(offset.into()),
                ..pointer
            });
        };
        let (name, value) = self.shown(base);
        Err(fault.register(name, value))
    }

    /// Checks bounds and rights of an access at a pointer.
    pub(super) fn check(&mut self, pointer: &Pointer, access: Access) -> Checked<()> {
        match pointer.space {
            Space::Context => self.check_context(pointer, access),
            Space::Stack { frame } => self.check_stack(usize::from(frame), pointer, access),
            Space::Region => self.check_region(pointer, access),
            Space::RegionEnd => Err(Fault::new(
                access.code(Code::RegionOutOfBounds),
                format!(
                    "{} points at the end of the data region, where nothing is",
                    access.reg
                ),
            )
            .obligation(format!(
                "{} at {}; nothing is known to be there",
                access.bytes(),
                self.pointer(pointer)
            ))),
            Space::MapValue { map } => {
                let size = self.subject.value_size(map);
                let def = self.subject.program.maps.get(map);
                let section = def.and_then(|def| def.section.as_ref());
                if access.mode.writes() && section.is_some_and(|section| section.read_only) {
                    return Err(Fault::new(
                        access.code(Code::MapValueNotWritable),
                        format!("{} is read-only data", self.subject.map_name(map)),
                    )
                    .obligation(format!("{} at {}", access.bytes(), self.pointer(pointer)))
                    .hint("variables that are written must not be const"));
                }
                self.check_object(pointer, access, size, Code::MapValueOutOfBounds)
            }
            Space::OutputBuffer { map } => {
                let size = self.subject.value_size(map);
                self.check_object(pointer, access, size, Code::OutputBufferOutOfBounds)
            }
            // Ruled out by `address`.
            Space::Map { .. } | Space::Released { .. } => Err(Fault::new(
                Code::NotAPointer,
                format!("{} is no address", access.reg),
            )),
        }
    }

    fn check_object(
        &self,
        pointer: &Pointer,
        access: Access,
        size: i64,
        code: Code,
    ) -> Checked<()> {
        let (first, last) = pointer.offsets();
        let end = last + i128::from(access.size);
        if first >= 0 && end <= i128::from(size) {
            return Ok(());
        }
        let there = format!("{} bytes are there", size);
        Err(self.out_of_bounds(pointer, access, code, &there))
    }

    /// The fault of an access that leaves what `there` says is there.
    fn out_of_bounds(
        &self,
        pointer: &Pointer,
        access: Access,
        code: Code,
        there: &str,
    ) -> Box<Fault> {
        let (first, last) = pointer.offsets();
        let (name, value) = self.shown(access.reg);
        let target = self.target(pointer.space);
        let unbounded = i64::try_from(last - first).map_or(true, |span| span > 1 << 32);
        let fault = if unbounded && !access.by_helper {
            Fault::new(
                Code::Unbounded,
                format!("the offset of {} into {target} is not bounded", access.reg),
            )
            .hint("compare the number that is added to the pointer with a constant first")
        } else {
            let beyond = if first < 0 {
                "before the start"
            } else {
                "beyond the end"
            };
            Fault::new(
                access.code(code),
                format!("{} reaches {beyond} of {target}", access.reg),
            )
        };
        fault
            .obligation(format!(
                "{} at {}; {there}",
                access.bytes(),
                self.pointer(pointer)
            ))
            .register(name, value)
            .origin(
                self.state.register(access.reg).origin,
                format!("{} was made here", access.reg),
            )
    }

    fn check_region(&mut self, pointer: &Pointer, access: Access) -> Checked<()> {
        let region = &self.subject.context.region;
        if access.mode.writes() && !region.writable {
            return Err(Fault::new(
                access.code(Code::RegionNotWritable),
                format!(
                    "the data region of {} may only be read",
                    self.subject.context.name
                ),
            )
            .obligation(format!("{} at {}", access.bytes(), self.pointer(pointer)))
            .hint("the hook passes its data as `&T`; only the data of `&mut T` may be written"));
        }
        let (first, last) = pointer.offsets();
        let size = i128::from(access.size);
        let from_start = last + size <= i128::from(self.state.facts.size);
        if first >= 0 && from_start {
            self.path.need(Need::Exact, self.state.range_places(0));
            return Ok(());
        }
        let range = self.state.facts.range(pointer.variable_id);
        let behind_variable = i128::from(pointer.offset) + size;
        if first >= 0 && range.is_some_and(|range| behind_variable <= i128::from(range)) {
            let places = self.state.range_places(pointer.variable_id);
            self.path.need(Need::Exact, places);
            return Ok(());
        }
        let there = match range {
            Some(range) if pointer.variable_id != 0 => {
                format!("{range} are known to be there after the variable part")
            }
            _ => format!("{} are known to be there", self.state.facts.size),
        };
        let fault = self.out_of_bounds(pointer, access, Code::RegionOutOfBounds, &there);
        Err(if region.sized_by_end && fault.code != Code::Unbounded {
            fault.hint(
                "compare the end of the access with data_end first: `if (p + 1 > end) return 0;`",
            )
        } else {
            fault
        })
    }

    fn check_context(&self, pointer: &Pointer, access: Access) -> Checked<()> {
        let context = self.subject.context;
        let size = access.size as i64;
        let Some(offset) = pointer.fixed_offset() else {
            return Err(Fault::new(
                Code::Unbounded,
                "the context can be accessed at fixed offsets only",
            ));
        };
        let obligation = format!("{} at {}", access.bytes(), self.pointer(pointer));
        let end = offset.saturating_add(size);
        if offset < 0 || end > context.readable.into() {
            return Err(Fault::new(
                access.code(Code::ContextOutOfBounds),
                format!("this leaves the fields of {}", context.name),
            )
            .obligation(format!(
                "{obligation}; {} bytes are there",
                context.readable
            )));
        }
        if access.mode == Mode::Atomic {
            return Err(Fault::new(
                Code::AtomicMemory,
                "atomic operations do not work on the context",
            )
            .obligation(obligation));
        }
        if access.mode == Mode::Write {
            let writable = |byte: i64| {
                context.fields.iter().any(|field| {
                    field.writable
                        && (i64::from(field.offset)
                            ..i64::from(field.offset) + i64::from(field.size))
                            .contains(&byte)
                })
            };
            if offset < CONTEXT_POINTERS || !(offset..end).all(writable) {
                return Err(Fault::new(
                    access.code(Code::ContextNotWritable),
                    format!("this part of {} may not be written", context.name),
                )
                .obligation(obligation)
                .hint(
                    "meta_data may be written, and fields that the application declares writable",
                ));
            }
            return Ok(());
        }
        if offset < CONTEXT_POINTERS && (access.by_helper || size != 8 || offset % 8 != 0) {
            return Err(Fault::new(
                access.code(Code::ContextPointerField),
                "data and data_end can be read whole, 8 bytes each, and in no other way",
            )
            .obligation(obligation));
        }
        Ok(())
    }

    fn check_stack(&mut self, depth: usize, pointer: &Pointer, access: Access) -> Checked<()> {
        let (first, last) = pointer.offsets();
        let end = last + i128::from(access.size);
        if first < i128::from(-FRAME_SIZE) || end > 0 {
            let there = "the frame is the 512 bytes below fp";
            let above = end > 0;
            let code = if above {
                Code::StackOutOfBounds
            } else {
                Code::StackDepth
            };
            let fault = self.out_of_bounds(pointer, access, code, there);
            return Err(if above || fault.code == Code::Unbounded {
                fault
            } else {
                fault.hint("a stack frame holds 512 bytes: keep large data in a map of one element")
            });
        }
        if let Some(frame) = self.state.frame(depth) {
            self.findings.stack(frame.function, first as i32);
        }
        Ok(())
    }

    /// Checks that every byte of a part of a frame is a number's, and notes that it is needed.
    pub(super) fn check_initialised(&mut self, depth: usize, start: i32, end: i32) -> Checked<()> {
        let Some(frame) = self.state.frame(depth) else {
            return Ok(());
        };
        let places = frame.stack.places(depth, self.state.segment, start, end);
        let readable = frame.stack.check_readable(start, end);
        self.path.need(Need::Shape, places);
        readable.map_err(|unreadable| self.unreadable(unreadable, true))
    }

    /// `leaks`: whether whoever reads would get a pointer out of the codelet.
    fn unreadable(&self, unreadable: Unreadable, leaks: bool) -> Box<Fault> {
        match unreadable {
            Unreadable::NeverWritten { offset } => Fault::new(
                Code::UninitialisedStack,
                format!("the stack at fp{offset} is read, but on this path nothing was written there"),
            )
            .hint("initialise the variable: `struct s x = {};` (padding included: memset when in doubt)"),
            Unreadable::Pointer { offset, origin } if leaks => Fault::new(
                Code::PointerLeak,
                format!("the stack at fp{offset} holds a pointer, which would leave the codelet as a number"),
            )
            .origin(origin, "the pointer was made here"),
            Unreadable::Pointer { offset, origin } => Fault::new(
                Code::PointerPartial,
                format!("the pointer that is stored at fp{offset} is read in part"),
            )
            .origin(origin, "the pointer was made here"),
            Unreadable::TornPointer { offset, origin } => Fault::new(
                Code::PointerPartial,
                format!("the stack at fp{offset} may still hold a part of a pointer that was overwritten"),
            )
            .origin(origin, "the pointer was made here"),
        }
    }
}

/// The bytes of a frame that an access of `size` bytes at a pointer may touch.
pub(super) fn stack_range(pointer: &Pointer, size: u64) -> (i32, i32) {
    let (first, last) = pointer.offsets();
    // Checked to lie in the frame before.
    (first as i32, (last + i128::from(size)) as i32)
}

/// The kind of memory behind a pointer, as the engine is told.
fn memory_space(space: Space) -> MemorySpace {
    match space {
        Space::Context => MemorySpace::Context,
        Space::Stack { .. } => MemorySpace::Stack,
        Space::Region | Space::RegionEnd => MemorySpace::Region,
        Space::MapValue { .. } | Space::Map { .. } => MemorySpace::MapValue,
        Space::OutputBuffer { .. } | Space::Released { .. } => MemorySpace::OutputBuffer,
    }
}
