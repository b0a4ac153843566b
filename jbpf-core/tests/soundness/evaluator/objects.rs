//! Memory as objects of bytes. Each byte knows its kind.

use super::stop::{Stop, fault};
use super::value::{Pointer, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectId(u32);

/// The kind of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// The frame of a function; `depth` others wait for it.
    Frame {
        depth: usize,
    },
    Context,
    Region,
    /// A value of the map of this index, or a data section.
    Value {
        map: usize,
    },
    /// A record of an OUTPUT map.
    Buffer {
        map: usize,
    },
    /// A map itself, which has no bytes.
    Map {
        map: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Byte {
    /// Nothing was written here.
    Nothing,
    Is(u8),
    /// Another run has another one, perhaps.
    Chance,
    /// One of the eight bytes of a pointer.
    Of(Pointer, u8),
}

/// Why no access may touch an object any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    No,
    /// Its function returned, or its record was sent.
    Gone,
    /// Its slot may serve another key; which one is a matter of chance.
    Reused,
}

#[derive(Debug)]
struct Object {
    sort: Sort,
    bytes: Vec<Byte>,
    ended: Ended,
    /// For frames: the store that wrote each byte.
    stamps: Vec<Stamp>,
}

/// One store into a frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Numbers the stores; 0 is none.
    pub store: u32,
    pub start: u16,
    pub size: u8,
}

/// The facts about an object that comparisons need.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    pub len: i64,
    /// Objects of one kind have the same.
    pub family: Sort,
}

/// All objects of a program.
#[derive(Debug, Default)]
pub struct Objects {
    all: Vec<Object>,
    stores: u32,
}

impl Objects {
    pub fn add(&mut self, sort: Sort, bytes: Vec<Byte>) -> ObjectId {
        let stamps = match sort {
            Sort::Frame { .. } => vec![Stamp::default(); bytes.len()],
            _ => Vec::new(),
        };
        self.all.push(Object {
            sort,
            bytes,
            ended: Ended::No,
            stamps,
        });
        ObjectId(self.all.len() as u32 - 1)
    }

    fn at(&self, id: ObjectId) -> &Object {
        &self.all[id.0 as usize]
    }

    fn at_mut(&mut self, id: ObjectId) -> &mut Object {
        &mut self.all[id.0 as usize]
    }

    pub fn sort(&self, id: ObjectId) -> Sort {
        self.at(id).sort
    }

    pub fn len(&self, id: ObjectId) -> usize {
        self.at(id).bytes.len()
    }

    /// All bytes of it.
    pub fn bytes(&self, id: ObjectId) -> &[Byte] {
        &self.at(id).bytes
    }

    pub fn set(&mut self, id: ObjectId, bytes: &[Byte]) {
        self.at_mut(id).bytes.copy_from_slice(bytes);
    }

    pub fn fill(&mut self, id: ObjectId, byte: Byte) {
        self.at_mut(id).bytes.fill(byte);
    }

    /// Nobody may touch it any more.
    pub fn end(&mut self, id: ObjectId) {
        let object = self.at_mut(id);
        object.ended = Ended::Gone;
        if matches!(object.sort, Sort::Frame { .. }) {
            object.bytes = Vec::new();
            object.stamps = Vec::new();
        }
    }

    /// Its contents are a matter of chance from now on.
    pub fn give_away(&mut self, id: ObjectId) {
        self.at_mut(id).ended = Ended::Reused;
    }

    pub fn is_gone(&self, id: ObjectId) -> bool {
        self.at(id).ended == Ended::Gone
    }

    pub fn is_given_away(&self, id: ObjectId) -> bool {
        self.at(id).ended == Ended::Reused
    }

    pub fn extent(&self, id: ObjectId) -> Extent {
        let object = self.at(id);
        let len = match object.sort {
            Sort::Map { .. } => 1,
            _ => object.bytes.len() as i64,
        };
        Extent {
            len,
            family: object.sort,
        }
    }

    /// The bytes that an access touches, if it may touch them.
    fn range(&self, pointer: Pointer, size: usize) -> Result<std::ops::Range<usize>, Stop> {
        if pointer.half {
            return Err(fault("touches memory at half of an address"));
        }
        let object = self.at(pointer.object);
        match object.ended {
            Ended::No => {}
            Ended::Gone => return Err(fault(format!("touches {:?}, which is gone", object.sort))),
            Ended::Reused => return Err(Stop::Chance("the value in a slot that was given away")),
        }
        let range = usize::try_from(pointer.offset)
            .ok()
            .map(|start| start..start + size)
            .filter(|range| range.end <= object.bytes.len());
        range.ok_or_else(|| {
            fault(format!(
                "touches {size} bytes at {} of {:?}, which has {}",
                pointer.offset,
                object.sort,
                object.bytes.len()
            ))
        })
    }

