//! The context that an armed hook's codelets get, and the effect of their changes on the caller.
//!
//! A function of Rust stands in for machine code. It reads the context only through its address,
//! at the offsets that the hook's layout declares, as a codelet does.
#![cfg(not(feature = "disabled"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]
#![allow(
    unsafe_code,
    reason = "attaches functions that read and write contexts, as machine code does"
)]

use std::cell::RefCell;
use std::ffi::c_void;
use std::ptr;

use jbpf_hooks::context::ContextLayout;
use jbpf_hooks::hook::Dispatch;
use jbpf_hooks::reclaim::{self, ThreadRecord};
use jbpf_hooks::{Hook, JbpfContext, Region, RegionMut, jbpf_data, jbpf_hook};

#[jbpf_data]
#[derive(Clone, Copy, PartialEq, Debug)]
struct Packet {
    seq_no: i32,
    value: i32,
}

#[jbpf_hook]
fn received(packet: &Packet, ctx_id: u32, up: bool, #[meta_data] scratch: u64, delta: i16) -> u32 {
    ctx_id + 1
}

#[jbpf_hook]
fn rewritten(packets: &mut [Packet], #[jbpf(writable)] verdict: u64) -> i32 {
    packets.iter().map(|packet| packet.value).sum()
}

#[jbpf_hook(control)]
fn admit(#[jbpf(skip)] default: &mut u64, cost: u8) -> u64 {
    *default += 1;
    *default
}

#[derive(JbpfContext)]
#[repr(C)]
struct SlotContext<'a> {
    slot: RegionMut<'a, Packet>,
    carrier: u32,
    #[jbpf(writable)]
    verdict: u32,
}

#[jbpf_hook]
fn slot_done(mut ctx: SlotContext<'_>) -> (u32, u64, i32) {
    let scratch = ctx.slot.meta_data();
    (ctx.verdict, scratch, ctx.slot.get_mut().value)
}

#[derive(JbpfContext)]
#[repr(C)]
struct Question<'a> {
    text: Region<'a, [u8]>,
    limit: u64,
}

#[jbpf_hook(control)]
fn answer(question: Question<'_>) -> u64 {
    question.limit + question.text.get().len() as u64
}

/// Parameters called as what expansions call their own variables.
#[jbpf_hook(control)]
fn named(bounds: u8, context: u16, answer: u32, seen: &[u8]) -> u64 {
    u64::from(answer)
}

/// One call, as the attached function saw it.
#[derive(Debug, Clone, Default, PartialEq)]
struct Seen {
    region: Vec<u8>,
    meta_data: u64,
    numbers: Vec<u64>,
}

thread_local! {
    static SEEN: RefCell<Vec<Seen>> = const { RefCell::new(Vec::new()) };
}

/// The context of one call, as a codelet has it.
struct Context {
    start: *mut u8,
    layout: &'static ContextLayout,
}

impl Context {
    fn word(&self, offset: usize) -> u64 {
        // SAFETY: the three words are at the start of every context.
        unsafe { self.start.wrapping_add(offset).cast::<u64>().read() }
    }

    fn see(&self) -> Seen {
        let (data, data_end) = (self.word(0), self.word(8));
        let len = usize::try_from(data_end - data).unwrap();
        let data = ptr::with_exposed_provenance::<u8>(usize::try_from(data).unwrap());
        let region = if len == 0 {
            Vec::new()
        } else {
            // SAFETY: the words bound memory of the caller.
            unsafe { std::slice::from_raw_parts(data, len) }.to_vec()
        };
        let numbers = self.layout.fields.iter().map(|field| {
            let mut bytes = [0; 8];
            // SAFETY: the layout says that a number of this size is at this offset.
            let from = unsafe { self.start.add(field.offset) };
            // SAFETY: as above; no number is larger than eight bytes.
            unsafe { ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), field.scalar.size()) };
            u64::from_le_bytes(bytes)
        });
        Seen {
            region,
            meta_data: self.word(16),
            numbers: numbers.collect(),
        }
    }

    fn write(&self, offset: usize, bytes: &[u8]) {
        let to = self.start.wrapping_add(offset);
        // SAFETY: each test writes a field that its hook declares writable, or the word of meta
        // data.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }

    fn write_region(&self, offset: usize, bytes: &[u8]) {
        let data = usize::try_from(self.word(0)).unwrap() + offset;
        let data = ptr::with_exposed_provenance_mut::<u8>(data);
        // SAFETY: the regions of the hooks that a test does this to are behind `&mut`.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len()) };
    }
}

/// Attaches `codelet` to `hook` while `calls` runs, and returns what it saw.
fn armed<R>(hook: &'static Hook, codelet: Dispatch, calls: impl FnOnce() -> R) -> (R, Vec<Seen>) {
    SEEN.take();
    // SAFETY: the functions below read and write only as the hook's own layout allows, and live as
    // long as the process. Only one test attaches to each hook.
    unsafe { hook.attach(codelet, ptr::null_mut()) };
    let result = calls();
    hook.detach();
    reclaim::synchronize().unwrap();
    (result, SEEN.take())
}

