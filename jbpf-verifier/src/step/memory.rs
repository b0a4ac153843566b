//! Loads, stores and atomic operations: the memory that they may touch, and the values that they
//! find there.

use super::bounds::{Access, Mode};
use super::{Checked, Step, Subject};
use crate::fault::Fault;
use crate::insn::{AtomicOp, Operand, Reg};
use crate::number::Number;
use crate::path::Need;
use crate::program::MemorySpace;
use crate::report::Code;
use crate::scalar::{Scalar, sign_extend};
use crate::stack::Made;
use crate::types::MapKind;
use crate::value::{Kind, Num, Places, Pointer, Source, Space, Value};

/// A table in read-only data with more entries than this is not read entry by entry.
const TABLE: u64 = 256;

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
        self.findings
            .memory(self.at, self.subject.memory_space(pointer.space));
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
        let frame = self.frame(depth)?;
        let places = frame.stack.places(depth, segment, start, end);
        if pointer.fixed_offset().is_none() {
            self.walk_frame(depth)?;
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
            // The load needs the shape even if nobody uses the result. In another state, these
            // bytes may be the rest of a pointer, which must not be read.
            self.path.need(Need::Shape, places);
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

    /// The value of read-only data at a pointer, if the bytes are few enough to look at.
    fn constant_data(
        &mut self,
        map: usize,
        pointer: &Pointer,
        size: u8,
        signed: bool,
    ) -> Option<Number> {
        let def = self.subject.program.maps.get(map)?;
        let section = def.section.as_ref().filter(|section| section.read_only)?;
        let variable = pointer.variable.scalar();
        let stride = 1_u64 << variable.tnum().trailing_zeros().min(12);
        let entries = (variable.umax() - variable.umin()) / stride;
        if entries > TABLE {
            return None;
        }
        self.looked += 4 * entries;
        let offsets = (0..=entries).filter_map(|entry| variable.umin().checked_add(entry * stride));
        let entry = |offset: u64| {
            let first = usize::try_from(pointer.offset.checked_add_unsigned(offset)?).ok()?;
            let bytes = section
                .contents
                .get(first..first.checked_add(size.into())?)?;
            let value = bytes
                .iter()
                .rev()
                .fold(0, |value, byte| value << 8 | u64::from(*byte));
            Some(if signed {
                sign_extend(u32::from(size) * 8, value) as u64
            } else {
                value
            })
        };
        let values = offsets
            .filter(|offset| variable.contains(*offset))
            .map(entry);
        let values = values.collect::<Option<Vec<_>>>()?;
        Scalar::covering(values).map(Number::from)
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
                // The target of the store decides whether more is needed of the value.
                self.read(reg, Need::Written)?;
                let fits = self
                    .state
                    .number(reg)
                    .is_some_and(|num| num.number.truncate(size) == num.number);
                if fits {
                    self.link(reg);
                }
                let places = self.state.places(reg);
                let source = Source::new(self.state.segment, places);
                Value {
                    source,
                    ..self.state.register(reg).clone()
                }
            }
        };
        let pointer = self.address(base, offset)?;
        self.check(&pointer, access)?;
        self.findings
            .memory(self.at, self.subject.memory_space(pointer.space));
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
        self.walk_frame(depth)?;
        let is_whole = pointer.fixed_offset().is_some() && size == 8 && start % 8 == 0;
        if !is_whole || depth != self.state.depth() {
            // Some of these stores would be refused if the value were a pointer.
            self.path.need(Need::Shape, places);
        }
        let is_pointer = matches!(value.kind, Kind::Pointer(_));
        if let Kind::Pointer(stored) = &value.kind {
            if !is_whole {
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
            let made = Made {
                places,
                segment,
                origin: at,
            };
            self.frame_mut(depth)?.stack.blur(depth, start, end, made);
            return Ok(());
        }
        let mut value = value;
        if let Kind::Number(num) = &mut value.kind {
            if size < 8 {
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
        let frame = self.frame_mut(depth)?;
        frame.stack.write(depth, start, end, value);
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
        self.findings
            .memory(self.at, self.subject.memory_space(pointer.space));
        if let Space::Stack { frame } = pointer.space {
            let depth = usize::from(frame);
            let (start, end) = stack_range(&pointer, size.into());
            self.walk_frame(depth)?;
            self.check_initialised(depth, start, end)?;
            let made = Made {
                places: self.state.places(src),
                segment: self.state.segment,
                origin: self.at as u32,
            };
            self.frame_mut(depth)?.stack.blur(depth, start, end, made);
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
        let Some(align) = self.subject.alignment(pointer.space) else {
            return Err(Fault::new(
                Code::AtomicMemory,
                format!(
                    "atomic operations do not work on {}",
                    self.target(pointer.space)
                ),
            )
            .hint("use a map value, the stack, an output buffer or a writable region"));
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

    /// The address `base + offset`. Notes that it must be exactly that.
    pub(super) fn address(&mut self, base: Reg, offset: i16) -> Checked<Pointer> {
        let value = self.read(base, Need::Exact)?;
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
        } else if pointer.space.is_half() {
            Fault::new(
                Code::NotAPointer,
                format!("{base} is used as an address, but holds half of one"),
            )
            .origin(origin, format!("{base} was cut to 32 bits here"))
            .hint("keep pointers in 64-bit variables")
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
}

/// The bytes of a frame that an access of `size` bytes at a pointer may touch.
pub(super) fn stack_range(pointer: &Pointer, size: u64) -> (i32, i32) {
    let (first, last) = pointer.offsets();
    // The check of the access has shown that they lie in the frame.
    (first as i32, (last + i128::from(size)) as i32)
}

impl Subject<'_> {
    /// The kind of memory behind a pointer, as told to the engine.
    fn memory_space(&self, space: Space) -> MemorySpace {
        match space {
            Space::Context => MemorySpace::Context,
            Space::Stack { .. } => MemorySpace::Stack,
            Space::Region | Space::RegionEnd | Space::RegionHalf | Space::RegionEndHalf => {
                MemorySpace::Region
            }
            Space::MapValue { map } if self.is_private(map) => MemorySpace::PrivateValue,
            Space::MapValue { .. } | Space::Map { .. } => MemorySpace::MapValue,
            Space::OutputBuffer { .. } | Space::Released { .. } => MemorySpace::OutputBuffer,
        }
    }

    /// Whether no other thread stores to the values that this thread finds in a map.
    fn is_private(&self, map: usize) -> bool {
        self.program.maps.get(map).is_some_and(|def| {
            let section = def.section.as_ref();
            matches!(def.kind, MapKind::PerThreadArray | MapKind::PerThreadHash)
                || section.is_some_and(|section| section.read_only)
        })
    }
}
