//! Keys, and how they are hashed.
#![expect(
    unsafe_code,
    reason = "reads keys from codelets and from slots by address"
)]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "an address is computed and used under one proof"
)]

use std::hash::{BuildHasher, RandomState};
use std::mem::MaybeUninit;

use super::index::Hash;
use crate::map::payload::{self, WORD};

/// The longest key in bytes: what a codelet's stack frame holds.
pub const MAX_KEY_SIZE: u32 = 512;

/// What makes the hashes of one map unlike those of any other, so that nobody can choose keys that
/// meet in one bucket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed {
    first: u64,
    second: u64,
}

impl Seed {
    /// From the system's random numbers.
    pub(crate) fn random() -> Self {
        let random = RandomState::new();
        Self {
            first: random.hash_one(1_u8),
            second: random.hash_one(2_u8) | 1,
        }
    }

    /// Under which all words hash alike.
    #[cfg(test)]
    pub(crate) fn degenerate() -> Self {
        Self {
            first: 0,
            second: 0,
        }
    }
}

/// The two halves of a 128-bit product, folded: every bit of the factors reaches every part.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// A key as it is looked up: read once from the codelet, which may share that memory.
pub(crate) trait Key {
    fn hash(&self, seed: &Seed) -> Hash;

    /// Whether a slot holds this key.
    ///
    /// # Safety
    /// The key's words are readable at `slot`, which is aligned to 8.
    unsafe fn is_at(&self, slot: *const u8) -> bool;

    /// Writes the key into a slot.
    ///
    /// # Safety
    /// The key's words are writable at `slot`, which is aligned to 8.
    unsafe fn store(&self, slot: *mut u8);
}

/// A key of 4 or 8 bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WordKey(u64);

impl WordKey {
    /// # Safety
    /// Four bytes are readable at `key`, in the way of [`payload::copy`].
    #[inline(always)]
    pub(crate) unsafe fn of_4_bytes(key: *const u8) -> Self {
        // SAFETY: the caller's word. The bytes come first in the word, as in every other key.
        Self(u64::from(unsafe { payload::load_u32(key) }).to_le())
    }

    /// # Safety
    /// Eight bytes are readable at `key`, in the way of [`payload::copy`].
    #[inline(always)]
    pub(crate) unsafe fn of_8_bytes(key: *const u8) -> Self {
        // SAFETY: the caller's word.
        Self(unsafe { payload::load_u64(key) })
    }
}

impl Key for WordKey {
    #[inline(always)]
    fn hash(&self, seed: &Seed) -> Hash {
        Hash(fold(self.0 ^ seed.first, seed.second))
    }

    #[inline(always)]
    unsafe fn is_at(&self, slot: *const u8) -> bool {
        // SAFETY: the caller's word.
        unsafe { payload::load_word(slot) == self.0 }
    }

    #[inline(always)]
    unsafe fn store(&self, slot: *mut u8) {
        // SAFETY: the caller's word.
        unsafe { payload::store_word(slot, self.0) };
    }
}

/// A key of 16 bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PairKey(u64, u64);

impl PairKey {
    /// # Safety
    /// Sixteen bytes are readable at `key`, in the way of [`payload::copy`].
    #[inline(always)]
    pub(crate) unsafe fn of_16_bytes(key: *const u8) -> Self {
        // SAFETY: the caller's word.
        let first = unsafe { payload::load_u64(key) };
        // SAFETY: the caller's word.
        Self(first, unsafe { payload::load_u64(key.add(WORD)) })
    }
}

impl Key for PairKey {
    #[inline(always)]
    fn hash(&self, seed: &Seed) -> Hash {
        Hash(fold(self.0 ^ seed.first, self.1 ^ seed.second))
    }

    #[inline(always)]
    unsafe fn is_at(&self, slot: *const u8) -> bool {
        // SAFETY: the caller's word.
        let first = unsafe { payload::load_word(slot) } ^ self.0;
        // SAFETY: the caller's word.
        let second = unsafe { payload::load_word(slot.add(WORD)) } ^ self.1;
        first | second == 0
    }

    #[inline(always)]
    unsafe fn store(&self, slot: *mut u8) {
        // SAFETY: the caller's word.
        unsafe { payload::store_word(slot, self.0) };
        // SAFETY: the caller's word.
        unsafe { payload::store_word(slot.add(WORD), self.1) };
    }
}

