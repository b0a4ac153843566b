//! The owner of a process or a file, as far as users' numbers tell it.
//!
//! A user namespace may not know all users (a container with a range of its own). Then the kernel
//! shows every user that the namespace does not know as one number, the *overflow uid* (65534,
//! `nobody`, unless it was set otherwise). In such a namespace the number may stand for any user.
//! So a peer with that number is trusted as nobody, even if it is this process's own number. It is
//! no proof of a file's ownership either. The proof is to open something that only the owner may
//! open, since a namespace's capabilities do not reach files of users that it does not know.
//! Groups are compared nowhere.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, fstat, open, openat};
use rustix::io::Errno;

/// The overflow uid of a kernel that does not tell it.
const DEFAULT_OVERFLOW: u32 = 65_534;

/// The number of users that can exist: the last number stands for none.
const ALL: u64 = u32::MAX as u64;

/// Whether `user`, which the kernel told for a process, a socket or a file, may stand for users
/// that this process's namespace does not know.
#[must_use]
pub fn is_anybody(user: u32) -> bool {
    let read = |path| std::fs::read_to_string(path).ok();
    let overflow = read("/proc/sys/kernel/overflowuid");
    let overflow = overflow.and_then(|text| text.trim().parse().ok());
    if user != overflow.unwrap_or(DEFAULT_OVERFLOW) {
        return false;
    }
    // A map that cannot be read counts as one with gaps.
    !read("/proc/self/uid_map").is_some_and(|map| is_whole(&map))
}

/// Opens a folder that belongs to this user alone (mode 0700), in order to name files in it.
///
/// # Errors
///
/// [`io::ErrorKind::PermissionDenied`] if it is no folder, belongs to somebody else, or is open to
/// others. Otherwise the system's error.
pub fn open_private_folder(path: &Path) -> io::Result<OwnedFd> {
    let refused = || {
        let message = format!(
            "`{}` is not a folder of this user alone (mode 0700): anybody may listen there",
            path.display()
        );
        io::Error::new(io::ErrorKind::PermissionDenied, message)
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = match open(path, flags, Mode::empty()) {
        Err(Errno::NOTDIR | Errno::LOOP) => return Err(refused()),
        opened => opened?,
    };
    let found = fstat(&folder)?;
    let own = found.st_uid == rustix::process::geteuid().as_raw();
    if !own || found.st_mode & 0o077 != 0 {
        return Err(refused());
    }
    // Opening it for reading proves that this user owns it: nobody but the owner may read it.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match openat(&folder, ".", flags, Mode::empty()) {
        Err(Errno::ACCESS) => Err(refused()),
        opened => opened.map(|_| folder).map_err(Into::into),
    }
}

/// Whether a namespace knows all users. Each line of its map has the first number inside, the
/// first number outside, and the count.
fn is_whole(map: &str) -> bool {
    let counts = map.lines().map(|line| {
        let count = line.split_whitespace().nth(2);
        count.and_then(|count| count.parse::<u64>().ok())
    });
    // The kernel lets no two lines overlap.
    counts.sum::<Option<u64>>() == Some(ALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_whole_or_has_gaps() {
        for (map, whole) in [
            ("         0          0 4294967295\n", true),
            ("0 1000 1\n1 0 1000\n1001 1001 4294966294\n", true),
            ("         0     100000      65536\n", false),
            ("     65534     100000          1\n", false),
            ("", false),
            ("nonsense\n", false),
            ("0 0 -1\n", false),
        ] {
            assert_eq!(is_whole(map), whole, "{map:?}");
        }
    }

    #[test]
    fn no_other_number_stands_for_anybody() {
        assert!(!is_anybody(0) && !is_anybody(1000) && !is_anybody(u32::MAX));
    }
}
