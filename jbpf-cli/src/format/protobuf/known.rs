//! Messages by a descriptor that others made: names, numbers and types are the descriptor's.
//!
//! The structs of such codelets follow nanopb. `has_x` says whether `x` is there, `x_count` how
//! many elements are, and `which_x` has the number of the member that the union `x` holds. Bytes
//! are a struct of `size` and `bytes`. Fields that the struct does not have are left out.

use jbpf_channel::record::{FieldType, NumberKind, RecordType};
use prost_reflect::bytes::Bytes;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use crate::output::Failure;
use crate::record::{self, Decoded, little_endian};

/// The message of a record.
pub(super) fn message(
    descriptor: &MessageDescriptor,
    layout: &RecordType,
    bytes: &[u8],
) -> Result<DynamicMessage, Failure> {
    let mut message = DynamicMessage::new(descriptor.clone());
    let record = Decoded { layout, bytes };
    for field in descriptor.fields() {
        let Some((ty, bytes)) = place(&record, &field) else {
            continue;
        };
        let value = match (field.is_list(), ty) {
            (true, FieldType::Array { element, .. }) => {
                let all = bytes.chunks_exact(usize::try_from(element.size()).unwrap_or(0).max(1));
                let count = number_of(&record, &format!("{}_count", field.name()));
                let count = count.map_or(usize::MAX, |count| count.try_into().unwrap_or(0));
                let values = all
                    .take(count)
                    .map(|bytes| value(&field.kind(), element, bytes));
                let values = values.collect::<Result<Option<Vec<_>>, Failure>>()?;
                values.map(Value::List)
            }
            (true, _) => None,
            (false, ty) => value(&field.kind(), ty, bytes)?,
        };
        if let Some(value) = value {
            message
                .try_set_field(&field, value)
                .map_err(|error| Failure::Protobuf(error.to_string()))?;
        }
    }
    Ok(message)
}

/// The type and bytes of a field, if the record has it.
fn place<'a>(record: &Decoded<'a>, field: &FieldDescriptor) -> Option<(&'a FieldType, &'a [u8])> {
    if number_of(record, &format!("has_{}", field.name())) == Some(0) {
        return None;
    }
    if let Some(union) = field.containing_oneof()
        && let Some(held) = number_of(record, &format!("which_{}", union.name()))
    {
        if held != i128::from(field.number()) {
            return None;
        }
        if let Some((FieldType::Struct(layout), bytes)) = member(record, union.name()) {
            return member(&Decoded { layout, bytes }, field.name());
        }
    }
    member(record, field.name())
}

fn member<'a>(record: &Decoded<'a>, name: &str) -> Option<(&'a FieldType, &'a [u8])> {
    let field = record
        .layout
        .fields
        .iter()
        .find(|field| field.name == name)?;
    Some((&field.ty, record.bytes_of(field)?))
}

fn number_of(record: &Decoded<'_>, name: &str) -> Option<i128> {
    let (ty, bytes) = member(record, name)?;
    integer(ty, bytes)
}

/// A whole number of at most 64 bits.
fn integer(ty: &FieldType, bytes: &[u8]) -> Option<i128> {
    let (kind, bits, width) = match ty {
        FieldType::Number { kind, size } if *size <= 8 => (*kind, little_endian(bytes), size * 8),
        FieldType::Bits {
            kind,
            first_bit,
            width,
        } => (*kind, little_endian(bytes) >> first_bit, *width),
        _ => return None,
    };
    let unused = u128::BITS - width.clamp(1, 64);
    match kind {
        NumberKind::Float => None,
        NumberKind::Signed => Some((bits << unused).cast_signed() >> unused),
        NumberKind::Unsigned | NumberKind::Bool | NumberKind::Char => {
            Some((bits << unused >> unused).cast_signed())
        }
    }
}

/// A value of this kind; `None` if the type in the struct is of another nature.
fn value(kind: &Kind, ty: &FieldType, bytes: &[u8]) -> Result<Option<Value>, Failure> {
    let whole = || integer(ty, bytes);
    Ok(match kind {
        Kind::Message(descriptor) => match ty {
            FieldType::Struct(layout) => Some(Value::Message(message(descriptor, layout, bytes)?)),
            _ => None,
        },
        Kind::String => matches!(ty, FieldType::Array { .. })
            .then(|| Value::String(record::text(bytes).into_owned())),
        Kind::Bytes => octets(ty, bytes).map(|bytes| Value::Bytes(Bytes::copy_from_slice(bytes))),
        Kind::Float => float(ty, bytes).map(|float| Value::F32(float as f32)),
        Kind::Double => float(ty, bytes).map(Value::F64),
        Kind::Bool => whole().map(|number| Value::Bool(number != 0)),
        Kind::Enum(_) => whole().map(|number| Value::EnumNumber(number as i32)),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
            whole().map(|number| Value::I32(number as i32))
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            whole().map(|number| Value::I64(number as i64))
        }
        Kind::Uint32 | Kind::Fixed32 => whole().map(|number| Value::U32(number as u32)),
        Kind::Uint64 | Kind::Fixed64 => whole().map(|number| Value::U64(number as u64)),
    })
}

fn octets<'a>(ty: &'a FieldType, bytes: &'a [u8]) -> Option<&'a [u8]> {
    match ty {
        FieldType::Array { .. } | FieldType::Opaque { .. } => Some(bytes),
        FieldType::Struct(layout) => {
            let record = Decoded { layout, bytes };
            let (_, all) = member(&record, "bytes")?;
            let size = usize::try_from(number_of(&record, "size")?).ok()?;
            all.get(..size.min(all.len()))
        }
        _ => None,
    }
}

