//! The smallest state that covers two.
//!
//! The covering state keeps the values that both states hold. Numbers become ranges that hold both
//! numbers. If one state has a number and the other a pointer, the place is unreadable in the
//! covering state.

use std::rc::Rc;

use crate::addresses::FAR;
use crate::facts::{MAX_FACTS, RegionFacts, Remainder, Sum};
use crate::insn::Reg;
use crate::number::Number;
use crate::stack::{Cell, Stack};
use crate::state::{Frame, State};
use crate::value::{Id, Ids, Kind, Link, Num, Part, Places, Pointer, Source, Space, Value};

/// A state that covers two.
pub(crate) struct Covering {
    pub(crate) state: State,
    /// The sources of numbers that only one of the two has on its stack. The covering state says
    /// that nothing was written there and that no pointer is there. That rests on their being
    /// numbers.
    pub(crate) dropped: Places,
}

/// A state that covers both. They must be of one segment; `None` if other calls led to them.
pub(crate) fn hull(a: &State, b: &State, ids: &mut Ids) -> Option<Covering> {
    let calls = |state: &State| -> Vec<usize> { state.frames().map(|(_, f)| f.call).collect() };
    if a.at != b.at || a.segment != b.segment || calls(a) != calls(b) {
        return None;
    }
    let mut both = a.clone();
    both.cost = a.cost.max(b.cost);
    both.steps = a.steps.max(b.steps);
    both.branches = a.branches.max(b.branches);
    let mut facts = facts(a, b);
    let mut dropped = Places::NONE;
    for (depth, other) in b.frames() {
        let own = a.frame(depth)?;
        // A frame that neither state has touched since is the same for both.
        if !std::ptr::eq(own, other) {
            let mut hull = Hull {
                depth,
                states: [a, b],
                ids: &mut *ids,
                dropped,
                facts: &mut facts,
            };
            let joined = hull.frame(own, other);
            dropped = hull.dropped;
            *both.frame_mut(depth)? = joined;
        }
    }
    both.facts = Rc::new(facts);
    Some(Covering {
        state: both,
        dropped,
    })
}

fn facts(a: &State, b: &State) -> RegionFacts {
    let places = |state: &State, source: Source, own| source.places(state.segment, own);
    let joined =
        |x: Source, y: Source, own| Source::new(a.segment, places(a, x, own) | places(b, y, own));
    let ranges = a.facts.ranges.iter().filter_map(|(id, range)| {
        let other = b.facts.range(*id)?;
        Some((*id, other.min(*range)))
    });
    let remainders = a.facts.remainders.iter().filter_map(|fact| {
        let other = b.facts.offset(fact.variable, fact.times, fact.number)?;
        Some(Remainder {
            offset: fact.offset.min(other),
            ..*fact
        })
    });
    let limits = a.facts.limits.iter().filter_map(|(id, limit)| {
        let other = b.facts.limit(*id)?;
        Some((*id, other.max(*limit)))
    });
    let has_sum = |sum: &&Sum| b.facts.sums.iter().any(|other| other.is_same(sum));
    let has_size = |size: &&(Id, i64)| b.facts.sizes.contains(size);
    RegionFacts {
        size: a.facts.size.min(b.facts.size),
        size_source: joined(a.facts.size_source, b.facts.size_source, Places::REGION),
        ranges: ranges.collect(),
        remainders: remainders.collect(),
        sums: a.facts.sums.iter().filter(has_sum).copied().collect(),
        sizes: a.facts.sizes.iter().filter(has_size).copied().collect(),
        ranges_source: joined(a.facts.ranges_source, b.facts.ranges_source, Places::RANGES),
        limits: limits.collect(),
        limits_source: joined(a.facts.limits_source, b.facts.limits_source, Places::LIMITS),
    }
}

struct Hull<'i> {
    depth: usize,
    states: [&'i State; 2],
    ids: &'i mut Ids,
    dropped: Places,
    /// The facts of the covering state.
    facts: &'i mut RegionFacts,
}

