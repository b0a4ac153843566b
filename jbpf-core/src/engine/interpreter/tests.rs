//! Accesses that no verified program makes, put to the checks themselves.

use std::sync::Arc;

use jbpf_verifier::types::{ContextDef, DataSection, HelperTable, MapDef, MapKind};
use jbpf_verifier::{Program, RawInsn};

use super::fault::FaultKind;
use super::memory::{Memory, Stack};
use crate::builtins;
use crate::engine::{BoundCodelet, CodeletEnvironment};
use crate::map::{Map, MapOptions, Storage};

/// A codelet that does nothing, on two maps: an array of two values of 12 bytes, and read-only
/// data of 8.
fn codelet(context: ContextDef) -> BoundCodelet {
    let array = MapDef {
        name: "array".to_owned(),
        kind: MapKind::Array,
        key_size: 4,
        value_size: 12,
        max_entries: 2,
        parameters: Default::default(),
        section: None,
    };
    let constants = MapDef {
        name: ".rodata".to_owned(),
        value_size: 8,
        max_entries: 1,
        parameters: Default::default(),
        section: Some(DataSection {
            contents: Arc::from([9; 8]),
            read_only: true,
        }),
        ..array.clone()
    };
    let instruction = |opcode| RawInsn {
        opcode,
        ..RawInsn::default()
    };
    let program = Program {
        name: "nothing".to_owned(),
        insns: vec![instruction(0xb7), instruction(0x95)],
        maps: vec![array, constants],
        ..Program::default()
    };
    let helpers = Arc::new(HelperTable::builtin());
    let verified = jbpf_verifier::verify(&Arc::new(program), &Arc::new(context), &helpers).unwrap();
    let maps = verified.program().maps.iter();
    let maps = maps.map(|def| Arc::new(Map::new(def, &MapOptions::default()).unwrap()));
    let maps = maps.collect();
    let helpers = Arc::new(builtins::bindings(helpers, []).unwrap());
    let environment = Arc::new(CodeletEnvironment {
        name: "nothing".to_owned(),
        runtime_threshold_ns: 0,
    });
    BoundCodelet::bind(verified, maps, helpers, environment).unwrap()
}

