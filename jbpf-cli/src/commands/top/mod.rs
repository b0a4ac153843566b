//! `jbpf top`: what hooks and codelets do, live.
//!
//! `rows` is what the table says, `screen` the terminal that it is drawn on, `live` the keys that
//! change it. A file or a pipe gets one table after the other instead.

mod live;
mod rows;
mod screen;

use std::io::IsTerminal as _;
use std::thread::sleep;
use std::time::Duration;

use clap::Args;
use jbpf_operator::client::{Operator, OperatorError};
use jbpf_operator::protocol::Hello;
use serde::Serialize;

use crate::application::{Application, table};
use crate::output::{Failure, Output, Status};
use rows::{Column, Rows, View};

/// Watch what codelets do: calls a second, how long they take, records dropped.
///
/// Hooks are measured while this runs, and only then. On a terminal it is a live table: `q` ends
/// it, the arrow keys choose the column to sort by, `r` turns the order round, `/` filters by
/// name, `h` shows hooks instead of codelets. Into a pipe or file, with --json or with --count, it
/// prints one table after the other.
///
/// CALLS/S counts every call. P50 and P99 are the times that half and 99 of 100 calls do not
/// exceed, and LOAD the share of one processor that they take together, by a sample of the calls.
/// MEMORY is what maps and channels take, in bytes. A dash is what nobody knows.
#[derive(Args)]
pub(crate) struct Top {
    #[command(flatten)]
    application: Application,

    /// The time between two tables, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(10..=20_000))]
    interval_ms: u64,

    /// Print so many tables and end.
    #[arg(long, value_name = "N")]
    count: Option<u64>,

    /// What to sort by.
    #[arg(long, value_name = "COLUMN", value_enum, default_value_t = Column::Calls)]
    sort: Column,

    /// Show only hooks and codelets whose name contains this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,

    /// Show hooks, not codelets.
    #[arg(long)]
    hooks: bool,
}

impl Top {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let mut operator = self.application.connect()?;
        let begun = begin(&mut operator);
        let (hello, rows) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                return self
                    .application
                    .answer(Err::<(), _>(error), output, |_, _| Ok(()));
            }
        };
        let view = View {
            sort: self.sort,
            ascending: self.sort.is_name(),
            filter: self.filter.clone(),
            hooks: self.hooks,
        };
        let interval = Duration::from_millis(self.interval_ms);
        if self.application.json || self.count.is_some() || !std::io::stdout().is_terminal() {
            self.print(operator, rows, &view, interval, output)?;
        } else {
            live::run(operator, &hello.name, hello.memory, rows, view, interval)?;
        }
        Ok(Status::Success)
    }

    /// One table after the other.
    fn print(
        &self,
        mut operator: Operator,
        mut rows: Rows,
        view: &View,
        interval: Duration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        #[derive(Serialize)]
        struct Line<'a> {
            rows: Vec<&'a rows::Row>,
        }
        let mut printed = 0;
        while self.count.is_none_or(|count| printed < count) {
            sleep(interval);
            rows.update(operator.statistics(None)?);
            let shown = rows.shown(view);
            if self.application.json {
                output.json(&Line { rows: shown })?;
            } else {
                if printed > 0 {
                    output.line("")?;
                }
                let cells: Vec<_> = shown.iter().map(|row| row.cells()).collect();
                table(output, rows::TITLES, &cells)?;
            }
            output.flush()?;
            printed += 1;
        }
        Ok(())
    }
}

/// Has everything measured, and looks once: a rate needs two looks.
fn begin(operator: &mut Operator) -> Result<(Hello, Rows), OperatorError> {
    let hello = operator.hello()?;
    operator.measure(None)?;
    let mut rows = Rows::default();
    rows.update(operator.statistics(None)?);
    Ok((hello, rows))
}
