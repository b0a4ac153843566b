//! Lending a lane of an input ring.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::memory::MemoryFile;
use crate::protocol::InputGrant;
use crate::{ChannelError, InputRing};

/// A lane of an input ring whose sender is another process, until this is dropped.
#[derive(Debug)]
pub struct SharedInput {
    ring: Arc<InputRing>,
    lane: usize,
    /// The file that the sender writes.
    file: Option<MemoryFile>,
}

impl InputRing {
    /// Lends a lane to another process for sending. The descriptors are the consumers' file and
    /// the sender's file, in this order. Send them with the grant.
    ///
    /// # Errors
    ///
    /// [`ChannelError::NotShared`] unless the ring was made with
    /// [`shared`](crate::InputOptions::shared), [`ChannelError::TooManySenders`] while all lanes
    /// are taken, [`ChannelError::OverBudget`] if the budget has no room, [`ChannelError::System`]
    /// without descriptors or memory.
    pub fn share(
        self: &Arc<Self>,
    ) -> Result<(SharedInput, InputGrant, Vec<OwnedFd>), ChannelError> {
        let limit = self.lanes().count();
        let lane = self.lanes().take().ok_or_else(|| {
            let channel = self.name().to_owned();
            if limit == 0 {
                ChannelError::NotShared { channel }
            } else {
                ChannelError::TooManySenders { channel, limit }
            }
        })?;
        // From here on, dropping it undoes each step.
        let mut shared = SharedInput {
            ring: self.clone(),
            lane,
            file: None,
        };
        self.lanes()
            .charge(lane)
            .map_err(ChannelError::over_budget(self.name()))?;
        let system = ChannelError::system(self.name(), "making a sender's file");
        let descriptors = self.lend_lane(lane, &mut shared.file).map_err(system)?;
        let grant = InputGrant {
            name: self.name().to_owned(),
            record_type: self.record_type().cloned(),
            capacity: self.capacity(),
            record_size: self.record_size(),
        };
        Ok((shared, grant, descriptors))
    }

    fn lend_lane(
        &self,
        lane: usize,
        kept: &mut Option<MemoryFile>,
    ) -> rustix::io::Result<Vec<OwnedFd>> {
        let consumer = self.lanes().consumer_file(lane)?;
        let sender = kept.insert(MemoryFile::new(self.view().geometry.sender_size())?);
        // The first word is the sender's `head`. Records of an earlier sender are gone. The new
        // sender continues at the consumers' number.
        let head = self.lanes().tail(lane).to_ne_bytes();
        rustix::io::pwrite(&*sender, &head, 0)?;
        sender.seal()?;
        self.lanes().attach(lane, sender)?;
        self.announce_lane(lane, true);
        Ok(vec![
            consumer,
            rustix::io::fcntl_dupfd_cloexec(&*sender, 0)?,
        ])
    }
}

impl Drop for SharedInput {
    fn drop(&mut self) {
        self.ring.announce_lane(self.lane, false);
        // If there is no memory for the exchange, the lane stays taken and consumers do not look
        // at it. The sender may keep its descriptor, and with it the file. The file's pages are
        // given back here, so that no peer can gather memory of this process by opening and
        // closing.
        if self.ring.lanes().detach(self.lane).is_err() {
            return;
        }
        if let Some(file) = &self.file
            && file
                .discard(self.ring.view().geometry.sender_size())
                .is_err()
        {
            return;
        }
        self.ring.lanes().give_back(self.lane);
    }
}
