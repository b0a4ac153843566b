//! `jbpf maps ID [NAME]`: what maps hold.

use clap::Args;
use jbpf_operator::client::Operator;
use jbpf_operator::info::CodeletsetInfo;
use jbpf_operator::protocol::{Element, MapBody, MapPage};
use serde::Serialize;

use crate::application::Application;
use crate::entry::{self, Entry, EntryRecords, MapTypes};
use crate::format::{Format, Writer};
use crate::output::{Failure, Output, Status};
use crate::record::little_endian;
use crate::total::Totals;

/// Show what the maps of a codeletset hold.
///
/// Keys and values whose layout nobody knows are printed in hexadecimal. Copies of threads are
/// added up where values consist of numbers; the least counts of a field called min, and the most
/// of one called max. A histogram is drawn: an array of at most 256 counts.
#[derive(Args)]
pub(crate) struct Maps {
    /// The codeletset's id.
    #[arg(value_name = "ID")]
    id: String,

    /// Show the maps of this name alone, or the one called codelet/map.
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// Show entries of arrays, too, whose bytes are all zero.
    #[arg(long)]
    zeros: bool,

    /// Show the copy of each thread, by the thread's number, as csv and protobuf always do.
    #[arg(long)]
    per_thread: bool,

    /// Print the entries in this format; csv and protobuf take one map.
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    format: Option<Format>,

    #[command(flatten)]
    application: Application,
}

/// An element, decoded as far as possible.
#[derive(Serialize)]
struct Line<'a> {
    codelet: &'a str,
    map: &'a str,
    #[serde(flatten)]
    entry: Entry<'a>,
}

/// A map that is shown as a whole, once all of it has come.
struct Collected {
    /// The types of a page.
    page: MapPage,
    totals: Totals,
    is_drawn: bool,
}

/// The widest bar of a histogram, in columns.
const WIDEST: u128 = 40;

/// A count as a bar. The largest one fills all columns, and a count that is not 0 at least one.
fn bar(count: u128, most: u128) -> String {
    let columns = count.saturating_mul(WIDEST).checked_div(most).unwrap_or(0);
    let columns = columns.max(u128::from(count > 0)).min(WIDEST);
    format!("  {}", "#".repeat(columns as usize))
}

/// Bytes that a map takes, of which copies of threads are a part.
fn memory(set: &CodeletsetInfo, codelet: &str, map: &str) -> u64 {
    set.codelets
        .iter()
        .filter(|report| report.name == codelet)
        .flat_map(|report| &report.maps)
        .find(|report| report.name == map)
        .map_or(0, |report| report.memory)
}

impl Maps {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let mut operator = self.application.connect()?;
        let set = operator.show(&self.id)?;
        let maps = entry::maps(&set, self.name.as_deref())?;
        match self.format {
            Some(format @ (Format::Csv | Format::Protobuf)) => {
                self.write(&mut operator, &set, &maps, format, output)?;
            }
            Some(Format::Json) | None => {
                for (codelet, map) in maps {
                    if !self.is_json() {
                        let title = output.bold(&format!("{codelet}/{map}"));
                        let memory = memory(&set, codelet, map);
                        output.line(format_args!("{title}, {memory} bytes of memory"))?;
                    }
                    self.show(&mut operator, codelet, map, output)?;
                }
            }
        }
        Ok(Status::Success)
    }

    fn is_json(&self) -> bool {
        self.application.json || self.format == Some(Format::Json)
    }

    fn show(
        &self,
        operator: &mut Operator,
        codelet: &str,
        map: &str,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let line = |entry: Entry<'_>, bar: &str, output: &mut Output| {
            if self.is_json() {
                return output.json(&Line {
                    codelet,
                    map,
                    entry,
                });
            }
            let line = format!("  {entry}{bar}");
            output.line(line.trim_end())
        };
        let mut collected: Option<Collected> = None;
        self.pages(operator, codelet, map, |page| {
            let types = MapTypes::from(page);
            let is_summed = !self.per_thread && types.is_per_thread() && types.is_sum();
            let is_drawn = !self.is_json()
                && types.is_histogram(page.map.max_entries)
                && (is_summed || !types.is_per_thread());
            if is_summed || is_drawn {
                let collected = collected.get_or_insert_with(|| Collected {
                    page: MapPage {
                        map: page.map.clone(),
                        key_type: page.key_type.clone(),
                        value_type: page.value_type.clone(),
                        elements: Vec::new(),
                        more: false,
                    },
                    totals: Totals::default(),
                    is_drawn,
                });
                for element in &page.elements {
                    collected.totals.add(element, types.value);
                }
                return Ok(());
            }
            self.elements(page).try_for_each(|element| {
                let entry = types.entry(element.thread, &element.key.0, &element.value.0);
                line(entry, "", output)
            })
        })?;
        let Some(collected) = collected else {
            return Ok(());
        };
        let types = MapTypes::from(&collected.page);
        let entries = collected.totals.entries(types.is_array());
        let shown = |value: &[u8]| self.zeros || !types.is_absent(value);
        let most = entries.iter().map(|(_, value)| little_endian(value)).max();
        for (key, value) in entries.iter().filter(|(_, value)| shown(value)) {
            let bar = match most {
                Some(most) if collected.is_drawn => bar(little_endian(value), most),
                _ => String::new(),
            };
            line(types.total(key, value), &bar, output)?;
        }
        Ok(())
    }

    /// Prints one map in a format of one layout.
    fn write(
        &self,
        operator: &mut Operator,
        set: &CodeletsetInfo,
        maps: &[(&str, &str)],
        format: Format,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let (codelet, map) = entry::only(set, maps)?;
        let records = EntryRecords {
            layout: entry::layout_of(operator, &set.id, &format!("{codelet}/{map}"))?,
        };
        let writer = Writer::new(format, &records.layout, output)?;
        self.pages(operator, codelet, map, |page| {
            self.elements(page).try_for_each(|element| {
                let bytes = records.bytes(element.thread, &element.key.0, &element.value.0);
                writer.write(&bytes, output)
            })
        })
    }

    fn pages(
        &self,
        operator: &mut Operator,
        codelet: &str,
        map: &str,
        mut show: impl FnMut(&MapPage) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut part = MapBody {
            codeletset: self.id.clone(),
            codelet: codelet.to_owned(),
            map: map.to_owned(),
            skip: 0,
            limit: None,
        };
        loop {
            let page = operator.map(&part)?;
            show(&page)?;
            part.skip += page.elements.len() as u64;
            if !page.more || page.elements.is_empty() {
                return Ok(());
            }
        }
    }

    /// The elements of a page that are to be shown.
    fn elements<'a>(&self, page: &'a MapPage) -> impl Iterator<Item = &'a Element> {
        let (types, zeros) = (MapTypes::from(page), self.zeros);
        let shown = move |element: &&Element| zeros || !types.is_absent(&element.value.0);
        page.elements.iter().filter(shown)
    }
}
