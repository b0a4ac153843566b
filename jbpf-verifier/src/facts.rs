//! The facts about the size of the data region that comparisons and arithmetic have shown.
//!
//! A fact is an inequality between whole numbers: `variable + times * number + offset` is at most
//! the size of the region. Variables and numbers are named by their ids, and count as signed
//! numbers. No sum wraps in a fact, because each fact is noted only of numbers that are within
//! [`WIDE`]. A pointer `data + variable + offset` is at most the end if there is such a fact.
//!
//! A fact holds forever, since a region keeps its size and an id never gets another number. A
//! number that a register gets by an assignment has another id, or none.

use std::rc::Rc;

use crate::addresses::LARGEST_REGION;
use crate::archive::MixSet;
use crate::insn::Reg;
use crate::state::State;
use crate::value::{Id, Kind, Num, Places, Pointer, Source};

/// The largest number of facts of each kind that a state remembers.
pub(crate) const MAX_FACTS: usize = 64;

/// Numbers further from 0 than this take part in no fact.
pub(crate) const WIDE: i128 = 2 * LARGEST_REGION as i128;

/// Numbers are multiplied by no more than this in a fact.
const MOST_TIMES: i64 = 1 << 20;

/// The facts that comparisons with `data_end` have shown.
#[derive(Debug, Clone)]
pub(crate) struct RegionFacts {
    /// The number of bytes known to be there from `data` on.
    pub(crate) size: i64,
    pub(crate) size_source: Source,
    /// The number of bytes known to be there from `data` plus a variable on, by the variable's id.
    /// May be negative.
    pub(crate) ranges: Vec<(Id, i64)>,
    /// Facts of two numbers, or of a multiple of one.
    pub(crate) remainders: Vec<Remainder>,
    /// Numbers that are sums of two others.
    pub(crate) sums: Vec<Sum>,
    /// Numbers that the size of the region is, less a constant.
    pub(crate) sizes: Vec<(Id, i64)>,
    pub(crate) ranges_source: Source,
    /// The number of bytes known not to be there from `data` plus a variable on, by the variable's
    /// id (0: none). Less than that is there.
    pub(crate) limits: Vec<(Id, i64)>,
    pub(crate) limits_source: Source,
}

/// `variable + times * number + offset` is at most the size of the region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remainder {
    /// 0 for none.
    pub(crate) variable: Id,
    pub(crate) times: i64,
    pub(crate) number: Id,
    pub(crate) offset: i64,
}

impl Remainder {
    /// Whether both are of the same numbers.
    fn is_alike(&self, other: &Self) -> bool {
        let of = |fact: &Self| (fact.variable, fact.times, fact.number);
        of(self) == of(other)
            || self.times == 1
                && other.times == 1
                && (self.variable, self.number) == (other.number, other.variable)
    }
}

/// The number of an id is `variable + number + distance`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) sum: Id,
    pub(crate) variable: Id,
    pub(crate) number: Id,
    pub(crate) distance: i64,
}

impl Sum {
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let turned = Self {
            variable: self.number,
            number: self.variable,
            ..*self
        };
        self == other || turned == *other
    }
}

impl RegionFacts {
    pub(crate) fn new(size: u64) -> Self {
        Self {
            size: i64::try_from(size).unwrap_or(i64::MAX),
            size_source: Source::OLD,
            ranges: Vec::new(),
            remainders: Vec::new(),
            sums: Vec::new(),
            sizes: Vec::new(),
            ranges_source: Source::OLD,
            limits: Vec::new(),
            limits_source: Source::OLD,
        }
    }

