//! The memory of a run: at another place each time, with guard pages beside it and patterns around
//! it.
//!
//! The effects of a program must not depend on the place. Regions lie at the very end of a page
//! with nothing behind it, at the start of a page with nothing before it, and across boundaries at
//! which 32 bits of an address wrap or become negative. They are no more aligned than the context
//! promises. The machine's stack is more or less deep, and unwritten bytes of it hold one pattern
//! or another.
#![expect(
    unsafe_code,
    reason = "maps pages at chosen addresses, and calls machine code on contexts there"
)]

use std::ffi::c_void;
use std::hint::black_box;
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};

use jbpf_core::engine::CompiledHook;
use jbpf_hooks::reclaim;
use jbpf_verifier::types::ContextDef;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use super::super::choices::Choices;
use super::world::Surroundings;

const PAGE: usize = 4096;
/// A page of nothing, two of memory, a page of nothing.
const PAGES: usize = 4;
/// Bytes of a context.
const CONTEXT: usize = 32;
/// Bytes of `data` and `data_end` in it.
const POINTERS: usize = 16;

/// Addresses that lie between the two pages of memory.
const BOUNDARIES: [u64; 4] = [
    0x1_8000_0000,
    0x2_0000_0000,
    0x7000_0000_0000,
    0x2aab_8000_0000,
];
/// From the boundaries of one oracle to those of the next, so that the low 32 bits stay.
const APART: u64 = 1 << 34;

/// Oracles so far.
static ORACLES: AtomicU64 = AtomicU64::new(0);

/// Two pages of memory between pages of nothing.
#[derive(Debug)]
struct Area {
    /// The first page of memory.
    start: *mut u8,
}

impl Area {
    /// As near to the boundary as the system allows: under a sanitizer, anywhere.
    fn new(boundary: u64) -> Self {
        let wanted = ptr::without_provenance_mut((boundary as usize) - 2 * PAGE);
        let map = |at: *mut c_void, flags| {
            // SAFETY: with NOREPLACE, or without an address, the mapping meets no other.
            unsafe {
                mmap_anonymous(
                    at,
                    PAGES * PAGE,
                    ProtFlags::empty(),
                    MapFlags::PRIVATE | flags,
                )
            }
        };
        let all = map(wanted, MapFlags::FIXED_NOREPLACE)
            .or_else(|_| map(ptr::null_mut(), MapFlags::empty()))
            .unwrap();
        let start = all.wrapping_byte_add(PAGE);
        // SAFETY: two pages of the mapping, and nothing uses them yet.
        unsafe { mprotect(start, 2 * PAGE, MprotectFlags::READ | MprotectFlags::WRITE) }.unwrap();
        Self {
            start: start.cast(),
        }
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: two pages of memory that belong to the area, which is borrowed.
        unsafe { slice::from_raw_parts_mut(self.start, 2 * PAGE) }
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        let all = self.start.wrapping_sub(PAGE).cast();
        // SAFETY: the mapping that `new` made, and nobody borrows from the area any more.
        unsafe { munmap(all, PAGES * PAGE) }.unwrap();
    }
}

/// The memory of an oracle's runs.
#[derive(Debug)]
pub struct Ground {
    areas: Vec<Area>,
}

impl Ground {
    pub fn new() -> Self {
        let number = ORACLES.fetch_add(1, Ordering::Relaxed);
        let areas = BOUNDARIES.map(|boundary| Area::new(boundary + number * APART));
        Self {
            areas: areas.into(),
        }
    }

    /// Lays region and context out for one run.
    pub fn lay_out(
        &mut self,
        surroundings: &Surroundings,
        context: &ContextDef,
        choices: &mut Choices,
    ) -> Layout<'_> {
        let first = choices.below(self.areas.len() as u64) as usize;
        let second =
            (first + 1 + choices.below(self.areas.len() as u64 - 1) as usize) % self.areas.len();
        let (region, context_area) = match self.areas.get_disjoint_mut([first, second]) {
            Ok([region, context]) => (region, context),
            Err(error) => panic!("{error}"),
        };
        let pattern = choices.pick(&[0, 0xff, 0xa5, 0x7f, 0x80, 1]);
        let bytes = surroundings.region();
        let region_at = place(bytes.len(), context.region.align as usize, choices);
        region.bytes().fill(pattern);
        if let Some(at) = region_at {
            region.bytes()[at..at + bytes.len()].copy_from_slice(bytes);
        }
        let context_at = choices.pick(&[0, 2 * PAGE - CONTEXT, PAGE - 16]);
        let memory = context_area.bytes();
        memory.fill(!pattern);
        let data = match region_at {
            Some(at) => region.start as u64 + at as u64,
            // As Rust has empty slices.
            None => context.region.align,
        };
        let words = [data, data + bytes.len() as u64];
        for (word, place) in words.iter().zip(memory[context_at..].chunks_mut(8)) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        memory[context_at + POINTERS..][..surroundings.fields.len()]
            .copy_from_slice(&surroundings.fields);
        Layout {
            region,
            region_at,
            len: bytes.len(),
            context: context_area,
            context_at,
            fields: surroundings.fields.len(),
            pattern,
            depth: choices.below(8),
            stack: choices.pick(&[0, 0xff, 0x55, 0x01]),
        }
    }
}

