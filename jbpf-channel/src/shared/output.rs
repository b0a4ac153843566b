//! Lending an output ring.

use core::sync::atomic::Ordering;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use super::memory::Lendable;
use crate::protocol::OutputGrant;
use crate::ring::layout::Control;
use rustix::process::geteuid;

use crate::ring::region::{Access, Region, page_size};
use crate::wake::{accept_fences_from_elsewhere, attention};
use crate::{ChannelError, OutputRing};

/// An output ring whose primary reader is another process, until this is dropped.
#[derive(Debug)]
pub struct SharedOutput {
    ring: Arc<OutputRing>,
    /// The file that the reader writes. It replaces a page that the ring has anyway.
    cursor: Option<Lendable>,
}

/// The grant and descriptors with which another process watches an output ring. The tap asks the
/// host only to release records while nobody reads the ring: see
/// [`CollectorRequest::StandIn`](crate::protocol::CollectorRequest::StandIn).
#[derive(Debug)]
pub struct SharedTap {
    /// The ring's numbers, for the collector.
    pub grant: OutputGrant,
    /// The records' file.
    pub descriptors: Vec<OwnedFd>,
}

impl OutputRing {
    /// Lends the ring to another process as its primary reader. The descriptors are the records'
    /// file and the cursor's file, in this order. Send them with the grant.
    ///
    /// # Errors
    ///
    /// [`ChannelError::NotShared`] unless the ring was made with
    /// [`shared`](crate::OutputOptions::shared), [`ChannelError::AlreadyOpen`] while it has a
    /// primary reader, [`ChannelError::System`] without descriptors or memory.
    pub fn share(
        self: &Arc<Self>,
    ) -> Result<(SharedOutput, OutputGrant, Vec<OwnedFd>), ChannelError> {
        self.share_with(geteuid().as_raw())
    }

    /// [`share`](Self::share), with a process of `user`.
    pub(crate) fn share_with(
        self: &Arc<Self>,
        user: u32,
    ) -> Result<(SharedOutput, OutputGrant, Vec<OwnedFd>), ChannelError> {
        let data = self.duplicate_data()?;
        self.begin_primary()?;
        // From here on, dropping it undoes each step.
        let mut shared = SharedOutput {
            ring: self.clone(),
            cursor: None,
        };
        let system = ChannelError::system(self.name(), "lending the cursor's file");
        let file = &*shared.cursor.insert(self.take_cursor_file(user)?);
        let control = self.lend_cursor(file).map_err(system)?;
        let grant = self.grant(false);
        Ok((shared, grant, vec![data, control]))
    }

    /// Lets another process watch the ring.
    ///
    /// # Errors
    ///
    /// [`ChannelError::NotShared`] unless the ring was made with
    /// [`shared`](crate::OutputOptions::shared), [`ChannelError::System`] without descriptors.
    pub fn share_tap(&self) -> Result<SharedTap, ChannelError> {
        Ok(SharedTap {
            grant: self.grant(true),
            descriptors: vec![self.duplicate_data()?],
        })
    }

    fn grant(&self, tap: bool) -> OutputGrant {
        let geometry = self.view().geometry;
        OutputGrant {
            name: self.name().to_owned(),
            record_type: self.record_type().cloned(),
            capacity: geometry.capacity,
            record_size: geometry.record_size,
            slots: geometry.slots,
            tap,
            fences: accept_fences_from_elsewhere(),
        }
    }

    fn duplicate_data(&self) -> Result<OwnedFd, ChannelError> {
        let file = self.data_file().ok_or_else(|| ChannelError::NotShared {
            channel: self.name().to_owned(),
        })?;
        file.duplicate().map_err(|source| ChannelError::System {
            channel: self.name().to_owned(),
            step: "duplicating the records' descriptor",
            source,
        })
    }

    /// Puts the cursor into the file, which the reader controls.
    fn lend_cursor(&self, lent: &Lendable) -> rustix::io::Result<OwnedFd> {
        let file = &lent.file;
        file.begin_with(size_of::<Control>(), self.delivered())?;
        self.place_control(|region, offset| {
            region.place_file_in_use(offset, page_size(), file.as_fd(), Access::Write)
        })?;
        let wanted = &self.view().header().traffic.attention;
        wanted.fetch_or(attention::REMOTE, Ordering::SeqCst);
        rustix::io::fcntl_dupfd_cloexec(file, 0)
    }

    /// Takes the cursor back, whatever the reader does with the file that it may still hold.
    fn take_cursor_back(&self, lent: Option<Lendable>) {
        let wanted = &self.view().header().traffic.attention;
        wanted.fetch_and(!attention::REMOTE, Ordering::SeqCst);
        let cursor = self.delivered();
        let placed = self.place_control(|region, offset| {
            region.place(
                offset,
                Region::anonymous_starting_with(page_size(), cursor)?,
            )
        });
        // Without memory for one page the old page stays, and a stranger may write it. Then the
        // ring stays taken, and drops records when it is full.
        if placed.is_ok() {
            if let Some(file) = lent {
                self.keep_cursor_file(file);
            }
            self.settle();
            self.end_primary();
        }
    }
}

impl Drop for SharedOutput {
    fn drop(&mut self) {
        self.ring.take_cursor_back(self.cursor.take());
    }
}
