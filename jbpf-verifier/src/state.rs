//! A state: everything that is known at one point of one path.

use std::ops::{Index, IndexMut};
use std::rc::Rc;

use crate::archive::MixSet;
use crate::insn::Reg;
use crate::number::Number;
use crate::scalar::{JumpCond, Scalar, Width};
use crate::stack::Stack;
use crate::value::{Id, Kind, Link, Num, Places, Pointer, Source, Space, Value};

/// The largest number of ranges, and of remainders, that a state remembers.
pub(crate) const MAX_FACTS: usize = 64;

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

/// The facts that comparisons with `data_end` have shown.
#[derive(Debug, Clone)]
pub(crate) struct RegionFacts {
    /// The number of bytes known to be there from `data` on.
    pub(crate) size: i64,
    pub(crate) size_source: Source,
    /// The number of bytes known to be there from `data` plus a variable on, by the variable's id.
    /// May be negative.
    pub(crate) ranges: Vec<(Id, i64)>,
    /// Numbers that are at most the rest of the region.
    pub(crate) remainders: Vec<Remainder>,
    pub(crate) ranges_source: Source,
}

/// The number of an id is at most `data_end - (data + variable + offset)`, as signed numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remainder {
    pub(crate) number: Id,
    pub(crate) variable: Id,
    pub(crate) offset: i64,
}

impl RegionFacts {
    pub(crate) fn new(size: u64) -> Self {
        Self {
            size: i64::try_from(size).unwrap_or(i64::MAX),
            size_source: Source::OLD,
            ranges: Vec::new(),
            remainders: Vec::new(),
            ranges_source: Source::OLD,
        }
    }

    /// The bytes that the facts take.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.ranges.as_slice()) + size_of_val(self.remainders.as_slice())
    }

    /// The number of bytes known to be there behind `data` plus the variable of this id (0: none).
    pub(crate) fn range(&self, variable: Id) -> Option<i64> {
        if variable == 0 {
            return Some(self.size);
        }
        self.ranges
            .iter()
            .find_map(|(id, range)| (*id == variable).then_some(*range))
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
        let least = number.smin();
        if let Some(range) = self.facts.range(id) {
            // Bytes behind the variable are behind its smallest value too.
            let size = least.saturating_add(range);
            self.learn_range(0, size, places | self.range_places(id));
        }
        let remainders = self.facts.remainders.iter().filter(|r| r.number == id);
        for remainder in remainders.copied().collect::<Vec<_>>() {
            let range = remainder.offset.saturating_add(least);
            let places = places | self.facts.ranges_source.places(segment, Places::RANGES);
            self.learn_range(remainder.variable, range, places);
        }
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

    /// The sources of the range behind a variable.
    pub(crate) fn range_places(&self, variable: Id) -> Places {
        let facts = &self.facts;
        if variable == 0 {
            facts.size_source.places(self.segment, Places::REGION)
        } else {
            facts.ranges_source.places(self.segment, Places::RANGES)
        }
    }

    /// The number of bytes known to be there from `data` plus the variable of a pointer on, and
    /// the sources of that knowledge.
    pub(crate) fn known_behind(&self, pointer: &Pointer) -> (i128, Places) {
        let from_start = i128::from(self.facts.size) - i128::from(pointer.variable.smax());
        match self.facts.range(pointer.variable_id) {
            Some(range) if i128::from(range) >= from_start => {
                (range.into(), self.range_places(pointer.variable_id))
            }
            _ => (from_start, self.range_places(0)),
        }
    }

    /// Notes that a number is at most the rest of the region. `places` are the sources of that
    /// fact.
    pub(crate) fn add_remainder(&mut self, remainder: Remainder, places: Places) {
        let places = places
            | self
                .facts
                .ranges_source
                .places(self.segment, Places::RANGES);
        self.make_room_for_facts();
        let facts = Rc::make_mut(&mut self.facts);
        facts.remainders.push(remainder);
        facts.ranges_source = Source::new(self.segment, places);
    }

    /// Learns that `range` bytes are there from `data` plus a variable on.
    pub(crate) fn learn_range(&mut self, variable: Id, range: i64, places: Places) {
        if self
            .facts
            .range(variable)
            .is_some_and(|known| known >= range)
        {
            return;
        }
        let places = places | self.range_places(variable);
        let source = Source::new(self.segment, places);
        if variable == 0 {
            let facts = Rc::make_mut(&mut self.facts);
            facts.size = range;
            facts.size_source = source;
            return;
        }
        self.make_room_for_facts();
        let facts = Rc::make_mut(&mut self.facts);
        facts.ranges.retain(|(id, _)| *id != variable);
        facts.ranges.push((variable, range));
        facts.ranges_source = source;
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
        self.segment = segment;
    }

    /// Whether the next fact takes a walk through all values, which finds the facts that nothing
    /// needs any more.
    pub(crate) fn is_full_of_facts(&self) -> bool {
        self.facts.ranges.len() >= MAX_FACTS || self.facts.remainders.len() >= MAX_FACTS
    }

    /// Forgets the oldest facts if there are too many. Waiting states hold copies of them.
    fn make_room_for_facts(&mut self) {
        if self.is_full_of_facts() {
            self.forget_unused();
        }
        if self.is_full_of_facts() {
            let facts = Rc::make_mut(&mut self.facts);
            let beyond = |len: usize| (len + 1).saturating_sub(MAX_FACTS);
            facts.ranges.drain(..beyond(facts.ranges.len()));
            facts.remainders.drain(..beyond(facts.remainders.len()));
        }
    }

    /// Forgets the facts of variables that no value has any more.
    pub(crate) fn forget_unused(&mut self) {
        if self.facts.ranges.is_empty() && self.facts.remainders.is_empty() {
            return;
        }
        let mut used = MixSet::default();
        for (_, frame) in self.frames() {
            let registers = Reg::WRITABLE.iter().map(|reg| &frame.registers[*reg].kind);
            let cells = frame.stack.cells().iter().map(|cell| &cell.value.kind);
            for kind in registers.chain(cells) {
                match kind {
                    Kind::Number(num) => used.insert(num.link.id),
                    Kind::Pointer(pointer) => used.insert(pointer.variable_id),
                    _ => continue,
                };
            }
        }
        let facts = Rc::make_mut(&mut self.facts);
        facts
            .remainders
            .retain(|remainder| used.contains(&remainder.number));
        let remainders = &facts.remainders;
        facts.ranges.retain(|(id, _)| {
            used.contains(id) || remainders.iter().any(|remainder| remainder.variable == *id)
        });
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
