//! From a hash to the slots that may hold its key: buckets of one cache line.
//!
//! # How a lookup works
//!
//! A key's hash names its *home* bucket and a *tag* of eight bits. A bucket holds eight tags in
//! one word and the eight slot numbers that belong to them. A lookup compares all tags at once and
//! looks only at keys with a matching tag. It touches one cache line for the bucket, and one for
//! the key; the value follows the key. A bucket that is full goes on in an *overflow* bucket.
//!
//! # Why it has room
//!
//! Holes are filled at once: every bucket of a chain but the last is full. So `n` entries of a
//! chain take `ceil(n / 8)` buckets, and `max_entries / 8` overflow buckets suffice for any keys.
//! There are no tombstones, and nothing decays.
//!
//! # Why a lookup is short
//!
//! A codelet that dumps its map sees which keys meet in one bucket, under any seed, and could
//! collect such keys. So a chain has at most [`MAX_CHAIN`] buckets, and an insertion beyond finds
//! the map full. A home has [`TARGET_LOAD`] entries on average. Keys that nobody chose on purpose
//! fill the 32 places of one home in one of 10^18 homes. The call of a helper counts one
//! instruction and some for its key, whatever the chain: `builtins/work` holds the longest chain
//! against that count.
//!
//! # Why lookups need no lock
//!
//! Only entries move, keys and values never do. The home bucket carries a version for its chain,
//! which a writer advances whenever an entry goes away or moves. If a reader sees the same version
//! before and after, it has seen every entry in its place:
//!
//! * *A key that is found was there.* A slot is used for another key only after its entry is gone
//!   and the version has advanced. A reader that saw any byte of the new key therefore sees the
//!   new version, too (release fence before the bytes, acquire fence after them), and starts
//!   again.
//! * *A key that stays is found.* An entry is moved by publishing it in its new place, advancing
//!   the version, and clearing the old place. Places are read from the home on and entries move
//!   towards it, so a reader that misses both saw the old place cleared, and with it the new
//!   version.
//! * *A walk sees each entry once.* While an entry is in two places the version is odd; walks,
//!   unlike lookups, demand an even one.
//!
//! A writer that is interrupted delays no lookup: lookups start again only after a writer
//! *finished* a step. Writers lock the home bucket.
//!
//! # Why nobody waits for long
//!
//! The thread that holds the lock may not be running. So writers spin for some microseconds
//! ([`SPIN_LIMIT`]), and then report that the bucket is busy. A walk reports the same after
//! writers disturbed it some times, and a lookup after [`LOOKUP_ATTEMPTS`]. The loops of the free
//! lists wait for no thread: a loop goes round only if another thread made progress.

use std::ops::ControlFlow;

use super::cells::{Cells, Links};
use super::free_list::FreeList;
use super::primitives::{
    AtomicU32, AtomicU64, LANES, LOOKUP_ATTEMPTS, Ordering, SPIN_LIMIT, fence, spin_loop,
};

/// Entries that a home bucket is meant to hold on average, at most.
const TARGET_LOAD: u32 = 4;

/// The most buckets of a chain, its home included: 32 entries. A change of the map reads each
/// twice.
const MAX_CHAIN: usize = 4;

/// Walks that a writer disturbs start again this often before they lock the bucket.
const WALK_ATTEMPTS: usize = 16;

/// The version while an entry is in two places is odd.
const MOVING: u64 = 1;
/// The step by which other changes advance the version.
const CHANGED: u64 = 2;

/// Eight entries, and for a home bucket the version and lock of its chain.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Bucket {
    /// One tag a byte, 0 for lanes without an entry. Published last.
    tags: AtomicU64,
    version: AtomicU64,
    lock: AtomicU32,
    /// The overflow bucket that follows, plus one.
    next: AtomicU32,
    slots: [AtomicU32; LANES],
}

