//! Attaching and unmapping machine code under fire: a call of unmapped code ends the process.
//! Alone in its process: it counts slots.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]
#![allow(
    unsafe_code,
    reason = "attaches dispatch functions, as the runtime does"
)]

use std::ffi::c_void;
use std::ptr::{self, NonNull};

use jbpf_hooks::hook::{Dispatch, Hook};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

mod number;
mod under_fire;

const PAGE: usize = 4096;

/// Two pages: code that counts its call in the second one and answers the version number.
struct Mapped(NonNull<u8>);

impl under_fire::Version for Mapped {
    fn new(number: u64) -> Self {
        // SAFETY: a new mapping takes nothing away.
        let pages = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                2 * PAGE,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        };
        let pages = NonNull::new(pages.unwrap().cast::<u8>()).unwrap();
        let mut code = Vec::new();
        // lock inc qword ptr [rip + distance to the second page]
        code.extend([0xf0, 0x48, 0xff, 0x05]);
        code.extend((PAGE as u32 - 8).to_le_bytes());
        // mov rax, number
        code.extend([0x48, 0xb8]);
        code.extend(number.to_le_bytes());
        // ret
        code.push(0xc3);
        // SAFETY: the page is longer than the code, writable, and nobody else's.
        unsafe { ptr::copy_nonoverlapping(code.as_ptr(), pages.as_ptr(), code.len()) };
        // SAFETY: the first page alone, which nobody writes to from here on.
        unsafe {
            mprotect(
                pages.as_ptr().cast(),
                PAGE,
                MprotectFlags::READ | MprotectFlags::EXEC,
            )
        }
        .unwrap();
        Self(pages)
    }

    fn dispatch(&self) -> (Dispatch, *mut c_void) {
        // SAFETY: the page holds a function of that signature, which ignores its arguments.
        let dispatch = unsafe { std::mem::transmute::<*mut u8, Dispatch>(self.0.as_ptr()) };
        (dispatch, ptr::null_mut())
    }

    fn destroy(self) -> u64 {
        // SAFETY: the second page holds the count.
        let calls = unsafe {
            self.0
                .as_ptr()
                .wrapping_add(PAGE)
                .cast::<u64>()
                .read_volatile()
        };
        // SAFETY: the mapping is this version's own; that nobody runs it any more is tested.
        unsafe { munmap(self.0.as_ptr().cast(), 2 * PAGE) }.unwrap();
        calls
    }
}

#[test]
fn no_call_is_lost_or_run_twice_or_runs_unmapped_code() {
    static HOOK: Hook = number::hook();
    under_fire::run::<Mapped>(&HOOK, 6, 10_000);
}
