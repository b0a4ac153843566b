//! Conditional jumps: the possible ways, and the lesson of each.

use super::{Checked, Outcome, Step};
use crate::addresses::{FAR, LOWEST_SECRET};
use crate::fault::Fault;
use crate::insn::{Operand, Reg};
use crate::number::Number;
use crate::path::Need;
use crate::program::BranchOutcome;
use crate::report::Code;
use crate::scalar::{Branches, JumpCond, Scalar, Width};
use crate::stack::FRAME_SIZE;
use crate::state::State;
use crate::types::MapKind;
use crate::value::{Kind, Num, Part, Places, Pointer, Source, Space};

/// The facts that one way of a jump teaches a state.
type Lesson<'l> = &'l dyn Fn(&mut State);

impl Step<'_> {
    pub(super) fn branch(
        &mut self,
        cond: JumpCond,
        width: Width,
        lhs: Reg,
        rhs: Operand,
        target: usize,
    ) -> Checked<Outcome> {
        let left = self.read(lhs, Need::Shape)?.kind.clone();
        let right = match rhs {
            Operand::Imm(value) => Kind::constant(value),
            Operand::Reg(reg) => self.read(reg, Need::Shape)?.kind.clone(),
        };
        let places = self.state.places(lhs) | self.operand_places(rhs);
        let is_half = |kind: &Kind| match kind {
            Kind::Pointer(pointer) => width == Width::W32 || pointer.space.is_half(),
            _ => false,
        };
        if is_half(&left) || is_half(&right) {
            return Err(self.no_comparison(lhs, rhs, "half of a pointer says nothing"));
        }
        let jump = Jump {
            cond,
            width,
            lhs,
            rhs,
            target,
            places,
        };
        match (&left, &right) {
            (Kind::Number(a), Kind::Number(b)) => self.numbers(&jump, a, b),
            (Kind::Pointer(pointer), Kind::Number(num)) => {
                self.pointer_and_number(&jump, pointer, num)
            }
            (Kind::Number(num), Kind::Pointer(pointer)) => {
                let swapped = Jump {
                    cond: cond.swapped(),
                    ..jump
                };
                self.pointer_and_number(&swapped, pointer, num)
            }
            (Kind::Pointer(a), Kind::Pointer(b)) => self.pointers(&jump, a, b),
            _ => Err(self.no_comparison(lhs, rhs, "one of them was never written")),
        }
    }

    /// Only one way is possible. That rests on the operands.
    fn decided(&mut self, jump: &Jump, taken: bool) -> Checked<Outcome> {
        self.path.need(Need::Exact, jump.places);
        self.findings.branch(
            self.at,
            if taken {
                BranchOutcome::Always
            } else {
                BranchOutcome::Never
            },
        );
        if taken {
            self.state.at = jump.target;
        }
        Ok(Outcome::Continue)
    }

    /// Both ways are possible. The explorer first follows the way that leaves a loop, so that few
    /// states wait.
    fn undecided(&mut self, jump: &Jump, taken: Lesson, not_taken: Lesson) -> Outcome {
        self.findings.branch(self.at, BranchOutcome::Both);
        self.state.branches += 1;
        // On either way, the copies of each operand learn the same.
        self.walk(4);
        let mut other = Box::new(self.state.clone());
        other.at = jump.target;
        taken(&mut other);
        not_taken(self.state);
        if self.stays_in_loop(self.state.at) && !self.stays_in_loop(jump.target) {
            std::mem::swap(self.state, &mut other);
        }
        Outcome::Fork(other)
    }

    fn stays_in_loop(&self, to: usize) -> bool {
        let innermost = self.state.loops.last();
        innermost.is_some_and(|iteration| {
            usize::from(iteration.frame) == self.state.depth()
                && self.subject.flow.loop_holds(iteration.head as usize, to)
        })
    }

    fn numbers(&mut self, jump: &Jump, a: &Num, b: &Num) -> Checked<Outcome> {
        let same = jump.rhs.reg() == Some(jump.lhs) || a.link.exists() && a.link == b.link;
        if same && let Some(holds) = reflexive(jump.cond) {
            return self.decided(jump, holds);
        }
        if let (Number::Constant(x), Number::Constant(y)) = (&a.number, &b.number) {
            return self.decided(jump, jump.cond.holds(jump.width, *x, *y));
        }
        let (mut a, mut b) = (a.clone(), b.clone());
        let related = self.name_operands(jump, &mut a, &mut b);
        let (a, b) = (&a, &b);
        let (x, y) = (a.number.scalar(), b.number.scalar());
        let Branches { taken, not_taken } = Scalar::branch(jump.cond, jump.width, &x, &y);
        let (taken, not_taken) = match (taken, not_taken) {
            (Some(taken), Some(not_taken)) => (taken, not_taken),
            (taken, _) => return self.decided(jump, taken.is_some()),
        };
        let lesson = |(x, y): (Scalar, Scalar)| {
            let (x, y) = (Number::from(x), Number::from(y));
            move |state: &mut State| {
                learn_number(state, jump.lhs, a, &x, jump.places);
                if let Some(rhs) = jump.rhs.reg() {
                    learn_number(state, rhs, b, &y, jump.places);
                }
            }
        };
        if let (Some(rhs), true) = (jump.rhs.reg(), related) {
            self.looked += 4 * self.state.facts.count() as u64;
            let (first, second) = (lesson(taken), lesson(not_taken));
            let order = |state: &mut State, cond| learn_order(state, jump, rhs, cond);
            let first = |state: &mut State| {
                first(state);
                order(state, Some(jump.cond));
            };
            let second = |state: &mut State| {
                second(state);
                order(state, jump.cond.negated());
            };
            return Ok(self.undecided(jump, &first, &second));
        }
        Ok(self.undecided(jump, &lesson(taken), &lesson(not_taken)))
    }

    /// Names the operands of a comparison, if something is known of one of them and the region.
    /// Their order may then prove something of the other. Returns whether both have names.
    fn name_operands(&mut self, jump: &Jump, a: &mut Num, b: &mut Num) -> bool {
        let Some(rhs) = jump.rhs.reg() else {
            return false;
        };
        let facts = &self.state.facts;
        if !facts.mention(a.link.id) && !facts.mention(b.link.id) {
            return false;
        }
        for (reg, num) in [(jump.lhs, a), (rhs, b)] {
            self.link(reg);
            if let Some(named) = self.state.number(reg) {
                *num = named.clone();
            }
            if !num.link.exists() {
                return false;
            }
        }
        true
    }

    fn pointer_and_number(
        &mut self,
        jump: &Jump,
        pointer: &Pointer,
        num: &Num,
    ) -> Checked<Outcome> {
        let is_null = num.number == Number::ZERO;
        if !is_null || !matches!(jump.cond, JumpCond::Eq | JumpCond::Ne) {
            return Err(self.no_comparison(
                jump.lhs,
                jump.rhs,
                "a pointer can be compared with null, with == and !=, and with pointers",
            ));
        }
        // The comparison is allowed only if the number is 0.
        self.path.need(Need::Exact, jump.places);
        self.check_tells_nothing(jump, pointer)?;
        let if_equal = jump.cond == JumpCond::Eq;
        if !pointer.or_null {
            if self.is_inside(pointer)? {
                return self.decided(jump, !if_equal);
            }
            return Ok(self.undecided(jump, &|_| (), &|_| ()));
        }
        if pointer.fixed_offset() != Some(0) {
            return Ok(self.undecided(jump, &|_| (), &|_| ()));
        }
        let object = pointer.object;
        let null = |state: &mut State| settle(state, object, true, jump.places);
        let not_null = |state: &mut State| settle(state, object, false, jump.places);
        Ok(if if_equal {
            self.undecided(jump, &null, &not_null)
        } else {
            self.undecided(jump, &not_null, &null)
        })
    }

    /// Refuses a pointer so far from its object that its address may wrap. Whether it wraps
    /// depends on the object's address, which comparisons would reveal bit by bit.
    fn check_tells_nothing(&self, jump: &Jump, pointer: &Pointer) -> Checked<()> {
        let (first, last) = pointer.offsets();
        if first >= (-LOWEST_SECRET).into() && last <= FAR.into() {
            return Ok(());
        }
        let (shown, target) = (self.pointer(pointer), self.target(pointer.space));
        let fault = match pointer.fixed_offset() {
            Some(_) => {
                let why = format!("{shown} is so far from {target} that its address may wrap");
                self.no_comparison(jump.lhs, jump.rhs, &why)
            }
            None => Fault::new(
                Code::Unbounded,
                format!("the offset of {shown} into {target} is not bounded"),
            ),
        };
        Err(fault.hint("compare the number that is added to the pointer with a constant first"))
    }

    /// Whether a pointer that is not null points into its object, or right behind it.
    fn is_inside(&self, pointer: &Pointer) -> Checked<bool> {
        let (first, last) = pointer.offsets();
        let size = match pointer.space {
            Space::Map { .. } => return Ok(true),
            Space::Context => self.subject.context.readable.into(),
            Space::MapValue { map } | Space::OutputBuffer { map } => {
                self.subject.value_size(map)?
            }
            Space::Stack { .. } => return Ok(first >= i128::from(-FRAME_SIZE) && last <= 0),
            // An empty region may start anywhere.
            Space::Region
            | Space::RegionEnd
            | Space::RegionHalf
            | Space::RegionEndHalf
            | Space::Released { .. } => return Ok(false),
        };
        Ok(first >= 0 && last <= i128::from(size))
    }

    fn pointers(&mut self, jump: &Jump, a: &Pointer, b: &Pointer) -> Checked<Outcome> {
        self.check_tells_nothing(jump, a)?;
        self.check_tells_nothing(jump, b)?;
        let region = &self.subject.context.region;
        match (a.space, b.space) {
            _ if jump.cond == JumpCond::Set => {
                Err(self.no_comparison(jump.lhs, jump.rhs, "the bits of pointers say nothing"))
            }
            (Space::Released { .. }, _) | (_, Space::Released { .. }) => Err(self.no_comparison(
                jump.lhs,
                jump.rhs,
                "the output buffer was sent and is gone",
            )),
            (Space::Region | Space::RegionEnd, Space::Region | Space::RegionEnd)
                if !region.sized_by_end =>
            {
                // The distance of the end from the start is the size of the region.
                let from_start = |pointer: &Pointer| match pointer.space {
                    Space::RegionEnd => {
                        pointer.moved(&Num::new(Number::Constant(region.known_size)), || 0)
                    }
                    _ => pointer.clone(),
                };
                let (a, b) = (from_start(a), from_start(b));
                self.one_object(jump, &a, &b)
            }
            (Space::Region, Space::RegionEnd) => self.region_end(jump, jump.cond, a, b),
            (Space::RegionEnd, Space::Region) => self.region_end(jump, jump.cond.swapped(), b, a),
            (left, right) if left == right && a.object == b.object => self.one_object(jump, a, b),
            // The order of a map's values tells nothing of the map's address. An application's map
            // may keep each of its values anywhere, so that this does not hold for it.
            (left, right) if left == right && !self.is_application_value(left) => {
                Ok(self.undecided(jump, &|_| (), &|_| ()))
            }
            _ if matches!(jump.cond, JumpCond::Eq | JumpCond::Ne) => {
                self.check_in_object(jump, a)?;
                self.check_in_object(jump, b)?;
                Ok(self.undecided(jump, &|_| (), &|_| ()))
            }
            (left, right) => Err(self.no_comparison(
                jump.lhs,
                jump.rhs,
                &format!(
                    "pointers into {} and {} have no order",
                    self.target(left),
                    self.target(right)
                ),
            )),
        }
    }

    fn is_application_value(&self, space: Space) -> bool {
        let def = match space {
            Space::MapValue { map } => self.subject.program.maps.get(map),
            _ => None,
        };
        def.is_some_and(|def| matches!(def.kind, MapKind::Application(_)))
    }

    /// Refuses a pointer that may leave its object. Objects are disjoint, but another object may
    /// start right behind this one, depending on the addresses of both.
    fn check_in_object(&mut self, jump: &Jump, pointer: &Pointer) -> Checked<()> {
        let (first, last) = pointer.offsets();
        // Null plus an offset might be the address of another object.
        let at_start = pointer.fixed_offset() == Some(0);
        let size = match pointer.space {
            Space::Map { .. } => 1,
            Space::Context => self.subject.context.readable.into(),
            Space::MapValue { map } | Space::OutputBuffer { map } => {
                self.subject.value_size(map)?
            }
            Space::Stack { frame } if first >= i128::from(-FRAME_SIZE) && last <= 0 => {
                // The engine's frame must include this place, so that no other object lies there.
                let function = self.frame(frame.into())?.function;
                self.findings.stack(function, first as i32);
                return Ok(());
            }
            // An empty region starts at an address where no other object lies.
            Space::Region if at_start => return Ok(()),
            Space::Region => {
                self.path.need(Need::Exact, self.state.range_places(0));
                self.state.facts.size
            }
            Space::Stack { .. }
            | Space::RegionEnd
            | Space::RegionHalf
            | Space::RegionEndHalf
            | Space::Released { .. } => 0,
        };
        let inside = first >= 0 && last < i128::from(size);
        if inside && (at_start || !pointer.or_null) {
            return Ok(());
        }
        let why = format!(
            "{} may lie beyond {}, where another object may be",
            self.pointer(pointer),
            self.target(pointer.space)
        );
        Err(self.no_comparison(jump.lhs, jump.rhs, &why))
    }

    /// Compares two pointers into one object by their offsets.
    fn one_object(&mut self, jump: &Jump, a: &Pointer, b: &Pointer) -> Checked<Outcome> {
        let near = |pointer: &Pointer| {
            let (first, last) = pointer.offsets();
            let low = match pointer.space {
                Space::Stack { .. } | Space::MapValue { .. } | Space::OutputBuffer { .. } => {
                    i128::from(-FRAME_SIZE)
                }
                _ => 0,
            };
            first >= low && last <= FAR.into()
        };
        if a.or_null || b.or_null || !near(a) || !near(b) {
            return Ok(self.undecided(jump, &|_| (), &|_| ()));
        }
        // Within this reach, addresses do not wrap and lie below the sign bit, so that they are
        // ordered as the offsets are.
        let cond = match jump.cond {
            JumpCond::Gt => JumpCond::Sgt,
            JumpCond::Ge => JumpCond::Sge,
            JumpCond::Lt => JumpCond::Slt,
            JumpCond::Le => JumpCond::Sle,
            other => other,
        };
        if a.variable_id == b.variable_id {
            let holds = cond.holds(Width::W64, a.offset as u64, b.offset as u64);
            return self.decided(jump, holds);
        }
        let x = a.variable.add_constant(a.offset).scalar();
        let y = b.variable.add_constant(b.offset).scalar();
        let Branches { taken, not_taken } = Scalar::branch(cond, Width::W64, &x, &y);
        let (taken, not_taken) = match (taken, not_taken) {
            (Some(taken), Some(not_taken)) => (taken, not_taken),
            (taken, _) => return self.decided(jump, taken.is_some()),
        };
        let lesson = |(x, y): (Scalar, Scalar)| {
            let x = Number::from(x).add_constant(a.offset.wrapping_neg());
            let y = Number::from(y).add_constant(b.offset.wrapping_neg());
            move |state: &mut State| {
                state.learn(a.variable_id, &x, jump.places);
                state.learn(b.variable_id, &y, jump.places);
            }
        };
        Ok(self.undecided(jump, &lesson(taken), &lesson(not_taken)))
    }

    /// Compares `data + variable + offset` with the end of the region.
    fn region_end(
        &mut self,
        jump: &Jump,
        cond: JumpCond,
        pointer: &Pointer,
        end: &Pointer,
    ) -> Checked<Outcome> {
        let (first, last) = pointer.offsets();
        // Below the start of the region an address might wrap. `end` may go back at most as far as
        // the region is known to reach.
        let back = i128::from(end.offset);
        let end_is_sane = end.variable_id == 0
            && (back == 0 || back < 0 && -back <= i128::from(self.state.facts.size));
        // A range belongs to the variable alone, and other variables at a distance from it take it
        // over. That adds up as long as none of them wraps.
        let variable_is_near = pointer.variable.smin() >= -FAR && pointer.variable.smax() <= FAR;
        let is_near = first >= (-FAR).into() && last <= FAR.into();
        if !is_near || !variable_is_near || !end_is_sane {
            return Ok(self.undecided(jump, &|_| (), &|_| ()));
        }
        let places = if back == 0 {
            jump.places
        } else {
            jump.places | self.state.range_places(0)
        };
        // If pointer <= end, `range` bytes are behind the variable. If pointer < end, one more is.
        let range = pointer.offset.saturating_sub(end.offset);
        // Earlier comparisons may have shown that this many bytes are there, or that they are not.
        let (known, known_places) = self.state.known_behind(pointer);
        let (limit, limit_places) = self.state.limit_behind(pointer);
        let wide = i128::from(range);
        let is_there = wide <= known;
        let is_more_there = wide < known;
        let is_not_there = limit.is_some_and(|limit| limit <= wide);
        let is_no_more_there = limit.is_some_and(|limit| limit <= wide + 1);
        let decided = match cond {
            JumpCond::Lt | JumpCond::Slt => (is_more_there, is_no_more_there),
            JumpCond::Le | JumpCond::Sle => (is_there, is_not_there),
            JumpCond::Gt | JumpCond::Sgt => (is_not_there, is_there),
            JumpCond::Ge | JumpCond::Sge => (is_no_more_there, is_more_there),
            JumpCond::Eq => (is_there && is_no_more_there, is_more_there || is_not_there),
            JumpCond::Ne => (is_more_there || is_not_there, is_there && is_no_more_there),
            JumpCond::Set => (false, false),
        };
        if decided.0 != decided.1 {
            let mut places = places;
            if is_there {
                places |= known_places;
            }
            if is_no_more_there {
                places |= limit_places;
            }
            self.path.need(Need::Exact, places);
            return self.decided(jump, decided.0);
        }
        let most = pointer.variable.smax();
        let least = pointer.variable.smin();
        let learn = |state: &mut State, range: i64, places: Places| {
            state.learn_range(pointer.variable_id, range, places);
            // Bytes behind the variable are behind its smallest value too.
            state.learn_range(0, least.saturating_add(range), places);
        };
        let lack = |state: &mut State, range: i64| {
            state.learn_limit(pointer.variable_id, range, places);
            // The region has less than that behind the largest value of the variable.
            state.learn_limit(0, most.saturating_add(range), places);
        };
        let one_more = range.saturating_add(1);
        let at_most = |state: &mut State| learn(state, range, places);
        let less = |state: &mut State| learn(state, one_more, places);
        let more = |state: &mut State| lack(state, range);
        let at_least = |state: &mut State| lack(state, one_more);
        let equal = |state: &mut State| {
            at_most(state);
            at_least(state);
        };
        // A pointer that is at most the end and not the end is below the end. That rests on the
        // comparison before, which has shown that it is at most the end.
        let other = |state: &mut State| {
            if is_there {
                learn(state, one_more, places | known_places);
            }
        };
        let nothing = |_: &mut State| ();
        Ok(match cond {
            JumpCond::Lt | JumpCond::Slt => self.undecided(jump, &less, &at_least),
            JumpCond::Le | JumpCond::Sle => self.undecided(jump, &at_most, &more),
            JumpCond::Gt | JumpCond::Sgt => self.undecided(jump, &more, &at_most),
            JumpCond::Ge | JumpCond::Sge => self.undecided(jump, &at_least, &less),
            JumpCond::Eq => self.undecided(jump, &equal, &other),
            JumpCond::Ne => self.undecided(jump, &other, &equal),
            JumpCond::Set => self.undecided(jump, &nothing, &nothing),
        })
    }

    fn no_comparison(&self, lhs: Reg, rhs: Operand, why: &str) -> Box<Fault> {
        let (name, value) = self.shown(lhs);
        let mut fault = Fault::new(
            Code::PointerComparison,
            match rhs {
                Operand::Reg(rhs) => format!("{lhs} and {rhs} cannot be compared like this: {why}"),
                Operand::Imm(imm) => {
                    format!(
                        "{lhs} cannot be compared with {} like this: {why}",
                        imm as i64
                    )
                }
            },
        )
        .register(name, value);
        if let Operand::Reg(rhs) = rhs {
            let (name, value) = self.shown(rhs);
            fault = fault.register(name, value);
        }
        fault.hint("compare region pointers with data_end, other pointers with null")
    }
}

