//! Memory for machine code, near the code that calls it.
//!
//! Processors predict branches between places that are near each other sooner than others: a Zen 3 core loses three
//! cycles to each call or return that goes further than some 64 GiB, which is a fifth of an armed call. The
//! system puts new mappings at the other end of the address space; this puts code just below the program's.

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

/// Code starts so far below the program's own, which leaves room for what is loaded with it.
const DISTANCE: usize = 256 << 20;
/// Code is put into as many bytes below that, from the top down and then again from the top.
const WINDOW: usize = 1 << 30;
/// Places that are tried before the system chooses one.
const ATTEMPTS: usize = 16;
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
    /// Pages for `size` bytes, writable, near the program if there is room.
    fn new(size: usize) -> io::Result<Self> {
        let page = rustix::param::page_size();
        let len = size
            .checked_next_multiple_of(page)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        let start = match near(len, page) {
            Some(start) => start,
            None => map(ptr::null_mut(), len, MapFlags::empty())?,
        };
        // Not all at the start of a page: what is called in turn should not compete for the same few lines of a
        // cache that goes by the offset in a page.
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
        // SAFETY: the mapping is this value's own; whoever drops it has made sure that nobody runs what is in it.
        let unmapped = unsafe { munmap(self.start.cast(), self.len) };
        debug_assert!(unmapped.is_ok(), "{unmapped:?}");
    }
}

/// Pages below the program's own, if there is a free place.
fn near(len: usize, page: usize) -> Option<*mut u8> {
    /// Bytes of the window that were given away.
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    let anchor = near as *const () as usize / page * page;
    let top = anchor.checked_sub(DISTANCE)?;
    (0..ATTEMPTS).find_map(|_| {
        let below = (TAKEN.fetch_add(len, Ordering::Relaxed) + len) % WINDOW;
        let place = ptr::without_provenance_mut(top.checked_sub(below)? / page * page);
        let start = map(place, len, MapFlags::FIXED_NOREPLACE).ok()?;
        if start.addr() == place.addr() {
            return Some(start);
        }
        // A kernel that does not know the flag has put it elsewhere.
        // SAFETY: mapped just now, and nobody else knows it.
        let _ = unsafe { munmap(start.cast(), len) };
        None
    })
}

fn map(place: *mut u8, len: usize, flags: MapFlags) -> rustix::io::Result<*mut u8> {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new private mapping, which with these flags replaces no other.
    let start =
        unsafe { mmap_anonymous(place.cast(), len, protection, MapFlags::PRIVATE | flags) }?;
    Ok(start.cast())
}

/// Where a module's code goes; what else it may have goes where the system puts it.
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
        let mut fresh = Mapping::new(size)?;
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
