//! Calls of helpers, which prototypes check, and calls of functions.

use std::rc::Rc;

use super::bounds::{Access, Mode};
use super::memory::stack_range;
use super::{Checked, Outcome, Step, format};
use crate::fault::Fault;
use crate::insn::Reg;
use crate::number::Number;
use crate::path::Need;
use crate::report::Code;
use crate::scalar::Scalar;
use crate::stack::Made;
use crate::state::{Frame, MAX_FRAMES};
use crate::types::{ArgKind, HelperProto, MapKind, MapKinds, ReturnKind};
use crate::value::{Kind, Num, Pointer, Source, Space, Value};

/// The largest size that helpers are given.
const MAX_SIZE: u64 = 1 << 30;

/// The arguments of a call that are checked so far.
#[derive(Debug, Default)]
struct Arguments {
    /// The map in the nearest earlier argument.
    map: Option<usize>,
    first_map: Option<usize>,
    /// The number of arguments that the format uses, if it is known.
    used_by_format: usize,
    /// The number of format arguments met.
    format_arguments: usize,
    /// The sizes passed, each as large as it may be.
    sizes: u64,
}

impl Step<'_> {
    pub(super) fn call_helper(&mut self, id: u32) -> Checked<Outcome> {
        let subject = self.subject;
        let Some(proto) = subject.helpers.get(id) else {
            return Err(Fault::new(
                Code::UnknownHelper,
                format!("no helper has the number {id}"),
            )
            .hint("was the codelet compiled for an application that declares more helpers?"));
        };
        let mut arguments = Arguments::default();
        let mut kinds = proto.args.iter().zip(Reg::ARGUMENTS).peekable();
        while let Some((kind, reg)) = kinds.next() {
            let size = kinds.peek().map(|(_, reg)| *reg);
            self.argument(&proto.name, kind, reg, size, &mut arguments)
                .map_err(|fault| in_call(fault, &proto.name, reg))?;
        }
        self.work = self.count_work(proto, &arguments)?;
        self.state.cost = self.state.cost.saturating_add(self.work);
        self.findings.helper_call(self.at, id, arguments.first_map);
        for reg in Reg::ARGUMENTS {
            self.state.set_register(reg, Value::UNINIT);
        }
        let map = arguments.first_map;
        let result = match (proto.returns, map) {
            (ReturnKind::Never, _) => return Ok(Outcome::End),
            (ReturnKind::AnyNumber, _) => Kind::number(Number::unknown()),
            (ReturnKind::Number { min, max }, _) => {
                let range = Scalar::signed_range(min, max);
                Kind::number(range.unwrap_or(Scalar::unknown()).into())
            }
            (ReturnKind::MapValueOrNull, Some(map)) => self.or_null(Space::MapValue { map }),
            (ReturnKind::OutputBufferOrNull, Some(map)) => {
                self.or_null(Space::OutputBuffer { map })
            }
            (ReturnKind::SentOutput, Some(map)) => {
                self.walk(1);
                self.state.release(map);
                let range = Scalar::signed_range(i32::MIN.into(), 0);
                Kind::number(range.unwrap_or(Scalar::unknown()).into())
            }
            (_, None) => {
                return Err(Fault::new(
                    Code::HelperArgument,
                    format!("{} returns something of a map, but takes none", proto.name),
                ));
            }
        };
        self.set_new(Reg::R0, result);
        Ok(Outcome::Continue)
    }

    fn or_null(&mut self, space: Space) -> Kind {
        let mut pointer = Pointer::to(space);
        pointer.object = self.ids.fresh();
        pointer.or_null = true;
        Kind::Pointer(pointer)
    }

    /// The instructions that count for the call's work besides the call itself. The checks of the
    /// arguments noted the needs for the map and the sizes.
    fn count_work(&self, proto: &HelperProto, arguments: &Arguments) -> Checked<u64> {
        let map = match arguments.first_map {
            Some(map) => Some(self.map_def(map)?),
            None => None,
        };
        let counted = proto.work_instructions(map, arguments.sizes);
        counted.ok_or_else(|| {
            let message = format!("{} works on a map, but takes none", proto.name);
            Fault::new(Code::HelperArgument, message)
        })
    }

    /// `size` is the next register, which holds the size of memory.
    fn argument(
        &mut self,
        helper: &str,
        kind: &ArgKind,
        reg: Reg,
        size: Option<Reg>,
        arguments: &mut Arguments,
    ) -> Checked<()> {
        match kind {
            ArgKind::Number => self.number_argument(helper, reg).map(|_| ()),
            ArgKind::Ignored => {
                self.read(reg, Need::Written)?;
                Ok(())
            }
            ArgKind::Map(kinds) => {
                let map = self.map_argument(helper, reg, kinds)?;
                arguments.map = Some(map);
                arguments.first_map.get_or_insert(map);
                Ok(())
            }
            ArgKind::MapKey | ArgKind::MapValue => {
                let Some(map) = arguments.map else {
                    return Err(Fault::new(
                        Code::HelperArgument,
                        format!("{helper} takes a key or a value, but no map before it"),
                    ));
                };
                let def = self.map_def(map)?;
                let size = match kind {
                    ArgKind::MapKey => def.key_size,
                    _ => def.value_size,
                };
                self.memory_argument(reg, size.into(), Handing::Read)
            }
            ArgKind::Readable | ArgKind::Writable => {
                let handing = if *kind == ArgKind::Readable {
                    Handing::Read
                } else {
                    Handing::Fill
                };
                let size = self.size_argument(helper, size)?;
                arguments.sizes = arguments.sizes.saturating_add(size);
                self.memory_argument(reg, size, handing)
            }
            ArgKind::ReadableFixed(size) => {
                self.memory_argument(reg, (*size).into(), Handing::Read)
            }
            ArgKind::WritableFixed(size) => {
                self.memory_argument(reg, (*size).into(), Handing::Change)
            }
            // The check of the memory before it has checked the size.
            ArgKind::Size => Ok(()),
            ArgKind::SizeUpTo(most) => self.bounded_size(helper, reg, (*most).into()),
            ArgKind::Format => {
                let size = self.size_argument(helper, size)?;
                arguments.sizes = arguments.sizes.saturating_add(size);
                self.memory_argument(reg, size, Handing::Read)?;
                arguments.used_by_format = self.format(reg, size)?;
                Ok(())
            }
            ArgKind::FormatArg => {
                arguments.format_arguments += 1;
                if arguments.format_arguments > arguments.used_by_format {
                    return Ok(());
                }
                self.number_argument(helper, reg).map(|_| ())
            }
        }
    }

    fn number_argument(&mut self, helper: &str, reg: Reg) -> Checked<Num> {
        self.read_number(reg, |step, pointer| {
            let (name, value) = step.shown(reg);
            Fault::new(
                Code::PointerLeak,
                format!(
                    "{helper} takes a number in {reg}, which holds a pointer to {}",
                    step.target(pointer.space)
                ),
            )
            .register(name, value)
        })
    }

    fn map_argument(&mut self, helper: &str, reg: Reg, kinds: &MapKinds) -> Checked<usize> {
        let kind = self.read(reg, Need::Exact)?.kind.clone();
        let map = match &kind {
            Kind::Pointer(Pointer {
                space: Space::Map { map },
                ..
            }) => *map,
            other => {
                return Err(Fault::new(
                    Code::HelperArgument,
                    format!("{helper} takes a map in {reg}"),
                )
                .register(reg.to_string(), self.describe(other))
                .hint("pass the address of a map that is defined in section `maps`"));
            }
        };
        let def = self.map_def(map)?;
        let fits = match kinds {
            MapKinds::Any => true,
            MapKinds::Values => def.kind.holds_values(),
            MapKinds::Only(kinds) => kinds.contains(&def.kind),
        };
        if !fits {
            return Err(Fault::new(
                Code::HelperMapKind,
                format!(
                    "{helper} does not work on map {}, which is {}",
                    def.name,
                    kind_name(def.kind)
                ),
            ));
        }
        let space = Space::Map { map };
        self.findings
            .points_into((self.at, reg.number()), space, false);
        Ok(map)
    }

    /// The largest value that a size may have.
    fn size_argument(&mut self, helper: &str, reg: Option<Reg>) -> Checked<u64> {
        let Some(reg) = reg else {
            return Err(Fault::new(
                Code::HelperArgument,
                format!("{helper} takes memory, but no size of it"),
            ));
        };
        let largest = self.number_argument(helper, reg)?.number.umax();
        self.need(Need::Exact, reg);
        if largest <= MAX_SIZE {
            return Ok(largest);
        }
        let (name, value) = self.shown(reg);
        Err(Fault::new(
            Code::HelperSize,
            format!("the size that {helper} is given in {reg} is not bounded"),
        )
        .register(name, value)
        .origin(
            self.state.register(reg).origin,
            format!("{reg} was made here"),
        )
        .hint("compare the size with a constant first: `if (size > sizeof(buffer)) return 0;`"))
    }

    /// Checks a size against the most that the helper takes.
    fn bounded_size(&mut self, helper: &str, reg: Reg, most: u64) -> Checked<()> {
        let largest = self.size_argument(helper, Some(reg))?;
        if largest <= most {
            return Ok(());
        }
        let (name, value) = self.shown(reg);
        Err(Fault::new(
            Code::HelperSize,
            format!("{helper} takes {most} bytes at most, and is given up to {largest} in {reg}"),
        )
        .register(name, value)
        .origin(
            self.state.register(reg).origin,
            format!("{reg} was made here"),
        )
        .hint("pass fewer at a time; a helper of the application that takes `CodeletBytes` instead of `&[u8]` takes any number"))
    }

    /// Checks memory of `size` bytes behind `reg` that is handed to a helper.
    fn memory_argument(&mut self, reg: Reg, size: u64, handing: Handing) -> Checked<()> {
        let value = self.read(reg, Need::Exact)?;
        if let Kind::Number(_) = &value.kind {
            let origin = value.origin;
            let (name, value) = self.shown(reg);
            return Err(Fault::new(
                Code::HelperArgument,
                format!("{reg} must point at {size} bytes of memory, but holds a number"),
            )
            .register(name, value)
            .origin(origin, format!("{reg} was made here")));
        }
        let pointer = self.address(reg, 0)?;
        if size == 0 {
            // The helper touches nothing, wherever in its object the pointer points.
            return Ok(());
        }
        let mode = match handing {
            Handing::Read => Mode::Read,
            Handing::Fill | Handing::Change => Mode::Write,
        };
        let access = Access {
            reg,
            mode,
            size,
            by_helper: true,
        };
        self.check(&pointer, access)?;
        if handing == Handing::Change {
            // A helper that changes bytes reads them as well.
            self.check(
                &pointer,
                Access {
                    mode: Mode::Read,
                    ..access
                },
            )?;
        }
        let Space::Stack { frame } = pointer.space else {
            return Ok(());
        };
        let depth = usize::from(frame);
        let (start, end) = stack_range(&pointer, size);
        self.walk_frame(depth)?;
        let made = Made {
            places: self.state.places(reg),
            segment: self.state.segment,
            origin: self.at as u32,
        };
        match handing {
            Handing::Read => self.check_initialised(depth, start, end)?,
            Handing::Change => {
                self.check_initialised(depth, start, end)?;
                self.frame_mut(depth)?.stack.blur(depth, start, end, made);
            }
            Handing::Fill if pointer.fixed_offset().is_none() => {
                self.check_initialised(depth, start, end)?;
                self.frame_mut(depth)?.stack.blur(depth, start, end, made);
            }
            Handing::Fill => {
                let frame = self.frame(depth)?;
                let (function, cells) = (frame.function, frame.stack.cells().len());
                // The engine writes zeros to these bytes on entry.
                let gaps = frame.stack.unreadable(start, end);
                let places = frame.stack.places(depth, made.segment, start, end);
                self.path.need(Need::Shape, places);
                for (from, to) in gaps {
                    self.findings.zeroed(function, from, to);
                    self.looked += cells as u64;
                }
                self.frame_mut(depth)?.stack.fill(depth, start, end, made);
            }
        }
        Ok(())
    }

    /// The number of arguments that the format at `reg` uses.
    fn format(&mut self, reg: Reg, size: u64) -> Checked<usize> {
        let bytes = match &self.state.register(reg).kind {
            Kind::Pointer(pointer) => self.constant_bytes(&pointer.clone(), size),
            _ => return Err(Fault::internal("a format that is no memory")),
        };
        let Some(bytes) = bytes else {
            // The helper prints only numbers, whatever the format says. It may use all arguments.
            return Ok(usize::MAX);
        };
        format::arguments(&bytes).map_err(|problem| {
            Fault::new(
                Code::Format,
                format!(
                    "the format \"{}\" cannot be used: {problem}",
                    String::from_utf8_lossy(&bytes)
                        .trim_end_matches('\0')
                        .escape_default()
                ),
            )
            .hint("formats print numbers: %d %i %u %x %X %o %c, with flags, width, precision and h, hh, l, ll, z or j")
        })
    }

    /// The bytes at a pointer, if all are constants. Notes that they must be these.
    fn constant_bytes(&mut self, pointer: &Pointer, size: u64) -> Option<Vec<u8>> {
        let offset = pointer.fixed_offset()?;
        match pointer.space {
            Space::Stack { frame } => {
                let depth = usize::from(frame);
                let (start, end) = stack_range(pointer, size);
                let frame = self.state.frame(depth)?;
                self.looked += 4 * size;
                let bytes = (start..end)
                    .map(|at| {
                        let num = frame.stack.number(at, 1).ok()?;
                        Some(num.number.as_constant()? as u8)
                    })
                    .collect::<Option<Vec<_>>>()?;
                let places = frame.stack.places(depth, self.state.segment, start, end);
                self.path.need(Need::Exact, places);
                Some(bytes)
            }
            Space::MapValue { map } => {
                let def = self.subject.program.maps.get(map)?;
                let section = def.section.as_ref().filter(|section| section.read_only)?;
                let start = usize::try_from(offset).ok()?;
                let end = start.checked_add(usize::try_from(size).ok()?)?;
                self.looked += size;
                section.contents.get(start..end).map(<[u8]>::to_vec)
            }
            _ => None,
        }
    }

    pub(super) fn call_function(&mut self, target: usize) -> Checked<()> {
        let depth = self.state.depth() + 1;
        if depth >= MAX_FRAMES {
            return Err(Fault::new(
                Code::CallDepth,
                format!("calls nest deeper than {MAX_FRAMES} frames here"),
            )
            .hint("mark small functions `static inline`, or merge some"));
        }
        let Some(function) = self.subject.flow.function_at(target) else {
            return Err(Fault::internal("a call leads to no function"));
        };
        let mut frame = Frame::new(function, self.at, depth);
        for reg in Reg::ARGUMENTS {
            let places = self.state.places(reg);
            let value = self.state.register(reg).clone();
            frame.registers[reg] = Value {
                source: Source::new(self.state.segment, places),
                ..value
            };
        }
        for reg in Reg::ARGUMENTS.into_iter().chain([Reg::R0]) {
            self.state.set_register(reg, Value::UNINIT);
        }
        let caller = std::mem::replace(&mut self.state.active, Rc::new(frame));
        self.state.callers.push(caller);
        self.state.at = target;
        Ok(())
    }

    pub(super) fn exit(&mut self) -> Checked<Outcome> {
        let depth = self.state.depth();
        let places = self.state.places(Reg::R0);
        if depth == 0 {
            self.read_number(Reg::R0, |step, pointer| {
                let (name, value) = step.shown(Reg::R0);
                Fault::new(
                    Code::PointerReturned,
                    format!(
                        "the codelet would return a pointer to {}",
                        step.target(pointer.space)
                    ),
                )
                .register(name, value)
                .origin(
                    step.state.register(Reg::R0).origin,
                    "the pointer was made here",
                )
                .hint("return a number")
            })?;
            return Ok(Outcome::End);
        }
        // A function that returns nothing leaves anything in r0. Its callers do not read it.
        let live = self.subject.flow.live(self.state.active.call + 1);
        let live = live.ok_or_else(|| Fault::internal("a call that nothing follows"))?;
        let is_read = live & Reg::R0.bit() != 0;
        let mut result = if is_read {
            self.need(Need::Shape, Reg::R0);
            self.state.register(Reg::R0).clone()
        } else {
            Value::UNINIT
        };
        if let Kind::Pointer(Pointer {
            space: Space::Stack { frame },
            ..
        }) = &result.kind
            && usize::from(*frame) == depth
        {
            result.kind = Kind::Uninit;
            result.origin = self.at as u32;
        }
        let Some(caller) = self.state.callers.pop() else {
            return Err(Fault::internal("a function returns that no call entered"));
        };
        let ended = std::mem::replace(&mut self.state.active, caller);
        self.state.at = ended.call + 1;
        let source = Source::new(self.state.segment, places);
        self.state.set_register(Reg::R0, Value { source, ..result });
        if self
            .state
            .loops
            .iter()
            .any(|l| usize::from(l.frame) >= depth)
        {
            Rc::make_mut(&mut self.state.loops).retain(|l| usize::from(l.frame) < depth);
        }
        Ok(Outcome::Continue)
    }
}

/// A helper's use of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handing {
    Read,
    /// The helper may write the memory.
    Fill,
    /// The helper reads and writes the memory.
    Change,
}

/// Adds the helper and the register to the fault of an argument, unless the sentence names the
/// helper.
fn in_call(mut fault: Box<Fault>, helper: &str, reg: Reg) -> Box<Fault> {
    if !fault.message.contains(helper) {
        fault.message = format!("{helper}, argument {reg}: {}", fault.message);
    }
    fault
}

fn kind_name(kind: MapKind) -> String {
    match kind {
        MapKind::Application(number) => format!("of the application's kind {number}"),
        MapKind::Array | MapKind::Output => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}
