//! Meeting points of paths. A path ends here if everything behind it is proven already. Otherwise
//! it may pass a checkpoint, or its state may be joined with others.

use std::rc::Rc;

use super::merging::instance;
use super::{Explorer, Work, bytes};
use crate::archive::{fingerprint, key};
use crate::fault::Fault;
use crate::flow::DEEPEST_NEST;
use crate::insn::Reg;
use crate::join::{Bounds, join};
use crate::path::{Label, Needs, Open};
use crate::proven::{all_met, requirements};
use crate::report::Code;
use crate::state::{Frame, Iteration, State};
use crate::value::{Kind, Value};

/// The number of proven states of one place and one iteration from which on states are merged at
/// the head of a loop, and joined elsewhere.
const JOIN_AT_LOOP: usize = 4;
const JOIN_ELSEWHERE: usize = 8;
/// The number of proven states that a joined state is made from.
const JOINED: usize = 4;
/// The number of failed joins at one instruction after which its states are not joined any more.
/// The head of a loop is left alone after one.
const JOIN_FAILURES: u32 = 2;

/// The number of open checkpoints of one fingerprint that a state is compared with. If a state
/// differs from all of these, and repeats only an earlier one, the budget ends the path.
const COMPARED: usize = 32;

/// The explorer's next step for a state that arrived at a meeting point.
pub(super) enum Arrival {
    Go,
    Covered,
}

