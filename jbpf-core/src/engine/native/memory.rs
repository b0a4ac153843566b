//! Memory for machine code, near the code that calls it.
//!
//! Processors predict branches between places that are near each other sooner than others: a Zen 3
//! core loses three cycles to each call or return that goes further than some 64 GiB, which is a
//! fifth of an armed call. The system puts new mappings at the other end of the address space;
//! this puts code just below the program's.

#![expect(
    unsafe_code,
    reason = "maps memory, and changes its protection once it holds code"
)]

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use cranelift_jit::{BranchProtection, JITMemoryKind, JITMemoryProvider, SystemMemoryProvider};
use cranelift_module::{ModuleError, ModuleResult};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// Code starts so far below the program's own. The gap leaves room for the libraries that are
/// loaded with the program.
const DISTANCE: usize = 256 << 20;
/// Code is put into as many bytes below that, from the top down and then again from the top.
const WINDOW: usize = 1 << 30;
/// Places that are tried before the system chooses one.
const ATTEMPTS: usize = 16;
/// Calls between the functions of a module reach 2 GiB; they lie no further apart, with some room
/// to spare.
const REACH: usize = (1 << 31) - (1 << 20);
/// Bytes of a line of the instruction cache.
const LINE: usize = 64;

/// Pages, private to this process and unmapped on drop unless they are forgotten.
struct Mapping {
    start: *mut u8,
    len: usize,
    /// Bytes given away so far.
    used: usize,
    executable: bool,
}

// SAFETY: the pointer is to memory that the mapping alone owns.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Pages for `size` bytes, writable: near the program if there is room, and in any case within
    /// reach of the code in `others`.
    fn new(size: usize, others: &[Self]) -> io::Result<Self> {
        let page = rustix::param::page_size();
        let len = size
            .checked_next_multiple_of(page)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        let reached = |start: &*mut u8| others.iter().all(|other| other.reaches(*start, len));
        let start = near(len, page, reached)
            .or_else(|| beside(others, len, reached))
            .or_else(|| map_if(ptr::null_mut(), len, MapFlags::empty(), reached))
            .ok_or(io::ErrorKind::OutOfMemory)?;
        // Code does not always start at the start of a page. Functions that are called in turn
        // would compete for the same few cache lines: the instruction cache chooses lines by the
        // offset in a page.
        let lines = (len - size) / LINE + 1;
        let used = start.addr() / page * 5 % lines * LINE;
        Ok(Self {
            start,
            len,
            used,
            executable: false,
        })
    }

    fn allocate(&mut self, size: usize, align: usize) -> Option<*mut u8> {
        let at = self.used.checked_next_multiple_of(align)?;
        self.used = at.checked_add(size).filter(|end| *end <= self.len)?;
        Some(self.start.wrapping_add(at))
    }

    /// Whether code here can call code in the `len` bytes at `start`, and the other way round.
    fn reaches(&self, start: *mut u8, len: usize) -> bool {
        let (low, high) = (self.start.min(start), self.start.max(start));
        let last = if low == self.start { len } else { self.len };
        high.addr() - low.addr() + last <= REACH
    }

    /// Makes it readable and executable, and no longer writable.
    fn make_executable(&mut self) -> rustix::io::Result<()> {
        if !self.executable {
            let flags = MprotectFlags::READ | MprotectFlags::EXEC;
            // SAFETY: pages of this mapping, which nobody writes to any more.
            unsafe { mprotect(self.start.cast(), self.len, flags) }?;
            self.executable = true;
        }
        Ok(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own. The owner of the module drops it only when no
        // thread runs the code in it.
        let unmapped = unsafe { munmap(self.start.cast(), self.len) };
        debug_assert!(unmapped.is_ok(), "{unmapped:?}");
    }
}

/// Pages below the program's own, if there is a free place that will do.
fn near(len: usize, page: usize, will_do: impl Fn(&*mut u8) -> bool) -> Option<*mut u8> {
    /// Bytes of the window that were given away.
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    let anchor = map as *const () as usize / page * page;
    let top = anchor.checked_sub(DISTANCE)?;
    (0..ATTEMPTS).find_map(|_| {
        let below = (TAKEN.fetch_add(len, Ordering::Relaxed) + len) % WINDOW;
        let place = ptr::without_provenance_mut(top.checked_sub(below)? / page * page);
        map_at(Some(place).filter(&will_do)?, len)
    })
}

/// Pages below or above the module's last ones, if there is a free place that will do.
fn beside(others: &[Mapping], len: usize, will_do: impl Fn(&*mut u8) -> bool) -> Option<*mut u8> {
    let last = others.last()?;
    let below = |step: usize| last.start.addr().checked_sub(step.checked_mul(len)?);
    let above = |step: usize| {
        let end = last.start.addr().checked_add(last.len)?;
        end.checked_add((step - 1).checked_mul(len)?)
    };
    (0..)
        .map(|doublings| 1 << doublings)
        .take_while(|step: &usize| step.checked_mul(len).is_some_and(|away| away <= REACH))
        .flat_map(|step| [below(step), above(step)])
        .flatten()
        .map(ptr::without_provenance_mut)
        .filter(will_do)
        .find_map(|place| map_at(place, len))
}

