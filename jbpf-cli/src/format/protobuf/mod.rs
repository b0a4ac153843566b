//! Protobuf: a schema made from a layout, and records as its messages.
//!
//! A stream of records is one message of type `Records`, whose fields `record` follow each other.
//! So any number of them, written one by one, is a message that stock tools read, and readers of
//! streams need no other framing: each record comes with its tag and its length.

mod known;
mod schema;

use jbpf_channel::record::{FieldType, NumberKind, RecordType};
use prost_reflect::bytes::Bytes;
use prost_reflect::prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage as _, Value,
};
use serde_json::{Map, json};

use crate::output::Failure;
use crate::record::{self, Decoded, only_field};

pub(crate) use schema::Schema;
use schema::{ONLY_FIELD, RECORD_FIELD, is_bytes};

/// The tag of field 1 of a stream, which has a length.
const RECORD_TAG: u8 = 0x0a;

/// The messages of a layout's schema.
pub(crate) struct Messages {
    stream: MessageDescriptor,
    record: MessageDescriptor,
    /// The message of a record as others know it, if one is named.
    known: Option<MessageDescriptor>,
}

impl Messages {
    /// The messages that `layout` makes.
    pub(crate) fn of(layout: &RecordType) -> Result<Self, Failure> {
        Self::of_schema(&Schema::of(layout), None)
    }

    /// The messages of records that others know as this one.
    pub(crate) fn known(record: &MessageDescriptor) -> Result<Self, Failure> {
        Self::of_schema(&Schema::known(record), Some(record.clone()))
    }

    fn of_schema(schema: &Schema, known: Option<MessageDescriptor>) -> Result<Self, Failure> {
        let pool = DescriptorPool::from_file_descriptor_set(schema.descriptors())
            .map_err(|error| Failure::Protobuf(error.to_string()))?;
        let message = |name: &str| {
            let message = pool.get_message_by_name(name);
            message.ok_or_else(|| Failure::Protobuf(format!("there is no message `{name}`")))
        };
        Ok(Self {
            stream: message(schema.stream())?,
            record: message(schema.record())?,
            known,
        })
    }

    /// A message of the stream's type with one record.
    pub(super) fn encode(&self, layout: &RecordType, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
        if let Some(known) = &self.known {
            let record = known::message(known, layout, bytes)?.encode_to_vec();
            let mut framed = vec![RECORD_TAG];
            prost_reflect::prost::encode_length_delimiter(record.len(), &mut framed)
                .map_err(|error| Failure::Protobuf(error.to_string()))?;
            framed.extend(record);
            return Ok(framed);
        }
        let record = message(&self.record, layout, bytes)?;
        let mut stream = DynamicMessage::new(self.stream.clone());
        let records = Value::List(vec![Value::Message(record)]);
        set(&mut stream, RECORD_FIELD, records)?;
        Ok(stream.encode_to_vec())
    }

    /// The records of a message of the stream's type.
    pub(super) fn decode(
        &self,
        layout: &RecordType,
        bytes: &[u8],
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let stream = DynamicMessage::decode(self.stream.clone(), bytes)
            .map_err(|error| Failure::Protobuf(error.to_string()))?;
        let records = stream.get_field_by_name(RECORD_FIELD);
        let records = records.as_deref().and_then(Value::as_list);
        let encode = |value: &Value| Ok(record::encode(layout, &json_of_message(value, layout))?);
        records.unwrap_or_default().iter().map(encode).collect()
    }
}

fn set(message: &mut DynamicMessage, field: &str, value: Value) -> Result<(), Failure> {
    message
        .try_set_field_by_name(field, value)
        .map_err(|error| Failure::Protobuf(error.to_string()))
}

/// The message of a record. Fields that it is too short for are left out.
fn message(
    descriptor: &MessageDescriptor,
    layout: &RecordType,
    bytes: &[u8],
) -> Result<DynamicMessage, Failure> {
    let mut message = DynamicMessage::new(descriptor.clone());
    let record = Decoded { layout, bytes };
    for (field, described) in layout.fields.iter().zip(fields(descriptor)) {
        if let Some(bytes) = record.bytes_of(field) {
            let value = value(&field.ty, bytes, described.kind().as_message())?;
            set(&mut message, described.name(), value)?;
        }
    }
    Ok(message)
}

/// The fields in the order of their numbers, which is that of the layout.
fn fields(
    descriptor: &MessageDescriptor,
) -> impl Iterator<Item = prost_reflect::FieldDescriptor> + '_ {
    descriptor.fields()
}

