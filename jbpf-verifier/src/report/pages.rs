//! The page of each code: its meaning, its reason, and the mend.
//!
//! A page is Markdown with up to two programs in it, fenced as `rejected` and `accepted`. Tests
//! assemble them, and check that the first is rejected with this code, and the second accepted.

use super::Code;

impl Code {
    /// The meaning of the code, its reason, and the mend, as Markdown of several paragraphs
    /// without a heading.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::EmptyProgram => include_str!("pages/E0001.md"),
            Self::TooManyInstructions => include_str!("pages/E0002.md"),
            Self::UnknownOpcode => include_str!("pages/E0003.md"),
            Self::ReservedField => include_str!("pages/E0004.md"),
            Self::InvalidRegister => include_str!("pages/E0005.md"),
            Self::JumpOutOfBounds => include_str!("pages/E0006.md"),
            Self::JumpIntoWideLoad => include_str!("pages/E0007.md"),
            Self::FallsOffTheEnd => include_str!("pages/E0008.md"),
            Self::UnknownMap => include_str!("pages/E0009.md"),
            Self::UnknownHelper => include_str!("pages/E0010.md"),
            Self::CallDepth => include_str!("pages/E0011.md"),
            Self::Recursion => include_str!("pages/E0012.md"),
            Self::StackDepth => include_str!("pages/E0013.md"),
            Self::UninitialisedRegister => include_str!("pages/E0014.md"),
            Self::UninitialisedStack => include_str!("pages/E0015.md"),
            Self::StackOutOfBounds => include_str!("pages/E0016.md"),
            Self::ContextOutOfBounds => include_str!("pages/E0017.md"),
            Self::ContextPointerField => include_str!("pages/E0018.md"),
            Self::ContextNotWritable => include_str!("pages/E0019.md"),
            Self::RegionOutOfBounds => include_str!("pages/E0020.md"),
            Self::RegionNotWritable => include_str!("pages/E0021.md"),
            Self::MapValueOutOfBounds => include_str!("pages/E0022.md"),
            Self::MapValueNotWritable => include_str!("pages/E0023.md"),
            Self::OutputBufferOutOfBounds => include_str!("pages/E0024.md"),
            Self::NullDereference => include_str!("pages/E0025.md"),
            Self::NotAPointer => include_str!("pages/E0026.md"),
            Self::PointerArithmetic => include_str!("pages/E0027.md"),
            Self::PointerComparison => include_str!("pages/E0028.md"),
            Self::PointerLeak => include_str!("pages/E0029.md"),
            Self::PointerPartial => include_str!("pages/E0030.md"),
            Self::PointerReturned => include_str!("pages/E0031.md"),
            Self::HelperArgument => include_str!("pages/E0032.md"),
            Self::HelperMapKind => include_str!("pages/E0033.md"),
            Self::HelperMemory => include_str!("pages/E0034.md"),
            Self::HelperSize => include_str!("pages/E0035.md"),
            Self::Format => include_str!("pages/E0036.md"),
            Self::ReleasedBuffer => include_str!("pages/E0037.md"),
            Self::UnalignedAtomic => include_str!("pages/E0038.md"),
            Self::AtomicMemory => include_str!("pages/E0039.md"),
            Self::TooComplex => include_str!("pages/E0040.md"),
            Self::InfiniteLoop => include_str!("pages/E0041.md"),
            Self::InstructionLimit => include_str!("pages/E0042.md"),
            Self::Unbounded => include_str!("pages/E0043.md"),
            Self::TooManyMaps => include_str!("pages/E0044.md"),
            Self::OutOfMemory => include_str!("pages/E0045.md"),
            Self::Internal => include_str!("pages/E0046.md"),
        }
    }

    /// The page's example program of one kind, `rejected` or `accepted`, if it has one.
    #[must_use]
    pub fn example(self, kind: &str) -> Option<&'static str> {
        let (_, after) = self.explanation().split_once(&format!("```{kind}\n"))?;
        after.split_once("```").map(|(program, _)| program)
    }
}