/// Pages at this very place, if it is free.
fn map_at(place: *mut u8, len: usize) -> Option<*mut u8> {
    // A kernel that does not know the flag may put them elsewhere.
    let there = |start: &*mut u8| start.addr() == place.addr();
    map_if(place, len, MapFlags::FIXED_NOREPLACE, there)
}

/// Pages at a place that will do; `None` if the system put them elsewhere.
fn map_if(
    place: *mut u8,
    len: usize,
    flags: MapFlags,
    will_do: impl Fn(&*mut u8) -> bool,
) -> Option<*mut u8> {
    let start = map(place, len, flags).ok()?;
    if will_do(&start) {
        return Some(start);
    }
    // SAFETY: mapped just now, and nobody else knows it.
    let _ = unsafe { munmap(start.cast(), len) };
    None
}

fn map(place: *mut u8, len: usize, flags: MapFlags) -> rustix::io::Result<*mut u8> {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new private mapping, which with these flags replaces no other.
    let start =
        unsafe { mmap_anonymous(place.cast(), len, protection, MapFlags::PRIVATE | flags) }?;
    Ok(start.cast())
}

/// The memory of a module. Its code lies near the program; the system places its other memory.
pub(super) struct NearMemory {
    code: Vec<Mapping>,
    other: SystemMemoryProvider,
}

impl NearMemory {
    pub(super) fn new() -> Self {
        Self {
            code: Vec::new(),
            other: SystemMemoryProvider::new(),
        }
    }
}

impl JITMemoryProvider for NearMemory {
    fn allocate(&mut self, size: usize, align: u64, kind: JITMemoryKind) -> io::Result<*mut u8> {
        if !matches!(kind, JITMemoryKind::Executable) {
            return self.other.allocate(size, align, kind);
        }
        let align = usize::try_from(align).map_err(|_| io::ErrorKind::InvalidInput)?;
        let align = align.max(LINE);
        let current = self.code.last_mut().filter(|last| !last.executable);
        if let Some(place) = current.and_then(|mapping| mapping.allocate(size, align)) {
            return Ok(place);
        }
        let mut fresh = Mapping::new(size, &self.code)?;
        let place = fresh.allocate(size, align).or_else(|| {
            fresh.used = 0;
            fresh.allocate(size, align)
        });
        self.code.push(fresh);
        place.ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    unsafe fn free_memory(&mut self) {
        self.code.clear();
        // SAFETY: the caller's word.
        unsafe { self.other.free_memory() };
    }

    fn finalize(&mut self, branch_protection: BranchProtection) -> ModuleResult<()> {
        self.other.finalize(branch_protection)?;
        for mapping in &mut self.code {
            mapping
                .make_executable()
                .map_err(|error| ModuleError::Allocation { err: error.into() })?;
        }
        Ok(())
    }
}

impl Drop for NearMemory {
    fn drop(&mut self) {
        // As with Cranelift's own: only `free_memory` unmaps.
        self.code.drain(..).for_each(std::mem::forget);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A place for code that the system has chosen, as when there is none near the program.
    fn chosen_by_the_system(len: usize) -> Mapping {
        Mapping {
            start: map(ptr::null_mut(), len, MapFlags::empty()).unwrap(),
            len,
            used: len,
            executable: false,
        }
    }

    #[test]
    fn functions_of_a_module_reach_each_other_also_when_the_first_one_found_no_place_near_the_program()
     {
        let page = rustix::param::page_size();
        let mut memory = NearMemory::new();
        memory.code.push(chosen_by_the_system(page));
        for _ in 0..100 {
            let place = memory.allocate(page, 64, JITMemoryKind::Executable);
            place.unwrap();
        }
        let first = memory.code[0].start.addr();
        for other in &memory.code {
            let away = other.start.addr().abs_diff(first);
            assert!(i32::try_from(away + page).is_ok(), "{away:#x} bytes away");
        }
        memory.code.clear();
    }

    #[test]
    fn code_that_would_be_out_of_reach_is_refused() {
        let page = rustix::param::page_size();
        let module = [chosen_by_the_system(page)];
        assert!(module[0].reaches(module[0].start.wrapping_add(page), page));
        assert!(module[0].reaches(module[0].start.wrapping_sub(page), page));
        for beyond in [REACH, REACH - page + 1] {
            assert!(!module[0].reaches(module[0].start.wrapping_add(beyond), page));
            assert!(!module[0].reaches(module[0].start.wrapping_sub(beyond), page));
        }
        let refused = Mapping::new(REACH + page, &module).map(|_| ()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::OutOfMemory);
    }
}
