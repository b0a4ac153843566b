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

/// The longest key in bytes: the size of a codelet's stack frame.
pub const MAX_KEY_SIZE: u32 = 512;

/// Random numbers that make the hashes of one map unlike those of any other. So nobody knows
/// beforehand which keys meet in one bucket. A codelet can find out, because dumps are in the
/// order of buckets; chains are bounded for that reason (`index`).
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

/// A key of up to `N` words, in registers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WordsKey<const N: usize>([u64; N]);

impl<const N: usize> WordsKey<N> {
    /// A key of `size` bytes, more than those of `N - 1` words and at most those of `N`.
    ///
    /// # Safety
    /// `size` bytes are readable at `key`, in the way of [`payload::copy`].
    #[inline(always)]
    pub(crate) unsafe fn load(key: *const u8, size: usize) -> Self {
        Self(std::array::from_fn(|at| {
            let done = at * WORD;
            // SAFETY: `done` and the bytes taken there stay within `size`.
            unsafe { load_word_of(key.add(done), size.saturating_sub(done)) }
        }))
    }
}

impl<const N: usize> Key for WordsKey<N> {
    #[inline(always)]
    fn hash(&self, seed: &Seed) -> Hash {
        hash_words(self.0, seed)
    }

    #[inline(always)]
    unsafe fn is_at(&self, slot: *const u8) -> bool {
        let mut difference = 0;
        for (at, word) in self.0.into_iter().enumerate() {
            // SAFETY: the caller's word.
            difference |= word ^ unsafe { payload::load_word(slot.add(at * WORD)) };
        }
        difference == 0
    }

    #[inline(always)]
    unsafe fn store(&self, slot: *mut u8) {
        for (at, word) in self.0.into_iter().enumerate() {
            // SAFETY: the caller's word.
            unsafe { payload::store_word(slot.add(at * WORD), word) };
        }
    }
}

/// Room for the longest key.
pub(crate) type LongKeyBuffer = [MaybeUninit<u64>; MAX_KEY_SIZE as usize / WORD];

/// A longer key, in memory of the caller's own.
pub(crate) struct LongKey<'a>(&'a [u64]);

impl<'a> LongKey<'a> {
    /// A key of `size` bytes, at most [`MAX_KEY_SIZE`].
    ///
    /// # Safety
    /// `size` bytes are readable at `key`, in the way of [`payload::copy`].
    #[inline]
    pub(crate) unsafe fn load(key: *const u8, size: usize, buffer: &'a mut LongKeyBuffer) -> Self {
        let words = size.div_ceil(WORD).min(buffer.len());
        for (at, word) in buffer.iter_mut().take(words).enumerate() {
            let done = at * WORD;
            // SAFETY: `done` is below `size`, and the bytes taken there stay within it.
            word.write(unsafe { load_word_of(key.add(done), size - done) });
        }
        let words = buffer.get(..words).unwrap_or_default();
        // SAFETY: written just now.
        Self(unsafe { words.assume_init_ref() })
    }
}

impl Key for LongKey<'_> {
    #[inline]
    fn hash(&self, seed: &Seed) -> Hash {
        hash_words(self.0.iter().copied(), seed)
    }

    #[inline]
    unsafe fn is_at(&self, slot: *const u8) -> bool {
        self.0.iter().enumerate().all(|(at, word)| {
            // SAFETY: the caller's word.
            unsafe { payload::load_word(slot.add(at * WORD)) == *word }
        })
    }

    #[inline]
    unsafe fn store(&self, slot: *mut u8) {
        for (at, word) in self.0.iter().enumerate() {
            // SAFETY: the caller's word.
            unsafe { payload::store_word(slot.add(at * WORD), *word) };
        }
    }
}

/// Two words a multiplication. All keys of a map have as many words.
#[inline(always)]
fn hash_words(words: impl IntoIterator<Item = u64>, seed: &Seed) -> Hash {
    let mut words = words.into_iter();
    let mut state = seed.first;
    while let Some(first) = words.next() {
        // The second factor must not be 0 for any key that a codelet could find: the product would
        // forget the first word.
        state = fold(state ^ first, seed.second ^ words.next().unwrap_or(0));
    }
    Hash(state)
}

/// The first bytes of a word, at most `left` and at most eight, the rest zero.
///
/// # Safety
/// Those bytes are readable at `src`.
#[inline(always)]
unsafe fn load_word_of(src: *const u8, left: usize) -> u64 {
    match left {
        WORD.. => {
            // SAFETY: eight bytes are left.
            unsafe { payload::load_u64(src) }
        }
        4 => {
            // SAFETY: four bytes are left. They come first in the word, as in every other key.
            u64::from(unsafe { payload::load_u32(src) }).to_le()
        }
        _ => {
            let mut bytes = [0; WORD];
            // SAFETY: `left` bytes are left, fewer than the local has.
            unsafe { payload::copy(src, bytes.as_mut_ptr(), left) };
            u64::from_ne_bytes(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(bytes: &mut [u8], seed: &Seed) -> u64 {
        let mut buffer = [MaybeUninit::uninit(); MAX_KEY_SIZE as usize / WORD];
        // SAFETY: the slice's own bytes.
        unsafe { LongKey::load(bytes.as_mut_ptr(), bytes.len(), &mut buffer) }
            .hash(seed)
            .0
    }

    #[test]
    fn two_maps_hash_alike_by_chance_only() {
        let (one, other) = (Seed::random(), Seed::random());
        let key = WordsKey([42]);
        assert_ne!(key.hash(&one).0, key.hash(&other).0);
        assert_ne!(
            hash_of(&mut [1, 2, 3], &one),
            hash_of(&mut [1, 2, 3], &other)
        );
    }

    #[test]
    fn every_bit_of_a_key_changes_home_and_tag() {
        let seed = Seed::random();
        let longest = if cfg!(miri) {
            64
        } else {
            MAX_KEY_SIZE as usize
        };
        for len in [1, 4, 7, 8, 9, 12, 16, 20, 24, 33, longest] {
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
    fn a_key_is_the_same_in_registers_and_in_memory() {
        let seed = Seed::random();
        let mut bytes = [0x5a_u8; 40];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = at as u8 + 1;
        }
        for offset in 0..8 {
            for size in 17..=24 {
                let expected = hash_of(&mut bytes[offset..offset + size], &seed);
                // SAFETY: offset and size stay below 40.
                let key = unsafe { WordsKey::<3>::load(bytes.as_mut_ptr().add(offset), size) };
                assert_eq!(key.hash(&seed).0, expected, "{size} bytes at {offset}");
            }
        }
    }

    #[test]
    fn consecutive_keys_spread_over_buckets() {
        let seed = Seed::random();
        let mut load = [0_u32; 256];
        for key in 0..1024 {
            load[WordsKey([key]).hash(&seed).0 as usize % 256] += 1;
        }
        // Four on average; nineteen in one of 256 has a chance of one in a hundred thousand.
        assert!(load.iter().all(|n| *n < 19), "{load:?}");
    }
}
