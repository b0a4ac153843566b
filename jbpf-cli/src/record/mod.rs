//! Records as JSON, and JSON as records, by the layout that the application gives with its
//! channels.
//!
//! Numbers of at most 64 bits are JSON numbers. Wider ones are strings, and so is a float that is
//! none of JSON's (`NaN`, `inf`). Both forms are read.

use std::borrow::Cow;

use jbpf_channel::record::{FieldType, NumberKind, RecordField, RecordType};
use serde::Serialize;
use serde::ser::{SerializeMap as _, SerializeSeq as _, Serializer};

mod encode;
#[cfg(test)]
pub(crate) mod samples;

pub(crate) use encode::{LARGEST, NotARecord, encode};

/// A record that serializes as what its bytes mean. Fields that it is too short for are `null`.
pub(crate) struct Decoded<'a> {
    pub(crate) layout: &'a RecordType,
    pub(crate) bytes: &'a [u8],
}

/// Bytes, decoded as far as possible; displays as JSON.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Record<'a> {
    /// The values that a known layout makes of them.
    Known(Decoded<'a>),
    /// Several of them in a row.
    Several(Vec<Decoded<'a>>),
    /// The index of an array.
    Index(u32),
    /// The bytes in hexadecimal.
    Unknown(String),
}

impl<'a> Record<'a> {
    pub(crate) fn new(layout: Option<&'a RecordType>, bytes: &'a [u8]) -> Self {
        match layout {
            Some(layout) => Self::Known(Decoded { layout, bytes }),
            None => Self::Unknown(hex(bytes)),
        }
    }
}

impl<'a> Record<'a> {
    /// As many as there are in these bytes; a list unless it is one.
    pub(crate) fn in_a_row(layout: Option<&'a RecordType>, bytes: &'a [u8]) -> Self {
        match layout {
            Some(layout) if layout.size > 0 && bytes.len() > layout.size as usize => {
                let each = bytes.chunks(layout.size as usize);
                Self::Several(each.map(|bytes| Decoded { layout, bytes }).collect())
            }
            layout => Self::new(layout, bytes),
        }
    }
}

impl std::fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // All keys are strings, which is all that JSON asks for.
        f.write_str(&serde_json::to_string(self).unwrap_or_default())
    }
}

/// A field that serializes as what its bytes mean, or `null`.
pub(crate) struct DecodedField<'a> {
    ty: &'a FieldType,
    bytes: Option<&'a [u8]>,
}

/// The one field of a type that is no struct.
pub(crate) fn only_field(layout: &RecordType) -> Option<&RecordField> {
    match layout.fields.as_slice() {
        [field] if field.name.is_empty() => Some(field),
        _ => None,
    }
}

impl<'a> Decoded<'a> {
    /// One of its fields.
    pub(crate) fn field<'f>(&self, field: &'f RecordField) -> DecodedField<'f>
    where
        'a: 'f,
    {
        DecodedField {
            ty: &field.ty,
            bytes: self.bytes_of(field),
        }
    }

    /// The bytes of one of its fields, unless it is too short for it.
    pub(crate) fn bytes_of(&self, field: &RecordField) -> Option<&'a [u8]> {
        part(self.bytes, field.offset.into(), field.ty.size())
    }
}

fn part(bytes: &[u8], offset: u64, size: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(size).ok()?)?;
    bytes.get(start..end)
}

impl Serialize for Decoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(field) = only_field(self.layout) {
            return self.field(field).serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(self.layout.fields.len()))?;
        for field in &self.layout.fields {
            map.serialize_entry(&field.name, &self.field(field))?;
        }
        map.end()
    }
}

