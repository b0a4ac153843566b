//! Single accesses to memory that codelets and other threads access at the same time.
//!
//! Machine code and Rust code write map values, records and regions, in words of any size that
//! each side finds aligned, and no lock orders them. Rust's own accesses do not fit that memory:
//!
//! * Plain and volatile ones race with the others.
//! * Atomic ones of two sizes that race, eight bytes here and one byte there, are undefined in the
//!   language.
//! * `AtomicU64::from_ptr` makes a reference, and asks for memory that may be written. A record
//!   may come from a `&[u8]`, from a hook's `&T`, or from a read-only page of constants.
//!
//! So each function here is one instruction of the processor, as code of another language would
//! have it. It stands for as many relaxed accesses of one byte. All conflicting accesses can be
//! taken as such, so that none of them is undefined: a relaxed load of a byte is allowed for
//! memory that may only be read. The processors give more than that, and codelets may rely on it:
//! an aligned word is read and written whole.
//!
//! Under Miri, and on other processors, the functions are relaxed atomics. The argument then rests
//! on compilers that treat bytes of atomics one by one.

#![expect(
    unsafe_code,
    reason = "reads and writes memory by address; callers prove that it is there"
)]

/// Writes the functions of one size, for the processors whose instructions are named.
macro_rules! accesses {
    ($ty:ty, $atomic:ident, $load:ident, $store:ident,
     x86: $x86_load:literal $x86_store:literal $x86_class:ident,
     arm: $arm_load:literal $arm_store:literal,
     riscv: $riscv_load:literal $riscv_store:literal) => {
        /// Reads a word.
        ///
        /// # Safety
        ///
        /// `source` is aligned, and readable for the word's bytes.
        #[inline(always)]
        #[must_use]
        pub unsafe fn $load(source: *const $ty) -> $ty {
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            {
                let word: u64;
                // SAFETY: reads the word that the caller vouches for, and nothing else.
                unsafe {
                    core::arch::asm!(
                        $x86_load, word = lateout(reg) word, source = in(reg) source,
                        options(nostack, preserves_flags, readonly),
                    );
                }
                word as $ty
            }
            #[cfg(all(target_arch = "aarch64", not(miri)))]
            {
                let word: u64;
                // SAFETY: reads the word that the caller vouches for, and nothing else.
                unsafe {
                    core::arch::asm!(
                        $arm_load, word = lateout(reg) word, source = in(reg) source,
                        options(nostack, preserves_flags, readonly),
                    );
                }
                word as $ty
            }
            #[cfg(all(target_arch = "riscv64", not(miri)))]
            {
                let word: u64;
                // SAFETY: reads the word that the caller vouches for, and nothing else.
                unsafe {
                    core::arch::asm!(
                        $riscv_load, word = lateout(reg) word, source = in(reg) source,
                        options(nostack, preserves_flags, readonly),
                    );
                }
                word as $ty
            }
            #[cfg(any(
                miri,
                not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))
            ))]
            {
                use core::sync::atomic::{$atomic, Ordering};
                // SAFETY: aligned and there, by the caller's word.
                unsafe { $atomic::from_ptr(source.cast_mut()) }.load(Ordering::Relaxed)
            }
        }

        /// Writes a word.
        ///
        /// # Safety
        ///
        /// `target` is aligned, and writable for the word's bytes.
        #[inline(always)]
        pub unsafe fn $store(target: *mut $ty, word: $ty) {
            #[cfg(all(target_arch = "x86_64", not(miri)))]
            // SAFETY: writes the word that the caller vouches for, and nothing else.
            unsafe {
                core::arch::asm!(
                    $x86_store, word = in($x86_class) word, target = in(reg) target,
                    options(nostack, preserves_flags),
                );
            }
            #[cfg(all(target_arch = "aarch64", not(miri)))]
            // SAFETY: writes the word that the caller vouches for, and nothing else.
            unsafe {
                core::arch::asm!(
                    $arm_store, word = in(reg) u64::from(word), target = in(reg) target,
                    options(nostack, preserves_flags),
                );
            }
            #[cfg(all(target_arch = "riscv64", not(miri)))]
            // SAFETY: writes the word that the caller vouches for, and nothing else.
            unsafe {
                core::arch::asm!(
                    $riscv_store, word = in(reg) u64::from(word), target = in(reg) target,
                    options(nostack, preserves_flags),
                );
            }
            #[cfg(any(
                miri,
                not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))
            ))]
            {
                use core::sync::atomic::{$atomic, Ordering};
                // SAFETY: aligned and there, by the caller's word.
                unsafe { $atomic::from_ptr(target) }.store(word, Ordering::Relaxed);
            }
        }
    };
}

accesses!(
    u64, AtomicU64, load_u64, store_u64,
    x86: "mov {word}, qword ptr [{source}]" "mov qword ptr [{target}], {word}" reg,
    arm: "ldr {word:x}, [{source}]" "str {word:x}, [{target}]",
    riscv: "ld {word}, 0({source})" "sd {word}, 0({target})"
);
accesses!(
    u32, AtomicU32, load_u32, store_u32,
    x86: "mov {word:e}, dword ptr [{source}]" "mov dword ptr [{target}], {word:e}" reg,
    arm: "ldr {word:w}, [{source}]" "str {word:w}, [{target}]",
    riscv: "lwu {word}, 0({source})" "sw {word}, 0({target})"
);
accesses!(
    u16, AtomicU16, load_u16, store_u16,
    x86: "movzx {word:e}, word ptr [{source}]" "mov word ptr [{target}], {word:x}" reg,
    arm: "ldrh {word:w}, [{source}]" "strh {word:w}, [{target}]",
    riscv: "lhu {word}, 0({source})" "sh {word}, 0({target})"
);
accesses!(
    u8, AtomicU8, load_u8, store_u8,
    x86: "movzx {word:e}, byte ptr [{source}]" "mov byte ptr [{target}], {word}" reg_byte,
    arm: "ldrb {word:w}, [{source}]" "strb {word:w}, [{target}]",
    riscv: "lbu {word}, 0({source})" "sb {word}, 0({target})"
);

