//! Records out: many producers, one primary reader, taps.
//!
//! # Words
//!
//! * `head`: the number of the next record. Producers claim it by compare-and-swap.
//! * `entries`, one word for each of the `capacity` positions. The upper half is the low 32 bits
//!   of `number + 1` of the position's record. The lower half is the index of the *buffer* that
//!   holds the record. Buffers are not positions: there are more of them, and each belongs either
//!   to a position or, as its *spare*, to a producer thread. A producer may take any time, across
//!   calls, to fill its spare. A commit claims a position, leaves the spare there, and takes the
//!   buffer that was there. So a reservation that is never committed holds up nobody, and a commit
//!   moves no bytes.
//! * `cursor`: the number of the next record that the primary reader has not released. *The reader
//!   may be another process, and hostile.* The reader writes this word and no other.
//! * `limit`: the last good cursor plus the capacity. Producers compare `head` with it, and look
//!   at the cursor only when `head` reaches it. So in the usual case they touch the line of `head`
//!   and `limit`, the entry, and no other shared line.
//!
//! # Why a bad cursor harms nobody
//!
//! Producers adopt a cursor only if it lies between the last good one and `head`. Such a cursor
//! may still be a lie. If it releases records that were not read, the reader loses those records.
//! If it releases records that were not even published, one position could go to two producers. So
//! a producer claims `head` only after it has seen the entry published in the round before. It
//! then owns that entry alone until it publishes it, because no two claims succeed on one number.
//!
//! # Why a tap sees whole records
//!
//! The buffer of record `n` changes hands when `n + capacity` is claimed, and not before. A tap
//! copies the record and then looks at `head`. If `head` has not passed `n + capacity`, nobody
//! wrote the buffer during the copy. This is a sequence lock whose sequence is `head`, and the
//! fences here are the ones that such a lock needs.

use super::{AtomicU64, Ordering, fence};

/// The words of an output ring, wherever they live.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutputWords<'a> {
    pub(crate) head: &'a AtomicU64,
    pub(crate) limit: &'a AtomicU64,
    pub(crate) cursor: &'a AtomicU64,
    /// Counts cursors that could not be true.
    pub(crate) refused: &'a AtomicU64,
    /// The number of entries is a power of two.
    pub(crate) entries: &'a [AtomicU64],
}

/// The position at which the next reader starts, after [`OutputWords::settle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settled {
    /// The number of the first record that is not released.
    pub(crate) cursor: u64,
    /// Records that `settle` released and no reader did; one at most.
    pub(crate) given_up: u64,
}

/// A position that the caller owns until it publishes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The record's number.
    pub(crate) number: u64,
    /// The buffer that the position holds, now the caller's.
    pub(crate) buffer: u32,
}

impl<'a> OutputWords<'a> {
    /// The entry at `position` before any record was sent.
    pub(crate) fn initial_entry(position: u32, capacity: u32) -> u64 {
        Self::entry(
            u64::from(position).wrapping_sub(u64::from(capacity)),
            position,
        )
    }

    #[inline]
    fn entry(number: u64, buffer: u32) -> u64 {
        (number.wrapping_add(1) << 32) | u64::from(buffer)
    }

    #[inline]
    fn capacity(&self) -> u64 {
        self.entries.len() as u64
    }

