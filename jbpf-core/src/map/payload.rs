//! Copies of memory that codelets and other threads may be writing at the same time.
//!
//! Every byte moves through an access of [`jbpf_hooks::words`], eight at a time where both ends
//! are aligned: a copy that races with a writer gives each aligned word as it was at some moment,
//! and is never undefined.
#![expect(
    unsafe_code,
    reason = "reads and writes memory by address; callers prove that it is there"
)]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "an address is computed and used under one proof"
)]

use std::mem::MaybeUninit;

use jbpf_hooks::words::{self, WORDS_AT_A_TIME};

use super::touched;

/// Bytes of a word.
pub(crate) const WORD: usize = size_of::<u64>();

/// Copies `len` bytes. The two may overlap only if they are the same.
///
/// # Safety
/// `src` is valid for reads and `dst` for writes of `len` bytes, and all other accesses to them
/// are atomic or made by machine code.
#[inline]
pub(crate) unsafe fn copy(src: *const u8, dst: *mut u8, len: usize) {
    let mut done = 0;
    let alignment = src.addr() | dst.addr();
    if alignment.is_multiple_of(WORD) {
        while len - done >= WORD * WORDS_AT_A_TIME {
            // SAFETY: as many words are left, and both addresses are multiples of 8.
            unsafe { words::copy_words(src.add(done).cast(), dst.add(done).cast()) };
            done += WORD * WORDS_AT_A_TIME;
        }
        while len - done >= WORD {
            // SAFETY: `done + 8 <= len`, and both addresses are multiples of 8.
            unsafe { copy_word(src.add(done), dst.add(done)) };
            done += WORD;
        }
    }
    if alignment.is_multiple_of(4) {
        while len - done >= 4 {
            // SAFETY: `done + 4 <= len`, and both addresses are multiples of 4.
            unsafe { copy_half(src.add(done), dst.add(done)) };
            done += 4;
        }
    }
    while done < len {
        // SAFETY: `done < len`.
        unsafe { copy_byte(src.add(done), dst.add(done)) };
        done += 1;
    }
}

/// Copies bytes that nobody else writes to memory that others may be using.
///
/// # Safety
/// As for the destination of [`copy`], for as many bytes.
pub(crate) unsafe fn store(bytes: &[u8], dst: *mut u8) {
    let (words, rest) = bytes.as_chunks::<WORD>();
    let mut at = dst;
    for word in words {
        if dst.addr().is_multiple_of(WORD) {
            // SAFETY: eight of the bytes that the caller speaks of, aligned.
            unsafe { store_word(at, u64::from_ne_bytes(*word)) };
        } else {
            // SAFETY: as above.
            unsafe { store_bytes(word, at) };
        }
        // SAFETY: at most the end of those bytes.
        at = unsafe { at.add(WORD) };
    }
    // SAFETY: the last of those bytes.
    unsafe { store_bytes(rest, at) };
}

/// # Safety
/// As [`store`].
unsafe fn store_bytes(bytes: &[u8], dst: *mut u8) {
    touched::add(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        // SAFETY: the caller's word.
        unsafe { words::store_u8(dst.add(at), *byte) };
    }
}

/// The origin of a value's bytes.
pub(crate) trait Source: Copy {
    /// Writes them to memory that others may be using.
    ///
    /// # Safety
    /// As for the destination of [`copy`]; there are `len` bytes, and an address is a source as
    /// [`copy`] has one.
    unsafe fn write(self, dst: *mut u8, len: usize);
}

/// Memory that others may be writing.
impl Source for *const u8 {
    #[inline(always)]
    unsafe fn write(self, dst: *mut u8, len: usize) {
        // SAFETY: the caller's word.
        unsafe { copy(self, dst, len) };
    }
}

/// Bytes that nobody else writes.
impl Source for &[u8] {
    unsafe fn write(self, dst: *mut u8, _len: usize) {
        // SAFETY: the caller's word: there are as many bytes.
        unsafe { store(self, dst) };
    }
}

/// The most bytes that [`with_copy`] copies.
pub(crate) const MAX_COPY: usize = 4096;

