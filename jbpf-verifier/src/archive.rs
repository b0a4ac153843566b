//! The archive keeps proven states, and finds those that cover another state.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use crate::insn::Reg;
use crate::number::Number;
use crate::proven::Proven;
use crate::state::State;
use crate::value::{Kind, Value};

/// A multiplicative hash for keys that are hashes or small numbers already.
#[derive(Debug, Default, Clone)]
pub(crate) struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 29);
    }
}

pub(crate) type MixMap<K, V> = HashMap<K, V, BuildHasherDefault<Mix>>;
pub(crate) type MixSet<K> = HashSet<K, BuildHasherDefault<Mix>>;

/// The key of the bucket that holds the states that may cover each other. They are at one place in
/// the program, with the same active calls, and in the same iteration of every loop around.
pub(crate) fn key(state: &State) -> u64 {
    let mut hash = place(state);
    for iteration in state.loops.iter() {
        hash.write_u64(u64::from(iteration.head) << 32 | u64::from(iteration.count));
    }
    hash.finish()
}

fn place(state: &State) -> Mix {
    let mut hash = Mix::default();
    hash.write_usize(state.at);
    for (_, frame) in state.frames() {
        hash.write_usize(frame.call);
    }
    hash
}

/// A hash that is the same for states that are equal but for the names of numbers and objects.
pub(crate) fn fingerprint(state: &State) -> u64 {
    let mut hash = place(state);
    for (_, frame) in state.frames() {
        for reg in Reg::WRITABLE {
            mix_value(&frame.registers[reg], &mut hash);
        }
        for cell in frame.stack.cells() {
            hash.write_u32(cell.start as u32);
            mix_value(&cell.value, &mut hash);
        }
    }
    hash.finish()
}

fn mix_value(value: &Value, hash: &mut Mix) {
    match &value.kind {
        Kind::Uninit => hash.write_u64(0),
        Kind::Bytes => hash.write_u64(1),
        Kind::Number(num) => {
            hash.write_u64(2);
            mix_number(&num.number, hash);
        }
        Kind::Pointer(pointer) => {
            hash.write_u64(3 + u64::from(pointer.or_null));
            std::hash::Hash::hash(&pointer.space, hash);
            hash.write_u64(pointer.offset as u64);
            mix_number(&pointer.variable, hash);
        }
    }
}

fn mix_number(number: &Number, hash: &mut Mix) {
    hash.write_u64(number.umin());
    hash.write_u64(number.umax());
    hash.write_u64(number.smin() as u64);
}

/// The proven states.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    buckets: MixMap<u64, Vec<Rc<Proven>>>,
    /// The newest states of each place, in any iteration.
    recent: MixMap<u64, Vec<Rc<Proven>>>,
    bytes: usize,
    /// The number of states added so far.
    added: u64,
}

/// The number of states of one bucket that a state is compared with.
const BUCKET: usize = 64;
/// The number of states of other iterations that it is compared with.
const RECENT: usize = 8;

impl Archive {
    /// A proven state that covers this one. Counts the requirements looked at.
    pub(crate) fn covering(&self, state: &State, key: u64, looked: &mut u64) -> Option<Rc<Proven>> {
        let bucket = self.bucket(key).iter().rev();
        let recent = self.recent.get(&place(state).finish());
        let recent = recent.into_iter().flatten().rev();
        bucket
            .chain(recent.filter(|proven| proven.key != key))
            .find(|proven| proven.covers(state, looked))
            .cloned()
    }

    pub(crate) fn bucket(&self, key: u64) -> &[Rc<Proven>] {
        self.buckets.get(&key).map_or(&[], Vec::as_slice)
    }

    /// The number of states added so far, for [`Archive::forget_since`].
    pub(crate) fn added(&self) -> u64 {
        self.added
    }

    /// Forgets the states that were added after the first `added`. The results found behind them
    /// were taken back, so that a path must not end at one of them: nothing would be known of the
    /// code behind it.
    pub(crate) fn forget_since(&mut self, added: u64) {
        if self.added == added {
            return;
        }
        for bucket in self.buckets.values_mut() {
            bucket.retain(|proven| proven.number < added);
        }
        for recent in self.recent.values_mut() {
            recent.retain(|proven| proven.number < added);
        }
        let proven = self.buckets.values().flatten();
        self.bytes = proven.map(|proven| proven.size()).sum();
    }

    pub(crate) fn add(&mut self, proven: Proven, place: u64) {
        let mut proven = proven;
        proven.number = self.added;
        self.added += 1;
        let proven = Rc::new(proven);
        let recent = self.recent.entry(place).or_default();
        if recent.len() >= RECENT {
            recent.remove(0);
        }
        recent.push(Rc::clone(&proven));
        self.bytes += proven.size();
        let bucket = self.buckets.entry(proven.key).or_default();
        if bucket.len() >= BUCKET {
            let oldest = bucket.remove(0);
            self.bytes = self.bytes.saturating_sub(oldest.size());
        }
        bucket.push(proven);
    }

    /// The bytes that the states take, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets all states. That is sound, because proofs are only a shortcut.
    pub(crate) fn clear(&mut self) {
        self.buckets.clear();
        self.recent.clear();
        self.bytes = 0;
    }
}

/// Hash of the place of a state, for [`Archive::add`].
pub(crate) fn place_key(state: &State) -> u64 {
    place(state).finish()
}
