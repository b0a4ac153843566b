//! The exploration of all paths.
//!
//! The explorer follows paths depth first. It keeps a stack of work instead of recursing: the ways
//! not taken yet, and the checkpoints, each of which is proven when everything above it is done. A
//! path ends at the entry's exit, or at a state that a proven one covers. `arrival` decides that,
//! and `merging` makes the paths of a loop wait for each other.

mod arrival;
mod merging;

use std::rc::Rc;

use arrival::Arrival;
use merging::Gathering;

use crate::archive::{Archive, MixMap, place_key};
use crate::facts::RegionFacts;
use crate::fault::Fault;
use crate::findings::{Findings, Mark};
use crate::insn::{Insn, Reg};
use crate::join::Bounds;
use crate::path::{Label, Needs, Path};
use crate::program::Summary;
use crate::proven::Proven;
use crate::record::Record;
use crate::report::Code;
use crate::state::{Frame, State};
use crate::step::{Outcome, Step, Subject};
use crate::types::EntryKind;
use crate::value::{Ids, Kind, Pointer, Space};

/// The limits of one verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Instructions processed, over all paths. Work beyond the instruction itself counts as well:
    /// stacks of many pieces, or long comparisons with proven states.
    pub instructions: u64,
    /// Bytes that states may take, roughly.
    pub memory: usize,
    /// Whether the verifier follows every path to its end, and takes none to be proven by another.
    /// It then finishes only small programs; this is for tests of the verifier.
    pub exhaustive: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            instructions: 1_000_000,
            memory: 8 << 20,
            exhaustive: false,
        }
    }
}

/// How paths are explored.
#[derive(Debug)]
pub(crate) enum Manner<'r> {
    Usual,
    /// The explorer notes every state before its instruction. It then never takes different states
    /// for one another, even if the difference is not needed, so that the notes cover every run.
    Recorded(&'r mut Record),
}

/// Bytes that a waiting or open state takes, roughly: the state with its first frame, each frame
/// of a caller, and each cell of a stack.
const STATE_BYTES: usize = 1400;
const FRAME_BYTES: usize = 1200;
const CELL_BYTES: usize = 128;

/// Values, mostly of stacks, that the verifier may look at for one instruction.
const LOOKS: u64 = 256;
/// The number of values beyond `LOOKS` that count as one instruction.
const LOOKS_OF_AN_INSTRUCTION: u64 = 16;

/// A step of the current path that the report tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TrailStep {
    /// An index fits into 16 bits, since programs are short enough. The small type keeps long
    /// paths small.
    pub(crate) insn: u16,
    pub(crate) what: Turn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Taken,
    NotTaken,
    Call,
    Return,
}

/// The reason why a program is not accepted, before it becomes a report.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) fault: Box<Fault>,
    pub(crate) at: usize,
    pub(crate) trail: Vec<TrailStep>,
    pub(crate) state: Option<State>,
}

/// A call of a helper that does much besides the call itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CostlyCall {
    pub(crate) at: usize,
    /// The number of instructions that count for this work.
    pub(crate) work: u64,
}

/// The result of a verification that proved everything.
#[derive(Debug)]
pub(crate) struct Success {
    pub(crate) findings: Findings,
    pub(crate) worst_case: u64,
    /// The helper call whose work counts for most.
    pub(crate) costliest: Option<CostlyCall>,
    pub(crate) stack_bytes: u32,
    pub(crate) processed: u64,
    pub(crate) merged: u64,
}

impl Success {
    pub(crate) fn summary(&self) -> Summary {
        Summary {
            worst_case_instructions: self.worst_case,
            stack_bytes: self.stack_bytes,
            helpers: self.findings.helpers(),
            maps: self.findings.maps(),
            processed: self.processed,
            merged: self.merged,
        }
    }
}

/// A fault, its instruction, and the state there.
type Stop = (Box<Fault>, usize, Box<State>);

#[derive(Debug)]
enum Work {
    /// A way of a branch that is not taken yet.
    Way {
        state: Box<State>,
        trail: usize,
        last: Option<TrailStep>,
        bytes: usize,
    },
    /// When this comes up, the last checkpoint of the path is proven.
    Close { bytes: usize },
    /// The work above this explores a joined state. `exact` is the state that it stands for, in
    /// case that fails.
    Joined {
        exact: Box<State>,
        trail: usize,
        deadline: u64,
        bytes: usize,
        before: Before,
    },
    /// The next iteration of a loop follows when all paths above, those of this iteration, are
    /// followed.
    Gather(Gathering),
}

