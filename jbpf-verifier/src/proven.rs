//! Proven states, and the check whether one of them covers another state.

use std::rc::Rc;

use crate::addresses::FAR;
use crate::archive::MixMap;
use crate::facts::{RegionFacts, Sum};
use crate::insn::Reg;
use crate::path::{Need, Needs, Open, Path};
use crate::state::State;
use crate::value::{Id, Kind, Link, Num, Part, Places, Pointer};

/// A property of a state that the proof behind it rests on.
#[derive(Debug)]
pub(crate) enum Requirement {
    Register {
        frame: usize,
        reg: Reg,
        kind: Kind,
        need: Need,
    },
    Stack {
        frame: usize,
        start: i32,
        end: i32,
        kind: Kind,
        need: Need,
    },
    /// Bytes that were never written. Nothing in their place may be a part of a pointer.
    Unwritten { frame: usize, start: i32, end: i32 },
    /// Bytes known to be in the region.
    Region { size: i64 },
    /// The facts of numbers and the region. Checked last, when ids have found their images.
    Ranges { facts: Rc<RegionFacts> },
    /// The bytes that are known not to be in the region. Checked last, too.
    Limits { facts: Rc<RegionFacts> },
}

/// A proven state.
#[derive(Debug)]
pub(crate) struct Proven {
    /// The calls that are active.
    calls: Vec<usize>,
    pub(crate) requirements: Vec<Requirement>,
    /// Instructions of the longest run from here to the end.
    pub(crate) tail: u64,
    pub(crate) joined: bool,
    pub(crate) key: u64,
    /// The number of states that were proven before this one.
    pub(crate) number: u64,
    at: usize,
}

impl Proven {
    pub(crate) fn new(open: &Open) -> Self {
        Self {
            calls: calls(&open.state).collect(),
            requirements: requirements(&open.state, open.needs),
            tail: open.tail,
            joined: open.joined,
            key: open.key,
            number: 0,
            at: open.state.at,
        }
    }

    /// Whether the proof holds for a state as well. Counts the values looked at.
    pub(crate) fn covers(&self, state: &State, looked: &mut u64) -> bool {
        *looked += 1;
        if self.at != state.at || !calls(state).eq(self.calls.iter().copied()) {
            return false;
        }
        all_met(&self.requirements, state, looked)
    }

    /// Notes the needs of the proof at the current path, which ends here.
    pub(crate) fn pass_needs(&self, state: &State, path: &mut Path) {
        for requirement in &self.requirements {
            let (need, places) = match requirement {
                Requirement::Register {
                    frame, reg, need, ..
                } => (*need, register_places(state, *frame, *reg)),
                Requirement::Stack {
                    frame,
                    start,
                    end,
                    need,
                    ..
                } => (*need, stack_places(state, *frame, *start, *end)),
                Requirement::Unwritten { frame, start, end } => {
                    (Need::Shape, stack_places(state, *frame, *start, *end))
                }
                Requirement::Region { .. } => (Need::Exact, state.range_places(0)),
                Requirement::Limits { .. } => {
                    let source = state.facts.limits_source;
                    (Need::Exact, source.places(state.segment, Places::LIMITS))
                }
                Requirement::Ranges { .. } => {
                    // If a variable is one number here, its range follows from the bytes known
                    // behind the start.
                    let source = state.facts.ranges_source;
                    let places = source.places(state.segment, Places::RANGES);
                    (Need::Exact, places | state.range_places(0))
                }
            };
            path.need(need, places);
        }
    }

    /// The bytes that it takes, roughly.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.requirements.len() * size_of::<Requirement>()
    }
}

/// The calls that led to the active frame, outermost first.
fn calls(state: &State) -> impl Iterator<Item = usize> + '_ {
    state.frames().skip(1).map(|(_, frame)| frame.call)
}

fn register_places(state: &State, frame: usize, reg: Reg) -> Places {
    let own = Places::register(frame, reg);
    state.frame(frame).map_or(Places::ALL, |frame| {
        frame.registers[reg].source.places(state.segment, own)
    })
}

