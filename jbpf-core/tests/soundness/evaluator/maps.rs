//! Maps as codelets know them: the answer and the effect of each operation.

use std::collections::VecDeque;

use jbpf_verifier::types::{MapDef, MapKind};

use super::objects::{Byte, ObjectId, Objects, Sort, certain, known};
use super::stop::{Stop, fault};

/// The answers of map operations.
pub const DONE: i64 = 0;
pub const NOT_THERE: i64 = -1;
pub const UNSUPPORTED: i64 = -2;
pub const FULL: i64 = -4;

/// A map while a program uses it.
#[derive(Debug)]
pub struct Map {
    pub def: MapDef,
    /// The object that stands for the map itself.
    pub handle: ObjectId,
    contents: Contents,
}

#[derive(Debug)]
enum Contents {
    /// Values by index.
    Array(Vec<ObjectId>),
    Hash(Hash),
    /// Records that were sent.
    Copying(Ring<Vec<Byte>>),
    Filling(Filling),
    Input(VecDeque<Vec<u8>>),
    /// The application's kind of the tests: the last value of each key, modulo the number of
    /// entries.
    Last(Vec<(Option<Vec<u8>>, ObjectId)>),
}

#[derive(Debug)]
struct Hash {
    entries: Vec<(Vec<u8>, ObjectId)>,
    /// Values that no key has, the next one last.
    free: Vec<ObjectId>,
}

#[derive(Debug)]
struct Ring<T> {
    places: usize,
    records: VecDeque<T>,
}

impl<T> Ring<T> {
    fn is_full(&self) -> bool {
        self.records.len() == self.places
    }
}

/// Records that are filled in place. Buffers change hands: a sent buffer lies in its place of the
/// ring, and the sender takes the buffer that lay there.
#[derive(Debug)]
struct Filling {
    ring: Ring<Vec<Byte>>,
    places: Vec<ObjectId>,
    next: usize,
    own: ObjectId,
    reserved: bool,
}

impl Map {
    pub fn new(index: usize, def: &MapDef, objects: &mut Objects) -> Self {
        let handle = objects.add(Sort::Map { map: index }, Vec::new());
        let entries = def.max_entries as usize;
        let size = def.value_size as usize;
        let mut zeros = |sort| objects.add(sort, vec![Byte::Is(0); size]);
        let value = Sort::Value { map: index };
        let places = entries.next_power_of_two();
        let ring = || Ring {
            places,
            records: VecDeque::new(),
        };
        let contents = match def.kind {
            MapKind::Array | MapKind::PerThreadArray => {
                let values = (0..entries).map(|_| zeros(value)).collect();
                Contents::Array(values)
            }
            MapKind::Hash | MapKind::PerThreadHash => Contents::Hash(Hash {
                entries: Vec::new(),
                free: (0..entries).map(|_| zeros(value)).collect(),
            }),
            MapKind::RingBuf => Contents::Copying(ring()),
            MapKind::ControlInput => Contents::Input(VecDeque::new()),
            MapKind::Output => {
                let buffer = Sort::Buffer { map: index };
                Contents::Filling(Filling {
                    ring: ring(),
                    places: (0..places).map(|_| zeros(buffer)).collect(),
                    next: 0,
                    own: zeros(buffer),
                    reserved: false,
                })
            }
            MapKind::Application(_) => {
                Contents::Last((0..entries).map(|_| (None, zeros(value))).collect())
            }
        };
        if let (Some(section), Contents::Array(values)) = (&def.section, &contents) {
            objects.set(values[0], &known(&section.contents));
        }
        Self {
            def: def.clone(),
            handle,
            contents,
        }
    }

    fn is_constant(&self) -> bool {
        self.def
            .section
            .as_ref()
            .is_some_and(|section| section.read_only)
    }

    /// The one value of a data section.
    pub fn section(&self) -> Result<ObjectId, Stop> {
        match &self.contents {
            Contents::Array(values) if self.def.section.is_some() => Ok(values[0]),
            _ => Err(fault("names a byte of a map that is no data section")),
        }
    }

    /// The value of a key.
    pub fn find(&self, key: &[Byte]) -> Result<Option<ObjectId>, Stop> {
        let key = &self.key(key)?;
        Ok(match &self.contents {
            Contents::Array(values) => values.get(index(key)).copied(),
            Contents::Hash(hash) => hash.find(key),
            Contents::Last(places) => {
                let (owner, value) = &places[index(key) % places.len()];
                (owner.as_ref() == Some(key)).then_some(*value)
            }
            _ => return Err(fault("looks a key up in a channel")),
        })
    }

