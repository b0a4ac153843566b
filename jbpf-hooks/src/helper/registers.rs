//! From the five argument registers of a call to the parameters of a Rust function, and back.
//!
//! The verifier has proven that the memory of each pointer may be read (written) for its size. It
//! has not proven that the memory is aligned, that two arguments do not overlap, or that no other
//! thread writes it: map values are shared. A Rust reference would claim all of that, so that none
//! is made. The memory is copied into locals with the accesses of [`words`](crate::words), and
//! copied back.

#![expect(
    unsafe_code,
    reason = "reads and writes memory at addresses that verified codelets pass"
)]

use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};

use zerocopy::{FromBytes, IntoBytes};

use super::map::{MapHandle, MapRef};
use super::{HelperArgument, HelperInfo, HelperReturn};
use crate::layout::{FieldType, Scalar};
use crate::words;

/// Calls the helper `info` for a codelet. `body` takes its parameters from the registers and calls
/// the function. Panics of `body` are contained and counted, and return 0.
///
/// # Safety
///
/// `registers` hold what `info.arguments` says, as a verified codelet passes them, and `body`
/// takes them in that order, each with the method of [`Registers`] for its kind and type.
#[inline]
pub unsafe fn run<R: HelperResult>(
    info: &HelperInfo,
    registers: [u64; 5],
    // `body` works for any lifetime, so that it cannot keep the registers' memory beyond the call.
    body: impl for<'call> FnOnce(&mut Registers<'call>) -> R,
) -> u64 {
    let mut registers = Registers {
        left: registers.into_iter(),
        call: PhantomData,
    };
    // A panic may leave state of the application half done. None of our state is in `body`.
    match catch_unwind(AssertUnwindSafe(|| body(&mut registers))) {
        Ok(result) => result.into_register(),
        Err(payload) => {
            info.panics.fetch_add(1, Ordering::Relaxed);
            // The payload is the application's. Its destructor can panic as well.
            if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                core::mem::forget(second);
            }
            0
        }
    }
}

/// The argument registers of one call, taken from the first to the last.
///
/// Only [`run`] makes one.
pub struct Registers<'call> {
    left: core::array::IntoIter<u64, 5>,
    call: PhantomData<&'call ()>,
}

/// Each method takes the next register, or two of them, and relies on the helper's prototype.
///
/// # Safety
///
/// All methods have the same contract: the prototype that the verifier checked the call against
/// has, at this register, the [`HelperArgument`] that the method is for, of the type `T`.
impl<'call> Registers<'call> {
    /// A parameter by value: a number, a map, or [`CodeletBytes`].
    ///
    /// # Safety
    ///
    /// The prototype has [`HelperValue::ARGUMENT`] of `T` here.
    #[inline]
    pub unsafe fn value<T: HelperValue<'call>>(&mut self) -> T {
        // SAFETY: the caller's word.
        unsafe { T::take(self) }
    }

    /// A parameter `&T`: a copy of the memory.
    ///
    /// # Safety
    ///
    /// The prototype has [`HelperArgument::readable`] of `T` here.
    #[inline]
    pub unsafe fn readable<T: HelperMemory>(&mut self) -> T {
        let address = self.next();
        let mut value = T::new_zeroed();
        // SAFETY: the verifier has proven that `size_of::<T>()` bytes may be read at the address
        // of a `HelperArgument::Readable` of `T`, which the register holds by the caller's word.
        unsafe { copy_in(address, value.as_mut_bytes()) };
        value
    }

    /// A parameter `&mut T`: a copy of the memory, to be [stored](Writable::store) after the call.
    ///
    /// # Safety
    ///
    /// The prototype has [`HelperArgument::writable`] of `T` here.
    #[inline]
    pub unsafe fn writable<T: HelperMemory>(&mut self) -> Writable<'call, T> {
        let address = self.next();
        let mut value = T::new_zeroed();
        // SAFETY: as in `readable`: memory that may be written may be read, and all of it is
        // initialised (`ArgKind::WritableFixed`).
        unsafe { copy_in(address, value.as_mut_bytes()) };
        Writable {
            address,
            value,
            call: PhantomData,
        }
    }

    /// A parameter `&[u8]`: a copy of the memory, in `room`.
    ///
    /// # Safety
    ///
    /// The prototype has [`HelperArgument::copied_bytes`] here.
    #[inline]
    pub unsafe fn bytes<'room>(&mut self, room: &'room mut BytesCopy) -> &'room [u8] {
        // SAFETY: the prototype promises the same of the two registers as for `CodeletBytes`, and
        // more.
        room.fill(unsafe { self.value() })
    }

    /// The next register. A prototype never takes more than five.
    #[inline]
    fn next(&mut self) -> u64 {
        self.left.next().unwrap_or(0)
    }
}

