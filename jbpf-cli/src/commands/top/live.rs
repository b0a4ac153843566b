//! The live table: keys, and a new look at each interval.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, poll, read};
use crossterm::style::Attribute;
use jbpf_operator::client::Operator;
use jbpf_operator::protocol::MemoryReport;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::rows::{Column, Rows, TITLES, View};
use super::screen::{Line, Screen};
use crate::application::memory;
use crate::output::Failure;

/// How often it is looked whether a signal says to end.
const SIGNALS_EVERY: Duration = Duration::from_millis(100);

/// How long the application may take for a look. Keys wait as long, and the terminal sends no
/// signal for them.
const PATIENCE: Duration = Duration::from_secs(2);

/// The screen's content.
struct Table<'a> {
    application: &'a str,
    /// The memory of maps and channels, at the last look.
    memory: MemoryReport,
    rows: Rows,
    view: View,
    interval: Duration,
    /// The filter is being typed.
    typing: bool,
}

/// The meaning of a key.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Go,
    End,
}

pub(super) fn run(
    mut operator: Operator,
    application: &str,
    memory: MemoryReport,
    rows: Rows,
    view: View,
    interval: Duration,
) -> Result<(), Failure> {
    let end = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGHUP, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&end))?;
    }
    let mut table = Table {
        application,
        memory,
        rows,
        view,
        interval,
        typing: false,
    };
    operator.set_patience(PATIENCE);
    // The screen is the table's.
    operator.while_waiting(None);
    let mut screen = Screen::new()?;
    let mut next = Instant::now() + interval;
    screen.draw(&table.lines())?;
    while !end.load(Ordering::Relaxed) {
        if let Some(key) = key_until(next)? {
            if table.press(key) == Step::End {
                break;
            }
        } else if Instant::now() >= next {
            table.rows.update(operator.statistics(None)?);
            table.memory = operator.hello()?.memory;
            // A look that comes late is not made up for.
            next = (next + interval).max(Instant::now());
        }
        screen.draw(&table.lines())?;
    }
    Ok(())
}

/// The next key; none when a while has passed, or something else has happened.
fn key_until(deadline: Instant) -> io::Result<Option<KeyEvent>> {
    let left = deadline.saturating_duration_since(Instant::now());
    match poll(left.min(SIGNALS_EVERY)) {
        Ok(false) => Ok(None),
        Ok(true) => match read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => Ok(Some(key)),
            _ => Ok(None),
        },
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(error),
    }
}

impl Table<'_> {
    fn press(&mut self, key: KeyEvent) -> Step {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control {
            return match key.code {
                KeyCode::Char('c' | 'd') => Step::End,
                _ => Step::Go,
            };
        }
        if self.typing {
            match key.code {
                KeyCode::Enter => self.typing = false,
                KeyCode::Esc => {
                    self.typing = false;
                    self.view.filter.clear();
                }
                KeyCode::Backspace => _ = self.view.filter.pop(),
                KeyCode::Char(c) => self.view.filter.push(c),
                _ => {}
            }
            return Step::Go;
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Step::End,
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Char('h') => self.view.hooks = !self.view.hooks,
            KeyCode::Char('r') => self.view.ascending = !self.view.ascending,
            KeyCode::Left => self.sort_by(Column::ALL.len() - 1),
            KeyCode::Right => self.sort_by(1),
            _ => {}
        }
        Step::Go
    }

    /// Sorts by the column so many further to the right.
    fn sort_by(&mut self, further: usize) {
        let columns = Column::ALL.into_iter();
        let at = columns.clone().position(|column| column == self.view.sort);
        let mut columns = columns.cycle().skip(at.unwrap_or(0) + further);
        if let Some(column) = columns.next() {
            self.view.sort = column;
            self.view.ascending = column.is_name();
        }
    }

    fn lines(&self) -> Vec<Line> {
        let shown = self.rows.shown(&self.view);
        let mut cells = vec![self.titles()];
        cells.extend(shown.iter().map(|row| row.cells()));
        let mut lines = vec![plain(self.status(shown.len())), plain(String::new())];
        let mut table = aligned(&cells).into_iter();
        lines.extend(table.next().map(|text| Line {
            text,
            style: Attribute::Reverse,
        }));
        lines.extend(table.map(plain));
        lines.push(plain(String::new()));
        lines.push(Line {
            text: self.help(),
            style: Attribute::Dim,
        });
        lines
    }

    /// The column that rows are sorted by has an arrow.
    fn titles(&self) -> [String; TITLES.len()] {
        let arrow = if self.view.ascending { '^' } else { 'v' };
        let mut columns = Column::ALL.into_iter();
        TITLES.map(|title| match columns.next() {
            Some(column) if column == self.view.sort => format!("{title}{arrow}"),
            _ => title.to_owned(),
        })
    }

    fn status(&self, shown: usize) -> String {
        let what = if self.view.hooks { "hooks" } else { "codelets" };
        let every = self.interval.as_secs_f64();
        format!(
            "jbpf top  {}  {shown} {what}, every {every} s, {}",
            self.application,
            memory(&self.memory)
        )
    }

    fn help(&self) -> String {
        if self.typing {
            return format!(
                "filter: {}_   enter keeps it, escape clears it",
                self.view.filter
            );
        }
        let mut help =
            "q quit   left, right sort   r reverse   / filter   h hooks or codelets".to_owned();
        if !self.view.filter.is_empty() {
            help = format!("filter: {}   {help}", self.view.filter);
        }
        help
    }
}

