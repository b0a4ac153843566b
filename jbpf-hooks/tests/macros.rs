//! What the macros make of the user's items: contexts, layouts, registry entries, functions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

use std::mem::{align_of, offset_of, size_of};

use jbpf_hooks::context::{ContextField, RegionLayout};
use jbpf_hooks::hook::HookKind;
use jbpf_hooks::layout::{Scalar, Type};
use jbpf_hooks::{JbpfContext, JbpfData, Region, RegionMut, jbpf_data, jbpf_hook, registry};

/// A packet
/// of the example.
#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Packet {
    pub seq_no: i32,
    pub value: i32,
    #[jbpf(text)]
    pub name: [u8; 32],
}

#[jbpf_data(read_only)]
struct Flags {
    up: bool,
    r#type: u8,
    counts: [[u16; 3]; 2],
    _padding: [u8; 2],
    packet: Packet,
}

#[jbpf_data]
struct Pair(u32, i32);

/// Called for every packet received.
#[jbpf_hook]
pub fn example(packet: &Packet, ctx_id: u32) {}

type Level = u8;

#[jbpf_hook(
    name = "mixed.numbers",
    program_type = "jbpf_ran",
    max_instructions = 2_000
)]
fn mixed(
    level: Level,
    values: &mut [u16],
    when: u64,
    #[jbpf(writable)] verdict: i16,
    #[meta_data] scratch: u64,
    up: bool,
    #[jbpf(skip)] log: &mut Vec<String>,
) -> usize {
    log.push(format!("{level} {when} {verdict} {scratch} {up}"));
    values.len()
}

#[jbpf_hook(control)]
fn admit(packet: &Packet) -> u64 {
    packet.value.unsigned_abs().into()
}

#[jbpf_hook]
fn tick() {}

mod inner {
    pub(crate) mod deep {
        #[jbpf_hooks::jbpf_hook]
        pub(in crate::inner) fn r#match(mut count: u32, bytes: &[u8]) -> u32 {
            count += u32::try_from(bytes.len()).unwrap();
            count
        }
    }

    pub(crate) fn call() -> u32 {
        deep::r#match(2, b"abc")
    }
}

#[derive(JbpfContext)]
#[repr(C)]
struct SlotContext<'a> {
    slot: RegionMut<'a, Packet>,
    carrier: u32,
    #[jbpf(writable)]
    verdict: u16,
    up: bool,
}

#[jbpf_hook]
fn slot_done(mut ctx: SlotContext<'_>) -> u16 {
    ctx.slot.get_mut().value += 1;
    ctx.verdict + u16::from(ctx.up)
}

#[derive(JbpfContext)]
#[repr(C)]
struct Nothing {
    region: Region<'static, ()>,
}

#[jbpf_hook(control)]
fn nothing(context: Nothing) -> u64 {
    context.region.meta_data()
}

const PACKET: Packet = Packet {
    seq_no: 1,
    value: -7,
    name: [0; 32],
};

fn context_of(hook: &str) -> &'static jbpf_hooks::context::ContextLayout {
    registry::hook(hook).unwrap().info().context
}

#[test]
fn data_describes_each_field() {
    let layout = Packet::LAYOUT;
    assert_eq!((layout.name, layout.size, layout.align), ("Packet", 40, 4));
    assert_eq!(layout.docs, "A packet\nof the example.");
    let fields: Vec<_> = layout
        .fields
        .iter()
        .map(|field| (field.name, field.offset, field.ty, field.text))
        .collect();
    let name = Type::Array {
        element: &Type::Scalar(Scalar::U8),
        len: 32,
    };
    assert_eq!(
        fields,
        [
            ("seq_no", 0, Type::Scalar(Scalar::I32), false),
            ("value", 4, Type::Scalar(Scalar::I32), false),
            ("name", 8, name, true),
        ]
    );
}

#[test]
fn data_nests_and_may_have_fields_without_names() {
    let names: Vec<_> = Flags::LAYOUT
        .fields
        .iter()
        .map(|field| field.name)
        .collect();
    assert_eq!(names, ["up", "type", "counts", "_padding", "packet"]);
    assert_eq!(Flags::LAYOUT.fields[2].ty.size(), 12);
    assert_eq!(Flags::LAYOUT.fields[4].ty, Type::Struct(&Packet::LAYOUT));
    assert_eq!(Flags::LAYOUT.fields[4].offset, offset_of!(Flags, packet));
    assert_eq!(Pair::LAYOUT.fields[1].name, "1");
    assert_eq!(Pair::LAYOUT.fields[1].offset, 4);
}

