//! One instruction on one state: its checks, and the state after it.
//!
//! `alu` computes, `memory` loads and stores within the limits of `bounds`, `branch` compares and
//! forks, `call` enters helpers and functions and leaves them. A step knows nothing of other
//! paths. It notes the needs of its checks at the path, and its results at the findings.
//!
//! A check notes a need for every value that it looks at: a state that a proof covers has the same
//! value there, or a narrower one. If a check notes too little, states pass that it would refuse.
//! Results need nothing by themselves: a check that looks at a result passes the need on to the
//! sources of the result. `tests/pruning` tries each check with each pair of values.
//!
//! | check | looks at | needs |
//! | --- | --- | --- |
//! | 64-bit move, spill of eight aligned bytes to the own frame, ignored argument | whether something was written | `Written` |
//! | 32-bit move, sign extension, byte swap, arithmetic | number or pointer, and which | `Shape` of each operand |
//! | sum or difference with the context or the end of the region | whether the number is constant | `Exact` of both |
//! | bits set in a pointer | which bits may be set in the number | `Exact` of both |
//! | distance of two pointers | space, object, null or not | `Shape` of both, which of a pointer is everything |
//! | comparison with both outcomes | number or pointer | `Shape`; what is learnt is made of both operands |
//! | comparison with one outcome, pointer with a number | the values | `Exact` of both |
//! | address of a load, store, atomic operation or memory argument | space, offset, null or not | `Exact` |
//! | access to the region | how much is known to be there | `Exact` of the size, or of the ranges behind variables |
//! | load from the stack, memory argument that is read, atomic operation | whether the bytes are readable | `Shape` of them |
//! | memory argument that is filled | which bytes were written | `Shape` of them |
//! | store to memory that is shared, in part, unaligned, somewhere, or to a caller's frame | number or pointer | `Shape` |
//! | number argument, result of the entry | number or pointer | `Shape` |
//! | map argument, size argument | the map, the largest size | `Exact` |
//! | format | its bytes, if all are constant | `Exact` of them; one that is not constant is never refused, and all its arguments are numbers |
//! | result of a function that its caller may read | whether it points into the stack that ends | `Shape` |
//! | merged stacks | that what only one of them has is no pointer | `Shape` of it |

mod alu;
mod bounds;
mod branch;
mod call;
mod format;
mod memory;

use std::fmt;

use crate::addresses::{FRAME_ALIGN, VALUE_ALIGN};
use crate::fault::Fault;
use crate::findings::Findings;
use crate::flow::Flow;
use crate::insn::{GateError, Insn, Operand, Reg, decode};
use crate::path::{Need, Path};
use crate::program::Program;
use crate::report::Code;
use crate::state::{Frame, State};
use crate::types::{ContextDef, HelperTable, MapDef};
use crate::value::{Ids, Kind, Num, Places, Pointer, Source, Space, Value};

/// The inputs, which do not change while a program is verified.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) program: &'a Program,
    pub(crate) context: &'a ContextDef,
    pub(crate) helpers: &'a HelperTable,
    pub(crate) insns: Vec<Insn>,
    pub(crate) flow: Flow,
}

impl<'a> Subject<'a> {
    /// Lets a program pass the gate, and finds its shape.
    pub(crate) fn new(
        program: &'a Program,
        context: &'a ContextDef,
        helpers: &'a HelperTable,
    ) -> Result<Self, GateError> {
        let insns = decode(program, helpers)?;
        let flow = Flow::new(&insns, helpers)?;
        Ok(Self {
            program,
            context,
            helpers,
            insns,
            flow,
        })
    }

    pub(crate) fn map_name(&self, map: usize) -> &str {
        let def = self.program.maps.get(map);
        def.map_or("?", |def| def.name.as_str())
    }

    /// The power of two that the start of an object of this space is known to be a multiple of.
    fn alignment(&self, space: Space) -> Option<u64> {
        match space {
            Space::Stack { .. } => Some(FRAME_ALIGN.into()),
            Space::MapValue { .. } | Space::OutputBuffer { .. } => Some(VALUE_ALIGN.into()),
            Space::Region => Some(self.context.region.align),
            Space::Context
            | Space::RegionEnd
            | Space::RegionHalf
            | Space::RegionEndHalf
            | Space::Map { .. }
            | Space::Released { .. } => None,
        }
    }

    /// The definition of a map that an instruction refers to.
    #[track_caller]
    fn map_def(&self, map: usize) -> Checked<&MapDef> {
        let def = self.program.maps.get(map);
        def.ok_or_else(|| Fault::internal("a map that no definition names"))
    }

    /// The size of a map's value or record in bytes.
    #[track_caller]
    fn value_size(&self, map: usize) -> Checked<i64> {
        Ok(self.map_def(map)?.value_size.into())
    }
}