fn plain(text: String) -> Line {
    Line {
        text,
        style: Attribute::Reset,
    }
}

/// Rows of text with columns of equal width; texts to the left, numbers to the right.
fn aligned(rows: &[[String; TITLES.len()]]) -> Vec<String> {
    let mut widths = [0; TITLES.len()];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; TITLES.len()]| {
        let cells = row.iter().zip(widths).enumerate();
        let padded = cells.map(|(column, (cell, width))| {
            if matches!(TITLES.get(column), Some(&("HOOK" | "CODELET" | "ABORTS"))) {
                format!("{cell:width$}")
            } else {
                format!("{cell:>width$}")
            }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table<'static> {
        Table {
            application: "app",
            memory: MemoryReport::default(),
            rows: Rows::default(),
            view: View {
                sort: Column::Calls,
                ascending: false,
                filter: String::new(),
                hooks: false,
            },
            interval: Duration::from_secs(1),
            typing: false,
        }
    }

    fn press(table: &mut Table<'_>, keys: impl IntoIterator<Item = KeyCode>) -> Step {
        let mut last = Step::Go;
        for code in keys {
            last = table.press(KeyEvent::new(code, KeyModifiers::NONE));
        }
        last
    }

    #[test]
    fn arrows_choose_the_column_all_the_way_round() {
        let mut table = table();
        press(&mut table, [KeyCode::Right, KeyCode::Right]);
        assert_eq!(
            (table.view.sort, table.view.ascending),
            (Column::P99, false)
        );
        press(&mut table, [KeyCode::Right; 8]);
        assert_eq!(
            (table.view.sort, table.view.ascending),
            (Column::Hook, true)
        );
        press(&mut table, [KeyCode::Left]);
        assert_eq!(table.view.sort, Column::Aborts);
        press(&mut table, [KeyCode::Char('r')]);
        assert!(table.view.ascending);
    }

    #[test]
    fn a_filter_is_typed_kept_and_cleared() {
        let mut table = table();
        let keys = ['/', 'q', 'h', 'x'].map(KeyCode::Char);
        assert_eq!(press(&mut table, keys), Step::Go);
        assert_eq!(
            press(&mut table, [KeyCode::Backspace, KeyCode::Enter]),
            Step::Go
        );
        assert_eq!((table.view.filter.as_str(), table.typing), ("qh", false));
        press(&mut table, [KeyCode::Char('/'), KeyCode::Esc]);
        assert_eq!(table.view.filter, "");
        assert_eq!(press(&mut table, [KeyCode::Char('q')]), Step::End);
    }

    #[test]
    fn control_c_ends_it_whatever_is_typed() {
        let mut table = table();
        press(&mut table, [KeyCode::Char('/')]);
        let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(table.press(key), Step::End);
    }
}