    #[inline]
    fn at(&self, number: u64) -> Option<&'a AtomicU64> {
        self.entries
            .get((number & (self.capacity().wrapping_sub(1))) as usize)
    }

    /// The buffer of record `number`, if `word` is the entry of that record.
    #[inline]
    fn buffer_of(word: u64, number: u64) -> Option<u32> {
        ((word >> 32) as u32 == number.wrapping_add(1) as u32).then_some(word as u32)
    }

    /// Claims the next number, or `None` when the ring is full.
    ///
    /// Lock-free: if a turn of the loop does not end it, another producer has gone ahead.
    /// `expected` is a value that `head` has, or had once.
    #[inline]
    pub(crate) fn claim(&self, expected: u64) -> Option<Claim> {
        let mut head = expected;
        loop {
            // Acquire: the thread that raised the limit saw the reader done with the buffers below
            // it.
            if head >= self.limit.load(Ordering::Acquire) && !self.raise_limit(head) {
                return None;
            }
            let word = self.at(head)?.load(Ordering::Acquire);
            let previous = head.wrapping_sub(self.capacity());
            let Some(buffer) = Self::buffer_of(word, previous) else {
                // Either another producer has claimed this number, or a cursor vouched for a
                // record that its producer has not finished. In the second case the ring is full
                // until that producer has finished.
                let now = self.head.load(Ordering::Relaxed);
                if now == head {
                    return None;
                }
                head = now;
                continue;
            };
            match self.head.compare_exchange_weak(
                head,
                head.wrapping_add(1),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(number) => {
                    // Taps: `head` moves before any byte of the buffer does.
                    fence(Ordering::Release);
                    return Some(Claim { number, buffer });
                }
                Err(now) => head = now,
            }
        }
    }

    /// Makes record `number`, claimed by the caller, visible; its bytes are in `buffer`.
    #[inline]
    pub(crate) fn publish(&self, number: u64, buffer: u32) {
        if let Some(entry) = self.at(number) {
            entry.store(Self::entry(number, buffer), Ordering::Release);
        }
    }

    /// Whether a record sent now would be dropped.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        let head = self.head.load(Ordering::Relaxed);
        head >= self.limit.load(Ordering::Acquire) && !self.raise_limit(head)
    }

    #[inline]
    fn raise_limit(&self, head: u64) -> bool {
        raise_limit(head, self.limit, self.cursor, self.refused, self.capacity())
    }

    /// The last cursor that producers believed.
    pub(crate) fn believed_cursor(&self) -> u64 {
        self.limit
            .load(Ordering::Acquire)
            .wrapping_sub(self.capacity())
    }

    /// Takes the cursor away from a peer. The caller has just replaced the word that the peer
    /// could write by a fresh one that holds a believable value and that nobody else writes.
    ///
    /// A producer may have read the peer's word and not have raised the limit yet. The value that
    /// it read might lie beyond the one from which the next reader starts. The producer raises the
    /// limit by compare-and-swap, and only if the ring is full. So if the ring is full, the limit
    /// must move here: by the records that the peer has released, or else by giving up one record.
    pub(crate) fn settle(&self) -> Settled {
        let mut limit = self.limit.load(Ordering::Acquire);
        loop {
            let believed = limit.wrapping_sub(self.capacity());
            let full = self.head.load(Ordering::Acquire) >= limit;
            let released = self.cursor.load(Ordering::Relaxed).max(believed);
            let cursor = released.max(believed.wrapping_add(u64::from(full)));
            self.cursor.store(cursor, Ordering::Release);
            let raised = cursor.wrapping_add(self.capacity());
            match self
                .limit
                .compare_exchange(limit, raised, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => {
                    let given_up = cursor.wrapping_sub(released);
                    return Settled { cursor, given_up };
                }
                // A producer has raised the limit to a value that the peer wrote. So the peer has
                // released the record given up here.
                Err(now) => limit = now,
            }
        }
    }

    /// The buffer of record `number`, once it is published and while it is there.
    #[inline]
    pub(crate) fn published(&self, number: u64) -> Option<u32> {
        Self::buffer_of(self.at(number)?.load(Ordering::Acquire), number)
    }

    /// For taps, after copying: tells whether the buffer of record `number` held still until now.
    #[inline]
    pub(crate) fn still_holds(&self, number: u64) -> bool {
        fence(Ordering::Acquire);
        self.head.load(Ordering::Relaxed).wrapping_sub(number) <= self.capacity()
    }

    /// For the primary reader: allows producers to overwrite all records below `number`.
    #[inline]
    pub(crate) fn release(&self, number: u64) {
        self.cursor.store(number, Ordering::Release);
    }
}

/// Looks at the reader's cursor. `head` is at or above a limit that the caller saw. Returns true
/// if `head` is below the limit afterwards.
///
/// It takes its words one by one so that callers keep them in registers.
#[inline(never)]
fn raise_limit(
    head: u64,
    limit_word: &AtomicU64,
    cursor_word: &AtomicU64,
    refused: &AtomicU64,
    capacity: u64,
) -> bool {
    let mut limit = limit_word.load(Ordering::Acquire);
    loop {
        if head < limit {
            return true;
        }
        // Acquire: the reader's last look at a buffer comes before our first byte into it.
        let cursor = cursor_word.load(Ordering::Acquire);
        let gained = cursor.wrapping_sub(limit.wrapping_sub(capacity));
        if gained == 0 {
            return false;
        }
        if gained <= capacity {
            let raised = limit.wrapping_add(gained);
            // `head` is at the limit at least, so the cursor is at `head` at most.
            match limit_word.compare_exchange(limit, raised, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => limit = raised,
                Err(now) => limit = now,
            }
            continue;
        }
        // This gain is impossible for the limit that we saw. Another producer may have raised the
        // limit since.
        let now = limit_word.load(Ordering::Acquire);
        if now == limit {
            refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        limit = now;
    }
}
