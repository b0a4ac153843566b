//! Lending a lane of an input ring.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::memory::Lendable;
use rustix::process::geteuid;

use crate::protocol::InputGrant;
use crate::{ChannelError, InputRing};

/// A lane of an input ring whose sender is another process, until this is dropped.
#[derive(Debug)]
pub struct SharedInput {
    ring: Arc<InputRing>,
    lane: usize,
    /// The file that the sender writes.
    file: Option<Lendable>,
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
        self.share_with(geteuid().as_raw())
    }

    /// [`share`](Self::share), with a process of `user`.
    pub(crate) fn share_with(
        self: &Arc<Self>,
        user: u32,
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
        shared.file = self
            .lanes()
            .charge(lane, user)
            .map_err(ChannelError::over_budget(self.name()))?;
        let system = ChannelError::system(self.name(), "making a sender's file");
        let descriptors = self
            .lend_lane(lane, user, &mut shared.file)
            .map_err(system)?;
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
        user: u32,
        kept: &mut Option<Lendable>,
    ) -> rustix::io::Result<Vec<OwnedFd>> {
        let consumer = self.lanes().consumer_file(lane)?;
        let size = self.view().geometry.sender_size();
        let sender = match kept {
            Some(kept) => kept,
            None => kept.insert(Lendable::new(user, size)?),
        };
        let sender = &sender.file;
        // The first word is the sender's `head`. Records of an earlier sender are gone. The new
        // sender continues at the consumers' number.
        sender.begin_with(size, self.lanes().tail(lane))?;
        self.lanes().attach(lane, sender)?;
        self.announce_lane(lane, true);
        Ok(vec![consumer, rustix::io::fcntl_dupfd_cloexec(sender, 0)?])
    }
}

impl Drop for SharedInput {
    fn drop(&mut self) {
        self.ring.announce_lane(self.lane, false);
        // Without memory for the exchange, the lane stays taken and is not looked at.
        if self.ring.lanes().detach(self.lane).is_ok() {
            self.ring.lanes().give_back(self.lane, self.file.take());
        }
    }
}
