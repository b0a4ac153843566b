//! Bob Jenkins' lookup3, `hashlittle` with 0 as the initial value, as its author published it.

pub fn hash_of(key: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(key.len() as u32);
    let (mut a, mut b, mut c) = (start, start, start);
    let mut k = key;
    while k.len() > 12 {
        a = a.wrapping_add(word(k, 0));
        b = b.wrapping_add(word(k, 4));
        c = c.wrapping_add(word(k, 8));
        for (left, right) in [(4, 6), (8, 16), (19, 4)] {
            a = a.wrapping_sub(c);
            a ^= c.rotate_left(left);
            c = c.wrapping_add(b);
            b = b.wrapping_sub(a);
            b ^= a.rotate_left(right);
            a = a.wrapping_add(c);
            (a, b, c) = (c, a, b);
        }
        k = &k[12..];
    }
    if k.is_empty() {
        return c;
    }
    a = a.wrapping_add(word(k, 0));
    b = b.wrapping_add(word(k, 4));
    c = c.wrapping_add(word(k, 8));
    for by in [14, 11, 25, 16, 4, 14, 24] {
        c ^= b;
        c = c.wrapping_sub(b.rotate_left(by));
        (a, b, c) = (b, c, a);
    }
    // After seven turns, the word that changed last stands in the middle.
    b
}

/// Four bytes, filled up with zeros.
fn word(bytes: &[u8], at: usize) -> u32 {
    (at..at + 4).rev().fold(0, |word, at| {
        word << 8 | bytes.get(at).map_or(0, |byte| u32::from(*byte))
    })
}

#[cfg(test)]
mod tests {
    use super::hash_of;

    #[test]
    fn the_published_vectors_hold() {
        assert_eq!(hash_of(b""), 0xdead_beef);
        assert_eq!(hash_of(b"Four score and seven years ago"), 0x1777_0551);
    }
}
