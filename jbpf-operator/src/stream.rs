//! The derivation of stream ids that a request leaves out.

use jbpf_channel::StreamId;
use serde::{Deserialize, Serialize};

/// The seed that the derivation of stream ids uses (ABI: load request).
const SEED: u64 = jbpf_abi::request::STREAM_ID_SEED;

/// The way of a channel's records, as the derivation spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Into the codelet.
    Input,
    /// Out of the codelet.
    Output,
}

impl Direction {
    /// `input` or `output`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
        }
    }
}

/// Names that a derived stream id stands for.
#[derive(Debug, Clone, Copy)]
pub struct ChannelPath<'a> {
    /// Path of the control socket; the default path if there is none.
    pub socket: &'a str,
    /// Id of the codeletset.
    pub codeletset: &'a str,
    /// Name of the codelet.
    pub codelet: &'a str,
    /// Name of the hook.
    pub hook: &'a str,
    /// The way of the records.
    pub direction: Direction,
    /// Name of the map.
    pub map: &'a str,
}

impl ChannelPath<'_> {
    /// The stream id: hashes of the names at even places in bytes 0 to 7, at odd places in 8 to
    /// 15.
    #[must_use]
    pub fn stream_id(&self) -> StreamId {
        let names = [
            self.socket,
            self.codeletset,
            self.codelet,
            self.hook,
            self.direction.name(),
            self.map,
        ];
        let (mut even, mut odd) = (0, 0);
        for (place, name) in names.into_iter().enumerate() {
            let half = if place % 2 == 0 { &mut even } else { &mut odd };
            *half ^= murmur_hash_64a(name.as_bytes(), SEED);
        }
        StreamId(u128::to_le_bytes(u128::from(odd) << 64 | u128::from(even)))
    }
}

/// Austin Appleby's `MurmurHash64A`, public domain.
fn murmur_hash_64a(bytes: &[u8], seed: u64) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    const R: u32 = 47;

    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(M);
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        let mut k = u64::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = (hash ^ k.wrapping_mul(M)).wrapping_mul(M);
    }
    if !tail.is_empty() {
        let rest = tail
            .iter()
            .rev()
            .fold(0, |rest, byte| rest << 8 | u64::from(*byte));
        hash = (hash ^ rest).wrapping_mul(M);
    }
    hash = (hash ^ hash >> R).wrapping_mul(M);
    hash ^ hash >> R
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of `std::hash<std::string>` in libstdc++, which is this function with this seed.
    #[test]
    fn the_hash_is_murmur_hash_64a() {
        assert_eq!(murmur_hash_64a(b"", SEED), 6_142_509_188_972_423_790);
        assert_eq!(murmur_hash_64a(b"input", SEED), 8_955_751_799_556_310_764);
        assert_eq!(
            murmur_hash_64a(b"example_codeletset", SEED),
            10_040_227_312_761_469_200
        );
    }

    #[test]
    fn every_name_counts() {
        let path = ChannelPath {
            socket: "/tmp/app.sock",
            codeletset: "set",
            codelet: "codelet",
            hook: "hook",
            direction: Direction::Input,
            map: "map",
        };
        let variants = [
            path,
            ChannelPath {
                socket: "/tmp/other.sock",
                ..path
            },
            ChannelPath {
                codeletset: "other",
                ..path
            },
            ChannelPath {
                codelet: "other",
                ..path
            },
            ChannelPath {
                hook: "other",
                ..path
            },
            ChannelPath {
                direction: Direction::Output,
                ..path
            },
            ChannelPath {
                map: "other",
                ..path
            },
        ];
        let ids: std::collections::HashSet<_> = variants
            .iter()
            .map(|path| path.stream_id().to_string())
            .collect();
        assert_eq!(ids.len(), variants.len());
    }
}
