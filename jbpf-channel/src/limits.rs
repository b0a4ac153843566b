//! Limits that the system sets the process, asked for before something is taken.

use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::{Errno, Result};
use rustix::process::{Resource, getrlimit};

/// Whether a file may have `len` bytes.
///
/// Beyond the limit (`RLIMIT_FSIZE`), a call that makes a file larger does not just fail: the
/// kernel sends `SIGXFSZ`, which ends the process. The limit holds for files without a name, too.
///
/// # Errors
///
/// `EFBIG`.
pub fn check_file_size(len: u64) -> Result<()> {
    match getrlimit(Resource::Fsize).current {
        Some(limit) if limit < len => Err(Errno::FBIG),
        _ => Ok(()),
    }
}

/// Files of channels that are open.
static OPEN: AtomicU64 = AtomicU64::new(0);

/// A descriptor among those that channels may have: half of what the process may open
/// (`RLIMIT_NOFILE`). Operators decide how many channels there are, and the other half is the
/// application's.
#[derive(Debug)]
pub(crate) struct DescriptorShare(());

impl DescriptorShare {
    /// # Errors
    ///
    /// `EMFILE`.
    pub(crate) fn take() -> Result<Self> {
        let limit = getrlimit(Resource::Nofile).current;
        let most = limit.map_or(u64::MAX, |limit| limit / 2);
        let taken = OPEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
            (open < most).then_some(open + 1)
        });
        match taken {
            Ok(_) => Ok(Self(())),
            Err(_) => Err(Errno::MFILE),
        }
    }
}

impl Drop for DescriptorShare {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}
