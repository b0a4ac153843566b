//! Lines that codelets print with `jbpf_printf_debug`, on standard output.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

/// Prints what codelets say with `jbpf_printf_debug`.
pub fn print() {
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Format)
        .with_writer(std::io::stdout)
        .with_filter(Targets::new().with_target("jbpf::codelet", LevelFilter::DEBUG));
    tracing_subscriber::registry().with(lines).init();
}

/// `[JBPF_DEBUG]: ` and the codelet's words, nothing else.
struct Format;

impl<S, N> FormatEvent<S, N> for Format
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(out, "[JBPF_DEBUG]: ")?;
        let mut message = Message(out, Ok(()));
        event.record(&mut message);
        message.1?;
        write!(message.0, "\n\n")
    }
}

struct Message<'a>(Writer<'a>, fmt::Result);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.1 = write!(self.0, "{value:?}");
        }
    }
}