    /// As `find`, and the value is zero from then on.
    pub fn find_and_reset(
        &self,
        key: &[Byte],
        objects: &mut Objects,
    ) -> Result<Option<ObjectId>, Stop> {
        if self.is_constant() {
            return Ok(None);
        }
        let found = self.find(key)?;
        if let Some(value) = found {
            objects.fill(value, Byte::Is(0));
        }
        Ok(found)
    }

    pub fn update(
        &mut self,
        key: &[Byte],
        value: &[Byte],
        objects: &mut Objects,
    ) -> Result<i64, Stop> {
        if self.is_constant() {
            return Ok(NOT_THERE);
        }
        let key = self.key(key)?;
        let place = match &mut self.contents {
            Contents::Array(values) => match values.get(index(&key)) {
                Some(place) => *place,
                None => return Ok(NOT_THERE),
            },
            Contents::Hash(hash) => match hash.find(&key) {
                Some(place) => place,
                None => {
                    let Some(place) = hash.free.pop() else {
                        return Ok(FULL);
                    };
                    hash.entries.push((key, place));
                    place
                }
            },
            Contents::Last(places) => {
                let at = index(&key) % places.len();
                places[at].0 = Some(key);
                places[at].1
            }
            _ => return Err(fault("updates a channel")),
        };
        objects.set(place, value);
        Ok(DONE)
    }

    pub fn delete(&mut self, key: &[Byte]) -> Result<i64, Stop> {
        let key = self.key(key)?;
        Ok(match &mut self.contents {
            Contents::Hash(hash) => {
                let place = hash.entries.iter().position(|(own, _)| *own == key);
                let Some(place) = place else {
                    return Ok(NOT_THERE);
                };
                let (_, value) = hash.entries.remove(place);
                hash.free.push(value);
                DONE
            }
            Contents::Last(places) if self.def.parameters.flags & 1 != 0 => {
                let at = index(&key) % places.len();
                if places[at].0.as_ref() != Some(&key) {
                    return Ok(NOT_THERE);
                }
                places[at].0 = None;
                DONE
            }
            _ => UNSUPPORTED,
        })
    }

    pub fn clear(&mut self, index: usize, objects: &mut Objects) -> i64 {
        if self.is_constant() {
            return NOT_THERE;
        }
        match &mut self.contents {
            Contents::Array(values) => {
                for value in values {
                    objects.fill(*value, Byte::Is(0));
                }
                DONE
            }
            Contents::Hash(hash) => {
                hash.clear(index, objects);
                DONE
            }
            Contents::Last(places) if self.def.parameters.flags & 1 != 0 => {
                for (owner, _) in places {
                    *owner = None;
                }
                DONE
            }
            _ => UNSUPPORTED,
        }
    }

    /// The answer of a dump into so many bytes, and the bytes that it writes. The order of several
    /// elements is a matter of chance.
    pub fn dump(&self, room: usize, objects: &Objects) -> (i64, Vec<Byte>) {
        let elements: Vec<(&[u8], ObjectId)> = match &self.contents {
            Contents::Hash(hash) => hash
                .entries
                .iter()
                .map(|(key, value)| (&key[..], *value))
                .collect(),
            Contents::Last(places) => places
                .iter()
                .filter_map(|(owner, value)| Some((&owner.as_ref()?[..], *value)))
                .collect(),
            _ => return (UNSUPPORTED, Vec::new()),
        };
        let element = (self.def.key_size + self.def.value_size) as usize;
        let fit = elements.len().min(room / element);
        let bytes = if elements.len() > 1 && matches!(self.contents, Contents::Hash(_)) {
            vec![Byte::Chance; fit * element]
        } else {
            let shown = elements.iter().take(fit).flat_map(|(key, value)| {
                let mut bytes = known(key);
                bytes.extend_from_slice(objects.bytes(*value));
                bytes
            });
            shown.collect()
        };
        if fit < elements.len() {
            return (0, bytes);
        }
        (elements.len() as i64, bytes)
    }

    /// Sends a copy.
    pub fn send(&mut self, mut record: Vec<Byte>) -> Result<i64, Stop> {
        let size = self.def.value_size as usize;
        let Contents::Copying(ring) = &mut self.contents else {
            return Err(fault("sends a copy through what is no RINGBUF"));
        };
        if record.len() > size || ring.is_full() {
            return Ok(NOT_THERE);
        }
        record.resize(size, Byte::Is(0));
        ring.records.push_back(record);
        Ok(DONE)
    }