/// Runs `check` on the memory of a codelet in its first frame, of 32 bytes, with its r10, the
/// context's address and the region's: 16 bytes.
fn with_memory(check: impl FnOnce(&BoundCodelet, &mut Memory<'_>, u64, u64, u64)) {
    let codelet = codelet(ContextDef::generic());
    let mut region = [0u64; 2];
    let region = region.as_mut_ptr();
    let mut context = [region as u64, region as u64 + 16, 0, 0];
    let context = context.as_mut_ptr();
    let mut stack = Stack::new();
    // SAFETY: the context is laid out as the definition says, and both outlive the memory.
    let mut memory = unsafe { Memory::new(&codelet, context.cast(), 0, stack.base()) };
    let top = memory.enter_frame(0, 32);
    check(&codelet, &mut memory, top, context as u64, region as u64);
}

fn out_of_bounds<T: std::fmt::Debug>(result: Result<T, FaultKind>) {
    assert!(
        matches!(result, Err(FaultKind::OutOfBounds { .. })),
        "{result:?}"
    );
}

fn not_writable<T: std::fmt::Debug>(result: Result<T, FaultKind>) {
    assert!(
        matches!(result, Err(FaultKind::NotWritable { .. })),
        "{result:?}"
    );
}

#[test]
fn the_frame_ends_where_its_function_said() {
    with_memory(|_, memory, top, _, _| {
        memory.store(top - 32, 8, 1).unwrap();
        memory.store(top - 8, 8, 2).unwrap();
        assert_eq!(memory.load(top - 32, 8), Ok(1));
        out_of_bounds(memory.store(top - 33, 1, 0));
        out_of_bounds(memory.store(top - 7, 8, 0));
        out_of_bounds(memory.store(top, 1, 0));
        out_of_bounds(memory.load(top - 40, 16));
    });
}

#[test]
fn a_frame_is_gone_when_its_function_returned() {
    with_memory(|_, memory, top, _, _| {
        memory.store(top - 8, 8, 7).unwrap();
        let inner = memory.enter_frame(1, 8);
        memory.store(inner - 8, 8, 1).unwrap();
        assert_eq!(memory.load(top - 8, 8), Ok(7), "a callee sees its caller's");
        memory.leave_frame(0);
        out_of_bounds(memory.load(inner - 8, 8));
        assert_eq!(memory.load(top - 8, 8), Ok(7));
        // The next callee starts with nothing written.
        let inner = memory.enter_frame(1, 8);
        let read = memory.load(inner - 8, 8);
        assert!(matches!(read, Err(FaultKind::UninitialisedStack { .. })));
    });
}

#[test]
fn stack_bytes_are_tracked_one_by_one() {
    with_memory(|_, memory, top, _, _| {
        memory.store(top - 8, 4, 0xffff_ffff).unwrap();
        assert_eq!(memory.load(top - 8, 4), Ok(0xffff_ffff));
        assert_eq!(
            memory.load(top - 8, 8),
            Err(FaultKind::UninitialisedStack { address: top - 4 })
        );
        memory.check_writable(top - 4, 4).unwrap();
        assert_eq!(
            memory.load(top - 8, 8),
            Ok(0xffff_ffff),
            "a helper wrote it"
        );
    });
}

#[test]
fn unaligned_accesses_are_whole() {
    with_memory(|_, memory, _, _, region| {
        memory.store(region + 1, 8, 0x0807_0605_0403_0201).unwrap();
        assert_eq!(memory.load(region + 1, 8), Ok(0x0807_0605_0403_0201));
        assert_eq!(memory.load(region + 3, 2), Ok(0x0403));
        assert_eq!(memory.load(region, 1), Ok(0));
        assert_eq!(memory.load(region + 9, 4), Ok(0));
    });
}

#[test]
fn the_context_may_be_read_and_its_writable_fields_written() {
    with_memory(|_, memory, _, context, _| {
        memory.load(context + 24, 4).unwrap();
        memory.store(context + 16, 8, 1).unwrap();
        not_writable(memory.store(context + 24, 4, 1));
        not_writable(memory.store(context + 20, 8, 1));
        not_writable(memory.store(context, 8, 1));
        out_of_bounds(memory.load(context + 32, 1));
    });
}

#[test]
fn the_region_ends_at_data_end() {
    with_memory(|_, memory, _, _, region| {
        memory.load(region + 8, 8).unwrap();
        out_of_bounds(memory.load(region + 9, 8));
        out_of_bounds(memory.load(region - 1, 2));
        out_of_bounds(memory.load(u64::MAX, 8));
    });
}

#[test]
fn values_are_one_by_one_and_constants_stay() {
    with_memory(|codelet, memory, _, _, _| {
        let base = |index: usize| match codelet.maps()[index].storage() {
            Storage::Array(array) => array.base() as u64,
            other => panic!("{other:?}"),
        };
        memory.store(base(0) + 8, 4, 1).unwrap();
        memory.store(base(0) + 16, 8, 1).unwrap();
        // Padding between two values belongs to neither.
        out_of_bounds(memory.load(base(0) + 12, 4));
        out_of_bounds(memory.load(base(0) + 32, 1));
        assert_eq!(memory.load(base(1), 1), Ok(9));
        not_writable(memory.store(base(1), 1, 0));
        assert_eq!(
            memory.section_address(7),
            Err(FaultKind::UnknownMap { map: 7 })
        );
    });
}

#[test]
fn output_buffers_are_given_and_taken() {
    with_memory(|_, memory, _, _, _| {
        let mut record = [0u64; 2];
        let address = record.as_mut_ptr() as u64;
        out_of_bounds(memory.store(address, 8, 1));
        memory.obtained(1, address, 16);
        memory.store(address + 8, 8, 1).unwrap();
        out_of_bounds(memory.store(address + 9, 8, 1));
        memory.sent(2);
        memory.store(address, 8, 1).unwrap();
        memory.sent(1);
        out_of_bounds(memory.store(address, 8, 1));
    });
}

#[test]
fn atomics_are_aligned_and_of_the_set() {
    with_memory(|_, memory, top, _, region| {
        assert_eq!(memory.atomic(region, 8, 0x01, 5, 0), Ok(0));
        assert_eq!(memory.atomic(region, 8, 0xf1, 9, 5), Ok(5));
        assert_eq!(memory.load(region, 8), Ok(9));
        assert_eq!(
            memory.atomic(region + 4, 8, 0x01, 5, 0),
            Err(FaultKind::Unaligned {
                address: region + 4,
                size: 8
            })
        );
        let unknown = memory.atomic(region, 4, 0x02, 5, 0);
        assert!(matches!(
            unknown,
            Err(FaultKind::UnknownInstruction { opcode: 0xc3 })
        ));
        let unwritten = memory.atomic(top - 8, 8, 0x01, 5, 0);
        assert!(matches!(
            unwritten,
            Err(FaultKind::UninitialisedStack { .. })
        ));
    });
}