/// Words that [`copy_words`] copies at a time.
pub const WORDS_AT_A_TIME: usize = 4;

/// Copies [`WORDS_AT_A_TIME`] words of eight bytes, each as [`load_u64`] and [`store_u64`] would.
///
/// # Safety
///
/// The contracts of [`load_u64`] and [`store_u64`], for that many words from `source` and
/// `target`. If the two overlap, the copy is unspecified.
#[inline(always)]
pub unsafe fn copy_words(source: *const u64, target: *mut u64) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: reads and writes the words that the caller vouches for, and nothing else.
    unsafe {
        core::arch::asm!(
            "mov {a}, qword ptr [{source}]",
            "mov {b}, qword ptr [{source} + 8]",
            "mov {c}, qword ptr [{source} + 16]",
            "mov {d}, qword ptr [{source} + 24]",
            "mov qword ptr [{target}], {a}",
            "mov qword ptr [{target} + 8], {b}",
            "mov qword ptr [{target} + 16], {c}",
            "mov qword ptr [{target} + 24], {d}",
            a = out(reg) _, b = out(reg) _, c = out(reg) _, d = out(reg) _,
            source = in(reg) source, target = in(reg) target,
            options(nostack, preserves_flags),
        );
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    for at in 0..WORDS_AT_A_TIME {
        // SAFETY: one of the words that the caller vouches for.
        let word = unsafe { load_u64(source.wrapping_add(at)) };
        // SAFETY: as above.
        unsafe { store_u64(target.wrapping_add(at), word) };
    }
}

#[cfg(test)]
#[expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "accesses of one array under one proof"
)]
mod tests {
    use super::*;

    #[test]
    fn each_size_reads_and_writes_its_own_bytes_and_no_others() {
        let bytes: [u8; 16] = core::array::from_fn(|at| 0xf0 + at as u8);
        let words = [
            u64::from_ne_bytes(*bytes.first_chunk().unwrap()),
            u64::from_ne_bytes(*bytes.last_chunk().unwrap()),
        ];
        for at in 0..2 {
            let source = words.as_ptr().wrapping_add(at);
            let expected = words[at].to_ne_bytes();
            // SAFETY: one of the words, and parts of it.
            unsafe {
                assert_eq!(load_u64(source), words[at]);
                assert_eq!(load_u32(source.cast()).to_ne_bytes(), expected[..4]);
                assert_eq!(load_u16(source.cast()).to_ne_bytes(), expected[..2]);
                assert_eq!(load_u8(source.cast()), expected[0]);
            }
            let stored = |store: &dyn Fn(*mut u64)| {
                let mut target = [u64::MAX; 3];
                store(target.as_mut_ptr().wrapping_add(1));
                assert_eq!([target[0], target[2]], [u64::MAX; 2]);
                target[1].to_ne_bytes()
            };
            // SAFETY: the word in the middle, and parts of it.
            unsafe {
                assert_eq!(stored(&|target| store_u64(target, words[at])), expected);
                let number = u32::from_ne_bytes(*expected.first_chunk().unwrap());
                let target = stored(&|target| store_u32(target.cast(), number));
                assert_eq!(target[..4], expected[..4]);
                assert_eq!(target[4..], [255; 4]);
                let number = u16::from_ne_bytes(*expected.first_chunk().unwrap());
                let target = stored(&|target| store_u16(target.cast(), number));
                assert_eq!(target[..2], expected[..2]);
                assert_eq!(target[2..], [255; 6]);
                let target = stored(&|target| store_u8(target.cast(), expected[0]));
                assert_eq!(target[0], expected[0]);
                assert_eq!(target[1..], [255; 7]);
            }
        }
    }

    #[test]
    fn words_are_copied_and_no_others() {
        let source: [u64; WORDS_AT_A_TIME + 2] = core::array::from_fn(|at| at as u64 + 1);
        let mut target = [0; WORDS_AT_A_TIME + 2];
        // SAFETY: the words in the middle of both.
        unsafe {
            copy_words(
                source.as_ptr().wrapping_add(1),
                target.as_mut_ptr().wrapping_add(1),
            );
        }
        assert_eq!(target, [0, 2, 3, 4, 5, 0]);
    }

    /// Constants of this program lie on pages that nobody may write.
    #[test]
    #[cfg_attr(
        miri,
        ignore = "there they are atomics, which ask for memory that may be written"
    )]
    fn memory_that_may_only_be_read_is_read() {
        static CONSTANT: [u64; 2] = [1, u64::MAX];
        // SAFETY: aligned words of a constant.
        let read = unsafe {
            (
                load_u64(&raw const CONSTANT[0]),
                load_u8((&raw const CONSTANT[1]).cast()),
            )
        };
        assert_eq!(read, (1, 255));
    }
}