impl Serialize for DecodedField<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(bytes) = self.bytes else {
            return serializer.serialize_none();
        };
        match self.ty {
            FieldType::Number { kind, size } => {
                number(serializer, *kind, little_endian(bytes), size * 8)
            }
            FieldType::Bits {
                kind,
                first_bit,
                width,
            } => number(serializer, *kind, little_endian(bytes) >> first_bit, *width),
            FieldType::Array { element, .. } if is_char(element) => {
                serializer.serialize_str(&text(bytes))
            }
            FieldType::Array { element, len } => {
                let mut elements = serializer.serialize_seq(Some(*len as usize))?;
                for index in 0..u64::from(*len) {
                    elements.serialize_element(&DecodedField {
                        ty: element,
                        bytes: part(bytes, index.saturating_mul(element.size()), element.size()),
                    })?;
                }
                elements.end()
            }
            FieldType::Struct(layout) => Decoded { layout, bytes }.serialize(serializer),
            FieldType::Opaque { .. } => serializer.serialize_str(&hex(bytes)),
        }
    }
}

/// The text in an array of characters, up to the first zero.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text)
}

/// The layout of so many bytes that mean nothing.
pub(crate) fn opaque(size: u32) -> RecordType {
    RecordType {
        name: String::new(),
        size,
        fields: vec![RecordField {
            name: String::new(),
            offset: 0,
            ty: FieldType::Opaque { size },
        }],
    }
}

/// Whether an array of these is text.
pub(crate) fn is_char(element: &FieldType) -> bool {
    matches!(
        element,
        FieldType::Number {
            kind: NumberKind::Char,
            size: 1
        }
    )
}

/// The number that at most sixteen bytes make.
pub(crate) fn little_endian(bytes: &[u8]) -> u128 {
    bytes
        .iter()
        .rev()
        .take(16)
        .fold(0, |number, byte| number << 8 | u128::from(*byte))
}

fn number<S: Serializer>(
    serializer: S,
    kind: NumberKind,
    bits: u128,
    width: u32,
) -> Result<S::Ok, S::Error> {
    let unused = u128::BITS - width.clamp(1, u128::BITS);
    let unsigned = bits << unused >> unused;
    let signed = (bits << unused).cast_signed() >> unused;
    match (kind, width) {
        (NumberKind::Bool, _) => serializer.serialize_bool(unsigned != 0),
        (NumberKind::Float, 32) => match f32::from_bits(unsigned as u32) {
            float if float.is_finite() => serializer.serialize_f32(float),
            float => serializer.collect_str(&float),
        },
        (NumberKind::Float, 64) => match f64::from_bits(unsigned as u64) {
            float if float.is_finite() => serializer.serialize_f64(float),
            float => serializer.collect_str(&float),
        },
        (NumberKind::Signed, _) => match i64::try_from(signed) {
            Ok(number) if width <= 64 => serializer.serialize_i64(number),
            _ => serializer.collect_str(&signed),
        },
        _ => match u64::try_from(unsigned) {
            Ok(number) if width <= 64 => serializer.serialize_u64(number),
            _ => serializer.collect_str(&unsigned),
        },
    }
}

