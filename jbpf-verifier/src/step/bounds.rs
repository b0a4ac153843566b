//! The bytes that an access may touch, and the right that it needs: the checks for each kind of
//! memory, and the reports of accesses that fail.

use super::{Checked, Step};
use crate::fault::Fault;
use crate::insn::Reg;
use crate::path::Need;
use crate::report::Code;
use crate::stack::{FRAME_SIZE, Unreadable};
use crate::value::{Pointer, Space};

/// The fields `data` and `data_end` of a context: bytes before this offset.
const CONTEXT_POINTERS: i64 = 16;

/// The effect of an access on memory.
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
    /// The register that holds the address, as reports name it.
    pub(super) reg: Reg,
    pub(super) mode: Mode,
    /// Bytes.
    pub(super) size: u64,
    /// Whether a helper makes the access. An access out of bounds then has the code of helpers.
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
    /// Checks bounds and rights of an access at a pointer.
    pub(super) fn check(&mut self, pointer: &Pointer, access: Access) -> Checked<()> {
        let operand = if access.by_helper {
            access.reg.number()
        } else {
            0
        };
        let own_frame = matches!(pointer.space, Space::Stack { frame }
            if usize::from(frame) == self.state.depth());
        self.findings
            .points_into((self.at, operand), pointer.space, own_frame);
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
                let def = self.map_def(map)?;
                let (size, section) = (def.value_size.into(), def.section.as_ref());
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
                let size = self.subject.value_size(map)?;
                self.check_object(pointer, access, size, Code::OutputBufferOutOfBounds)
            }
            // `address` rules these out.
            Space::Map { .. }
            | Space::Released { .. }
            | Space::RegionHalf
            | Space::RegionEndHalf => Err(Fault::new(
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

    /// The fault of an access that leaves its object. `there` describes the bytes of the object.
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
            // A frame ends at offset 0.
            let before = match pointer.space {
                Space::Stack { .. } => last + i128::from(access.size) <= 0,
                _ => first < 0,
            };
            let beyond = if before {
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
        let function = self.frame(depth)?.function;
        self.findings.stack(function, first as i32);
        Ok(())
    }

    /// Checks that every byte of a part of a frame belongs to a number, and notes that need.
    pub(super) fn check_initialised(&mut self, depth: usize, start: i32, end: i32) -> Checked<()> {
        let frame = self.frame(depth)?;
        let places = frame.stack.places(depth, self.state.segment, start, end);
        let readable = frame.stack.check_readable(start, end);
        self.path.need(Need::Shape, places);
        readable.map_err(|unreadable| self.unreadable(unreadable, true))
    }

    /// `leaks` says whether the reader would get a pointer out of the codelet.
    pub(super) fn unreadable(&self, unreadable: Unreadable, leaks: bool) -> Box<Fault> {
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
