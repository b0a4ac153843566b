//! Records as JSON, written from their layout.
//!
//! ```
//! use jbpf_hooks::jbpf_data;
//! use jbpf_hooks::json::JsonRecord;
//!
//! #[jbpf_data]
//! struct Packet { seq_no: i32, value: i32, #[jbpf(text)] name: [u8; 8] }
//!
//! let packet = Packet { seq_no: 6, value: -6, name: *b"number 6" };
//! assert_eq!(
//!     JsonRecord::of(&packet).to_string(),
//!     r#"{"seq_no":"6","value":"-6","name":"number 6"}"#
//! );
//! ```
//!
//! Numbers are strings, because JSON's own numbers lose the low bits of 64-bit values in many
//! readers. `bool` is `true` or `false`. Fields marked `#[jbpf(text)]` are their bytes up to the
//! first zero, as UTF-8 with replacement characters for invalid bytes. Arrays and structs nest.

use core::fmt::{self, Write as _};

use zerocopy::{Immutable, IntoBytes};

use crate::layout::{DataLayout, Field, JbpfData, Scalar, Type};

impl DataLayout {
    /// The record as JSON. `{}` writes one line, and `{:#}` writes one line a field, indented by
    /// four spaces.
    ///
    /// If `record` is too short for a field, the field is `null`. Bytes beyond the layout's size
    /// are not looked at.
    #[must_use]
    pub const fn json<'a>(&'a self, record: &'a [u8]) -> JsonRecord<'a> {
        JsonRecord {
            layout: self,
            record,
        }
    }
}

/// A record that displays as JSON, made by [`DataLayout::json`] of bytes or by [`JsonRecord::of`]
/// of a value.
#[derive(Debug, Clone, Copy)]
pub struct JsonRecord<'a> {
    layout: &'a DataLayout,
    record: &'a [u8],
}

impl<'a> JsonRecord<'a> {
    /// A value as a record.
    #[must_use]
    pub fn of<T: JbpfData + IntoBytes + Immutable>(value: &'a T) -> Self {
        const { &T::LAYOUT }.json(value.as_bytes())
    }
}

impl fmt::Display for JsonRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indented = f.alternate();
        let mut writer = Writer {
            out: f,
            indented,
            depth: 0,
        };
        writer.object(self.layout, self.record)
    }
}

struct Writer<'out, 'buffer> {
    out: &'out mut fmt::Formatter<'buffer>,
    indented: bool,
    depth: usize,
}

impl Writer<'_, '_> {
    fn object(&mut self, layout: &DataLayout, bytes: &[u8]) -> fmt::Result {
        self.list('{', '}', layout.fields.iter(), |writer, field| {
            writer.string(field.name)?;
            writer.out.write_char(':')?;
            if writer.indented {
                writer.out.write_char(' ')?;
            }
            writer.field(field, bytes)
        })
    }

    fn field(&mut self, field: &Field, bytes: &[u8]) -> fmt::Result {
        let value = bytes
            .get(field.offset..)
            .and_then(|rest| rest.get(..field.ty.size()));
        match value {
            Some(value) if field.text => self.text(value),
            value => self.value(&field.ty, value),
        }
    }

    fn value(&mut self, ty: &Type, bytes: Option<&[u8]>) -> fmt::Result {
        let Some(bytes) = bytes else {
            return self.out.write_str("null");
        };
        match ty {
            Type::Scalar(scalar) => self.scalar(*scalar, bytes),
            Type::Struct(layout) => self.object(layout, bytes),
            Type::Array { element, len } => {
                let size = element.size();
                self.list('[', ']', 0..*len, |writer, index| {
                    let start = index.saturating_mul(size);
                    let bytes = bytes.get(start..).and_then(|rest| rest.get(..size));
                    writer.value(element, bytes)
                })
            }
        }
    }

    fn scalar(&mut self, scalar: Scalar, bytes: &[u8]) -> fmt::Result {
        macro_rules! quoted {
            ($ty:ty) => {
                match bytes.first_chunk() {
                    Some(bytes) => write!(self.out, "\"{}\"", <$ty>::from_le_bytes(*bytes)),
                    None => self.out.write_str("null"),
                }
            };
        }
        match scalar {
            Scalar::U8 => quoted!(u8),
            Scalar::U16 => quoted!(u16),
            Scalar::U32 => quoted!(u32),
            Scalar::U64 => quoted!(u64),
            Scalar::U128 => quoted!(u128),
            Scalar::I8 => quoted!(i8),
            Scalar::I16 => quoted!(i16),
            Scalar::I32 => quoted!(i32),
            Scalar::I64 => quoted!(i64),
            Scalar::I128 => quoted!(i128),
            Scalar::F32 => quoted!(f32),
            Scalar::F64 => quoted!(f64),
            Scalar::Bool => match bytes {
                [0] => self.out.write_str("false"),
                _ => self.out.write_str("true"),
            },
        }
    }

