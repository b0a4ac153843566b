//! The place of a mistake in a request, and what its author may have meant.
//!
//! A parser of YAML reports what a mistake makes impossible. A field that is indented wrongly
//! makes its entry incomplete, so the parser names the entry's first line. This module reads the
//! lines of the text themselves, and names the line with the mistake.

use serde::de::IgnoredAny;
use serde_yaml::Error;

use crate::nearest::nearest;

/// A line with a field.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    /// From 1 on.
    number: usize,
    /// Columns before the key, those of dashes included.
    indent: usize,
    /// Columns before the first dash; `indent` in lines without one.
    start: usize,
    /// The first word, without quotes and colon.
    key: &'a str,
    /// The text behind the colon.
    value: Option<&'a str>,
}

impl Line<'_> {
    fn begins_entry(&self) -> bool {
        self.start < self.indent
    }
}

/// Lines with content.
fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().zip(1..).filter_map(|(line, number)| {
        let content = line.trim_start_matches([' ', '\t']);
        let start = line.len() - content.len();
        let field = content.trim_start_matches(['-', ' ', '\t']);
        let indent = line.len() - field.len();
        if field.is_empty() || field.starts_with('#') {
            return None;
        }
        let (key, value) = match field.split_once(':') {
            Some((key, value)) => (key, Some(value)),
            None => (field, None),
        };
        let key = key.trim_matches(['"', '\'', ' ']);
        Some(Line {
            number,
            indent,
            start,
            key,
            value,
        })
    })
}

/// The mistake in a text that the parser refuses, and its place.
pub(super) fn told(text: &str, error: &Error) -> String {
    // A mapping ends where a line is indented less. What the mapping lacks then is found before
    // the fault in that line, so the text is read once more for its syntax alone.
    let syntax = serde_yaml::from_str::<IgnoredAny>(text).err();
    match syntax {
        Some(error) => of_syntax(text, &error),
        None => of_meaning(text, error),
    }
}

fn of_syntax(text: &str, error: &Error) -> String {
    let told = error.to_string();
    let Some(number) = error.location().map(|location| location.line()) else {
        return told;
    };
    let opened = told
        .split_once("while scanning a quoted scalar")
        .map(|(_, place)| place);
    if let Some(place) = opened {
        return format!("the quote is not closed{place}");
    }
    let tabbed = text.lines().zip(1..).find(|(line, _)| {
        line.trim_start_matches(' ').starts_with('\t') && !line.trim_start().is_empty()
    });
    if let Some((line, number)) = tabbed
        && let Some(tab) = line.find('\t')
    {
        return format!(
            "a tab is no indentation; indent with spaces at line {number} column {}",
            tab + 1
        );
    }
    let near = lines(text).filter(|line| line.number + 1 >= number && line.number <= number);
    for line in near {
        let unspaced = line
            .value
            .is_some_and(|value| !value.is_empty() && !value.starts_with([' ', '/']));
        if unspaced && is_word(line.key) && told.contains("could not find expected ':'") {
            return format!(
                "a space is missing behind `{}:` at line {} column {}",
                line.key,
                line.number,
                line.indent + 1
            );
        }
    }
    misplaced(text, number, &told).unwrap_or(told)
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The parser's words, and the line that is indented unlike all lines above, or more than a field
/// that has its value. If a line before and this one are indented alike, the one between them is
/// named in place of the parser's words.
fn misplaced(text: &str, number: usize, told: &str) -> Option<String> {
    let line = lines(text).find(|line| line.number == number)?;
    let above: Vec<Line<'_>> = lines(text)
        .take_while(|line| line.number < number)
        .collect();
    let (last, before) = above.split_last()?;
    let has_value = last.value.is_some_and(|value| !value.trim().is_empty());
    let known = above
        .iter()
        .any(|other| other.indent == line.indent || other.start == line.start);
    let is_deeper = line.indent > last.indent && has_value;
    if !is_deeper && (line.indent == last.indent || known) {
        return None;
    }
    let columns = |line: &Line<'_>| {
        format!(
            "line {} has {} columns before `{}`",
            line.number, line.indent, line.key
        )
    };
    if before
        .last()
        .is_some_and(|before| before.indent == line.indent)
    {
        return Some(format!(
            "{}, and the lines around it have {}",
            columns(last),
            line.indent
        ));
    }
    Some(format!(
        "{told}; {}, and the line above has {}",
        columns(&line),
        last.indent
    ))
}

fn of_meaning(text: &str, error: &Error) -> String {
    let told = error.to_string();
    let place = error.location().map(|location| location.line());
    let what = told.rfind(" at line ").map_or(told.as_str(), |end| {
        told.get(..end).unwrap_or(told.as_str())
    });
    let at = |line: &Line<'_>| format!("at line {} column {}", line.number, line.indent + 1);
    if let Some(field) = quoted_after(what, "missing field ") {
        let start = place.unwrap_or(1);
        if let Some((line, fields)) = strayed(text, start, field) {
            return format!(
                "{what}: `{field}` has {} columns before it, and the fields of its entry have {fields} {}",
                line.indent,
                at(&line)
            );
        }
        return told;
    }
    if let Some(field) = quoted_after(what, "duplicate field ") {
        let second = entry(text, place.unwrap_or(1))
            .filter(|line| line.key == field)
            .nth(1);
        return second.map_or_else(|| told.clone(), |line| format!("{what} {}", at(&line)));
    }
    if let Some(field) = quoted_after(what, "unknown field ") {
        let known = what.split_once("expected ").map_or("", |(_, known)| known);
        let known = known.split('`').skip(1).step_by(2);
        let meant = nearest(field, known)
            .map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
        let line = lines(text).find(|line| line.key == field);
        let is_placed = what.len() < told.len();
        return match (is_placed, line) {
            (false, Some(line)) => format!("{what} {}{meant}", at(&line)),
            _ => format!("{told}{meant}"),
        };
    }
    if what.contains("invalid type: map, expected a sequence") {
        return format!("{told}; each entry of a list begins with `- `");
    }
    told
}

/// The name in backticks behind these words.
fn quoted_after<'a>(what: &'a str, words: &str) -> Option<&'a str> {
    let (_, rest) = what.split_once(words)?;
    rest.split('`').nth(1)
}

/// The lines of the mapping that begins in this line.
fn entry(text: &str, start: usize) -> impl Iterator<Item = Line<'_>> {
    let mut fields = None;
    lines(text)
        .skip_while(move |line| line.number < start)
        .take_while(move |line| {
            let first = fields.is_none();
            let fields = *fields.get_or_insert(line.indent);
            first || (line.indent >= fields && !(line.begins_entry() && line.start < fields))
        })
        .filter(move |line| {
            let first = lines(text).find(|line| line.number >= start);
            first.is_some_and(|first| first.indent == line.indent)
        })
}

/// A line with this field that stands near the entry, at another column than the entry's fields,
/// and that column.
fn strayed<'a>(text: &'a str, start: usize, field: &str) -> Option<(Line<'a>, usize)> {
    let mut rest = lines(text).skip_while(|line| line.number < start);
    let first = rest.next()?;
    let line = rest
        .take_while(|line| !(line.begins_entry() && line.start <= first.start))
        .find(|line| line.key == field && line.indent != first.indent)?;
    Some((line, first.indent))
}