impl Bucket {
    #[allow(
        dead_code,
        reason = "buckets in pages start as zeroed memory; the model makes them here"
    )]
    pub(crate) fn new() -> Self {
        Self {
            tags: AtomicU64::new(0),
            version: AtomicU64::new(0),
            lock: AtomicU32::new(0),
            next: AtomicU32::new(0),
            slots: std::array::from_fn(|_| AtomicU32::new(0)),
        }
    }

    #[inline(always)]
    fn slot(&self, lane: usize) -> &AtomicU32 {
        // Lanes come from the bits of a word of tags; the mask costs nothing if the compiler knows
        // that it holds.
        #[expect(clippy::indexing_slicing, reason = "reduced to the array's length")]
        &self.slots[lane % LANES]
    }

    /// Publishes an entry in an empty lane. The caller has the lock.
    fn set(&self, lane: usize, tag: u8, slot: u32) {
        self.slot(lane).store(slot, Ordering::Release);
        let tags = self.tags.load(Ordering::Relaxed);
        self.tags
            .store(tags | u64::from(tag) << (lane * 8), Ordering::Release);
    }

    /// Takes an entry away, and tells whether any is left. The caller has the lock.
    fn unset(&self, lane: usize) -> bool {
        let tags = self.tags.load(Ordering::Relaxed) & !(0xff << (lane * 8));
        self.tags.store(tags, Ordering::Release);
        tags != 0
    }

    fn advance(&self, by: u64) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version + by, Ordering::Release);
    }

    fn empty_lane(&self) -> Option<usize> {
        lanes(empty(self.tags.load(Ordering::Relaxed))).next()
    }

    fn some_entry(&self) -> Option<(usize, u8, u32)> {
        let tags = self.tags.load(Ordering::Relaxed);
        let lane = lanes(occupied(tags)).next()?;
        let tag = (tags >> (lane * 8)) as u8;
        Some((lane, tag, self.slot(lane).load(Ordering::Relaxed)))
    }
}

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
/// The high bits of the lanes that exist.
const IN_USE: u64 = HIGH >> (64 - 8 * LANES);

/// The high bits of the lanes with this tag; possibly also of a lane above one that has it, if its
/// tag differs in nothing but the lowest bit.
#[inline(always)]
fn candidates(tags: u64, tag: u8) -> u64 {
    let difference = tags ^ LOW.wrapping_mul(u64::from(tag));
    difference.wrapping_sub(LOW) & !difference & HIGH
}

/// The high bits of exactly the lanes with an entry.
fn occupied(tags: u64) -> u64 {
    ((tags & !HIGH).wrapping_add(!HIGH) | tags) & IN_USE
}

/// The high bits of exactly the lanes without an entry.
fn empty(tags: u64) -> u64 {
    occupied(tags) ^ IN_USE
}

/// The lanes with a set high bit, ascending.
#[inline(always)]
fn lanes(mut high_bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lane = (high_bits != 0).then(|| high_bits.trailing_zeros() as usize / 8);
        high_bits &= high_bits.wrapping_sub(1);
        lane
    })
}

/// A key's hash, as the index divides it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hash(pub(crate) u64);

impl Hash {
    /// Never 0, which is an empty lane, and never 1, which [`candidates`] could mistake an empty
    /// lane for: the key of a slot that is free still lies there.
    #[inline(always)]
    fn tag(self) -> u8 {
        ((self.0 >> 56) as u8).max(2)
    }
}

/// How many buckets an index of some entries has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BucketCount {
    /// A power of two.
    pub(crate) homes: u32,
    pub(crate) overflow: u32,
}

impl BucketCount {
    /// For `max_entries` entries, at most 2^31.
    pub(crate) fn of(max_entries: u32) -> Self {
        Self {
            homes: max_entries.div_ceil(TARGET_LOAD).next_power_of_two(),
            overflow: max_entries / LANES as u32,
        }
    }

    pub(crate) fn total(self) -> u32 {
        self.homes + self.overflow
    }
}

/// The bucket stayed locked, or kept changing, for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy;

