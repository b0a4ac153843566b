//! The shape of a program before anything is known of its values: its functions and their calls,
//! the meeting points of paths, the loops, and the registers that are still needed at each slot.
//!
//! This room judges only functions, jumps and the absence of recursion. Loops and meeting points
//! are advice to the exploration; its soundness does not rest on them.

mod loops;

pub(crate) use loops::DEEPEST_NEST;
use loops::Loops;

use crate::insn::{GateError, Insn, Reg};
use crate::report::Code;
use crate::types::HelperTable;

/// A function: a range of slots that jumps do not leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The facts of a slot.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    function: u32,
    /// Paths meet here: a jump's target, the return of a call, the start of a function.
    meeting: bool,
    /// Registers whose values are read before they are written, from here on.
    live: u16,
}

/// The shape of a whole program.
#[derive(Debug)]
pub(crate) struct Flow {
    functions: Vec<Function>,
    /// Indices of functions, callees before callers.
    callees_first: Vec<usize>,
    slots: Vec<Slot>,
    loops: Loops,
}

impl Flow {
    pub(crate) fn new(insns: &[Insn], helpers: &HelperTable) -> Result<Self, GateError> {
        let mut flow = Self {
            functions: functions(insns)?,
            callees_first: Vec::new(),
            slots: vec![Slot::default(); insns.len()],
            loops: Loops::default(),
        };
        flow.check_jumps(insns)?;
        flow.callees_first = flow.order_of_calls(insns)?;
        flow.find_meetings(insns);
        let sources = Sources::new(insns);
        let starts = flow.functions.iter().map(|function| function.start);
        flow.loops = Loops::new(insns, starts, &sources);
        flow.find_live(insns, helpers, &sources);
        Ok(flow)
    }

    pub(crate) fn functions(&self) -> &[Function] {
        &self.functions
    }

    pub(crate) fn callees_first(&self) -> &[usize] {
        &self.callees_first
    }

    /// Index of the function that starts at a slot.
    pub(crate) fn function_at(&self, start: usize) -> Option<usize> {
        let index = self.function_of(start);
        let function = self.functions.get(index)?;
        (function.start == start).then_some(index)
    }

    /// Index of the function that a slot belongs to.
    fn function_of(&self, at: usize) -> usize {
        self.slot(at).function as usize
    }

    pub(crate) fn is_meeting(&self, at: usize) -> bool {
        self.slot(at).meeting
    }

    pub(crate) fn is_loop_head(&self, at: usize) -> bool {
        self.loops.is_head(at)
    }

    /// Whether a slot is in the loop of this head.
    pub(crate) fn loop_holds(&self, head: usize, at: usize) -> bool {
        self.loops.holds(head, at)
    }

    /// The registers that are still needed before a slot, as a mask; `None` for no slot of the
    /// program.
    pub(crate) fn live(&self, at: usize) -> Option<u16> {
        Some(self.slots.get(at)?.live)
    }

    fn slot(&self, at: usize) -> Slot {
        self.slots.get(at).copied().unwrap_or_default()
    }

    fn slot_mut(&mut self, at: usize) -> Option<&mut Slot> {
        self.slots.get_mut(at)
    }