/// Calls `f` with a copy of `len` bytes, which lies on the stack: of more than [`MAX_COPY`], the
/// first ones.
///
/// # Safety
/// As for the source of [`copy`].
pub(crate) unsafe fn with_copy<R>(src: *const u8, len: usize, f: impl FnOnce(&[u8]) -> R) -> R {
    const SMALL: usize = 256 / WORD;
    const LARGE: usize = MAX_COPY / WORD;
    if len <= SMALL * WORD {
        // SAFETY: the caller's word.
        return unsafe { copied_to::<SMALL, R>(src, len, f) };
    }
    // SAFETY: the caller's word, for as many bytes as he says, or fewer.
    unsafe { copied_to::<LARGE, R>(src, len.min(MAX_COPY), f) }
}

/// [`with_copy`] with room for so many words. Not in line: a call with a small copy needs no stack
/// for a large one.
///
/// # Safety
/// As for the source of [`copy`], and `len` bytes are not more than the words.
#[inline(never)]
unsafe fn copied_to<const WORDS: usize, R>(
    src: *const u8,
    len: usize,
    f: impl FnOnce(&[u8]) -> R,
) -> R {
    // The room consists of words, so that the copy is aligned as well as values are.
    let mut room = [MaybeUninit::<u64>::uninit(); WORDS];
    let start = room.as_mut_ptr().cast::<u8>();
    // SAFETY: the caller's word for the source; there is room for `len` bytes.
    unsafe { copy(src, start, len) };
    // SAFETY: written just now, and ours alone.
    f(unsafe { std::slice::from_raw_parts(start, len) })
}

/// Sets `len` bytes to zero.
///
/// # Safety
/// As for the destination of [`copy`].
#[inline]
pub(crate) unsafe fn zero(dst: *mut u8, len: usize) {
    let mut done = 0;
    if dst.addr().is_multiple_of(WORD) {
        while len - done >= WORD {
            // SAFETY: `done + 8 <= len`, and the address is a multiple of 8.
            unsafe { store_word(dst.add(done), 0) };
            done += WORD;
        }
    }
    touched::add(len - done);
    while done < len {
        // SAFETY: `done < len`.
        unsafe { words::store_u8(dst.add(done), 0) };
        done += 1;
    }
}

/// Reads four bytes, aligned or not, as a little-endian number.
///
/// # Safety
/// As for the source of [`copy`].
#[inline]
pub(crate) unsafe fn load_u32(src: *const u8) -> u32 {
    if src.addr().is_multiple_of(4) {
        touched::add(4);
        // SAFETY: aligned, and readable by the caller's word.
        return u32::from_le(unsafe { words::load_u32(src.cast()) });
    }
    let mut bytes = [0; 4];
    // SAFETY: the caller's word for the source; the destination is a local of that size.
    unsafe { copy(src, bytes.as_mut_ptr(), bytes.len()) };
    u32::from_le_bytes(bytes)
}

/// Reads eight bytes, aligned or not, in memory order.
///
/// # Safety
/// As for the source of [`copy`].
#[inline]
pub(crate) unsafe fn load_u64(src: *const u8) -> u64 {
    if src.addr().is_multiple_of(WORD) {
        // SAFETY: aligned, and readable by the caller's word.
        return unsafe { load_word(src) };
    }
    if src.addr().is_multiple_of(4) {
        // SAFETY: readable by the caller's word.
        let (low, high) = unsafe { (load_u32(src), load_u32(src.add(4))) };
        return (u64::from(low) | u64::from(high) << 32).to_le();
    }
    let mut bytes = [0; WORD];
    // SAFETY: the caller's word for the source; the destination is a local of that size.
    unsafe { copy(src, bytes.as_mut_ptr(), bytes.len()) };
    u64::from_ne_bytes(bytes)
}

/// # Safety
/// As for the source of [`copy`], and aligned to 8.
#[inline]
pub(crate) unsafe fn load_word(src: *const u8) -> u64 {
    touched::add(WORD);
    // SAFETY: the caller's word.
    unsafe { words::load_u64(src.cast()) }
}

