//! The rules that expansions assert about the user's types while they compile.
//!
//! Each rule is called with the span of the user's own field, so that the error points there. The
//! `#[track_caller]` makes a failed `const` evaluation point there too, and not in here.

#![expect(
    clippy::panic,
    reason = "panics of constants are compile errors; nothing here runs in an application"
)]

use core::marker::PhantomData;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::context::{
    ContextField, ContextNumber, FIRST_FIELD_OFFSET, PassedContext, WritableNumber,
};
use crate::helper::HelperArgument;
use crate::layout::{FieldType, Scalar};

/// A type of which codelets may read all bytes.
#[diagnostic::on_unimplemented(
    message = "codelets must not read a `{Self}`",
    label = "it may hold bytes that are not initialised, or change while it is read",
    note = "declare it with `#[jbpf_data]`, or derive zerocopy's `IntoBytes` and `Immutable` beside `JbpfData`"
)]
pub trait Readable {}

#[diagnostic::do_not_recommend]
impl<T: IntoBytes + Immutable + ?Sized> Readable for T {}

/// A type for which any bits that a codelet leaves are a value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not valid for every bit pattern that a codelet may write",
    label = "some bit patterns are no `{Self}`",
    note = "use an integer here, or write `#[jbpf_data(read_only)]` to keep codelets from writing to the struct"
)]
pub trait AnyBits {}

#[diagnostic::do_not_recommend]
impl<T: FromBytes + ?Sized> AnyBits for T {}

/// Bytes that can print as text.
#[diagnostic::on_unimplemented(
    message = "`#[jbpf(text)]` marks bytes that print as text, and `{Self}` holds none",
    label = "expected an array of `u8`"
)]
pub trait Text {}

impl<const N: usize> Text for [u8; N] {}

/// A field of data: its layout is known.
pub struct Known<T: FieldType>(PhantomData<T>);

/// A field of data that codelets write: its layout is known, and any bits are a value.
pub struct Rewritable<T: FieldType + AnyBits>(PhantomData<T>);

/// A field, or a whole struct, that codelets read.
pub struct Shown<T: Readable>(PhantomData<T>);

/// A field that prints as text.
pub struct Printable<T: Text>(PhantomData<T>);

/// A number of a context that codelets write.
pub struct WrittenNumber<T: WritableNumber>(PhantomData<T>);

/// A context that a hook takes by value. It holds the borrow of the memory that it bounds.
pub struct Passed<T: PassedContext>(PhantomData<T>);

/// Nothing lies between the end of the field before and this one.
#[track_caller]
pub const fn no_padding_before(field: &str, offset: usize, end_of_previous: usize) {
    if offset == end_of_previous {
        return;
    }
    let mut message = Message::new();
    message
        .number(offset - end_of_previous)
        .text(" bytes of padding before field `")
        .text(field)
        .text("`: codelets would read bytes that were never initialised; put a field `_padding: [u8; ")
        .number(offset - end_of_previous)
        .text("]` before it, or order the fields by falling size");
    panic!("{}", message.as_str());
}

/// Nothing lies between the end of the last field and the end of the struct.
#[track_caller]
pub const fn no_padding_after(field: &str, end: usize, size: usize) {
    if end == size {
        return;
    }
    let mut message = Message::new();
    message
        .number(size - end)
        .text(" bytes of padding after the last field, `")
        .text(field)
        .text("`: codelets would read bytes that were never initialised; put a field `_padding: [u8; ")
        .number(size - end)
        .text("]` after it");
    panic!("{}", message.as_str());
}

/// The struct is not empty.
#[track_caller]
pub const fn not_empty(size: usize) {
    assert!(
        size != 0,
        "codelets can see nothing of a struct without bytes"
    );
}

/// The arguments fit into the five registers of a call.
#[track_caller]
pub const fn fits_registers(arguments: &[HelperArgument]) {
    let mut registers = 0;
    let mut rest = arguments;
    while let [first, tail @ ..] = rest {
        registers += first.registers();
        rest = tail;
    }
    if registers > 5 {
        let mut message = Message::new();
        message
            .text("the helper takes ")
            .number(registers)
            .text(" registers and a codelet's call has five; bytes take two, everything else one");
        panic!("{}", message.as_str());
    }
}

/// Bytes of padding that a generated context needs before its number `index`.
#[must_use]
pub const fn padding_before(numbers: &[Scalar], index: usize) -> usize {
    match numbers.split_at_checked(index) {
        Some((before, [next, ..])) => {
            let end = end_of(before);
            end.next_multiple_of(next.size()) - end
        }
        _ => 0,
    }
}

/// Bytes of padding that a generated context needs after its last number.
#[must_use]
pub const fn padding_after(numbers: &[Scalar]) -> usize {
    let end = end_of(numbers);
    end.next_multiple_of(8) - end
}

/// The offset at which the numbers of a generated context end, if each is aligned to its size.
const fn end_of(numbers: &[Scalar]) -> usize {
    let mut end = FIRST_FIELD_OFFSET;
    let mut rest = numbers;
    while let [first, tail @ ..] = rest {
        end = end.next_multiple_of(first.size()) + first.size();
        rest = tail;
    }
    end
}

/// One number of a context.
#[must_use]
pub const fn field<T: ContextNumber>(
    name: &'static str,
    offset: usize,
    writable: bool,
) -> ContextField {
    ContextField {
        name,
        offset,
        scalar: T::SCALAR,
        writable,
    }
}

/// The sentence of a compile error, put together while the constant is evaluated.
struct Message {
    bytes: [u8; 512],
    len: usize,
}

impl Message {
    const fn new() -> Self {
        Self {
            bytes: [0; 512],
            len: 0,
        }
    }

    const fn text(&mut self, text: &str) -> &mut Self {
        let mut rest = text.as_bytes();
        while let [first, tail @ ..] = rest {
            if let Some((_, [free, ..])) = self.bytes.split_at_mut_checked(self.len) {
                *free = *first;
                self.len += 1;
            }
            rest = tail;
        }
        self
    }

    const fn number(&mut self, number: usize) -> &mut Self {
        if number >= 10 {
            self.number(number / 10);
        }
        let digit = [b'0' + (number % 10) as u8];
        if let Ok(digit) = core::str::from_utf8(&digit) {
            self.text(digit);
        }
        self
    }

    const fn as_str(&self) -> &str {
        match self.bytes.split_at_checked(self.len) {
            Some((written, _)) => match core::str::from_utf8(written) {
                Ok(message) => message,
                Err(_) => "a rule of jbpf is broken here",
            },
            None => "a rule of jbpf is broken here",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_generated_context_are_aligned_to_their_size() {
        let numbers = [Scalar::U8, Scalar::U64, Scalar::U16];
        assert_eq!(padding_before(&numbers, 0), 0);
        assert_eq!(padding_before(&numbers, 1), 7);
        assert_eq!(padding_before(&numbers, 2), 0);
        assert_eq!(padding_after(&numbers), 6);
        assert_eq!(padding_after(&[]), 0);
    }

    #[test]
    fn messages_hold_text_and_numbers_and_are_cut_at_their_buffer() {
        let mut message = Message::new();
        message.text("gap of ").number(1024).text(" bytes");
        assert_eq!(message.as_str(), "gap of 1024 bytes");
        for _ in 0..100 {
            message.text("0123456789");
        }
        assert_eq!(message.as_str().len(), 512);
    }

    #[test]
    #[should_panic(expected = "3 bytes of padding before field `length`")]
    fn padding_names_the_field_and_its_size() {
        no_padding_before("length", 4, 1);
    }
}
