//! Input rings for senders of other processes. Each sender has its own, so that its writes concern
//! nobody else.
//!
//! A lane's addresses stay for the life of the ring. Its consumers' half stays too once it is
//! made, so that a consumer that was held up in the middle finds its place again. Its senders'
//! half is exchanged for each sender.

#![expect(
    unsafe_code,
    reason = "forms views of mapped memory and passes the caller's buffers on"
)]

use core::sync::atomic::{AtomicU32, Ordering};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::{Errno, Result};

use super::input::InputView;
use super::layout::InputGeometry;
use super::region::{Access, Region, whole_pages};
use crate::shared::memory::{Lendable, MemoryFile};
use crate::{MemoryBudget, MemoryCharge, OverBudget};

/// The lanes of one ring.
#[derive(Debug)]
pub(crate) struct Lanes {
    views: Box<[InputView]>,
    geometry: InputGeometry,
    /// The lane at which consumers begin to look, so that no lane starves another.
    turn: AtomicU32,
    books: Mutex<Books>,
    /// The budget against which the lanes' memory is counted.
    budget: Option<Arc<MemoryBudget>>,
    /// The memory that the views point into.
    region: Option<Region>,
}

/// The lanes that are taken, and their memory. No hot path reads it.
#[derive(Debug, Default)]
struct Books {
    taken: u32,
    closed: bool,
    /// The consumers' halves that have been made.
    consumers: Vec<Option<MemoryFile>>,
    /// The memory of each lane: its consumers' half once that is made, and its senders' half while
    /// the lane is taken.
    charges: Vec<LaneCharge>,
    /// The senders' halves that were lent and are not in use, for the next senders of their users.
    kept: Vec<(Lendable, MemoryCharge)>,
}

#[derive(Debug, Default)]
struct LaneCharge {
    consumer: Option<MemoryCharge>,
    sender: Option<MemoryCharge>,
}

impl Lanes {
    /// Reserves addresses for `count` lanes.
    pub(crate) fn new(
        count: usize,
        geometry: InputGeometry,
        budget: Option<Arc<MemoryBudget>>,
    ) -> Result<Self> {
        let mut lanes = Self {
            views: Box::default(),
            geometry,
            turn: AtomicU32::new(0),
            books: Mutex::default(),
            budget,
            region: None,
        };
        if count == 0 {
            return Ok(lanes);
        }
        let region = Region::anonymous(count * lanes.stride())?;
        lanes.views = (0..count)
            .map(|lane| {
                let consumer = region.at(lanes.consumer_offset(lane), geometry.consumer_size())?;
                let sender = region.at(lanes.sender_offset(lane), geometry.sender_size())?;
                // SAFETY: the geometry is valid, both halves lie in the region, page-aligned, and
                // the region lives as long as the views. A consumer writes to its own half alone,
                // which stays writable.
                Some(unsafe { InputView::new(consumer, sender, geometry) })
            })
            .collect::<Option<_>>()
            .ok_or(Errno::NOMEM)?;
        lanes.region = Some(region);
        Ok(lanes)
    }

    fn stride(&self) -> usize {
        self.sender_offset(0) + whole_pages(self.geometry.sender_size())
    }

    fn consumer_offset(&self, lane: usize) -> usize {
        lane * self.stride()
    }

