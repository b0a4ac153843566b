//! Records in: many senders, many consumers, each record to exactly one.
//!
//! # Words
//!
//! * `head`: the number of the next record to send. The senders of one process claim it by
//!   compare-and-swap. Consumers never look at it.
//! * `published`, one word a position: `number + 1` once the record is whole. Senders write it.
//! * `tail`: the number of the next record to take. Consumers claim it by compare-and-swap.
//! * `consumed`, one word a position: the number that may be written there next. Consumers write
//!   it.
//!
//! # When the sender is another process
//!
//! Then the peer owns `head`, `published` and the records. The host owns `tail` and `consumed`,
//! and the peer may only read them. A consumer believes `published` for one thing: that a record
//! may be taken. It takes the record by moving `tail`, and no peer writes `tail`. So whatever the
//! peer writes, a consumer sees records of the peer's own making, whole or torn, each once, or
//! none.

use super::{AtomicU64, Ordering};

/// The words that consumers read and write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConsumerWords<'a> {
    pub(crate) tail: &'a AtomicU64,
    /// A power of two of them.
    pub(crate) published: &'a [AtomicU64],
    /// As many.
    pub(crate) consumed: &'a [AtomicU64],
}

impl ConsumerWords<'_> {
    /// Takes the next record's number, or `None` when there is no record.
    ///
    /// Lock-free: if a turn of the loop does not end it, another consumer has taken a record.
    #[inline]
    pub(crate) fn claim(&self) -> Option<u64> {
        let mask = (self.published.len() as u64).wrapping_sub(1);
        let mut tail = self.tail.load(Ordering::Relaxed);
        loop {
            let published = self.published.get((tail & mask) as usize)?;
            if published.load(Ordering::Acquire) != tail.wrapping_add(1) {
                let now = self.tail.load(Ordering::Relaxed);
                if now == tail {
                    return None;
                }
                tail = now;
                continue;
            }
            match self.tail.compare_exchange_weak(
                tail,
                tail.wrapping_add(1),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(number) => return Some(number),
                Err(now) => tail = now,
            }
        }
    }

    /// Hands the place of record `number`, claimed and copied by the caller, back to senders.
    #[inline]
    pub(crate) fn release(&self, number: u64) {
        let capacity = self.consumed.len() as u64;
        let index = (number & capacity.wrapping_sub(1)) as usize;
        if let Some(consumed) = self.consumed.get(index) {
            consumed.store(number.wrapping_add(capacity), Ordering::Release);
        }
    }
}

/// The words that senders read and write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SenderWords<'a> {
    pub(crate) head: &'a AtomicU64,
    pub(crate) tail: &'a AtomicU64,
    /// A power of two of them.
    pub(crate) published: &'a [AtomicU64],
    /// As many.
    pub(crate) consumed: &'a [AtomicU64],
}

impl SenderWords<'_> {
    /// Claims the next number, or `None` when the ring is full.
    ///
    /// It catches up once. Consumers in another process that keep going ahead cannot hold a sender
    /// here.
    #[inline]
    pub(crate) fn claim(&self) -> Option<u64> {
        let mask = (self.consumed.len() as u64).wrapping_sub(1);
        let mut head = self.head.load(Ordering::Relaxed);
        let mut caught_up = false;
        loop {
            // Acquire: the consumer's last look at the place comes before our first byte into it.
            let free = self.consumed.get((head & mask) as usize)?;
            if free.load(Ordering::Acquire) != head {
                let now = self.head.load(Ordering::Relaxed);
                if now == head {
                    if caught_up || !self.catch_up(head) {
                        return None;
                    }
                    caught_up = true;
                }
                head = self.head.load(Ordering::Relaxed);
                continue;
            }
            match self.head.compare_exchange_weak(
                head,
                head.wrapping_add(1),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(number) => return Some(number),
                Err(now) => head = now,
            }
        }
    }

    /// Moves `head` to `tail` if consumers have passed it. Returns true if it moved `head`.
    ///
    /// Consumers cannot pass the records of one sender. But when a sender dies and another takes
    /// its place, a consumer may still be taking a record of the dead sender, from the number at
    /// which the new sender started.
    #[cold]
    fn catch_up(&self, head: u64) -> bool {
        let tail = self.tail.load(Ordering::Acquire);
        tail > head
            && self
                .head
                .compare_exchange(head, tail, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Makes record `number`, claimed and written by the caller, visible.
    #[inline]
    pub(crate) fn publish(&self, number: u64) {
        let mask = (self.published.len() as u64).wrapping_sub(1);
        if let Some(published) = self.published.get((number & mask) as usize) {
            published.store(number.wrapping_add(1), Ordering::Release);
        }
    }
}
