//! Decisions from a fuzzer's bytes.

/// Bytes, taken one decision after the other. Without bytes left, every decision is 0.
pub struct Decisions<'b>(&'b [u8]);

impl<'b> Decisions<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub fn bytes(&mut self, count: usize) -> &'b [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u8) -> u8 {
        self.byte() % bound
    }

    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        let taken = self.bytes(N);
        bytes[..taken.len()].copy_from_slice(taken);
        bytes
    }

    pub fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    /// A number near `from`, near either end of all numbers, or any.
    pub fn number(&mut self, from: u64) -> u64 {
        let near = i64::from(self.byte().cast_signed());
        match near {
            -128 => u64::from(self.u32()) << 32 | u64::from(self.u32()),
            -127..=-97 => u64::MAX.wrapping_add_signed(near + 97),
            -96..=-65 => (1_u64 << 63).wrapping_add_signed(near + 80),
            _ => from.wrapping_add_signed(near),
        }
    }
}
