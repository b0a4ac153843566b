//! A host with a lying collector. The collector lies in its requests, and in all memory that it
//! may write: the cursor's page and its sender's file.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jbpf_channel::protocol::{CollectorReply, CollectorRequest};
use jbpf_channel::shared::{Channels, Session};
use jbpf_channel::{
    InputOptions, InputRing, OutputOptions, OutputRing, RawReceiver, SendError, StreamId,
};
use rustix::io::pwrite;

use super::decisions::Decisions;

const OUT: StreamId = StreamId([1; 16]);
const IN: StreamId = StreamId([2; 16]);
/// Steps with one pair of rings.
const MAX_STEPS: usize = 400;
/// Producer threads; this thread plays all of them.
const SLOTS: u32 = 2;
/// Words of a record.
const WORDS: usize = 3;
/// The factor that spreads small numbers over all bits.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
/// Hosts so far.
static HOSTS: AtomicU64 = AtomicU64::new(1);

type Record = [u64; WORDS];

/// The rings, and the test's own account of their records.
struct Host {
    output: Arc<OutputRing>,
    input: Arc<InputRing>,
    /// The records sent, by number.
    sent: Vec<Record>,
    refused: u64,
    /// The mark of records that the host itself sends in. Each host has its own mark, because a
    /// fuzzer learns numbers from comparisons.
    mark: u64,
    /// The buffer that a producer has reserved and not committed.
    reserved: [Option<*mut u8>; SLOTS as usize],
    /// Records that the host sent in; `taken` counts those that codelets took.
    given: u64,
    taken: u64,
}

impl Channels for Host {
    fn output(&self, stream_id: StreamId) -> Option<Arc<OutputRing>> {
        (stream_id == OUT).then(|| self.output.clone())
    }

    fn input(&self, stream_id: StreamId) -> Option<Arc<InputRing>> {
        (stream_id == IN).then(|| self.input.clone())
    }
}

/// A collector's session, and the files that the host gave it.
struct Collector {
    session: Session,
    /// The files by attachment. The collector keeps them and writes to them after the attachment
    /// is closed, too.
    files: HashMap<u64, Vec<OwnedFd>>,
}

pub fn check(bytes: &[u8]) {
    let decisions = &mut Decisions::new(bytes);
    let places = 1 << decisions.below(5);
    let mut host = Host::new(places);
    let mut collectors = [Collector::new(), Collector::new()];
    let (mut reader, mut tap) = (None, None);
    for _ in 0..MAX_STEPS {
        if decisions.is_over() {
            break;
        }
        let which = decisions.byte();
        let collector = &mut collectors[usize::from(which >> 7)];
        match which & 0x1f {
            0..=3 => host.send(u32::from(decisions.below(4))),
            4 | 5 => host.reserve(u32::from(decisions.below(3))),
            6 => host.commit(u32::from(decisions.below(3))),
            7..=13 => collector.write(&host, decisions),
            14 | 15 => collector.ask(&host, decisions),
            16 => *collector = Collector::new(),
            17 => reader = reader.or_else(|| Reader::primary(&host)),
            18 => reader = None,
            19 => tap = tap.or_else(|| Some(Reader::tap(&host))),
            20 => tap = None,
            21 | 22 => {
                for it in [&mut reader, &mut tap].into_iter().flatten() {
                    it.read(&host, decisions.below(6));
                }
            }
            23 | 24 => host.give(),
            25..=28 => drop(host.take()),
            29 => host.prepare(decisions.below(4)),
            _ => host.look(),
        }
        host.settle();
    }
    drop((reader, tap));
    host.leave(collectors);
}

impl Host {
    fn new(places: u32) -> Self {
        let options = OutputOptions {
            shared: true,
            prepared_slots: SLOTS,
            max_slots: SLOTS,
            ..OutputOptions::default()
        };
        let size = (WORDS * 8) as u32;
        let output = OutputRing::new(places, size, &options).unwrap();
        let options = InputOptions {
            shared: true,
            ..InputOptions::default()
        };
        let input = InputRing::new(places, size, &options).unwrap();
        Self {
            output,
            input,
            sent: Vec::new(),
            refused: 0,
            mark: HOSTS.fetch_add(1, Ordering::Relaxed).wrapping_mul(MIX),
            reserved: [None; SLOTS as usize],
            given: 0,
            taken: 0,
        }
    }

