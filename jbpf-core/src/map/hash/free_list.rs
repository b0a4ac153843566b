//! The numbers that nobody uses: a lock-free stack.

use super::cells::Links;
use super::primitives::{AtomicU64, Ordering};

/// A stack of numbers below a fixed bound, each at most once in it.
///
/// The head holds the top number plus one (0: empty) in its low half and counts changes in its
/// high half, so that a head that went away and came back is not taken for the same one. `links`
/// gives, by number, the one below it, plus one.
///
/// The list has cache lines of its own: inserting and deleting threads write the head, and every
/// lookup reads the fields that would lie next to it.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct FreeList {
    head: AtomicU64,
    links: Links,
}

const COUNT: u64 = 1 << 32;

impl FreeList {
    /// Every number below the length of `links`, the lowest on top.
    pub(crate) fn full(links: Links) -> Self {
        let len = links.len();
        for number in 0..len {
            let below = if number + 1 == len { 0 } else { number + 2 };
            // SAFETY: `number` is below the length.
            unsafe { links.at(number) }.store(below, Ordering::Relaxed);
        }
        Self {
            head: AtomicU64::new(u64::from(len.min(1))),
            links,
        }
    }

    /// Takes a number that nobody uses.
    #[inline]
    pub(crate) fn pop(&self) -> Option<u32> {
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let top = top_of(head)?;
            // SAFETY: numbers on the list are below the length of the links. The link may be stale
            // when another thread took `top` meanwhile; the count in the head then differs.
            let below = unsafe { self.links.at(top) }.load(Ordering::Relaxed);
            match self.head.compare_exchange_weak(
                head,
                successor(head, below),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Some(top),
                Err(now) => head = now,
            }
        }
    }

    /// Gives back a number that [`pop`](Self::pop) gave.
    #[inline]
    pub(crate) fn push(&self, number: u32) {
        self.push_run(number, number);
    }

    /// Says that `below` lies under `above` in a run to be pushed. Both belong to the caller.
    pub(crate) fn chain(&self, above: u32, below: u32) {
        // SAFETY: numbers that `pop` gave are below the length of the links.
        unsafe { self.links.at(above) }.store(below + 1, Ordering::Relaxed);
    }

    /// Gives back a run of numbers, chained from `top` to `bottom`.
    pub(crate) fn push_run(&self, top: u32, bottom: u32) {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: as in `chain`.
            unsafe { self.links.at(bottom) }.store(head as u32, Ordering::Relaxed);
            match self.head.compare_exchange_weak(
                head,
                successor(head, top + 1),
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}

fn top_of(head: u64) -> Option<u32> {
    (head as u32).checked_sub(1)
}

fn successor(head: u64, top_plus_one: u32) -> u64 {
    (head & !(COUNT - 1)).wrapping_add(COUNT) | u64::from(top_plus_one)
}
