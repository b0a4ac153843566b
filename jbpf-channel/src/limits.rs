//! Limits that the system sets the process, asked for before something is taken.

use std::sync::OnceLock;
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

/// Memory mappings of maps and channels.
static MAPPED: AtomicU64 = AtomicU64::new(0);

/// The mappings that Linux allows a process, if it does not say.
const USUAL_MAPPINGS: u64 = 65_530;

/// Memory mappings among those that maps and channels may have: half of what the system allows the
/// process (`vm.max_map_count`). Operators decide how many maps there are. The other half is the
/// application's: without one, its allocator fails, and no thread starts.
///
/// The number is an upper bound: the system makes one mapping of several that lie side by side.
#[derive(Debug)]
pub struct MappingShare(u64);

/// Maps and channels have as many memory mappings as they may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "maps and channels may have {limit} memory mappings in all, half of what the system allows a process (vm.max_map_count), and have them"
)]
pub struct TooManyMappings {
    /// The most that they may have.
    pub limit: u64,
}

impl MappingShare {
    /// Takes `count` of them, until this is dropped.
    ///
    /// # Errors
    ///
    /// Fewer are left.
    pub fn take(count: u64) -> core::result::Result<Self, TooManyMappings> {
        let limit = Self::limit();
        let taken = MAPPED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |mapped| {
            mapped.checked_add(count).filter(|sum| *sum <= limit)
        });
        match taken {
            Ok(_) => Ok(Self(count)),
            Err(_) => Err(TooManyMappings { limit }),
        }
    }

    /// The most that maps and channels may have. The system is asked once.
    #[must_use]
    pub fn limit() -> u64 {
        static LIMIT: OnceLock<u64> = OnceLock::new();
        *LIMIT.get_or_init(|| {
            if cfg!(miri) {
                return USUAL_MAPPINGS / 2;
            }
            let said = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok();
            let said = said.and_then(|said| said.trim().parse::<u64>().ok());
            said.unwrap_or(USUAL_MAPPINGS) / 2
        })
    }

    /// Those that are left.
    #[must_use]
    pub fn left() -> u64 {
        Self::limit().saturating_sub(MAPPED.load(Ordering::Relaxed))
    }
}

impl Drop for MappingShare {
    fn drop(&mut self) {
        MAPPED.fetch_sub(self.0, Ordering::Relaxed);
    }
}
