//! Text on a terminal: what codelets and applications say is shown there, and never obeyed.

use std::borrow::Cow;

use jbpf_object::visible::is_shapeless;

/// The text that stands for a character that a terminal would obey.
const INSTEAD: &str = "\u{fffd}";

/// These bytes as text without anything that a terminal would obey: no control characters but tabs
/// and ends of lines, and escapes in the place of characters that turn the order of others, or are
/// not seen.
pub(crate) fn shown(bytes: &[u8]) -> Cow<'_, str> {
    without_controls(bytes, |_| 0)
}

/// The same, but for the colors and weights of this command's own lines. An imitation of them
/// changes how text looks, and neither hides nor moves it.
pub(crate) fn shown_with_styles(text: &str) -> Cow<'_, str> {
    without_controls(text.as_bytes(), style)
}

fn without_controls(bytes: &[u8], style: impl Fn(&str) -> usize) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    if !text.chars().any(|c| is_obeyed(c) || is_shapeless(c)) {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(first) = rest.chars().next() {
        let (kept, after) = rest.split_at(style(rest).max(first.len_utf8()));
        let alone = kept.len() == first.len_utf8();
        if alone && is_obeyed(first) {
            shown.push_str(INSTEAD);
        } else if alone && is_shapeless(first) {
            shown.extend(first.escape_unicode());
        } else {
            shown.push_str(kept);
        }
        rest = after;
    }
    shown.into()
}

fn is_obeyed(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
}

/// The bytes of the style that the text begins with: bold, faint, a color of letters, or the end
/// of them.
fn style(text: &str) -> usize {
    let codes = text
        .strip_prefix("\u{1b}[")
        .and_then(|rest| rest.split_once('m'));
    let Some((codes, _)) = codes else {
        return 0;
    };
    let is_style =
        |code: &str| matches!(code.as_bytes(), [b'0'..=b'2'] | [b'3' | b'9', b'1'..=b'6']);
    if codes.split(';').all(is_style) {
        "\u{1b}[m".len() + codes.len()
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let hostile = b"a\x1b]0;title\x07\x1b[2J\x1b[31mb\x7f\xc2\x9b2J\r\x9b\tc\n";
        let expected = "a\u{fffd}]0;title\u{fffd}\u{fffd}[2J\u{fffd}[31mb\u{fffd}\u{fffd}2J\u{fffd}\u{fffd}\tc\n";
        assert_eq!(shown(hostile), expected);
        assert_eq!(
            shown("a\u{202e}b\u{200b}".as_bytes()),
            r"a\u{202e}b\u{200b}"
        );
        assert!(matches!(
            shown("plain, über".as_bytes()),
            Cow::Borrowed("plain, über")
        ));
    }

    #[test]
    fn styles_of_lines_stay_and_nothing_else() {
        let line = "\u{1b}[1;32mgood\u{1b}[0m \u{1b}[2mfaint\u{1b}[0m \u{1b}[94mblue";
        assert_eq!(shown_with_styles(line), line);
        for (hostile, expected) in [
            ("\u{1b}[8mhidden", "\u{fffd}[8mhidden"),
            ("\u{1b}[30mblack", "\u{fffd}[30mblack"),
            ("\u{1b}[1;8mhidden", "\u{fffd}[1;8mhidden"),
            ("\u{1b}[2Jm", "\u{fffd}[2Jm"),
            ("\u{1b}[mm", "\u{fffd}[mm"),
            ("\u{1b}[1", "\u{fffd}[1"),
            ("\u{1b}", "\u{fffd}"),
        ] {
            assert_eq!(shown_with_styles(hostile), expected);
        }
    }
}