impl fmt::Debug for Registers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registers")
            .field(&self.left.as_slice())
            .finish()
    }
}

/// The copy behind a parameter `&mut T`, and the address of the original.
#[derive(Debug)]
pub struct Writable<'call, T> {
    address: u64,
    value: T,
    call: PhantomData<&'call ()>,
}

impl<T: HelperMemory> Writable<'_, T> {
    /// The copy.
    #[inline]
    pub const fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// Copies the value back into the codelet's memory.
    #[inline]
    pub fn store(mut self) {
        // SAFETY: only `Registers::writable` makes a `Writable`. By its caller's word, the address
        // is the register of a `&mut T`: `size_of::<T>()` bytes may be written until the call
        // ends, which `'call` does not outlive.
        unsafe { copy_out(self.address, self.value.as_mut_bytes()) };
    }
}

/// A type that a helper takes by reference: its layout is known to codelets, and any bits are a
/// value of it.
#[diagnostic::on_unimplemented(
    message = "a codelet cannot pass a `{Self}` by reference",
    label = "not made of data that codelets can see and write",
    note = "parameters are u8 to u64, i8 to i64, bool, `&T` and `&mut T` of structs declared with `#[jbpf_data]`, \
            `&[u8]`, `CodeletBytes<'_>` and `MapRef<'_>`"
)]
pub trait HelperMemory: FieldType + FromBytes + IntoBytes {}

#[diagnostic::do_not_recommend]
impl<T: FieldType + FromBytes + IntoBytes> HelperMemory for T {}

/// Only types of this crate. The verifier relies on the constants of [`HelperValue`] and
/// [`HelperResult`].
mod sealed {
    pub trait Value {}
    pub trait Result {}
}

/// A type that a helper takes by value: `u8` to `u64`, `i8` to `i64`, `bool`, `MapRef<'_>` or
/// `CodeletBytes<'_>`. Sealed: no other type can be one.
#[diagnostic::on_unimplemented(
    message = "a codelet cannot pass a `{Self}` to a helper",
    label = "expected a number, a reference, `MapRef<'_>` or `CodeletBytes<'_>`",
    note = "parameters are u8 to u64, i8 to i64, bool, `&T` and `&mut T` of structs declared with `#[jbpf_data]`, \
            `&[u8]`, `CodeletBytes<'_>` and `MapRef<'_>`"
)]
pub trait HelperValue<'call>: sealed::Value + Sized {
    /// The verifier's demand on the register.
    const ARGUMENT: HelperArgument;

    /// Takes the parameter from the registers.
    ///
    /// # Safety
    ///
    /// As [`Registers::value`].
    #[doc(hidden)]
    unsafe fn take(registers: &mut Registers<'call>) -> Self;
}

macro_rules! integer_values {
    ($($ty:ty => $scalar:ident),* $(,)?) => {$(
        impl sealed::Value for $ty {}

        impl HelperValue<'_> for $ty {
            const ARGUMENT: HelperArgument = HelperArgument::Number(Scalar::$scalar);

            #[inline]
            // A register is truncated to its parameter, as C does.
            unsafe fn take(registers: &mut Registers<'_>) -> Self {
                registers.next() as $ty
            }
        }
    )*};
}

integer_values! {
    u8 => U8, u16 => U16, u32 => U32, u64 => U64,
    i8 => I8, i16 => I16, i32 => I32, i64 => I64,
}

impl sealed::Value for bool {}

/// Any bit of the register makes it true: in C, a number that is not zero is.
impl HelperValue<'_> for bool {
    const ARGUMENT: HelperArgument = HelperArgument::Number(Scalar::Bool);

    #[inline]
    unsafe fn take(registers: &mut Registers<'_>) -> Self {
        registers.next() != 0
    }
}

