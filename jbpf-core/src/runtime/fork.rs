//! A forked child owns no runtime, and runs no codelets: its maps and code are copies that nobody
//! looks after.
//!
//! The C library calls [`disarm`] in each child, before `fork` returns there. A child of a process
//! with threads may do what a signal handler may: no locks, no memory. `disarm` stores to each
//! hook's pointer, in memory that was there from the start, and makes a system call or two for
//! each descriptor that is the [`ParentsAlone`]. Children that `posix_spawn` and `vfork` make
//! share their parent's memory until they execute something else; for them it is not called.
#![expect(
    unsafe_code,
    reason = "registers a function with the C library, which replaces descriptors in children"
)]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd as _, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use jbpf_hooks::registry;

/// Descriptors there may be that children do not keep: more than clients of a server, with its
/// own.
const PLACES: usize = 96;

/// In the place of a descriptor: there is none.
const FREE: RawFd = -1;
/// There will be one.
const RESERVED: RawFd = -2;

static PLACES_TAKEN: [Place; PLACES] = [const { Place::new() }; PLACES];

#[derive(Debug)]
struct Place {
    descriptor: AtomicI32,
    /// They identify what is open: in a child, the number may belong to something else by now.
    device: AtomicU64,
    inode: AtomicU64,
}

/// A descriptor that forked children do not keep, until this is dropped, which comes before the
/// descriptor is closed.
///
/// A child that keeps the socket of its parent keeps clients waiting that nobody serves once the
/// parent has died, and with the lock keeps the next process from serving. In the child, the end
/// of a pipe without another end takes the descriptor's place: its owner, if the child has one,
/// may use and close it.
#[derive(Debug)]
pub(crate) struct ParentsAlone(&'static Place);

impl Place {
    const fn new() -> Self {
        Self {
            descriptor: AtomicI32::new(FREE),
            device: AtomicU64::new(0),
            inode: AtomicU64::new(0),
        }
    }

    fn take(&'static self) -> Option<ParentsAlone> {
        let (acquired, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
        let taken = self
            .descriptor
            .compare_exchange(FREE, RESERVED, acquired, relaxed);
        taken.ok().map(|_| ParentsAlone(self))
    }
}

impl ParentsAlone {
    /// `None`, and children keep it, where there are too many, or the system does not say what it
    /// is.
    pub(crate) fn new(descriptor: impl AsFd) -> Option<Self> {
        let descriptor = descriptor.as_fd().as_raw_fd();
        let (device, inode) = identity(descriptor)?;
        let own = PLACES_TAKEN.iter().find_map(Place::take)?;
        own.0.device.store(device, Ordering::Relaxed);
        own.0.inode.store(inode, Ordering::Relaxed);
        own.0.descriptor.store(descriptor, Ordering::Release);
        Some(own)
    }
}

impl Drop for ParentsAlone {
    fn drop(&mut self) {
        self.0.descriptor.store(FREE, Ordering::Release);
    }
}

/// Device and inode of what is open.
fn identity(descriptor: RawFd) -> Option<(u64, u64)> {
    let mut found = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: there is room for what the system says, and any number may be asked for.
    if unsafe { libc::fstat(descriptor, found.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: the system has filled it.
    let found = unsafe { found.assume_init() };
    Some((found.st_dev, found.st_ino))
}

/// In a child: puts a pipe that has ended in the place of all that is the parent's alone.
fn leave_to_parent() {
    let mut ends = [FREE; 2];
    for place in &PLACES_TAKEN {
        let descriptor = place.descriptor.load(Ordering::Acquire);
        let known = (
            place.device.load(Ordering::Relaxed),
            place.inode.load(Ordering::Relaxed),
        );
        if descriptor < 0 || identity(descriptor) != Some(known) {
            continue;
        }
        let [reading, _] = ends;
        // SAFETY: there is room for two descriptors.
        if reading < 0 && unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
            return;
        }
        let [reading, _] = ends;
        // SAFETY: the number is that of a descriptor of the server's, whose thread the child does
        // not have: nobody here relies on what it stands for.
        let _ = unsafe { libc::dup3(reading, descriptor, libc::O_CLOEXEC) };
    }
    for end in ends.into_iter().filter(|end| *end >= 0) {
        // SAFETY: made above, and known to nobody else.
        let _ = unsafe { libc::close(end) };
    }
}

/// Has the hooks of all children disarmed that this process forks from now on. Once is enough.
///
/// # Errors
/// The C library has no memory for it.
pub(super) fn disarm_children() -> io::Result<()> {
    static REGISTERED: OnceLock<i32> = OnceLock::new();
    let refused = *REGISTERED.get_or_init(|| {
        // SAFETY: the function does what may be done in a forked child, and does not unwind. The C
        // library forgets it together with the shared object that it is in.
        unsafe { libc::pthread_atfork(None, None, Some(disarm)) }
    });
    match refused {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// Makes every hook idle, and lets go of what is the parent's alone.
unsafe extern "C" fn disarm() {
    for hook in registry::hooks() {
        hook.detach();
    }
    leave_to_parent();
}