/// A conditional jump, with the sources of its operands.
#[derive(Clone, Copy)]
struct Jump {
    cond: JumpCond,
    width: Width,
    lhs: Reg,
    rhs: Operand,
    target: usize,
    places: Places,
}

/// Whether a condition holds of a number and itself.
fn reflexive(cond: JumpCond) -> Option<bool> {
    match cond {
        JumpCond::Eq | JumpCond::Ge | JumpCond::Le | JumpCond::Sge | JumpCond::Sle => Some(true),
        JumpCond::Ne | JumpCond::Gt | JumpCond::Lt | JumpCond::Sgt | JumpCond::Slt => Some(false),
        JumpCond::Set => None,
    }
}

/// Notes that the number in `reg`, which was `old`, is known to be `new`.
fn learn_number(state: &mut State, reg: Reg, old: &Num, new: &Number, places: Places) {
    if old.number == *new {
        return;
    }
    if old.link.exists() {
        let base = new.add_constant(old.link.distance.wrapping_neg());
        state.learn(old.link.id, &base, places);
    }
    match old.part {
        Part::Low(whole) => state.learn_low_half(whole, new, places),
        Part::Wrapped(of, bits) => state.learn_low_bits(of, bits, new, places),
        _ => {}
    }
    let mut value = state.register(reg).clone();
    value.kind = Kind::Number(Num {
        number: new.clone(),
        ..old.clone()
    });
    value.source = Source::new(state.segment, places | state.places(reg));
    state.set_register(reg, value);
}