/// The state of the results when an exploration began that may be taken back.
#[derive(Debug, Clone, Copy)]
struct Before {
    findings: Mark,
    /// The longest run behind the last checkpoint.
    tail: u64,
    merged: u64,
    costliest: Option<CostlyCall>,
    /// The number of states that were proven.
    proven: u64,
}

impl Work {
    fn bytes(&self) -> usize {
        match self {
            Self::Way { bytes, .. } | Self::Close { bytes } | Self::Joined { bytes, .. } => *bytes,
            Self::Gather(gathering) => gathering.bytes(),
        }
    }
}

pub(crate) struct Explorer<'a> {
    subject: &'a Subject<'a>,
    limits: Limits,
    path: Path,
    archive: Archive,
    findings: Findings,
    ids: Ids,
    work: Vec<Work>,
    trail: Vec<TrailStep>,
    /// Counts the open checkpoints of each fingerprint.
    fingerprints: MixMap<u64, u32>,
    bounds: Option<Bounds>,
    /// Indices of the gatherings in `work`, outermost first.
    gatherings: Vec<usize>,
    /// Heads of loops whose iterations are merged from the start.
    hot: MixMap<usize, ()>,
    failed_joins: MixMap<usize, u32>,
    processed: u64,
    /// Values looked at since an instruction was counted last.
    looked: u64,
    /// The value of `processed` beyond which the innermost joined exploration is given up.
    deadline: u64,
    bytes: usize,
    /// The number of paths that were merged with another.
    merged: u64,
    costliest: Option<CostlyCall>,
    manner: Manner<'a>,
}

impl<'a> Explorer<'a> {
    pub(crate) fn new(subject: &'a Subject<'a>, limits: Limits, manner: Manner<'a>) -> Self {
        Self {
            subject,
            limits,
            path: Path::default(),
            archive: Archive::default(),
            findings: Findings::new(subject.insns.len(), subject.flow.functions().len()),
            ids: Ids::default(),
            work: Vec::new(),
            trail: Vec::new(),
            fingerprints: MixMap::default(),
            bounds: None,
            gatherings: Vec::new(),
            hot: MixMap::default(),
            failed_joins: MixMap::default(),
            processed: 0,
            looked: 0,
            deadline: limits.instructions,
            bytes: 0,
            merged: 0,
            costliest: None,
            manner,
        }
    }

    pub(crate) fn run(mut self) -> Result<Success, Failure> {
        let mut state = self.entry();
        self.path.push(&mut state, Label::ROOT);
        // Whether `arrive` has seen the state at its instruction already.
        let mut arrived = false;
        loop {
            let followed = self.follow(&mut state, arrived);
            let next = match followed {
                Ok(()) => self.next_way(),
                Err((fault, at)) => Err((fault, at, Box::new(state))),
            };
            match next {
                Ok(Some(next)) => (state, arrived) = next,
                Ok(None) => break,
                Err((fault, at, failed)) => {
                    state = self.fall_back(fault, at, *failed)?;
                    arrived = true;
                }
            }
        }
        self.success().map_err(|fault| Failure {
            fault,
            at: 0,
            trail: Vec::new(),
            state: None,
        })
    }

    /// The results, when no work is left.
    fn success(mut self) -> Result<Success, Box<Fault>> {
        self.findings.check()?;
        let [root] = self.path.open() else {
            return Err(Fault::internal("the entry is proven, and is not the last"));
        };
        let flow = &self.subject.flow;
        let stack_bytes = self.findings.stack_bytes(flow, &self.subject.insns);
        Ok(Success {
            worst_case: root.tail,
            costliest: self.costliest,
            stack_bytes: stack_bytes
                .ok_or_else(|| Fault::internal("a call leads to no function"))?,
            findings: self.findings,
            processed: self.processed,
            merged: self.merged,
        })
    }

    fn entry(&self) -> State {
        let context = self.subject.context;
        let mut frame = Frame::new(0, 0, 0);
        let (space, size) = match context.entry {
            EntryKind::Context => (
                Space::Context,
                u64::from(context.readable).next_multiple_of(8),
            ),
            EntryKind::Memory => (Space::Region, context.region.known_size),
        };
        frame.registers[Reg::R1].kind = Kind::Pointer(Pointer::to(space));
        frame.registers[Reg::R2].kind = Kind::constant(size);
        State {
            at: 0,
            callers: Vec::new(),
            active: Rc::new(frame),
            facts: Rc::new(RegionFacts::new(context.region.known_size)),
            loops: Rc::new(Vec::new()),
            segment: 0,
            cost: 0,
            steps: 0,
            branches: 0,
            walked: 0,
        }
    }