/// The buckets, and the slots and overflow buckets that are free.
#[derive(Debug)]
pub(crate) struct Index {
    /// The homes, then the overflow buckets.
    buckets: Cells<Bucket>,
    homes: u32,
    overflow: FreeList,
    slots: FreeList,
}

impl Index {
    /// An empty index. `buckets` are new ones, `homes` of them homes; `overflow` has a link for
    /// each of the others and `slots` one for each slot.
    pub(crate) fn new(buckets: Cells<Bucket>, homes: u32, overflow: Links, slots: Links) -> Self {
        debug_assert!(homes.is_power_of_two());
        debug_assert_eq!(buckets.len(), homes + overflow.len());
        Self {
            buckets,
            homes,
            overflow: FreeList::full(overflow),
            slots: FreeList::full(slots),
        }
    }

    #[inline(always)]
    fn home(&self, hash: Hash) -> &Bucket {
        // SAFETY: the homes are the first buckets, and their number is a power of two.
        unsafe { self.buckets.at(hash.0 as u32 & (self.homes - 1)) }
    }

    #[inline(always)]
    fn after(&self, bucket: &Bucket) -> Option<&Bucket> {
        let next = bucket.next.load(Ordering::Acquire).checked_sub(1)?;
        Some(self.overflow_bucket(next))
    }

    #[inline]
    fn overflow_bucket(&self, number: u32) -> &Bucket {
        // SAFETY: `next` only ever holds numbers from `overflow`, which are below its length.
        unsafe { self.buckets.at(self.homes + number) }
    }

    /// Finds the slot with the key that the closure recognises, without a lock.
    #[inline(always)]
    pub(crate) fn find(
        &self,
        hash: Hash,
        is_key: impl Fn(u32) -> bool,
    ) -> Result<Option<u32>, Busy> {
        let home = self.home(hash);
        for _ in 0..LOOKUP_ATTEMPTS {
            let version = home.version.load(Ordering::Acquire);
            let found = self.scan(home, hash.tag(), &is_key);
            fence(Ordering::Acquire);
            if home.version.load(Ordering::Relaxed) == version {
                return Ok(found.map(|place| place.slot));
            }
            spin_loop();
        }
        self.find_locked(hash, &is_key)
    }

    /// [`find`](Self::find) for a chain that never holds still.
    #[cold]
    #[inline(never)]
    fn find_locked(&self, hash: Hash, is_key: &dyn Fn(u32) -> bool) -> Result<Option<u32>, Busy> {
        let locked = self.lock(hash)?;
        Ok(locked.find(is_key).map(|place| place.slot))
    }