/// A float of four bytes, or of eight.
pub(crate) fn float(bytes: &[u8]) -> f64 {
    let bits = little_endian(bytes);
    match bytes.len() {
        4 => f64::from(f32::from_bits(bits as u32)),
        _ => f64::from_bits(bits as u64),
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hexadecimal digits as bytes.
pub(crate) fn from_hex(text: &str) -> Result<Vec<u8>, NotARecord> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    digits
        .filter(|digits| digits.len().is_multiple_of(2))
        .map(|digits| {
            let pairs = digits.as_chunks::<2>().0.iter();
            pairs.map(|[high, low]| (high << 4 | low) as u8).collect()
        })
        .ok_or_else(|| NotARecord::new(format!("`{text}` is no even number of hexadecimal digits")))
}

/// Whether a record is itself a list in JSON.
pub(crate) fn is_list(layout: &RecordType) -> bool {
    only_field(layout).is_some_and(|field| matches!(field.ty, FieldType::Array { .. }))
}

#[cfg(test)]
mod tests {
    use super::samples::{TEXT, field, layout, num};
    use super::*;
    use jbpf_channel::record::NumberKind;
    use serde_json::{Value, json};

    fn decoded(bytes: &[u8]) -> String {
        let layout = layout();
        let record = Decoded {
            layout: &layout,
            bytes,
        };
        serde_json::to_string(&record).unwrap()
    }

    #[test]
    fn what_is_encoded_is_decoded_as_it_was() {
        let value: Value = serde_json::from_str(TEXT).unwrap();
        let bytes = encode(&layout(), &value).unwrap();
        assert_eq!(decoded(&bytes), TEXT);
        assert_eq!(bytes[20], 0b1000_0101);
    }

    #[test]
    fn numbers_may_be_numbers_and_what_is_left_out_is_zero() {
        let bytes = encode(&layout(), &json!({"id": 7, "low": 1, "load": 0.5})).unwrap();
        assert_eq!(bytes[0], 7);
        assert_eq!(bytes[20], 1);
        assert_eq!(bytes[24..], 0.5_f64.to_le_bytes());
    }

    #[test]
    fn what_is_no_record_is_refused_by_its_place() {
        for (value, message) in [
            (
                json!({"low": 8}),
                "`record.low` is an unsigned whole number of 3 bits, not 8",
            ),
            (
                json!({"high": 16}),
                "`record.high` is a signed whole number of 5 bits, not 16",
            ),
            (
                json!({"points": [{"x": 40000}]}),
                "`record.points[0].x` is a signed whole number of 16 bits, not 40000",
            ),
            (
                json!({"points": [{}, {}, {}]}),
                "`record.points` is a list of at most 2, not [{},{},{}]",
            ),
            (
                json!({"name": "abcde"}),
                "`record.name` is text of at most 4 bytes, not \"abcde\"",
            ),
            (
                json!({"naem": "a"}),
                "`record` has no field `naem`; did you mean `name`?",
            ),
            (json!({"up": 2}), "`record.up` is true or false, not 2"),
            (
                json!({"raw": "0g0h"}),
                "`0g0h` is no even number of hexadecimal digits",
            ),
            (
                json!([]),
                "`record` is an object with the fields id, points, name, low, high, up, raw, load, not []",
            ),
        ] {
            assert_eq!(encode(&layout(), &value).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn short_records_have_nulls() {
        assert!(decoded(&[1, 0, 0]).starts_with(r#"{"id":null,"points":null"#));
    }

    #[test]
    fn a_type_that_is_no_struct_is_its_value() {
        let layout = RecordType {
            name: "int".to_owned(),
            size: 4,
            fields: vec![field("", 0, num(NumberKind::Signed, 4))],
        };
        let bytes = encode(&layout, &json!("-2")).unwrap();
        assert_eq!(bytes, (-2_i32).to_le_bytes());
        let record = Decoded {
            layout: &layout,
            bytes: &bytes,
        };
        assert_eq!(serde_json::to_string(&record).unwrap(), "-2");
    }

    #[test]
    fn numbers_that_json_does_not_have_are_text() {
        let of = |kind, bytes: &[u8]| {
            let layout = RecordType {
                name: "number".to_owned(),
                size: bytes.len() as u32,
                fields: vec![field("", 0, num(kind, bytes.len() as u32))],
            };
            let layout = &layout;
            let text = serde_json::to_string(&Decoded { layout, bytes }).unwrap();
            let again = encode(layout, &serde_json::from_str(&text).unwrap()).unwrap();
            assert_eq!(again, bytes, "{text}");
            text
        };
        assert_eq!(of(NumberKind::Unsigned, &[255; 8]), "18446744073709551615");
        assert_eq!(of(NumberKind::Signed, &[255; 8]), "-1");
        assert_eq!(of(NumberKind::Unsigned, &7_u128.to_le_bytes()), "\"7\"");
        assert_eq!(of(NumberKind::Float, &0.1_f32.to_le_bytes()), "0.1");
        assert_eq!(
            of(NumberKind::Float, &f64::INFINITY.to_le_bytes()),
            "\"inf\""
        );
    }
}