fn stack_places(state: &State, depth: usize, start: i32, end: i32) -> Places {
    state.frame(depth).map_or(Places::ALL, |frame| {
        frame.stack.places(depth, state.segment, start, end)
    })
}

/// The properties of a state that were needed.
pub(crate) fn requirements(state: &State, needs: Needs) -> Vec<Requirement> {
    let mut requirements = Vec::new();
    let weakened = |kind: &Kind, need: Need| match kind {
        Kind::Number(num) if num.is_any() => need.min(Need::Shape),
        _ => need,
    };
    for (depth, frame) in state.frames() {
        for reg in Reg::WRITABLE {
            let kind = &frame.registers[reg].kind;
            let Some(need) = needs.at(Places::register(depth, reg)) else {
                continue;
            };
            if *kind != Kind::Uninit {
                requirements.push(Requirement::Register {
                    frame: depth,
                    reg,
                    kind: kind.clone(),
                    need: weakened(kind, need),
                });
            }
        }
        let mut filled = Places::NONE;
        for cell in frame.stack.cells() {
            let own = Places::stack(depth, cell.start, cell.end);
            if cell.start % 8 == 0 && cell.end % 8 == 0 {
                filled |= own;
            }
            let Some(need) = needs.at_stack(own) else {
                continue;
            };
            if cell.value.kind != Kind::Uninit {
                requirements.push(Requirement::Stack {
                    frame: depth,
                    start: cell.start,
                    end: cell.end,
                    kind: cell.value.kind.clone(),
                    need: weakened(&cell.value.kind, need),
                });
            }
        }
        if needs.places().stack_only().without(filled).is_empty() {
            continue;
        }
        for slot in 0..64 {
            let (start, end) = (-8 * (slot + 1), -8 * slot);
            if !needs.places().meets(Places::stack(depth, start, end)) {
                continue;
            }
            for (start, end) in frame.stack.gaps(start, end) {
                requirements.push(Requirement::Unwritten {
                    frame: depth,
                    start,
                    end,
                });
            }
        }
    }
    if needs.at(Places::REGION).is_some() {
        requirements.push(Requirement::Region {
            size: state.facts.size,
        });
    }
    if needs.at(Places::RANGES).is_some() {
        requirements.push(Requirement::Ranges {
            facts: Rc::clone(&state.facts),
        });
    }
    if needs.at(Places::LIMITS).is_some() {
        requirements.push(Requirement::Limits {
            facts: Rc::clone(&state.facts),
        });
    }
    requirements
}

/// Whether a state meets all requirements. Counts the requirements looked at.
pub(crate) fn all_met(requirements: &[Requirement], state: &State, looked: &mut u64) -> bool {
    let mut images = Images::default();
    requirements.iter().all(|requirement| {
        *looked += 1;
        requirement.is_met(state, &mut images)
    })
}

impl Requirement {
    pub(crate) fn is_met(&self, state: &State, images: &mut Images) -> bool {
        match self {
            Self::Register {
                frame,
                reg,
                kind,
                need,
            } => state
                .frame(*frame)
                .is_some_and(|frame| fits(kind, &frame.registers[*reg].kind, *need, images)),
            Self::Stack {
                frame,
                start,
                end,
                kind,
                need,
            } => state.frame(*frame).is_some_and(|frame| {
                let stack = &frame.stack;
                match kind {
                    Kind::Pointer(_) => stack
                        .pointer(*start)
                        .is_some_and(|cell| fits(kind, &cell.value.kind, *need, images)),
                    Kind::Number(_) if *need == Need::Exact => stack
                        .number(*start, (end - start) as u8)
                        .is_ok_and(|num| fits(kind, &Kind::Number(num), *need, images)),
                    _ => stack.check_readable(*start, *end).is_ok(),
                }
            }),
            Self::Unwritten { frame, start, end } => state.frame(*frame).is_some_and(|frame| {
                let cells = frame.stack.overlapping(*start, *end);
                cells
                    .iter()
                    .all(|cell| matches!(cell.value.kind, Kind::Number(_) | Kind::Bytes))
            }),
            Self::Region { size } => state.facts.size >= *size,
            Self::Ranges { facts } => images.have_facts(facts, state),
            Self::Limits { facts } => images.have_limits(facts, state),
        }
    }
}