    #[inline(always)]
    fn scan<'a>(
        &'a self,
        home: &'a Bucket,
        tag: u8,
        is_key: impl Fn(u32) -> bool,
    ) -> Option<Place<'a>> {
        let mut bucket = home;
        loop {
            let tags = bucket.tags.load(Ordering::Acquire);
            for lane in lanes(candidates(tags, tag)) {
                let slot = bucket.slot(lane).load(Ordering::Relaxed);
                if is_key(slot) {
                    return Some(Place { bucket, lane, slot });
                }
            }
            bucket = self.after(bucket)?;
        }
    }

    /// Locks the chain of a hash against other writers.
    #[inline]
    pub(crate) fn lock(&self, hash: Hash) -> Result<Locked<'_>, Busy> {
        self.lock_bucket(self.home(hash), hash.tag())
    }

    #[inline]
    fn lock_bucket<'a>(&'a self, home: &'a Bucket, tag: u8) -> Result<Locked<'a>, Busy> {
        for _ in 0..SPIN_LIMIT {
            let locked = home.lock.load(Ordering::Relaxed) != 0
                || home
                    .lock
                    .compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed)
                    .is_err();
            if !locked {
                return Ok(Locked {
                    index: self,
                    home,
                    tag,
                });
            }
            spin_loop();
        }
        Err(Busy)
    }

    /// A slot that nobody uses.
    #[inline]
    pub(crate) fn take_slot(&self) -> Option<u32> {
        let slot = self.slots.pop()?;
        // A reader that sees a word which the caller is about to write into the slot also sees the
        // advanced version: the version advanced when the slot's last entry went away.
        fence(Ordering::Release);
        Some(slot)
    }

    /// Gives back a slot, once no entry has it.
    #[inline]
    pub(crate) fn release_slot(&self, slot: u32) {
        self.slots.push(slot);
    }

    /// Removes every entry. Buckets that are not reached when one is busy keep theirs.
    pub(crate) fn clear(&self) -> Result<(), Busy> {
        for home in 0..self.homes {
            // SAFETY: the homes are the first buckets.
            let home = unsafe { self.buckets.at(home) };
            if home.tags.load(Ordering::Relaxed) != 0 {
                self.lock_bucket(home, 0)?.remove_all();
            }
        }
        Ok(())
    }

    /// Entries now; while others write, a number that may never have been exact.
    pub(crate) fn len(&self) -> usize {
        (0..self.buckets.len())
            .map(|bucket| {
                // SAFETY: below the number of buckets. Overflow buckets outside of chains are
                // empty.
                let tags = unsafe { self.buckets.at(bucket) }
                    .tags
                    .load(Ordering::Relaxed);
                occupied(tags).count_ones() as usize
            })
            .sum()
    }

    /// How many home buckets there are: the chains that [`walk`](Self::walk) takes.
    pub(crate) fn homes(&self) -> u32 {
        self.homes
    }

    /// Shows all slots of one chain, `home` below [`homes`](Self::homes). `begin` is called before
    /// the first and again whenever a writer interfered: the slots shown so far are void. `Break`
    /// ends the walk; it counts, and comes back, once the version shows that nobody interfered.
    pub(crate) fn walk(
        &self,
        home: u32,
        walker: &mut impl Walker,
    ) -> Result<ControlFlow<()>, Busy> {
        // SAFETY: the homes are the first buckets.
        let home = unsafe { self.buckets.at(home & (self.homes - 1)) };
        for _ in 0..WALK_ATTEMPTS {
            let version = home.version.load(Ordering::Acquire);
            if version & MOVING == 0 {
                walker.begin();
                let flow = self.show(home, walker);
                fence(Ordering::Acquire);
                if home.version.load(Ordering::Relaxed) == version {
                    return Ok(flow);
                }
            }
            spin_loop();
        }
        let _locked = self.lock_bucket(home, 0)?;
        walker.begin();
        Ok(self.show(home, walker))
    }

    fn show(&self, home: &Bucket, walker: &mut impl Walker) -> ControlFlow<()> {
        let mut bucket = Some(home);
        while let Some(here) = bucket {
            for lane in lanes(occupied(here.tags.load(Ordering::Acquire))) {
                walker.slot(here.slot(lane).load(Ordering::Relaxed))?;
            }
            bucket = self.after(here);
        }
        ControlFlow::Continue(())
    }
}

/// A visitor of the slots of a chain.
pub(crate) trait Walker {
    /// A walk of the chain begins, for the first time or anew.
    fn begin(&mut self);

    /// One slot of it. `Break` ends the walk.
    fn slot(&mut self, slot: u32) -> ControlFlow<()>;
}

/// A chain that takes no more entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom;

/// The place of an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    bucket: &'a Bucket,
    lane: usize,
    /// The slot that it names.
    pub(crate) slot: u32,
}

/// A chain that no one else writes to. Unlocked on drop.
#[derive(Debug)]
pub(crate) struct Locked<'a> {
    index: &'a Index,
    home: &'a Bucket,
    tag: u8,
}

