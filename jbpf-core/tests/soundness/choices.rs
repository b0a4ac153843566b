//! The source of a generated program's decisions: a seed, or the bytes of a fuzzer.

/// A stream of decisions.
pub enum Choices<'b> {
    /// The state of a generator of random numbers (xorshift64*): a seed names a program.
    Seed(u64),
    /// Bytes of a fuzzer's choice. When there are none left, every decision is the first one.
    Bytes(&'b [u8]),
}

impl<'b> Choices<'b> {
    pub fn from_seed(seed: u64) -> Self {
        Self::Seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn from_bytes(bytes: &'b [u8]) -> Self {
        Self::Bytes(bytes)
    }

    /// The next `bytes` bytes as a number.
    fn take(&mut self, bytes: usize) -> u64 {
        match self {
            Self::Seed(state) => {
                *state ^= *state >> 12;
                *state ^= *state << 25;
                *state ^= *state >> 27;
                // The low bits are the weakest.
                state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> (64 - 8 * bytes)
            }
            Self::Bytes(left) => {
                let (taken, rest) = left.split_at(bytes.min(left.len()));
                *left = rest;
                taken
                    .iter()
                    .fold(0, |number, byte| number << 8 | u64::from(*byte))
            }
        }
    }

    pub fn number(&mut self) -> u64 {
        self.take(8)
    }

    /// A number below `bound`. A fuzzer spends as few bytes on it as will do.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.take(if bound <= 256 { 1 } else { 4 }) % bound
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }
}