/// Whether `old` covers every value of `new`, as far as the need asks.
fn fits(old: &Kind, new: &Kind, need: Need, images: &mut Images) -> bool {
    match (old, new) {
        (Kind::Uninit, _) => true,
        (_, new) if need == Need::Written => *new != Kind::Uninit,
        (Kind::Number(_), Kind::Number(_)) if need == Need::Shape => true,
        (Kind::Number(old), Kind::Number(new)) => {
            new.number.is_subset_of(&old.number) && images.number(old, new)
        }
        (Kind::Pointer(old), Kind::Pointer(new)) => pointer_fits(old, new, images),
        _ => false,
    }
}

fn pointer_fits(old: &Pointer, new: &Pointer, images: &mut Images) -> bool {
    if old.space != new.space || new.or_null && !old.or_null {
        return false;
    }
    let same_object = if old.object == 0 {
        new.object == 0
    } else {
        images.add(old.object, Image::Plus(new.object, 0))
    };
    if !same_object {
        return false;
    }
    let distance = new.offset.wrapping_sub(old.offset);
    if old.variable_id == 0 {
        return new.variable_id == 0 && distance == 0;
    }
    let variable = new.variable.add_constant(distance);
    let image = match variable.as_constant() {
        Some(constant) => Image::Constant(constant),
        None => Image::Plus(new.variable_id, distance),
    };
    variable.is_subset_of(&old.variable) && images.add(old.variable_id, image)
}

/// The image of a number or an object of the proof in another state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Image {
    Constant(u64),
    /// The number of this id, plus this distance.
    Plus(Id, i64),
    /// A number that nothing else is equal to.
    Alone,
}

/// Maps ids of a proof to their images in a state.
#[derive(Debug, Default)]
pub(crate) struct Images {
    /// The first ids. Most proofs have no more than these.
    first: Vec<(Id, Image)>,
    others: MixMap<Id, Image>,
}

/// The number of ids that are searched one by one.
const FEW: usize = 32;

impl Images {
    fn get(&self, id: Id) -> Option<Image> {
        let mut first = self.first.iter();
        let found = first.find_map(|(old, image)| (*old == id).then_some(*image));
        found.or_else(|| self.others.get(&id).copied())
    }

    /// Whether `image` can stand for `id`. One thing must not have two images.
    fn add(&mut self, id: Id, image: Image) -> bool {
        match self.get(id) {
            Some(known) => known == image && known != Image::Alone,
            None => {
                if self.first.len() < FEW {
                    self.first.push((id, image));
                } else {
                    self.others.insert(id, image);
                }
                true
            }
        }
    }

    /// Whether the facts of a proof hold in a state, as far as they are about numbers that the
    /// proof needs.
    fn have_facts(&self, facts: &RegionFacts, state: &State) -> bool {
        let is_needed = |id: Id| id == 0 || self.get(id).is_some();
        facts
            .ranges
            .iter()
            .all(|(id, range)| !is_needed(*id) || self.has_fact([(*id, 1), (0, 1)], *range, state))
            && facts.remainders.iter().all(|fact| {
                let terms = [(fact.variable, 1), (fact.number, fact.times)];
                terms.iter().any(|(id, _)| !is_needed(*id))
                    || self.has_fact(terms, fact.offset, state)
            })
            && facts.sums.iter().all(|sum| {
                let of_parts = is_needed(sum.variable) || is_needed(sum.number);
                !of_parts || !is_needed(sum.sum) || self.has_sum(sum, state)
            })
            && facts
                .sizes
                .iter()
                .all(|(id, less)| !is_needed(*id) || self.has_size(*id, *less, state))
    }

