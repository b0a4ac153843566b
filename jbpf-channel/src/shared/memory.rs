//! Files without a name, for sharing memory.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use jbpf_hooks::reclaim::process;
use rustix::fs::{
    FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat,
    ftruncate, memfd_create,
};
use rustix::io::{Errno, Result};

use crate::limits::{DescriptorShare, check_file_size};
use crate::ring::region::{Access, Region, whole_pages};

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

    /// Makes all its `len` bytes zeros but for `word` at the start, for a peer that is to write
    /// them. Another peer may hold the file.
    pub(crate) fn begin_with(&self, len: usize, word: u64) -> Result<()> {
        let region = Region::file(len, self.as_fd(), Access::Write)?;
        match region.populate(0, len) {
            // It has memory unless a peer has given that away.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(errno) => return Err(errno),
        }
        region.begin_with(word);
        Ok(())
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

/// A file that peers of one user write, one after the other.
///
/// Its memory cannot be taken from a peer that keeps its descriptor, so the user's next peer gets
/// the same memory: a user's peers keep no more than what they have had open at a time. Processes
/// of one user are not protected from each other by the system either.
#[derive(Debug)]
pub(crate) struct Lendable {
    pub(crate) user: u32,
    pub(crate) file: MemoryFile,
}

impl Lendable {
    /// Makes one of `len` bytes, to be written by peers of `user`.
    pub(crate) fn new(user: u32, len: usize) -> Result<Self> {
        let file = MemoryFile::new(len)?;
        file.seal()?;
        Ok(Self { user, file })
    }

    /// Whether this process may lend it to `user`. A forked child leaves its parent's files alone.
    pub(crate) fn is_for(&self, user: u32) -> bool {
        self.user == user && !self.file.is_inherited()
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustix::fs::fstat;

    use super::*;
    use crate::{InputOptions, InputRing, OutputOptions, OutputRing};

    fn rings() -> (Arc<OutputRing>, Arc<InputRing>) {
        let output = OutputOptions {
            shared: true,
            ..OutputOptions::default()
        };
        let input = InputOptions {
            shared: true,
            ..InputOptions::default()
        };
        (
            OutputRing::new(16, 8, &output).unwrap(),
            InputRing::new(16, 8, &input).unwrap(),
        )
    }

    /// The file that the peer writes, of those that it got.
    fn inode(descriptors: &[OwnedFd]) -> u64 {
        fstat(&descriptors[1]).unwrap().st_ino
    }

    #[test]
    fn what_a_peer_may_have_kept_goes_to_the_next_of_its_user_and_to_no_other() {
        let (output, input) = rings();
        let lend = |user| {
            let (reader, _, cursor) = output.share_with(user).unwrap();
            let (sender, _, lane) = input.share_with(user).unwrap();
            (reader, sender, [cursor, lane])
        };
        let mut before = Vec::new();
        for user in [1, 2] {
            let (.., kept) = lend(user);
            before.push(kept);
        }
        let bytes = (output.memory(), input.memory());
        for _ in 0..10 {
            for (user, before) in (1..).zip(&before) {
                // The peer that kept the descriptor goes on writing.
                for kept in before {
                    rustix::io::pwrite(&kept[1], &[0xff; 64], 0).unwrap();
                }
                let (_reader, _sender, now) = lend(user);
                for (kept, now) in before.iter().zip(&now) {
                    assert_eq!(inode(kept), inode(now));
                    let mut start = [1; 64];
                    rustix::io::pread(&now[1], &mut start, 0).unwrap();
                    assert_eq!(start, [0; 64], "what was left is gone");
                }
            }
        }
        assert_eq!((output.memory(), input.memory()), bytes);
        let [first, second] = before.as_slice() else {
            unreachable!()
        };
        for (first, second) in first.iter().zip(second) {
            assert_ne!(inode(first), inode(second));
        }
    }

    #[test]
    fn senders_of_one_user_at_a_time_have_a_file_each() {
        let (_, input) = rings();
        let both = [(); 2].map(|()| input.share_with(1).unwrap());
        let [first, second] = both.each_ref().map(|(.., files)| inode(files));
        assert_ne!(first, second);
        drop(both);
        let again = [(); 3].map(|()| input.share_with(1).unwrap());
        let again = again.each_ref().map(|(.., files)| inode(files));
        assert!(
            again.contains(&first) && again.contains(&second),
            "{again:?}"
        );
    }
}
