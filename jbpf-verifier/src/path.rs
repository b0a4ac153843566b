//! The path under exploration: its checkpoints, and the needs of the code behind them.
//!
//! A checkpoint is a state that later paths may be compared with. While the code behind it is
//! explored, the checkpoint collects *needs*: the places whose values some check rested on. It
//! passes each need on to the checkpoint before it, in terms of the places that the value was made
//! of there. Once everything behind a checkpoint is proven, its needs are exactly the properties
//! that another state must have to be proven as well.

use crate::insn::Reg;
use crate::stack::FRAME_SIZE;
use crate::state::State;
use crate::value::{Kind, Places, Value};

/// How much of a value a check rested on. Each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// Something was written there, a number or a pointer.
    Written,
    /// The value is a number, whichever it is. A pointer is needed exactly as it is.
    Shape,
    /// The value is this number, and no other.
    Exact,
}

/// Places that were needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    written: Places,
    shape: Places,
    exact: Places,
}

impl Needs {
    pub(crate) const EVERYTHING: Self = Self {
        written: Places::ALL,
        shape: Places::ALL,
        exact: Places::ALL,
    };

    pub(crate) fn of(need: Need, places: Places) -> Self {
        let from = |level| {
            if need >= level { places } else { Places::NONE }
        };
        Self {
            written: places,
            shape: from(Need::Shape),
            exact: from(Need::Exact),
        }
    }

    /// Every place that is needed at all.
    pub(crate) fn places(self) -> Places {
        self.written | self.shape | self.exact
    }

    fn is_empty(self) -> bool {
        self.places().is_empty()
    }

    fn without(self, other: Self) -> Self {
        Self {
            written: self.written.without(other.written),
            shape: self.shape.without(other.shape),
            exact: self.exact.without(other.exact),
        }
    }

    /// The need for the value at a place.
    pub(crate) fn at(self, place: Places) -> Option<Need> {
        if self.exact.meets(place) {
            Some(Need::Exact)
        } else if self.shape.meets(place) {
            Some(Need::Shape)
        } else if self.written.meets(place) {
            Some(Need::Written)
        } else {
            None
        }
    }

    /// The need for the bytes at a place of a stack. It is at least `Shape`, because loads need
    /// the bytes to be readable.
    pub(crate) fn at_stack(self, place: Places) -> Option<Need> {
        self.at(place).map(|need| need.max(Need::Shape))
    }
}

impl std::ops::BitOrAssign for Needs {
    fn bitor_assign(&mut self, other: Self) {
        self.written |= other.written;
        self.shape |= other.shape;
        self.exact |= other.exact;
    }
}

/// A checkpoint whose code is not proven yet.
#[derive(Debug)]
pub(crate) struct Open {
    segment: u32,
    /// The state when the checkpoint was passed. Its sources refer to the checkpoint before.
    pub(crate) state: State,
    pub(crate) needs: Needs,
    /// Instructions of the longest run from here to the end, as far as it is explored.
    pub(crate) tail: u64,
    /// The key that `Archive` finds it by.
    pub(crate) key: u64,
    /// The same for states that are equal but for the names of numbers and objects.
    pub(crate) fingerprint: u64,
    /// Whether the state covers more than the path that led to it.
    pub(crate) joined: bool,
    /// The loop that the checkpoint is at the head of, with the iterations of the loops around it;
    /// otherwise 0.
    pub(crate) instance: u64,
    /// Steps of the path that led to it.
    pub(crate) trail: usize,
    /// Whether a path that began behind it waits to be followed. The checkpoint is then closed
    /// unproven.
    pub(crate) left_open: bool,
}

/// The names by which a checkpoint is found again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label {
    pub(crate) key: u64,
    pub(crate) fingerprint: u64,
    pub(crate) joined: bool,
    pub(crate) instance: u64,
    pub(crate) trail: usize,
}

impl Label {
    /// The label of the entry, which nothing looks for.
    pub(crate) const ROOT: Self = Self {
        key: 0,
        fingerprint: 0,
        joined: false,
        instance: 0,
        trail: 0,
    };
}

/// The number of values that count when a need passes a checkpoint without stack cells.
const FRAME_LOOKS: u64 = 8;

/// The checkpoints of the current path.
#[derive(Debug, Default)]
pub(crate) struct Path {
    open: Vec<Open>,
    segments: u32,
    /// The number of values that were looked at.
    looked: u64,
}

