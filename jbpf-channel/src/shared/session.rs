//! The channels that one connection has opened.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};

use rustix::process::geteuid;

use super::{SharedInput, SharedOutput};
use crate::protocol::{CollectorReply, CollectorRequest, ErrorCode};
use crate::ring::output::KeptCharge;
use crate::{ChannelError, InputRing, OutputRing, StreamId};

/// Channels that one connection may hold open.
const MAX_ATTACHMENTS: usize = 512;

/// The host's channels by their names.
pub trait Channels {
    /// The output channel of this name.
    fn output(&self, stream_id: StreamId) -> Option<Arc<OutputRing>>;

    /// The input channel of this name.
    fn input(&self, stream_id: StreamId) -> Option<Arc<InputRing>>;
}

/// The channels that one collector has opened. Dropping it takes everything back.
///
/// The server of a host keeps one for each connection and drops it with the connection.
#[derive(Debug)]
pub struct Session {
    /// The collector's.
    user: u32,
    open: BTreeMap<u64, Attachment>,
    last: u64,
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

/// A channel that is open until it is closed.
#[derive(Debug)]
enum Attachment {
    Output {
        _lent: SharedOutput,
    },
    Input {
        _lent: SharedInput,
    },
    /// A tap does not keep the ring: the ring goes with its codelet, even if it is watched. Its
    /// memory stays, and stays charged, until the collector closes the tap.
    Tap {
        ring: Weak<OutputRing>,
        _charge: KeptCharge,
    },
}

/// A reply, and the descriptors to send with its first byte.
#[derive(Debug)]
pub struct Answer {
    /// The message to send.
    pub reply: CollectorReply,
    /// The descriptors to send with it.
    pub descriptors: Vec<OwnedFd>,
}

impl Session {
    /// A session of a collector of this process's user, that has opened nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::of_user(geteuid().as_raw())
    }

    /// A session of a collector of `user`, that has opened nothing. The host lends what
    /// collectors may write to those of one user again, and to no others.
    #[must_use]
    pub fn of_user(user: u32) -> Self {
        Self {
            user,
            open: BTreeMap::new(),
            last: 0,
        }
    }

    /// Whether nothing is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Does what `request` asks for.
    pub fn answer(&mut self, channels: &impl Channels, request: &CollectorRequest) -> Answer {
        self.attempt(channels, request)
            .unwrap_or_else(|error| Answer {
                reply: CollectorReply::Error {
                    code: error.code(),
                    message: error.to_string(),
                },
                descriptors: Vec::new(),
            })
    }

    fn attempt(
        &mut self,
        channels: &impl Channels,
        request: &CollectorRequest,
    ) -> Result<Answer, ChannelError> {
        match *request {
            CollectorRequest::OpenOutput { stream_id, tap } => {
                self.check_room()?;
                let ring = channels
                    .output(stream_id)
                    .ok_or_else(|| unknown(stream_id))?;
                if tap {
                    let shared = ring.share_tap()?;
                    return Ok(Answer {
                        reply: CollectorReply::Output {
                            attachment: self.keep(Attachment::Tap {
                                ring: Arc::downgrade(&ring),
                                _charge: ring.keep_charge(),
                            }),
                            grant: shared.grant,
                        },
                        descriptors: shared.descriptors,
                    });
                }
                let (lent, grant, descriptors) = ring.share_with(self.user)?;
                let attachment = self.keep(Attachment::Output { _lent: lent });
                Ok(Answer {
                    reply: CollectorReply::Output { attachment, grant },
                    descriptors,
                })
            }
            CollectorRequest::OpenInput { stream_id } => {
                self.check_room()?;
                let ring = channels
                    .input(stream_id)
                    .ok_or_else(|| unknown(stream_id))?;
                let (lent, grant, descriptors) = ring.share_with(self.user)?;
                let attachment = self.keep(Attachment::Input { _lent: lent });
                Ok(Answer {
                    reply: CollectorReply::Input { attachment, grant },
                    descriptors,
                })
            }
            CollectorRequest::StandIn { attachment, next } => {
                let reply = match self.tap(attachment) {
                    Some(ring) => {
                        ring.stand_in(next);
                        let delivered = ring.delivered();
                        CollectorReply::StandingIn {
                            attachment,
                            delivered,
                        }
                    }
                    None => CollectorReply::Error {
                        code: ErrorCode::ChannelNotOpen,
                        message: format!(
                            "attachment {attachment} is no tap of a channel that is there"
                        ),
                    },
                };
                Ok(Answer {
                    reply,
                    descriptors: Vec::new(),
                })
            }
            CollectorRequest::Close { attachment } => {
                self.open.remove(&attachment);
                Ok(Answer {
                    reply: CollectorReply::Closed { attachment },
                    descriptors: Vec::new(),
                })
            }
        }
    }

    fn tap(&self, attachment: u64) -> Option<Arc<OutputRing>> {
        match self.open.get(&attachment)? {
            Attachment::Tap { ring, .. } => ring.upgrade(),
            _ => None,
        }
    }

    fn check_room(&self) -> Result<(), ChannelError> {
        if self.open.len() < MAX_ATTACHMENTS {
            Ok(())
        } else {
            Err(ChannelError::TooManyOpen {
                limit: MAX_ATTACHMENTS,
            })
        }
    }

    fn keep(&mut self, attachment: Attachment) -> u64 {
        self.last += 1;
        self.open.insert(self.last, attachment);
        self.last
    }
}

fn unknown(stream_id: StreamId) -> ChannelError {
    ChannelError::Unknown { stream_id }
}
