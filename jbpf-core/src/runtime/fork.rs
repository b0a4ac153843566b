//! A forked child owns no runtime, and runs no codelets: its maps and code are copies that nobody looks after.
//!
//! The C library calls [`disarm`] in each child, before `fork` returns there. A child of a process with
//! threads may do what a signal handler may: no locks, no memory. What is done is a store to each hook's
//! pointer, in memory that was there from the start. Children that `posix_spawn` and `vfork` make share
//! their parent's memory until they execute something else; for them it is not called.
#![expect(unsafe_code, reason = "registers a function with the C library")]

use std::io;
use std::sync::OnceLock;

use jbpf_hooks::registry;

/// Has the hooks of all children disarmed that this process forks from now on. Once is enough.
///
/// # Errors
/// The C library has no memory for it.
pub(super) fn disarm_children() -> io::Result<()> {
    static REGISTERED: OnceLock<i32> = OnceLock::new();
    let refused = *REGISTERED.get_or_init(|| {
        // SAFETY: the function does what may be done in a forked child, and does not unwind. The C library
        // forgets it together with the shared object that it is in.
        unsafe { libc::pthread_atfork(None, None, Some(disarm)) }
    });
    match refused {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// Makes every hook idle.
unsafe extern "C" fn disarm() {
    for hook in registry::hooks() {
        hook.detach();
    }
}