/// Learns from the order of two numbers, which a condition says, what is behind the smaller one.
fn learn_order(state: &mut State, jump: &Jump, rhs: Reg, cond: Option<JumpCond>) {
    let (Some(x), Some(y)) = (state.number(jump.lhs), state.number(rhs)) else {
        return;
    };
    let (x, y) = (x.clone(), y.clone());
    let orders: &[(&Num, &Num, i64)] = match cond {
        Some(JumpCond::Lt | JumpCond::Slt) => &[(&x, &y, 1)],
        Some(JumpCond::Le | JumpCond::Sle) => &[(&x, &y, 0)],
        Some(JumpCond::Gt | JumpCond::Sgt) => &[(&y, &x, 1)],
        Some(JumpCond::Ge | JumpCond::Sge) => &[(&y, &x, 0)],
        Some(JumpCond::Eq) => &[(&x, &y, 0), (&y, &x, 0)],
        Some(JumpCond::Ne | JumpCond::Set) | None => return,
    };
    let is_signed = matches!(
        cond,
        Some(JumpCond::Slt | JumpCond::Sle | JumpCond::Sgt | JumpCond::Sge)
    );
    let fits = |num: &Num, most: u64| num.number.smin() >= 0 && num.number.umax() <= most;
    for &(less, more, apart) in orders {
        // The halves are compared: the smaller number must be its half. The half of the other one
        // is no larger than the number, if that is not negative. An unsigned comparison says the
        // same as a signed one if the larger number is not negative.
        let holds = match (jump.width, is_signed) {
            (Width::W64, true) => true,
            (Width::W64, false) => more.number.smin() >= 0,
            (Width::W32, true) => fits(less, i32::MAX as u64) && more.number.smin() >= 0,
            (Width::W32, false) => fits(less, u32::MAX.into()) && more.number.smin() >= 0,
        };
        if holds {
            state.learn_order(less, more, apart, jump.places);
        }
    }
}

/// Decides for all pointers to an object that could be null whether they are.
fn settle(state: &mut State, object: u32, null: bool, places: Places) {
    let segment = state.segment;
    state.update(
        |kind| matches!(kind, Kind::Pointer(p) if p.object == object && p.or_null),
        |value, own| {
            if let Kind::Pointer(pointer) = &mut value.kind {
                if null {
                    let number = pointer.variable.add_constant(pointer.offset);
                    value.kind = Kind::number(number);
                } else {
                    pointer.or_null = false;
                }
            }
            let places = places | value.source.places(segment, own);
            value.source = Source::new(segment, places);
        },
    );
}
