//! Facts that hold of each instruction on every path. The explorer gathers them while it follows
//! paths.
//!
//! An exploration that may be taken back is marked when it begins. The findings change in place,
//! and each change since the oldest mark is kept. So findings are taken back with the work that
//! found them: if only a state wider than any run reaches an instruction, the instruction is not
//! reached.

use std::collections::{BTreeMap, BTreeSet};

use crate::fault::Fault;
use crate::flow::Flow;
use crate::insn::Insn;
use crate::program::{BranchOutcome, Fact, MemorySpace, Objects, StackBytes, VerifiedFunction};
use crate::stack::FRAME_SIZE;
use crate::value::Space;

/// Facts of instructions and functions, as known so far.
#[derive(Debug)]
pub(crate) struct Findings {
    facts: Vec<Fact>,
    /// By instruction and operand.
    objects: BTreeMap<(usize, u8), Objects>,
    functions: Vec<FrameUse>,
    helpers: BTreeSet<u32>,
    maps: BTreeSet<usize>,
    /// The number of explorations under way that may be taken back, one inside the other.
    tentative: usize,
    /// Changes since the outermost of them began, oldest first.
    changes: Vec<Change>,
    /// The fault if something was found of an instruction or a function that does not exist.
    lost: Option<Box<Fault>>,
}

/// A change of the findings, with what was there before.
#[derive(Debug)]
enum Change {
    Fact {
        at: usize,
        before: Fact,
    },
    Objects {
        operand: (usize, u8),
        before: Option<Box<Objects>>,
    },
    Frame {
        function: usize,
        before: FrameUse,
    },
    Helper(u32),
    Map(usize),
}

/// The findings at the beginning of an exploration that may be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark(usize);

/// A function's use of its stack frame.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct FrameUse {
    /// The lowest byte touched, as bytes below the frame pointer.
    depth: u32,
    /// Bytes that a helper is handed before the codelet wrote them: a flag for each, with the
    /// lowest byte's first.
    zeroed: [u64; FRAME_SIZE as usize / 64],
}

impl Findings {
    pub(crate) fn new(insns: usize, functions: usize) -> Self {
        Self {
            facts: vec![Fact::Unreachable; insns],
            objects: BTreeMap::new(),
            functions: vec![FrameUse::default(); functions],
            helpers: BTreeSet::new(),
            maps: BTreeSet::new(),
            tentative: 0,
            changes: Vec::new(),
            lost: None,
        }
    }

    /// The fault, if something was found that cannot be. No finding counts then.
    pub(crate) fn check(&mut self) -> Result<(), Box<Fault>> {
        self.lost.take().map_or(Ok(()), Err)
    }

    /// Begins an exploration that may be taken back.
    pub(crate) fn begin(&mut self) -> Mark {
        self.tentative += 1;
        Mark(self.changes.len())
    }

    /// Keeps the findings since the mark, as long as the explorations around it hold.
    pub(crate) fn keep(&mut self) {
        self.tentative = self.tentative.saturating_sub(1);
        if self.tentative == 0 {
            self.changes = Vec::new();
        }
    }

    /// Takes back the findings since the mark.
    pub(crate) fn take_back(&mut self, mark: Mark) {
        while self.changes.len() > mark.0 {
            match self.changes.pop() {
                Some(Change::Fact { at, before }) => {
                    if let Some(fact) = self.facts.get_mut(at) {
                        *fact = before;
                    }
                }
                Some(Change::Objects { operand, before }) => {
                    match before {
                        Some(before) => self.objects.insert(operand, *before),
                        None => self.objects.remove(&operand),
                    };
                }
                Some(Change::Frame { function, before }) => {
                    if let Some(frame) = self.functions.get_mut(function) {
                        *frame = before;
                    }
                }
                Some(Change::Helper(id)) => {
                    self.helpers.remove(&id);
                }
                Some(Change::Map(map)) => {
                    self.maps.remove(&map);
                }
                None => break,
            }
        }
        self.keep();
    }