fn float(ty: &FieldType, bytes: &[u8]) -> Option<f64> {
    let FieldType::Number {
        kind: NumberKind::Float,
        size: 4 | 8,
    } = ty
    else {
        return None;
    };
    Some(record::float(bytes))
}

#[cfg(test)]
mod tests {
    use prost_reflect::prost::Message as _;
    use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
    use prost_reflect::prost_types::{
        DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
        OneofDescriptorProto,
    };

    use prost_reflect::DescriptorPool;

    use super::*;
    use crate::record::samples::{array, field, num};

    fn described(name: &str, number: i32, ty: Type, label: Label) -> FieldDescriptorProto {
        FieldDescriptorProto {
            name: Some(name.to_owned()),
            number: Some(number),
            label: Some(label.into()),
            r#type: Some(ty.into()),
            ..FieldDescriptorProto::default()
        }
    }

    fn descriptor() -> MessageDescriptor {
        let of = |name, number, ty| described(name, number, ty, Label::Optional);
        let in_choice = |name, number, ty| FieldDescriptorProto {
            oneof_index: Some(0),
            ..of(name, number, ty)
        };
        let message = DescriptorProto {
            name: Some("event".to_owned()),
            field: vec![
                of("cell", 4, Type::Int32),
                of("cause", 9, Type::Sint64),
                of("absent", 10, Type::Uint32),
                described("counts", 11, Type::Uint32, Label::Repeated),
                of("payload", 12, Type::Bytes),
                in_choice("first", 20, Type::Uint32),
                in_choice("second", 21, Type::Double),
                of("elsewhere", 30, Type::Uint32),
            ],
            oneof_decl: vec![OneofDescriptorProto {
                name: Some("choice".to_owned()),
                ..OneofDescriptorProto::default()
            }],
            ..DescriptorProto::default()
        };
        let set = FileDescriptorSet {
            file: vec![FileDescriptorProto {
                name: Some("event.proto".to_owned()),
                message_type: vec![message],
                ..FileDescriptorProto::default()
            }],
        };
        let pool = DescriptorPool::from_file_descriptor_set(set).unwrap();
        pool.get_message_by_name("event").unwrap()
    }

    fn layout() -> RecordType {
        let unsigned = |size| num(NumberKind::Unsigned, size);
        let named = |name: &str, size, fields| {
            FieldType::Struct(RecordType {
                name: name.to_owned(),
                size,
                fields,
            })
        };
        let octets = vec![
            field("size", 0, unsigned(2)),
            field("bytes", 2, array(unsigned(1), 4)),
        ];
        let choice = vec![
            field("first", 0, unsigned(4)),
            field("second", 0, num(NumberKind::Float, 8)),
        ];
        RecordType {
            name: "event".to_owned(),
            size: 56,
            fields: vec![
                field("cell", 0, num(NumberKind::Signed, 4)),
                field("has_absent", 4, num(NumberKind::Bool, 1)),
                field("counts_count", 6, unsigned(2)),
                field("cause", 8, num(NumberKind::Signed, 8)),
                field("absent", 16, unsigned(4)),
                field("counts", 20, array(unsigned(4), 3)),
                field("payload", 32, named("payload_t", 6, octets)),
                field("which_choice", 38, unsigned(2)),
                field("choice", 40, named("", 8, choice)),
            ],
        }
    }

    #[test]
    fn records_of_nanopbs_structs_are_messages_of_their_descriptor() {
        let mut bytes = vec![0; 56];
        bytes[0..4].copy_from_slice(&(-2_i32).to_le_bytes());
        bytes[6] = 2;
        bytes[8..16].copy_from_slice(&(-3_i64).to_le_bytes());
        bytes[16] = 77;
        bytes[20] = 5;
        bytes[24] = 6;
        bytes[28] = 7;
        bytes[32..38].copy_from_slice(&[3, 0, b'a', b'b', b'c', b'd']);
        bytes[38] = 21;
        bytes[40..48].copy_from_slice(&1.5_f64.to_le_bytes());
        let descriptor = descriptor();
        let encoded = message(&descriptor, &layout(), &bytes).unwrap();
        let encoded = encoded.encode_to_vec();
        let read = DynamicMessage::decode(descriptor.clone(), encoded.as_slice()).unwrap();
        let field = |name: &str| read.get_field_by_name(name).unwrap().into_owned();
        assert_eq!(field("cell"), Value::I32(-2));
        assert_eq!(field("cause"), Value::I64(-3));
        let counts = vec![Value::U32(5), Value::U32(6)];
        assert_eq!(field("counts"), Value::List(counts));
        assert_eq!(field("payload"), Value::Bytes(Bytes::from_static(b"abc")));
        assert_eq!(field("second"), Value::F64(1.5));
        for absent in ["absent", "first", "elsewhere"] {
            assert!(!read.has_field_by_name(absent), "{absent}");
        }
        bytes[4] = 1;
        bytes[38] = 20;
        bytes[40..44].copy_from_slice(&9_u32.to_le_bytes());
        let read = message(&descriptor, &layout(), &bytes).unwrap();
        let field = |name: &str| read.get_field_by_name(name).unwrap().into_owned();
        assert_eq!(
            (field("absent"), field("first")),
            (Value::U32(77), Value::U32(9))
        );
        // A record that ends early leaves fields out.
        let short = message(&descriptor, &layout(), &bytes[..20]).unwrap();
        assert!(short.has_field_by_name("cause") && !short.has_field_by_name("counts"));
    }
}