impl Hull<'_> {
    /// The segment, which both states are of.
    fn segment(&self) -> u32 {
        let [a, _] = self.states;
        a.segment
    }

    fn frame(&mut self, a: &Frame, b: &Frame) -> Frame {
        let mut frame = a.clone();
        for reg in Reg::WRITABLE {
            let own = Places::register(self.depth, reg);
            frame.registers[reg] = self.value(&a.registers[reg], &b.registers[reg], own);
        }
        frame.stack = self.stack(&a.stack, &b.stack);
        frame
    }

    fn value(&mut self, a: &Value, b: &Value, own: Places) -> Value {
        let places = a.source.places(self.segment(), own) | b.source.places(self.segment(), own);
        Value {
            kind: self.kind(&a.kind, &b.kind, places),
            source: Source::new(self.segment(), places),
            origin: a.origin,
        }
    }

    /// `places` are the sources of both.
    fn kind(&mut self, a: &Kind, b: &Kind, places: Places) -> Kind {
        match (a, b) {
            (Kind::Number(a), Kind::Number(b)) => {
                let number = a.number.join(&b.number);
                let constant = number.as_constant().is_some();
                Kind::Number(Num {
                    number,
                    link: if a.link == b.link && !constant {
                        a.link
                    } else {
                        Link::NONE
                    },
                    part: if a.part == b.part && !constant {
                        a.part
                    } else {
                        Part::None
                    },
                })
            }
            (Kind::Pointer(a), Kind::Pointer(b)) => self.pointer(a, b, places),
            (Kind::Bytes, Kind::Bytes) => Kind::Bytes,
            _ => Kind::Uninit,
        }
    }

    fn pointer(&mut self, a: &Pointer, b: &Pointer, places: Places) -> Kind {
        if a.space != b.space {
            return Kind::Uninit;
        }
        let same_object = a.object == b.object;
        let movable = !matches!(
            a.space,
            Space::Context
                | Space::RegionEnd
                | Space::RegionHalf
                | Space::RegionEndHalf
                | Space::Map { .. }
                | Space::Released { .. }
        );
        let mut pointer = a.clone();
        pointer.or_null = a.or_null || b.or_null;
        if !same_object {
            pointer.object = self.ids.fresh();
        }
        let same_place = a.offset == b.offset && a.variable_id == b.variable_id;
        if same_place {
            let variable = a.variable.join(&b.variable);
            return Kind::Pointer(pointer.with_variable(variable, a.variable_id));
        }
        if !movable {
            return Kind::Uninit;
        }
        let from_start = |pointer: &Pointer| pointer.variable.add_constant(pointer.offset);
        let variable: Number = from_start(a).join(&from_start(b));
        let id = self.ids.fresh();
        if a.space == Space::Region {
            self.keep_range(a, b, id, places);
        }
        pointer.offset = 0;
        Kind::Pointer(pointer.with_variable(variable, id))
    }

    /// Keeps the bytes that both states know behind a pointer into the region. `id` names its new
    /// variable, and `places` are the sources of both pointers.
    fn keep_range(&mut self, a: &Pointer, b: &Pointer, id: Id, places: Places) {
        let is_near = |pointer: &Pointer| {
            let (first, last) = pointer.offsets();
            first >= (-FAR).into() && last <= FAR.into()
        };
        let [first, second] = self.states;
        if !is_near(a) || !is_near(b) || self.facts.ranges.len() >= MAX_FACTS {
            return;
        }
        let behind = |state: &State, pointer: &Pointer| {
            let (known, places) = state.known_behind(pointer);
            (known - i128::from(pointer.offset), places)
        };
        let ((x, of_a), (y, of_b)) = (behind(first, a), behind(second, b));
        let Ok(range) = i64::try_from(x.min(y)) else {
            return;
        };
        let segment = self.segment();
        let before = self.facts.ranges_source.places(segment, Places::RANGES);
        self.facts.ranges.push((id, range));
        self.facts.ranges_source = Source::new(segment, before | places | of_a | of_b);
    }

    fn stack(&mut self, a: &Stack, b: &Stack) -> Stack {
        if a.is_same(b) {
            return a.clone();
        }
        let mut joined = Stack::default();
        for cell in a.cells() {
            match self.cell(cell, b) {
                Some(value) => joined.write(self.depth, cell.start, cell.end, value),
                None => self.drop(cell),
            }
        }
        // A gap says that no pointer is there. A pointer of the other state must not become a gap.
        for cell in b.cells() {
            let torn = matches!(cell.value.kind, Kind::Pointer(_) | Kind::Uninit);
            let kept = joined
                .overlapping(cell.start, cell.end)
                .first()
                .is_some_and(|kept| {
                    kept.start == cell.start && matches!(kept.value.kind, Kind::Pointer(_))
                });
            if torn && !kept {
                let value = self.torn(&cell.value, a, cell.start, cell.end);
                joined.write(self.depth, cell.start, cell.end, value);
            }
            if !torn && !joined.gaps(cell.start, cell.end).is_empty() {
                self.drop(cell);
            }
        }
        joined
    }

    /// Notes a number that leaves a gap.
    fn drop(&mut self, cell: &Cell) {
        let own = Places::stack(self.depth, cell.start, cell.end);
        self.dropped |= cell.value.source.places(self.segment(), own);
    }

    fn torn(&self, value: &Value, other: &Stack, start: i32, end: i32) -> Value {
        let own = Places::stack(self.depth, start, end);
        let places = value.source.places(self.segment(), own)
            | other.places(self.depth, self.segment(), start, end);
        Value {
            kind: Kind::Uninit,
            source: Source::new(self.segment(), places),
            origin: value.origin,
        }
    }

    /// The value of a cell that covers the bytes of the other stack in its place. `None` if these
    /// may be unwritten there.
    fn cell(&mut self, cell: &Cell, other: &Stack) -> Option<Value> {
        let (start, end) = (cell.start, cell.end);
        let own = Places::stack(self.depth, start, end);
        if let [theirs] = other.overlapping(start, end)
            && theirs.start == start
            && theirs.end == end
        {
            let value = self.value(&cell.value, &theirs.value, own);
            let mixed = value.kind == Kind::Uninit
                && matches!(cell.value.kind, Kind::Number(_) | Kind::Bytes)
                && matches!(theirs.value.kind, Kind::Number(_) | Kind::Bytes);
            return Some(Value {
                kind: if mixed { Kind::Bytes } else { value.kind },
                ..value
            });
        }
        if matches!(cell.value.kind, Kind::Pointer(_) | Kind::Uninit) {
            return Some(self.torn(&cell.value, other, start, end));
        }
        other.check_readable(start, end).ok()?;
        let places = cell.value.source.places(self.segment(), own)
            | other.places(self.depth, self.segment(), start, end);
        let kind = match &cell.value.kind {
            Kind::Number(num) => {
                let theirs = other.number(start, (end - start) as u8).ok()?;
                Kind::number(num.number.join(&theirs.number))
            }
            _ => Kind::Bytes,
        };
        Some(Value {
            kind,
            source: Source::new(self.segment(), places),
            origin: cell.value.origin,
        })
    }
}
