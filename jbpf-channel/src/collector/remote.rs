//! Rings of a host, in the collector's memory.
//!
//! The host's numbers are checked before anything is mapped, and files must be sealed against
//! shrinking. So a host that lies causes an error, not a fault.

#![expect(unsafe_code, reason = "forms views of received memory")]

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustix::io::Errno;

use super::{CollectorError, Connection};
use crate::ChannelError;
use crate::protocol::{CollectorReply, CollectorRequest, InputGrant, OutputGrant};
use crate::record::RecordType;
use crate::ring::input::InputView;
use crate::ring::layout::{Control, InputGeometry, OutputGeometry};
use crate::ring::reader::OutputView;
use crate::ring::region::{Access, Region};
use crate::shared::memory::check;
use crate::wake::{self, Producers};

/// The interval at which a sleeping reader looks whether its host is still there.
const HOST_CHECK: Duration = Duration::from_millis(250);

/// The interval at which a sleeping tap looks at the ring: nobody wakes it.
const TAP_INTERVAL: Duration = Duration::from_millis(1);

/// The time for which a tap does not ask the host again after a refusal to stand in: the channel
/// has a reader.
const READER_CHECK: Duration = Duration::from_millis(100);

/// An output ring of another process.
#[derive(Debug)]
pub(crate) struct RemoteOutput {
    view: OutputView,
    name: String,
    record_type: Option<RecordType>,
    tap: bool,
    fences: bool,
    host_gone: AtomicBool,
    /// The first record that the host has not released, by the host's last answer.
    delivered: AtomicU64,
    /// The time of the last request to stand in, if the host refused it.
    refused: Mutex<Option<Instant>>,
    connection: Arc<Connection>,
    attachment: u64,
    /// The memory that the view points into.
    _data: Region,
    _control: Region,
}