    pub fn load(&self, pointer: Pointer, size: usize) -> Result<Value, Stop> {
        let bytes = &self.at(pointer.object).bytes[self.range(pointer, size)?];
        if let [Byte::Of(of, 0), rest @ ..] = bytes
            && rest.len() == 7
            && rest
                .iter()
                .zip(1..)
                .all(|(byte, at)| *byte == Byte::Of(*of, at))
        {
            return Ok(Value::Pointer(*of));
        }
        let mut number = 0;
        let mut chance = false;
        for byte in bytes.iter().rev() {
            match byte {
                Byte::Is(byte) => number = number << 8 | u64::from(*byte),
                Byte::Chance => chance = true,
                Byte::Nothing => return Err(fault("reads what was never written")),
                Byte::Of(..) => return Err(fault("reads a part of a pointer")),
            }
        }
        Ok(if chance {
            Value::Chance
        } else {
            Value::Number(number)
        })
    }

    pub fn store(&mut self, pointer: Pointer, size: usize, value: Value) -> Result<(), Stop> {
        let range = self.range(pointer, size)?;
        let in_frame = matches!(self.sort(pointer.object), Sort::Frame { .. });
        let bytes: Vec<Byte> = match value {
            Value::Nothing => return Err(fault("stores what was never written")),
            Value::Address => return Err(fault("stores a number that was made of an address")),
            Value::Pointer(_) if !in_frame => {
                return Err(fault("stores a pointer outside of frames"));
            }
            Value::Pointer(_) if size < 8 => return Err(fault("stores a part of a pointer")),
            Value::Pointer(of) => (0..8).map(|at| Byte::Of(of, at)).collect(),
            Value::Chance => vec![Byte::Chance; size],
            Value::Number(_) | Value::Null => {
                let number = value.number().unwrap_or_default();
                number.to_le_bytes()[..size]
                    .iter()
                    .map(|byte| Byte::Is(*byte))
                    .collect()
            }
        };
        self.stores += 1;
        let stamp = Stamp {
            store: self.stores,
            start: range.start as u16,
            size: size as u8,
        };
        let object = self.at_mut(pointer.object);
        if in_frame {
            object.stamps[range.clone()].fill(stamp);
        }
        object.bytes[range].copy_from_slice(&bytes);
        Ok(())
    }

    /// The stores that wrote the bytes of an access into a frame.
    pub fn stamps(&self, pointer: Pointer, size: usize) -> &[Stamp] {
        let start = pointer.offset as usize;
        self.at(pointer.object)
            .stamps
            .get(start..start + size)
            .unwrap_or_default()
    }

    /// Bytes that a helper reads.
    pub fn read(&self, pointer: Pointer, size: usize) -> Result<Vec<Byte>, Stop> {
        let bytes = &self.at(pointer.object).bytes[self.range(pointer, size)?];
        for byte in bytes {
            match byte {
                Byte::Is(_) | Byte::Chance => {}
                Byte::Nothing => return Err(fault("hands on what was never written")),
                Byte::Of(..) => return Err(fault("hands on a pointer")),
            }
        }
        Ok(bytes.to_vec())
    }

    /// Hands out bytes that a helper may write. Bytes that were never written are zeros from then
    /// on.
    pub fn hand_out(&mut self, pointer: Pointer, size: usize) -> Result<(), Stop> {
        let range = self.range(pointer, size)?;
        for byte in &mut self.at_mut(pointer.object).bytes[range] {
            if *byte == Byte::Nothing {
                *byte = Byte::Is(0);
            }
        }
        Ok(())
    }

    /// Bytes that a helper writes.
    pub fn write(&mut self, pointer: Pointer, bytes: &[Byte]) -> Result<(), Stop> {
        let range = self.range(pointer, bytes.len())?;
        let object = self.at_mut(pointer.object);
        if !object.stamps.is_empty() {
            object.stamps[range.clone()].fill(Stamp::default());
        }
        object.bytes[range].copy_from_slice(bytes);
        Ok(())
    }
}

/// Bytes of known values.
pub fn known(bytes: &[u8]) -> Vec<Byte> {
    bytes.iter().map(|byte| Byte::Is(*byte)).collect()
}

/// The values of bytes, unless one of them is a matter of chance.
pub fn certain(bytes: &[Byte]) -> Option<Vec<u8>> {
    bytes
        .iter()
        .map(|byte| match byte {
            Byte::Is(byte) => Some(*byte),
            _ => None,
        })
        .collect()
}
