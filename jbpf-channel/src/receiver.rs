//! The reading end of an output channel.

#![expect(
    unsafe_code,
    reason = "copies records into uninitialised values of types that any bytes are valid for"
)]

use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::sync::atomic::Ordering;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use jbpf_hooks::layout::FieldType;
use zerocopy::FromBytes;

use crate::collector::remote::RemoteOutput;
use crate::record::{Disagreement, RecordType};
use crate::ring::reader::OutputView;
use crate::shared::memory::MemoryFile;
use crate::wake::{self, Doorbell};
use crate::{ChannelError, OutputRing, RecvError};

/// The most records that an iteration takes before it releases their places.
const MAX_BATCH: u64 = 256;

/// The number of attempts of a tap that producers overtake while it copies. After the last one it
/// reports no record.
const ATTEMPTS: u32 = 8;

/// The number of looks at the ring before a reader sleeps. They take a few microseconds, less than
/// waking costs.
const SPINS: u32 = 64;

/// The records that a reader is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// All of them. Producers do not wait for the reader, and drop records if it leaves them no
    /// place.
    Primary,
    /// Those for which it is quick enough.
    Tap,
}

/// The ring, in this process or another. It keeps the view's memory mapped.
#[derive(Debug)]
enum Source {
    Local(Arc<OutputRing>),
    Remote(Arc<RemoteOutput>),
}

impl Source {
    fn view(&self) -> &OutputView {
        match self {
            Self::Local(ring) => ring.view(),
            Self::Remote(ring) => ring.view(),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Local(ring) => ring.name(),
            Self::Remote(ring) => ring.name(),
        }
    }

    fn record_type(&self) -> Option<&RecordType> {
        match self {
            Self::Local(ring) => ring.record_type(),
            Self::Remote(ring) => ring.record_type(),
        }
    }

    fn declare(&self, record_type: RecordType) -> Result<(), Disagreement> {
        match self {
            Self::Local(ring) => ring.declare(record_type),
            Self::Remote(ring) => {
                let known = ring.record_type();
                known
                    .and_then(|known| known.disagreement(&record_type))
                    .map_or(Ok(()), Err)
            }
        }
    }

    /// Whether this process was forked from the one that opened the ring. Then it shares the
    /// ring's words with its parent, which goes on using them.
    fn is_inherited(&self) -> bool {
        match self {
            Self::Local(ring) => ring.data_file().is_some_and(MemoryFile::is_inherited),
            Self::Remote(ring) => ring.is_inherited(),
        }
    }

    /// Whether a tap at `next` has records to release in place of a reader.
    fn needs_stand_in(&self, next: u64) -> bool {
        match self {
            Self::Local(ring) => ring.needs_stand_in(next),
            Self::Remote(ring) => ring.needs_stand_in(next),
        }
    }

    /// Releases records in place of a reader, for a tap at `next`.
    #[inline]
    fn stand_in(&self, next: u64) {
        match self {
            Self::Local(ring) => ring.stand_in(next),
            Self::Remote(ring) => ring.stand_in(next),
        }
    }

    fn wait_until(&self, deadline: Option<Instant>, ready: impl Fn() -> bool) -> bool {
        match self {
            Self::Local(ring) => ring.wait_until(deadline, ready),
            Self::Remote(ring) => ring.wait_until(deadline, ready),
        }
    }
}

/// Reads records of bytes, for tools; applications use [`Receiver`].
///
/// One thread at a time may use it. It can move between threads.
#[derive(Debug)]
pub struct RawReceiver {
    source: Source,
    view: OutputView,
    role: Role,
    /// The records between two releases of an iteration: an eighth of the ring, so that producers
    /// seldom wait for a release.
    batch: u64,
    /// The number of the next record.
    next: Cell<u64>,
    /// The number of the first record that producers do not know to be released.
    released: Cell<u64>,
    last: Cell<Option<u64>>,
    lost: Cell<u64>,
}

impl RawReceiver {
    pub(crate) fn primary(ring: Arc<OutputRing>, next: u64) -> Self {
        Self::new(Source::Local(ring), Role::Primary, next)
    }

    pub(crate) fn tap(ring: Arc<OutputRing>, next: u64) -> Self {
        Self::new(Source::Local(ring), Role::Tap, next)
    }

    pub(crate) fn remote(ring: Arc<RemoteOutput>) -> Self {
        let role = if ring.is_tap() {
            Role::Tap
        } else {
            Role::Primary
        };
        let start = ring.start();
        Self::new(Source::Remote(ring), role, start)
    }