impl RemoteOutput {
    /// Maps the ring that the host granted.
    pub(crate) fn map(
        connection: &Arc<Connection>,
        attachment: u64,
        grant: &OutputGrant,
        files: &[OwnedFd],
    ) -> Result<Self, CollectorError> {
        let geometry = OutputGeometry {
            capacity: grant.capacity,
            record_size: grant.record_size,
            slots: grant.slots,
        };
        if !geometry.is_valid() {
            return Err(impossible());
        }
        let data = map(&grant.name, files.first(), geometry.size(), Access::Read)?;
        let control = if grant.tap {
            // Nobody looks at a tap's cursor.
            Region::anonymous(size_of::<Control>()).map_err(system(&grant.name))?
        } else {
            map(
                &grant.name,
                files.get(1),
                size_of::<Control>(),
                Access::Write,
            )?
        };
        let parts = data
            .at(0, geometry.size())
            .zip(control.at(0, size_of::<Control>()));
        let (data_at, control_at) = parts.ok_or_else(impossible)?;
        // SAFETY: the geometry is valid. The regions are page-aligned, have the sizes that it
        // gives, and live as long as the view; their files cannot shrink. A reader writes to the
        // control words alone, which are writable.
        let view = unsafe { OutputView::new(data_at, control_at, geometry) };
        Ok(Self {
            view,
            name: grant.name.clone(),
            record_type: grant.record_type.clone(),
            tap: grant.tap,
            fences: grant.fences,
            host_gone: AtomicBool::new(false),
            delivered: AtomicU64::new(0),
            refused: Mutex::default(),
            connection: connection.clone(),
            attachment,
            _data: data,
            _control: control,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn record_type(&self) -> Option<&RecordType> {
        self.record_type.as_ref()
    }

    pub(crate) fn view(&self) -> &OutputView {
        &self.view
    }

    pub(crate) fn is_tap(&self) -> bool {
        self.tap
    }

    /// The number of the first record to read.
    pub(crate) fn start(&self) -> u64 {
        if self.tap {
            self.view.header().traffic.head.load(Ordering::Acquire)
        } else {
            self.view.control().cursor.0.load(Ordering::Acquire)
        }
    }

    /// Whether a tap at `next` has passed records that nobody may have read, so that the ring
    /// would fill up.
    pub(crate) fn needs_stand_in(&self, next: u64) -> bool {
        self.tap
            && !self.is_host_gone()
            && self.view.passed_half(next) > self.released()
            && self
                .last_refusal()
                .is_none_or(|refused| refused.elapsed() >= READER_CHECK)
    }

    /// Asks the host to release the records of the ring's older half that a tap at `next` has
    /// passed. The host does so if the ring has no reader.
    pub(crate) fn stand_in(&self, next: u64) {
        if !self.needs_stand_in(next) {
            return;
        }
        let attachment = self.attachment;
        let asked = CollectorRequest::StandIn { attachment, next };
        let wanted = self.view.passed_half(next);
        if let Ok((CollectorReply::StandingIn { delivered, .. }, _)) = self.connection.ask(asked) {
            self.delivered.fetch_max(delivered, Ordering::Relaxed);
        }
        let refused = (self.released() < wanted).then(Instant::now);
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
    }

    /// The first record that is not released, by the last look of a producer or the host's last
    /// answer. The true one may be later. It only reads: a tap cannot write.
    fn released(&self) -> u64 {
        let limit = self.view.header().traffic.limit.load(Ordering::Acquire);
        let believed = limit.saturating_sub(u64::from(self.view.geometry.capacity));
        believed.max(self.delivered.load(Ordering::Relaxed))
    }

    fn last_refusal(&self) -> Option<Instant> {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_inherited(&self) -> bool {
        self.connection.is_inherited()
    }

    pub(crate) fn is_host_gone(&self) -> bool {
        self.host_gone.load(Ordering::Acquire)
    }

    /// Sleeps until `ready`, until the host is gone, or until `deadline`. Returns false if the
    /// time is over.
    pub(crate) fn wait_until(&self, deadline: Option<Instant>, ready: impl Fn() -> bool) -> bool {
        let sleeping = &self.view.control().sleeping.0;
        loop {
            sleeping.store(1, Ordering::SeqCst);
            let signalled = self.fences && !self.tap && wake::fence_producers(Producers::Elsewhere);
            if ready() {
                sleeping.store(0, Ordering::Relaxed);
                return true;
            }
            let Some(left) = wake::left(deadline) else {
                sleeping.store(0, Ordering::Relaxed);
                return false;
            };
            let bound = if signalled { HOST_CHECK } else { TAP_INTERVAL };
            let limit = left.map_or(bound, |left| left.min(bound));
            wake::sleep(sleeping, 1, true, Some(limit));
            if !ready() && self.connection.is_over() {
                self.host_gone.store(true, Ordering::Release);
                return true;
            }
        }
    }
}

impl Drop for RemoteOutput {
    fn drop(&mut self) {
        self.connection.close(self.attachment);
    }
}

/// A lane of an input ring of another process.
#[derive(Debug)]
pub(crate) struct RemoteInput {
    view: InputView,
    name: String,
    record_type: Option<RecordType>,
    connection: Arc<Connection>,
    attachment: u64,
    /// The memory that the view points into.
    _consumer: Region,
    _sender: Region,
}

impl RemoteInput {
    /// Maps the lane that the host granted.
    pub(crate) fn map(
        connection: &Arc<Connection>,
        attachment: u64,
        grant: &InputGrant,
        files: &[OwnedFd],
    ) -> Result<Self, CollectorError> {
        let geometry = InputGeometry {
            capacity: grant.capacity,
            record_size: grant.record_size,
        };
        if !geometry.is_valid() {
            return Err(impossible());
        }
        let (consumer_size, sender_size) = (geometry.consumer_size(), geometry.sender_size());
        let consumer = map(&grant.name, files.first(), consumer_size, Access::Read)?;
        let sender = map(&grant.name, files.get(1), sender_size, Access::Write)?;
        let halves = consumer.at(0, consumer_size).zip(sender.at(0, sender_size));
        let (consumer_at, sender_at) = halves.ok_or_else(impossible)?;
        // SAFETY: the geometry is valid. The regions are page-aligned, have the sizes that it
        // gives, and live as long as the view; their files cannot shrink. A sender writes to its
        // own half alone, which is writable.
        let view = unsafe { InputView::new(consumer_at, sender_at, geometry) };
        Ok(Self {
            view,
            name: grant.name.clone(),
            record_type: grant.record_type.clone(),
            connection: connection.clone(),
            attachment,
            _consumer: consumer,
            _sender: sender,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn record_type(&self) -> Option<&RecordType> {
        self.record_type.as_ref()
    }

    pub(crate) fn view(&self) -> &InputView {
        &self.view
    }

    /// Asks the system whether the host is gone.
    pub(crate) fn is_host_gone(&self) -> bool {
        self.connection.is_over()
    }
}

impl Drop for RemoteInput {
    fn drop(&mut self) {
        self.connection.close(self.attachment);
    }
}

fn map(
    name: &str,
    file: Option<&OwnedFd>,
    len: usize,
    access: Access,
) -> Result<Region, CollectorError> {
    let file = file
        .ok_or_else(|| CollectorError::Answer("a descriptor is missing".to_owned()))?
        .as_fd();
    check(file, len).map_err(|errno| {
        CollectorError::Answer(format!(
            "its memory of {name} is not to be trusted: {errno}"
        ))
    })?;
    Region::file(len, file, access).map_err(|errno| system(name)(errno).into())
}

fn system(name: &str) -> impl FnOnce(Errno) -> ChannelError {
    ChannelError::system(name, "mapping the application's memory")
}

fn impossible() -> CollectorError {
    CollectorError::Answer("no ring has such a size".to_owned())
}