impl sealed::Value for CodeletBytes<'_> {}

impl<'call> HelperValue<'call> for CodeletBytes<'call> {
    const ARGUMENT: HelperArgument = HelperArgument::Bytes;

    #[inline]
    unsafe fn take(registers: &mut Registers<'call>) -> Self {
        CodeletBytes {
            address: registers.next(),
            len: usize::try_from(registers.next()).unwrap_or(0),
            call: PhantomData,
        }
    }
}

impl sealed::Value for MapRef<'_> {}

impl<'call> HelperValue<'call> for MapRef<'call> {
    const ARGUMENT: HelperArgument = HelperArgument::Map;

    #[inline]
    unsafe fn take(registers: &mut Registers<'call>) -> Self {
        let address = usize::try_from(registers.next()).unwrap_or(0);
        let handle = ptr::with_exposed_provenance::<MapHandle>(address);
        // SAFETY: by the caller's word the verifier has proven that the register holds the address
        // of a map, which starts with its handle, and the codelet's maps outlive the call.
        unsafe { MapRef::from_handle(handle) }
    }
}

/// A type that a helper returns: `u64`, `i32` or nothing. Sealed: no other type can be one.
#[diagnostic::on_unimplemented(
    message = "a helper cannot return a `{Self}`",
    label = "expected `u64`, `i32` or nothing"
)]
pub trait HelperResult: sealed::Result {
    /// The verifier's knowledge of r0 after the call: it computes bounds of accesses from it.
    const RETURNS: HelperReturn;

    /// The value of r0.
    fn into_register(self) -> u64;
}

impl sealed::Result for () {}

impl HelperResult for () {
    const RETURNS: HelperReturn = HelperReturn::Unit;

    #[inline]
    fn into_register(self) -> u64 {
        0
    }
}

impl sealed::Result for u64 {}

impl HelperResult for u64 {
    const RETURNS: HelperReturn = HelperReturn::U64;

    #[inline]
    fn into_register(self) -> u64 {
        self
    }
}

impl sealed::Result for i32 {}

impl HelperResult for i32 {
    const RETURNS: HelperReturn = HelperReturn::I32;

    #[inline]
    fn into_register(self) -> u64 {
        i64::from(self).cast_unsigned()
    }
}

/// Bytes of a codelet, in place. Other threads may change them at any time, so that they are
/// copied out, never borrowed.
#[derive(Clone, Copy)]
pub struct CodeletBytes<'call> {
    address: u64,
    len: usize,
    call: PhantomData<&'call ()>,
}

impl CodeletBytes<'_> {
    /// The number of bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies the first bytes, as many as both have, and returns their number.
    #[inline]
    pub fn copy_to(&self, destination: &mut [u8]) -> usize {
        let len = self.len.min(destination.len());
        if let Some(destination) = destination.get_mut(..len) {
            // SAFETY: the codelet passed `self.len` readable bytes for the length of the call,
            // which `'call` does not outlive, and `len` is no more.
            unsafe { copy_in(self.address, destination) };
        }
        len
    }

    /// A copy of all bytes on the heap.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len];
        self.copy_to(&mut bytes);
        bytes
    }
}

impl fmt::Debug for CodeletBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.to_vec()).finish()
    }
}

/// Room for the copy behind a parameter `&[u8]`, on the stack of the call: a hook call allocates
/// nothing.
pub struct BytesCopy([MaybeUninit<u8>; Self::MAX as usize]);

impl BytesCopy {
    /// The most bytes that a codelet can pass as `&[u8]`. The verifier refuses codelets that may
    /// pass more. A helper for more bytes takes [`CodeletBytes`], and copies them where it has
    /// room.
    pub const MAX: u32 = 4096;

    /// Room to which nothing is written yet. The part that a call does not use costs nothing.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; Self::MAX as usize])
    }

    /// Copies the bytes. If there are more than [`MAX`](Self::MAX), it copies the first ones; no
    /// verified codelet passes more.
    #[inline]
    fn fill(&mut self, bytes: CodeletBytes<'_>) -> &[u8] {
        let len = bytes.len().min(Self::MAX as usize);
        let start = self.0.as_mut_ptr().cast::<u8>();
        // SAFETY: the room has so many bytes, and is borrowed mutably.
        unsafe { start.write_bytes(0, len) };
        // SAFETY: as above, and they are initialised now.
        let copy = unsafe { core::slice::from_raw_parts_mut(start, len) };
        bytes.copy_to(copy);
        copy
    }
}