    fn next_record(&self) -> Record {
        let number = self.sent.len() as u64;
        [number, !number, number.wrapping_mul(MIX)]
    }

    fn count(&mut self, record: Record, outcome: Result<(), SendError>) {
        match outcome {
            Ok(()) => self.sent.push(record),
            Err(error) => {
                assert_eq!(error, SendError::Full);
                self.refused += 1;
            }
        }
    }

    /// A producer sends a copy; it is a thread with a slot, or one without.
    fn send(&mut self, slot: u32) {
        let record = self.next_record();
        let slot = if slot < SLOTS {
            slot
        } else {
            OutputRing::NO_SLOT
        };
        // SAFETY: the record is readable, and no thread writes to it; the slot is this thread's.
        let outcome = unsafe { self.output.send(slot, record.as_ptr().cast(), WORDS * 8) };
        self.count(record, outcome);
    }

    fn reserve(&mut self, slot: u32) {
        let buffer = self.output.reserve(slot);
        let Some(reserved) = self.reserved.get_mut(slot as usize) else {
            assert!(buffer.is_null(), "a buffer for a thread without a slot");
            self.refused += 1;
            return;
        };
        if buffer.is_null() {
            assert!(reserved.is_none(), "a reservation is lost");
            self.refused += 1;
        } else {
            assert!(reserved.is_none_or(|before| before == buffer));
            *reserved = Some(buffer);
        }
        // Two producers never fill one buffer.
        assert!(self.reserved[0].is_none() || self.reserved[0] != self.reserved[1]);
    }

    fn commit(&mut self, slot: u32) {
        let Some(buffer) = self.reserved.get_mut(slot as usize).and_then(Option::take) else {
            assert_eq!(self.output.commit(slot), Err(SendError::NotReserved));
            return;
        };
        let record = self.next_record();
        // SAFETY: a reserved buffer has the record's size, is aligned, and is this producer's
        // alone.
        unsafe { buffer.cast::<Record>().write_volatile(record) };
        let outcome = self.output.commit(slot);
        self.count(record, outcome);
    }

    fn honest(&self, number: u64) -> Vec<u8> {
        record_bytes([self.mark, number, self.mark ^ number])
    }

    fn prepare(&self, slot: u8) {
        self.output.prepare_slot(slot.into()).unwrap();
    }

    /// The host sends control in.
    fn give(&mut self) {
        if self.input.send_bytes(&self.honest(self.given)).is_ok() {
            self.given += 1;
        }
    }

    /// A codelet takes a control record. Returns whether there was one.
    fn take(&mut self) -> bool {
        let mut record: Record = [0; WORDS];
        // SAFETY: the record is writable, and this thread's alone.
        if !unsafe { self.input.receive(record.as_mut_ptr().cast()) } {
            return false;
        }
        if record[0] == self.mark {
            assert_eq!(
                record_bytes(record),
                self.honest(self.taken),
                "out of order, or torn"
            );
            self.taken += 1;
        }
        true
    }

    fn look(&self) {
        let (sent, delivered) = (self.output.sent(), self.output.delivered());
        assert!(delivered <= sent && sent - delivered <= u64::from(self.output.capacity()));
        let _ = (self.output.is_read(), self.output.refused_cursors());
    }

    /// Checks that accepted records are sent and refused ones are counted, for anything that a
    /// collector wrote.
    fn settle(&self) {
        assert_eq!(self.output.sent(), self.sent.len() as u64);
        assert_eq!(self.output.dropped(), self.refused);
        assert_eq!(self.input.received(), self.taken);
    }

