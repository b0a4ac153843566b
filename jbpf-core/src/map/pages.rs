//! Pages of memory for maps: zeroed, faulted in when made, given back when dropped.
#![expect(
    unsafe_code,
    reason = "maps memory from the system and gives it back; each block proves its own case"
)]

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use jbpf_channel::limits::{MappingShare, TooManyMappings};
use jbpf_channel::{Doorbell, MemoryBudget, MemoryCharge, OverBudget};
use thiserror::Error;

use super::application::ApplicationKind;

/// Alignment of [`Pages`], in bytes. Larger pages of the system are multiples of it.
const PAGE: usize = 4096;

/// Granularity of [`Pages`], in bytes: the least that the system maps.
fn page() -> usize {
    if cfg!(any(target_arch = "x86_64", miri)) {
        // There is no other, and valgrind cannot be asked.
        return PAGE;
    }
    rustix::param::page_size()
}

/// Bytes of memory that [`Pages::new`] maps, and charges, for so many; `None` if no address space
/// has that many.
pub(super) fn whole_pages(bytes: usize) -> Option<usize> {
    bytes
        .max(1)
        .checked_next_multiple_of(page())
        .filter(|len| isize::try_from(*len).is_ok())
}

/// How maps are made, and the source of their memory.
///
/// Options begin as [`Default`]: no huge pages, no locks, no limit.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct MapOptions {
    /// Ask for transparent huge pages (`madvise(MADV_HUGEPAGE)`) if a map is large enough.
    pub huge_pages: bool,
    /// Lock the pages in memory (`mlock`), so that they are never paged out.
    pub lock_memory: bool,
    /// The memory that all maps of the runtime may take together; `None`: no limit.
    pub budget: Option<Arc<MemoryBudget>>,
    /// Map types of the application's own.
    pub kinds: Vec<ApplicationKind>,
    /// The doorbells that may ask to be rung when a record comes out of a channel.
    pub doorbells: Vec<Arc<Doorbell>>,
    /// Make channels that can be lent to other processes.
    pub shared_channels: bool,
    /// Records that a channel holds beyond `max_entries`; the sum is rounded up to a power of two.
    /// [`SPARE_RECORDS`] in a runtime, 0 otherwise.
    pub spare_records: u32,
}

/// The records that channels of codelets hold beyond `max_entries`: what fits into a channel of
/// the original jbpf fits here.
pub const SPARE_RECORDS: u32 = 32;

/// Why memory for a map could not be had.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PagesError {
    /// The runtime's memory budget does not allow it.
    #[error("{bytes} bytes are needed and {left} of the memory budget of {limit} bytes are left")]
    OverBudget {
        /// Bytes asked for.
        bytes: usize,
        /// Bytes left in the budget.
        left: usize,
        /// The whole budget.
        limit: usize,
    },
    /// The system refused to map memory.
    #[error("the system refused {bytes} bytes: {reason}")]
    Refused {
        /// Bytes asked for.
        bytes: usize,
        /// The system's reason.
        reason: String,
    },
    /// Maps and channels have as many memory mappings as they may.
    #[error(transparent)]
    TooManyMappings(#[from] TooManyMappings),
    /// `mlock` failed.
    #[error(
        "{bytes} bytes could not be locked in memory: {reason}; raise RLIMIT_MEMLOCK or build the runtime without lock_memory"
    )]
    NotLocked {
        /// Bytes asked for.
        bytes: usize,
        /// The system's reason.
        reason: String,
    },
    /// The system or the process has them turned off, or `madvise(MADV_HUGEPAGE)` failed.
    #[error(
        "{bytes} bytes could not be put on huge pages: {reason}; enable transparent huge pages or build the runtime without huge_pages"
    )]
    NoHugePages {
        /// Bytes asked for.
        bytes: usize,
        /// The system's reason.
        reason: String,
    },
}

impl From<OverBudget> for PagesError {
    fn from(OverBudget { bytes, left, limit }: OverBudget) -> Self {
        Self::OverBudget { bytes, left, limit }
    }
}

/// A run of zeroed pages, all present in memory. Unmapped on drop.
///
/// It hands out a raw pointer and never a reference: machine code and other threads share the
/// memory.
pub struct Pages {
    start: NonNull<u8>,
    len: usize,
    _charge: MemoryCharge,
    _mapping: MappingShare,
}

