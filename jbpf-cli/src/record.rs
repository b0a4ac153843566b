//! Records as JSON, and JSON as records, by the layout that the application gives with its channels.
//!
//! Numbers are strings, as where the application itself prints records: JSON's own lose the low bits of
//! 64-bit values in many readers. Read are both.

use jbpf_channel::record::{FieldType, NumberKind, RecordField, RecordType};
use serde::Serialize;
use serde::ser::{SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::Value;

use crate::output::nearest;

/// A record that serializes as what its bytes mean. Fields that it is too short for are `null`.
pub(crate) struct Decoded<'a> {
    pub(crate) layout: &'a RecordType,
    pub(crate) bytes: &'a [u8],
}

/// Bytes, decoded as far as possible; displays as JSON.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Record<'a> {
    /// What a known layout makes of them.
    Known(Decoded<'a>),
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

impl std::fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // All keys are strings, which is all that JSON asks for.
        f.write_str(&serde_json::to_string(self).unwrap_or_default())
    }
}

struct DecodedField<'a> {
    ty: &'a FieldType,
    bytes: Option<&'a [u8]>,
}

/// The one field of a type that is no struct.
fn only_field(layout: &RecordType) -> Option<&RecordField> {
    match layout.fields.as_slice() {
        [field] if field.name.is_empty() => Some(field),
        _ => None,
    }
}

impl<'a> Decoded<'a> {
    fn field(&self, field: &'a RecordField) -> DecodedField<'a> {
        DecodedField {
            ty: &field.ty,
            bytes: part(self.bytes, field.offset.into(), field.ty.size()),
        }
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
                let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
                serializer.serialize_str(&String::from_utf8_lossy(text))
            }
            FieldType::Array { element, len } => {
                let mut elements = serializer.serialize_seq(Some(*len as usize))?;
                for index in 0..u64::from(*len) {
                    elements.serialize_element(&DecodedField {
                        ty: element,
                        bytes: part(bytes, index * element.size(), element.size()),
                    })?;
                }
                elements.end()
            }
            FieldType::Struct(layout) => Decoded { layout, bytes }.serialize(serializer),
            FieldType::Opaque { .. } => serializer.serialize_str(&hex(bytes)),
        }
    }
}

fn is_char(element: &FieldType) -> bool {
    matches!(
        element,
        FieldType::Number {
            kind: NumberKind::Char,
            size: 1
        }
    )
}

fn little_endian(bytes: &[u8]) -> u128 {
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
        (NumberKind::Signed, _) => serializer.collect_str(&signed),
        (NumberKind::Float, 32) => serializer.collect_str(&f32::from_bits(unsigned as u32)),
        (NumberKind::Float, 64) => serializer.collect_str(&f64::from_bits(unsigned as u64)),
        _ => serializer.collect_str(&unsigned),
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
        .ok_or_else(|| NotARecord(format!("`{text}` is no even number of hexadecimal digits")))
}

/// Whether a record is itself a list in JSON.
pub(crate) fn is_list(layout: &RecordType) -> bool {
    only_field(layout).is_some_and(|field| matches!(field.ty, FieldType::Array { .. }))
}

/// Why JSON is not a record of a layout.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotARecord(String);

/// The record that `value` describes. Fields that it leaves out are zero.
pub(crate) fn encode(layout: &RecordType, value: &Value) -> Result<Vec<u8>, NotARecord> {
    let mut bytes = vec![0; layout.size as usize];
    encode_into(&mut bytes, layout, value, &layout.name)?;
    Ok(bytes)
}

fn encode_into(
    bytes: &mut [u8],
    layout: &RecordType,
    value: &Value,
    place: &str,
) -> Result<(), NotARecord> {
    if let Some(field) = only_field(layout) {
        return encode_field(bytes, field, value, place);
    }
    let Value::Object(values) = value else {
        let names: Vec<_> = layout
            .fields
            .iter()
            .map(|field| field.name.as_str())
            .collect();
        return Err(NotARecord(format!(
            "`{place}` is an object with the fields {}, not {value}",
            names.join(", ")
        )));
    };
    for (name, value) in values {
        let Some(field) = layout.fields.iter().find(|field| field.name == *name) else {
            let names = layout.fields.iter().map(|field| field.name.as_str());
            let hint = nearest(name, names)
                .map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            return Err(NotARecord(format!("`{place}` has no field `{name}`{hint}")));
        };
        encode_field(bytes, field, value, &format!("{place}.{name}"))?;
    }
    Ok(())
}

fn encode_field(
    record: &mut [u8],
    field: &RecordField,
    value: &Value,
    place: &str,
) -> Result<(), NotARecord> {
    let start = field.offset as usize;
    let size = usize::try_from(field.ty.size()).unwrap_or(usize::MAX);
    let bytes = start
        .checked_add(size)
        .and_then(|end| record.get_mut(start..end))
        .ok_or_else(|| NotARecord(format!("`{place}` lies outside of its record")))?;
    encode_value(bytes, &field.ty, value, place)
}

