//! CSV: a column for each number and text of a record, structs and arrays taken apart.

use ::csv::{ReaderBuilder, WriterBuilder};
use jbpf_channel::record::{FieldType, RecordField, RecordType};
use serde_json::{Map, Value};

use crate::output::Failure;
use crate::record::{self, Decoded, only_field};

/// The name of the column of a record that is no struct.
const ONLY: &str = "value";

/// The most columns of a line, which is what spreadsheets show.
const MAX_COLUMNS: usize = 16_384;

/// The most bytes of all their names.
const MAX_NAMES: usize = 1 << 20;

/// The layout of a record whose fields are columns.
pub(super) struct Columns(RecordType);

impl Columns {
    /// Fields of fields have names like `points[0].x`.
    pub(super) fn of(layout: &RecordType) -> Result<Self, Failure> {
        let mut columns = Taken::default();
        match only_field(layout) {
            Some(field) => columns.take_apart(ONLY, field.offset, &field.ty)?,
            None => columns.take_fields(None, 0, layout)?,
        }
        Ok(Self(RecordType {
            name: layout.name.clone(),
            size: layout.size,
            fields: columns.fields,
        }))
    }

    /// The first line.
    pub(super) fn names(&self) -> Result<Vec<u8>, Failure> {
        line(self.0.fields.iter().map(|field| field.name.as_str()))
    }

    /// A record's line; what it is too short for is empty.
    pub(super) fn line(&self, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
        let record = Decoded {
            layout: &self.0,
            bytes,
        };
        let cells = self.0.fields.iter().map(|field| {
            // As text: a `Value` would widen floats.
            let json = serde_json::to_string(&record.field(field)).map_err(Failure::Json)?;
            match json.as_bytes().first() {
                Some(b'"') => serde_json::from_str(&json).map_err(Failure::Json),
                Some(b'n') => Ok(String::new()),
                _ => Ok(json),
            }
        });
        line(cells.collect::<Result<Vec<_>, Failure>>()?)
    }
}

/// The columns so far.
#[derive(Default)]
struct Taken {
    fields: Vec<RecordField>,
    /// Bytes of their names.
    names: usize,
}

impl Taken {
    fn take_fields(
        &mut self,
        outer: Option<&str>,
        start: u32,
        layout: &RecordType,
    ) -> Result<(), Failure> {
        layout.fields.iter().try_for_each(|field| {
            let name = match (outer, field.name.as_str()) {
                (Some(outer), "") => outer.to_owned(),
                (Some(outer), name) => format!("{outer}.{name}"),
                (None, name) => name.to_owned(),
            };
            self.take_apart(&name, start.saturating_add(field.offset), &field.ty)
        })
    }

    fn take_apart(&mut self, name: &str, offset: u32, ty: &FieldType) -> Result<(), Failure> {
        match ty {
            FieldType::Struct(layout) => self.take_fields(Some(name), offset, layout),
            FieldType::Array { element, len } if !record::is_char(element) => {
                let size = u32::try_from(element.size()).unwrap_or(u32::MAX);
                (0..*len).try_for_each(|index| {
                    let at = offset.saturating_add(index.saturating_mul(size));
                    self.take_apart(&format!("{name}[{index}]"), at, element)
                })
            }
            _ => self.push(name, offset, ty),
        }
    }

    fn push(&mut self, name: &str, offset: u32, ty: &FieldType) -> Result<(), Failure> {
        self.names += name.len();
        if self.fields.len() == MAX_COLUMNS || self.names > MAX_NAMES {
            return Err(Failure::TooManyColumns);
        }
        self.fields.push(RecordField {
            name: name.to_owned(),
            offset,
            ty: ty.clone(),
        });
        Ok(())
    }
}

