//! Programs, evaluated a third way: slowly, on objects and offsets instead of addresses, sharing
//! nothing with the interpreter and the engine.
//!
//! A run goes wrong if the program reads bytes that were never written, touches memory that is not
//! its own, uses half of a pointer or an object that is gone, or learns where objects lie.
//! `decoder` takes instructions apart, `value` computes, `objects` is memory, and `maps` and
//! `helpers` serve the calls of codelets. If two engines agree with it, wherever objects lie,
//! their results depend on no address.

mod decoder;
mod hash;
mod helpers;
mod maps;
mod objects;
mod sight;
mod stop;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeSet;
use std::sync::Arc;

use jbpf_verifier::Program;
use jbpf_verifier::types::{ContextDef, HelperTable};

pub use objects::Byte;
pub use stop::Stop;

use super::row::Row;
use decoder::{Operation, Source, Update, decode};
use maps::Map;
use objects::{ObjectId, Objects, Sort, known};
use stop::fault;
use value::{Pointer, Value, compute, extend, holds, reorder};

/// Bytes of a frame.
const FRAME: usize = 512;
/// Frames of nested calls.
const FRAMES: usize = 8;
/// The helper that never returns.
const ABORT: u32 = 31;
/// Bytes of a context that hold `data` and `data_end`.
const POINTERS: i64 = 16;

/// Codelets of one hook, with the maps that they keep from call to call.
#[derive(Debug)]
pub struct Evaluator {
    codelets: Vec<Codelet>,
    objects: Objects,
    /// Rows that runs met.
    pub met: BTreeSet<Row>,
}

#[derive(Debug)]
struct Codelet {
    program: Arc<Program>,
    context: Arc<ContextDef>,
    helpers: Arc<HelperTable>,
    /// Whether clocks and chance are the application's.
    replaced: bool,
    maps: Vec<Map>,
    /// No run takes more instructions.
    limit: u64,
}

/// The effects of a call.
#[derive(Debug)]
pub struct Left {
    /// How each codelet ended.
    pub endings: Vec<Ending>,
    pub region: Vec<Byte>,
    pub fields: Vec<Byte>,
}

/// How a codelet ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Answered(u64),
    /// Its answer is a matter of chance.
    Chance,
    /// It left its call, and said this number.
    Left(u64),
}

/// A program that is evaluated.
pub struct Subject<'s> {
    pub program: &'s Arc<Program>,
    pub context: &'s Arc<ContextDef>,
    pub helpers: &'s Arc<HelperTable>,
    pub replaced: bool,
    pub limit: u64,
}

impl Evaluator {
    pub fn new(subjects: &[Subject<'_>]) -> Self {
        let mut objects = Objects::default();
        let codelets = subjects
            .iter()
            .map(|subject| {
                let maps = subject.program.maps.iter().enumerate();
                Codelet {
                    program: Arc::clone(subject.program),
                    context: Arc::clone(subject.context),
                    helpers: Arc::clone(subject.helpers),
                    replaced: subject.replaced,
                    maps: maps
                        .map(|(index, def)| Map::new(index, def, &mut objects))
                        .collect(),
                    limit: subject.limit,
                }
            })
            .collect();
        Self {
            codelets,
            objects,
            met: BTreeSet::new(),
        }
    }

    /// Somebody sends a record to a map of a codelet.
    pub fn give(&mut self, codelet: usize, map: usize, record: &[u8]) {
        self.codelets[codelet].maps[map].give(record);
    }

    /// The contents of a map that others see.
    pub fn contents(&self, codelet: usize, map: usize) -> Vec<(Vec<u8>, Vec<Byte>)> {
        self.codelets[codelet].maps[map].contents(&self.objects)
    }

    /// Takes the records that were sent through a map, as a reader would.
    pub fn drain(&mut self, codelet: usize, map: usize) {
        self.codelets[codelet].maps[map].drain();
    }

    /// Runs the codelets, one after the other, on one region and one context.
    pub fn run(&mut self, region: &[u8], fields: &[u8]) -> Result<Left, (usize, usize, Stop)> {
        let objects = &mut self.objects;
        let region = objects.add(Sort::Region, known(region));
        let end = objects.len(region) as i64;
        let mut bytes = Vec::new();
        for offset in [0, end] {
            let pointer = Pointer {
                object: region,
                offset,
                from_end: !bytes.is_empty(),
                half: false,
            };
            bytes.extend((0..8).map(|at| Byte::Of(pointer, at)));
        }
        bytes.extend(known(fields));
        let context = objects.add(Sort::Context, bytes);
        let mut endings = Vec::new();
        let mut called = 0;
        for (index, codelet) in self.codelets.iter_mut().enumerate() {
            let frame = objects.add(Sort::Frame { depth: 0 }, vec![Byte::Nothing; FRAME]);
            let mut machine = Machine {
                codelet,
                objects,
                met: &mut self.met,
                registers: [Value::Nothing; 11],
                frames: vec![Frame {
                    object: frame,
                    kept: [Value::Nothing; 5],
                    back: 0,
                }],
                at: 0,
                steps: 0,
                called,
            };
            let ending = machine
                .run(context)
                .map_err(|stop| (index, machine.at, stop))?;
            endings.push(ending);
            called = machine.called;
        }
        Ok(Left {
            endings,
            region: self.objects.bytes(region).to_vec(),
            fields: self.objects.bytes(context)[POINTERS as usize..].to_vec(),
        })
    }
}

/// A function that was entered.
#[derive(Debug)]
struct Frame {
    object: ObjectId,
    /// r6 to r10 of its caller, and the instruction at which the caller goes on.
    kept: [Value; 5],
    back: usize,
}

/// A codelet while it runs.
struct Machine<'m> {
    codelet: &'m mut Codelet,
    objects: &'m mut Objects,
    met: &'m mut BTreeSet<Row>,
    registers: [Value; 11],
    frames: Vec<Frame>,
    at: usize,
    steps: u64,
    /// Calls of replaced helpers.
    called: u64,
}

