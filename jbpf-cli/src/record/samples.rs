//! A record of all that records are made of, for tests.

use jbpf_channel::record::{FieldType, NumberKind, RecordField, RecordType};

pub(crate) fn field(name: &str, offset: u32, ty: FieldType) -> RecordField {
    RecordField {
        name: name.to_owned(),
        offset,
        ty,
    }
}

pub(crate) fn num(kind: NumberKind, size: u32) -> FieldType {
    FieldType::Number { kind, size }
}

pub(crate) fn array(element: FieldType, len: u32) -> FieldType {
    FieldType::Array {
        element: Box::new(element),
        len,
    }
}

pub(crate) fn layout() -> RecordType {
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

/// Such a record in JSON.
pub(crate) const TEXT: &str = r#"{"id":18446744073709551615,"points":[{"x":-1,"y":2},{"x":3,"y":65535}],"name":"ab","low":5,"high":-16,"up":true,"raw":"0aff","load":1.5}"#;