    fn check_jumps(&mut self, insns: &[Insn]) -> Result<(), GateError> {
        for (index, function) in self.functions.iter().enumerate() {
            let range = function.start..function.end;
            let slots = self.slots.get_mut(range.clone());
            let body = insns.get(range.clone());
            let (Some(slots), Some(body)) = (slots, body) else {
                return Err(GateError::internal(
                    range.start,
                    "a function lies outside of the program",
                ));
            };
            for slot in slots {
                slot.function = index as u32;
            }
            for (at, insn) in range.clone().zip(body) {
                let (Insn::Jump { target } | Insn::Branch { target, .. }) = insn else {
                    continue;
                };
                if !range.contains(target) {
                    return Err(GateError {
                        code: Code::JumpOutOfBounds,
                        insn: at,
                        message: format!(
                            "this jumps to instruction {target}, out of its function, which spans {} to {}",
                            range.start,
                            range.end - 1
                        ),
                    });
                }
                landing(insns, at, *target)?;
            }
            if !body.last().is_some_and(Insn::goes_elsewhere) {
                return Err(GateError {
                    code: Code::FallsOffTheEnd,
                    insn: range.end - 1,
                    message: "execution runs past the end of the function: its last instruction is neither exit, a jump, nor a call that never returns".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// The functions, callees before callers.
    fn order_of_calls(&self, insns: &[Insn]) -> Result<Vec<usize>, GateError> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let mut marks = vec![Mark::New; self.functions.len()];
        let mut order = Vec::with_capacity(self.functions.len());
        for root in 0..self.functions.len() {
            // Each entry is a function, and the slot to look at next.
            let mut open = vec![(root, None)];
            while let Some((function, next)) = open.last_mut() {
                let Some(range) = self.functions.get(*function) else {
                    return Err(GateError::internal(0, "a call leads to no function"));
                };
                let from = match *next {
                    Some(at) => at,
                    None if marks.get(*function) == Some(&Mark::New) => {
                        set(&mut marks, *function, Mark::Open);
                        range.start
                    }
                    None => {
                        open.pop();
                        continue;
                    }
                };
                let call = (from..range.end).find_map(|at| match insns.get(at) {
                    Some(Insn::CallFunction { target }) => Some((at, *target)),
                    _ => None,
                });
                let Some((at, target)) = call else {
                    set(&mut marks, *function, Mark::Done);
                    order.push(*function);
                    open.pop();
                    continue;
                };
                *next = Some(at + 1);
                let callee = self.function_of(target);
                if marks.get(callee) == Some(&Mark::Open) {
                    return Err(GateError {
                        code: Code::Recursion,
                        insn: at,
                        message: format!(
                            "this calls the function at instruction {target}, which is still active: recursion is not allowed"
                        ),
                    });
                }
                open.push((callee, None));
            }
        }
        Ok(order)
    }

    fn find_meetings(&mut self, insns: &[Insn]) {
        for (at, insn) in insns.iter().enumerate() {
            let meeting = match insn {
                Insn::Jump { target } | Insn::Branch { target, .. } => *target,
                Insn::CallFunction { target } => {
                    if let Some(slot) = self.slot_mut(at + 1) {
                        slot.meeting = true;
                    }
                    *target
                }
                _ => continue,
            };
            if let Some(slot) = self.slot_mut(meeting) {
                slot.meeting = true;
            }
        }
    }

    fn find_live(&mut self, insns: &[Insn], helpers: &HelperTable, sources: &Sources) {
        for function in self.callees_first.clone() {
            let Some(range) = self.functions.get(function).map(|f| f.start..f.end) else {
                continue;
            };
            // Slots are taken from the back, so that straight code settles in one pass.
            let mut work: Vec<usize> = range.clone().collect();
            while let Some(at) = work.pop() {
                let Some(insn) = insns.get(at) else { continue };
                let after = successors(at, insn)
                    .into_iter()
                    .flatten()
                    .fold(0, |live, to| live | self.slot(to).live);
                let (read, written) = self.accesses(insn, helpers);
                let live = read | after & !written;
                if live == self.slot(at).live {
                    continue;
                }
                if let Some(slot) = self.slot_mut(at) {
                    slot.live = live;
                }
                work.extend(sources.of(at));
                if let Some(before) = at.checked_sub(1).filter(|before| range.contains(before)) {
                    work.push(before);
                    // The first slot of a wide load stands before its tail.
                    if insns.get(before) == Some(&Insn::WideTail) {
                        work.extend(before.checked_sub(1));
                    }
                }
            }
        }
    }

    /// The registers that an instruction reads and writes, as masks.
    fn accesses(&self, insn: &Insn, helpers: &HelperTable) -> (u16, u16) {
        use crate::insn::{AtomicOp, Operand};
        use crate::scalar::AluOp;
        let operand = |operand: &Operand| operand.reg().map_or(0, Reg::bit);
        let arguments = |count: usize| {
            Reg::ARGUMENTS
                .iter()
                .take(count)
                .fold(0, |mask, reg| mask | reg.bit())
        };
        // r0 to r5.
        const CLOBBERED: u16 = 0x3f;
        match insn {
            Insn::Alu {
                op: AluOp::Mov,
                dst,
                rhs,
                ..
            } => (operand(rhs), dst.bit()),
            Insn::Alu { dst, rhs, .. } => (operand(rhs) | dst.bit(), dst.bit()),
            Insn::MoveSigned { dst, src, .. } => (src.bit(), dst.bit()),
            Insn::Swap { dst, .. } => (dst.bit(), dst.bit()),
            Insn::Load { dst, base, .. } => (base.bit(), dst.bit()),
            Insn::Store { base, value, .. } => (base.bit() | operand(value), 0),
            Insn::Atomic { op, base, src, .. } => {
                let read = base.bit() | src.bit();
                match op {
                    AtomicOp::Combine { fetch: false } => (read, 0),
                    AtomicOp::Combine { fetch: true } | AtomicOp::Exchange => (read, src.bit()),
                    AtomicOp::CompareExchange => (read | Reg::R0.bit(), Reg::R0.bit()),
                }
            }
            Insn::Wide { dst, .. } | Insn::WideMap { dst, .. } | Insn::WideData { dst, .. } => {
                (0, dst.bit())
            }
            Insn::WideTail | Insn::Jump { .. } => (0, 0),
            Insn::Branch { lhs, rhs, .. } => (lhs.bit() | operand(rhs), 0),
            Insn::CallHelper { id, .. } => (
                arguments(helpers.get(*id).map_or(5, |proto| proto.args.len())),
                CLOBBERED,
            ),
            Insn::CallFunction { target } => (self.slot(*target).live & arguments(5), CLOBBERED),
            Insn::Exit => (Reg::R0.bit(), 0),
        }
    }
}

fn set<T>(items: &mut [T], at: usize, value: T) {
    if let Some(item) = items.get_mut(at) {
        *item = value;
    }
}

/// The slots that control can go to from a slot, inside its function.
fn successors(at: usize, insn: &Insn) -> [Option<usize>; 2] {
    match insn {
        Insn::Exit | Insn::CallHelper { returns: false, .. } => [None, None],
        Insn::Jump { target } => [Some(*target), None],
        Insn::Branch { target, .. } => [Some(at + 1), Some(*target)],
        _ => [Some(at + insn.len()), None],
    }
}

/// Finds the functions. They start at the entry and at each target of a call.
fn functions(insns: &[Insn]) -> Result<Vec<Function>, GateError> {
    let mut starts = vec![0];
    for (at, insn) in insns.iter().enumerate() {
        if let Insn::CallFunction { target } = insn {
            landing(insns, at, *target)?;
            starts.push(*target);
        }
    }
    starts.sort_unstable();
    starts.dedup();
    let ends = starts.iter().skip(1).copied().chain([insns.len()]);
    let functions = starts.iter().zip(ends);
    Ok(functions
        .map(|(&start, end)| Function { start, end })
        .collect())
}

fn landing(insns: &[Insn], at: usize, target: usize) -> Result<(), GateError> {
    if insns.get(target) != Some(&Insn::WideTail) {
        return Ok(());
    }
    Err(GateError {
        code: Code::JumpIntoWideLoad,
        insn: at,
        message: format!("this lands on instruction {target}, the second half of a wide load"),
    })
}

/// The slots that jump to each slot, in one array.
struct Sources {
    first: Vec<u32>,
    sources: Vec<u32>,
}

impl Sources {
    fn new(insns: &[Insn]) -> Self {
        let target = |insn: &Insn| match insn {
            Insn::Jump { target } | Insn::Branch { target, .. } => Some(*target),
            _ => None,
        };
        let mut first = vec![0_u32; insns.len() + 1];
        for to in insns.iter().filter_map(target) {
            if let Some(count) = first.get_mut(to + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for count in &mut first {
            sum += *count;
            *count = sum;
        }
        let mut next = first.clone();
        let mut sources = vec![0; sum as usize];
        for (at, insn) in insns.iter().enumerate() {
            let Some(slot) = target(insn).and_then(|to| next.get_mut(to)) else {
                continue;
            };
            set(&mut sources, *slot as usize, at as u32);
            *slot += 1;
        }
        Self { first, sources }
    }

    /// The slots of the function that control can come from.
    fn before<'s>(&'s self, insns: &'s [Insn], at: usize) -> impl Iterator<Item = u32> + 's {
        let previous = at
            .checked_sub(1)
            .and_then(|before| match insns.get(before)? {
                insn if insn.goes_elsewhere() => None,
                Insn::WideTail => before.checked_sub(1),
                _ => Some(before),
            });
        let jumps = self.of(at);
        jumps.chain(previous).map(|from| from as u32)
    }

    fn of(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        let bound = |at: usize| self.first.get(at).map_or(0, |first| *first as usize);
        self.sources
            .get(bound(at)..bound(at + 1))
            .unwrap_or_default()
            .iter()
            .map(|source| *source as usize)
    }
}
