//! What holds of each instruction on every path, gathered while paths are explored.

use std::collections::BTreeSet;

use crate::flow::Flow;
use crate::insn::Insn;
use crate::program::{BranchOutcome, Fact, MemorySpace, StackBytes, VerifiedFunction};
use crate::stack::FRAME_SIZE;

/// Facts of instructions and functions, growing.
#[derive(Debug)]
pub(crate) struct Findings {
    facts: Vec<Fact>,
    functions: Vec<FrameUse>,
    helpers: BTreeSet<u32>,
    maps: BTreeSet<usize>,
}

/// What a function does to its stack frame.
#[derive(Debug, Clone, Default)]
struct FrameUse {
    /// The lowest byte touched, as bytes below the frame pointer.
    depth: u32,
    /// Bytes that helpers are handed before the codelet wrote them: a flag for each, the lowest byte's
    /// first.
    zeroed: [u64; FRAME_SIZE as usize / 64],
}

impl Findings {
    pub(crate) fn new(insns: usize, functions: usize) -> Self {
        Self {
            facts: vec![Fact::Unreachable; insns],
            functions: vec![FrameUse::default(); functions],
            helpers: BTreeSet::new(),
            maps: BTreeSet::new(),
        }
    }

    pub(crate) fn reached(&mut self, at: usize) {
        if let Some(fact @ Fact::Unreachable) = self.facts.get_mut(at) {
            *fact = Fact::Reached;
        }
    }

    pub(crate) fn memory(&mut self, at: usize, space: MemorySpace) {
        if let Some(fact) = self.facts.get_mut(at) {
            *fact = Fact::Memory(match *fact {
                Fact::Memory(known) => known.or(space),
                _ => space,
            });
        }
    }

    pub(crate) fn branch(&mut self, at: usize, outcome: BranchOutcome) {
        if let Some(fact) = self.facts.get_mut(at) {
            *fact = Fact::Branch(match *fact {
                Fact::Branch(known) if known != outcome => BranchOutcome::Both,
                _ => outcome,
            });
        }
    }

    pub(crate) fn helper_call(&mut self, at: usize, id: u32, map: Option<usize>) {
        self.helpers.insert(id);
        if let Some(fact) = self.facts.get_mut(at) {
            *fact = Fact::HelperCall {
                map: match *fact {
                    Fact::HelperCall { map: known } if known != map => None,
                    _ => map,
                },
            };
        }
    }

    pub(crate) fn map(&mut self, map: usize) {
        self.maps.insert(map);
    }

    /// Bytes of a function's frame down to this offset are used.
    pub(crate) fn stack(&mut self, function: usize, lowest: i32) {
        if let Some(frame) = self.functions.get_mut(function) {
            frame.depth = frame.depth.max(lowest.min(0).unsigned_abs());
        }
    }

    /// A helper is handed these bytes of a function's frame, which may not have been written.
    pub(crate) fn zeroed(&mut self, function: usize, start: i32, end: i32) {
        if let Some(frame) = self.functions.get_mut(function) {
            for byte in start.max(-FRAME_SIZE)..end.min(0) {
                let flag = (byte + FRAME_SIZE) as usize;
                if let Some(flags) = frame.zeroed.get_mut(flag / 64) {
                    *flags |= 1 << (flag % 64);
                }
            }
        }
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

    /// Bytes of stack over the deepest chain of calls that paths take.
    pub(crate) fn stack_bytes(&self, flow: &Flow, insns: &[Insn]) -> u32 {
        let own = |function: usize| {
            let frame = self.functions.get(function);
            frame.map_or(0, |frame| frame.depth.next_multiple_of(8))
        };
        let mut totals = vec![0; self.functions.len()];
        for &function in flow.callees_first() {
            let range = flow.functions().get(function).map(|f| f.start..f.end);
            let deepest = range.into_iter().flatten().filter_map(|at| {
                match (insns.get(at)?, self.facts.get(at)?) {
                    (_, Fact::Unreachable) => None,
                    (Insn::CallFunction { target }, _) => {
                        totals.get(flow.function_of(*target)).copied()
                    }
                    _ => None,
                }
            });
            let total = own(function) + deepest.max().unwrap_or(0);
            if let Some(slot) = totals.get_mut(function) {
                *slot = total;
            }
        }
        totals.first().copied().unwrap_or(0)
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