#[test]
fn a_generated_context_has_the_three_words_and_then_the_numbers() {
    assert_eq!(offset_of!(ExampleContext, data), 0);
    assert_eq!(offset_of!(ExampleContext, data_end), 8);
    assert_eq!(offset_of!(ExampleContext, meta_data), 16);
    assert_eq!(offset_of!(ExampleContext, ctx_id), 24);
    assert_eq!(
        (size_of::<ExampleContext>(), align_of::<ExampleContext>()),
        (32, 8)
    );

    let context = ExampleContext::CONTEXT;
    assert_eq!(context.name, "ExampleContext");
    assert_eq!((context.readable, context.size), (28, 32));
    assert_eq!(
        context.region,
        RegionLayout::Value {
            ty: Type::Struct(&Packet::LAYOUT),
            size: 40,
            align: 4,
            writable: false
        }
    );
    assert_eq!(
        context.fields,
        [ContextField {
            name: "ctx_id",
            offset: 24,
            scalar: Scalar::U32,
            writable: false
        }]
    );
}

#[test]
fn numbers_keep_the_order_of_the_parameters_with_padding_between() {
    let fields: Vec<_> = context_of("mixed.numbers")
        .fields
        .iter()
        .map(|field| (field.name, field.offset, field.scalar, field.writable))
        .collect();
    assert_eq!(
        fields,
        [
            ("level", 24, Scalar::U8, false),
            ("when", 32, Scalar::U64, false),
            ("verdict", 40, Scalar::I16, true),
            ("up", 42, Scalar::Bool, false),
        ]
    );
    assert_eq!(context_of("mixed.numbers").readable, 43);
    assert_eq!(size_of::<MixedContext>(), 48);
    assert_eq!(offset_of!(MixedContext, verdict), 40);
    assert_eq!(
        context_of("mixed.numbers").region,
        RegionLayout::Slice {
            element: Type::Scalar(Scalar::U16),
            stride: 2,
            align: 2,
            writable: true
        }
    );
}

#[test]
fn a_hook_is_registered_with_all_that_it_declares() {
    let info = registry::hook("mixed.numbers").unwrap().info();
    assert_eq!(info.kind, HookKind::Monitoring);
    assert_eq!(info.program_type, Some("jbpf_ran"));
    assert_eq!(info.max_instructions, Some(2000));
    assert_eq!(info.module, module_path!());
    assert_eq!(info.file, file!());

    let info = registry::hook("example").unwrap().info();
    assert_eq!(info.docs, "Called for every packet received.");
    assert_eq!((info.program_type, info.max_instructions), (None, None));
    assert_eq!(
        registry::hook("admit").unwrap().info().kind,
        HookKind::Control
    );
    assert!(
        registry::hook("match")
            .unwrap()
            .info()
            .module
            .ends_with("inner::deep")
    );
    assert!(std::ptr::eq(
        registry::hook("example").unwrap(),
        &raw const EXAMPLE_HOOK
    ));
    assert_eq!(registry::duplicates(), []);
}

#[test]
fn a_hook_without_parameters_has_a_context_of_three_words() {
    let context = context_of("tick");
    assert_eq!((context.readable, context.size), (24, 24));
    assert_eq!(context.region, RegionLayout::None);
    assert_eq!(context.fields, []);
}

#[test]
fn idle_hooks_run_their_bodies() {
    example(&PACKET, 1);
    tick();
    assert_eq!(admit(&PACKET), 7);
    assert_eq!(inner::call(), 5);
    let mut log = Vec::new();
    assert_eq!(mixed(1, &mut [1, 2, 3], 2, 3, 4, true, &mut log), 3);
    assert_eq!(log, ["1 2 3 4 true"]);
}

#[test]
fn a_context_of_the_applications_own_is_described_by_its_fields() {
    let context = SlotContext::CONTEXT;
    assert_eq!(context.name, "SlotContext");
    assert_eq!((context.readable, context.size), (31, 32));
    assert!(context.region.writable());
    let fields: Vec<_> = context
        .fields
        .iter()
        .map(|field| (field.name, field.offset, field.writable))
        .collect();
    assert_eq!(
        fields,
        [
            ("carrier", 24, false),
            ("verdict", 28, true),
            ("up", 30, false)
        ]
    );
    assert_eq!(context_of("slot_done"), &context);

    let mut packet = PACKET;
    let slot = RegionMut::new(&mut packet);
    let ctx = SlotContext {
        slot,
        carrier: 1,
        verdict: 4,
        up: true,
    };
    assert_eq!(slot_done(ctx), 5);
    assert_eq!(packet.value, -6);
}

#[test]
fn a_context_may_hold_a_region_of_nothing() {
    let region = Region::empty().with_meta_data(12);
    assert_eq!(nothing(Nothing { region }), 12);
    assert_eq!(Nothing::CONTEXT.size, 24);
}

/// With the derive alone, the rest is the user's own.
mod by_hand {
    use zerocopy::{Immutable, IntoBytes};

    #[derive(super::JbpfData, IntoBytes, Immutable)]
    #[repr(C)]
    pub struct ByHand {
        pub number: u64,
    }
}

#[jbpf_hook]
fn by_hand(all: &[by_hand::ByHand]) {}
