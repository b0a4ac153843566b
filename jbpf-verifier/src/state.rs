//! A state: everything that is known at one point of one path.

use std::ops::{Index, IndexMut};
use std::rc::Rc;

use crate::facts::RegionFacts;
use crate::insn::Reg;
use crate::number::Number;
use crate::scalar::{JumpCond, Scalar, Width};
use crate::stack::Stack;
use crate::value::{Id, Kind, Link, Num, Places, Pointer, Source, Space, Value};

/// The most frames of nested calls.
pub(crate) use jbpf_abi::object::MAX_FRAMES;

/// r0 to r10 of one frame.
#[derive(Debug, Clone)]
pub(crate) struct Registers([Value; 11]);

impl Index<Reg> for Registers {
    type Output = Value;

    fn index(&self, reg: Reg) -> &Value {
        let [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10] = &self.0;
        match reg.number() {
            0 => r0,
            1 => r1,
            2 => r2,
            3 => r3,
            4 => r4,
            5 => r5,
            6 => r6,
            7 => r7,
            8 => r8,
            9 => r9,
            _ => r10,
        }
    }
}

impl IndexMut<Reg> for Registers {
    fn index_mut(&mut self, reg: Reg) -> &mut Value {
        let [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10] = &mut self.0;
        match reg.number() {
            0 => r0,
            1 => r1,
            2 => r2,
            3 => r3,
            4 => r4,
            5 => r5,
            6 => r6,
            7 => r7,
            8 => r8,
            9 => r9,
            _ => r10,
        }
    }
}

/// One call of a function.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Index of the function.
    pub(crate) function: usize,
    /// The call that made the frame, or 0 for the first frame.
    pub(crate) call: usize,
    pub(crate) registers: Registers,
    pub(crate) stack: Stack,
}

impl Frame {
    pub(crate) fn new(function: usize, call: usize, depth: usize) -> Self {
        let mut registers = Registers([const { Value::UNINIT }; 11]);
        registers[Reg::FRAME].kind = Kind::Pointer(Pointer::stack(depth as u8));
        Self {
            function,
            call,
            registers,
            stack: Stack::default(),
        }
    }
}

/// A loop that the path is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Iteration {
    pub(crate) frame: u8,
    pub(crate) head: u32,
    pub(crate) count: u32,
}

/// A state. Copies share frames that neither copy has changed since.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// The next instruction.
    pub(crate) at: usize,
    /// The frames of the calls that are waiting, outermost first.
    pub(crate) callers: Vec<Rc<Frame>>,
    /// The active frame.
    pub(crate) active: Rc<Frame>,
    pub(crate) facts: Rc<RegionFacts>,
    /// The loops around, outermost first.
    pub(crate) loops: Rc<Vec<Iteration>>,
    /// The checkpoint that the path passed last.
    pub(crate) segment: u32,
    /// Instructions that a run executes from that checkpoint to here, the work of helpers
    /// included.
    pub(crate) cost: u64,
    /// Instructions and branches explored since that checkpoint.
    pub(crate) steps: u32,
    pub(crate) branches: u32,
    /// Facts and values looked at since the last step.
    pub(crate) walked: u64,
}

impl State {
    /// The number of waiting calls, which is the index of the active frame.
    pub(crate) fn depth(&self) -> usize {
        self.callers.len()
    }

    pub(crate) fn frame(&self, depth: usize) -> Option<&Frame> {
        if depth == self.callers.len() {
            return Some(&self.active);
        }
        self.callers.get(depth).map(Rc::as_ref)
    }

    pub(crate) fn frame_mut(&mut self, depth: usize) -> Option<&mut Frame> {
        if depth == self.callers.len() {
            return Some(Rc::make_mut(&mut self.active));
        }
        self.callers.get_mut(depth).map(Rc::make_mut)
    }

    /// The number of pieces of all stacks. The time of a walk through a state grows with it.
    pub(crate) fn cells(&self) -> usize {
        let cells = self.frames().map(|(_, frame)| frame.stack.cells().len());
        cells.sum()
    }

    /// Every frame with its index, outermost first.
    pub(crate) fn frames(&self) -> impl Iterator<Item = (usize, &Frame)> {
        let callers = self.callers.iter().map(Rc::as_ref);
        callers.chain([self.active.as_ref()]).enumerate()
    }

    /// A register of the active frame.
    pub(crate) fn register(&self, reg: Reg) -> &Value {
        &self.active.registers[reg]
    }

    pub(crate) fn set_register(&mut self, reg: Reg, value: Value) {
        Rc::make_mut(&mut self.active).registers[reg] = value;
    }

    /// The sources of a register of the active frame, since the segment's start.
    pub(crate) fn places(&self, reg: Reg) -> Places {
        let own = Places::register(self.depth(), reg);
        self.register(reg).source.places(self.segment, own)
    }

    /// Changes every value for which `touches` holds, in registers and on stacks. `change` gets
    /// the value and its place.
    pub(crate) fn update(
        &mut self,
        touches: impl Fn(&Kind) -> bool,
        mut change: impl FnMut(&mut Value, Places),
    ) {
        let frames = self.callers.iter_mut().chain([&mut self.active]);
        for (depth, frame) in frames.enumerate() {
            let in_registers = Reg::WRITABLE
                .iter()
                .any(|reg| touches(&frame.registers[*reg].kind));
            let in_stack = frame.stack.cells().iter().any(|c| touches(&c.value.kind));
            if in_registers {
                let frame = Rc::make_mut(frame);
                for reg in Reg::WRITABLE {
                    let value = &mut frame.registers[reg];
                    if touches(&value.kind) {
                        change(value, Places::register(depth, reg));
                    }
                }
            }
            if in_stack {
                for cell in Rc::make_mut(frame).stack.cells_mut() {
                    if touches(&cell.value.kind) {
                        let own = Places::stack(depth, cell.start, cell.end);
                        change(&mut cell.value, own);
                    }
                }
            }
        }
    }