    /// Bytes up to the first zero.
    fn text(&mut self, bytes: &[u8]) -> fmt::Result {
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        self.string(&String::from_utf8_lossy(text))
    }

    /// A string with the escapes of RFC 8259, section 7. Beyond its demands, control characters
    /// that a terminal would act on are escaped.
    fn string(&mut self, text: &str) -> fmt::Result {
        self.out.write_char('"')?;
        for character in text.chars() {
            match character {
                '"' => self.out.write_str("\\\"")?,
                '\\' => self.out.write_str("\\\\")?,
                '\n' => self.out.write_str("\\n")?,
                '\r' => self.out.write_str("\\r")?,
                '\t' => self.out.write_str("\\t")?,
                control if control.is_control() => {
                    write!(self.out, "\\u{:04x}", u32::from(control))?;
                }
                other => self.out.write_char(other)?,
            }
        }
        self.out.write_char('"')
    }

    fn list<T>(
        &mut self,
        open: char,
        close: char,
        items: impl ExactSizeIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T) -> fmt::Result,
    ) -> fmt::Result {
        self.out.write_char(open)?;
        let empty = items.len() == 0;
        self.depth += 1;
        for (index, item) in items.enumerate() {
            if index > 0 {
                self.out.write_char(',')?;
            }
            self.new_line()?;
            each(self, item)?;
        }
        self.depth -= 1;
        if !empty {
            self.new_line()?;
        }
        self.out.write_char(close)
    }

    fn new_line(&mut self) -> fmt::Result {
        if !self.indented {
            return Ok(());
        }
        self.out.write_char('\n')?;
        for _ in 0..self.depth {
            self.out.write_str("    ")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::FieldType;

    const fn field(name: &'static str, offset: usize, ty: Type, text: bool) -> Field {
        Field {
            name,
            offset,
            ty,
            text,
        }
    }

    static POINT: DataLayout = DataLayout {
        name: "Point",
        size: 4,
        align: 2,
        fields: &[
            field("x", 0, i16::TYPE, false),
            field("y", 2, u16::TYPE, false),
        ],
        docs: "",
    };

    static RECORD: DataLayout = DataLayout {
        name: "Record",
        size: 22,
        align: 1,
        fields: &[
            field("up", 0, bool::TYPE, false),
            field(
                "points",
                1,
                Type::Array {
                    element: &Type::Struct(&POINT),
                    len: 2,
                },
                false,
            ),
            field("name", 9, <[u8; 5]>::TYPE, true),
            field("load", 14, f32::TYPE, false),
            field("none", 18, <[u8; 0]>::TYPE, false),
            field("raw", 18, <[i8; 2]>::TYPE, false),
        ],
        docs: "",
    };

    const BYTES: &[u8] = b"\x01\xff\xff\x02\x00\x03\x00\x04\x00a\"\\\x00z\x00\x00\xc0\x3f\x05\xfa";

    #[test]
    fn one_line_has_no_spaces() {
        assert_eq!(
            RECORD.json(BYTES).to_string(),
            r#"{"up":true,"points":[{"x":"-1","y":"2"},{"x":"3","y":"4"}],"name":"a\"\\","load":"1.5","none":[],"raw":["5","-6"]}"#
        );
    }

    #[test]
    fn many_lines_are_indented_by_four_spaces() {
        assert_eq!(
            format!("{:#}", POINT.json(&[1, 0, 2, 0])),
            "{\n    \"x\": \"1\",\n    \"y\": \"2\"\n}"
        );
        let nested = format!("{:#}", RECORD.json(BYTES));
        assert!(nested.contains("    \"points\": [\n        {\n            \"x\": \"-1\",\n"));
        assert!(nested.contains("    \"none\": [],\n"));
    }

    #[test]
    fn a_short_record_has_nulls_where_bytes_are_missing() {
        assert_eq!(POINT.json(&[1, 0, 2]).to_string(), r#"{"x":"1","y":null}"#);
        assert_eq!(POINT.json(&[]).to_string(), r#"{"x":null,"y":null}"#);
    }

    #[test]
    fn text_without_a_zero_is_whole_and_what_is_not_utf8_is_replaced() {
        static NAMED: DataLayout = DataLayout {
            name: "Named",
            size: 4,
            align: 1,
            fields: &[field("name", 0, <[u8; 4]>::TYPE, true)],
            docs: "",
        };
        assert_eq!(NAMED.json(b"abcd").to_string(), r#"{"name":"abcd"}"#);
        assert_eq!(
            NAMED.json(b"a\xff\n\x1b").to_string(),
            "{\"name\":\"a\u{fffd}\\n\\u001b\"}"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_balanced_json(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            let json = RECORD.json(&bytes).to_string();
            let quotes = json.replace("\\\\", "").replace("\\\"", "").matches('"').count();
            proptest::prop_assert_eq!(quotes % 2, 0);
            proptest::prop_assert!(json.chars().all(|character| !character.is_control()));
        }
    }
}
