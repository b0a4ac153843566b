//! Contexts and program types of the application's own.

use std::cell::Cell;

use jbpf::{JbpfContext, Region, RegionMut, jbpf_hook};

use super::{Application, Flow, on_both_engines, refused, rejected, single};

/// The facts about a slot that has been sent.
#[derive(JbpfContext)]
#[repr(C)]
pub struct SlotContext<'a> {
    slot: Region<'a, Flow>,
    carrier: u32,
    power: i16,
    last: bool,
    _reserved: u8,
    #[jbpf(writable)]
    verdict: u64,
}

thread_local! {
    static VERDICT: Cell<u64> = const { Cell::new(0) };
}

#[jbpf_hook(program_type = "jbpf_slot")]
fn slot_done(ctx: SlotContext<'_>) {
    VERDICT.set(ctx.verdict);
}

#[derive(JbpfContext)]
#[repr(C)]
pub struct LateContext<'a> {
    slots: RegionMut<'a, [Flow]>,
    late_us: u64,
}

/// Its type begins with the name of the other one.
#[jbpf_hook(program_type = "jbpf_slot_late")]
fn slot_late(ctx: LateContext<'_>) {}

fn verdict(carrier: u32, power: i16, last: bool) -> u64 {
    let flow = Flow {
        source: 1,
        target: 2,
        bytes: 50,
    };
    slot_done(SlotContext {
        slot: Region::new(&flow),
        carrier,
        power,
        last,
        _reserved: 0,
        verdict: 7,
    });
    VERDICT.get()
}

#[test]
fn codelets_read_a_context_and_the_body_finds_what_they_wrote() {
    on_both_engines(|application, engine| {
        assert_eq!(verdict(1, 2, true), 7, "idle");
        application.load(&single("slot", "slot_done")).unwrap();
        assert_eq!(verdict(100, -30, true), 1120, "{engine:?}");
        assert_eq!(verdict(0, 0, false), 50, "{engine:?}");
        application.unload("slot").unwrap();

        application.load(&single("slot_late", "slot_late")).unwrap();
        for count in 0..3 {
            let mut slots = vec![super::FLOW; count];
            slot_late(LateContext {
                slots: RegionMut::new(&mut slots[..]),
                late_us: 900,
            });
            let first = slots.first().map(|slot| slot.bytes);
            assert_eq!(first, (count > 0).then_some(900), "{engine:?}");
            assert!(slots.iter().skip(1).all(|slot| *slot == super::FLOW));
        }
    });
}

#[test]
fn a_codelet_of_a_type_attaches_to_hooks_of_that_type_alone() {
    let application = Application::start(|builder| builder);
    let table = [
        ("slot", "slot_done", None),
        ("slot", "slot_late", Some(("jbpf_slot", "jbpf_slot_late"))),
        ("slot", "ask", Some(("jbpf_slot", "jbpf_generic"))),
        ("slot_late", "slot_late", None),
        (
            "slot_late",
            "slot_done",
            Some(("jbpf_slot_late", "jbpf_slot")),
        ),
        ("any_hook", "slot_done", None),
        ("any_hook", "slot_late", None),
        ("any_hook", "ask", None),
    ];
    for (name, hook, types) in table {
        if jbpf::registry::hook(hook).is_none() {
            continue;
        }
        let request = single(name, hook);
        let Some((program_type, hook_type)) = types else {
            application.load(&request).unwrap();
            application.unload(name).unwrap();
            continue;
        };
        assert_eq!(
            refused(&application, &request),
            format!(
                "codeletset `{name}`, codelet `{name}`: the program type `{program_type}` does not attach to hook \
                 `{hook}`, whose type is `{hook_type}`"
            )
        );
    }
}

#[test]
fn what_the_application_alone_writes_is_not_written() {
    let application = Application::start(|builder| builder);
    rejected(
        &application,
        "slot_read_only",
        "slot_done",
        "E0019: this part of SlotContext may not be written",
    );
}