    /// Follows one path to its end.
    fn follow(&mut self, state: &mut State, arrived: bool) -> Result<(), (Box<Fault>, usize)> {
        let mut arrived = arrived;
        loop {
            let at = state.at;
            if !std::mem::take(&mut arrived) && self.subject.flow.is_meeting(at) {
                match self.arrive(state).map_err(|fault| (fault, at))? {
                    Arrival::Go => {}
                    Arrival::Covered => return Ok(()),
                }
            }
            if let Manner::Recorded(record) = &mut self.manner {
                record.note(state);
            }
            self.processed += 1;
            state.steps += 1;
            if self.processed > self.deadline {
                return Err((self.too_complex(), at));
            }
            let depth = state.depth();
            let mut step = Step {
                subject: self.subject,
                state: &mut *state,
                path: &mut self.path,
                findings: &mut self.findings,
                ids: &mut self.ids,
                work: 0,
                looked: 0,
                at,
            };
            let outcome = step.run().map_err(|fault| (fault, at))?;
            let (work, looked) = (step.work, step.looked);
            if self.costliest.is_none_or(|costliest| costliest.work < work) && work > 0 {
                self.costliest = Some(CostlyCall { at, work });
            }
            self.count(looked);
            match outcome {
                Outcome::End => {
                    self.path.reach_end(state.cost);
                    return Ok(());
                }
                Outcome::Fork(other) => self.fork(at, state, other).map_err(|fault| (fault, at))?,
                Outcome::Continue => self.note_turn(at, depth, state),
            }
        }
    }

    /// Counts the values looked at for an instruction, and before it.
    fn count(&mut self, looked: u64) {
        let looked = looked + std::mem::take(&mut self.looked) + self.path.take_looked();
        let beyond = looked.saturating_sub(LOOKS) / LOOKS_OF_AN_INSTRUCTION;
        self.processed = self.processed.saturating_add(beyond);
    }

    fn too_complex(&self) -> Box<Fault> {
        Fault::new(
            Code::TooComplex,
            format!(
                "the verifier did the work of {} instructions and is not done: there are too many paths, or a loop that does not end soon enough",
                self.limits.instructions
            ),
        )
        .hint("a loop without a bound is the usual cause: add `i < N`, with a small constant, to its condition; or move the bodies of long loops into functions with simple results")
    }

    fn note_turn(&mut self, at: usize, depth: usize, state: &State) {
        let what = match self.subject.insns.get(at) {
            Some(Insn::CallFunction { .. }) => Turn::Call,
            Some(Insn::Exit) => Turn::Return,
            Some(Insn::Branch { target, .. }) if state.at == *target && state.at != at + 1 => {
                Turn::Taken
            }
            Some(Insn::Branch { .. }) => Turn::NotTaken,
            _ => {
                debug_assert_eq!(depth, state.depth());
                return;
            }
        };
        self.trail.push(TrailStep {
            insn: at as u16,
            what,
        });
    }

    fn fork(&mut self, at: usize, state: &State, other: Box<State>) -> Result<(), Box<Fault>> {
        let turn = |state: &State| TrailStep {
            insn: at as u16,
            what: if state.at == at + 1 {
                Turn::NotTaken
            } else {
                Turn::Taken
            },
        };
        let way = Work::Way {
            trail: self.trail.len(),
            last: Some(turn(&other)),
            bytes: bytes(&other),
            state: other,
        };
        self.push_work(way)?;
        self.trail.push(turn(state));
        Ok(())
    }

    fn push_work(&mut self, work: Work) -> Result<(), Box<Fault>> {
        self.bytes += work.bytes();
        self.work.push(work);
        self.make_room()
    }

    /// Forgets proofs when memory runs short, and gives up when that is not enough.
    fn make_room(&mut self) -> Result<(), Box<Fault>> {
        let trail = self.trail.capacity() * size_of::<TrailStep>();
        let waiting = self.bytes + trail + self.findings.bytes();
        if waiting + self.archive.bytes() > self.limits.memory {
            self.archive.clear();
        }
        if waiting > self.limits.memory {
            return Err(Fault::new(
                Code::OutOfMemory,
                format!(
                    "the states that wait to be looked at take more than {} bytes",
                    self.limits.memory
                ),
            )
            .hint("a loop without a bound is the usual cause: add `i < N`, with a small constant, to its condition; or use fewer branches, or split the codelet"));
        }
        Ok(())
    }

    fn pop_work(&mut self) -> Option<Work> {
        let work = self.work.pop()?;
        self.bytes = self.bytes.saturating_sub(work.bytes());
        Some(work)
    }