/// A key of any other size up to [`MAX_KEY_SIZE`], filled up with zeros to whole words.
pub(crate) struct LongKey {
    words: [MaybeUninit<u64>; MAX_KEY_SIZE as usize / WORD],
    used: usize,
}

impl LongKey {
    /// # Safety
    /// `len` bytes, at most [`MAX_KEY_SIZE`], are readable at `key`, in the way of [`payload::copy`].
    #[inline]
    pub(crate) unsafe fn new(key: *const u8, len: usize) -> Self {
        let mut words = [const { MaybeUninit::uninit() }; MAX_KEY_SIZE as usize / WORD];
        let mut left = len;
        let mut used = 0;
        for (at, word) in words.iter_mut().enumerate() {
            if left == 0 {
                break;
            }
            let take = left.min(WORD);
            // SAFETY: `at * 8 + take` bytes are at most `len`.
            word.write(unsafe { load_word_of(key.add(at * WORD), take) });
            left -= take;
            used += 1;
        }
        Self { words, used }
    }

    #[inline]
    fn words(&self) -> impl Iterator<Item = u64> {
        self.words.iter().take(self.used).map(|word| {
            // SAFETY: `new` wrote the first `used` words.
            unsafe { word.assume_init_read() }
        })
    }
}

/// The first `take` bytes of a word, the rest zero.
///
/// # Safety
/// `take` bytes, at most 8, are readable at `src`.
#[inline]
unsafe fn load_word_of(src: *const u8, take: usize) -> u64 {
    if take == WORD {
        // SAFETY: the caller's word.
        return unsafe { payload::load_u64(src) };
    }
    let mut bytes = [0; WORD];
    // SAFETY: the caller's word; `take` is below the size of the local.
    unsafe { payload::copy(src, bytes.as_mut_ptr(), take.min(WORD)) };
    u64::from_ne_bytes(bytes)
}

impl Key for LongKey {
    #[inline]
    fn hash(&self, seed: &Seed) -> Hash {
        let mut state = seed.first;
        for word in self.words() {
            state = fold(state ^ word, seed.second);
        }
        // One more round: the last word has been multiplied by a number that it does not depend on.
        Hash(fold(state, seed.second ^ seed.first.rotate_left(32)))
    }

    #[inline]
    unsafe fn is_at(&self, slot: *const u8) -> bool {
        self.words().enumerate().all(|(at, word)| {
            // SAFETY: the caller's word.
            unsafe { payload::load_word(slot.add(at * WORD)) == word }
        })
    }

    #[inline]
    unsafe fn store(&self, slot: *mut u8) {
        for (at, word) in self.words().enumerate() {
            // SAFETY: the caller's word.
            unsafe { payload::store_word(slot.add(at * WORD), word) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(bytes: &mut [u8], seed: &Seed) -> u64 {
        // SAFETY: the slice's own bytes.
        unsafe { LongKey::new(bytes.as_mut_ptr(), bytes.len()) }
            .hash(seed)
            .0
    }

    #[test]
    fn two_maps_hash_alike_by_chance_only() {
        let (one, other) = (Seed::random(), Seed::random());
        let key = WordKey(42);
        assert_ne!(key.hash(&one).0, key.hash(&other).0);
        assert_ne!(
            hash_of(&mut [1, 2, 3], &one),
            hash_of(&mut [1, 2, 3], &other)
        );
    }

    #[test]
    fn every_bit_of_a_key_changes_home_and_tag() {
        let seed = Seed::random();
        for len in [1, 7, 9, 12, 20, 33] {
            let mut key = vec![0xa5_u8; len];
            let plain = hash_of(&mut key, &seed);
            for bit in 0..len * 8 {
                key[bit / 8] ^= 1 << (bit % 8);
                let changed = (plain ^ hash_of(&mut key, &seed)).count_ones();
                assert!(
                    (8..=56).contains(&changed),
                    "bit {bit} of {len} bytes changes {changed} bits"
                );
                key[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }

    #[test]
    fn consecutive_keys_spread_over_buckets() {
        let seed = Seed::random();
        let mut load = [0_u32; 256];
        for key in 0..1024 {
            load[WordKey(key).hash(&seed).0 as usize % 256] += 1;
        }
        // Four on average; nineteen in one of 256 has a chance of one in a hundred thousand.
        assert!(load.iter().all(|n| *n < 19), "{load:?}");
    }
}
