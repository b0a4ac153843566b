//! The stack that hook calls of a new thread will use: the kernel gives a thread its pages one by one, when they are touched.

/// Bytes of the stack below the caller that [`prepare_thread`](super::prepare_thread) has made present: more than a hook call uses,
/// helpers of the application and the codelets of hooks that they call left out.
pub const STACK: usize = 32 << 10;

/// Makes pages of the calling thread's stack present, as far as there are any: a smaller stack ends before.
///
/// Nothing happens where the kernel cannot be asked to (Linux before 5.14), and the rest of a main thread's stack, which grows
/// when it is touched, is left to that.
pub(super) fn populate() {
    #[cfg(all(target_os = "linux", not(miri), not(loom)))]
    linux::populate();
}

#[cfg(all(target_os = "linux", not(miri), not(loom)))]
mod linux {
    use core::ptr;

    use rustix::mm::{Advice, madvise};

    use super::STACK;

    /// The kernel's smallest page: where pages are larger, addresses in the middle of one are refused, and nothing happens.
    const PAGE: usize = 4096;

    pub(super) fn populate() {
        let here = 0_u8;
        let top = ptr::from_ref(&here).expose_provenance();
        let top = top - top % PAGE;
        for below in (PAGE..=STACK).step_by(PAGE) {
            let Some(page) = top.checked_sub(below) else {
                return;
            };
            let page = ptr::with_exposed_provenance_mut(page);
            // SAFETY: populating pages changes no byte of them, whosever they are, and where none are mapped that is an error.
            let populated = unsafe { madvise(page, PAGE, Advice::LinuxPopulateWrite) };
            // Down to a guard page, or to where the stack has not grown to yet.
            if populated.is_err() {
                return;
            }
        }
    }
}