    fn sender_offset(&self, lane: usize) -> usize {
        let consumer = whole_pages(self.geometry.consumer_size());
        if lane == 0 {
            return consumer;
        }
        self.consumer_offset(lane) + consumer
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a record from one of the `attached` lanes.
    ///
    /// # Safety
    ///
    /// `target` is writable for `record_size` bytes of memory that may be shared.
    #[cold]
    pub(crate) unsafe fn receive(&self, attached: u32, target: *mut u8) -> bool {
        let turn = self.turn.load(Ordering::Relaxed);
        self.turn.store(turn.wrapping_add(1), Ordering::Relaxed);
        let count = self.views.len();
        let lanes = self.views.iter().enumerate();
        lanes
            .cycle()
            .skip(turn as usize % count.max(1))
            .take(count)
            .filter(|(lane, _)| attached & (1 << lane) != 0)
            // SAFETY: the caller promises it for `target`.
            .any(|(_, view)| unsafe { view.receive(target) })
    }

    /// Gives a lane to the caller; `None` when all are taken.
    pub(crate) fn take(&self) -> Option<usize> {
        let mut books = self.books();
        let lane = (0..self.views.len()).find(|lane| books.taken & (1 << lane) == 0)?;
        books.taken |= 1 << lane;
        Some(lane)
    }

    /// Charges the memory that a sender needs in `lane`, which the caller has taken.
    /// Gives the file, too, that a sender of `user` had before, if there is one to spare.
    pub(crate) fn charge(
        &self,
        lane: usize,
        user: u32,
    ) -> core::result::Result<Option<Lendable>, OverBudget> {
        let mut books = self.books();
        let books = &mut *books;
        if books.charges.len() <= lane {
            books.charges.resize_with(lane + 1, LaneCharge::default);
        }
        let Some(charges) = books.charges.get_mut(lane) else {
            return Ok(None);
        };
        let budget = self.budget.as_ref();
        let kept = books.kept.iter().position(|(file, _)| file.is_for(user));
        let fresh = match kept {
            Some(_) => None,
            None => {
                let size = whole_pages(self.geometry.sender_size());
                Some(MemoryCharge::new(size, budget)?)
            }
        };
        if charges.consumer.is_none() {
            let size = whole_pages(self.geometry.consumer_size());
            charges.consumer = Some(MemoryCharge::new(size, budget)?);
        }
        let (file, charge) = match kept.map(|at| books.kept.swap_remove(at)) {
            Some((file, charge)) => (Some(file), Some(charge)),
            None => (None, fresh),
        };
        charges.sender = charge;
        Ok(file)
    }

    /// Bytes of memory that lanes take now.
    pub(crate) fn memory(&self) -> usize {
        let books = self.books();
        let charges = books.charges.iter();
        charges
            .flat_map(|lane| [&lane.consumer, &lane.sender])
            .flatten()
            .chain(books.kept.iter().map(|(_, charge)| charge))
            .map(MemoryCharge::bytes)
            .sum()
    }

    /// Gives `lane` back, and keeps the file that its sender had.
    pub(crate) fn give_back(&self, lane: usize, file: Option<Lendable>) {
        let mut books = self.books();
        books.taken &= !(1 << lane);
        let charges = books.charges.get_mut(lane);
        let charge = charges.and_then(|charges| charges.sender.take());
        if let (Some(file), Some(charge)) = (file, charge) {
            books.kept.push((file, charge));
        }
    }

    /// Number of lanes.
    pub(crate) fn count(&self) -> usize {
        self.views.len()
    }

    /// The number of the next record that consumers take from `lane`.
    pub(crate) fn tail(&self, lane: usize) -> u64 {
        self.views
            .get(lane)
            .map_or(0, |view| view.consumer().tail.load(Ordering::Acquire))
    }

    /// A descriptor of the consumers' half of `lane`. The call for the first sender makes that
    /// half.
    pub(crate) fn consumer_file(&self, lane: usize) -> Result<OwnedFd> {
        let (Some(region), Some(view)) = (&self.region, self.views.get(lane)) else {
            return Err(Errno::INVAL);
        };
        let mut books = self.books();
        if books.consumers.len() <= lane {
            books.consumers.resize_with(lane + 1, || None);
        }
        let closed = books.closed;
        let made = books.consumers.get_mut(lane).ok_or(Errno::INVAL)?;
        let file = match made {
            Some(file) => file,
            None => {
                let size = self.geometry.consumer_size();
                let file = MemoryFile::new(size)?;
                region.place_file_in_use(
                    self.consumer_offset(lane),
                    size,
                    file.as_fd(),
                    Access::Write,
                )?;
                view.initialise();
                view.consumer()
                    .closed
                    .store(u32::from(closed), Ordering::Release);
                // Nobody maps the file for writing after this mapping.
                file.seal_against_writing()?;
                made.insert(file)
            }
        };
        rustix::io::fcntl_dupfd_cloexec(file, 0)
    }

    /// Puts the memory file of a new sender into `lane`.
    pub(crate) fn attach(&self, lane: usize, sender: &MemoryFile) -> Result<()> {
        let region = self.region.as_ref().ok_or(Errno::INVAL)?;
        let size = self.geometry.sender_size();
        region.place_file_in_use(self.sender_offset(lane), size, sender.as_fd(), Access::Read)
    }

    /// Replaces the memory of a lane's sender by zeros.
    pub(crate) fn detach(&self, lane: usize) -> Result<()> {
        let region = self.region.as_ref().ok_or(Errno::INVAL)?;
        let size = self.geometry.sender_size();
        let zeros = Region::anonymous(size)?;
        // A consumer may still be looking at the lane.
        zeros.touch(0, size);
        region.place(self.sender_offset(lane), zeros)
    }

    /// Tells senders that nobody takes records any more. In a forked child it does nothing,
    /// because the child shares the words with its parent.
    pub(crate) fn close(&self) {
        let mut books = self.books();
        books.closed = true;
        for (view, made) in self.views.iter().zip(&books.consumers) {
            if made.as_ref().is_some_and(|file| !file.is_inherited()) {
                view.consumer().closed.store(1, Ordering::Release);
            }
        }
    }
}