    /// The bytes that the facts take.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.ranges.as_slice())
            + size_of_val(self.remainders.as_slice())
            + size_of_val(self.sums.as_slice())
            + size_of_val(self.sizes.as_slice())
            + size_of_val(self.limits.as_slice())
    }

    /// The number of facts of each kind, besides the known size.
    fn counts(&self) -> [usize; 5] {
        [
            self.ranges.len(),
            self.remainders.len(),
            self.sums.len(),
            self.sizes.len(),
            self.limits.len(),
        ]
    }

    /// The number of facts besides the known size.
    pub(crate) fn count(&self) -> usize {
        self.counts().iter().sum()
    }

    /// Whether there is no room for another fact.
    fn are_full(&self) -> bool {
        self.counts().iter().any(|count| *count >= MAX_FACTS)
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

    /// The number of bytes known not to be there behind `data` plus the variable of this id.
    pub(crate) fn limit(&self, variable: Id) -> Option<i64> {
        self.limits
            .iter()
            .find_map(|(id, limit)| (*id == variable).then_some(*limit))
    }

    /// The largest offset of a fact of these numbers.
    pub(crate) fn offset(&self, variable: Id, times: i64, number: Id) -> Option<i64> {
        if times == 1 && variable == 0 {
            return self.range(number);
        }
        if times == 1 && number == 0 {
            return self.range(variable);
        }
        let wanted = Remainder {
            variable,
            times,
            number,
            offset: 0,
        };
        let mut alike = self.remainders.iter();
        alike.find_map(|fact| fact.is_alike(&wanted).then_some(fact.offset))
    }

    /// Whether a fact is about a number.
    pub(crate) fn mention(&self, id: Id) -> bool {
        id != 0
            && (self.ranges.iter().any(|(of, _)| *of == id)
                || self
                    .remainders
                    .iter()
                    .any(|fact| fact.variable == id || fact.number == id))
    }

    /// The facts that the fact of a number is one of: what is added to each multiple of it.
    fn about(&self, id: Id) -> Vec<Remainder> {
        let ranges = self.ranges.iter().filter(|(of, _)| *of == id);
        let ranges = ranges.map(|(number, offset)| Remainder {
            variable: 0,
            times: 1,
            number: *number,
            offset: *offset,
        });
        let remainders = self.remainders.iter().filter_map(|fact| {
            if fact.number == id {
                Some(*fact)
            } else if fact.variable == id && fact.times == 1 {
                Some(Remainder {
                    variable: fact.number,
                    number: id,
                    ..*fact
                })
            } else {
                None
            }
        });
        ranges.chain(remainders).collect()
    }
}

/// The signed value of the number that a value is a copy of, at least and at most. `None` if it
/// has no name, or if the distance between both may wrap.
fn base(num: &Num) -> Option<(i128, i128)> {
    let distance = i128::from(num.link.distance);
    let least = i128::from(num.number.smin()) - distance;
    let most = i128::from(num.number.smax()) - distance;
    let fits = i64::try_from(least).is_ok() && i64::try_from(most).is_ok();
    (num.link.exists() && fits && distance.abs() <= WIDE).then_some((least, most))
}

impl State {
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

    /// The number of bytes known not to be there from `data` plus the variable of a pointer on, if
    /// there is one, and the sources of all such knowledge.
    pub(crate) fn limit_behind(&self, pointer: &Pointer) -> (Option<i128>, Places) {
        let facts = &self.facts;
        // Behind the least value of the variable, no more is there than behind the start.
        let least = i128::from(pointer.variable.smin());
        let of_region = facts.limit(0).map(|limit| i128::from(limit) - least);
        let own = facts.limit(pointer.variable_id).map(i128::from);
        let limit = match (of_region, own) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let places = facts.limits_source.places(self.segment, Places::LIMITS);
        (limit, places)
    }

    /// Learns that less than `limit` bytes are there from `data` plus a variable on.
    pub(crate) fn learn_limit(&mut self, variable: Id, limit: i64, places: Places) {
        if self
            .facts
            .limit(variable)
            .is_some_and(|known| known <= limit)
        {
            return;
        }
        let before = self.facts.limits_source;
        let places = places | before.places(self.segment, Places::LIMITS);
        self.make_room_for_facts();
        let facts = Rc::make_mut(&mut self.facts);
        facts.limits.retain(|(id, _)| *id != variable);
        facts.limits.push((variable, limit));
        facts.limits_source = Source::new(self.segment, places);
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
        let sums = facts.sums.iter().filter(|sum| sum.sum == variable);
        for sum in sums.copied().collect::<Vec<_>>() {
            let fact = Remainder {
                variable: sum.variable,
                times: 1,
                number: sum.number,
                offset: range.saturating_add(sum.distance),
            };
            self.learn_remainder(fact, places);
        }
    }

    /// Notes a fact of two numbers. `places` are its sources.
    pub(crate) fn learn_remainder(&mut self, fact: Remainder, places: Places) {
        let is_wide = i128::from(fact.offset).abs() > WIDE;
        let is_many = !(1..=MOST_TIMES).contains(&fact.times);
        if is_wide || is_many || fact.number == 0 || fact.number == fact.variable {
            return;
        }
        if fact.times == 1 && fact.variable == 0 {
            self.learn_range(fact.number, fact.offset, places);
            return;
        }
        let known = self.facts.offset(fact.variable, fact.times, fact.number);
        if known.is_some_and(|known| known >= fact.offset) {
            return;
        }
        let places = places | self.range_places(fact.number);
        self.make_room_for_facts();
        let facts = Rc::make_mut(&mut self.facts);
        facts.remainders.retain(|known| !known.is_alike(&fact));
        facts.remainders.push(fact);
        facts.ranges_source = Source::new(self.segment, places);
    }