    /// The bytes that the changes take, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.changes.capacity() * size_of::<Change>()
    }

    fn change(&mut self, change: Change) {
        if self.tentative > 0 {
            self.changes.push(change);
        }
    }

    fn fact(&mut self, at: usize, change: impl FnOnce(Fact) -> Fact) {
        let Some(fact) = self.facts.get_mut(at) else {
            self.lost = Some(Fault::internal("a fact of no instruction"));
            return;
        };
        let before = std::mem::replace(fact, change(*fact));
        if before != *fact {
            self.change(Change::Fact { at, before });
        }
    }

    fn frame(&mut self, function: usize, change: impl FnOnce(&mut FrameUse)) {
        let Some(frame) = self.functions.get_mut(function) else {
            self.lost = Some(Fault::internal("a frame of no function"));
            return;
        };
        let before = frame.clone();
        change(frame);
        if before != *frame {
            self.change(Change::Frame { function, before });
        }
    }

    pub(crate) fn reached(&mut self, at: usize) {
        self.fact(at, |fact| match fact {
            Fact::Unreachable => Fact::Reached,
            _ => fact,
        });
    }

    pub(crate) fn memory(&mut self, at: usize, space: MemorySpace) {
        self.fact(at, |fact| {
            Fact::Memory(match fact {
                Fact::Memory(known) => known.or(space),
                _ => space,
            })
        });
    }

    /// Notes that an operand of an instruction is used, and points into `space`. `own_frame` says
    /// whether a stack is the frame of the instruction's own function.
    pub(crate) fn points_into(&mut self, operand: (usize, u8), space: Space, own_frame: bool) {
        let known = self.objects.get(&operand);
        if known.is_some_and(|known| has(known, space, own_frame)) {
            return;
        }
        if self.tentative > 0 {
            let before = known.cloned().map(Box::new);
            self.changes.push(Change::Objects { operand, before });
        }
        let objects = self.objects.entry(operand).or_default();
        let insert = |maps: &mut Vec<usize>, map| {
            let at = maps.partition_point(|known| *known < map);
            maps.insert(at, map);
        };
        match space {
            Space::Context => objects.context = true,
            Space::Stack { .. } if own_frame => objects.own_frame = true,
            Space::Stack { .. } => objects.caller_frames = true,
            Space::Region | Space::RegionEnd | Space::RegionHalf | Space::RegionEndHalf => {
                objects.region = true
            }
            Space::MapValue { map } => insert(&mut objects.values, map),
            Space::OutputBuffer { map } | Space::Released { map } => {
                insert(&mut objects.records, map);
            }
            Space::Map { map } => insert(&mut objects.maps, map),
        }
    }

    pub(crate) fn branch(&mut self, at: usize, outcome: BranchOutcome) {
        self.fact(at, |fact| {
            Fact::Branch(match fact {
                Fact::Branch(known) if known != outcome => BranchOutcome::Both,
                _ => outcome,
            })
        });
    }

    pub(crate) fn helper_call(&mut self, at: usize, id: u32, map: Option<usize>) {
        if self.helpers.insert(id) {
            self.change(Change::Helper(id));
        }
        self.fact(at, |fact| Fact::HelperCall {
            map: match fact {
                Fact::HelperCall { map: known } if known != map => None,
                _ => map,
            },
        });
    }

    pub(crate) fn map(&mut self, map: usize) {
        if self.maps.insert(map) {
            self.change(Change::Map(map));
        }
    }

    /// Notes that a function uses the bytes of its frame down to this offset.
    pub(crate) fn stack(&mut self, function: usize, lowest: i32) {
        let depth = lowest.min(0).unsigned_abs();
        let known = self.functions.get(function).map(|frame| frame.depth);
        if known.is_none_or(|known| depth > known) {
            self.frame(function, |frame| frame.depth = depth);
        }
    }

    /// Notes that a helper is handed these bytes of a function's frame, which may not have been
    /// written.
    pub(crate) fn zeroed(&mut self, function: usize, start: i32, end: i32) {
        self.frame(function, |frame| {
            for byte in start.max(-FRAME_SIZE)..end.min(0) {
                let flag = (byte + FRAME_SIZE) as usize;
                if let Some(flags) = frame.zeroed.get_mut(flag / 64) {
                    *flags |= 1 << (flag % 64);
                }
            }
        });
    }

    /// The objects that operands point into, by instruction and operand.
    pub(crate) fn objects(&self) -> &BTreeMap<(usize, u8), Objects> {
        &self.objects
    }

    pub(crate) fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// The functions as the report and the engine see them.
    pub(crate) fn functions(&self, flow: &Flow) -> Vec<VerifiedFunction> {
        let functions = flow.functions().iter().zip(&self.functions);
        functions
            .map(|(function, frame)| VerifiedFunction {
                start: function.start,
                end: function.end,
                stack_size: frame.depth.next_multiple_of(8),
                zero_on_entry: ranges(&frame.zeroed),
            })
            .collect()
    }

    /// Bytes of stack over the deepest chain of calls that paths take. `None` if the findings are
    /// of another program.
    pub(crate) fn stack_bytes(&self, flow: &Flow, insns: &[Insn]) -> Option<u32> {
        let mut totals: Vec<Option<u32>> = vec![None; self.functions.len()];
        for &function in flow.callees_first() {
            let body = flow.functions().get(function)?;
            let mut deepest = 0;
            for at in body.start..body.end {
                if let Insn::CallFunction { target } = insns.get(at)?
                    && *self.facts.get(at)? != Fact::Unreachable
                {
                    let callee = flow.function_at(*target)?;
                    // Callees come first.
                    deepest = deepest.max((*totals.get(callee)?)?);
                }
            }
            let own = self.functions.get(function)?.depth.next_multiple_of(8);
            *totals.get_mut(function)? = Some(own + deepest);
        }
        *totals.first()?
    }

    /// Helpers that paths call, ascending.
    pub(crate) fn helpers(&self) -> Vec<u32> {
        self.helpers.iter().copied().collect()
    }

    /// Maps that paths refer to, ascending.
    pub(crate) fn maps(&self) -> Vec<usize> {
        self.maps.iter().copied().collect()
    }
}

/// Whether an object is among these.
fn has(objects: &Objects, space: Space, own_frame: bool) -> bool {
    match space {
        Space::Context => objects.context,
        Space::Stack { .. } if own_frame => objects.own_frame,
        Space::Stack { .. } => objects.caller_frames,
        Space::Region | Space::RegionEnd | Space::RegionHalf | Space::RegionEndHalf => {
            objects.region
        }
        Space::MapValue { map } => objects.values.binary_search(&map).is_ok(),
        Space::OutputBuffer { map } | Space::Released { map } => {
            objects.records.binary_search(&map).is_ok()
        }
        Space::Map { map } => objects.maps.binary_search(&map).is_ok(),
    }
}

/// The ranges of bytes that are flagged, in order.
fn ranges(flags: &[u64]) -> Vec<StackBytes> {
    let mut ranges: Vec<StackBytes> = Vec::new();
    let bytes = flags
        .iter()
        .flat_map(|flags| (0..64).map(move |flag| flags >> flag & 1 == 1));
    let flagged = (-FRAME_SIZE..0).zip(bytes).filter(|(_, flagged)| *flagged);
    for (offset, _) in flagged {
        match ranges.last_mut() {
            Some(last) if last.offset + last.len as i32 == offset => last.len += 1,
            _ => ranges.push(StackBytes { offset, len: 1 }),
        }
    }
    ranges
}