impl Default for BytesCopy {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for BytesCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BytesCopy").finish_non_exhaustive()
    }
}

/// Copies memory of a codelet into a local, in words if the address allows it.
///
/// # Safety
///
/// `destination.len()` bytes from `address` may be read. They need not be aligned, and other
/// threads may write them meanwhile, as the codelets of those threads do. Each word is read once.
#[inline]
unsafe fn copy_in(address: u64, destination: &mut [u8]) {
    let mut source = ptr::with_exposed_provenance::<u8>(address as usize);
    let (whole, bytes) = if source.cast::<u64>().is_aligned() {
        destination.as_chunks_mut::<8>()
    } else {
        (&mut [][..], destination)
    };
    for word in whole {
        // SAFETY: eight of the bytes that the caller vouches for, and aligned: the first word was.
        *word = unsafe { words::load_u64(source.cast()) }.to_ne_bytes();
        // One word further, inside or just after those bytes.
        source = source.wrapping_add(8);
    }
    for byte in bytes {
        // SAFETY: one of the bytes that the caller vouches for.
        *byte = unsafe { words::load_u8(source) };
        source = source.wrapping_add(1);
    }
}

/// Copies a local into memory of a codelet, in words if the address allows it.
///
/// # Safety
///
/// `source.len()` bytes from `address` may be written; otherwise as [`copy_in`].
#[inline]
unsafe fn copy_out(address: u64, source: &[u8]) {
    let mut destination = ptr::with_exposed_provenance_mut::<u8>(address as usize);
    let (whole, bytes) = if destination.cast::<u64>().is_aligned() {
        source.as_chunks::<8>()
    } else {
        (&[][..], source)
    };
    for word in whole {
        // SAFETY: eight of the bytes that the caller vouches for, and aligned: the first word was.
        unsafe { words::store_u64(destination.cast(), u64::from_ne_bytes(*word)) };
        destination = destination.wrapping_add(8);
    }
    for byte in bytes {
        // SAFETY: one of the bytes that the caller vouches for.
        unsafe { words::store_u8(destination, *byte) };
        destination = destination.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposed<T>(memory: *mut T) -> u64 {
        memory.expose_provenance() as u64
    }

    #[test]
    fn copies_are_exact_at_every_alignment_and_length() {
        let mut memory: Vec<u8> = (0..64).collect();
        let base = memory.as_mut_ptr();
        for start in 0..16 {
            for len in 0..32 {
                let address = exposed(base.wrapping_add(start));
                let mut copy = vec![0; len];
                // SAFETY: `start + len` is below 64.
                unsafe { copy_in(address, &mut copy) };
                let expected: Vec<u8> = (0..64).skip(start).take(len).collect();
                assert_eq!(copy, expected);
                // SAFETY: as above.
                unsafe { copy_out(address, &copy) };
            }
        }
        assert_eq!(memory, (0..64).collect::<Vec<u8>>());
    }

    #[test]
    fn bytes_are_copied_whole_and_never_more_than_there_is_room_for() {
        const MAX: usize = BytesCopy::MAX as usize;
        for len in [0, 1, 7, 8, 511, MAX - 1, MAX, MAX + 1] {
            let mut memory: Vec<u8> = (0..len).map(|at| at.to_le_bytes()[0]).collect();
            let bytes = CodeletBytes {
                address: memory.as_mut_ptr().expose_provenance() as u64,
                len,
                call: PhantomData,
            };
            let mut room = BytesCopy::new();
            assert_eq!(room.fill(bytes), &memory[..len.min(MAX)]);
        }
    }

    #[test]
    fn no_bytes_may_lie_anywhere() {
        let bytes = CodeletBytes {
            address: 0,
            len: 0,
            call: PhantomData,
        };
        assert!(bytes.is_empty());
        assert_eq!(bytes.to_vec(), []);
    }
}