impl<'a> Locked<'a> {
    /// Finds the entry with the key that the closure recognises.
    #[inline(always)]
    pub(crate) fn find(&self, is_key: impl Fn(u32) -> bool) -> Option<Place<'a>> {
        self.index.scan(self.home, self.tag, is_key)
    }

    /// Publishes an entry for a slot. Key and value are in place.
    ///
    /// # Errors
    /// The chain is as long as chains get. Overflow buckets are left as long as no more slots are
    /// in use than the index has.
    #[inline]
    pub(crate) fn insert(&self, slot: u32) -> Result<(), NoRoom> {
        let (mut last, mut buckets) = (self.home, 1);
        while let Some(next) = self.index.after(last) {
            (last, buckets) = (next, buckets + 1);
        }
        if let Some(lane) = last.empty_lane() {
            last.set(lane, self.tag, slot);
            return Ok(());
        }
        if buckets >= MAX_CHAIN {
            return Err(NoRoom);
        }
        let number = self.index.overflow.pop().ok_or(NoRoom)?;
        let fresh = self.index.overflow_bucket(number);
        fresh.set(0, self.tag, slot);
        last.next.store(number + 1, Ordering::Release);
        Ok(())
    }

    /// Takes an entry away. Its slot remains the caller's, to be released after the lock.
    pub(crate) fn remove(&self, place: Place<'_>) {
        let (before, last) = self.last();
        if std::ptr::eq(last, place.bucket) {
            let any_left = last.unset(place.lane);
            self.home.advance(CHANGED);
            if !any_left {
                self.unlink(before);
            }
            return;
        }
        // The hole is filled with an entry of the last bucket.
        let Some((lane, tag, slot)) = last.some_entry() else {
            return;
        };
        self.home.advance(MOVING);
        place.bucket.unset(place.lane);
        place.bucket.set(place.lane, tag, slot);
        self.home.advance(CHANGED);
        let any_left = last.unset(lane);
        self.home.advance(MOVING);
        if !any_left {
            self.unlink(before);
        }
    }

    /// Gives back the last bucket of the chain, which is empty; `before` leads to it, if it is not
    /// the home.
    fn unlink(&self, before: Option<&Bucket>) {
        let Some(before) = before else { return };
        let Some(number) = before.next.load(Ordering::Relaxed).checked_sub(1) else {
            return;
        };
        before.next.store(0, Ordering::Release);
        self.home.advance(CHANGED);
        self.index.overflow.push(number);
    }

    fn remove_all(&self) {
        let index = self.index;
        let mut run = Run::default();
        run.add_all(self.home, &index.slots);
        let mut next = self.home.next.load(Ordering::Relaxed);
        self.home.next.store(0, Ordering::Release);
        self.home.tags.store(0, Ordering::Release);
        self.home.advance(CHANGED);
        while let Some(number) = next.checked_sub(1) {
            let bucket = index.overflow_bucket(number);
            run.add_all(bucket, &index.slots);
            next = bucket.next.load(Ordering::Relaxed);
            bucket.next.store(0, Ordering::Release);
            bucket.tags.store(0, Ordering::Release);
            index.overflow.push(number);
        }
        // Overflow buckets first: a slot that is free must find one.
        if let Some((top, bottom)) = run.ends {
            index.slots.push_run(top, bottom);
        }
    }

    /// The last bucket of the chain, and the bucket that leads to it.
    #[inline]
    fn last(&self) -> (Option<&'a Bucket>, &'a Bucket) {
        let mut before = None;
        let mut bucket = self.home;
        while let Some(next) = self.index.after(bucket) {
            before = Some(bucket);
            bucket = next;
        }
        (before, bucket)
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        self.home.lock.store(0, Ordering::Release);
    }
}

/// Slots on their way to the free list, in one piece.
#[derive(Default)]
struct Run {
    /// Top and bottom.
    ends: Option<(u32, u32)>,
}

impl Run {
    fn add_all(&mut self, bucket: &Bucket, free: &FreeList) {
        for lane in lanes(occupied(bucket.tags.load(Ordering::Relaxed))) {
            let slot = bucket.slot(lane).load(Ordering::Relaxed);
            self.ends = Some(match self.ends {
                None => (slot, slot),
                Some((top, bottom)) => {
                    free.chain(slot, top);
                    (slot, bottom)
                }
            });
        }
    }
}