    fn new(source: Source, role: Role, next: u64) -> Self {
        let view = *source.view();
        Self {
            source,
            view,
            role,
            batch: u64::from(view.geometry.capacity / 8).clamp(1, MAX_BATCH),
            next: Cell::new(next),
            released: Cell::new(next),
            last: Cell::new(None),
            lost: Cell::new(0),
        }
    }

    /// The channel's name in errors.
    #[must_use]
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// Bytes of one record.
    #[must_use]
    pub fn record_size(&self) -> u32 {
        self.view.geometry.record_size
    }

    /// Records that found no place since the ring was made. The numbers of sent records have no
    /// gaps. So records received, [passed over](Self::passed_over) and dropped add up to the
    /// number that codelets tried to send.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.view.dropped()
    }

    /// Records that nobody received since the ring was made, because they made room for others.
    /// Either a tap stood in for an absent reader, or a reader in another process left while the
    /// ring was full, which costs one record.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.view.passed_over()
    }

    /// Records that this reader lost because it was too slow. Always 0 for a primary reader.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.get()
    }

    /// The number of the record received last. Records are numbered from 0 in the order in which
    /// they were sent.
    #[must_use]
    pub fn record_number(&self) -> Option<u64> {
        self.last.get()
    }

    /// Receives a record into `record` and returns its number; `None` if the ring holds none now.
    ///
    /// If `record` is longer than the channel's records, the bytes beyond stay as they are. If it
    /// is shorter, the rest of the record is cut off.
    pub fn try_recv(&self, record: &mut [u8]) -> Option<u64> {
        let size = self.record_size() as usize;
        if record.len() >= size {
            // SAFETY: the slice has at least the record's size, and nobody else accesses it.
            let number = unsafe { self.take(record.as_mut_ptr()) };
            self.release();
            return number;
        }
        let mut whole = vec![0; size];
        let number = self.try_recv(&mut whole)?;
        record.copy_from_slice(whole.get(..record.len())?);
        Some(number)
    }

    /// Receives a record as bytes; `None` if the ring holds none now.
    pub fn try_recv_bytes(&self) -> Option<Vec<u8>> {
        let mut record = vec![0; self.record_size() as usize];
        self.try_recv(&mut record).map(|_| record)
    }

    /// Receives until the ring is empty. Places are released in batches, and when the iterator is
    /// dropped.
    pub fn try_iter(&self) -> TryIter<'_, Vec<u8>> {
        TryIter {
            raw: self,
            receive: |raw| {
                let mut record = vec![0; raw.record_size() as usize];
                // SAFETY: the vector has the record's size, and nobody else accesses it.
                unsafe { raw.take(record.as_mut_ptr()) }.map(|_| record)
            },
        }
    }

    /// Receives a record into `record` and returns its number. It sleeps until there is a record.
    ///
    /// # Errors
    ///
    /// [`RecvError::Timeout`] after `limit`, if there is one; [`RecvError::Closed`] if no record
    /// will come any more.
    pub fn recv(&self, record: &mut [u8], limit: Option<Duration>) -> Result<u64, RecvError> {
        self.receive_within(limit, || self.try_recv(record))
    }

    /// The type of its records, if anybody has declared it.
    #[must_use]
    pub fn record_type(&self) -> Option<&RecordType> {
        self.source.record_type()
    }

    /// Makes a typed receiver, after it has compared the layout of `T` with the record type. A
    /// host's channel without a record type takes on that of `T`.
    ///
    /// # Errors
    ///
    /// [`ChannelError::RecordSize`] if the size of `T` is not that of a record,
    /// [`ChannelError::Layout`] if the channel has a record type of another layout.
    pub fn described<T: FromBytes + FieldType>(self) -> Result<Receiver<T>, ChannelError> {
        let receiver = self.typed()?;
        let declared = receiver.raw.source.declare(RecordType::of::<T>());
        declared.map_err(|disagreement| ChannelError::Layout {
            channel: receiver.raw.name().to_owned(),
            type_name: core::any::type_name::<T>(),
            disagreement,
        })?;
        Ok(receiver)
    }

    /// Makes a typed receiver, after it has compared the size of `T` alone.
    ///
    /// # Errors
    ///
    /// [`ChannelError::RecordSize`] if the size of `T` is not that of a record.
    pub fn typed<T: FromBytes>(self) -> Result<Receiver<T>, ChannelError> {
        if size_of::<T>() != self.record_size() as usize {
            return Err(ChannelError::RecordSize {
                channel: self.name().to_owned(),
                record_size: self.record_size(),
                type_name: core::any::type_name::<T>(),
                type_size: size_of::<T>(),
            });
        }
        Ok(Receiver {
            raw: self,
            record: PhantomData,
        })
    }

    /// Whether a call now would receive a record, skip lost ones, release places for an absent
    /// reader, or report that the channel is closed. It is false in every other case, because a
    /// wait for a channel that is always ready would never sleep.
    pub(crate) fn is_ready(&self) -> bool {
        let next = self.next.get();
        let comes = match self.role {
            Role::Primary => self.view.published(next).is_some(),
            Role::Tap => {
                let published = self.view.published(next).is_some();
                published && self.view.words().still_holds(next)
                    || self.overtaken_by().is_some()
                    || self.source.needs_stand_in(next)
            }
        };
        comes || self.is_closed()
    }

    /// Whether no further records will be sent. Records sent before may still wait in the ring.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        if let Source::Remote(ring) = &self.source
            && ring.is_host_gone()
        {
            return true;
        }
        self.view.header().traffic.closed.load(Ordering::Acquire) != 0
    }

    pub(crate) fn arm(&self, doorbell: &Doorbell) {
        if let Source::Local(ring) = &self.source {
            ring.arm(doorbell);
        }
    }

    /// Receives with `attempt`, sleeping between attempts.
    fn receive_within<R>(
        &self,
        limit: Option<Duration>,
        mut attempt: impl FnMut() -> Option<R>,
    ) -> Result<R, RecvError> {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        loop {
            for _ in 0..SPINS {
                // This is read before the attempt, so that records sent before the close are
                // received before the close is reported.
                let closed = self.is_closed();
                if let Some(record) = attempt() {
                    return Ok(record);
                }
                if closed {
                    return Err(RecvError::Closed);
                }
                core::hint::spin_loop();
            }
            // A host that lies may keep a ring ready and give no record.
            let over = wake::left(deadline).is_none();
            if over || !self.source.wait_until(deadline, || self.is_ready()) {
                return Err(RecvError::Timeout);
            }
        }
    }

    /// Releases everything and sleeps until `receive` has a record. `None` if no record will come
    /// any more.
    #[cold]
    fn wait_for_next<R>(&self, receive: fn(&Self) -> Option<R>) -> Option<R> {
        self.release();
        self.receive_within(None, || receive(self)).ok()
    }

    /// Copies the next record to `target` and returns its number. A primary reader does not
    /// release the place yet.
    ///
    /// # Safety
    ///
    /// `target` is writable for `record_size` bytes, and nobody else accesses it.
    #[inline]
    unsafe fn take(&self, target: *mut u8) -> Option<u64> {
        match self.role {
            Role::Primary => {
                let number = self.next.get();
                let buffer = self.view.published(number)?;
                // SAFETY: the caller promises it for `target`.
                unsafe { self.view.copy_out(buffer, target) }.then(|| self.pass(number))
            }
            // SAFETY: the caller promises it for `target`.
            Role::Tap => unsafe { self.glimpse(target) },
        }
    }

    /// [`take`](Self::take) for a tap.
    ///
    /// # Safety
    ///
    /// That of `take`.
    unsafe fn glimpse(&self, target: *mut u8) -> Option<u64> {
        let words = self.view.words();
        for _ in 0..ATTEMPTS {
            let number = self.next.get();
            if let Some(buffer) = self.view.published(number) {
                // SAFETY: the caller promises it for `target`. The check below discards the copy
                // if a producer overwrote the buffer meanwhile.
                let copied = unsafe { self.view.copy_out(buffer, target) };
                if copied && words.still_holds(number) {
                    return Some(self.pass(number));
                }
            }
            let skipped = self.overtaken_by()?;
            self.lost.set(self.lost.get().saturating_add(skipped));
            self.next.set(number.wrapping_add(skipped));
        }
        None
    }

    /// The number of records that a tap skips if producers have overtaken it; `None` if they have
    /// not. These are the overwritten records, and a quarter of the ring more, so that it is not
    /// overtaken again at once.
    fn overtaken_by(&self) -> Option<u64> {
        let capacity = u64::from(self.view.geometry.capacity);
        let head = self.view.words().head.load(Ordering::Acquire);
        let ahead = head.wrapping_sub(self.next.get());
        // Only another process's lie can put `head` behind this reader.
        let overtaken = ahead > capacity && ahead.cast_signed() > 0;
        overtaken.then(|| ahead - capacity + capacity / 4)
    }

    #[inline]
    fn pass(&self, number: u64) -> u64 {
        self.next.set(number.wrapping_add(1));
        self.last.set(Some(number));
        number
    }

    /// Gives the places of received records back to producers.
    #[inline]
    fn release(&self) {
        let next = self.next.get();
        match self.role {
            Role::Tap => self.source.stand_in(next),
            Role::Primary if next != self.released.get() => {
                self.released.set(next);
                self.view.words().release(next);
            }
            Role::Primary => {}
        }
    }
}

