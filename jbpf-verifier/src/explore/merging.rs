//! Loops whose iterations are merged.
//!
//! When the paths through a loop multiply, the explorer goes through the loop one iteration at a
//! time. It follows all paths through the iteration to the loop's head, where they wait. When none
//! is left, the smallest state that covers them continues with the next iteration. A loop of 255
//! iterations with three ways through its body so takes 255 states, not 3^255. The number of an
//! iteration stays exact, because all waiting paths have run the same number of iterations. If the
//! merged states cannot be proven, the explorer tries again with exact ones.

use std::hash::Hasher;

use super::{Explorer, STATE_BYTES, Work, bytes};
use crate::archive::{Mix, key};
use crate::fault::Fault;
use crate::hull::hull;
use crate::path::{Need, Open};
use crate::state::State;
use crate::value::Places;

/// An iteration under exploration, and its result so far.
#[derive(Debug)]
pub(super) struct Gathering {
    /// The loop, with the calls and the iterations of other loops around it.
    instance: u64,
    frame: u8,
    head: u32,
    /// The number of the iteration.
    count: u32,
    /// Index of the checkpoint that the iteration began at, or of the last one before it.
    open: usize,
    trail: usize,
    /// Covers every path that has come to the next iteration.
    next: Option<Box<State>>,
    /// The places of the checkpoint whose values must be numbers for `next` to cover those paths.
    numbers: Places,
}

/// Names a loop together with the calls and the iterations of the loops around it. The state is at
/// its head.
pub(super) fn instance(state: &State) -> u64 {
    let mut hash = Mix::default();
    hash.write_usize(state.at);
    for (_, frame) in state.frames() {
        hash.write_usize(frame.call);
    }
    let around = state.loops.len().saturating_sub(1);
    for iteration in state.loops.iter().take(around) {
        hash.write_u64(u64::from(iteration.head) << 32 | u64::from(iteration.count));
    }
    hash.finish()
}

impl Gathering {
    /// The bytes that the gathering takes, roughly.
    pub(super) fn bytes(&self) -> usize {
        STATE_BYTES + self.next.as_deref().map_or(0, bytes)
    }
}

impl Explorer<'_> {
    /// Whether a state at the head of a loop stays there and waits for the next iteration.
    pub(super) fn gather(&mut self, state: &State) -> bool {
        if self.gatherings.is_empty() {
            return false;
        }
        let instance = instance(state);
        let Some(count) = state.loops.last().map(|iteration| iteration.count) else {
            return false;
        };
        let is_waiting = |at: &&usize| {
            matches!(self.work.get(**at), Some(Work::Gather(gathering))
                if gathering.instance == instance && gathering.count + 1 == count)
        };
        let waiting = self.gatherings.iter().rev().find(is_waiting).copied();
        let waiting = waiting.and_then(|at| self.work.get_mut(at));
        let Some(Work::Gather(gathering)) = waiting else {
            return false;
        };
        self.looked += 2 * state.cells() as u64;
        let Some(rebased) = self.path.rebased(state, gathering.open) else {
            return false;
        };
        let next = match &gathering.next {
            None => rebased,
            Some(next) => match hull(next, &rebased, &mut self.ids) {
                Some(covering) => {
                    self.merged += 1;
                    gathering.numbers |= covering.dropped;
                    covering.state
                }
                None => return false,
            },
        };
        let before = gathering.bytes();
        gathering.next = Some(Box::new(next));
        self.bytes = self.bytes + gathering.bytes() - before;
        let open = gathering.open;
        self.path.leave_open(open);
        true
    }

    /// Whether a state is inside the innermost loop whose iterations are merged.
    pub(super) fn is_merging(&self, state: &State) -> bool {
        let last = self.gatherings.last().and_then(|at| self.work.get(*at));
        matches!(last, Some(Work::Gather(gathering)) if state
            .loops
            .iter()
            .any(|l| (l.frame, l.head) == (gathering.frame, gathering.head)))
    }

    /// Begins to merge at the state, which has just passed a checkpoint at a loop's head.
    pub(super) fn start_merging(&mut self, state: &State) -> Result<(), Box<Fault>> {
        let deadline = self.joined_deadline(state.at);
        self.push_joined(Box::new(state.clone()), deadline)?;
        self.push_gathering(state)
    }

    /// Goes back to the point where the loop was entered, to merge from there. Returns whether
    /// that point is known.
    pub(super) fn rewind(&mut self, state: &mut State) -> bool {
        let instance = instance(state);
        let entered = |open: &Open| open.state.at == state.at && open.instance == instance;
        let Some(first) = self.path.open().iter().position(entered) else {
            return false;
        };
        while self.path.open().len() > first + 1 && self.drop_work().is_some() {}
        // The work left above the checkpoint comes after the checkpoint as well.
        while !matches!(self.work.last(), Some(Work::Close { .. }) | None) {
            self.drop_work();
        }
        let Some((resumed, trail)) = self.path.resumed() else {
            return false;
        };
        *state = resumed;
        self.trail.truncate(trail);
        true
    }

    fn push_gathering(&mut self, state: &State) -> Result<(), Box<Fault>> {
        let (frame, head, count) = state
            .loops
            .last()
            .map_or((0, 0, 0), |l| (l.frame, l.head, l.count));
        self.gatherings.push(self.work.len());
        self.push_work(Work::Gather(Gathering {
            instance: instance(state),
            frame,
            head,
            count,
            open: self.path.open().len().saturating_sub(1),
            trail: self.trail.len(),
            next: None,
            numbers: Places::NONE,
        }))
    }

    /// The next iteration of a loop, after all paths through this one were followed. `None` if
    /// there is none, or if it is proven already.
    pub(super) fn next_iteration(
        &mut self,
        gathering: Gathering,
    ) -> Result<Option<State>, (Box<Fault>, Box<State>)> {
        let Some(next) = gathering.next else {
            return Ok(None);
        };
        let mut state = *next;
        self.trail.truncate(gathering.trail);
        self.path.need(Need::Shape, gathering.numbers);
        self.looked += 4 * state.cells() as u64;
        state.forget_unused();
        let key = key(&state);
        if let Some(proven) = self.archive.covering(&state, key, &mut self.looked) {
            self.looked += proven.requirements.len() as u64;
            proven.pass_needs(&state, &mut self.path);
            self.path.reach_end(state.cost.saturating_add(proven.tail));
            return Ok(None);
        }
        let begun = self.begin_iteration(&mut state, key);
        begun.map_err(|fault| (fault, Box::new(state.clone())))?;
        Ok(Some(state))
    }

    fn begin_iteration(&mut self, state: &mut State, key: u64) -> Result<(), Box<Fault>> {
        if self.is_far(state) {
            self.check_progress(state)?;
            self.open_checkpoint(state, key, true)?;
        }
        self.push_gathering(state)
    }
}
