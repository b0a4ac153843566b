//! A protobuf schema of a layout: as text for `protoc`, and as descriptors.

use std::fmt;

use jbpf_channel::record::{FieldType, NumberKind, RecordType};
use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
};

use crate::record::{is_char, only_field};

/// The message of a stream, unless a record has that name.
const STREAM: &str = "Records";
/// Its field, one for each record.
pub(super) const RECORD_FIELD: &str = "record";
/// The field of a message that stands for what is no struct.
pub(super) const ONLY_FIELD: &str = "value";

/// Words that begin a line of a message: no message of ours may have such a name.
const KEYWORDS: [&str; 27] = [
    "bool",
    "bytes",
    "double",
    "enum",
    "extend",
    "extensions",
    "fixed32",
    "fixed64",
    "float",
    "group",
    "int32",
    "int64",
    "map",
    "message",
    "oneof",
    "option",
    "optional",
    "repeated",
    "required",
    "reserved",
    "sfixed32",
    "sfixed64",
    "sint32",
    "sint64",
    "string",
    "uint32",
    "uint64",
];

/// Messages, each after those that it refers to; the last ones are the record and the stream of
/// records.
pub(crate) struct Schema {
    messages: Vec<Message>,
}

struct Message {
    name: String,
    fields: Vec<Field>,
}

struct Field {
    name: String,
    kind: Kind,
    repeated: bool,
}

#[derive(Clone, PartialEq)]
enum Kind {
    Scalar(Type),
    Message(String),
}

impl Schema {
    /// The schema of records of this layout.
    pub(crate) fn of(layout: &RecordType) -> Self {
        let mut builder = Builder::default();
        let record = builder.message_of(layout);
        let stream = builder.free_name(STREAM);
        builder.messages.push(Message {
            name: stream,
            fields: vec![Field {
                name: RECORD_FIELD.to_owned(),
                kind: Kind::Message(record),
                repeated: true,
            }],
        });
        Self {
            messages: builder.messages,
        }
    }

    /// The name of the message that holds records.
    pub(crate) fn stream(&self) -> &str {
        self.messages.last().map_or("", |message| &message.name)
    }

    /// The name of a record's message.
    pub(crate) fn record(&self) -> &str {
        let stream = self.messages.last();
        match stream
            .and_then(|stream| stream.fields.first())
            .map(|field| &field.kind)
        {
            Some(Kind::Message(name)) => name,
            _ => "",
        }
    }

    /// The same as descriptors.
    pub(super) fn descriptors(&self) -> FileDescriptorSet {
        FileDescriptorSet {
            file: vec![FileDescriptorProto {
                name: Some("records.proto".to_owned()),
                syntax: Some("proto3".to_owned()),
                message_type: self.messages.iter().map(Message::descriptor).collect(),
                ..FileDescriptorProto::default()
            }],
        }
    }
}

impl Message {
    fn descriptor(&self) -> DescriptorProto {
        let fields = (1..).zip(&self.fields).map(|(number, field)| {
            let (ty, type_name) = match &field.kind {
                Kind::Scalar(ty) => (*ty, None),
                Kind::Message(name) => (Type::Message, Some(format!(".{name}"))),
            };
            let label = if field.repeated {
                Label::Repeated
            } else {
                Label::Optional
            };
            FieldDescriptorProto {
                name: Some(field.name.clone()),
                number: Some(number),
                label: Some(label.into()),
                r#type: Some(ty.into()),
                type_name,
                ..FieldDescriptorProto::default()
            }
        });
        DescriptorProto {
            name: Some(self.name.clone()),
            field: fields.collect(),
            ..DescriptorProto::default()
        }
    }
}

/// Makes messages of layouts; equal layouts are one message.
#[derive(Default)]
struct Builder {
    messages: Vec<Message>,
    named: Vec<(RecordType, String)>,
}

impl Builder {
    fn message_of(&mut self, layout: &RecordType) -> String {
        if let Some((_, name)) = self.named.iter().find(|(known, _)| known == layout) {
            return name.clone();
        }
        let name = self.free_name(&layout.name);
        self.named.push((layout.clone(), name.clone()));
        let only = only_field(layout).is_some();
        let mut fields: Vec<Field> = Vec::with_capacity(layout.fields.len());
        for field in &layout.fields {
            let wanted = if only { ONLY_FIELD } else { &field.name };
            let taken = |name: &str| fields.iter().any(|field| same_in_json(&field.name, name));
            let name_of_field = free(identifier(wanted, "field"), taken);
            let (kind, repeated) = self.kind_of(&field.ty, &name, &name_of_field);
            fields.push(Field {
                name: name_of_field,
                kind,
                repeated,
            });
        }
        self.messages.push(Message {
            name: name.clone(),
            fields,
        });
        name
    }