impl Explorer<'_> {
    /// Handles a state at a place where paths meet. The path ends if a proven state covers it.
    /// Otherwise it passes a checkpoint now and then, and is joined if paths keep coming.
    pub(super) fn arrive(&mut self, state: &mut State) -> Result<Arrival, Box<Fault>> {
        let at = state.at;
        let is_head = self.subject.flow.is_loop_head(at);
        self.count_loops(state, is_head)?;
        self.drop_dead(state)?;
        if self.limits.exhaustive {
            return Ok(Arrival::Go);
        }
        let key = key(state);
        if let Some(proven) = self.archive.covering(state, key, &mut self.looked) {
            self.looked += proven.requirements.len() as u64;
            proven.pass_needs(state, &mut self.path);
            self.path.reach_end(state.cost.saturating_add(proven.tail));
            return Ok(Arrival::Covered);
        }
        if is_head && self.gather(state) {
            return Ok(Arrival::Covered);
        }
        let pays = if is_head {
            self.is_far(state) || self.is_first_head(state)
        } else {
            self.is_far(state) && state.branches >= 2 && !self.is_merging(state)
        };
        if !pays {
            return Ok(Arrival::Go);
        }
        // Pays for dropping unused facts, for the fingerprint, and for a copy.
        self.looked += 4 * state.cells() as u64;
        state.forget_unused();
        self.check_progress(state)?;
        if is_head {
            self.enter_loop(state, key)?;
        } else if let Some(joined) = self.joined(state, key) {
            self.start_joined(state, joined, key)?;
        } else {
            self.open_checkpoint(state, key, false)?;
        }
        Ok(Arrival::Go)
    }

    /// Whether the path has come far enough since the last checkpoint for another one. Checkpoints
    /// are a shortcut, so that they leave room to the ways that wait.
    pub(super) fn is_far(&self, state: &State) -> bool {
        let open = self.path.open().len() as u32;
        state.steps >= 8 + open / 32 && self.has_room()
    }

    /// Whether the last checkpoint was not at the head of a loop. Iterations are merged from a
    /// checkpoint at the head on, so that another checkpoint shortly before must not prevent this
    /// one.
    fn is_first_head(&self, state: &State) -> bool {
        let last = self.path.open().last();
        state.steps > 0
            && self.has_room()
            && last.is_some_and(|open| !self.subject.flow.is_loop_head(open.state.at))
    }

    /// Whether checkpoints leave enough memory to the ways that wait.
    fn has_room(&self) -> bool {
        self.bytes <= self.limits.memory / 2
    }

    /// Passes a checkpoint at the head of a loop. Merges its iterations when their paths multiply.
    fn enter_loop(&mut self, state: &mut State, key: u64) -> Result<(), Box<Fault>> {
        let at = state.at;
        let was_hot = self.hot.contains_key(&at);
        let is_hot = was_hot || self.archive.bucket(key).len() >= JOIN_AT_LOOP;
        if !is_hot || self.failed_joins.contains_key(&at) {
            return self.open_checkpoint(state, key, false);
        }
        self.hot.insert(at, ());
        if was_hot || !self.rewind(state) {
            self.open_checkpoint(state, key, false)?;
        }
        self.start_merging(state)
    }

    pub(super) fn open_checkpoint(
        &mut self,
        state: &mut State,
        key: u64,
        joined: bool,
    ) -> Result<(), Box<Fault>> {
        let fingerprint = fingerprint(state);
        let is_head = self.subject.flow.is_loop_head(state.at);
        let label = Label {
            key,
            fingerprint,
            joined,
            instance: if is_head { instance(state) } else { 0 },
            trail: self.trail.len(),
        };
        self.path.push(state, label);
        self.ids.forget_halves();
        *self.fingerprints.entry(fingerprint).or_default() += 1;
        self.push_work(Work::Close {
            bytes: bytes(state),
        })
    }

    /// Counts the iteration, when the state is at the head of a loop.
    fn count_loops(&self, state: &mut State, is_head: bool) -> Result<(), Box<Fault>> {
        let (at, depth) = (state.at, state.depth() as u8);
        let flow = &self.subject.flow;
        let left = |l: &Iteration| l.frame == depth && !flow.loop_holds(l.head as usize, at);
        if state.loops.last().is_some_and(left) {
            let loops = Rc::make_mut(&mut state.loops);
            while loops.last().is_some_and(left) {
                loops.pop();
            }
        }
        if !is_head {
            return Ok(());
        }
        let loops = Rc::make_mut(&mut state.loops);
        let known = loops
            .iter()
            .position(|l| l.frame == depth && l.head as usize == at);
        match known {
            Some(position) => {
                loops.truncate(position + 1);
                if let Some(last) = loops.last_mut() {
                    last.count += 1;
                }
            }
            None if loops.len() >= DEEPEST_NEST => {
                return Err(Fault::new(
                    Code::TooComplex,
                    format!(
                        "more than {DEEPEST_NEST} loops are nested here, those of callers included"
                    ),
                )
                .hint("move inner loops into functions that are called one after the other"));
            }
            None => loops.push(Iteration {
                frame: depth,
                head: at as u32,
                count: 0,
            }),
        }
        Ok(())
    }

    /// Drops registers that are not read any more, so that states differ in what matters.
    fn drop_dead(&self, state: &mut State) -> Result<(), Box<Fault>> {
        let dead = |frame: &Frame, live: u16| {
            Reg::WRITABLE
                .into_iter()
                .filter(|reg| live & reg.bit() == 0 && frame.registers[*reg].kind != Kind::Uninit)
                .fold(0, |mask, reg| mask | reg.bit())
        };
        let live = self.subject.flow.live(state.at);
        let live = live.ok_or_else(|| Fault::internal("a state at no instruction"))?;
        let mask = dead(&state.active, live);
        if mask == 0 {
            return Ok(());
        }
        let frame = Rc::make_mut(&mut state.active);
        for reg in Reg::WRITABLE {
            if mask & reg.bit() != 0 {
                frame.registers[reg] = Value::UNINIT;
            }
        }
        Ok(())
    }

    /// Refuses a path that came back to where it was, with nothing changed.
    pub(super) fn check_progress(&mut self, state: &State) -> Result<(), Box<Fault>> {
        let fingerprint = fingerprint(state);
        if !self.fingerprints.contains_key(&fingerprint) {
            return Ok(());
        }
        let alike = |open: &&Open| open.fingerprint == fingerprint && open.state.at == state.at;
        let alike = self.path.open().iter().rev().filter(alike);
        let looked = &mut self.looked;
        let repeated = alike.take(COMPARED).any(|open| {
            let requirements = requirements(&open.state, Needs::EVERYTHING);
            *looked += requirements.len() as u64;
            all_met(&requirements, state, looked)
        });
        if !repeated {
            return Ok(());
        }
        Err(Fault::new(
            Code::InfiniteLoop,
            "the path comes back to this instruction with nothing changed: the loop may never end",
        )
        .hint("count iterations and leave the loop at a constant number of them"))
    }

    /// The state to explore instead of this one, when it is one of many.
    fn joined(&mut self, state: &State, key: u64) -> Option<State> {
        let bucket = self.archive.bucket(key);
        let joined_before = bucket.iter().any(|proven| proven.joined);
        if bucket.len() < JOIN_ELSEWHERE && !joined_before {
            return None;
        }
        let failures = self.failed_joins.get(&state.at).copied();
        if failures.unwrap_or(0) >= JOIN_FAILURES {
            return None;
        }
        let newest = bucket.len().saturating_sub(JOINED);
        let newest = bucket.get(newest..).unwrap_or_default();
        let requirements = newest.iter().map(|proven| proven.requirements.len() as u64);
        self.looked += requirements.sum::<u64>();
        let bounds = self
            .bounds
            .get_or_insert_with(|| Bounds::of(&self.subject.insns));
        join(state, newest, bounds)
    }

    fn start_joined(
        &mut self,
        state: &mut State,
        joined: State,
        key: u64,
    ) -> Result<(), Box<Fault>> {
        let exact = std::mem::replace(state, joined);
        let deadline = self.joined_deadline(exact.at);
        self.push_joined(Box::new(exact), deadline)?;
        self.merged += 1;
        self.open_checkpoint(state, key, true)
    }

    /// When an attempt to prove a joined state is given up: with the one around, if that is at the
    /// same place, as the iterations of one loop are; halfway to its end otherwise.
    pub(super) fn joined_deadline(&self, at: usize) -> u64 {
        let around = self.work.iter().rev().find_map(|work| match work {
            Work::Joined { exact, .. } => Some(exact.at),
            _ => None,
        });
        if around == Some(at) {
            return self.deadline;
        }
        let left = self.deadline.saturating_sub(self.processed);
        self.processed + left / 2
    }
}