fn value(
    ty: &FieldType,
    bytes: &[u8],
    inner: Option<&MessageDescriptor>,
) -> Result<Value, Failure> {
    let owned = || Value::Bytes(Bytes::copy_from_slice(bytes));
    Ok(match ty {
        FieldType::Number { size, .. } if *size > 8 => owned(),
        FieldType::Number { kind, size } => number(*kind, record::little_endian(bytes), size * 8),
        FieldType::Bits {
            kind,
            first_bit,
            width,
        } => number(*kind, record::little_endian(bytes) >> first_bit, *width),
        FieldType::Array { element, .. } if record::is_char(element) => {
            Value::String(record::text(bytes).into_owned())
        }
        ty if is_bytes(ty) => owned(),
        FieldType::Array { element, .. } => {
            let size = usize::try_from(element.size()).unwrap_or(usize::MAX).max(1);
            let elements = bytes.chunks_exact(size).map(|bytes| {
                match (&**element, inner) {
                    // A list of lists is a list of messages that hold one.
                    (FieldType::Array { .. }, Some(row)) if !schema::is_scalar(element) => {
                        let field = row.fields().next();
                        let field = field.as_ref().map(prost_reflect::FieldDescriptor::kind);
                        let inner = field.as_ref().and_then(prost_reflect::Kind::as_message);
                        let mut message = DynamicMessage::new(row.clone());
                        set(&mut message, ONLY_FIELD, value(element, bytes, inner)?)?;
                        Ok(Value::Message(message))
                    }
                    _ => value(element, bytes, inner),
                }
            });
            Value::List(elements.collect::<Result<_, Failure>>()?)
        }
        FieldType::Struct(layout) => match inner {
            Some(descriptor) => Value::Message(message(descriptor, layout, bytes)?),
            None => owned(),
        },
        FieldType::Opaque { .. } => owned(),
    })
}

/// The lowest `width` bits, at most 64, as the number that they are.
fn number(kind: NumberKind, bits: u128, width: u32) -> Value {
    let unused = u128::BITS - width.clamp(1, 64);
    let unsigned = (bits << unused >> unused) as u64;
    let signed = ((bits << unused).cast_signed() >> unused) as i64;
    match (kind, width) {
        (NumberKind::Bool, _) => Value::Bool(unsigned != 0),
        (NumberKind::Float, 32) => Value::F32(f32::from_bits(unsigned as u32)),
        (NumberKind::Float, 64) => Value::F64(f64::from_bits(unsigned)),
        (NumberKind::Signed, ..=32) => Value::I32(signed as i32),
        (NumberKind::Signed, _) => Value::I64(signed),
        (_, ..=32) => Value::U32(unsigned as u32),
        _ => Value::U64(unsigned),
    }
}

/// A message as the JSON that describes the same record.
fn json_of_message(value: &Value, layout: &RecordType) -> serde_json::Value {
    let Some(message) = value.as_message() else {
        return serde_json::Value::Null;
    };
    let fields = layout
        .fields
        .iter()
        .zip(message.descriptor().fields().collect::<Vec<_>>());
    // A missing value is zero, and left out.
    let mut values = fields
        .filter(|(_, described)| message.has_field(described))
        .map(|(field, described)| {
            let value = json_of(&message.get_field(&described), &field.ty);
            (field.name.clone(), value)
        });
    if only_field(layout).is_some() {
        return values
            .next()
            .map_or_else(|| zero_of(layout), |(_, value)| value);
    }
    serde_json::Value::Object(values.collect::<Map<_, _>>())
}

/// The JSON of a record that is no struct, when its message leaves it out; of one that is too
/// large for any, none.
fn zero_of(layout: &RecordType) -> serde_json::Value {
    if layout.size > record::LARGEST {
        return serde_json::Value::Null;
    }
    let zeros = vec![0; layout.size as usize];
    let record = Decoded {
        layout,
        bytes: &zeros,
    };
    serde_json::to_value(&record).unwrap_or_default()
}

fn json_of(value: &Value, ty: &FieldType) -> serde_json::Value {
    match (value, ty) {
        (Value::Bool(bit), _) => json!(bit),
        (Value::I32(number), _) => json!(number),
        (Value::I64(number), _) => json!(number),
        (Value::U32(number), _) => json!(number),
        (Value::U64(number), _) => json!(number),
        (Value::F32(number), _) => json!(number.to_string()),
        (Value::F64(number), _) => json!(number.to_string()),
        (Value::String(text), _) => json!(text),
        (Value::Bytes(bytes), FieldType::Array { .. }) => json!(bytes.to_vec()),
        (Value::Bytes(bytes), FieldType::Number { kind, .. }) => {
            let number = record::little_endian(bytes);
            match kind {
                NumberKind::Signed => json!(number.cast_signed().to_string()),
                _ => json!(number.to_string()),
            }
        }
        (Value::Bytes(bytes), _) => json!(record::hex(bytes)),
        (Value::List(values), FieldType::Array { element, .. }) => values
            .iter()
            .map(|value| json_of_element(value, element))
            .collect(),
        (Value::Message(_), FieldType::Struct(layout)) => json_of_message(value, layout),
        _ => serde_json::Value::Null,
    }
}