impl Path {
    pub(crate) fn open(&self) -> &[Open] {
        &self.open
    }

    /// Passes a checkpoint. From here on, the sources of the values of `state` refer to it.
    pub(crate) fn push(&mut self, state: &mut State, label: Label) {
        let segment = self.segments;
        self.segments += 1;
        self.open.push(Open {
            segment,
            state: state.clone(),
            needs: Needs::default(),
            tail: 0,
            key: label.key,
            fingerprint: label.fingerprint,
            joined: label.joined,
            instance: label.instance,
            trail: label.trail,
            left_open: false,
        });
        begin_segment(state, segment);
    }

    /// The state right behind the last checkpoint, and the length of its trail.
    pub(crate) fn resumed(&self) -> Option<(State, usize)> {
        let last = self.open.last()?;
        let mut state = last.state.clone();
        begin_segment(&mut state, last.segment);
        Some((state, last.trail))
    }

    /// The state as seen from the earlier checkpoint at index `to`, if there is one.
    pub(crate) fn rebased(&mut self, state: &State, to: usize) -> Option<State> {
        let mut rebased = state.clone();
        let [base, above @ ..] = self.open.get(to..)? else {
            return None;
        };
        if above.is_empty() {
            return Some(rebased);
        }
        let costs = above.iter().map(|open| open.state.cost);
        rebased.cost = costs.fold(state.cost, u64::saturating_add);
        let mut ancestry = Ancestry::itself();
        for open in above {
            ancestry = ancestry.followed_by(&open.state, &mut self.looked);
        }
        self.looked += state.cells() as u64;
        rebased.rebase(base.segment, |places| ancestry.of(places));
        Some(rebased)
    }

    /// The number of values looked at since the last call.
    pub(crate) fn take_looked(&mut self) -> u64 {
        std::mem::take(&mut self.looked)
    }

    /// Notes that a path behind the checkpoint at `open` is not followed to its end for now.
    pub(crate) fn leave_open(&mut self, open: usize) {
        for open in self.open.iter_mut().skip(open + 1) {
            open.left_open = true;
        }
    }

    /// Ends the last checkpoint. Its longest run counts towards the checkpoint before it.
    pub(crate) fn pop(&mut self) -> Option<Open> {
        let done = self.open.pop()?;
        self.reach_end(done.state.cost.saturating_add(done.tail));
        Some(done)
    }

    /// Drops the last checkpoint. Results found behind it do not count.
    pub(crate) fn drop_last(&mut self) -> Option<Open> {
        self.open.pop()
    }

    /// The longest run from the last checkpoint to the end, as far as it is explored.
    pub(crate) fn tail(&self) -> u64 {
        self.open.last().map_or(0, |last| last.tail)
    }

    /// Takes back the runs that were found since the last checkpoint's longest one was `tail`.
    pub(crate) fn take_back(&mut self, tail: u64) {
        if let Some(last) = self.open.last_mut() {
            last.tail = tail;
        }
    }

    /// Notes a run of `cost` instructions from the last checkpoint to the end.
    pub(crate) fn reach_end(&mut self, cost: u64) {
        if let Some(last) = self.open.last_mut() {
            last.tail = last.tail.max(cost);
        }
    }

    /// Notes that a check rested on values made of `places`.
    pub(crate) fn need(&mut self, need: Need, places: Places) {
        if !places.is_empty() {
            self.needs(Needs::of(need, places));
        }
    }

    fn needs(&mut self, needs: Needs) {
        let mut needs = needs;
        for open in self.open.iter_mut().rev() {
            let new = needs.without(open.needs);
            if new.is_empty() {
                return;
            }
            open.needs |= new;
            self.looked += FRAME_LOOKS + open.state.cells() as u64;
            needs = passed_on(&open.state, new);
        }
    }
}

fn begin_segment(state: &mut State, segment: u32) {
    state.segment = segment;
    state.cost = 0;
    state.steps = 0;
    state.branches = 0;
}

/// The sources of the value in each place of a checkpoint, in terms of an earlier checkpoint.
struct Ancestry([Places; Places::COUNT]);

impl Ancestry {
    /// The ancestry of a checkpoint in terms of itself: every value is its own source.
    fn itself() -> Self {
        Self(std::array::from_fn(|place| Places::bit(place as u32)))
    }