fn encode_value(
    bytes: &mut [u8],
    ty: &FieldType,
    value: &Value,
    place: &str,
) -> Result<(), NotARecord> {
    let not = |what: &str| Err(NotARecord(format!("`{place}` is {what}, not {value}")));
    match (ty, value) {
        (FieldType::Number { kind, size }, _) => match bits_of(*kind, size * 8, value) {
            Some(bits) => store(bytes, bits, 0, size * 8),
            None => return not(&described(*kind, size * 8)),
        },
        (
            FieldType::Bits {
                kind,
                first_bit,
                width,
            },
            _,
        ) => match bits_of(*kind, *width, value) {
            Some(bits) => store(bytes, bits, *first_bit, *width),
            None => return not(&described(*kind, *width)),
        },
        (FieldType::Array { element, len }, Value::String(text)) if is_char(element) => {
            if text.len() > *len as usize {
                return not(&format!("text of at most {len} bytes"));
            }
            bytes.fill(0);
            for (byte, character) in bytes.iter_mut().zip(text.bytes()) {
                *byte = character;
            }
        }
        (FieldType::Array { element, len }, Value::Array(values))
            if values.len() <= *len as usize =>
        {
            let size = usize::try_from(element.size()).unwrap_or(usize::MAX);
            if size > 0 {
                for (index, (bytes, value)) in bytes.chunks_mut(size).zip(values).enumerate() {
                    encode_value(bytes, element, value, &format!("{place}[{index}]"))?;
                }
            }
        }
        (FieldType::Array { len, .. }, _) => return not(&format!("a list of at most {len}")),
        (FieldType::Struct(layout), _) => encode_into(bytes, layout, value, place)?,
        (FieldType::Opaque { size }, Value::String(text)) if text.len() == *size as usize * 2 => {
            bytes.copy_from_slice(&from_hex(text)?);
        }
        (FieldType::Opaque { size }, _) => return not(&format!("{size} bytes in hexadecimal")),
    }
    Ok(())
}

fn described(kind: NumberKind, width: u32) -> String {
    match kind {
        NumberKind::Bool => "true or false".to_owned(),
        NumberKind::Float => format!("a number of {width} bits"),
        NumberKind::Signed => format!("a signed whole number of {width} bits"),
        NumberKind::Unsigned | NumberKind::Char => {
            format!("an unsigned whole number of {width} bits")
        }
    }
}

/// The bits of a number that fits, written as a number or as a string.
fn bits_of(kind: NumberKind, width: u32, value: &Value) -> Option<u128> {
    let text = match value {
        Value::Bool(bit) if kind == NumberKind::Bool => return Some(u128::from(*bit)),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    let unused = u128::BITS - width.clamp(1, u128::BITS);
    match (kind, width) {
        (NumberKind::Float, 32) => text.parse::<f32>().ok().map(|n| n.to_bits().into()),
        (NumberKind::Float, _) => text.parse::<f64>().ok().map(|n| n.to_bits().into()),
        (NumberKind::Signed, _) => {
            let number: i128 = text.parse().ok()?;
            (number << unused >> unused == number).then_some(number.cast_unsigned())
        }
        _ => {
            let number: u128 = text.parse().ok()?;
            let fits = number << unused >> unused == number;
            (fits && (kind != NumberKind::Bool || number <= 1)).then_some(number)
        }
    }
}

/// Puts the lowest `width` bits of `bits` at `first_bit` of the little-endian number `bytes`.
fn store(bytes: &mut [u8], bits: u128, first_bit: u32, width: u32) {
    let unused = u128::BITS - width.clamp(1, u128::BITS);
    let mask = u128::MAX << unused >> unused << first_bit;
    let number = little_endian(bytes) & !mask | bits << first_bit & mask;
    for (byte, new) in bytes.iter_mut().zip(number.to_le_bytes()) {
        *byte = new;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn field(name: &str, offset: u32, ty: FieldType) -> RecordField {
        RecordField {
            name: name.to_owned(),
            offset,
            ty,
        }
    }

    fn num(kind: NumberKind, size: u32) -> FieldType {
        FieldType::Number { kind, size }
    }

    fn array(element: FieldType, len: u32) -> FieldType {
        FieldType::Array {
            element: Box::new(element),
            len,
        }
    }

    fn layout() -> RecordType {
        let point = RecordType {
            name: "point".to_owned(),
            size: 4,
            fields: vec![
                field("x", 0, num(NumberKind::Signed, 2)),
                field("y", 2, num(NumberKind::Unsigned, 2)),
            ],
        };
        let bits = |kind, first_bit, width| FieldType::Bits {
            kind,
            first_bit,
            width,
        };
        RecordType {
            name: "record".to_owned(),
            size: 32,
            fields: vec![
                field("id", 0, num(NumberKind::Unsigned, 8)),
                field("points", 8, array(FieldType::Struct(point), 2)),
                field("name", 16, array(num(NumberKind::Char, 1), 4)),
                field("low", 20, bits(NumberKind::Unsigned, 0, 3)),
                field("high", 20, bits(NumberKind::Signed, 3, 5)),
                field("up", 21, num(NumberKind::Bool, 1)),
                field("raw", 22, FieldType::Opaque { size: 2 }),
                field("load", 24, num(NumberKind::Float, 8)),
            ],
        }
    }

    fn decoded(bytes: &[u8]) -> String {
        let layout = layout();
        let record = Decoded {
            layout: &layout,
            bytes,
        };
        serde_json::to_string(&record).unwrap()
    }

    const TEXT: &str = r#"{"id":"18446744073709551615","points":[{"x":"-1","y":"2"},{"x":"3","y":"65535"}],"name":"ab","low":"5","high":"-16","up":true,"raw":"0aff","load":"1.5"}"#;

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
        assert_eq!(serde_json::to_string(&record).unwrap(), "\"-2\"");
    }
}
