//! What of the verifier programs exercise, so that the fuzzer can say where it is blind.

macro_rules! features {
    ($($name:ident),* $(,)?) => {
        /// Something that a program does, at one instruction.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Feature {
            $($name),*
        }

        impl Feature {
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

features! {
    // Numbers.
    Arithmetic32,
    Arithmetic64,
    WideConstant,
    ShiftPair,
    RestOfDivision,
    SignExtendingMove,
    SwappedBytes,
    Branch32,
    Branch64,
    RelatedNumbers,
    // Memory.
    FixedAccess,
    VariableStack,
    VariableRegion,
    VariableMapValue,
    VariableOutput,
    VariableRodata,
    SignExtendingLoad,
    Spill,
    PartialFill,
    OverlappingStores,
    StormOfAccesses,
    SpilledPointer,
    TornPointer,
    IndexFromTable,
    EitherMemory,
    AtomicOnStack,
    AtomicOnRegion,
    AtomicOnMapValue,
    AtomicOnOutput,
    // Pointers.
    OrAsSum,
    LeftOfRegion,
    LeftOfRegion32,
    ComparedPointers,
    ComparedFrames,
    DistanceOfPointers,
    NullCheckOfCopy,
    NullCheckOfMoved,
    // Calls.
    SizedRead,
    HelperWritesStack,
    DumpedMap,
    Update,
    SentBuffer,
    CopiedRecord,
    Printed,
    Function,
    FunctionWritesCallersStack,
    NestedFunction,
    // Loops.
    Loop,
    CountingLoop,
    NestedLoops,
    PointerWalk,
    PointerInLoop,
    SpillInLoop,
    RangeInLoop,
    NullCheckInLoop,
    CallInLoop,
    CountAsIndex,
}

/// Where a program does something.
#[derive(Debug, Clone, Copy)]
pub struct Use {
    pub feature: Feature,
    /// Index of the instruction.
    pub insn: usize,
}
