//! The rejection as a person reads it in a terminal.
//!
//! The shape is that of rustc's errors: a title with the code, the place with a label under it,
//! the place that explains it, notes, and a hint. Objects without debug information show the
//! instruction in place of the source line. Paths, source lines and names come from the object,
//! and its maker may have written anything there: the renderer strips control characters from
//! them, and shows only the first line of each.

use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str,
};

use super::{Origin, PathStep, Rejection, SourceLine};

/// The width that text is laid out for, in columns.
const TERMINAL_WIDTH: usize = 140;

/// The whole report, several lines, without a newline at the end. `color` adds ANSI escapes.
#[must_use]
pub fn render(rejection: &Rejection, color: bool) -> String {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let title = Level::ERROR
        .primary_title(rejection.message.as_str())
        .id(rejection.code.to_string());
    let group = notes(rejection).into_iter().fold(
        places(Group::with_title(title), rejection),
        |group, note| group.element(Level::NOTE.message(normalize_untrusted_str(&note))),
    );
    let group = match &rejection.hint {
        Some(hint) => group.element(Level::HELP.message(normalize_untrusted_str(hint))),
        None => group,
    };
    let page = format!("for more: `jbpf explain {}`", rejection.code);
    let group = group.element(Level::NOTE.message(page));
    let text = renderer.term_width(TERMINAL_WIDTH).render(&[group]);
    rejection.instructions().fold(text, |text, shown| {
        text.replace(&shown.as_a_place(), &shown.name())
    })
}

/// The failing place, and the place that explains it.
fn places<'a>(group: Group<'a>, rejection: &'a Rejection) -> Group<'a> {
    let label = rejection
        .obligation
        .as_deref()
        .unwrap_or_else(|| rejection.code.title());
    let (place, origin) = (&rejection.location, rejection.origin.as_ref());
    let failing = match place {
        Some(line) => source(line, AnnotationKind::Primary, label),
        None => rejection.failing().snippet(AnnotationKind::Primary, label),
    };
    let Some(origin) = origin else {
        return group.element(failing);
    };
    match (&origin.location, place) {
        // Showing the same place twice says nothing new. The note on the instruction does.
        (Some(line), Some(place)) if line == place => group
            .element(failing)
            .element(Level::NOTE.message(normalize_untrusted_str(&same_line(origin)))),
        (Some(line), Some(place)) if line.is_line_of(place) => {
            group.element(failing.annotation(mark(line, AnnotationKind::Context, &origin.what)))
        }
        (Some(line), _) => {
            group
                .element(failing)
                .element(source(line, AnnotationKind::Context, &origin.what))
        }
        (None, _) => {
            let explaining = rejection.explaining(origin);
            group
                .element(failing)
                .element(explaining.snippet(AnnotationKind::Context, &origin.what))
        }
    }
}

impl SourceLine {
    /// Whether both are the same line, at any column.
    fn is_line_of(&self, other: &Self) -> bool {
        (self.line, &self.file, &self.text) == (other.line, &other.file, &other.text)
    }
}

fn same_line(origin: &Origin) -> String {
    format!(
        "on the same line, instruction {} (`{}`): {}",
        origin.insn,
        first_line(&origin.disassembly),
        first_line(&origin.what)
    )
}

fn source<'a>(
    line: &'a SourceLine,
    kind: AnnotationKind,
    label: &'a str,
) -> Snippet<'a, Annotation<'a>> {
    Snippet::source(first_line(&line.text))
        .path(first_line(&line.file))
        .line_start(usize::try_from(line.line).unwrap_or_default())
        .annotation(mark(line, kind, label))
}

fn mark<'a>(line: &SourceLine, kind: AnnotationKind, label: &'a str) -> Annotation<'a> {
    let word = word_at(first_line(&line.text), line.column);
    kind.span(word).label(label)
}

/// An instruction that is shown in place of a missing source line.
struct Instruction<'a> {
    program: &'a str,
    index: usize,
    disassembly: &'a str,
}