fn record(context: *mut c_void, hook: *const Hook) -> Context {
    // SAFETY: the hook that fires is a static.
    let layout = unsafe { &*hook }.info().context;
    let context = Context {
        start: context.cast(),
        layout,
    };
    SEEN.with_borrow_mut(|seen| seen.push(context.see()));
    context
}

unsafe extern "C" fn look(context: *mut c_void, _: *const ThreadRecord, hook: *const Hook) -> u64 {
    record(context, hook);
    77
}

unsafe extern "C" fn change(
    context: *mut c_void,
    _: *const ThreadRecord,
    hook: *const Hook,
) -> u64 {
    let context = record(context, hook);
    context.write_region(4, &500_i32.to_le_bytes());
    context.write(16, &9_u64.to_le_bytes());
    let writable = context
        .layout
        .fields
        .iter()
        .find(|field| field.writable)
        .unwrap();
    context.write(
        writable.offset,
        &[7, 0, 0, 0][..writable.scalar.size().min(4)],
    );
    0
}

const PACKET: Packet = Packet {
    seq_no: 3,
    value: -1,
};

fn bytes(packet: Packet) -> Vec<u8> {
    [packet.seq_no.to_le_bytes(), packet.value.to_le_bytes()].concat()
}

#[test]
fn parameters_arrive_in_the_context_and_the_body_runs_after() {
    let (result, seen) = armed(&RECEIVED_HOOK, look, || {
        received(&PACKET, 8, true, 0xabcd, -2)
    });
    assert_eq!(result, 9);
    let expected = Seen {
        region: bytes(PACKET),
        meta_data: 0xabcd,
        numbers: vec![8, 1, 0xfffe],
    };
    assert_eq!(seen, [expected]);
    assert_eq!(received(&PACKET, 8, true, 0, 0), 9);
    assert_eq!(SEEN.take(), [], "detached");
}

#[test]
fn parameters_may_have_any_name_but_the_three_reserved_ones() {
    let (answer, seen) = armed(&NAMED_HOOK, look, || named(1, 2, 3, b"abc"));
    assert_eq!(answer, 77);
    assert_eq!(
        (&seen[0].numbers[..], &seen[0].region[..]),
        (&[1, 2, 3][..], &b"abc"[..])
    );
    assert_eq!(named(1, 2, 3, b"abc"), 3);
}

#[test]
fn what_a_codelet_writes_behind_mut_is_there_for_the_body() {
    let mut packets = [PACKET; 3];
    let (sum, seen) = armed(&REWRITTEN_HOOK, change, || rewritten(&mut packets, 6));
    assert_eq!(sum, 500 - 1 - 1);
    assert_eq!(packets[0].value, 500);
    assert_eq!(
        seen[0].region,
        [bytes(PACKET), bytes(PACKET), bytes(PACKET)].concat()
    );
    assert_eq!(seen[0].numbers, [6]);

    let (sum, seen) = armed(&REWRITTEN_HOOK, look, || rewritten(&mut [], 6));
    assert_eq!((sum, seen[0].region.len()), (0, 0));
}

#[test]
fn the_answer_of_a_control_hook_is_the_codelets_and_the_body_does_not_run() {
    let mut default = 10;
    let (answer, seen) = armed(&ADMIT_HOOK, look, || admit(&mut default, 200));
    assert_eq!((answer, default), (77, 10));
    assert_eq!(
        seen[0],
        Seen {
            region: vec![],
            meta_data: 0,
            numbers: vec![200]
        }
    );
    assert_eq!((admit(&mut default, 200), default), (11, 11));
}

#[test]
fn a_context_of_the_applications_own_comes_back_as_codelets_left_it() {
    let mut packet = PACKET;
    let slot = RegionMut::new(&mut packet).with_meta_data(2);
    let ctx = SlotContext {
        slot,
        carrier: 4,
        verdict: 0,
    };
    let (result, seen) = armed(&SLOT_DONE_HOOK, change, || slot_done(ctx));
    assert_eq!(result, (7, 9, 500));
    assert_eq!(packet.value, 500);
    let expected = Seen {
        region: bytes(PACKET),
        meta_data: 2,
        numbers: vec![4, 0],
    };
    assert_eq!(seen, [expected]);
}

#[test]
fn a_control_hook_may_have_a_context_of_the_applications_own() {
    let question = || Question {
        text: Region::new(&b"why"[..]),
        limit: 39,
    };
    let (given, seen) = armed(&ANSWER_HOOK, look, || answer(question()));
    assert_eq!(given, 77);
    assert_eq!(
        (&seen[0].region[..], &seen[0].numbers[..]),
        (&b"why"[..], &[39][..])
    );
    assert_eq!(answer(question()), 42);
}