    /// Closes checkpoints that are proven, and takes the next way. The flag says whether `arrive`
    /// has seen the state already.
    fn next_way(&mut self) -> Result<Option<(State, bool)>, Stop> {
        loop {
            match self.pop_work() {
                None => return Ok(None),
                Some(Work::Way {
                    state, trail, last, ..
                }) => {
                    self.trail.truncate(trail);
                    self.trail.extend(last);
                    return Ok(Some((*state, false)));
                }
                Some(Work::Close { .. }) => self.close(),
                Some(Work::Joined { .. }) => {
                    self.findings.keep();
                    self.restore_deadline();
                }
                Some(Work::Gather(gathering)) => {
                    self.gatherings.pop();
                    let next = self
                        .next_iteration(gathering)
                        .map_err(|(fault, state)| (fault, state.at, state))?;
                    if let Some(state) = next {
                        return Ok(Some((state, true)));
                    }
                }
            }
        }
    }

    /// Closes the last checkpoint. It is proven unless some path behind it waits to be followed.
    fn close(&mut self) {
        let Some(mut open) = self.path.pop() else {
            return;
        };
        self.forget_fingerprint(open.fingerprint);
        if open.left_open {
            return;
        }
        if matches!(self.manner, Manner::Recorded(_)) {
            open.needs = Needs::EVERYTHING;
        }
        self.looked += open.state.cells() as u64;
        let place = place_key(&open.state);
        self.archive.add(Proven::new(&open), place);
    }

    /// Begins to explore another state than the exact one. If that fails, its results are taken
    /// back.
    fn push_joined(&mut self, exact: Box<State>, deadline: u64) -> Result<(), Box<Fault>> {
        let before = Before {
            findings: self.findings.begin(),
            tail: self.path.tail(),
            merged: self.merged,
            costliest: self.costliest,
            proven: self.archive.added(),
        };
        self.deadline = deadline;
        self.push_work(Work::Joined {
            bytes: bytes(&exact),
            exact,
            trail: self.trail.len(),
            deadline,
            before,
        })
    }

    /// Takes back all results since `before`.
    fn take_back(&mut self, before: Before) {
        self.findings.take_back(before.findings);
        self.path.take_back(before.tail);
        self.merged = before.merged;
        self.costliest = before.costliest;
        self.archive.forget_since(before.proven);
    }

    /// Drops the last work, which is not done, and takes back the results of a joined exploration.
    /// Returns the work.
    fn drop_work(&mut self) -> Option<Work> {
        let work = self.pop_work()?;
        match &work {
            Work::Close { .. } => {
                if let Some(open) = self.path.drop_last() {
                    self.forget_fingerprint(open.fingerprint);
                }
            }
            Work::Joined { before, .. } => {
                self.take_back(*before);
                self.restore_deadline();
            }
            Work::Gather(_) => {
                self.gatherings.pop();
            }
            Work::Way { .. } => {}
        }
        Some(work)
    }

    fn forget_fingerprint(&mut self, fingerprint: u64) {
        if let Some(count) = self.fingerprints.get_mut(&fingerprint) {
            *count -= 1;
            if *count == 0 {
                self.fingerprints.remove(&fingerprint);
            }
        }
    }

    fn restore_deadline(&mut self) {
        let innermost = self.work.iter().rev().find_map(|work| match work {
            Work::Joined { deadline, .. } => Some(*deadline),
            _ => None,
        });
        self.deadline = innermost.unwrap_or(self.limits.instructions);
    }

    /// Handles a fault: the exploration goes back to the exact state of the innermost joined one,
    /// if there is one. A fault outside of joined explorations is final. So are an exhausted
    /// budget and an internal fault.
    fn fall_back(&mut self, fault: Box<Fault>, at: usize, state: State) -> Result<State, Failure> {
        let exhausted = self.processed > self.limits.instructions || fault.code == Code::Internal;
        let is_joined = |work: &Work| matches!(work, Work::Joined { .. });
        if exhausted || !self.work.iter().any(is_joined) {
            return Err(Failure {
                fault,
                at,
                trail: std::mem::take(&mut self.trail),
                state: Some(state),
            });
        }
        let mut state = state;
        while let Some(work) = self.drop_work() {
            if let Work::Joined { exact, trail, .. } = work {
                self.trail.truncate(trail);
                *self.failed_joins.entry(exact.at).or_default() += 1;
                state = *exact;
                break;
            }
        }
        Ok(state)
    }
}

/// The bytes that a waiting state takes, roughly.
fn bytes(state: &State) -> usize {
    let callers = state.callers.len() * FRAME_BYTES;
    let loops = size_of_val(state.loops.as_slice());
    STATE_BYTES + callers + state.cells() * CELL_BYTES + state.facts.bytes() + loops
}
