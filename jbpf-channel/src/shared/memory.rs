//! Files without a name, for sharing memory.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use jbpf_hooks::reclaim::process;
use rustix::fs::{
    FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat,
    ftruncate, memfd_create,
};
use rustix::io::{Errno, Result};

use crate::limits::{DescriptorShare, check_file_size};
use crate::ring::region::whole_pages;

/// The seals that fix a file's size, and the set of its seals.
fn fixed() -> SealFlags {
    SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL
}

/// A memory file that this process, or the one that it was forked from, has made.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    file: OwnedFd,
    /// The [`process`] that made it.
    maker: u64,
    _share: DescriptorShare,
}

impl MemoryFile {
    /// Makes a file of `len` zeros, rounded up to pages, all of them allocated: no later access
    /// lacks memory.
    pub(crate) fn new(len: usize) -> Result<Self> {
        let file = Self::unallocated(len)?;
        file.allocate(0, len)?;
        Ok(file)
    }

    /// Makes a file of `len` zeros, rounded up to pages, that take no memory yet.
    pub(crate) fn unallocated(len: usize) -> Result<Self> {
        let len = whole_pages(len) as u64;
        check_file_size(len)?;
        let share = DescriptorShare::take()?;
        let file = memfd_create("jbpf", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, len)?;
        let maker = process();
        Ok(Self {
            file,
            maker,
            _share: share,
        })
    }

    /// Takes memory for `len` bytes from `offset` on, rounded up to pages.
    pub(crate) fn allocate(&self, offset: usize, len: usize) -> Result<()> {
        let len = whole_pages(len) as u64;
        if len == 0 {
            return Ok(());
        }
        fallocate(&self.file, FallocateFlags::empty(), offset as u64, len)
    }

    /// Gives the memory of all its `len` bytes back, even if other processes still have it mapped.
    /// From then on they read zeros, and memory that they write is on their own account. A forked
    /// child leaves its parent's file alone.
    pub(crate) fn discard(&self, len: usize) -> Result<()> {
        if self.is_inherited() {
            return Ok(());
        }
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(&self.file, flags, 0, whole_pages(len) as u64)
    }

    /// Fixes its size. Any process that gets the descriptor may write.
    pub(crate) fn seal(&self) -> Result<()> {
        fcntl_add_seals(&self.file, fixed())
    }

    /// Fixes its size, and allows writing only through the mappings that exist.
    pub(crate) fn seal_against_writing(&self) -> Result<()> {
        fcntl_add_seals(&self.file, fixed() | SealFlags::FUTURE_WRITE)
    }

    /// Duplicates the descriptor, to send it away.
    pub(crate) fn duplicate(&self) -> std::io::Result<OwnedFd> {
        self.file.try_clone()
    }

    /// Whether this process was forked from the one that made the file, and so shares its memory.
    pub(crate) fn is_inherited(&self) -> bool {
        process() != self.maker
    }
}

impl AsFd for MemoryFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Checks that a received file is sealed memory of at least `len` bytes that cannot shrink.
pub(crate) fn check(file: BorrowedFd<'_>, len: usize) -> Result<()> {
    if !fcntl_get_seals(file)?.contains(SealFlags::SHRINK) {
        return Err(Errno::PERM);
    }
    if (fstat(file)?.st_size.max(0) as u64) < whole_pages(len) as u64 {
        return Err(Errno::OVERFLOW);
    }
    Ok(())
}