// SAFETY: `Pages` owns its mapping like a `Box` owns its memory. It gives access through raw
// pointers alone; their users synchronise among themselves.
unsafe impl Send for Pages {}
// SAFETY: as above; `&Pages` reads two fields that never change.
unsafe impl Sync for Pages {}

impl Pages {
    /// At least `bytes` zeroed bytes, aligned to 4096.
    ///
    /// # Errors
    /// The budget or the system does not give them, or the options cannot be met.
    pub fn new(bytes: usize, options: &MapOptions) -> Result<Self, PagesError> {
        let len = whole_pages(bytes).ok_or_else(|| PagesError::Refused {
            bytes,
            reason: "more than the address space holds".to_owned(),
        })?;
        let charge = MemoryCharge::new(len, options.budget.as_ref())?;
        let mapping = MappingShare::take(1)?;
        let start = system::obtain(len, options)?;
        Ok(Self {
            start,
            len,
            _charge: charge,
            _mapping: mapping,
        })
    }

    /// The first byte.
    #[must_use]
    pub fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// [`start`](Self::start), which is never null.
    pub(super) fn first(&self) -> NonNull<u8> {
        self.start
    }

    /// Bytes mapped: the size asked for, rounded up to whole pages.
    #[must_use]
    pub fn size(&self) -> usize {
        self.len
    }

    /// Whether `len` bytes from `addr` on lie in these pages.
    #[must_use]
    pub fn contains(&self, addr: usize, len: usize) -> bool {
        addr.checked_sub(self.start.as_ptr().addr())
            .and_then(|offset| offset.checked_add(len))
            .is_some_and(|end| end <= self.len)
    }

    /// Makes the pages read-only for good.
    ///
    /// # Errors
    /// The system refuses.
    pub fn make_read_only(&mut self) -> Result<(), PagesError> {
        system::make_read_only(self.start, self.len)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `obtain` with this length and is given back once.
        unsafe { system::give_back(self.start, self.len) };
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pages({:p}, {} bytes)", self.start, self.len)
    }
}

#[cfg(not(miri))]
mod system {
    use std::ptr::{self, NonNull};

    use rustix::mm::{
        Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mlock, mmap_anonymous, mprotect,
        munmap,
    };

    use super::{MapOptions, PAGE, PagesError};

    /// Below this size no huge page fits.
    const HUGE_PAGE: usize = 2 << 20;

    pub(super) fn obtain(len: usize, options: &MapOptions) -> Result<NonNull<u8>, PagesError> {
        let refused = |errno: rustix::io::Errno| PagesError::Refused {
            bytes: len,
            reason: errno.to_string(),
        };
        let huge = options.huge_pages && len >= HUGE_PAGE;
        if huge && let Some(reason) = without_huge_pages() {
            let reason = reason.to_owned();
            return Err(PagesError::NoHugePages { bytes: len, reason });
        }
        let mut flags = MapFlags::PRIVATE;
        if !huge {
            flags |= MapFlags::POPULATE;
        }
        // SAFETY: a new anonymous mapping at an address of the system's choice touches nothing
        // else.
        let start = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                flags,
            )
        }
        .map_err(refused)?;
        let Some(start) = NonNull::new(start.cast::<u8>()) else {
            return Err(refused(rustix::io::Errno::NOMEM));
        };
        if huge {
            // SAFETY: advice on pages that nobody else knows of yet; it does not change contents.
            let advised = unsafe { madvise(start.as_ptr().cast(), len, Advice::LinuxHugepage) };
            if let Err(errno) = advised {
                // SAFETY: mapped above with this length, and not handed out.
                unsafe { give_back(start, len) };
                return Err(PagesError::NoHugePages {
                    bytes: len,
                    reason: errno.to_string(),
                });
            }
            for offset in (0..len).step_by(PAGE) {
                // SAFETY: `offset` is below the mapping's length.
                let page = unsafe { start.add(offset) };
                // SAFETY: mapped and writable, and nobody else knows of it.
                unsafe { page.write_volatile(0) };
            }
        }
        if options.lock_memory {
            // SAFETY: locking changes neither contents nor address of the pages.
            if let Err(errno) = unsafe { mlock(start.as_ptr().cast(), len) } {
                // SAFETY: mapped above with this length, and not handed out.
                unsafe { give_back(start, len) };
                return Err(PagesError::NotLocked {
                    bytes: len,
                    reason: errno.to_string(),
                });
            }
        }
        Ok(start)
    }

    /// Why advice to use huge pages would be taken and not followed.
    fn without_huge_pages() -> Option<&'static str> {
        if rustix::thread::transparent_huge_pages_are_disabled() == Ok(true) {
            return Some("they are disabled for this process (PR_SET_THP_DISABLE)");
        }
        // A system without this file refuses the advice itself.
        std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled")
            .is_ok_and(|setting| setting.contains("[never]"))
            .then_some("the system's setting is `never`")
    }

    pub(super) fn make_read_only(start: NonNull<u8>, len: usize) -> Result<(), PagesError> {
        // SAFETY: the caller owns these pages; a write to them faults from now on, and no
        // reference to them exists that could be used for one.
        unsafe { mprotect(start.as_ptr().cast(), len, MprotectFlags::READ) }.map_err(|errno| {
            PagesError::Refused {
                bytes: len,
                reason: errno.to_string(),
            }
        })
    }

    /// # Safety
    /// `start` and `len` are those of one [`obtain`], and nobody uses the pages any more.
    pub(super) unsafe fn give_back(start: NonNull<u8>, len: usize) {
        // SAFETY: the caller owns the mapping. An error would mean that it does not exist; there
        // is nothing to be done about it in a drop.
        let _ = unsafe { munmap(start.as_ptr().cast(), len) };
    }
}