impl<'a> Instruction<'a> {
    fn snippet(&self, kind: AnnotationKind, label: &'a str) -> Snippet<'a, Annotation<'a>> {
        Snippet::source(self.disassembly)
            .path(self.file())
            .line_start(self.index)
            .annotation(kind.span(0..self.disassembly.len()).label(label))
    }

    fn file(&self) -> String {
        format!("{}, instruction", self.program)
    }

    /// The text that the renderer makes of it. The renderer knows only lines and columns.
    fn as_a_place(&self) -> String {
        format!("{}:{}:1\n", self.file(), self.index)
    }

    fn name(&self) -> String {
        format!("{} {}\n", self.file(), self.index)
    }
}

impl Rejection {
    fn failing(&self) -> Instruction<'_> {
        Instruction {
            program: first_line(&self.program),
            index: self.insn,
            disassembly: first_line(&self.disassembly),
        }
    }

    fn explaining<'a>(&'a self, origin: &'a Origin) -> Instruction<'a> {
        Instruction {
            program: first_line(&self.program),
            index: origin.insn,
            disassembly: first_line(&origin.disassembly),
        }
    }

    /// The instructions that stand for missing source lines.
    fn instructions(&self) -> impl Iterator<Item = Instruction<'_>> {
        let failing = self.location.is_none().then(|| self.failing());
        let origin = self
            .origin
            .as_ref()
            .filter(|origin| origin.location.is_none());
        failing
            .into_iter()
            .chain(origin.map(|origin| self.explaining(origin)))
    }
}

fn notes(rejection: &Rejection) -> Vec<String> {
    let mut notes = Vec::new();
    if rejection.location.is_some() {
        notes.push(format!(
            "instruction {}{}: `{}`",
            rejection.insn,
            within(rejection),
            first_line(&rejection.disassembly)
        ));
    }
    if !rejection.registers.is_empty() {
        let registers = rejection
            .registers
            .iter()
            .map(|(name, value)| format!("{name} = {value}"));
        notes.push(block("registers there", registers));
    }
    let path = way(rejection);
    if !path.is_empty() {
        notes.push(block("the path there", path.into_iter()));
    }
    if rejection.frames.len() > 1 {
        notes.push(block(
            "active calls, innermost first",
            rejection.frames.iter().cloned(),
        ));
    }
    notes
}

fn within(rejection: &Rejection) -> String {
    match &rejection.function {
        Some(function) => format!(
            " in `{}` of {}",
            first_line(function),
            first_line(&rejection.program)
        ),
        None => format!(" of {}", first_line(&rejection.program)),
    }
}

/// The steps to the failure. The failure itself is left out, since it is shown already. Loops
/// repeat steps: a run of equal steps is told once.
fn way(rejection: &Rejection) -> Vec<String> {
    let steps = rejection
        .path
        .iter()
        .filter(|step| step.what != rejection.message)
        .map(step);
    let mut runs: Vec<(String, usize)> = Vec::new();
    for step in steps {
        match runs.last_mut() {
            Some((last, times)) if *last == step => *times += 1,
            _ => runs.push((step, 1)),
        }
    }
    let told = |(step, times)| match times {
        1 => step,
        _ => format!("{step} ({times} times)"),
    };
    runs.into_iter().map(told).collect()
}

fn step(step: &PathStep) -> String {
    match &step.location {
        Some(line) => format!(
            "{}:{}: {}",
            first_line(&line.file),
            line.line,
            first_line(&step.what)
        ),
        None => format!("instruction {}: {}", step.insn, first_line(&step.what)),
    }
}

