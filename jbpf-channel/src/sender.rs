//! The application's end of an input channel.

use core::fmt;
use core::marker::PhantomData;
use std::sync::Arc;

use jbpf_hooks::layout::FieldType;
use zerocopy::{Immutable, IntoBytes};

use crate::collector::remote::RemoteInput;
use crate::record::RecordType;
use crate::ring::input::InputView;
use crate::{ChannelError, InputRing, SendError};

/// Sends records of bytes, for tools; applications use [`Sender`].
#[derive(Debug, Clone)]
pub struct RawSender {
    target: Target,
}

/// The ring, in this process or another. It keeps the view's memory mapped.
#[derive(Debug, Clone)]
enum Target {
    Local(Arc<InputRing>),
    Remote(Arc<RemoteInput>),
}

impl RawSender {
    pub(crate) fn local(ring: Arc<InputRing>) -> Self {
        Self {
            target: Target::Local(ring),
        }
    }

    pub(crate) fn remote(ring: Arc<RemoteInput>) -> Self {
        Self {
            target: Target::Remote(ring),
        }
    }

    fn view(&self) -> &InputView {
        match &self.target {
            Target::Local(ring) => ring.view(),
            Target::Remote(ring) => ring.view(),
        }
    }

    /// Bytes of one record.
    #[must_use]
    pub fn record_size(&self) -> u32 {
        self.view().geometry.record_size
    }

    /// The channel's name in errors.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.target {
            Target::Local(ring) => ring.name(),
            Target::Remote(ring) => ring.name(),
        }
    }

    /// Records refused so far, by all senders of this process.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.view().dropped()
    }

    /// Sends a copy of `record`. A record shorter than the channel's is filled up with zeros. It
    /// never blocks.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] and [`SendError::TooLong`], both counted; [`SendError::Closed`] if the
    /// codelet is unloaded or the application is gone.
    pub fn send(&self, record: &[u8]) -> Result<(), SendError> {
        let sent = self.view().send(record);
        // A ring that nobody empties fills up. So only a full one is worth a question to the
        // system.
        match (&self.target, sent) {
            (Target::Remote(ring), Err(SendError::Full)) if ring.is_host_gone() => {
                Err(SendError::Closed)
            }
            _ => sent,
        }
    }

    /// The type of its records, if anybody has declared it.
    #[must_use]
    pub fn record_type(&self) -> Option<&RecordType> {
        match &self.target {
            Target::Local(ring) => ring.record_type(),
            Target::Remote(ring) => ring.record_type(),
        }
    }

    /// Makes a typed sender, after it has compared the layout of `T` with the record type. A
    /// host's channel without a record type takes on that of `T`, if `T` has the size of a record.
    ///
    /// # Errors
    ///
    /// [`ChannelError::RecordSize`] if `T` is larger than a record, [`ChannelError::Layout`] if
    /// the channel has a record type of another layout.
    pub fn described<T: IntoBytes + Immutable + FieldType>(
        self,
    ) -> Result<Sender<T>, ChannelError> {
        let sender = self.typed()?;
        let record_type = RecordType::of::<T>();
        let declared = match &sender.raw.target {
            Target::Local(ring) => ring.declare(record_type),
            Target::Remote(ring) => {
                let known = ring.record_type();
                known
                    .and_then(|known| known.disagreement(&record_type))
                    .map_or(Ok(()), Err)
            }
        };
        declared.map_err(|disagreement| ChannelError::Layout {
            channel: sender.raw.name().to_owned(),
            type_name: core::any::type_name::<T>(),
            disagreement,
        })?;
        Ok(sender)
    }

    /// Makes a typed sender, after it has compared the size of `T` alone.
    ///
    /// # Errors
    ///
    /// [`ChannelError::RecordSize`] if `T` is larger than a record.
    pub fn typed<T: IntoBytes + Immutable>(self) -> Result<Sender<T>, ChannelError> {
        if size_of::<T>() > self.record_size() as usize {
            return Err(ChannelError::RecordSize {
                channel: self.name().to_owned(),
                record_size: self.record_size(),
                type_name: core::any::type_name::<T>(),
                type_size: size_of::<T>(),
            });
        }
        Ok(Sender {
            raw: self,
            record: PhantomData,
        })
    }
}

/// Sends records of type `T` to codelets. Any number of threads may use it at a time. Clones share
/// the channel.
///
/// ```
/// # use jbpf_channel::{InputOptions, InputRing, Sender};
/// let ring = InputRing::new(16, 8, &InputOptions::default())?;
/// let sequence: Sender<u64> = ring.sender().typed()?;
/// sequence.send(&7)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sender<T> {
    raw: RawSender,
    record: PhantomData<fn(&T)>,
}

impl<T: IntoBytes + Immutable> Sender<T> {
    /// Sends a copy of `record`. If `T` is shorter than the channel's records, zeros fill the
    /// rest. It never blocks.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`], counted; [`SendError::Closed`] if the codelet is unloaded or the
    /// application is gone.
    pub fn send(&self, record: &T) -> Result<(), SendError> {
        self.raw.send(record.as_bytes())
    }

    /// Records refused so far, by all senders of this process.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.raw.dropped()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self {
            raw: self.raw.clone(),
            record: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("raw", &self.raw).finish()
    }
}