impl Drop for RawReceiver {
    fn drop(&mut self) {
        if self.source.is_inherited() {
            return;
        }
        self.release();
        if let (Source::Local(ring), Role::Primary) = (&self.source, self.role) {
            ring.end_primary();
        }
    }
}

/// Receives records of type `T` from codelets, in the order in which they were sent.
///
/// Each record is copied out of the ring once, before anything looks at it. One thread at a time
/// may use the receiver; it can move between threads. Dropping it leaves the channel open for the
/// next reader.
///
/// ```
/// # use jbpf_channel::{OutputOptions, OutputRing, Receiver};
/// let ring = OutputRing::new(16, 8, &OutputOptions::default())?;
/// let numbers: Receiver<u64> = ring.primary()?.typed()?;
/// ring.send_bytes(&7_u64.to_ne_bytes())?;
/// assert_eq!(numbers.try_recv(), Some(7));
/// assert_eq!(numbers.try_recv(), None);
/// assert_eq!((numbers.record_number(), numbers.dropped()), (Some(0), 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Receiver<T> {
    raw: RawReceiver,
    record: PhantomData<fn() -> T>,
}

impl<T: FromBytes> Receiver<T> {
    /// Receives a record; `None` if the channel holds none now.
    #[inline]
    pub fn try_recv(&self) -> Option<T> {
        let record = take(&self.raw);
        self.raw.release();
        record
    }