/// A heading with an indented line for each entry.
fn block(heading: &str, entries: impl Iterator<Item = String>) -> String {
    entries.fold(format!("{heading}:"), |text, entry| {
        text + "\n  " + first_line(&entry)
    })
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The bytes of the word at a column (from 1; 0 if unknown). Without a column, the whole line but
/// its indentation.
fn word_at(text: &str, column: u32) -> std::ops::Range<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let start = usize::try_from(column)
        .ok()
        .and_then(|column| column.checked_sub(1))
        .filter(|start| *start < text.len());
    let Some(rest) = start.and_then(|start| text.get(start..)) else {
        let indent = text.len() - text.trim_start().len();
        return indent..text.trim_end().len().max(indent);
    };
    let start = text.len() - rest.trim_start().len();
    let rest = rest.trim_start();
    let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    let sign = rest.chars().next().map_or(0, char::len_utf8);
    start..start + word.max(sign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Code;

    fn line(line: u32, column: u32, text: &str) -> SourceLine {
        SourceLine {
            file: "codelets/echo.c".to_owned(),
            line,
            column,
            text: text.to_owned(),
        }
    }

    fn with_source() -> Rejection {
        Rejection {
            code: Code::NullDereference,
            message: "`r0` may be null here".to_owned(),
            program: "jbpf_generic".to_owned(),
            insn: 14,
            disassembly: "ldxw r1, [r0+0x4]".to_owned(),
            function: Some("count".to_owned()),
            location: Some(line(12, 13, "    *seen = counter->seen;")),
            obligation: Some("reads 4 bytes through a pointer that may be null".to_owned()),
            registers: vec![("r0".to_owned(), "value of `counter`, or null".to_owned())],
            origin: Some(Origin {
                what: "the result of map_lookup_elem may be null".to_owned(),
                insn: 9,
                disassembly: "call 1".to_owned(),
                location: Some(line(
                    10,
                    25,
                    "    struct c *counter = jbpf_map_lookup_elem(&m, &key);",
                )),
            }),
            path: vec![PathStep {
                insn: 3,
                what: "if r2 > r3: not taken".to_owned(),
                location: Some(line(8, 5, "    if (p + 1 > end)")),
            }],
            hint: Some("compare it with NULL first".to_owned()),
            frames: vec![
                "count: 16 bytes".to_owned(),
                "jbpf_main: 8 bytes".to_owned(),
            ],
        }
    }

    fn without_source() -> Rejection {
        let mut rejection = with_source();
        rejection.location = None;
        rejection
            .path
            .iter_mut()
            .for_each(|step| step.location = None);
        rejection.frames.truncate(1);
        if let Some(origin) = &mut rejection.origin {
            origin.location = None;
        }
        rejection
    }

    #[test]
    fn a_rejection_with_source_lines_reads_like_a_compiler_error() {
        let expected = "\
error[E0025]: `r0` may be null here
  --> codelets/echo.c:12:13
   |
12 |     *seen = counter->seen;
   |             ^^^^^^^ reads 4 bytes through a pointer that may be null
   |
  ::: codelets/echo.c:10:25
   |
10 |     struct c *counter = jbpf_map_lookup_elem(&m, &key);
   |                         -------------------- the result of map_lookup_elem may be null
   |
   = note: instruction 14 in `count` of jbpf_generic: `ldxw r1, [r0+0x4]`
   = note: registers there:
             r0 = value of `counter`, or null
   = note: the path there:
             codelets/echo.c:8: if r2 > r3: not taken
   = note: active calls, innermost first:
             count: 16 bytes
             jbpf_main: 8 bytes
   = help: compare it with NULL first
   = note: for more: `jbpf explain E0025`";
        assert_eq!(render(&with_source(), false), expected);
    }

    #[test]
    fn without_source_lines_it_shows_instructions() {
        let expected = "\
error[E0025]: `r0` may be null here
  --> jbpf_generic, instruction 14
   |
14 | ldxw r1, [r0+0x4]
   | ^^^^^^^^^^^^^^^^^ reads 4 bytes through a pointer that may be null
   |
  ::: jbpf_generic, instruction 9
   |
 9 | call 1
   | ------ the result of map_lookup_elem may be null
   |
   = note: registers there:
             r0 = value of `counter`, or null
   = note: the path there:
             instruction 3: if r2 > r3: not taken
   = help: compare it with NULL first
   = note: for more: `jbpf explain E0025`";
        assert_eq!(render(&without_source(), false), expected);
    }

    #[test]
    fn an_origin_on_the_failing_line_becomes_a_note() {
        let mut rejection = with_source();
        if let Some(origin) = &mut rejection.origin {
            origin.location = rejection.location.clone();
        }
        let text = render(&rejection, false);
        assert!(
            text.contains("= note: on the same line, instruction 9 (`call 1`): the result"),
            "{text}"
        );
    }

    #[test]
    fn an_origin_elsewhere_on_the_failing_line_is_marked_there() {
        let mut rejection = with_source();
        if let Some(origin) = &mut rejection.origin {
            origin.location = Some(line(12, 6, "    *seen = counter->seen;"));
        }
        let text = render(&rejection, false);
        assert_eq!(text.matches("12 |").count(), 1, "{text}");
        assert!(text.contains("^^^^^^^ reads 4 bytes"), "{text}");
        assert!(
            text.contains("the result of map_lookup_elem may be null"),
            "{text}"
        );
    }

    #[test]
    fn repeated_steps_are_told_once_and_the_failure_is_not_repeated() {
        let mut rejection = with_source();
        let step = rejection.path[0].clone();
        let failure = PathStep {
            what: rejection.message.clone(),
            ..step.clone()
        };
        rejection.path = vec![step.clone(), step.clone(), step, failure];
        let text = render(&rejection, false);
        assert!(
            text.contains("codelets/echo.c:8: if r2 > r3: not taken (3 times)"),
            "{text}"
        );
        assert_eq!(text.matches("may be null here").count(), 1, "{text}");
    }

    #[test]
    fn the_caret_covers_the_word_at_the_column() {
        let text = "    x = über + *p;";
        let marked = |column| {
            text.get(word_at(text, column))
                .expect("a range of the text")
        };
        assert_eq!(marked(9), "über");
        assert_eq!(marked(8), "über", "a blank leads to the word behind it");
        assert_eq!(marked(16), "*");
        assert_eq!(marked(0), text.trim(), "an unknown column marks the line");
        assert_eq!(marked(10), text.trim(), "as does one inside of a character");
        assert_eq!(marked(99), text.trim(), "or beyond the end");
        assert_eq!(word_at("", 1), 0..0);
    }

    #[test]
    fn text_of_the_object_cannot_move_the_cursor_or_add_lines() {
        let mut rejection = with_source();
        rejection.message = "bad\u{1b}[2Jname".to_owned();
        if let Some(line) = &mut rejection.location {
            line.text = "evil \u{1b}[1A\nerror: fake".to_owned();
            line.file = "a\nb\u{7}".to_owned();
            line.column = 400;
        }
        rejection.program = "x\ny\u{1b}".to_owned();
        rejection.registers = vec![("r0".to_owned(), "\u{1b}[31m\nfake".to_owned())];
        rejection.hint = Some("\u{1b}[31m".to_owned());
        rejection
            .path
            .iter_mut()
            .for_each(|step| step.what.insert(0, '\r'));
        let text = render(&rejection, false);
        assert!(
            text.chars().all(|c| c == '\n' || !c.is_control()),
            "{text:?}"
        );
        assert!(!text.contains("fake"), "{text}");
    }

    #[test]
    fn color_is_only_added_when_asked_for() {
        assert!(render(&with_source(), true).contains("\u{1b}["));
        assert!(!render(&with_source(), false).contains('\u{1b}'));
        let plain = render(&without_source(), true);
        assert!(plain.contains("jbpf_generic, instruction 14"), "{plain}");
    }

    #[test]
    fn a_rejection_survives_json() {
        let json = serde_json::to_string(&with_source()).expect("plain data");
        assert!(json.starts_with(r#"{"code":"E0025","message":"#), "{json}");
        let back: Rejection = serde_json::from_str(&json).expect("its own output");
        assert_eq!(back, with_source());
    }
}