    /// Teaches every copy of the number `id` that it is one of `number`.
    pub(crate) fn learn(&mut self, id: Id, number: &Number, places: Places) {
        if id == 0 {
            return;
        }
        let segment = self.segment;
        self.update(
            |kind| match kind {
                Kind::Number(num) => num.link.id == id,
                Kind::Pointer(pointer) => pointer.variable_id == id,
                _ => false,
            },
            |value, own| {
                match &mut value.kind {
                    Kind::Number(num) => {
                        let known = number.add_constant(num.link.distance);
                        num.number = num.number.narrowed(&known);
                    }
                    Kind::Pointer(pointer) => {
                        let known = pointer.variable.narrowed(number);
                        *pointer = pointer.with_variable(known, id);
                    }
                    _ => {}
                }
                let places = places | value.source.places(segment, own);
                value.source = Source::new(segment, places);
            },
        );
        self.learn_least(id, number.smin(), places);
    }

    /// The value of a number as a copy of it knows it, if there is one, and the sources of that
    /// copy.
    pub(crate) fn linked(&self, link: Link) -> Option<(Number, Places)> {
        let of = |value: &Value, own: Places| match &value.kind {
            Kind::Number(num) if num.link.id == link.id => {
                let distance = link.distance.wrapping_sub(num.link.distance);
                let places = value.source.places(self.segment, own);
                Some((num.number.add_constant(distance), places))
            }
            _ => None,
        };
        if !link.exists() {
            return None;
        }
        self.frames().find_map(|(depth, frame)| {
            let mut registers = Reg::WRITABLE.into_iter();
            let in_register =
                registers.find_map(|reg| of(&frame.registers[reg], Places::register(depth, reg)));
            in_register.or_else(|| {
                let mut cells = frame.stack.cells().iter();
                cells.find_map(|cell| of(&cell.value, Places::stack(depth, cell.start, cell.end)))
            })
        })
    }

    /// Teaches every copy of a number the bounds of its low half.
    pub(crate) fn learn_low_half(&mut self, whole: Link, low: &Number, places: Places) {
        let Some((number, known)) = self.linked(whole) else {
            return;
        };
        let places = places | known;
        let (min, max) = (Scalar::constant(low.umin()), Scalar::constant(low.umax()));
        let least = |cond, number: &Scalar, bound: &Scalar| {
            let branches = Scalar::branch(cond, Width::W32, number, bound);
            branches.taken.map(|(number, _)| number)
        };
        let narrowed = least(JumpCond::Ge, &number.scalar(), &min)
            .and_then(|number| least(JumpCond::Le, &number, &max));
        if let Some(narrowed) = narrowed {
            let base = Number::from(narrowed).add_constant(whole.distance.wrapping_neg());
            self.learn(whole.id, &base, places);
        }
    }

    /// Teaches every copy of a number its bounds, if the low bits of it are known to be one of
    /// `low`, and if it has no others.
    pub(crate) fn learn_low_bits(&mut self, of: Link, bits: u32, low: &Number, places: Places) {
        let base = Link::to(of.id);
        let Some((number, known)) = self.linked(base) else {
            return;
        };
        let most = u64::MAX >> (64 - bits);
        if number.umax() > most {
            return;
        }
        let narrowed = low.add_constant(of.distance.wrapping_neg());
        let narrowed = narrowed.truncate((bits / 8) as u8);
        self.learn(of.id, &narrowed, places | known);
    }

    /// Moves the state to an earlier segment: `made_of` says which places at its start a place was
    /// made of.
    pub(crate) fn rebase(&mut self, segment: u32, made_of: impl Fn(Places) -> Places) {
        let from = self.segment;
        let moved =
            |source: Source, own: Places| Source::new(segment, made_of(source.places(from, own)));
        let frames = self.callers.iter_mut().chain([&mut self.active]);
        for (depth, frame) in frames.enumerate() {
            let frame = Rc::make_mut(frame);
            for reg in Reg::WRITABLE {
                let value = &mut frame.registers[reg];
                value.source = moved(value.source, Places::register(depth, reg));
            }
            for cell in frame.stack.cells_mut() {
                let own = Places::stack(depth, cell.start, cell.end);
                cell.value.source = moved(cell.value.source, own);
            }
        }
        let facts = Rc::make_mut(&mut self.facts);
        facts.size_source = moved(facts.size_source, Places::REGION);
        facts.ranges_source = moved(facts.ranges_source, Places::RANGES);
        facts.limits_source = moved(facts.limits_source, Places::LIMITS);
        self.segment = segment;
    }

    /// Ends the life of every pointer into the output buffer of a map.
    pub(crate) fn release(&mut self, map: usize) {
        self.update(
            |kind| matches!(kind, Kind::Pointer(p) if p.space == Space::OutputBuffer { map }),
            |value, _| value.kind = Kind::Pointer(Pointer::to(Space::Released { map })),
        );
    }

    /// The number in a register, if it holds one.
    pub(crate) fn number(&self, reg: Reg) -> Option<&Num> {
        match &self.register(reg).kind {
            Kind::Number(num) => Some(num),
            _ => None,
        }
    }
}