/// The next step of control.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Control goes to the state's next instruction.
    Continue,
    /// Control goes there, or this other way.
    Fork(Box<State>),
    /// The entry function returned, or the codelet was left.
    End,
}

type Checked<T> = Result<T, Box<Fault>>;

/// An instruction about to be executed.
pub(crate) struct Step<'s> {
    pub(crate) subject: &'s Subject<'s>,
    pub(crate) state: &'s mut State,
    pub(crate) path: &'s mut Path,
    pub(crate) findings: &'s mut Findings,
    pub(crate) ids: &'s mut Ids,
    /// The instructions that count for a helper's work besides the call itself.
    pub(crate) work: u64,
    /// Values looked at besides the operands.
    pub(crate) looked: u64,
    pub(crate) at: usize,
}

impl<'s> Step<'s> {
    pub(crate) fn run(&mut self) -> Checked<Outcome> {
        let mut outcome = self.execute();
        self.looked += std::mem::take(&mut self.state.walked);
        if let Ok(Outcome::Fork(other)) = &mut outcome {
            self.looked += std::mem::take(&mut other.walked);
        }
        outcome
    }

    fn execute(&mut self) -> Checked<Outcome> {
        let Some(insn) = self.subject.insns.get(self.at).copied() else {
            return Err(Fault::new(
                Code::FallsOffTheEnd,
                "execution runs past the last instruction",
            ));
        };
        self.findings.reached(self.at);
        self.state.cost = self.state.cost.saturating_add(1);
        self.state.at = self.at + insn.len();
        match insn {
            Insn::Alu {
                op,
                width,
                dst,
                rhs,
            } => self.alu(op, width, dst, rhs)?,
            Insn::MoveSigned {
                width,
                dst,
                src,
                bits,
            } => self.move_signed(width, dst, src, bits)?,
            Insn::Swap { swap, dst, bits } => self.swap(swap, dst, bits)?,
            Insn::Load {
                dst,
                base,
                offset,
                size,
                signed,
            } => self.load(dst, base, offset, size, signed)?,
            Insn::Store {
                base,
                offset,
                size,
                value,
            } => self.store(base, offset, size, value)?,
            Insn::Atomic {
                op,
                base,
                offset,
                size,
                src,
            } => self.atomic(op, base, offset, size, src)?,
            Insn::Wide { dst, value } => self.set_new(dst, Kind::constant(value)),
            Insn::WideMap { dst, map } => {
                self.findings.map(map);
                self.set_new(dst, Kind::Pointer(Pointer::to(Space::Map { map })));
            }
            Insn::WideData { dst, map, offset } => {
                self.findings.map(map);
                let mut pointer = Pointer::to(Space::MapValue { map });
                pointer.offset = offset.into();
                self.set_new(dst, Kind::Pointer(pointer));
            }
            // The control flow graph rules out jumps into it and falling into it.
            Insn::WideTail => {}
            Insn::Jump { target } => self.state.at = target,
            Insn::Branch {
                cond,
                width,
                lhs,
                rhs,
                target,
            } => return self.branch(cond, width, lhs, rhs, target),
            Insn::CallHelper { id, .. } => return self.call_helper(id),
            Insn::CallFunction { target } => self.call_function(target)?,
            Insn::Exit => return self.exit(),
        }
        Ok(Outcome::Continue)
    }

    /// A frame of a call that is active.
    #[track_caller]
    fn frame(&self, depth: usize) -> Checked<&Frame> {
        let frame = self.state.frame(depth);
        frame.ok_or_else(|| Fault::internal("a pointer into a frame that no call made"))
    }

    #[track_caller]
    fn frame_mut(&mut self, depth: usize) -> Checked<&mut Frame> {
        let frame = self.state.frame_mut(depth);
        frame.ok_or_else(|| Fault::internal("a pointer into a frame that no call made"))
    }

