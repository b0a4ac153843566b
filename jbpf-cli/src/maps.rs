//! `jbpf maps ID [NAME]`: what maps hold.

use clap::Args;
use jbpf_core::operator::{Operator, OperatorError};
use jbpf_core::server::protocol::{Element, MapBody, MapPage};
use serde::Serialize;

use crate::application::Application;
use crate::entry::{Entry, MapTypes};
use crate::output::{Failure, Output, Status, nearest};

/// Show what the maps of a codeletset hold.
///
/// Keys and values whose layout nobody knows are printed in hexadecimal. Of maps with a copy for each thread,
/// every copy is shown, by the number of its thread.
#[derive(Args)]
pub(crate) struct Maps {
    /// The codeletset's id.
    #[arg(value_name = "ID")]
    id: String,

    /// Show the maps of this name alone.
    #[arg(value_name = "NAME")]
    name: Option<String>,

    /// Show entries of arrays, too, whose bytes are all zero.
    #[arg(long)]
    zeros: bool,

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

impl Maps {
    pub(crate) fn run(&self, output: &mut Output) -> Result<Status, Failure> {
        let mut operator = self.application.connect()?;
        let set = match operator.show(&self.id) {
            Ok(set) => set,
            Err(error) => {
                let refused: Result<(), OperatorError> = Err(error);
                return self.application.answer(refused, output, |(), _| Ok(()));
            }
        };
        let maps = set.codelets.iter().flat_map(|codelet| {
            let maps = codelet.maps.iter().filter(|map| map.kind.holds_values());
            maps.map(move |map| (codelet.name.as_str(), map.name.as_str()))
        });
        let wanted = |name: &str| self.name.as_deref().is_none_or(|wanted| wanted == name);
        if let Some(name) = &self.name
            && !maps.clone().any(|(_, map)| map == name)
        {
            return Err(Failure::NoMap {
                id: self.id.clone(),
                wanted: name.clone(),
                hint: nearest(name, maps.map(|(_, map)| map))
                    .map_or_else(String::new, |name| format!("; did you mean `{name}`?")),
            });
        }
        for (codelet, map) in maps.filter(|(_, map)| wanted(map)) {
            self.show(&mut operator, codelet, map, output)?;
        }
        Ok(Status::Success)
    }

    fn show(
        &self,
        operator: &mut Operator,
        codelet: &str,
        map: &str,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let mut part = MapBody {
            codeletset: self.id.clone(),
            codelet: codelet.to_owned(),
            map: map.to_owned(),
            skip: 0,
            limit: None,
        };
        if !self.application.json {
            let title = output.bold(&format!("{codelet}/{map}"));
            output.line(title)?;
        }
        loop {
            let page = operator.map(&part)?;
            for element in &page.elements {
                self.element(&page, codelet, map, element, output)?;
            }
            part.skip += page.elements.len() as u64;
            if !page.more || page.elements.is_empty() {
                return Ok(());
            }
        }
    }

    fn element(
        &self,
        page: &MapPage,
        codelet: &str,
        map: &str,
        element: &Element,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let types = MapTypes {
            kind: page.map.kind,
            key: page.key_type.as_ref(),
            value: page.value_type.as_ref(),
        };
        if !self.zeros && types.is_absent(&element.value.0) {
            return Ok(());
        }
        let entry = types.entry(element.thread, &element.key.0, &element.value.0);
        if self.application.json {
            return output.json(&Line {
                codelet,
                map,
                entry,
            });
        }
        output.line(format_args!("  {entry}"))
    }
}