    /// A field's type, and whether it is a list of that.
    fn kind_of(&mut self, ty: &FieldType, message: &str, field: &str) -> (Kind, bool) {
        match ty {
            ty if is_scalar(ty) => (Kind::Scalar(scalar(ty)), false),
            FieldType::Array { element, .. } => {
                let (kind, nested) = self.kind_of(element, message, field);
                if !nested {
                    return (kind, true);
                }
                let name = self.free_name(&format!("{message}_{field}_row"));
                self.messages.push(Message {
                    name: name.clone(),
                    fields: vec![Field {
                        name: ONLY_FIELD.to_owned(),
                        kind,
                        repeated: true,
                    }],
                });
                (Kind::Message(name), true)
            }
            FieldType::Struct(layout) if layout.name.is_empty() => {
                let mut named = layout.clone();
                named.name = format!("{message}_{field}");
                (Kind::Message(self.message_of(&named)), false)
            }
            FieldType::Struct(layout) => (Kind::Message(self.message_of(layout)), false),
            ty => (Kind::Scalar(scalar(ty)), false),
        }
    }

    fn free_name(&self, wanted: &str) -> String {
        let taken = |name: &str| {
            let messages = self.messages.iter().map(|message| &message.name);
            let named = self.named.iter().map(|(_, name)| name);
            messages.chain(named).any(|taken| taken == name)
        };
        let name = identifier(wanted, "Record");
        if KEYWORDS.contains(&name.as_str()) {
            return free(format!("{name}_record"), taken);
        }
        free(name, taken)
    }
}

/// Bytes that are no text: `bytes` rather than a list of numbers.
pub(super) fn is_bytes(ty: &FieldType) -> bool {
    let byte = FieldType::Number {
        kind: NumberKind::Unsigned,
        size: 1,
    };
    matches!(ty, FieldType::Array { element, .. } if **element == byte)
}

/// Whether a single field, that is no message, holds it.
pub(super) fn is_scalar(ty: &FieldType) -> bool {
    match ty {
        FieldType::Array { element, .. } => is_char(element) || is_bytes(ty),
        FieldType::Struct(_) => false,
        _ => true,
    }
}

fn scalar(ty: &FieldType) -> Type {
    let number = |kind, bits| match (kind, bits) {
        (NumberKind::Bool, _) => Type::Bool,
        (NumberKind::Float, 32) => Type::Float,
        (NumberKind::Float, 64) => Type::Double,
        (_, 65..) => Type::Bytes,
        (NumberKind::Signed, ..=32) => Type::Sint32,
        (NumberKind::Signed, _) => Type::Sint64,
        (_, ..=32) => Type::Uint32,
        _ => Type::Uint64,
    };
    match ty {
        FieldType::Number { kind, size } => number(*kind, size.saturating_mul(8)),
        FieldType::Bits { kind, width, .. } => number(*kind, *width),
        FieldType::Array { element, .. } if is_char(element) => Type::String,
        _ => Type::Bytes,
    }
}

/// `wanted` with what protobuf does not take as a name replaced.
fn identifier(wanted: &str, otherwise: &str) -> String {
    let name: String = wanted
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    match name.chars().next() {
        None => otherwise.to_owned(),
        Some(first) if first.is_ascii_digit() => format!("{otherwise}_{name}"),
        Some(_) => name,
    }
}

/// Two fields whose names differ in `_` and case alone are one field in protobuf's JSON.
fn same_in_json(one: &str, other: &str) -> bool {
    let simple = |name: &str| name.replace('_', "").to_ascii_lowercase();
    simple(one) == simple(other)
}

/// `name`, or with a number behind it, so that it is not taken.
fn free(name: String, taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{name}{number}"));
    let mut names = std::iter::once(name.clone()).chain(numbered);
    names.find(|name| !taken(name)).unwrap_or(name)
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("syntax = \"proto3\";\n")?;
        for message in &self.messages {
            write!(f, "\nmessage {} {{\n", message.name)?;
            for (number, field) in (1..).zip(&message.fields) {
                let repeated = if field.repeated { "repeated " } else { "" };
                let kind = match &field.kind {
                    Kind::Scalar(ty) => ty.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
                    Kind::Message(name) => name.clone(),
                };
                let name = &field.name;
                writeln!(f, "  {repeated}{kind} {name} = {number};")?;
            }
            f.write_str("}\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_sizes_that_none_has_are_bytes() {
        for size in [16, 1 << 29, u32::MAX] {
            let kind = NumberKind::Unsigned;
            assert_eq!(scalar(&FieldType::Number { kind, size }), Type::Bytes);
        }
    }
}