impl Machine<'_> {
    fn run(&mut self, context: ObjectId) -> Result<Ending, Stop> {
        let size = self.codelet.context.readable.next_multiple_of(8);
        self.registers[1] = Value::Pointer(Pointer::to(context, 0));
        self.registers[2] = Value::Number(size.into());
        self.registers[10] = self.top();
        loop {
            self.steps += 1;
            if self.steps > self.codelet.limit {
                return Err(fault("takes more instructions than the worst case"));
            }
            let insns = &self.codelet.program.insns;
            let next = insns.get(self.at + 1).copied();
            let (raw, operation) = insns
                .get(self.at)
                .and_then(|raw| Some((*raw, decode(*raw, next)?)))
                .ok_or_else(|| fault("is no instruction"))?;
            self.see(raw, operation);
            if let Some(ending) = self.execute(operation)? {
                return Ok(ending);
            }
        }
    }

    /// The end of the frame that is active.
    fn top(&self) -> Value {
        let frame = self.frames[self.frames.len() - 1].object;
        Value::Pointer(Pointer::to(frame, FRAME as i64))
    }

    /// How the program ends, if it ends here.
    fn execute(&mut self, operation: Operation) -> Result<Option<Ending>, Stop> {
        let mut next = self.at + 1;
        match operation {
            Operation::Compute {
                function,
                wide,
                dst,
                src,
            } => {
                let left = self.registers[usize::from(dst)];
                let right = self.source(src);
                let same = src == Source::Register(dst);
                let objects = &*self.objects;
                let align = |object| alignment(objects.sort(object), &self.codelet.context);
                let result = compute(function, wide, (left, right), same, align)?;
                self.registers[usize::from(dst)] = result;
            }
            Operation::Extend {
                bits,
                wide,
                dst,
                src,
            } => {
                let value = self.registers[usize::from(src)];
                self.registers[usize::from(dst)] = extend(bits, wide, value)?;
            }
            Operation::Reorder { order, bits, dst } => {
                let value = self.registers[usize::from(dst)];
                self.registers[usize::from(dst)] = reorder(order, bits, value)?;
            }
            Operation::Load {
                dst,
                base,
                offset,
                size,
                signed,
            } => {
                let pointer = self.pointer(base, offset)?;
                let value = self.objects.load(pointer, size.into())?;
                self.registers[usize::from(dst)] = match value {
                    value if signed => extend(u32::from(size) * 8, true, value)?,
                    value => value,
                };
            }
            Operation::Store {
                base,
                offset,
                size,
                src,
            } => {
                let pointer = self.pointer(base, offset)?;
                let value = self.source(src);
                self.check_writable(pointer, size.into())?;
                self.check_outlives(pointer, value)?;
                self.objects.store(pointer, size.into(), value)?;
            }
            Operation::Atomic {
                update,
                fetch,
                base,
                offset,
                size,
                src,
            } => {
                let pointer = self.pointer(base, offset)?;
                self.atomic(pointer, size.into(), update, fetch, src)?;
            }
            Operation::Number { dst, value } => {
                self.registers[usize::from(dst)] = Value::Number(value);
                next += 1;
            }
            Operation::Map { dst, map } => {
                let object = self.map(map)?.handle;
                self.registers[usize::from(dst)] = Value::Pointer(Pointer::to(object, 0));
                next += 1;
            }
            Operation::Section { dst, map, offset } => {
                let object = self.map(map)?.section()?;
                let value = Value::Pointer(Pointer::to(object, offset.into()));
                self.registers[usize::from(dst)] = value;
                next += 1;
            }
            Operation::Jump { by } => next = jump(next, by),
            Operation::Branch {
                test,
                wide,
                left,
                right,
                by,
            } => {
                let left = self.registers[usize::from(left)];
                let right = self.source(right);
                let objects = &*self.objects;
                if let (Value::Pointer(left), Value::Pointer(right)) = (left, right)
                    && (objects.is_gone(left.object) || objects.is_gone(right.object))
                {
                    return Err(fault("compares a pointer to what is gone"));
                }
                if let (Value::Pointer(left), Value::Pointer(right)) = (left, right)
                    && left.object != right.object
                    && [left, right]
                        .iter()
                        .any(|p| objects.is_given_away(p.object))
                {
                    return Err(Stop::Chance("whether a slot was given to another key"));
                }
                let taken = holds(test, wide, left, right, |object| objects.extent(object))?;
                let opcode = self.codelet.program.insns[self.at].opcode;
                self.see_jump(opcode, taken);
                if taken {
                    next = jump(next, by.into());
                }
            }
            Operation::CallHelper { id: ABORT } => return Ok(Some(self.abort()?)),
            Operation::CallHelper { id } => {
                let answer = self.call_helper(id)?;
                self.registers[1..=5].fill(Value::Nothing);
                self.registers[0] = answer;
            }
            Operation::CallFunction { by } => {
                self.enter(next)?;
                next = jump(next, by);
            }
            Operation::Exit => match self.leave()? {
                Some(back) => next = back,
                None => {
                    let r0 = self.registers[0].number();
                    return Ok(Some(r0.map_or(Ending::Chance, Ending::Answered)));
                }
            },
        }
        self.at = next;
        Ok(None)
    }

    fn source(&self, source: Source) -> Value {
        match source {
            Source::Register(register) => self.registers[usize::from(register)],
            Source::Immediate(number) => Value::Number(i64::from(number) as u64),
        }
    }

    fn map(&self, map: usize) -> Result<&Map, Stop> {
        self.codelet
            .maps
            .get(map)
            .ok_or_else(|| fault("names a map that is not there"))
    }

    /// The place that a register and an offset point at.
    fn pointer(&self, base: u8, offset: i16) -> Result<Pointer, Stop> {
        match self.registers[usize::from(base)] {
            Value::Pointer(pointer) => Ok(pointer.moved(offset.into())),
            value => Err(fault(format!("uses {value:?} as an address"))),
        }
    }

    // Rights.

    fn check_alive(&self, pointer: Pointer) -> Result<(), Stop> {
        if self.objects.is_gone(pointer.object) {
            return Err(fault("passes a pointer to what is gone"));
        }
        Ok(())
    }

    fn check_writable(&self, pointer: Pointer, size: usize) -> Result<(), Stop> {
        let context = &self.codelet.context;
        let writable = match self.objects.sort(pointer.object) {
            Sort::Frame { .. } | Sort::Buffer { .. } => true,
            Sort::Map { .. } => false,
            Sort::Region => context.region.writable,
            Sort::Value { map } => {
                let section = &self.codelet.maps[map].def.section;
                !section.as_ref().is_some_and(|section| section.read_only)
            }
            Sort::Context => (0..size as i64).all(|byte| {
                context.fields.iter().any(|field| {
                    let end = field.offset + field.size;
                    field.writable
                        && (i64::from(field.offset)..i64::from(end))
                            .contains(&(pointer.offset + byte))
                })
            }),
        };
        if writable {
            Ok(())
        } else {
            Err(fault("writes what it may only read"))
        }
    }

    /// A pointer into a frame may not be left in a frame that stays longer.
    fn check_outlives(&self, place: Pointer, value: Value) -> Result<(), Stop> {
        let depth = |object| match self.objects.sort(object) {
            Sort::Frame { depth } => Some(depth),
            _ => None,
        };
        match value {
            Value::Pointer(stored) if depth(stored.object) > depth(place.object) => {
                Err(fault("leaves a pointer to its frame behind"))
            }
            _ => Ok(()),
        }
    }

    fn atomic(
        &mut self,
        pointer: Pointer,
        size: usize,
        update: Update,
        fetch: bool,
        src: u8,
    ) -> Result<(), Stop> {
        let sort = self.objects.sort(pointer.object);
        let align = alignment(sort, &self.codelet.context);
        if align < size as u64 || pointer.offset % size as i64 != 0 {
            return Err(fault("updates atomically what is not aligned"));
        }
        self.check_writable(pointer, size)?;
        let old = self.objects.load(pointer, size)?;
        let given = self.registers[usize::from(src)];
        let number = |value: Value| match value {
            Value::Number(_) | Value::Null => Ok(value.number()),
            Value::Chance => Ok(None),
            value => Err(fault(format!("updates atomically with {value:?}"))),
        };
        let cut = |number: u64| {
            if size == 8 {
                number
            } else {
                number & 0xffff_ffff
            }
        };
        let (before, operand) = (number(old)?, number(given)?);
        let expected = match update {
            Update::CompareExchange => number(self.registers[0])?,
            _ => Some(0),
        };
        let new = match (update, before, operand, expected) {
            (Update::CompareExchange, Some(before), Some(operand), Some(expected)) => {
                let hit = cut(expected) == before;
                Value::Number(if hit { cut(operand) } else { before })
            }
            (Update::Exchange, _, Some(operand), _) => Value::Number(cut(operand)),
            (Update::Add, Some(before), Some(operand), _) => {
                Value::Number(cut(before.wrapping_add(operand)))
            }
            (Update::Or, Some(before), Some(operand), _) => Value::Number(cut(before | operand)),
            (Update::And, Some(before), Some(operand), _) => Value::Number(cut(before & operand)),
            (Update::Xor, Some(before), Some(operand), _) => Value::Number(cut(before ^ operand)),
            _ => Value::Chance,
        };
        self.objects.store(pointer, size, new)?;
        if update == Update::CompareExchange {
            self.registers[0] = old;
        } else if fetch {
            self.registers[usize::from(src)] = old;
        }
        Ok(())
    }

    // Functions.

    fn enter(&mut self, back: usize) -> Result<(), Stop> {
        let depth = self.frames.len();
        if depth == FRAMES {
            return Err(fault("nests calls too deep"));
        }
        let object = self
            .objects
            .add(Sort::Frame { depth }, vec![Byte::Nothing; FRAME]);
        let [.., r6, r7, r8, r9, r10] = self.registers;
        self.frames.push(Frame {
            object,
            kept: [r6, r7, r8, r9, r10],
            back,
        });
        self.registers[0] = Value::Nothing;
        self.registers[6..=9].fill(Value::Nothing);
        self.registers[10] = self.top();
        Ok(())
    }

    /// Returns from a function: the instruction at which the caller goes on.
    fn leave(&mut self) -> Result<Option<usize>, Stop> {
        let r0 = self.registers[0];
        if self.frames.len() == 1 {
            return match r0 {
                Value::Number(_) | Value::Null | Value::Chance => Ok(None),
                value => Err(fault(format!("answers {value:?}"))),
            };
        }
        let Some(frame) = self.frames.pop() else {
            return Err(fault("returns from nowhere"));
        };
        // A function that returns nothing leaves anything in r0, and no caller may read it.
        if let Value::Pointer(pointer) = r0
            && pointer.object == frame.object
        {
            self.registers[0] = Value::Nothing;
        }
        self.objects.end(frame.object);
        let [r6, r7, r8, r9, r10] = frame.kept;
        self.registers[1..=5].fill(Value::Nothing);
        self.registers[6..=10].copy_from_slice(&[r6, r7, r8, r9, r10]);
        Ok(Some(frame.back))
    }
}

fn jump(next: usize, by: i32) -> usize {
    next.wrapping_add_signed(by as isize)
}

/// The alignment of an object's address.
fn alignment(sort: Sort, context: &ContextDef) -> u64 {
    match sort {
        Sort::Frame { .. } => 16,
        Sort::Value { .. } | Sort::Buffer { .. } => 8,
        Sort::Region => context.region.align,
        Sort::Context | Sort::Map { .. } => 1,
    }
}
