//! Helpers: their arguments, their effects and their answers.

use jbpf_verifier::types::{ArgKind, MapKinds};

use super::super::application;
use super::hash::hash_of;
use super::maps::{DONE, NOT_THERE};
use super::objects::{Byte, Sort, certain, known};
use super::stop::{Stop, fault};
use super::value::{Pointer, Value};
use super::{Ending, Machine};

/// The arguments of a helper, register by register.
#[derive(Debug, Default)]
struct Arguments {
    values: Vec<Value>,
    /// Bytes behind pointers that are read.
    bytes: Vec<Vec<Byte>>,
    /// Index of the first map.
    map: Option<usize>,
}

impl Machine<'_> {
    pub(super) fn call_helper(&mut self, id: u32) -> Result<Value, Stop> {
        let helpers = self.codelet.helpers.clone();
        let Some(proto) = helpers.get(id) else {
            return Err(fault(format!("calls helper {id}, which does not exist")));
        };
        self.see_given(id, &proto.args);
        let arguments = self.arguments(&proto.args)?;
        let answer = match self.map_helper(id, &arguments)? {
            Some(answer) => answer,
            None => self.other_helper(id, &arguments)?,
        };
        self.see_answered(id, arguments.map, answer);
        Ok(answer)
    }

    /// The call is left, with a number that says why.
    pub(super) fn abort(&mut self) -> Result<Ending, Stop> {
        self.see_given(super::ABORT, &[ArgKind::Number]);
        let why = self.registers[1];
        number_argument(why)?;
        why.number()
            .map(Ending::Left)
            .ok_or(Stop::Chance("why a call is left"))
    }

    /// Helpers that take no map.
    fn other_helper(&mut self, id: u32, arguments: &Arguments) -> Result<Value, Stop> {
        let number = |at: usize| {
            arguments.values[at]
                .number()
                .ok_or(Stop::Chance("a number"))
        };
        let bytes = |at: usize| certain(&arguments.bytes[at]);
        Ok(match id {
            7 | 8 | 15 if self.codelet.replaced => {
                self.called += 1;
                Value::Number(application::replaced(id, self.called))
            }
            7 | 8 | 9 | 15 => Value::Chance,
            10 => match bytes(0) {
                Some(bytes) => Value::Number(hash_of(&bytes).into()),
                None => Value::Chance,
            },
            // Nobody listens; there is no limit.
            11 | 13 | 14 => Value::Number(0),
            32 => {
                let numbers = (0..5).map(number).collect::<Result<Vec<_>, _>>()?;
                Value::Number(application::sum_of(&numbers))
            }
            33 => match (bytes(0), bytes(1)) {
                (Some(from), Some(to)) => Value::Number(application::distance_of(&from, &to)),
                _ => Value::Chance,
            },
            34 => {
                let (Some(first), Some(second)) = (bytes(0), bytes(1)) else {
                    return Err(Stop::Chance("what a helper changes"));
                };
                let (first, second) = application::exchanged(&first, &second);
                self.write(arguments.values[0], &known(&first))?;
                self.write(arguments.values[1], &known(&second))?;
                Value::Number(0)
            }
            35 | 36 => match bytes(0) {
                Some(bytes) => {
                    let sum = application::sum_of_bytes(&bytes);
                    signed(if id == 35 { -sum } else { 3 * sum })
                }
                None => Value::Chance,
            },
            _ => return Err(fault(format!("calls helper {id}, which nobody knows here"))),
        })
    }

    /// Helpers that take a map.
    fn map_helper(&mut self, id: u32, arguments: &Arguments) -> Result<Option<Value>, Stop> {
        let Some(index) = arguments.map else {
            return Ok(None);
        };
        let objects = &mut *self.objects;
        let map = &mut self.codelet.maps[index];
        let bytes = &arguments.bytes;
        let found = |found: Option<_>| match found {
            Some(object) => Value::Pointer(Pointer::to(object, 0)),
            None => Value::Null,
        };
        Ok(Some(match id {
            1 => found(map.find(&bytes[0])?),
            2 => found(map.find_and_reset(&bytes[0], objects)?),
            3 => signed(map.update(&bytes[0], &bytes[1], objects)?),
            4 => signed(map.delete(&bytes[0])?),
            5 => signed(map.clear(index, objects)),
            6 => {
                let room = size_of(arguments.values[2])?;
                let (answer, written) = map.dump(room, objects);
                self.write(arguments.values[1], &written)?;
                signed(answer)
            }
            12 => {
                let record = bytes[0].clone();
                signed(map.send(record)?)
            }
            16 => {
                let size = map.def.value_size as usize;
                if size_of(arguments.values[2])? < size {
                    return Ok(Some(signed(NOT_THERE)));
                }
                match map.receive()? {
                    None => Value::Number(0),
                    Some(record) => {
                        self.write(arguments.values[1], &known(&record))?;
                        Value::Number(1)
                    }
                }
            }
            17 => found(map.reserve()?),
            18 => signed(map.commit(objects)?),
            37 => {
                let Some(by) = arguments.values[1].number() else {
                    return Err(Stop::Chance("a number"));
                };
                if map.def.kind.is_channel() {
                    return Ok(Some(signed(super::maps::UNSUPPORTED)));
                }
                let key = known(&application::key_of(map.def.key_size as usize));
                let before = match map.find(&key)? {
                    Some(value) => objects.bytes(value).to_vec(),
                    None => vec![Byte::Is(0); map.def.value_size as usize],
                };
                let Some(before) = certain(&before) else {
                    return Err(Stop::Chance("what a helper changes"));
                };
                let after = application::bumped(&before, by);
                let answer = map.update(&key, &known(&after), objects)?;
                if answer == DONE {
                    Value::Number(0)
                } else {
                    signed(answer)
                }
            }
            _ => return Err(fault(format!("calls helper {id}, which nobody knows here"))),
        }))
    }

    /// Checks the arguments against the kinds that the helper takes.
    fn arguments(&mut self, kinds: &[ArgKind]) -> Result<Arguments, Stop> {
        let values: Vec<Value> = self.registers[1..=kinds.len()].to_vec();
        let mut arguments = Arguments {
            values,
            ..Arguments::default()
        };
        // The map that keys and values belong to, and the number of arguments that a format uses.
        let mut nearest = None;
        let mut used = 0;
        for (at, kind) in kinds.iter().enumerate() {
            let value = arguments.values[at];
            let bytes = match kind {
                ArgKind::Number | ArgKind::Size => {
                    number_argument(value)?;
                    continue;
                }
                ArgKind::SizeUpTo(most) => {
                    if size_of(value)? > *most as usize {
                        return Err(fault("passes more than there is room for"));
                    }
                    continue;
                }
                ArgKind::Ignored => {
                    if value == Value::Nothing {
                        return Err(fault("passes what was never written"));
                    }
                    continue;
                }
                ArgKind::Map(kinds) => {
                    let map = self.map_argument(value, kinds)?;
                    nearest = Some(map);
                    arguments.map.get_or_insert(map);
                    continue;
                }
                ArgKind::FormatArg => {
                    if used > 0 {
                        number_argument(value)?;
                        used -= 1;
                    }
                    continue;
                }
                ArgKind::MapKey => {
                    let def = nearest.map(|map| self.codelet.maps[map].def.key_size);
                    def.unwrap_or_default() as usize
                }
                ArgKind::MapValue => {
                    let def = nearest.map(|map| self.codelet.maps[map].def.value_size);
                    def.unwrap_or_default() as usize
                }
                ArgKind::ReadableFixed(size) | ArgKind::WritableFixed(size) => *size as usize,
                ArgKind::Readable | ArgKind::Writable | ArgKind::Format => {
                    size_of(arguments.values[at + 1])?
                }
            };
            let Value::Pointer(pointer) = value else {
                return Err(fault(format!("passes {value:?} for memory")));
            };
            self.check_alive(pointer)?;
            if bytes == 0 {
                arguments.bytes.push(Vec::new());
                continue;
            }
            if matches!(kind, ArgKind::Writable | ArgKind::WritableFixed(_)) {
                self.check_writable(pointer, bytes)?;
            }
            if *kind == ArgKind::Writable {
                // The helper reads none of its bytes, which may hold a pointer.
                self.objects.hand_out(pointer, bytes)?;
                arguments.bytes.push(Vec::new());
                continue;
            }
            let read = self.objects.read(pointer, bytes)?;
            if *kind == ArgKind::Format {
                used = conversions(&read);
            }
            arguments.bytes.push(read);
        }
        Ok(arguments)
    }

    fn map_argument(&self, value: Value, kinds: &MapKinds) -> Result<usize, Stop> {
        let map = match value {
            Value::Pointer(pointer) if pointer.offset == 0 => {
                match self.objects.sort(pointer.object) {
                    Sort::Map { map } => Some(map),
                    _ => None,
                }
            }
            _ => None,
        };
        let Some(map) = map else {
            return Err(fault(format!("passes {value:?} for a map")));
        };
        let kind = self.codelet.maps[map].def.kind;
        let fits = match kinds {
            MapKinds::Any => true,
            MapKinds::Values => !kind.is_channel(),
            MapKinds::Only(kinds) => kinds.contains(&kind),
        };
        if fits {
            Ok(map)
        } else {
            Err(fault(
                "passes a map of a kind that the helper does not take",
            ))
        }
    }

    fn write(&mut self, to: Value, bytes: &[Byte]) -> Result<(), Stop> {
        match to {
            Value::Pointer(pointer) if !bytes.is_empty() => self.objects.write(pointer, bytes),
            _ => Ok(()),
        }
    }
}

fn number_argument(value: Value) -> Result<(), Stop> {
    match value {
        Value::Number(_) | Value::Null | Value::Chance => Ok(()),
        value => Err(fault(format!("passes {value:?} for a number"))),
    }
}

fn size_of(value: Value) -> Result<usize, Stop> {
    match value {
        Value::Chance => Err(Stop::Chance("a size")),
        value => value
            .number()
            .map(|size| usize::try_from(size).unwrap_or(usize::MAX))
            .ok_or_else(|| fault(format!("passes {value:?} for a size"))),
    }
}

/// How many arguments a format uses at most.
fn conversions(format: &[Byte]) -> usize {
    let Some(format) = certain(format) else {
        return usize::MAX;
    };
    let text = format.split(|byte| *byte == 0).next().unwrap_or_default();
    let signs = text.iter().filter(|byte| **byte == b'%').count();
    let escaped = text.windows(2).filter(|pair| pair == b"%%").count();
    signs - (2 * escaped).min(signs)
}

fn signed(number: i64) -> Value {
    Value::Number(number as u64)
}