    /// The places that values in `places` were made of.
    fn of(&self, places: Places) -> Places {
        let each = places.numbers().filter_map(|place| self.0.get(place));
        each.fold(Places::NONE, |all, made| all | *made)
    }

    /// The ancestry of the values at a later checkpoint, in terms of the same earlier one. `state`
    /// is the later checkpoint's. It says what its values were made of since the checkpoint that
    /// `self` describes.
    fn followed_by(&self, state: &State, looked: &mut u64) -> Self {
        let mut made = [Places::NONE; Places::COUNT];
        let mut add = |source: Places, own: Places| {
            for place in own.numbers() {
                if let Some(made) = made.get_mut(place) {
                    *made |= source;
                }
            }
        };
        let mut unwritten = Places::NONE;
        for (depth, frame) in state.frames() {
            let mut covered = Places::NONE;
            for reg in Reg::WRITABLE {
                let own = Places::register(depth, reg);
                add(frame.registers[reg].source.places(state.segment, own), own);
            }
            for cell in frame.stack.cells() {
                let own = Places::stack(depth, cell.start, cell.end);
                add(cell.value.source.places(state.segment, own), own);
                if cell.start % 8 == 0 && cell.end % 8 == 0 {
                    covered |= own;
                }
            }
            unwritten |= Places::stack(depth, -FRAME_SIZE, 0).without(covered);
        }
        // Bytes that were not written still hold their old contents.
        for place in unwritten.numbers() {
            let own = Places::bit(place as u32);
            add(own, own);
        }
        add(state.range_places(0), Places::REGION);
        let ranges = state.facts.ranges_source;
        add(ranges.places(state.segment, Places::RANGES), Places::RANGES);
        let limits = state.facts.limits_source;
        add(limits.places(state.segment, Places::LIMITS), Places::LIMITS);
        *looked += state.cells() as u64 + Places::COUNT as u64;
        Self(made.map(|places| {
            *looked += places.numbers().count() as u64 / 4;
            self.of(places)
        }))
    }
}

/// The needs at a state, in terms of the checkpoint before it.
fn passed_on(state: &State, needs: Needs) -> Needs {
    let mut before = Needs::default();
    let mut pass = |value: &Value, own: Places, need: Option<Need>| {
        let Some(need) = need else { return };
        let places = value.source.places(state.segment, own);
        let need = match &value.kind {
            _ if need == Need::Written => need,
            Kind::Pointer(_) => Need::Exact,
            // If nothing is known of the number, any number will do.
            Kind::Number(num) if num.is_any() => Need::Shape,
            Kind::Number(_) => need,
            Kind::Bytes | Kind::Uninit => Need::Shape,
        };
        before |= Needs::of(need, places);
    };
    let places = needs.places();
    let in_registers = !places.registers_only().is_empty();
    let in_stack = !places.stack_only().is_empty();
    let mut unwritten = Places::NONE;
    for (depth, frame) in state.frames() {
        if in_registers {
            for reg in Reg::WRITABLE {
                let own = Places::register(depth, reg);
                pass(&frame.registers[reg], own, needs.at(own));
            }
        }
        if !in_stack {
            continue;
        }
        let mut covered = Places::NONE;
        for cell in frame.stack.cells() {
            let own = Places::stack(depth, cell.start, cell.end);
            pass(&cell.value, own, needs.at_stack(own));
            if cell.start % 8 == 0 && cell.end % 8 == 0 {
                covered |= own;
            }
        }
        // Bytes that were not written here were not written before either. The cells of one frame
        // say nothing of the bytes of another, though the two may share places.
        unwritten |= Places::stack(depth, -FRAME_SIZE, 0).without(covered);
    }
    let unneeded = unwritten.without(places);
    before |= Needs::of(Need::Shape, unwritten.without(unneeded));
    if let Some(need) = needs.at(Places::REGION) {
        let source = state.facts.size_source;
        before |= Needs::of(need, source.places(state.segment, Places::REGION));
    }
    if let Some(need) = needs.at(Places::RANGES) {
        let source = state.facts.ranges_source;
        before |= Needs::of(need, source.places(state.segment, Places::RANGES));
    }
    if let Some(need) = needs.at(Places::LIMITS) {
        let source = state.facts.limits_source;
        before |= Needs::of(need, source.places(state.segment, Places::LIMITS));
    }
    before
}
