//! Arithmetic, on numbers and on pointers.

use std::rc::Rc;

use super::{Checked, Step};
use crate::fault::Fault;
use crate::insn::{Operand, Reg, Swap};
use crate::number::Number;
use crate::path::Need;
use crate::report::Code;
use crate::scalar::{AluOp, Scalar, Width};
use crate::state::Remainder;
use crate::value::{Kind, Link, Num, Places, Pointer, Source, Space, Value};

impl Step<'_> {
    pub(super) fn alu(&mut self, op: AluOp, width: Width, dst: Reg, rhs: Operand) -> Checked<()> {
        match (op, rhs) {
            (AluOp::Mov, Operand::Imm(value)) => {
                let value = AluOp::Mov.evaluate(width, 0, value);
                self.set_new(dst, Kind::constant(value));
                Ok(())
            }
            (AluOp::Mov, Operand::Reg(src)) => self.copy(width, dst, src),
            _ => self.combine(op, width, dst, rhs),
        }
    }

    /// A move between registers.
    fn copy(&mut self, width: Width, dst: Reg, src: Reg) -> Checked<()> {
        self.read(src)?;
        self.link(src);
        let value = self.read(src)?.clone();
        let places = self.state.places(src);
        match (&value.kind, width) {
            (Kind::Number(num), Width::W32) if num.number.umax() > u64::from(u32::MAX) => {
                self.path.need(Need::Shape, places);
                let number = num.number.truncate(4);
                let link = self.low_half_of_remainder(num);
                self.set(dst, Kind::Number(Num { number, link }), places);
            }
            (Kind::Pointer(pointer), Width::W32) => {
                return Err(self.narrow_arithmetic(src, pointer));
            }
            _ => {
                let source = Source::new(self.state.segment, places);
                self.state.set_register(dst, Value { source, ..value });
            }
        }
        Ok(())
    }

    /// Gives a number in a register a name, so that copies share what is learnt of it.
    pub(super) fn link(&mut self, reg: Reg) {
        let Some(num) = self.state.number(reg) else {
            return;
        };
        if num.link.exists() || num.number.as_constant().is_some() {
            return;
        }
        let link = Link::to(self.ids.fresh());
        let mut value = self.state.register(reg).clone();
        if let Kind::Number(num) = &mut value.kind {
            num.link = link;
        }
        self.state.set_register(reg, value);
    }

    /// The low half of a number that is at most what is left of the region is so too, if the number
    /// is not negative.
    fn low_half_of_remainder(&mut self, num: &Num) -> Link {
        let known = self.state.facts.remainders.iter();
        let whole = known
            .filter(|r| num.link.distance == 0 && r.number == num.link.id && num.number.smin() >= 0)
            .copied()
            .next();
        let Some(whole) = whole else {
            return Link::NONE;
        };
        let number = self.ids.fresh();
        Rc::make_mut(&mut self.state.facts)
            .remainders
            .push(Remainder { number, ..whole });
        Link::to(number)
    }

    pub(super) fn move_signed(
        &mut self,
        width: Width,
        dst: Reg,
        src: Reg,
        bits: u32,
    ) -> Checked<()> {
        self.link(src);
        let num = self.read_number(src, |step, pointer| step.no_arithmetic(src, pointer))?;
        let places = self.state.places(src);
        let number = Number::from(num.number.scalar().movsx(bits, width));
        let link = if number == num.number {
            num.link
        } else {
            Link::NONE
        };
        self.set(dst, Kind::Number(Num { number, link }), places);
        Ok(())
    }

    pub(super) fn swap(&mut self, swap: Swap, dst: Reg, bits: u32) -> Checked<()> {
        let num = self.read_number(dst, |step, pointer| step.no_arithmetic(dst, pointer))?;
        let places = self.state.places(dst);
        let scalar = num.number.scalar();
        let result = match swap {
            Swap::ToLittle => scalar.to_le(bits),
            Swap::Reverse => scalar.byte_swap(bits),
        };
        self.set(dst, Kind::number(result.into()), places);
        Ok(())
    }

    fn combine(&mut self, op: AluOp, width: Width, dst: Reg, rhs: Operand) -> Checked<()> {
        let left = self.read(dst)?.kind.clone();
        let right = match rhs {
            Operand::Imm(value) => Kind::constant(value),
            Operand::Reg(src) => self.read(src)?.kind.clone(),
        };
        let places = self.state.places(dst) | self.operand_places(rhs);
        // Whatever comes of it, another kind of operand would be another operation.
        self.path.need(Need::Shape, places);
        let result = match (&left, &right) {
            (Kind::Number(a), Kind::Number(b)) => {
                let same = rhs.reg() == Some(dst);
                Kind::Number(numbers(op, width, a, b, same))
            }
            (Kind::Pointer(pointer), _) if width == Width::W32 => {
                return Err(self.narrow_arithmetic(dst, pointer));
            }
            (_, Kind::Pointer(pointer)) if width == Width::W32 => {
                return Err(self.narrow_arithmetic(rhs.reg().unwrap_or(dst), pointer));
            }
            (Kind::Pointer(pointer), Kind::Number(num)) if op == AluOp::Add => {
                self.moved(dst, pointer, num, rhs.reg())?
            }
            (Kind::Number(num), Kind::Pointer(pointer)) if op == AluOp::Add => {
                self.moved(rhs.reg().unwrap_or(dst), pointer, num, Some(dst))?
            }
            (Kind::Pointer(pointer), Kind::Number(num)) if op == AluOp::Sub => {
                let number = Number::alu(AluOp::Sub, Width::W64, &Number::ZERO, &num.number);
                let negated = Num {
                    number,
                    link: Link::NONE,
                };
                self.moved(dst, pointer, &negated, None)?
            }
            (Kind::Pointer(a), Kind::Pointer(b)) if op == AluOp::Sub => {
                return self.difference(dst, a, b, places);
            }
            (Kind::Pointer(pointer), _) => return Err(self.no_arithmetic(dst, pointer)),
            (_, Kind::Pointer(pointer)) => {
                return Err(self.no_arithmetic(rhs.reg().unwrap_or(dst), pointer));
            }
            _ => return Err(self.nothing_to_read(dst)),
        };
        self.set(dst, result, places);
        Ok(())
    }

    /// A pointer moved by a number, which stands in `by` if it stands in a register.
    fn moved(&mut self, reg: Reg, pointer: &Pointer, num: &Num, by: Option<Reg>) -> Checked<Kind> {
        let movable = match pointer.space {
            Space::Stack { .. }
            | Space::Region
            | Space::MapValue { .. }
            | Space::OutputBuffer { .. } => true,
            Space::Context | Space::RegionEnd => num.number.as_constant().is_some(),
            Space::Map { .. } | Space::Released { .. } => false,
        };
        if !movable {
            return Err(self.no_arithmetic(reg, pointer));
        }
        let mut num = num.clone();
        if num.number.as_constant().is_none()
            && !num.link.exists()
            && let Some(by) = by
        {
            self.link(by);
            if let Some(linked) = self.state.number(by) {
                num = linked.clone();
            }
        }
        Ok(Kind::Pointer(pointer.moved(&num, || self.ids.fresh())))
    }

    /// The distance between two pointers into one object.
    fn difference(&mut self, dst: Reg, a: &Pointer, b: &Pointer, places: Places) -> Checked<()> {
        if a.or_null || b.or_null {
            return Err(Fault::new(
                Code::PointerArithmetic,
                "the distance to a pointer that may be null is not defined",
            )
            .hint("check the pointer for null first"));
        }
        let distance = |a: &Pointer, b: &Pointer| {
            let variable = Number::alu(AluOp::Sub, Width::W64, &a.variable, &b.variable);
            // One variable minus itself.
            let variable = if a.variable_id == b.variable_id {
                Number::ZERO
            } else {
                variable
            };
            variable.add_constant(a.offset.wrapping_sub(b.offset))
        };
        match (a.space, b.space) {
            (Space::RegionEnd, Space::Region) => {
                let places =
                    places | self.state.range_places(0) | self.state.range_places(b.variable_id);
                let num = self.remainder(a, b);
                self.set(dst, Kind::Number(num), places);
            }
            (Space::Region, Space::RegionEnd) => {
                self.set(dst, Kind::number(Number::unknown()), places);
            }
            (left, right)
                if left == right
                    && a.object == b.object
                    && !matches!(left, Space::Map { .. } | Space::Released { .. }) =>
            {
                self.set(dst, Kind::number(distance(a, b)), places);
            }
            (left, right) => {
                return Err(Fault::new(
                    Code::PointerArithmetic,
                    format!(
                        "the distance between pointers into {} and {} is not defined",
                        self.target(left),
                        self.target(right)
                    ),
                ));
            }
        }
        Ok(())
    }

    /// `data_end - (data + variable + offset)`.
    fn remainder(&mut self, end: &Pointer, from: &Pointer) -> Num {
        let region = &self.subject.context.region;
        let facts = &self.state.facts;
        let moved = i128::from(end.offset) - i128::from(from.offset);
        if !region.sized_by_end && from.variable_id == 0 {
            let size = i128::from(region.known_size);
            return Num {
                number: Number::Constant((size + moved) as u64),
                link: Link::NONE,
            };
        }
        // No object is larger than this.
        let largest = i128::from(i64::MAX) + moved - i128::from(from.variable.smin());
        let behind_variable = facts.range(from.variable_id).map(i128::from);
        let behind_start = i128::from(facts.size) - i128::from(from.variable.smax());
        let smallest = behind_variable.unwrap_or(behind_start).max(behind_start) + moved;
        let number = match (i64::try_from(smallest), i64::try_from(largest)) {
            (Ok(min), Ok(max)) => Scalar::signed_range(min, max),
            (Ok(min), Err(_)) if largest > 0 => Scalar::signed_range(min, i64::MAX),
            _ => None,
        };
        let number = Number::from(number.unwrap_or(Scalar::unknown()));
        let id = self.ids.fresh();
        Rc::make_mut(&mut self.state.facts)
            .remainders
            .push(Remainder {
                number: id,
                variable: from.variable_id,
                offset: from.offset.saturating_sub(end.offset),
            });
        Num {
            number,
            link: Link::to(id),
        }
    }

    fn nothing_to_read(&self, reg: Reg) -> Box<Fault> {
        Fault::new(
            Code::UninitialisedRegister,
            format!("{reg} holds nothing that can be read"),
        )
    }

    pub(super) fn no_arithmetic(&self, reg: Reg, pointer: &Pointer) -> Box<Fault> {
        let (name, value) = self.shown(reg);
        let fault = Fault::new(
            Code::PointerArithmetic,
            format!(
                "this arithmetic is not defined on {reg}, a pointer to {}",
                self.target(pointer.space)
            ),
        )
        .register(name, value)
        .origin(
            self.state.register(reg).origin,
            format!("{reg} was made here"),
        );
        match pointer.space {
            Space::Context => fault.hint("read context fields at fixed offsets"),
            Space::Map { .. } => fault.hint("a map is only ever an argument of helpers"),
            _ => fault.hint(
                "numbers can be added to and subtracted from pointers, in 64 bits; nothing else",
            ),
        }
    }

    fn narrow_arithmetic(&self, reg: Reg, pointer: &Pointer) -> Box<Fault> {
        let (name, value) = self.shown(reg);
        Fault::new(
            Code::PointerArithmetic,
            format!(
                "32-bit arithmetic would cut {reg}, a pointer to {}, in half",
                self.target(pointer.space)
            ),
        )
        .register(name, value)
        .origin(
            self.state.register(reg).origin,
            format!("{reg} was made here"),
        )
        .hint("keep pointers in 64-bit variables")
    }
}