/// # Safety
/// As for the destination of [`copy`], and aligned to 8.
#[inline]
pub(crate) unsafe fn store_word(dst: *mut u8, word: u64) {
    touched::add(WORD);
    // SAFETY: the caller's word.
    unsafe { words::store_u64(dst.cast(), word) };
}

/// # Safety
/// As [`copy`] of eight bytes, both aligned to 8.
#[inline]
unsafe fn copy_word(src: *const u8, dst: *mut u8) {
    // SAFETY: the caller's word.
    let word = unsafe { load_word(src) };
    // SAFETY: the caller's word.
    unsafe { store_word(dst, word) };
}

/// # Safety
/// As [`copy`] of four bytes, both aligned to 4.
#[inline]
unsafe fn copy_half(src: *const u8, dst: *mut u8) {
    touched::add(2 * 4);
    // SAFETY: the caller's word.
    let half = unsafe { words::load_u32(src.cast()) };
    // SAFETY: the caller's word.
    unsafe { words::store_u32(dst.cast(), half) };
}

/// # Safety
/// As [`copy`] of one byte.
#[inline]
unsafe fn copy_byte(src: *const u8, dst: *mut u8) {
    touched::add(2);
    // SAFETY: the caller's word.
    let byte = unsafe { words::load_u8(src) };
    // SAFETY: the caller's word.
    unsafe { words::store_u8(dst, byte) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_zeroes_exactly_what_is_asked_at_every_alignment_and_length() {
        for src_offset in 0..8 {
            for dst_offset in 0..8 {
                for len in (0..40).step_by(if cfg!(miri) { 13 } else { 1 }) {
                    let mut src: Vec<u8> = (1..=64).collect();
                    let mut dst = vec![0xee_u8; 64];
                    // SAFETY: both offsets plus `len` stay below 64.
                    unsafe {
                        copy(
                            src.as_mut_ptr().add(src_offset),
                            dst.as_mut_ptr().add(dst_offset),
                            len,
                        );
                    }
                    let mut expected = vec![0xee_u8; 64];
                    expected[dst_offset..dst_offset + len]
                        .copy_from_slice(&src[src_offset..src_offset + len]);
                    assert_eq!(dst, expected);
                    // SAFETY: the offset plus `len` stays below 64.
                    unsafe { zero(dst.as_mut_ptr().add(dst_offset), len) };
                    expected[dst_offset..dst_offset + len].fill(0);
                    assert_eq!(dst, expected);
                    let from = &src[src_offset..src_offset + len];
                    // SAFETY: the offset plus `len` stays below 64.
                    unsafe { store(from, dst.as_mut_ptr().add(dst_offset)) };
                    expected[dst_offset..dst_offset + len].copy_from_slice(from);
                    assert_eq!(dst, expected);
                }
            }
        }
    }

    #[test]
    fn copies_are_private_and_whole_whatever_their_length() {
        for len in [0, 1, 255, 256, 257, 4095, MAX_COPY] {
            let mut bytes: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
            let expected = bytes.clone();
            // SAFETY: the vector's own bytes.
            unsafe {
                with_copy(bytes.as_mut_ptr(), len, |copy| {
                    assert_eq!(copy, expected);
                    assert_ne!(copy.as_ptr(), expected.as_ptr());
                });
            }
        }
    }

    #[test]
    fn numbers_are_read_at_every_alignment() {
        let mut bytes: Vec<u8> = (0..32).collect();
        for offset in 0..8 {
            // SAFETY: offset plus 8 stays below 32.
            let (half, word) = unsafe {
                let at = bytes.as_mut_ptr().add(offset);
                (load_u32(at), load_u64(at))
            };
            let first: [u8; 4] = bytes[offset..offset + 4].try_into().unwrap();
            let all: [u8; 8] = bytes[offset..offset + 8].try_into().unwrap();
            assert_eq!(half, u32::from_le_bytes(first));
            assert_eq!(word, u64::from_ne_bytes(all));
        }
    }
}