    /// The definition of a map that an instruction refers to.
    #[track_caller]
    fn map_def(&self, map: usize) -> Checked<&'s MapDef> {
        self.subject.map_def(map)
    }

    /// Counts a walk through all that the state holds.
    fn walk(&mut self, times: u64) {
        self.looked += times * self.state.cells() as u64;
    }

    /// Counts a walk through a frame's stack.
    #[track_caller]
    fn walk_frame(&mut self, depth: usize) -> Checked<()> {
        self.looked += self.frame(depth)?.stack.cells().len() as u64;
        Ok(())
    }

    fn set_new(&mut self, dst: Reg, kind: Kind) {
        self.state
            .set_register(dst, Value::new(kind, self.state.segment, self.at));
    }

    fn set(&mut self, dst: Reg, kind: Kind, places: Places) {
        let source = Source::new(self.state.segment, places);
        self.state
            .set_register(dst, Value::derived(kind, source, self.at));
    }

    /// A register's value, with a need for it. A register that was never written is refused.
    fn read(&mut self, reg: Reg, need: Need) -> Checked<&Value> {
        self.path.need(need, self.state.places(reg));
        let value = self.state.register(reg);
        if value.kind == Kind::Uninit {
            // Only a function that returns a pointer into its own stack leaves an exit as the
            // origin.
            if value.origin > 0
                && self.subject.insns.get(value.origin as usize) == Some(&Insn::Exit)
            {
                return Err(Fault::new(
                    Code::PointerReturned,
                    format!("{reg} is read, which is a pointer into the stack of a function that has returned"),
                )
                .origin(value.origin, "the function returned the pointer here, and its stack ended"));
            }
            return Err(Fault::new(
                Code::UninitialisedRegister,
                format!("{reg} is read, but on this path nothing was written to it"),
            )
            .hint(if Reg::ARGUMENTS.contains(&reg) || reg == Reg::R0 {
                "calls leave nothing in r1 to r5, and a function that returns nothing leaves nothing in r0: keep values that are needed later in r6 to r9 or on the stack, and give every variable a value on every path"
            } else {
                "give the variable a value on every path that leads here"
            }));
        }
        Ok(value)
    }

    /// The number in a register. Notes that the register must hold a number.
    fn read_number(
        &mut self,
        reg: Reg,
        refuse: impl FnOnce(&Self, &Pointer) -> Box<Fault>,
    ) -> Checked<Num> {
        match self.read(reg, Need::Shape)?.kind.clone() {
            Kind::Number(num) => Ok(num),
            Kind::Pointer(pointer) => Err(refuse(self, &pointer)),
            Kind::Bytes | Kind::Uninit => Err(Fault::new(
                Code::UninitialisedRegister,
                format!("{reg} holds nothing that can be read"),
            )),
        }
    }

    fn operand_places(&self, operand: Operand) -> Places {
        operand
            .reg()
            .map_or(Places::NONE, |reg| self.state.places(reg))
    }

    fn need(&mut self, need: Need, reg: Reg) {
        self.path.need(need, self.state.places(reg));
    }

    /// A register as reports show it.
    fn shown(&self, reg: Reg) -> (String, String) {
        (
            reg.to_string(),
            self.describe(&self.state.register(reg).kind),
        )
    }

    /// A value in words, with the names of maps.
    fn describe(&self, kind: &Kind) -> String {
        match kind {
            Kind::Pointer(pointer) => self.pointer(pointer).to_string(),
            other => other.to_string(),
        }
    }

    fn pointer<'p>(&'p self, pointer: &'p Pointer) -> PointerText<'p> {
        PointerText {
            subject: self.subject,
            pointer,
        }
    }

    /// The target of a pointer, in words.
    fn target(&self, space: Space) -> String {
        match space {
            Space::Context => "the context".to_owned(),
            Space::Stack { frame } if usize::from(frame) == self.state.depth() => {
                "the stack".to_owned()
            }
            Space::Stack { .. } => "a caller's stack".to_owned(),
            Space::Region => "the data region".to_owned(),
            Space::RegionEnd => "the end of the data region".to_owned(),
            Space::RegionHalf | Space::RegionEndHalf => "half of an address".to_owned(),
            Space::Map { map } => format!("map {}", self.subject.map_name(map)),
            Space::MapValue { map } => format!("a value of map {}", self.subject.map_name(map)),
            Space::OutputBuffer { map } => {
                format!("the output buffer of map {}", self.subject.map_name(map))
            }
            Space::Released { map } => {
                format!("the sent buffer of map {}", self.subject.map_name(map))
            }
        }
    }
}

/// A pointer as reports show it: `data+4`, `value of counter, or null`.
struct PointerText<'p> {
    subject: &'p Subject<'p>,
    pointer: &'p Pointer,
}

impl fmt::Display for PointerText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = self.pointer;
        match pointer.space {
            Space::Context => f.write_str("ctx")?,
            Space::Stack { frame: 0 } => f.write_str("fp")?,
            Space::Stack { frame } => write!(f, "fp of frame {frame}: fp")?,
            Space::Region => f.write_str("data")?,
            Space::RegionEnd => f.write_str("data_end")?,
            Space::RegionHalf => f.write_str("low half of data")?,
            Space::RegionEndHalf => f.write_str("low half of data_end")?,
            Space::Map { map } => return write!(f, "map {}", self.subject.map_name(map)),
            Space::MapValue { map } => write!(f, "value of {}", self.subject.map_name(map))?,
            Space::OutputBuffer { map } => {
                write!(f, "output buffer of {}", self.subject.map_name(map))?;
            }
            Space::Released { map } => {
                return write!(f, "output buffer of {}, sent", self.subject.map_name(map));
            }
        }
        if pointer.offset != 0 {
            write!(f, "{:+}", pointer.offset)?;
        }
        if pointer.variable_id != 0 {
            write!(f, "+({})", pointer.variable)?;
        }
        if pointer.or_null {
            f.write_str(", or null")?;
        }
        Ok(())
    }
}