/// The result of an operator on numbers, and which number it still is.
fn numbers(op: AluOp, width: Width, a: &Num, b: &Num, same_register: bool) -> Num {
    if same_register && matches!(op, AluOp::Sub | AluOp::Xor) {
        return Num {
            number: Number::ZERO,
            link: Link::NONE,
        };
    }
    let number = Number::alu(op, width, &a.number, &b.number);
    let link = if number.as_constant().is_some() {
        Link::NONE
    } else {
        moved_link(op, width, a, b)
    };
    Num { number, link }
}

/// The link of a sum or difference with a constant, where it does not wrap in its width.
fn moved_link(op: AluOp, width: Width, a: &Num, b: &Num) -> Link {
    let by = match (op, a.number.as_constant(), b.number.as_constant()) {
        (AluOp::Add | AluOp::Sub, None, Some(by)) => by,
        // `dst = constant + src`: the register written is not the one that is named.
        (AluOp::Add, Some(by), None) => {
            return moved_link(
                op,
                width,
                b,
                &Num {
                    number: Number::Constant(by),
                    link: Link::NONE,
                },
            );
        }
        _ => return Link::NONE,
    };
    if !(if a.link.exists() { a.link } else { b.link }).exists() || !a.link.exists() {
        return Link::NONE;
    }
    let by = match width {
        Width::W64 => by as i64,
        Width::W32 => i64::from(by as u32 as i32),
    };
    let by = if op == AluOp::Sub {
        by.wrapping_neg()
    } else {
        by
    };
    if width == Width::W32 {
        let fits =
            |value: u64| (0..=i128::from(u32::MAX)).contains(&(i128::from(value) + i128::from(by)));
        let max = u64::from(u32::MAX);
        if a.number.umax() > max || !fits(a.number.umin()) || !fits(a.number.umax()) {
            return Link::NONE;
        }
    }
    Link {
        id: a.link.id,
        distance: a.link.distance.wrapping_add(by),
    }
}
