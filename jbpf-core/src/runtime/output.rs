//! Records served to a callback, by one thread that sleeps while none come.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;

use jbpf_channel::{Doorbell, OutputRing, RawReceiver, StreamId};
use jbpf_operator::stream::Direction;

use super::{Shared, Threads};
use crate::containment::contain;

/// One record of an output channel, as the callback of
/// [`Runtime::on_output`](super::Runtime::on_output) sees it.
#[derive(Debug, Clone, Copy)]
pub struct OutputRecord<'a> {
    /// The channel.
    pub stream_id: StreamId,
    /// The codeletset that it belongs to.
    pub codeletset: &'a str,
    /// The codelet that sent it.
    pub codelet: &'a str,
    /// The map's name in the codelet's object.
    pub map: &'a str,
    /// Position in the channel, from 0; gaps are records that were dropped.
    pub number: u64,
    /// The record, `value_size` bytes of the map.
    pub bytes: &'a [u8],
}

/// Why output is not served to a callback.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// There is one callback a runtime.
    #[error("the output of this runtime is served to another callback already")]
    AlreadyServed,
    /// The system has no thread for it.
    #[error("cannot start the thread that serves output: {0}")]
    Thread(#[from] std::io::Error),
}

/// The service of the callback, once there is one.
#[derive(Debug)]
pub(super) struct Output {
    signals: Arc<Signals>,
    threads: Threads,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// How the rest of the runtime talks to the serving thread.
#[derive(Debug)]
struct Signals {
    bell: Arc<Doorbell>,
    stop: AtomicBool,
    /// Counts changes of the loaded codeletsets.
    streams: AtomicU64,
    /// Callbacks that panicked.
    panics: AtomicU64,
}

impl Output {
    /// The rings of the runtime ring `bell`.
    pub(super) fn new(bell: Arc<Doorbell>, threads: Threads) -> Self {
        let signals = Signals {
            bell,
            stop: AtomicBool::new(false),
            streams: AtomicU64::new(0),
            panics: AtomicU64::new(0),
        };
        Self {
            signals: Arc::new(signals),
            threads,
            thread: Mutex::new(None),
        }
    }

    pub(super) fn serve<F>(&self, shared: Weak<Shared>, callback: F) -> Result<(), OutputError>
    where
        F: FnMut(OutputRecord<'_>) + Send + 'static,
    {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_some() {
            return Err(OutputError::AlreadyServed);
        }
        let signals = Arc::clone(&self.signals);
        let service = Service {
            shared,
            signals,
            streams: Vec::new(),
            record: Vec::new(),
            callback,
        };
        *thread = Some(self.threads.spawn("output", || service.run())?);
        Ok(())
    }

    /// Channels came or went.
    pub(super) fn streams_changed(&self) {
        self.signals.streams.fetch_add(1, Ordering::Release);
        self.signals.bell.ring();
    }

    /// Panics of the callback so far; each lost the record it was given.
    pub(super) fn panics(&self) -> u64 {
        self.signals.panics.load(Ordering::Relaxed)
    }

    /// Ends the thread after it has served the records that are there now: a channel that gets
    /// records without end does not keep it. If the callback calls this, on that very thread, it
    /// does not wait.
    pub(super) fn stop(&self) {
        self.signals.stop.store(true, Ordering::Release);
        self.signals.bell.ring();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            // It catches panics of the callback and has no others.
            let _ = thread.join();
        }
    }
}

/// Records of one channel that the callback gets before the other channels have their turn.
const RECORDS_A_TURN: u64 = 256;

/// The serving thread's state.
struct Service<F> {
    shared: Weak<Shared>,
    signals: Arc<Signals>,
    /// The channels of loaded codeletsets, and channels of unloaded ones that still hold records.
    streams: Vec<Stream>,
    /// The record that the callback is given.
    record: Vec<u8>,
    callback: F,
}

/// A channel that the service reads as its primary reader.
struct Stream {
    stream_id: StreamId,
    codeletset: String,
    codelet: String,
    map: String,
    ring: Arc<OutputRing>,
    records: RawReceiver,
    /// No loaded codeletset has it.
    leaving: bool,
}

/// The result of a channel's turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// It held no more records.
    Empty,
    /// It may hold more.
    Over,
}

