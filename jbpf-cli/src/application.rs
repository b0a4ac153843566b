//! The application that a command is for: how it is named, found and asked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jbpf_channel::StreamId;
use jbpf_operator::client::{self as operator, Operator, OperatorError, applications};
use jbpf_operator::info::ThreadInside;
use jbpf_operator::nearest::nearest;
use jbpf_operator::protocol::{ChangeReport, Hello, MemoryReport, StreamReport, WaitingReport};
use jbpf_operator::stats::AbortStatistics;
use jbpf_operator::stream::Direction;
use serde::Serialize;

use crate::output::{self, Failure, Output, Status};

/// Which application.
#[derive(Args)]
pub(crate) struct Target {
    /// The application, by name or process id; the only one that runs when not given.
    #[arg(long, value_name = "NAME|PID")]
    pub(crate) app: Option<String>,

    /// The application, by the path of its control socket.
    #[arg(long, value_name = "PATH", conflicts_with = "app")]
    pub(crate) socket: Option<PathBuf>,
}

/// Which application, and how its answers are printed.
#[derive(Args)]
pub(crate) struct Application {
    #[command(flatten)]
    target: Target,

    /// Print JSON, one object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// An application that answers.
pub(crate) struct Running {
    pub(crate) hello: Hello,
    pub(crate) socket: PathBuf,
    operator: Operator,
}

/// How long one application may keep commands waiting that look for all.
const PATIENCE: Duration = Duration::from_secs(2);

/// This user's applications.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) running: Vec<Running>,
    /// Stopped ones, or such as hang, by the names of their sockets.
    silent: Vec<String>,
}

/// Asks this user's applications who they are. Sockets without one are left behind by a crash; who
/// does not answer is warned of.
pub(crate) fn running() -> Result<Found, Failure> {
    let mut found = Found::default();
    for application in applications().map_err(Failure::Applications)? {
        match greet(&application) {
            Err(OperatorError::Connect { .. }) => {}
            Ok((hello, operator)) => found.running.push(Running {
                hello,
                socket: application.socket,
                operator,
            }),
            Err(error) => {
                output::warn(&format!("`{}`: {error}", application.name));
                found.silent.push(application.name);
            }
        }
    }
    Ok(found)
}

/// How long the application may take to say what it waits for.
const GLANCE: Duration = Duration::from_millis(500);

/// Says what an answer is waited for that does not come: after 1, 2, 4, 8... seconds.
fn tell_of_waiting(socket: &Path, waited: Duration) {
    if waited.as_secs().is_power_of_two() {
        for reason in reasons(socket) {
            output::tell(&format!("waiting for {reason}"));
        }
        output::tell(&format!("no answer for {} s", waited.as_secs()));
    }
}

/// The cause of the application's silence, as far as it says so.
fn reasons(socket: &Path) -> Vec<String> {
    let asked = Operator::connect_within(socket, GLANCE).and_then(|mut other| other.waiting());
    match asked {
        Ok(WaitingReport { changes, inside }) => {
            let mut reasons = Vec::new();
            for ChangeReport { for_ms, inside, .. } in &changes {
                for thread in inside {
                    let seconds = for_ms / 1000;
                    reasons.push(format!("{} for {seconds} s", thread));
                }
            }
            reasons.extend(inside.iter().map(ThreadInside::to_string));
            let behind = changes.iter().filter(|change| change.begun).count();
            if reasons.is_empty() && behind > 0 {
                reasons.push("the changes that have begun".to_owned());
            }
            reasons
        }
        // It is an older one, or turns this connection away: it answers.
        Err(OperatorError::Refused(_)) => Vec::new(),
        Err(_) => vec!["an application that may be stopped, or hang".to_owned()],
    }
}

/// Who it is, if it says so before long.
fn greet(application: &operator::Application) -> Result<(Hello, Operator), OperatorError> {
    let mut operator = Operator::connect_within(&application.socket, PATIENCE)?;
    let hello = operator.hello()?;
    operator.set_patience(Operator::PATIENCE);
    operator.while_waiting(Some(tell_of_waiting));
    Ok((hello, operator))
}

impl Target {
    /// A connection to it.
    pub(crate) fn connect(&self) -> Result<Operator, Failure> {
        if let Some(socket) = &self.socket {
            let mut operator = Operator::connect(socket)?;
            operator.while_waiting(Some(tell_of_waiting));
            return Ok(operator);
        }
        if let Some(wanted) = &self.app
            && let Some(operator) = named(wanted)?
        {
            return Ok(operator);
        }
        let Found {
            mut running,
            silent,
        } = running()?;
        if running.is_empty() && !silent.is_empty() {
            return Err(Failure::NoneAnswers { silent });
        }
        match &self.app {
            Some(wanted) => find(running, wanted),
            None => match (running.pop(), running.is_empty()) {
                (Some(only), true) => Ok(only.operator),
                (None, _) => Err(Failure::NoApplications),
                (Some(last), false) => {
                    running.push(last);
                    Err(Failure::SeveralApplications {
                        running: names(&running),
                    })
                }
            },
        }
    }
}

impl Application {
    /// A connection to it.
    pub(crate) fn connect(&self) -> Result<Operator, Failure> {
        self.target.connect()
    }

