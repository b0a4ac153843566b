//! Copies between memory that others may touch at the same time.
//!
//! A tap reads a buffer that a producer may be filling. A codelet sends a map value to which
//! another thread stores, or a region that may only be read. So every access to such memory is one
//! of [`jbpf_hooks::words`], of the widest word that its alignment allows. The protocol discards
//! torn bytes, or else the race is the codelet's own.

#![expect(
    unsafe_code,
    reason = "reads and writes shared memory through raw pointers"
)]

use jbpf_hooks::words::{
    WORDS_AT_A_TIME, copy_words, load_u8, load_u32, load_u64, store_u8, store_u32, store_u64,
};

/// Copies `len` bytes of shared memory to shared memory.
///
/// # Safety
///
/// `source` is readable and `target` writable for `len` bytes, for the whole call. Meanwhile no
/// Rust reference reaches the target, and none that may write reaches the source. Other threads
/// may access both, and the two may overlap: then the bytes that arrive are unspecified.
#[inline]
pub(crate) unsafe fn shared_to_shared(source: *const u8, target: *mut u8, len: usize) {
    #[cfg(test)]
    touched::add(len);
    let alignment = source.addr() | target.addr();
    let mut done = 0;
    if alignment.is_multiple_of(8) {
        while done + 8 * WORDS_AT_A_TIME <= len {
            let (from, to) = (source.wrapping_add(done), target.wrapping_add(done));
            // SAFETY: both pointers are aligned to 8 and valid for as many words: the caller
            // promises it.
            unsafe { copy_words(from.cast(), to.cast()) };
            done += 8 * WORDS_AT_A_TIME;
        }
        while done + 8 <= len {
            // SAFETY: both pointers are aligned to 8 and valid for the 8 bytes from `done`: the
            // caller promises it.
            let word = unsafe { load_u64(source.wrapping_add(done).cast()) };
            // SAFETY: as above, for the target.
            unsafe { store_u64(target.wrapping_add(done).cast(), word) };
            done += 8;
        }
    }
    if alignment.is_multiple_of(4) {
        while done + 4 <= len {
            // SAFETY: both pointers are aligned to 4 and valid for the 4 bytes from `done`: the
            // caller promises it.
            let word = unsafe { load_u32(source.wrapping_add(done).cast()) };
            // SAFETY: as above, for the target.
            unsafe { store_u32(target.wrapping_add(done).cast(), word) };
            done += 4;
        }
    }
    while done < len {
        // SAFETY: both pointers are valid for the byte at `done`: the caller promises it.
        let byte = unsafe { load_u8(source.wrapping_add(done)) };
        // SAFETY: as above, for the target.
        unsafe { store_u8(target.wrapping_add(done), byte) };
        done += 1;
    }
}

/// Fills `len` bytes of shared memory, from `offset` of an 8-aligned record, with zeros.
///
/// # Safety
///
/// `record` is aligned to 8 and writable for `offset + len` bytes. No Rust reference reaches them
/// meanwhile.
#[inline]
pub(crate) unsafe fn zero_shared(record: *mut u8, offset: usize, len: usize) {
    #[cfg(test)]
    touched::add(len);
    let (mut done, end) = (offset, offset + len);
    while done < end {
        if done.is_multiple_of(8) && done + 8 <= end {
            // SAFETY: aligned, as `record` and `done` are, and within the caller's bytes.
            unsafe { store_u64(record.wrapping_add(done).cast(), 0) };
            done += 8;
        } else {
            // SAFETY: within the caller's bytes.
            unsafe { store_u8(record.wrapping_add(done), 0) };
            done += 1;
        }
    }
}

/// Copies a record out of shared memory into the caller's own.
///
/// # Safety
///
/// `record` is aligned to 8 and readable for `len` bytes rounded up to 8, for the whole call.
/// `target` is writable for `len` bytes, and nobody else accesses it.
#[inline]
pub(crate) unsafe fn shared_to_own(record: *const u8, target: *mut u8, len: usize) {
    #[cfg(test)]
    touched::add(len);
    let words = len / 8;
    for word in 0..words {
        // SAFETY: aligned and within `len` bytes: the caller promises it.
        let value = unsafe { load_u64(record.cast::<u64>().wrapping_add(word)) };
        // SAFETY: within the `len` bytes of the target; an unaligned write needs no alignment.
        unsafe {
            target
                .cast::<u64>()
                .wrapping_add(word)
                .write_unaligned(value)
        };
    }
    let rest = len % 8;
    if rest != 0 {
        // SAFETY: the last word is readable whole, as the record is padded to 8.
        let value = unsafe { load_u64(record.cast::<u64>().wrapping_add(words)) };
        let bytes = value.to_ne_bytes();
        // SAFETY: `rest` bytes of 8 from a local array to the last `rest` bytes of the target.
        unsafe {
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), target.wrapping_add(words * 8), rest);
        }
    }
}