impl<F: FnMut(OutputRecord<'_>)> Service<F> {
    fn run(mut self) {
        let mut known = None;
        loop {
            let stop = self.signals.stop.load(Ordering::Acquire);
            let streams = self.signals.streams.load(Ordering::Acquire);
            if known != Some(streams) {
                known = Some(streams);
                self.refresh();
            }
            if stop {
                self.serve_rest();
                return;
            }
            if self.serve_a_turn() == Turn::Over {
                continue;
            }
            let bell = &self.signals.bell;
            if !bell.arm(self.streams.iter().map(|stream| &stream.records)) {
                bell.wait(None);
            }
        }
    }

    /// Takes the channels that have no other reader. The service leaves channels of unloaded
    /// codeletsets once they are empty.
    fn refresh(&mut self) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        for stream in &mut self.streams {
            stream.leaving = true;
        }
        let sets: Vec<_> = shared.sets().values().cloned().collect();
        for set in sets {
            for channel in set
                .channels
                .iter()
                .filter(|channel| channel.direction == Direction::Output)
            {
                let Some(ring) = channel.output_ring() else {
                    continue;
                };
                let known = self
                    .streams
                    .iter_mut()
                    .find(|stream| Arc::ptr_eq(&stream.ring, ring));
                if let Some(known) = known {
                    known.leaving = false;
                } else if let Ok(records) = ring.primary() {
                    self.streams.push(Stream {
                        stream_id: channel.stream_id,
                        codeletset: set.id.clone(),
                        codelet: channel.codelet.clone(),
                        map: channel.map.name.clone(),
                        ring: Arc::clone(ring),
                        records,
                        leaving: false,
                    });
                }
            }
        }
    }

    /// Serves some records of each channel. [`Turn::Empty`]: none of them held more.
    fn serve_a_turn(&mut self) -> Turn {
        let mut over = Turn::Empty;
        let mut streams = core::mem::take(&mut self.streams);
        streams.retain(|stream| {
            // Closing is looked at first: records sent before closing are served before the
            // service leaves the channel.
            let closed = stream.records.is_closed();
            let signals = Arc::clone(&self.signals);
            let stopped = || signals.stop.load(Ordering::Relaxed);
            let turn = self.serve(stream, RECORDS_A_TURN, stopped);
            if turn == Turn::Over {
                over = Turn::Over;
            }
            !(stream.leaving && closed && turn == Turn::Empty)
        });
        self.streams = streams;
        over
    }

    /// Serves the records that the channels hold now, and none that come later.
    fn serve_rest(&mut self) {
        let streams = core::mem::take(&mut self.streams);
        let rest: Vec<u64> = streams.iter().map(|stream| stream.ring.sent()).collect();
        for (stream, end) in streams.iter().zip(rest) {
            let last = end.checked_sub(1);
            let served = || last.is_none() || stream.records.record_number() >= last;
            self.serve(stream, u64::from(stream.ring.capacity()), served);
        }
    }

    /// Serves at most `limit` records of a channel, and no further one once there are `enough`.
    fn serve(&mut self, stream: &Stream, limit: u64, enough: impl Fn() -> bool) -> Turn {
        let size = stream.records.record_size() as usize;
        self.record.resize(size, 0);
        for _ in 0..limit {
            if enough() {
                return Turn::Over;
            }
            let Some(number) = stream.records.try_recv(&mut self.record) else {
                return Turn::Empty;
            };
            let record = OutputRecord {
                stream_id: stream.stream_id,
                codeletset: &stream.codeletset,
                codelet: &stream.codelet,
                map: &stream.map,
                number,
                bytes: &self.record,
            };
            if contain(|| (self.callback)(record)).is_none() {
                self.signals.panics.fetch_add(1, Ordering::Relaxed);
            }
        }
        Turn::Over
    }
}
