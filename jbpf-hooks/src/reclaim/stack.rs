//! The stack that hook calls of a new thread will use. The kernel gives a thread its pages one by
//! one, when the thread touches them.

/// Bytes of the stack below the caller that [`prepare_thread`](super::prepare_thread) makes
/// present. A hook call uses less, not counting helpers of the application and the codelets of
/// hooks that they call.
pub const STACK: usize = 32 << 10;

/// Makes pages of the calling thread's stack present. A smaller stack ends earlier.
///
/// If the kernel cannot be asked to (Linux before 5.14), nothing happens. A main thread's stack
/// grows when it is touched, and its rest is left to that.
pub(super) fn populate() {
    #[cfg(all(target_os = "linux", not(miri), not(loom)))]
    linux::populate();
}

#[cfg(all(target_os = "linux", not(miri), not(loom)))]
mod linux {
    use core::ptr;

    use rustix::mm::{Advice, madvise};

    use super::STACK;

    /// The kernel's smallest page. If pages are larger, the kernel refuses addresses inside one,
    /// and nothing happens.
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
            // SAFETY: populating pages changes no byte of them, whatever they hold. If none are
            // mapped, that is an error.
            let populated = unsafe { madvise(page, PAGE, Advice::LinuxPopulateWrite) };
            // The loop ends at a guard page, or where the stack has not grown to yet.
            if populated.is_err() {
                return;
            }
        }
    }
}