/// Miri knows no `mmap`: the heap stands in.
#[cfg(miri)]
mod system {
    use std::alloc::{Layout, alloc_zeroed, dealloc};
    use std::ptr::NonNull;

    use super::{MapOptions, PAGE, PagesError};

    fn layout(len: usize) -> Result<Layout, PagesError> {
        Layout::from_size_align(len, PAGE).map_err(|error| PagesError::Refused {
            bytes: len,
            reason: error.to_string(),
        })
    }

    pub(super) fn obtain(len: usize, _options: &MapOptions) -> Result<NonNull<u8>, PagesError> {
        let layout = layout(len)?;
        // SAFETY: `len` is a whole number of pages and more than 0.
        NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or_else(|| PagesError::Refused {
            bytes: len,
            reason: "out of memory".to_owned(),
        })
    }

    pub(super) fn make_read_only(_start: NonNull<u8>, _len: usize) -> Result<(), PagesError> {
        Ok(())
    }

    /// # Safety
    /// `start` and `len` are those of one [`obtain`], and nobody uses the pages any more.
    pub(super) unsafe fn give_back(start: NonNull<u8>, len: usize) {
        if let Ok(layout) = layout(len) {
            // SAFETY: allocated by `obtain` with this layout.
            unsafe { dealloc(start.as_ptr(), layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_charged_in_whole_pages_and_refunded_on_drop() {
        let budget = MemoryBudget::new(3 * PAGE);
        let options = MapOptions {
            budget: Some(Arc::clone(&budget)),
            ..MapOptions::default()
        };
        let first = Pages::new(1, &options).unwrap();
        let second = Pages::new(PAGE + 1, &options).unwrap();
        assert_eq!(budget.used(), 3 * PAGE);
        assert_eq!(
            Pages::new(1, &options).unwrap_err(),
            PagesError::OverBudget {
                bytes: PAGE,
                left: 0,
                limit: 3 * PAGE
            }
        );
        drop(first);
        assert_eq!(budget.used(), 2 * PAGE);
        drop(second);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn what_no_address_space_holds_is_refused_and_not_charged() {
        let budget = MemoryBudget::new(usize::MAX);
        let options = MapOptions {
            budget: Some(Arc::clone(&budget)),
            ..MapOptions::default()
        };
        assert!(matches!(
            Pages::new(usize::MAX - 5, &options),
            Err(PagesError::Refused { .. })
        ));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn pages_are_zeroed_and_know_their_bounds() {
        let pages = Pages::new(5000, &MapOptions::default()).unwrap();
        assert_eq!(pages.size(), 8192);
        let start = pages.start().addr();
        assert!(pages.contains(start, 8192));
        assert!(!pages.contains(start, 8193));
        assert!(!pages.contains(start - 1, 1));
        assert!(!pages.contains(start + 8192, 1));
        assert!(!pages.contains(start + 1, usize::MAX));
        for offset in 0..pages.size() {
            let byte = pages.start().wrapping_add(offset);
            // SAFETY: inside the mapping, which no other thread knows.
            assert_eq!(unsafe { byte.read() }, 0);
        }
    }
}