    /// The buffer for the next record.
    pub fn reserve(&mut self) -> Result<Option<ObjectId>, Stop> {
        let Contents::Filling(filling) = &mut self.contents else {
            return Err(fault("reserves a record of what is no OUTPUT"));
        };
        if !filling.reserved && filling.ring.is_full() {
            return Ok(None);
        }
        filling.reserved = true;
        Ok(Some(filling.own))
    }

    /// Sends the buffer that was reserved.
    pub fn commit(&mut self, objects: &mut Objects) -> Result<i64, Stop> {
        let Contents::Filling(filling) = &mut self.contents else {
            return Err(fault("sends a record of what is no OUTPUT"));
        };
        // The program's record is gone with any answer: the buffer goes on under another name.
        let record = objects.bytes(filling.own).to_vec();
        objects.end(filling.own);
        filling.own = objects.add(objects.sort(filling.own), record.clone());
        if !std::mem::take(&mut filling.reserved) || filling.ring.is_full() {
            return Ok(NOT_THERE);
        }
        filling.ring.records.push_back(record);
        let places = filling.places.len();
        std::mem::swap(&mut filling.places[filling.next % places], &mut filling.own);
        filling.next += 1;
        Ok(DONE)
    }

    /// Takes a record that was sent to the program.
    pub fn receive(&mut self) -> Result<Option<Vec<u8>>, Stop> {
        match &mut self.contents {
            Contents::Input(records) => Ok(records.pop_front()),
            _ => Err(fault("receives from what is no CONTROL_INPUT")),
        }
    }

    /// Somebody sends to the program.
    pub fn give(&mut self, record: &[u8]) {
        let places = (self.def.max_entries as usize).next_power_of_two();
        if let Contents::Input(records) = &mut self.contents
            && records.len() < places
        {
            records.push_back(record.to_vec());
        }
    }

    /// The contents that others see: keys and values, or the records sent since they were taken
    /// last.
    pub fn contents(&self, objects: &Objects) -> Vec<(Vec<u8>, Vec<Byte>)> {
        let value = |id: &ObjectId| objects.bytes(*id).to_vec();
        let mut all: Vec<(Vec<u8>, Vec<Byte>)> = match &self.contents {
            Contents::Array(values) => values
                .iter()
                .zip(0_u32..)
                .map(|(id, index)| {
                    let mut key = index.to_le_bytes().to_vec();
                    key.resize(self.def.key_size as usize, 0);
                    (key, value(id))
                })
                .collect(),
            Contents::Hash(hash) => hash
                .entries
                .iter()
                .map(|(key, id)| (key.clone(), value(id)))
                .collect(),
            Contents::Last(places) => places
                .iter()
                .filter_map(|(owner, id)| Some((owner.clone()?, value(id))))
                .collect(),
            Contents::Copying(ring) | Contents::Filling(Filling { ring, .. }) => {
                let records = ring.records.iter();
                return records.map(|record| (Vec::new(), record.clone())).collect();
            }
            Contents::Input(_) => Vec::new(),
        };
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// The records were taken.
    pub fn drain(&mut self) {
        if let Contents::Copying(ring) | Contents::Filling(Filling { ring, .. }) =
            &mut self.contents
        {
            ring.records.clear();
        }
    }

    fn key(&self, key: &[Byte]) -> Result<Vec<u8>, Stop> {
        // The first four bytes of an array's key are the index.
        let used = match self.contents {
            Contents::Array(_) => &key[..4],
            _ => key,
        };
        certain(used).ok_or(Stop::Chance("a key"))
    }
}

impl Hash {
    fn find(&self, key: &[u8]) -> Option<ObjectId> {
        let mut entries = self.entries.iter();
        entries.find(|(own, _)| own == key).map(|(_, value)| *value)
    }

    /// The order in which slots become free is a matter of chance, and so are the bytes that
    /// pointers into them see later.
    fn clear(&mut self, map: usize, objects: &mut Objects) {
        for (_, value) in self.entries.drain(..) {
            objects.give_away(value);
            let zeros = vec![Byte::Is(0); objects.len(value)];
            self.free.push(objects.add(Sort::Value { map }, zeros));
        }
    }
}

fn index(key: &[u8]) -> usize {
    let first = [key[0], key[1], key[2], key[3]];
    u32::from_le_bytes(first) as usize
}