    /// The collectors go. Checks that the host's own control records are all there, and that the
    /// next reader finds whole records.
    fn leave(mut self, collectors: [Collector; 2]) {
        drop(collectors);
        let places = u64::from(self.input.capacity());
        // Lanes that are taken back give no further records.
        for _ in 0..=places {
            self.take();
        }
        assert!(!self.take());
        assert_eq!(self.taken, self.given);
        assert!(!self.output.is_read(), "a reader that is gone");
        let mut reader = Reader::primary(&self).unwrap();
        reader.read(&self, u8::MAX);
        assert_eq!(self.output.delivered(), self.output.sent());
        self.send(0);
        self.settle();
        reader.read(&self, 1);
        assert_eq!(
            reader.records.record_number(),
            self.output.sent().checked_sub(1)
        );
        self.output.close();
        self.input.close();
        assert!(reader.records.is_closed());
    }
}

fn record_bytes(record: Record) -> Vec<u8> {
    record.map(u64::to_ne_bytes).concat()
}

/// A reader in the host itself.
struct Reader {
    records: RawReceiver,
    /// Whether the reader may miss records; a primary reader may not.
    misses: bool,
}

impl Reader {
    fn primary(host: &Host) -> Option<Self> {
        let records = host.output.primary().ok()?;
        Some(Self {
            records,
            misses: false,
        })
    }

    fn tap(host: &Host) -> Self {
        Self {
            records: host.output.tap(),
            misses: true,
        }
    }

    /// Reads records, and checks that each is the one that was sent under its number.
    fn read(&mut self, host: &Host, count: u8) {
        for _ in 0..count {
            let before = self.records.record_number();
            let mut bytes = [0; WORDS * 8];
            let Some(number) = self.records.try_recv(&mut bytes) else {
                return;
            };
            let sent = host.sent[usize::try_from(number).unwrap()];
            assert_eq!(bytes.to_vec(), record_bytes(sent), "record {number}");
            assert!(before.is_none_or(|before| number > before));
            assert!(self.misses || before.is_none_or(|before| number == before + 1));
        }
    }
}

impl Collector {
    fn new() -> Self {
        Self {
            session: Session::new(),
            files: HashMap::new(),
        }
    }

    fn ask(&mut self, host: &Host, decisions: &mut Decisions<'_>) {
        let (what, number) = (decisions.byte(), u64::from(decisions.below(6)));
        let stream_id = [OUT, IN, StreamId([3; 16])][usize::from(what >> 6) % 3];
        let request = match what % 8 {
            0..=2 => CollectorRequest::OpenOutput {
                stream_id,
                tap: what % 8 == 2,
            },
            3 | 4 => CollectorRequest::OpenInput { stream_id },
            5 => CollectorRequest::Close { attachment: number },
            _ => CollectorRequest::StandIn {
                attachment: number,
                next: decisions.number(host.output.sent()),
            },
        };
        let answer = self.session.answer(host, &request);
        let attachment = match answer.reply {
            CollectorReply::Output { attachment, grant } => {
                assert_eq!(answer.descriptors.len(), if grant.tap { 1 } else { 2 });
                attachment
            }
            CollectorReply::Input { attachment, .. } => {
                assert_eq!(answer.descriptors.len(), 2);
                attachment
            }
            CollectorReply::StandingIn { delivered, .. } => {
                assert!(delivered <= host.output.sent());
                return;
            }
            _ => return assert!(answer.descriptors.is_empty()),
        };
        assert!(!self.session.is_empty());
        self.files.insert(attachment, answer.descriptors);
    }

    /// Writes a word to the files of an attachment. The write may fail.
    fn write(&self, host: &Host, decisions: &mut Decisions<'_>) {
        let attachment = u64::from(decisions.below(4)) + 1;
        let place = decisions.byte();
        let word = decisions.number(match place & 0x80 {
            0 => host.output.sent(),
            _ => host.taken,
        });
        let Some(files) = self.files.get(&attachment) else {
            return;
        };
        let offset = match place & 0x7f {
            // The cursor, and the flag of a reader that sleeps.
            0 => 0,
            1 => 128,
            place => u64::from(place) * 8,
        };
        for file in files {
            let _ = pwrite(file, &word.to_ne_bytes(), offset);
        }
    }
}