    /// Learns from the least value of a number. `places` are the sources of that value.
    pub(crate) fn learn_least(&mut self, id: Id, least: i64, places: Places) {
        if id == 0 || self.facts.count() == 0 {
            return;
        }
        for fact in self.facts.about(id) {
            let sum = i128::from(fact.offset) + i128::from(fact.times) * i128::from(least);
            if let Ok(range) = i64::try_from(sum) {
                let places = places | self.range_places(id);
                self.learn_range(fact.variable, range, places);
            }
        }
        // The multiple that a variable is added to.
        let multiples = self.facts.remainders.iter();
        let multiples = multiples.filter(|fact| fact.variable == id && fact.times > 1);
        for fact in multiples.copied().collect::<Vec<_>>() {
            let rest = Remainder {
                variable: 0,
                offset: fact.offset.saturating_add(least),
                ..fact
            };
            self.learn_remainder(rest, places | self.range_places(id));
        }
    }

    /// Learns that a number plus `apart` is at most another, as signed numbers. `places` are the
    /// sources of that order.
    pub(crate) fn learn_order(&mut self, less: &Num, more: &Num, apart: i64, places: Places) {
        let (Some((least, _)), Some(_)) = (base(less), base(more)) else {
            return;
        };
        if least < -WIDE || less.link.id == more.link.id {
            return;
        }
        let further =
            i128::from(less.link.distance) + i128::from(apart) - i128::from(more.link.distance);
        for fact in self.facts.about(more.link.id) {
            let offset = i128::from(fact.offset) + i128::from(fact.times) * further;
            if let Ok(offset) = i64::try_from(offset) {
                let fact = Remainder {
                    number: less.link.id,
                    offset,
                    ..fact
                };
                self.learn_remainder_of(fact, least, places);
            }
        }
    }

    /// Notes a fact of a number whose base is at least `least`, and what follows from that.
    fn learn_remainder_of(&mut self, fact: Remainder, least: i128, places: Places) {
        self.learn_remainder(fact, places);
        if fact.times > 1 && least >= 0 {
            // The number itself is at most its multiple.
            self.learn_remainder(Remainder { times: 1, ..fact }, places);
        }
        let size = i128::from(fact.offset) + i128::from(fact.times) * least;
        if let Ok(size) = i64::try_from(size) {
            self.learn_range(fact.variable, size, places | self.range_places(fact.number));
        }
    }

    /// Notes that `times` a number, which is not negative, is at most another number. `places` are
    /// the sources of both.
    pub(crate) fn learn_part(&mut self, part: &Num, whole: &Num, times: i64, places: Places) {
        if times >= 1 {
            self.restate(whole, part, places, |of_whole| of_whole.checked_mul(times));
        }
    }

    /// Notes that `product` is `times` another number, which is not negative. The product does not
    /// wrap.
    pub(crate) fn learn_product(&mut self, product: &Num, of: &Num, times: i64, places: Places) {
        if times >= 1 && of.number.smin() >= 0 {
            self.restate(of, product, places, |of_number| {
                if of_number < times {
                    return None;
                }
                Some(1)
            });
        }
    }

    /// Restates the facts of a number for one that is not negative and has no distance. `times`
    /// says how many of that one are at most so many of the number; `None` if that is not known.
    fn restate(
        &mut self,
        number: &Num,
        other: &Num,
        places: Places,
        times: impl Fn(i64) -> Option<i64>,
    ) {
        let (Some((least, _)), Some(_)) = (base(other), base(number)) else {
            return;
        };
        if other.number.smin() < 0 || other.link.distance != 0 {
            return;
        }
        for fact in self.facts.about(number.link.id) {
            // number = base + distance, and the multiple of the other is at most that of it.
            let distance = i128::from(number.link.distance);
            let offset = i128::from(fact.offset) - i128::from(fact.times) * distance;
            if let (Ok(offset), Some(times)) = (i64::try_from(offset), times(fact.times)) {
                let fact = Remainder {
                    number: other.link.id,
                    times,
                    offset,
                    ..fact
                };
                self.learn_remainder_of(fact, least, places);
            }
        }
    }

