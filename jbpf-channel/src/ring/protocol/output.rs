//! Records out: many producers, one primary reader, taps.
//!
//! # Words
//!
//! * `head`: the number of the next record. Claimed by compare-and-swap.
//! * `entries`, one word for each of the `capacity` positions: in the upper half the low 32 bits of
//!   the number of records that had been sent once this one was (so `number + 1`), in the lower half
//!   the index of the *buffer* that holds it. Buffers are not positions: there are more of them, and each belongs
//!   either to a position or, as its *spare*, to a producer thread. A producer fills its spare for as
//!   long as it likes, across calls; committing claims a position, leaves the spare there, and takes
//!   the buffer it finds. So a reservation that is never committed holds up nobody, and a
//!   commit moves no bytes.
//! * `cursor`: the number of the next record that the primary reader has not released. *The reader may be
//!   another process, and hostile*: this word alone is written by it.
//! * `limit`: the last good cursor plus the capacity. Producers compare `head` with it and look at the
//!   cursor only when they meet it, so that in the usual case they touch the line of `head` and `limit`
//!   and no other shared line but the entry.
//!
//! # Why a bad cursor harms nobody
//!
//! A cursor is taken over only when it lies between the last good one and `head`. It may still lie:
//! name records that were not read, or not even published. The first costs the reader those
//! records. The second would hand one position to two producers; so a producer claims `head` only
//! after it has seen the entry published in the round before. It then owns that entry alone until
//! it publishes it: no two claims succeed on one number.
//!
//! # Why a tap sees whole records
//!
//! The buffer of record `n` changes hands when `n + capacity` is claimed, and not before. A tap copies,
//! then looks at `head`: when it has not passed `n + capacity`, nobody wrote the buffer meanwhile. This is a
//! sequence lock whose sequence is `head`; the fences are the ones that it needs.

use super::{AtomicU64, Ordering, fence};

/// The words of an output ring, wherever they live.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutputWords<'a> {
    pub(crate) head: &'a AtomicU64,
    pub(crate) limit: &'a AtomicU64,
    pub(crate) cursor: &'a AtomicU64,
    /// Counts cursors that could not be true.
    pub(crate) refused: &'a AtomicU64,
    /// A power of two of them.
    pub(crate) entries: &'a [AtomicU64],
}

/// The start of the next reader, after [`OutputWords::settle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settled {
    /// The number of the first record that is not released.
    pub(crate) cursor: u64,
    /// Records, one at most, that were released and that no reader has released.
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
    /// What the entry at `position` holds before any record was sent.
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

    /// The buffer of record `number`, when the entry word is that record's.
    #[inline]
    fn buffer_of(word: u64, number: u64) -> Option<u32> {
        ((word >> 32) as u32 == number.wrapping_add(1) as u32).then_some(word as u32)
    }

    /// Claims the next number, or `None` when the ring is full.
    ///
    /// Lock-free: a turn of the loop that does not end it was lost to a producer that went ahead. `expected` is a value that
    /// `head` has, or had once.
    #[inline]
    pub(crate) fn claim(&self, expected: u64) -> Option<Claim> {
        let mut head = expected;
        loop {
            // Acquire: whoever raised the limit saw the reader done with the buffers below it.
            if head >= self.limit.load(Ordering::Acquire) && !self.raise_limit(head) {
                return None;
            }
            let word = self.at(head)?.load(Ordering::Acquire);
            let previous = head.wrapping_sub(self.capacity());
            let Some(buffer) = Self::buffer_of(word, previous) else {
                // Claimed by another producer; or else a cursor vouched for a record that its producer has not
                // finished, and until it has the ring is full.
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

    /// Takes the cursor away from a peer: the caller has just put a fresh word in the place of the one that the peer could
    /// write, holding a believable value, and nobody else writes it.
    ///
    /// A producer may have read the peer's word and not have raised the limit yet; what it read might lie beyond
    /// the value that the next reader starts from. It raises by compare-and-swap, and only in a full ring. So in a
    /// full ring the limit must move: by what the peer released, or else by giving up one record.
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
                // A producer has raised it, from what the peer wrote: the peer has released what was given up here.
                Err(now) => limit = now,
            }
        }
    }

    /// The buffer of record `number`, once it is published and while it is there.
    #[inline]
    pub(crate) fn published(&self, number: u64) -> Option<u32> {
        Self::buffer_of(self.at(number)?.load(Ordering::Acquire), number)
    }

    /// For taps, after copying: whether the buffer of record `number` held still until now.
    #[inline]
    pub(crate) fn still_holds(&self, number: u64) -> bool {
        fence(Ordering::Acquire);
        self.head.load(Ordering::Relaxed).wrapping_sub(number) <= self.capacity()
    }

    /// For the primary reader: all records below `number` may be overwritten.
    #[inline]
    pub(crate) fn release(&self, number: u64) {
        self.cursor.store(number, Ordering::Release);
    }
}

/// Looks at the reader's cursor. True when `head`, at or above a limit that the caller saw, is below the limit
/// afterwards.
///
/// Takes its words one by one so that callers keep them in registers.
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
        // Impossible for the limit that we saw. Another producer may have raised it since.
        let now = limit_word.load(Ordering::Acquire);
        if now == limit {
            refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        limit = now;
    }
}
