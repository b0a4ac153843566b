//! The budget against which memory of maps and channels is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A limit in bytes that maps and channels share.
///
/// It counts the pages that the system gives: whole ones, with everything that lies on them. Code
/// that maps memory computes the size once, charges it, and maps that much.
#[derive(Debug)]
pub struct MemoryBudget {
    limit: usize,
    used: AtomicUsize,
}

/// More memory was needed than the budget has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes are needed and {left} of the memory budget of {limit} bytes are left")]
pub struct OverBudget {
    /// Bytes asked for.
    pub bytes: usize,
    /// Bytes left in the budget.
    pub left: usize,
    /// The whole budget.
    pub limit: usize,
}

impl MemoryBudget {
    /// A budget of `limit` bytes, unused.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
        })
    }

    /// The limit in bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes in use now.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> Result<(), OverBudget> {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= self.limit)
            })
            .map(|_| ())
            .map_err(|used| OverBudget {
                bytes,
                left: self.limit - used,
                limit: self.limit,
            })
    }
}

/// Bytes of memory in use, taken from a budget if there is one, and given back on drop.
#[derive(Debug)]
pub struct MemoryCharge {
    bytes: usize,
    budget: Option<Arc<MemoryBudget>>,
}

impl MemoryCharge {
    /// Charges `bytes`.
    ///
    /// # Errors
    ///
    /// The budget has fewer bytes left.
    pub fn new(bytes: usize, budget: Option<&Arc<MemoryBudget>>) -> Result<Self, OverBudget> {
        let mut charge = Self {
            bytes: 0,
            budget: budget.cloned(),
        };
        charge.grow(bytes)?;
        Ok(charge)
    }

    /// Charges `more` bytes on top.
    ///
    /// # Errors
    ///
    /// The budget has fewer bytes left; nothing has changed.
    pub fn grow(&mut self, more: usize) -> Result<(), OverBudget> {
        if let Some(budget) = &self.budget {
            budget.take(more)?;
        }
        self.bytes = self.bytes.saturating_add(more);
        Ok(())
    }

    /// Gives `fewer` bytes back. They were charged, but the system refused the memory.
    pub fn shrink(&mut self, fewer: usize) {
        let fewer = fewer.min(self.bytes);
        self.bytes -= fewer;
        if let Some(budget) = &self.budget {
            budget.used.fetch_sub(fewer, Ordering::Relaxed);
        }
    }

    /// Bytes charged.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for MemoryCharge {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charges_of_one_budget_never_pass_its_limit_and_are_given_back() {
        let budget = MemoryBudget::new(100);
        let mut first = MemoryCharge::new(60, Some(&budget)).unwrap();
        let refused = OverBudget {
            bytes: 41,
            left: 40,
            limit: 100,
        };
        assert_eq!(MemoryCharge::new(41, Some(&budget)).unwrap_err(), refused);
        assert_eq!(first.grow(41).unwrap_err(), refused);
        assert_eq!((first.bytes(), budget.used()), (60, 60));
        first.grow(40).unwrap();
        assert!(first.grow(usize::MAX).is_err());
        first.shrink(10);
        assert_eq!((first.bytes(), budget.used()), (90, 90));
        drop(first);
        assert_eq!(budget.used(), 0);
    }
}