    /// Notes that `rest` is `whole` less `part`. `places` are the sources of all. Returns the
    /// smallest value of the rest that follows.
    pub(crate) fn learn_rest(
        &mut self,
        rest: &Num,
        whole: &Num,
        part: &Num,
        places: Places,
    ) -> Option<i64> {
        let ((least, most), (whole_least, whole_most), (part_least, part_most)) =
            (base(rest)?, base(whole)?, base(part)?);
        let ends = [least, most, whole_least, whole_most, part_least, part_most];
        if ends.iter().any(|end| end.abs() > WIDE) || rest.link.distance != 0 {
            return None;
        }
        // whole = rest + part, each at its distance.
        let further = i128::from(part.link.distance) - i128::from(whole.link.distance);
        let sums = self.facts.sums.clone();
        for fact in self.facts.about(whole.link.id) {
            let offset = i64::try_from(i128::from(fact.offset) + further);
            let Ok(offset) = offset else {
                continue;
            };
            if fact.times != 1 {
                continue;
            }
            let sum = sums.iter().find(|sum| {
                let of = (sum.variable, sum.number);
                of == (fact.variable, part.link.id) || of == (part.link.id, fact.variable)
            });
            let (variable, offset) = match sum {
                _ if fact.variable == 0 => (part.link.id, offset),
                Some(sum) => (sum.sum, offset.saturating_sub(sum.distance)),
                None => continue,
            };
            let fact = Remainder {
                variable,
                times: 1,
                number: rest.link.id,
                offset,
            };
            self.learn_remainder(fact, places);
        }
        // If the whole is the size less a constant, the rest is what is behind the part.
        let mut sizes = self.facts.sizes.iter();
        let size = sizes.find_map(|(id, less)| (*id == whole.link.id).then_some(*less))?;
        let behind = self.facts.range(part.link.id)?;
        let rest = i128::from(behind) - i128::from(size) - further;
        i64::try_from(rest).ok()
    }

    /// Notes that a number of this id is the size of the region less a constant.
    pub(crate) fn note_size(&mut self, id: Id, less: i64, places: Places) {
        let places = places | self.range_places(id);
        self.make_room_for_facts();
        let facts = Rc::make_mut(&mut self.facts);
        facts.sizes.push((id, less));
        facts.ranges_source = Source::new(self.segment, places);
    }

    /// Notes that the variable `sum` of a pointer is another pointer's variable plus a number.
    /// `places` are the sources of both.
    pub(crate) fn note_sum(&mut self, sum: Id, from: &Pointer, by: &Num, places: Places) {
        let Some((least, most)) = base(by) else {
            return;
        };
        let ends = [
            least,
            most,
            from.variable.smin().into(),
            from.variable.smax().into(),
        ];
        if from.variable_id == 0 || sum == 0 || ends.iter().any(|end| end.abs() > WIDE) {
            return;
        }
        let places = places | self.range_places(sum);
        self.make_room_for_facts();
        let known = self.facts.offset(from.variable_id, 1, by.link.id);
        let facts = Rc::make_mut(&mut self.facts);
        facts.sums.push(Sum {
            sum,
            variable: from.variable_id,
            number: by.link.id,
            distance: by.link.distance,
        });
        facts.ranges_source = Source::new(self.segment, places);
        if let Some(offset) = known {
            let range = offset.saturating_sub(by.link.distance);
            self.learn_range(sum, range, places);
        }
    }

    /// Forgets the oldest facts if there are too many. Waiting states hold copies of them.
    fn make_room_for_facts(&mut self) {
        self.walked += self.facts.count() as u64;
        if self.facts.are_full() {
            self.walked += self.cells() as u64;
            self.forget_unused();
        }
        if self.facts.are_full() {
            let facts = Rc::make_mut(&mut self.facts);
            let beyond = |len: usize| (len + 1).saturating_sub(MAX_FACTS);
            facts.ranges.drain(..beyond(facts.ranges.len()));
            facts.remainders.drain(..beyond(facts.remainders.len()));
            facts.sums.drain(..beyond(facts.sums.len()));
            facts.sizes.drain(..beyond(facts.sizes.len()));
            facts.limits.drain(..beyond(facts.limits.len()));
        }
    }

    /// Forgets the facts of numbers that no value has any more.
    pub(crate) fn forget_unused(&mut self) {
        if self.facts.count() == 0 {
            return;
        }
        let mut used = MixSet::default();
        used.insert(0);
        for (_, frame) in self.frames() {
            let registers = Reg::WRITABLE.iter().map(|reg| &frame.registers[*reg].kind);
            let cells = frame.stack.cells().iter().map(|cell| &cell.value.kind);
            for kind in registers.chain(cells) {
                match kind {
                    Kind::Number(num) => {
                        used.insert(num.link.id);
                        used.insert(num.part.link().id);
                    }
                    Kind::Pointer(pointer) => {
                        used.insert(pointer.variable_id);
                    }
                    _ => {}
                }
            }
        }
        let facts = Rc::make_mut(&mut self.facts);
        let both = |a: &Id, b: &Id| used.contains(a) && used.contains(b);
        facts
            .remainders
            .retain(|fact| both(&fact.number, &fact.variable));
        facts.sums.retain(|sum| {
            used.contains(&sum.sum) && (used.contains(&sum.variable) || used.contains(&sum.number))
        });
        facts.sizes.retain(|(id, _)| used.contains(id));
        facts.limits.retain(|(id, _)| used.contains(id));
        facts.ranges.retain(|(id, _)| used.contains(id));
    }
}