fn json_of_element(value: &Value, element: &FieldType) -> serde_json::Value {
    match (value, element) {
        (Value::Message(row), FieldType::Array { .. }) => row
            .get_field_by_name(ONLY_FIELD)
            .map_or(serde_json::Value::Null, |value| json_of(&value, element)),
        _ => json_of(value, element),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::encode;
    use crate::record::samples::{TEXT, array, field, layout, num};

    fn round_trip(layout: &RecordType, records: &[Vec<u8>]) {
        let messages = Messages::of(layout).unwrap();
        let encoded: Vec<u8> = records
            .iter()
            .flat_map(|record| messages.encode(layout, record).unwrap())
            .collect();
        assert_eq!(messages.decode(layout, &encoded).unwrap(), records);
    }

    #[test]
    fn a_record_of_all_types_is_the_same_after_the_way_there_and_back() {
        let record = encode(&layout(), &serde_json::from_str(TEXT).unwrap()).unwrap();
        round_trip(&layout(), &[record.clone(), vec![0; 32], record]);
    }

    #[test]
    fn lists_of_lists_bytes_and_large_numbers_are_too() {
        let unsigned = |size| num(NumberKind::Unsigned, size);
        let rows = RecordType {
            name: "rows".to_owned(),
            size: 64,
            fields: vec![
                field("matrix", 0, array(array(num(NumberKind::Signed, 2), 3), 2)),
                field("mac", 12, array(unsigned(1), 6)),
                field("macs", 18, array(array(unsigned(1), 6), 2)),
                field("names", 30, array(array(num(NumberKind::Char, 1), 2), 1)),
                field("large", 32, num(NumberKind::Signed, 16)),
                field("flag", 48, num(NumberKind::Bool, 1)),
                field("wide", 56, unsigned(8)),
            ],
        };
        let mut record: Vec<u8> = (100..164).collect();
        record[48..56].fill(0);
        record[48] = 1;
        record[30..32].copy_from_slice(b"ab");
        round_trip(&rows, &[record, vec![0; 64]]);
        let schema = Schema::of(&rows).to_string();
        for line in [
            "  repeated rows_matrix_row matrix = 1;",
            "  repeated sint32 value = 1;",
            "  bytes mac = 2;",
            "  repeated bytes macs = 3;",
            "  repeated string names = 4;",
            "  bytes large = 5;",
            "  bool flag = 6;",
            "  uint64 wide = 7;",
        ] {
            assert!(schema.contains(line), "{line}: {schema}");
        }
    }

    #[test]
    fn a_type_that_is_no_struct_is_one_field() {
        let number = RecordType {
            name: "unsigned int".to_owned(),
            size: 4,
            fields: vec![field("", 0, num(NumberKind::Unsigned, 4))],
        };
        round_trip(&number, &[vec![1, 0, 0, 0], vec![0; 4]]);
        let schema = Schema::of(&number);
        assert_eq!(
            (schema.record(), schema.stream()),
            ("unsigned_int", "Records")
        );
        round_trip(&record::opaque(3), &[vec![1, 2, 3]]);
    }

    #[test]
    fn names_are_made_to_fit() {
        let number = num(NumberKind::Unsigned, 4);
        let layout = RecordType {
            name: "Records".to_owned(),
            size: 12,
            fields: vec![
                field("0", 0, number.clone()),
                field("foo_bar", 4, number.clone()),
                field("fooBar", 8, number),
            ],
        };
        let schema = Schema::of(&layout);
        assert_eq!((schema.record(), schema.stream()), ("Records", "Records2"));
        let text = schema.to_string();
        assert!(
            text.contains("field_0 = 1") && text.contains("fooBar2 = 3"),
            "{text}"
        );
        round_trip(&layout, &[(0..12).collect()]);
    }

    #[test]
    fn no_message_is_called_what_means_something_to_protobuf() {
        let mut layout = layout();
        layout.name = "string".to_owned();
        let schema = Schema::of(&layout);
        assert_eq!(schema.record(), "string_record");
        round_trip(&layout, &[vec![0; 32]]);
    }

    #[test]
    fn what_is_no_such_message_is_refused() {
        let messages = Messages::of(&layout()).unwrap();
        let error = messages.decode(&layout(), &[0x0a, 200]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("this is not protobuf of such records: "),
            "{error}"
        );
    }
}