/// The start of a region of so many bytes in its area. An empty region may have none.
fn place(len: usize, align: usize, choices: &mut Choices) -> Option<usize> {
    let end = 2 * PAGE;
    let last = (end - len) / align * align;
    Some(match choices.below(4) {
        0 if len == 0 => return None,
        // Aligned as promised, and no more.
        0 => align,
        1 => 0,
        2 => last,
        // Across the boundary.
        _ => (PAGE - choices.below(len as u64 + 1) as usize) / align * align,
    })
}

/// Region and context of one run.
#[derive(Debug)]
pub struct Layout<'g> {
    region: &'g mut Area,
    region_at: Option<usize>,
    len: usize,
    context: &'g mut Area,
    context_at: usize,
    fields: usize,
    pattern: u8,
    /// How deep the stack is.
    depth: u64,
    /// The pattern of unwritten bytes on the stack.
    stack: u8,
}

/// The effects of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    /// `None` if the last codelet left its call.
    pub answer: Option<u64>,
    pub region: Vec<u8>,
    pub fields: Vec<u8>,
}

impl Layout<'_> {
    /// The region, for callers that build contexts themselves.
    pub fn region(&mut self) -> &mut [u8] {
        match self.region_at {
            Some(at) => &mut self.region.bytes()[at..at + self.len],
            None => &mut [],
        }
    }

    /// Calls machine code on the context here.
    pub fn call(&mut self, hook: &CompiledHook) -> Option<u64> {
        let context = self.context.bytes()[self.context_at..].as_mut_ptr();
        let dispatch = hook.dispatch();
        let run = || {
            paint(self.stack);
            // SAFETY: the context is laid out as the one that the codelets were verified against,
            // and nothing else uses it; codelets do not look at the hook.
            let call = |thread| unsafe { dispatch(context.cast(), thread, ptr::null()) };
            let answer = reclaim::with_record(|thread| {
                let answer = call(ptr::from_ref(thread));
                (!thread.take_withheld_answer()).then_some(answer)
            });
            answer.unwrap()
        };
        deeper(self.depth, &run)
    }

    /// Collects the effects. Nothing but region and context may have changed.
    pub fn traces(&mut self, answer: Option<u64>) -> Traces {
        let region = self.region().to_vec();
        let fields_at = self.context_at + POINTERS;
        let fields = self.context.bytes()[fields_at..][..self.fields].to_vec();
        let (pattern, len) = (self.pattern, self.len);
        let region_at = self.region_at.unwrap_or_default();
        let untouched = |bytes: &[u8], from: usize, to: usize, pattern: u8| {
            let is = |byte: &u8| *byte == pattern;
            bytes[..from].iter().all(is) && bytes[to..].iter().all(is)
        };
        let around_region = untouched(self.region.bytes(), region_at, region_at + len, pattern);
        assert!(around_region, "something was written beside the region");
        let fields_end = fields_at + self.fields;
        let around_context = untouched(self.context.bytes(), self.context_at, fields_end, !pattern);
        assert!(around_context, "something was written beside the context");
        Traces {
            answer,
            region,
            fields,
        }
    }
}

/// Runs something some frames deeper.
#[inline(never)]
fn deeper(depth: u64, run: &dyn Fn() -> Option<u64>) -> Option<u64> {
    let mut room = [0_u64; 6];
    black_box(&mut room);
    let result = match depth {
        0 => run(),
        depth => deeper(depth - 1, run),
    };
    black_box(&mut room);
    result
}

/// Leaves a pattern on the stack below.
#[inline(never)]
fn paint(pattern: u8) {
    let mut room = [0_u8; 8192];
    room.fill(pattern);
    black_box(&mut room);
}
