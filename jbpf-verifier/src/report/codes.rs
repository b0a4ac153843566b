//! The stable codes of rejections, each with its explanation.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($name:ident = $number:literal, $title:literal;)*) => {
        /// A stable code: never reused, never renumbered.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// Every code, ascending.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The number: 12 for `E0012`.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $number),* }
            }

            /// The meaning of the code, in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }
        }
    };
}

codes! {
    EmptyProgram = 1, "the program has no instructions";
    TooManyInstructions = 2, "the program has more instructions than the limit";
    UnknownOpcode = 3, "the operation code is not one of the instruction set";
    ReservedField = 4, "a reserved field of the instruction is not zero";
    InvalidRegister = 5, "the register does not exist or may not be written";
    JumpOutOfBounds = 6, "a jump leaves the program or its function";
    JumpIntoWideLoad = 7, "a jump lands in the middle of a wide load";
    FallsOffTheEnd = 8, "execution runs past the last instruction";
    UnknownMap = 9, "a wide load refers to a map that does not exist";
    UnknownHelper = 10, "a call names a helper that nobody registered";
    CallDepth = 11, "calls between functions nest too deep";
    Recursion = 12, "a function calls itself, directly or through others";
    StackDepth = 13, "the frames of nested calls exceed the stack";
    UninitialisedRegister = 14, "a register is read before it is written";
    UninitialisedStack = 15, "stack bytes are read before they are written";
    StackOutOfBounds = 16, "an access leaves the stack frame";
    ContextOutOfBounds = 17, "an access leaves the context's fields";
    ContextPointerField = 18, "a pointer field of the context is not read whole";
    ContextNotWritable = 19, "a store to a context field that may not be written";
    RegionOutOfBounds = 20, "an access leaves the part of the data region that is known to be there";
    RegionNotWritable = 21, "a store to a data region that codelets may only read";
    MapValueOutOfBounds = 22, "an access leaves the map's value";
    MapValueNotWritable = 23, "a store to read-only data";
    OutputBufferOutOfBounds = 24, "an access leaves the output buffer";
    NullDereference = 25, "a pointer that may be null is dereferenced";
    NotAPointer = 26, "a number is used as an address";
    PointerArithmetic = 27, "arithmetic that is not defined on this pointer";
    PointerComparison = 28, "a comparison that is not defined on these values";
    PointerLeak = 29, "a pointer would leave the codelet as a number";
    PointerPartial = 30, "a stored pointer is read or overwritten in part";
    PointerReturned = 31, "a function's result is not a number";
    HelperArgument = 32, "an argument does not fit the helper's prototype";
    HelperMapKind = 33, "the helper does not work on this kind of map";
    HelperMemory = 34, "a helper would access memory beyond its bounds or rights";
    HelperSize = 35, "the size given to a helper is not bounded, or too large";
    Format = 36, "the printf format cannot be used";
    ReleasedBuffer = 37, "an output buffer is used after it was sent";
    UnalignedAtomic = 38, "an atomic operation is not known to be aligned";
    AtomicMemory = 39, "atomic operations do not work on this memory";
    TooComplex = 40, "the verifier's budget ran out";
    InfiniteLoop = 41, "a loop makes no progress";
    InstructionLimit = 42, "the worst case exceeds the hook's limit";
    Unbounded = 43, "an offset is not bounded";
    TooManyMaps = 44, "the program refers to more maps than the limit";
    OutOfMemory = 45, "the verifier's memory budget ran out";
    Internal = 46, "the verifier contradicts itself";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E{:04}", self.number())
    }
}

impl FromStr for Code {
    type Err = UnknownCode;

    /// Reads `E0012`, in either case, with or without the letter and the leading zeros.
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let digits = text.strip_prefix(['E', 'e']).unwrap_or(text);
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| plain);
        Self::ALL
            .iter()
            .copied()
            .find(|code| Some(code.number()) == number)
            .ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

impl TryFrom<String> for Code {
    type Error = UnknownCode;

    fn try_from(text: String) -> Result<Self, UnknownCode> {
        text.parse()
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.to_string()
    }
}

/// A text that is not the code of any rejection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a code; they go from E0001 to E{last:04}", last = Code::ALL.last().map_or(0, |code| code.number()))]
pub struct UnknownCode(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbered_upwards_and_read_back() {
        assert!(Code::ALL.is_sorted_by(|a, b| a.number() < b.number()));
        for code in Code::ALL {
            assert_eq!(code.to_string().parse(), Ok(*code));
            assert_eq!(code.number().to_string().parse(), Ok(*code));
        }
        assert_eq!("e12".parse(), Ok(Code::Recursion));
    }

    #[test]
    fn what_is_no_code_is_refused_by_name() {
        for text in ["", "E", "E0", "E9999", "E+12", "12x", "EE12", "é"] {
            let error = text.parse::<Code>().expect_err("not a code");
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("`{text}` is not a code"))
            );
        }
    }
}
