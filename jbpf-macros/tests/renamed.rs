//! Expansions find the crate under the name that `Cargo.toml` gives it, and under none but that.
#![allow(clippy::unwrap_used, missing_docs)]

use renamed_hooks::{JbpfContext, JbpfData, Region, jbpf_data, jbpf_helper, jbpf_hook, registry};

#[jbpf_data]
struct Packet {
    seq_no: i32,
}

#[jbpf_hook]
fn received(packet: &mut Packet, ctx_id: u32) {}

#[derive(JbpfContext)]
#[repr(C)]
struct SlotContext<'a> {
    slot: Region<'a, Packet>,
    carrier: u32,
}

#[jbpf_hook(control)]
fn admit(ctx: SlotContext<'_>) -> u64 {
    u64::from(ctx.carrier)
}

#[jbpf_helper(id = 32)]
fn number_of(packet: &Packet) -> i32 {
    packet.seq_no
}

/// `crate = path` comes before what `Cargo.toml` says.
mod by_path {
    use renamed_hooks as elsewhere;

    #[elsewhere::jbpf_data(crate = self::elsewhere)]
    pub struct Record {
        pub number: u64,
    }

    #[derive(elsewhere::JbpfContext)]
    #[jbpf(crate = self::elsewhere)]
    #[repr(C)]
    pub struct Context<'a> {
        pub record: elsewhere::Region<'a, Record>,
    }

    #[elsewhere::jbpf_hook(crate = self::elsewhere)]
    pub fn recorded(record: &Record) {}
}

#[test]
fn a_renamed_dependency_is_found() {
    let mut packet = Packet { seq_no: 5 };
    received(&mut packet, 1);
    let slot = Region::new(&packet);
    assert_eq!(admit(SlotContext { slot, carrier: 7 }), 7);
    assert_eq!(number_of(&packet), 5);
    assert_eq!(registry::hook("received").unwrap().info().context.size, 32);
    assert_eq!(registry::helper(32).unwrap().name, "number_of");
    assert_eq!(Packet::LAYOUT.size, 4);
}

#[test]
fn the_crate_can_be_given_by_its_path() {
    let record = by_path::Record { number: 1 };
    by_path::recorded(&record);
    let context = by_path::Context {
        record: Region::new(&record),
    };
    assert_eq!(context.record.get().number, 1);
    assert_eq!(by_path::Record::LAYOUT.name, "Record");
}