/// Bytes that copies of this thread moved or cleared, for tests.
#[cfg(test)]
pub(crate) mod touched {
    use std::cell::Cell;

    thread_local! {
        static BYTES: Cell<usize> = const { Cell::new(0) };
    }

    pub(crate) fn add(bytes: usize) {
        BYTES.set(BYTES.get() + bytes);
    }

    /// Bytes that were moved or cleared while `run` ran.
    pub(crate) fn during(run: impl FnOnce()) -> usize {
        BYTES.set(0);
        run();
        BYTES.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InputOptions, InputRing, OutputOptions, OutputRing};

    #[test]
    fn every_alignment_and_length_copies_its_bytes_and_no_others() {
        let source: [u64; 8] = core::array::from_fn(|i| 0x0101_0101_0101_0101 * (i as u64 + 1));
        for from in 0..8 {
            for to in 0..8 {
                for len in 0..=40 {
                    let mut target = [0xee_u64; 8].map(|_| 0xeeee_eeee_eeee_eeee_u64);
                    let base = target.as_mut_ptr().cast::<u8>();
                    // SAFETY: 7 + 40 bytes lie within the 64 of both arrays, which nobody else
                    // touches.
                    unsafe {
                        shared_to_shared(
                            source.as_ptr().cast::<u8>().wrapping_add(from),
                            base.wrapping_add(to),
                            len,
                        );
                    }
                    let bytes: Vec<u8> = target.iter().flat_map(|w| w.to_ne_bytes()).collect();
                    let given: Vec<u8> = source.iter().flat_map(|w| w.to_ne_bytes()).collect();
                    assert_eq!(bytes[to..to + len], given[from..from + len]);
                    assert!(bytes[..to].iter().all(|b| *b == 0xee));
                    assert!(bytes[to + len..].iter().all(|b| *b == 0xee));
                }
            }
        }
    }

    #[test]
    fn zeros_reach_exactly_the_bytes_asked_for() {
        for offset in 0..24 {
            for len in 0..=24 {
                let mut record = [u64::MAX; 6];
                // SAFETY: 24 + 24 bytes lie within the array, which nobody else touches.
                unsafe { zero_shared(record.as_mut_ptr().cast(), offset, len) };
                let bytes: Vec<u8> = record.iter().flat_map(|w| w.to_ne_bytes()).collect();
                for (at, byte) in bytes.iter().enumerate() {
                    assert_eq!(*byte == 0, (offset..offset + len).contains(&at));
                }
            }
        }
    }

    #[test]
    fn a_record_comes_out_whole_whatever_its_length() {
        let record: [u64; 4] = [0x0807_0605_0403_0201, 0x100f_0e0d_0c0b_0a09, 3, 4];
        for len in 0..=32 {
            let mut target = [0xee_u8; 33];
            // SAFETY: the record is 32 bytes, the target 33, and nobody else touches them.
            unsafe { shared_to_own(record.as_ptr().cast(), target.as_mut_ptr(), len) };
            let given: Vec<u8> = record.iter().flat_map(|w| w.to_ne_bytes()).collect();
            assert_eq!(target[..len], given[..len]);
            assert!(target[len..].iter().all(|b| *b == 0xee));
        }
    }

    /// A codelet's worst case counts on it: a send or a receive moves one record, however much of
    /// it is sent.
    #[test]
    fn a_record_is_moved_once() {
        let slot = jbpf_hooks::reclaim::prepare_thread().expect("a slot");
        for size in [1, 8, 20, 4096] {
            let output = OutputRing::new(8, size, &OutputOptions::default()).expect("a ring");
            let input = InputRing::new(8, size, &InputOptions::default()).expect("a ring");
            let bytes = vec![0_u64; size.div_ceil(8) as usize];
            for len in [0, size / 2, size] {
                let sent = touched::during(|| {
                    // SAFETY: the vector has at least `size` bytes, which nobody else uses.
                    let sent = unsafe { output.send(slot, bytes.as_ptr().cast(), len as usize) };
                    sent.expect("room");
                });
                assert_eq!(sent, size as usize);
            }
            input.send_bytes(&vec![7; size as usize]).expect("room");
            let mut target = vec![0_u64; size.div_ceil(8) as usize];
            let received = touched::during(|| {
                // SAFETY: as above.
                assert!(unsafe { input.receive(target.as_mut_ptr().cast()) });
            });
            assert_eq!(received, size as usize);
        }
    }
}
