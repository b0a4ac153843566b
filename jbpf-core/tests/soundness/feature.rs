//! The parts of the verifier that programs exercise, so that the fuzzer can tell where it is
//! blind.

macro_rules! list {
    ($(#[$doc:meta])* $list:ident { $($(#[$comment:meta])* $name:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $list {
            $($(#[$comment])* $name),*
        }

        impl $list {
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

list! {
    /// Something that a program does, at one instruction.
    Feature {
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
        RangeBySum,
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
        HalvesOfRegion,
        LastOfLength,
        IndexBelowLength,
        ComparedAgain,
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
        WalkToTheEnd,
        PointerInLoop,
        SpillInLoop,
        RangeInLoop,
        NullCheckInLoop,
        CallInLoop,
        CountAsIndex,
    }
}

list! {
    /// Something about a whole program that was accepted, or about a run of it.
    Circumstance {
        /// Paths through loops went on merged.
        Merged,
        /// The first function, or another one, stores nothing in its frame.
        FramelessEntry,
        FramelessFunction,
        /// A function that stores nothing in its frame compares addresses in it.
        FramelessCompared,
        EmptyRegion,
        OddRegion,
        /// Some of the region is there without a comparison, or all of it.
        KnownRegion,
        FixedRegion,
        ReadOnlyRegion,
        Align1,
        Align2,
        Align4,
        WritableField,
        OwnClocks,
        BuiltInClocks,
        /// A codelet left its call.
        Left,
        /// A codelet too large to be inlined, alone and among others.
        Large,
        /// Several codelets in one dispatch function.
        Fused,
        FusedLarge,
    }
}

/// The place at which a program uses a feature.
#[derive(Debug, Clone, Copy)]
pub struct Use {
    pub feature: Feature,
    /// Index of the instruction.
    pub insn: usize,
}
