//! Untrusted text, made safe to show in terminals and logs: readers see every character that it
//! has.
//!
//! Terminals obey control characters. Format characters (category `Cf` of Unicode) have no shape
//! of their own. Some reverse the order of the text around them, so that a name reads as another
//! one; others are invisible. Separators of lines and paragraphs, and letters without a shape, are
//! treated like format characters.

use std::borrow::Cow;

/// Characters without a shape, apart from control characters, as ranges in ascending order.
const SHAPELESS: [(char, char); 30] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fff8}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0000}'),
    ('\u{e0001}', '\u{e0001}'),
    ('\u{e0002}', '\u{e001f}'),
    ('\u{e0020}', '\u{e007f}'),
    ('\u{e0080}', '\u{e0fff}'),
];

/// Whether a character is invisible, or changes the look of others. Control characters are left
/// out.
#[must_use]
pub fn is_shapeless(c: char) -> bool {
    // Most text has none beyond the first of these.
    let found = SHAPELESS.binary_search_by(|(first, last)| {
        if *last < c {
            std::cmp::Ordering::Less
        } else if *first > c {
            std::cmp::Ordering::Greater
        } else {
            std::cmp::Ordering::Equal
        }
    });
    !c.is_ascii() && found.is_ok()
}

/// Whether a character may not be part of a name: it is a control character, or has no shape.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    c.is_control() || is_shapeless(c)
}

/// The text with escapes (`\\u{202e}`) in place of invisible characters. Tabs stay.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    let is_escaped = |c: char| c != '\t' && is_invisible(c);
    if !text.contains(is_escaped) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_escaped(c) {
            // Control characters are escaped alike, apart from those with a letter: an end of line
            // is `\n`.
            shown.extend(c.escape_debug());
        } else {
            shown.push(c);
        }
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranges_are_in_order() {
        let ends: Vec<char> = SHAPELESS.iter().flat_map(|(a, b)| [*a, *b]).collect();
        assert!(ends.is_sorted());
        assert!(SHAPELESS.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }

    /// The characters that reverse the order of text, and some invisible ones, are in the table.
    #[test]
    fn nothing_that_turns_text_around_is_left() {
        for c in "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}".chars() {
            assert!(is_shapeless(c), "{c:?}");
            assert_eq!(escaped(&format!("a{c}b")), format!("a{}b", c.escape_unicode()));
        }
        for c in "\u{200b}\u{200d}\u{feff}\u{2028}\u{ad}\u{e0041}\u{fe0f}".chars() {
            assert!(is_shapeless(c), "{c:?}");
        }
    }

    #[test]
    fn text_that_is_seen_stays() {
        for text in [
            "plain, über",
            "日本語",
            "e\u{301}",
            "🙂",
            "عربي",
            "a\tb",
            "\u{a0}",
        ] {
            assert!(
                matches!(escaped(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
        assert_eq!(escaped("a\n\u{1b}[2J\u{9b}"), r"a\n\u{1b}[2J\u{9b}");
    }
}