    /// The same for what is known not to be in the region.
    fn have_limits(&self, facts: &RegionFacts, state: &State) -> bool {
        facts.limits.iter().all(|(id, limit)| {
            let image = match self.get(*id) {
                _ if *id == 0 => Some((0, 0)),
                None => return true,
                Some(Image::Constant(constant)) => Some((0, constant as i64)),
                Some(_) => self.moved(*id),
            };
            image.is_some_and(|(image, distance)| {
                let known = state.facts.limit(image);
                known.is_some_and(|known| {
                    i128::from(known) <= i128::from(*limit) + i128::from(distance)
                })
            })
        })
    }

    /// The image of a number as another number, and the distance from it. `None` if it is too far
    /// from it.
    fn moved(&self, id: Id) -> Option<(Id, i64)> {
        match self.get(id) {
            // Each offset is within FAR of its base. If the distance between the two exceeds 2 *
            // FAR, they cannot stand for the same number, and the proof does not apply. Facts are
            // about numbers that are not so large that this distance could make them wrap.
            Some(Image::Plus(id, distance))
                if i128::from(distance).abs() <= 2 * i128::from(FAR) =>
            {
                Some((id, distance))
            }
            _ => None,
        }
    }

    /// Whether the sum of two multiples and an offset is known to be at most the region's size.
    fn has_fact(&self, terms: [(Id, i64); 2], offset: i64, state: &State) -> bool {
        let mut offset = i128::from(offset);
        let mut images = [(0, 1); 2];
        for ((id, times), image) in terms.into_iter().zip(&mut images) {
            if id == 0 {
                continue;
            }
            if let Some(Image::Constant(constant)) = self.get(id) {
                offset += i128::from(times) * i128::from(constant as i64);
                continue;
            }
            let Some((id, distance)) = self.moved(id) else {
                return false;
            };
            offset += i128::from(times) * i128::from(distance);
            *image = (id, times);
        }
        let known = match images {
            [(0, _), (number, times)] | [(number, times), (0, _)] if number != 0 => {
                state.facts.offset(0, times, number)
            }
            [(0, _), (0, _)] => Some(state.facts.size),
            [(variable, 1), (number, times)] | [(number, times), (variable, 1)] => {
                state.facts.offset(variable, times, number)
            }
            _ => None,
        };
        known.is_some_and(|known| i128::from(known) >= offset)
    }

    fn has_sum(&self, old: &Sum, state: &State) -> bool {
        let images = [old.sum, old.variable, old.number].map(|id| self.moved(id));
        let [Some(sum), Some(variable), Some(number)] = images else {
            return false;
        };
        let wanted = Sum {
            sum: sum.0,
            variable: variable.0,
            number: number.0,
            distance: old
                .distance
                .wrapping_add(variable.1)
                .wrapping_add(number.1)
                .wrapping_sub(sum.1),
        };
        state.facts.sums.iter().any(|known| known.is_same(&wanted))
    }

    fn has_size(&self, old: Id, less: i64, state: &State) -> bool {
        self.moved(old).is_some_and(|(id, distance)| {
            let wanted = (id, less.wrapping_add(distance));
            state.facts.sizes.contains(&wanted)
        })
    }

    fn number(&mut self, old: &Num, new: &Num) -> bool {
        if old.part != Part::None {
            let (part, link) = (old.part.link(), new.part.link());
            let distance = link.distance.wrapping_sub(part.distance);
            let same = old.part.with_link(Link::NONE) == new.part.with_link(Link::NONE);
            if !same || !self.add(part.id, Image::Plus(link.id, distance)) {
                return false;
            }
        }
        let old = old.link;
        if !old.exists() {
            return true;
        }
        let image = match new.number.as_constant() {
            Some(constant) => Image::Constant(constant.wrapping_sub(old.distance as u64)),
            None if new.link.exists() => {
                Image::Plus(new.link.id, new.link.distance.wrapping_sub(old.distance))
            }
            None => Image::Alone,
        };
        self.add(old.id, image)
    }
}
