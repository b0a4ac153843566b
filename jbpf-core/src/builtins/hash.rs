//! Helper 10: `hashlittle` of Bob Jenkins' lookup3 (public domain, 2006), with 0 as the initial
//! value.
#![expect(unsafe_code, reason = "reads a codelet's buffer by address")]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "an address is computed and used under one proof"
)]

use crate::map::payload;

/// Bytes that one round takes in.
const BLOCK: u64 = 12;

/// The hash of `len` bytes, read as little-endian words.
///
/// # Safety
/// `bytes` is readable for `len` bytes, which other threads may be writing.
pub(crate) unsafe fn hashlittle(bytes: *const u8, len: u64) -> u32 {
    // The length enters modulo 2^32, as in the original.
    let initial = 0xdead_beef_u32.wrapping_add(len as u32);
    let mut state = [initial; 3];
    let mut at = bytes;
    let mut left = len;
    while left > BLOCK {
        for (offset, word) in [0, 4, 8].into_iter().zip(&mut state) {
            // SAFETY: more than twelve bytes are left.
            *word = word.wrapping_add(unsafe { payload::load_u32(at.add(offset)) });
        }
        mix(&mut state);
        // SAFETY: as above.
        at = unsafe { at.add(12) };
        left -= BLOCK;
    }
    let [.., c] = state;
    if left == 0 {
        return c;
    }
    let mut tail = [0_u8; BLOCK as usize];
    // SAFETY: `left` bytes, at most twelve, remain.
    unsafe { payload::copy(at, tail.as_mut_ptr(), left as usize) };
    let (words, _) = tail.as_chunks::<4>();
    for (tail, word) in words.iter().zip(&mut state) {
        *word = word.wrapping_add(u32::from_le_bytes(*tail));
    }
    finish(&mut state);
    let [.., c] = state;
    c
}

/// The reversible mixing of three words, by these six rotations.
fn mix([a, b, c]: &mut [u32; 3]) {
    *a = a.wrapping_sub(*c) ^ c.rotate_left(4);
    *c = c.wrapping_add(*b);
    *b = b.wrapping_sub(*a) ^ a.rotate_left(6);
    *a = a.wrapping_add(*c);
    *c = c.wrapping_sub(*b) ^ b.rotate_left(8);
    *b = b.wrapping_add(*a);
    *a = a.wrapping_sub(*c) ^ c.rotate_left(16);
    *c = c.wrapping_add(*b);
    *b = b.wrapping_sub(*a) ^ a.rotate_left(19);
    *a = a.wrapping_add(*c);
    *c = c.wrapping_sub(*b) ^ b.rotate_left(4);
    *b = b.wrapping_add(*a);
}

/// The last mixing, after which `c` depends on every bit, by these seven rotations.
fn finish([a, b, c]: &mut [u32; 3]) {
    *c = (*c ^ *b).wrapping_sub(b.rotate_left(14));
    *a = (*a ^ *c).wrapping_sub(c.rotate_left(11));
    *b = (*b ^ *a).wrapping_sub(a.rotate_left(25));
    *c = (*c ^ *b).wrapping_sub(b.rotate_left(16));
    *a = (*a ^ *c).wrapping_sub(c.rotate_left(4));
    *b = (*b ^ *a).wrapping_sub(a.rotate_left(14));
    *c = (*c ^ *b).wrapping_sub(b.rotate_left(24));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &[u8]) -> u32 {
        let mut bytes = text.to_vec();
        // SAFETY: the vector's own bytes.
        unsafe { hashlittle(bytes.as_mut_ptr(), bytes.len() as u64) }
    }

    #[test]
    fn the_published_vectors_hold() {
        assert_eq!(hash(b""), 0xdead_beef);
        assert_eq!(hash(b"Four score and seven years ago"), 0x1777_0551);
    }

    #[test]
    fn alignment_does_not_matter_and_no_byte_beyond_the_end_does() {
        for len in 0..40 {
            let text: Vec<u8> = (0..len).map(|n| n * 5 + 1).collect();
            let expected = hash(&text);
            for offset in 0..8 {
                let mut bytes = vec![0xff_u8; 64];
                bytes[offset..offset + text.len()].copy_from_slice(&text);
                // SAFETY: offset plus length stays below 64.
                let shifted =
                    unsafe { hashlittle(bytes.as_mut_ptr().add(offset), text.len() as u64) };
                assert_eq!(shifted, expected, "{len} bytes at {offset}");
            }
        }
    }
}