fn line(cells: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<Vec<u8>, Failure> {
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(cells).map_err(Failure::Csv)?;
    let bytes = writer.into_inner();
    bytes.map_err(|error| Failure::Output(error.into_error()))
}

/// The records of a file. Columns may be left out, and come in any order; empty cells are zero.
pub(super) fn read(layout: &RecordType, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    let columns = Columns::of(layout)?;
    let mut reader = ReaderBuilder::new().from_reader(bytes);
    let names = reader.headers().map_err(Failure::Csv)?.clone();
    let mut records = Vec::new();
    for line in reader.records() {
        let line = line.map_err(Failure::Csv)?;
        let cells = names.iter().zip(line.iter());
        let values: Map<_, _> = cells
            .filter(|(_, cell)| !cell.is_empty())
            .map(|(name, cell)| (name.to_owned(), value(cell)))
            .collect();
        records.push(record::encode(&columns.0, &Value::Object(values))?);
    }
    Ok(records)
}

/// Numbers may be text in JSON; only `true` and `false` have words of their own.
fn value(cell: &str) -> Value {
    match cell {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        text => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::encode;
    use crate::record::samples::{TEXT, field, layout, num};
    use jbpf_channel::record::NumberKind;

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    fn sample() -> Vec<u8> {
        encode(&layout(), &serde_json::from_str(TEXT).unwrap()).unwrap()
    }

    /// Whatever an application says.
    #[test]
    fn fields_beyond_the_end_of_all_numbers_are_no_panic() {
        let part = RecordType {
            name: "part".to_owned(),
            size: u32::MAX,
            fields: vec![RecordField {
                name: "at_the_end".to_owned(),
                offset: u32::MAX,
                ty: FieldType::Opaque { size: u32::MAX },
            }],
        };
        let whole = RecordType {
            name: "whole".to_owned(),
            size: u32::MAX,
            fields: vec![RecordField {
                name: "part".to_owned(),
                offset: u32::MAX,
                ty: FieldType::Struct(part),
            }],
        };
        let columns = Columns::of(&whole).unwrap();
        assert_eq!(columns.0.fields[0].offset, u32::MAX);
        let refused = record::encode(&whole, &Value::Object(Map::new())).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "`whole` has 4294967295 bytes, and a record 67108864 at most"
        );
    }

    #[test]
    fn structs_and_lists_are_taken_apart_and_put_together_again() {
        let columns = Columns::of(&layout()).unwrap();
        let names = text(columns.names().unwrap());
        assert_eq!(
            names,
            "id,points[0].x,points[0].y,points[1].x,points[1].y,name,low,high,up,raw,load\n"
        );
        let line = text(columns.line(&sample()).unwrap());
        assert_eq!(
            line,
            "18446744073709551615,-1,2,3,65535,ab,5,-16,true,0aff,1.5\n"
        );
        let file = names + &line + &line;
        assert_eq!(
            read(&layout(), file.as_bytes()).unwrap(),
            [sample(), sample()]
        );
    }

    #[test]
    fn columns_may_be_left_out_and_cells_hold_anything() {
        let records = read(&layout(), b"name,low\n\"a,\"\"b\",\n").unwrap();
        assert_eq!(records[0][16..20], *b"a,\"b");
        let line = text(Columns::of(&layout()).unwrap().line(&records[0]).unwrap());
        assert!(line.contains(",\"a,\"\"b\",0,"), "{line}");
        assert!(text(Columns::of(&layout()).unwrap().line(&[]).unwrap()).starts_with(",,"));
    }

    #[test]
    fn what_is_no_such_file_is_refused_with_its_reason() {
        for (file, message) in [
            (
                "nmae\na\n",
                "`record` has no field `nmae`; did you mean `name`?",
            ),
            (
                "low\n9\n",
                "`record.low` is an unsigned whole number of 3 bits, not \"9\"",
            ),
            ("low,up\n1\n", "this is not CSV of such records: "),
        ] {
            let error = read(&layout(), file.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn a_type_that_is_no_struct_is_one_column() {
        let number = RecordType {
            name: "u32".to_owned(),
            size: 4,
            fields: vec![field("", 0, num(NumberKind::Unsigned, 4))],
        };
        let columns = Columns::of(&number).unwrap();
        assert_eq!(columns.names().unwrap(), b"value\n");
        assert_eq!(columns.line(&[7, 0, 0, 0]).unwrap(), b"7\n");
        assert_eq!(read(&number, b"value\n7\n").unwrap(), [[7, 0, 0, 0]]);
    }

    #[test]
    fn a_line_has_so_many_columns_and_no_more() {
        let bytes = |len: u32, name: &str| {
            let element = Box::new(num(NumberKind::Unsigned, 1));
            let ty = FieldType::Array { element, len };
            RecordType {
                name: "bytes".to_owned(),
                size: len,
                fields: vec![field(name, 0, ty)],
            }
        };
        let limit = u32::try_from(MAX_COLUMNS).unwrap();
        assert!(Columns::of(&bytes(limit, "a")).is_ok());
        for layout in [bytes(limit + 1, "a"), bytes(limit, &"a".repeat(64))] {
            let refused = Columns::of(&layout).err().unwrap();
            assert!(matches!(refused, Failure::TooManyColumns));
        }
        assert!(Columns::of(&bytes(u32::MAX, "a")).is_err());
    }
}
