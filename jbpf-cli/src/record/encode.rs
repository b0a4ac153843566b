//! JSON as records.

use jbpf_channel::record::{FieldType, NumberKind, RecordField, RecordType};
use jbpf_operator::nearest::nearest;
use serde_json::Value;

use super::{from_hex, is_char, little_endian, only_field};

/// Why JSON is not a record of a layout.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotARecord(String);

impl NotARecord {
    pub(super) fn new(sentence: String) -> Self {
        Self(sentence)
    }
}

/// The most bytes of a record; what an application says may be more.
pub(crate) const LARGEST: u32 = 64 << 20;

/// The record that `value` describes. Fields that it leaves out are zero.
pub(crate) fn encode(layout: &RecordType, value: &Value) -> Result<Vec<u8>, NotARecord> {
    if layout.size > LARGEST {
        let (name, size) = (&layout.name, layout.size);
        let sentence = format!("`{name}` has {size} bytes, and a record {LARGEST} at most");
        return Err(NotARecord(sentence));
    }
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
