//! Arithmetic, on numbers and on pointers.

use super::{Checked, Step};
use crate::addresses::{FAR, LARGEST_REGION};
use crate::facts::{Remainder, WIDE};
use crate::fault::Fault;
use crate::insn::{Operand, Reg, Swap};
use crate::number::Number;
use crate::path::Need;
use crate::report::Code;
use crate::scalar::{AluOp, Scalar, Width};
use crate::value::{Kind, Link, Num, Part, Places, Pointer, Source, Space, Value};

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
        // A 64-bit move copies a pointer like a number. A 32-bit move would cut it in half.
        let need = match width {
            Width::W32 => Need::Shape,
            Width::W64 => Need::Written,
        };
        self.read(src, need)?;
        self.link(src);
        let value = self.state.register(src).clone();
        let places = self.state.places(src);
        match (&value.kind, width) {
            (Kind::Number(num), Width::W32) if num.number.umax() > u64::from(u32::MAX) => {
                let number = num.number.truncate(4);
                self.keep_remainder(num, places);
                let low = self.low_half(num.link, number);
                self.set(dst, Kind::Number(low), places);
            }
            (Kind::Pointer(pointer), Width::W32) => {
                let half = pointer.space.half().filter(|_| !pointer.or_null);
                let Some(space) = half else {
                    return Err(self.narrow_arithmetic(src, pointer));
                };
                let half = Pointer {
                    space,
                    ..pointer.clone()
                };
                self.set(dst, Kind::Pointer(half), places);
            }
            _ => {
                let source = Source::new(self.state.segment, places);
                self.state.set_register(dst, Value { source, ..value });
            }
        }
        Ok(())
    }

    /// Gives a number in a register a name, so that its copies share all that is learnt of it.
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

    /// The low half of a number that has copies. It is a number of its own, and remembers the
    /// whole number.
    fn low_half(&mut self, whole: Link, number: Number) -> Num {
        let link = self.ids.low_half(whole);
        if !link.exists() {
            return Num::new(number);
        }
        Num {
            number,
            link,
            part: Part::Low(whole),
        }
    }

    /// Carries the facts of a number that is not negative over to its low half, sign-extended or
    /// not: no half is larger. `places` are the sources of the number.
    fn keep_remainder(&mut self, num: &Num, places: Places) {
        if num.number.smin() < 0 || !self.state.facts.mention(num.link.id) {
            return;
        }
        self.state.walked += self.state.facts.count() as u64;
        let low = Num::linked(num.number.truncate(4), self.ids.low_half(num.link));
        self.state.learn_part(&low, num, 1, places);
        // The other half may be negative. It is at most the number, whatever it is.
        let signed = Num::linked(num.number.sign_extend(4), self.ids.signed_half(num.link));
        self.state.learn_order(&signed, num, 0, places);
    }

    /// Gives the result of an operator a name, if something is known of an operand and the region,
    /// and notes what follows for the result. `places` are the sources of both. Returns further
    /// sources.
    fn relate(
        &mut self,
        op: AluOp,
        width: Width,
        operands: [&Num; 2],
        num: Num,
        places: Places,
    ) -> (Num, Places) {
        let [a, b] = operands;
        let facts = &self.state.facts;
        let of_shifted = match a.part {
            Part::ShiftedWhole(link) => facts.mention(link.id),
            _ => false,
        };
        let is_about = [a, b].iter().any(|num| facts.mention(num.link.id)) || of_shifted;
        if !is_about || num.link.exists() || num.number.as_constant().is_some() {
            return (num, Places::NONE);
        }
        self.looked += 2 * facts.count() as u64;
        let by = b.number.as_constant();
        let is_whole = |num: &Num| num.number.smin() >= 0;
        let shift = |by: u64| i64::try_from(1_u64.checked_shl(by.try_into().ok()?)?).ok();
        let mut num = num;
        num.link = Link::to(self.ids.fresh());
        match (op, by) {
            // Neither operand is smaller than the result. In 32 bits, that holds of their halves.
            (AluOp::And, _) => {
                for operand in operands.into_iter().filter(|operand| is_whole(operand)) {
                    self.state.learn_part(&num, operand, 1, places);
                }
            }
            (AluOp::Mod, Some(_)) if is_whole(a) => self.state.learn_part(&num, a, 1, places),
            (AluOp::Rsh, Some(by)) => {
                if let Part::ShiftedWhole(link) = a.part
                    && (1..32).contains(&by)
                    && width == Width::W64
                {
                    // Up by 32, and down by less: a product.
                    let up = Number::Constant(32 - by);
                    let before = Number::alu(AluOp::Rsh, Width::W64, &num.number, &up);
                    let before = Num::linked(before, link);
                    self.product(&num, &before, width, shift(32 - by), places);
                } else if is_whole(a)
                    && let Some(divisor) = shift(by % u64::from(width.bits()))
                {
                    self.state.learn_part(&num, a, divisor, places);
                }
            }
            (AluOp::Div, Some(by)) if is_whole(a) => {
                let divisor = match width {
                    Width::W64 => by,
                    Width::W32 => by & u64::from(u32::MAX),
                };
                if let Ok(divisor @ 1..) = i64::try_from(divisor) {
                    self.state.learn_part(&num, a, divisor, places);
                }
            }
            (AluOp::Lsh, Some(by)) => {
                self.product(&num, a, width, shift(by % u64::from(width.bits())), places);
            }
            (AluOp::Mul, Some(by)) => {
                self.product(&num, a, width, i64::try_from(by).ok(), places);
            }
            (AluOp::Sub, None) if width == Width::W64 => {
                let least = self.state.learn_rest(&num, a, b, places);
                let least = least.and_then(|least| Scalar::signed_range(least, i64::MAX));
                if let Some(least) = least {
                    num.number = num.number.narrowed(&least.into());
                    return (num, self.state.range_places(b.link.id));
                }
            }
            _ => num.link = Link::NONE,
        }
        (num, Places::NONE)
    }

    /// Notes what follows for a product of a number and a constant, unless it may wrap.
    fn product(
        &mut self,
        product: &Num,
        of: &Num,
        width: Width,
        times: Option<i64>,
        places: Places,
    ) {
        let most = match width {
            Width::W64 => WIDE,
            Width::W32 => u32::MAX.into(),
        };
        let Some(times) = times else {
            return;
        };
        let fits =
            of.number.smin() >= 0 && i128::from(of.number.smax()) * i128::from(times) <= most;
        if fits {
            self.state.learn_product(product, of, times, places);
        }
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
        // A 32-bit result may cover more numbers than the extension yields. Its set may then equal
        // the operand's, though the numbers differ, so that equal sets prove nothing.
        let is_itself = match width {
            Width::W64 => number == num.number,
            Width::W32 => num.number.scalar().umax() >> (bits - 1) == 0,
        };
        let num = if is_itself {
            num
        } else if bits == 32 && width == Width::W64 {
            self.keep_remainder(&num, places);
            Num::linked(number, self.ids.signed_half(num.link))
        } else {
            Num::new(number)
        };
        self.set(dst, Kind::Number(num), places);
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
        // An operand of another kind would make this another operation, even if nobody uses the
        // result.
        let left = self.read(dst, Need::Shape)?.kind.clone();
        if let (Kind::Number(num), AluOp::Sub, Operand::Reg(src)) = (&left, op, rhs)
            && self.state.facts.mention(num.link.id)
        {
            // The rest is related to the number that is subtracted.
            self.link(src);
        }
        let right = match rhs {
            Operand::Imm(value) => Kind::constant(value),
            Operand::Reg(src) => self.read(src, Need::Shape)?.kind.clone(),
        };
        let places = self.state.places(dst) | self.operand_places(rhs);
        let result = match (&left, &right) {
            (Kind::Number(_), Kind::Number(_))
                if rhs.reg() == Some(dst) && matches!(op, AluOp::Sub | AluOp::Xor) =>
            {
                Kind::constant(0)
            }
            (Kind::Number(a), Kind::Number(b)) => {
                if op == AluOp::Lsh {
                    self.keep_remainder(a, places);
                }
                let (num, further) = self.result(op, width, a, b);
                let places = places | further;
                let (num, further) = self.relate(op, width, [a, b], num, places);
                let places = places | further;
                self.set(dst, Kind::Number(num), places);
                return Ok(());
            }
            (Kind::Pointer(a), Kind::Pointer(b)) if op == AluOp::Sub => {
                return self.difference(width, dst, a, b, places);
            }
            (Kind::Pointer(pointer), _) if width == Width::W32 => {
                return Err(self.narrow_arithmetic(dst, pointer));
            }
            (_, Kind::Pointer(pointer)) if width == Width::W32 => {
                return Err(self.narrow_arithmetic(rhs.reg().unwrap_or(dst), pointer));
            }
            (Kind::Pointer(pointer), Kind::Number(num)) if op == AluOp::Add => {
                self.moved(dst, pointer, num, rhs.reg(), places)?
            }
            (Kind::Number(num), Kind::Pointer(pointer)) if op == AluOp::Add => {
                self.moved(rhs.reg().unwrap_or(dst), pointer, num, Some(dst), places)?
            }
            (Kind::Pointer(pointer), Kind::Number(num)) if op == AluOp::Or => {
                self.pointer_or(dst, pointer, num, rhs.reg(), places)?
            }
            (Kind::Number(num), Kind::Pointer(pointer)) if op == AluOp::Or => {
                let reg = rhs.reg().unwrap_or(dst);
                self.pointer_or(reg, pointer, num, Some(dst), places)?
            }
            (Kind::Pointer(pointer), Kind::Number(num)) if op == AluOp::Sub => {
                let number = Number::alu(AluOp::Sub, Width::W64, &Number::ZERO, &num.number);
                self.moved(dst, pointer, &Num::new(number), None, places)?
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

    /// A pointer moved by a number. `by` is the register of the number, if it is in one. `places`
    /// are the sources of both.
    fn moved(
        &mut self,
        reg: Reg,
        pointer: &Pointer,
        num: &Num,
        by: Option<Reg>,
        places: Places,
    ) -> Checked<Kind> {
        let movable = match pointer.space {
            Space::Stack { .. }
            | Space::Region
            | Space::MapValue { .. }
            | Space::OutputBuffer { .. } => true,
            Space::Context | Space::RegionEnd => {
                // The check refuses a number that is not constant, even if nobody uses the result.
                self.path.need(Need::Exact, places);
                num.number.as_constant().is_some()
            }
            Space::Map { .. }
            | Space::Released { .. }
            | Space::RegionHalf
            | Space::RegionEndHalf => false,
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
        let moved = pointer.moved(&num, || self.ids.fresh());
        if pointer.space == Space::Region
            && moved.variable_id != pointer.variable_id
            && pointer.variable_id != 0
        {
            self.state.walked += self.state.facts.count() as u64;
            self.state
                .note_sum(moved.variable_id, pointer, &num, places);
        }
        Ok(Kind::Pointer(moved))
    }

    /// A pointer with bits of a number set. Compilers write this for a sum if they know that those
    /// bits of the address are zero.
    fn pointer_or(
        &mut self,
        reg: Reg,
        pointer: &Pointer,
        num: &Num,
        by: Option<Reg>,
        places: Places,
    ) -> Checked<Kind> {
        let Some(align) = self.subject.alignment(pointer.space) else {
            return Err(self.no_arithmetic(reg, pointer));
        };
        let offset = pointer.variable.add_constant(pointer.offset);
        let set = num.number.possible_bits();
        if set >= align || set & offset.possible_bits() != 0 {
            return Err(self.no_arithmetic(reg, pointer).obligation(format!(
                "sets bits {set:#x} of {}; {} starts at a multiple of {align}",
                self.pointer(pointer),
                self.target(pointer.space)
            )));
        }
        // Another number might set a bit that is set already.
        self.path.need(Need::Exact, places);
        self.moved(reg, pointer, num, by, places)
    }

    /// The distance between two pointers into one object.
    fn difference(
        &mut self,
        width: Width,
        dst: Reg,
        a: &Pointer,
        b: &Pointer,
        places: Places,
    ) -> Checked<()> {
        if a.or_null || b.or_null {
            return Err(Fault::new(
                Code::PointerArithmetic,
                "the distance to a pointer that may be null is not defined",
            )
            .hint("check the pointer for null first"));
        }
        let distance = |a: &Pointer, b: &Pointer| {
            let variable = Number::alu(AluOp::Sub, Width::W64, &a.variable, &b.variable);
            // A variable minus itself is 0.
            let variable = if a.variable_id == b.variable_id {
                Number::ZERO
            } else {
                variable
            };
            variable.add_constant(a.offset.wrapping_sub(b.offset))
        };
        // The low half of a distance is the distance of the low halves. In 64 bits, the distance
        // of two halves would tell which of them is larger.
        if width == Width::W64 && (a.space.is_half() || b.space.is_half()) {
            let half = if a.space.is_half() { a } else { b };
            return Err(self.narrow_arithmetic(dst, half));
        }
        let mut places = places;
        let num = match (a.space.whole(), b.space.whole()) {
            (Space::RegionEnd, Space::Region) => {
                places |= self.state.range_places(0) | self.state.range_places(b.variable_id);
                self.remainder(a, b, places)
            }
            (Space::Region, Space::RegionEnd) => Num::new(Number::unknown()),
            (left, right)
                if left == right
                    && a.object == b.object
                    && !matches!(left, Space::Map { .. } | Space::Released { .. }) =>
            {
                Num::new(distance(a, b))
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
        };
        let num = if width == Width::W32 {
            self.keep_remainder(&num, places);
            self.low_half(num.link, num.number.truncate(4))
        } else {
            num
        };
        self.set(dst, Kind::Number(num), places);
        Ok(())
    }

    /// `data_end - (data + variable + offset)`. `places` are the sources of both.
    fn remainder(&mut self, end: &Pointer, from: &Pointer, places: Places) -> Num {
        let region = &self.subject.context.region;
        let facts = &self.state.facts;
        let moved = i128::from(end.offset) - i128::from(from.offset);
        if !region.sized_by_end && from.variable_id == 0 {
            let size = i128::from(region.known_size);
            return Num::new(Number::Constant((size + moved) as u64));
        }
        // Far from the region, the distance may wrap. It then says nothing of the rest of the
        // region.
        let (first, last) = from.offsets();
        let near = i128::from(-FAR)..=i128::from(FAR);
        if ![first, last, end.offset.into(), from.offset.into()]
            .iter()
            .all(|offset| near.contains(offset))
        {
            return Num::new(Number::unknown());
        }
        let largest = i128::from(LARGEST_REGION) + moved - i128::from(from.variable.smin());
        let behind_variable = facts.range(from.variable_id).map(i128::from);
        let behind_start = i128::from(facts.size) - i128::from(from.variable.smax());
        let smallest = behind_variable.unwrap_or(behind_start).max(behind_start) + moved;
        let number = match (i64::try_from(smallest), i64::try_from(largest)) {
            (Ok(min), Ok(max)) => Scalar::signed_range(min, max),
            _ => None,
        };
        let number = Number::from(number.unwrap_or(Scalar::unknown()));
        let id = self.ids.fresh();
        let offset = from.offset.saturating_sub(end.offset);
        let remainder = Remainder {
            variable: from.variable_id,
            times: 1,
            number: id,
            offset,
        };
        self.state.learn_remainder(remainder, places);
        if from.variable_id == 0 {
            self.state.note_size(id, offset, places);
        }
        Num::linked(number, Link::to(id))
    }

    /// The result of an operator on numbers, with its relation to other numbers, and further
    /// sources.
    fn result(&mut self, op: AluOp, width: Width, a: &Num, b: &Num) -> (Num, Places) {
        let number = Number::alu(op, width, &a.number, &b.number);
        if number.as_constant().is_some() {
            return (Num::new(number), Places::NONE);
        }
        let by = b.number.as_constant().map(|by| match width {
            Width::W64 => by as i64,
            Width::W32 => i64::from(by as u32 as i32),
        });
        let part = |part: Part| Num {
            number: number.clone(),
            link: Link::NONE,
            part: if part.link().exists() {
                part
            } else {
                Part::None
            },
        };
        let num = match (op, by, a.part, b.part) {
            (AluOp::Lsh, Some(32), _, _) if width == Width::W64 => {
                let is_narrow = a.number.umax() <= u64::from(u32::MAX);
                part(if is_narrow {
                    Part::ShiftedWhole(a.link)
                } else {
                    Part::Shifted(a.link)
                })
            }
            (
                AluOp::Rsh | AluOp::Arsh,
                Some(32),
                Part::Shifted(whole) | Part::ShiftedWhole(whole),
                _,
            ) if width == Width::W64 => {
                let is_narrow = matches!(a.part, Part::ShiftedWhole(_));
                return self.shifted_back(op, whole, is_narrow, number);
            }
            (AluOp::Div, Some(by @ 1..), _, _) => {
                part(Part::Quotient(self.operand_link(width, a), by))
            }
            (AluOp::Mul, Some(by), Part::Quotient(whole, divisor), _)
                if by == divisor || by == -divisor =>
            {
                part(Part::Multiple(whole, by, width))
            }
            // The remainder of a division: the number minus whole multiples of the divisor.
            (AluOp::Sub, None, _, Part::Multiple(whole, by @ 1.., of)) if of == width => {
                self.rest(width, a, whole, by, number)
            }
            (AluOp::Add, None, _, Part::Multiple(whole, by @ ..0, of)) if of == width => {
                self.rest(width, a, whole, -by, number)
            }
            (AluOp::Add, None, Part::Multiple(whole, by @ ..0, of), _) if of == width => {
                self.rest(width, b, whole, -by, number)
            }
            _ => {
                let link = moved_link(op, width, a, b);
                let num = Num::linked(number.clone(), link);
                match wrapped(op, width, a, by) {
                    Some(wrapped) if !link.exists() => part(wrapped),
                    _ => num,
                }
            }
        };
        (num, Places::NONE)
    }

    /// A number shifted left by 32 and back. `number` is the result. It is the whole number again
    /// if that was small enough, and its low half otherwise. `is_narrow` says that the whole
    /// number had 32 bits at most, for which no copy of it needs to be left.
    fn shifted_back(
        &mut self,
        op: AluOp,
        whole: Link,
        is_narrow: bool,
        number: Number,
    ) -> (Num, Places) {
        let is_low = op == AluOp::Rsh;
        self.walk(1);
        let (known, places) = match self.state.linked(whole) {
            Some((known, places)) => (Some(known), places),
            None => (None, Places::NONE),
        };
        let fits = |known: &Number| {
            if is_low {
                known.umax() <= u64::from(u32::MAX)
            } else {
                known.smin() >= i64::from(i32::MIN) && known.smax() <= i64::from(i32::MAX)
            }
        };
        // The upper bits were zero. If the sign-extension is not negative, bit 31 was zero too.
        let is_whole = is_narrow && (is_low || number.smin() >= 0);
        let num = match known {
            Some(known) if fits(&known) || is_whole => Num::linked(known.narrowed(&number), whole),
            None if is_whole => Num::linked(number, whole),
            Some(known) if is_low => {
                let number = number.narrowed(&known.truncate(4));
                self.low_half(whole, number)
            }
            _ if is_low => self.low_half(whole, number),
            _ => Num::linked(number, self.ids.signed_half(whole)),
        };
        (num, places)
    }

    /// The number that an operator of this width sees.
    fn operand_link(&mut self, width: Width, num: &Num) -> Link {
        if width == Width::W64 || num.number.umax() <= u64::from(u32::MAX) {
            num.link
        } else {
            self.ids.low_half(num.link)
        }
    }

    fn rest(&mut self, width: Width, num: &Num, whole: Link, divisor: i64, number: Number) -> Num {
        if self.operand_link(width, num) != whole {
            return Num::new(number);
        }
        let rest = Scalar::unsigned_range(0, (divisor - 1).unsigned_abs());
        Num::new(rest.map_or(number.clone(), |rest| number.narrowed(&rest.into())))
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

/// The relation of a sum or difference with a constant that may wrap in 32 bits, or of the low
/// bits of a sum, to the number that it is made of.
fn wrapped(op: AluOp, width: Width, num: &Num, by: Option<i64>) -> Option<Part> {
    let by = by?;
    let moved = |by: i64| Link {
        id: num.link.id,
        distance: num.link.distance.wrapping_add(by),
    };
    match (op, width) {
        (AluOp::Add, Width::W32) if num.link.exists() => Some(Part::Wrapped(moved(by), 32)),
        (AluOp::Sub, Width::W32) if num.link.exists() => {
            Some(Part::Wrapped(moved(by.wrapping_neg()), 32))
        }
        (AluOp::And, _) => {
            let bits = match by {
                0xff => 8,
                0xffff => 16,
                0xffff_ffff => 32,
                _ => return None,
            };
            match num.part {
                Part::Wrapped(of, known) if known >= bits => Some(Part::Wrapped(of, bits)),
                _ if num.link.exists() => Some(Part::Wrapped(num.link, bits)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The link of a sum or difference with a constant, unless it wraps in its width. Setting bits
/// that are zero is adding them.
fn moved_link(op: AluOp, width: Width, a: &Num, b: &Num) -> Link {
    let (num, by) = match (op, a.number.as_constant(), b.number.as_constant()) {
        // A mask of all bits that may be set changes nothing.
        (AluOp::And, None, Some(by)) => {
            let mask = match width {
                Width::W64 => by,
                Width::W32 => by & u64::from(u32::MAX),
            };
            let changes = a.number.possible_bits() & !mask != 0;
            return if changes { Link::NONE } else { a.link };
        }
        (AluOp::Add | AluOp::Sub | AluOp::Or, None, Some(by)) => (a, by),
        (AluOp::Add | AluOp::Or, Some(by), None) => (b, by),
        _ => return Link::NONE,
    };
    if !num.link.exists() {
        return Link::NONE;
    }
    let by = match width {
        Width::W64 => by as i64,
        Width::W32 if op == AluOp::Or => i64::from(by as u32),
        Width::W32 => i64::from(by as u32 as i32),
    };
    if op == AluOp::Or && num.number.possible_bits() & by as u64 != 0 {
        return Link::NONE;
    }
    let by = if op == AluOp::Sub {
        by.wrapping_neg()
    } else {
        by
    };
    if width == Width::W32 {
        let fits = |value: u64| {
            let sum = i128::from(value) + i128::from(by);
            (0..=i128::from(u32::MAX)).contains(&sum)
        };
        let narrow = num.number.umax() <= u64::from(u32::MAX);
        if !narrow || !fits(num.number.umin()) || !fits(num.number.umax()) {
            return Link::NONE;
        }
    }
    Link {
        id: num.link.id,
        distance: num.link.distance.wrapping_add(by),
    }
}