    /// Receives until the channel is empty. Places are released in batches, and when the iterator
    /// is dropped.
    #[inline]
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter {
            raw: &self.raw,
            receive: take,
        }
    }

    /// Receives a record. It sleeps until there is one.
    ///
    /// # Errors
    ///
    /// [`RecvError::Closed`] if no record will come any more.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.raw.receive_within(None, || self.try_recv())
    }

    /// Receives a record. It sleeps until there is one, for `limit` at most.
    ///
    /// # Errors
    ///
    /// [`RecvError::Timeout`] after `limit`; [`RecvError::Closed`] if no record will come any
    /// more.
    pub fn recv_timeout(&self, limit: Duration) -> Result<T, RecvError> {
        self.raw.receive_within(Some(limit), || self.try_recv())
    }

    /// Receives until the channel is closed, and sleeps while it is empty. Places are released in
    /// batches, before sleeping, and when the iterator is dropped.
    pub fn blocking(&self) -> impl Iterator<Item = T> + '_ {
        let mut records = self.try_iter();
        core::iter::from_fn(move || records.next().or_else(|| records.raw.wait_for_next(take)))
    }

    /// Records that found no place since the channel was made.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.raw.dropped()
    }

    /// Records that nobody received since the channel was made: see [`RawReceiver::passed_over`].
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.raw.passed_over()
    }

    /// Records that this reader lost because it was too slow. Always 0 unless it is a tap.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.raw.lost()
    }

    /// The number of the record received last. Records are numbered from 0 in the order in which
    /// they were sent.
    #[must_use]
    pub fn record_number(&self) -> Option<u64> {
        self.raw.record_number()
    }

    /// The same reader, for bytes.
    #[must_use]
    pub fn raw(&self) -> &RawReceiver {
        &self.raw
    }
}

/// Takes a record whose size [`RawReceiver::typed`] has checked.
#[inline]
fn take<T: FromBytes>(raw: &RawReceiver) -> Option<T> {
    let mut record = MaybeUninit::<T>::uninit();
    // SAFETY: `T` has the record's size, as `typed` checked; the value is this function's own.
    unsafe { raw.take(record.as_mut_ptr().cast()) }?;
    // SAFETY: all of its bytes were written, and any bytes are a valid `T`.
    Some(unsafe { record.assume_init() })
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("raw", &self.raw).finish()
    }
}

/// The records that a channel holds now; see [`Receiver::try_iter`].
pub struct TryIter<'a, R> {
    raw: &'a RawReceiver,
    receive: fn(&RawReceiver) -> Option<R>,
}

impl<R> Iterator for TryIter<'_, R> {
    type Item = R;

    #[inline]
    fn next(&mut self) -> Option<R> {
        if self.raw.next.get().wrapping_sub(self.raw.released.get()) >= self.raw.batch {
            self.raw.release();
        }
        (self.receive)(self.raw)
    }
}

impl<R> Drop for TryIter<'_, R> {
    fn drop(&mut self) {
        self.raw.release();
    }
}

impl<R> fmt::Debug for TryIter<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryIter").field("raw", &self.raw).finish()
    }
}