    /// Prints what there are several of with `print`, or as JSON, an object a line.
    pub(crate) fn answer_each<T: Serialize>(
        &self,
        all: Vec<T>,
        output: &mut Output,
        print: impl FnOnce(&[T], &mut Output) -> Result<(), Failure>,
    ) -> Result<Status, Failure> {
        if self.json {
            all.iter().try_for_each(|one| output.json(one))?;
        } else {
            print(&all, output)?;
        }
        Ok(Status::Success)
    }

    /// Prints an answer with `print`, or as JSON.
    pub(crate) fn answer<T: Serialize>(
        &self,
        answer: Result<T, OperatorError>,
        output: &mut Output,
        print: impl FnOnce(&T, &mut Output) -> Result<(), Failure>,
    ) -> Result<Status, Failure> {
        let answer = answer?;
        if self.json {
            output.json(&answer)?;
        } else {
            print(&answer, output)?;
        }
        Ok(Status::Success)
    }
}

/// The application whose socket has this name, if that is its own; one that does not answer is
/// there, too.
fn named(wanted: &str) -> Result<Option<Operator>, Failure> {
    let found = applications().map_err(Failure::Applications)?;
    let Some(application) = found.iter().find(|found| found.name == wanted) else {
        return Ok(None);
    };
    match greet(application) {
        Ok((hello, operator)) => Ok((hello.name == wanted).then_some(operator)),
        Err(OperatorError::Connect { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn find(running: Vec<Running>, wanted: &str) -> Result<Operator, Failure> {
    let names = names(&running);
    let pid: Option<u32> = wanted.parse().ok();
    running
        .into_iter()
        .find(|running| running.hello.name == wanted || Some(running.hello.pid) == pid)
        .map(|running| running.operator)
        .ok_or_else(|| Failure::NoApplication {
            wanted: wanted.to_owned(),
            running: names,
        })
}

fn names(running: &[Running]) -> Vec<String> {
    running
        .iter()
        .map(|running| running.hello.name.clone())
        .collect()
}

/// The channel, of one direction or either, that an operator means: by stream id, map,
/// `codelet/map` or `codeletset/codelet/map`.
pub(crate) fn stream(
    operator: &mut Operator,
    wanted: &str,
    direction: Option<Direction>,
) -> Result<StreamReport, Failure> {
    let streams = operator.streams()?;
    let id: Option<StreamId> = wanted.parse().ok();
    let is_meant = |stream: &&StreamReport| {
        let whole = whole_name(stream);
        Some(stream.stream_id) == id || whole == wanted || whole.ends_with(&format!("/{wanted}"))
    };
    let (candidates, others): (Vec<_>, Vec<_>) = streams
        .iter()
        .partition(|stream| direction.is_none_or(|direction| stream.direction == direction));
    let found: Vec<&StreamReport> = candidates.iter().copied().filter(is_meant).collect();
    let wanted = wanted.to_owned();
    match found.as_slice() {
        [only] => Ok((*only).clone()),
        [] => match others.into_iter().find(is_meant) {
            Some(StreamReport { direction, .. }) => Err(Failure::OtherWay {
                direction: *direction,
                wanted,
            }),
            None => Err(Failure::NoStream {
                kind: match direction {
                    Some(Direction::Input) => "input channel",
                    Some(Direction::Output) => "output channel",
                    None => "channel",
                },
                hint: nearest(&wanted, candidates.iter().map(|stream| stream.map.as_str()))
                    .map_or_else(String::new, |name| format!("; did you mean `{name}`?")),
                wanted,
            }),
        },
        several => Err(Failure::SeveralStreams {
            wanted,
            existing: several.iter().map(|stream| whole_name(stream)).collect(),
        }),
    }
}

/// The name that no other channel of this direction has.
pub(crate) fn whole_name(stream: &StreamReport) -> String {
    format!("{}/{}/{}", stream.codeletset, stream.codelet, stream.map)
}

/// How much memory maps and channels take, of how much.
pub(crate) fn memory(memory: &MemoryReport) -> String {
    let limit = memory.limit;
    let limit = limit.map_or_else(String::new, |limit| format!(" of {limit}"));
    let unloaded = match memory.unloaded {
        0 => String::new(),
        bytes => format!(", {bytes} of them by what is unloaded and still held"),
    };
    format!("{}{limit} bytes of memory in use{unloaded}", memory.used)
}

/// How many calls a codelet has left before their end, and where it was the last time.
pub(crate) fn aborts(aborts: &AbortStatistics) -> String {
    match &aborts.last {
        Some(last) => format!("{} ({})", aborts.count, last),
        None => aborts.count.to_string(),
    }
}

/// Columns, each as wide as its widest cell; the last one is not padded.
pub(crate) fn table<const N: usize>(
    output: &mut Output,
    titles: [&str; N],
    rows: &[[String; N]],
) -> Result<(), Failure> {
    let mut widths = titles.map(|title| title.chars().count());
    // A name with an end of line would make a row of its own.
    let rows: Vec<_> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| cell.replace('\n', r"\n")))
        .collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let padded = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let titles = output.faint(&line(&titles.map(str::to_owned)));
    output.line(titles)?;
    for row in &rows {
        output.line(line(row))?;
    }
    Ok(())
}
