//! The input of a codelet that runs off target: a data region, the context's fields, and records
//! for its input channels.

use std::path::PathBuf;

use clap::Args;
use jbpf_channel::record::RecordType;
use jbpf_object::Object;
use jbpf_verifier::types::{ContextDef, MapKind};
use serde_json::Value;

use crate::input;
use crate::output::Failure;
use crate::record;
use crate::surroundings::Place;

/// Offset of the first field in a context, `meta_data`.
pub(crate) const FIELDS: usize = 16;

/// Bytes of a region that are made when none are given.
const MOST_ZEROS: u64 = 64 << 20;

/// The input of a run.
#[derive(Args)]
pub(crate) struct Stimulus {
    /// The data region: the bytes of this file, or JSON when its name ends in .json; `-` reads
    /// standard input.
    ///
    /// JSON needs a known layout: that of the hook of a running application, or --type. Without
    /// any data, the region has as many zeros as the context promises.
    #[arg(long, value_name = "FILE", group = "region")]
    data: Option<PathBuf>,

    /// The data region, in hexadecimal.
    #[arg(long, value_name = "DIGITS", group = "region")]
    data_hex: Option<String>,

    /// The data region, as JSON; fields left out are zero.
    #[arg(long, value_name = "JSON", group = "region")]
    data_json: Option<String>,

    /// The type of the data region: one that the codelet's maps hold.
    #[arg(long = "type", value_name = "NAME")]
    data_type: Option<String>,

    /// A field of the context, such as ctx_id=3; those left out are zero.
    #[arg(long = "field", value_name = "NAME=NUMBER")]
    fields: Vec<String>,

    /// A record for an input channel, in hexadecimal or as JSON; each is received once.
    #[arg(long = "input", value_name = "MAP=HEX|JSON")]
    inputs: Vec<String>,
}

/// The bytes that it stands for.
pub(crate) struct Bytes {
    pub(crate) region: Vec<u8>,
    /// The region's type, where it is known.
    pub(crate) region_type: Option<RecordType>,
    /// The context from `meta_data` on.
    pub(crate) fields: Vec<u8>,
    /// Input channels by name, and records for them.
    pub(crate) inputs: Vec<(String, Vec<u8>)>,
}

impl Stimulus {
    /// The bytes, for a codelet of this object in this place.
    pub(crate) fn bytes(&self, object: &Object, place: &Place<'_>) -> Result<Bytes, Failure> {
        let region_type = self.region_type(object, place)?;
        Ok(Bytes {
            region: self.region(region_type.as_ref(), &place.context)?,
            fields: self.fields(&place.context)?,
            inputs: self.inputs(object)?,
            region_type,
        })
    }

    fn region_type(
        &self,
        object: &Object,
        place: &Place<'_>,
    ) -> Result<Option<RecordType>, Failure> {
        let Some(wanted) = &self.data_type else {
            return Ok(place.hook.and_then(|hook| hook.data.clone()));
        };
        let types = object
            .record_types
            .values()
            .chain(object.key_types.values());
        match types.clone().find(|ty| ty.name == *wanted) {
            Some(found) => Ok(Some(found.clone())),
            None => Err(Failure::NoType {
                wanted: wanted.clone(),
                existing: types.map(|ty| ty.name.clone()).collect(),
            }),
        }
    }

    fn region(
        &self,
        layout: Option<&RecordType>,
        context: &ContextDef,
    ) -> Result<Vec<u8>, Failure> {
        if let Some(digits) = &self.data_hex {
            return Ok(record::from_hex(digits)?);
        }
        if let Some(text) = &self.data_json {
            return from_json(text.as_bytes(), layout);
        }
        let Some(path) = &self.data else {
            // Larger ones are refused for what is missing.
            let size = context.region.known_size.min(MOST_ZEROS);
            return Ok(vec![0; usize::try_from(size).unwrap_or(0)]);
        };
        let bytes = input::file_or_stdin(path)?;
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            return from_json(&bytes, layout);
        }
        Ok(bytes)
    }

    fn fields(&self, context: &ContextDef) -> Result<Vec<u8>, Failure> {
        let size = (context.readable as usize)
            .next_multiple_of(8)
            .saturating_sub(FIELDS);
        let mut bytes = vec![0; size];
        for given in &self.fields {
            let (name, number) = given
                .split_once('=')
                .ok_or_else(|| Failure::NoAssignment(given.clone()))?;
            let fields = context.fields.iter();
            let field = fields
                .clone()
                .find(|field| field.name == name)
                .ok_or_else(|| Failure::NoField {
                    context: context.name.clone(),
                    wanted: name.to_owned(),
                    existing: fields.map(|field| field.name.clone()).collect(),
                })?;
            let value = number_of(number, field.size).ok_or_else(|| Failure::NoNumber {
                field: name.to_owned(),
                given: number.to_owned(),
                bits: field.size.saturating_mul(8),
            })?;
            let at = (field.offset as usize).saturating_sub(FIELDS);
            let place = bytes.iter_mut().skip(at).take(field.size as usize);
            for (byte, new) in place.zip(value) {
                *byte = new;
            }
        }
        Ok(bytes)
    }

    fn inputs(&self, object: &Object) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        let channels = object
            .maps
            .iter()
            .filter(|map| map.kind == MapKind::ControlInput);
        let record_of = |given: &String| {
            let (name, text) = given
                .split_once('=')
                .ok_or_else(|| Failure::NoAssignment(given.clone()))?;
            if !channels.clone().any(|map| map.name == name) {
                return Err(Failure::NoInput {
                    wanted: name.to_owned(),
                    existing: channels.clone().map(|map| map.name.clone()).collect(),
                });
            }
            let bytes = match (record::from_hex(text), object.record_types.get(name)) {
                (Ok(bytes), _) => bytes,
                (Err(_), Some(layout)) => from_json(text.as_bytes(), Some(layout))?,
                (Err(error), None) => return Err(error.into()),
            };
            Ok((name.to_owned(), bytes))
        };
        self.inputs.iter().map(record_of).collect()
    }
}

/// One record, or several in a row when the JSON is a list of them.
fn from_json(text: &[u8], layout: Option<&RecordType>) -> Result<Vec<u8>, Failure> {
    let layout = layout.ok_or(Failure::UnknownData)?;
    let value: Value = serde_json::from_slice(text).map_err(Failure::Json)?;
    match &value {
        Value::Array(values) if !record::is_list(layout) => {
            let mut bytes = Vec::new();
            for value in values {
                bytes.extend(record::encode(layout, value)?);
            }
            Ok(bytes)
        }
        value => Ok(record::encode(layout, value)?),
    }
}

/// The little-endian bytes of a number that fits into so many, decimal or after `0x` hexadecimal.
fn number_of(text: &str, size: u32) -> Option<[u8; 16]> {
    let value: i128 = match text.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok()?,
        None => text.parse().ok()?,
    };
    let bits = size.saturating_mul(8).min(64);
    if bits == 0 {
        return None;
    }
    let fits = (-(1_i128 << (bits - 1))..1_i128 << bits).contains(&value);
    fits.then(|| value.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fit_or_do_not_whatever_size_an_application_tells() {
        assert_eq!(number_of("255", 1).unwrap()[..2], [255, 0]);
        assert_eq!(number_of("-128", 1).unwrap()[0], 128);
        for (text, size) in [("256", 1), ("-129", 1), ("0", 0), ("0x", 8), ("", u32::MAX)] {
            assert_eq!(number_of(text, size), None, "{text} in {size}");
        }
        assert!(number_of("0xffffffffffffffff", u32::MAX).is_some());
    }
}
