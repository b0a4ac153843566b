//! A protobuf schema of a layout: as text for `protoc`, and as descriptors.

use std::fmt;

use jbpf_channel::record::{FieldType, NumberKind, RecordType};
use prost_reflect::MessageDescriptor;
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
    number: u32,
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
        builder.schema(record)
    }

    /// The schema of records that others know as this message. Enums are numbers in it.
    pub(crate) fn known(record: &MessageDescriptor) -> Self {
        let mut builder = Builder::default();
        let record = builder.known(record);
        builder.schema(record)
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
        let fields = self.fields.iter().map(|field| {
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
                number: Some(field.number.cast_signed()),
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
    /// By full name: messages that others made.
    known: Vec<(String, String)>,
}

impl Builder {
    /// The messages so far and a stream's.
    fn schema(mut self, record: String) -> Schema {
        let stream = self.free_name(STREAM);
        self.messages.push(Message {
            name: stream,
            fields: vec![Field {
                name: RECORD_FIELD.to_owned(),
                number: 1,
                kind: Kind::Message(record),
                repeated: true,
            }],
        });
        Schema {
            messages: self.messages,
        }
    }

    /// A message of a descriptor, after those that it refers to. A message that refers to itself
    /// is left as a name while its fields are being read.
    fn known(&mut self, descriptor: &MessageDescriptor) -> String {
        let full = descriptor.full_name();
        if let Some((_, name)) = self.known.iter().find(|(known, _)| known == full) {
            return name.clone();
        }
        let name = self.free_name(descriptor.name());
        self.known.push((full.to_owned(), name.clone()));
        let fields = descriptor.fields().map(|field| Field {
            name: field.name().to_owned(),
            number: field.number(),
            kind: match field.kind() {
                prost_reflect::Kind::Message(inner) => Kind::Message(self.known(&inner)),
                scalar => Kind::Scalar(scalar_of(&scalar)),
            },
            repeated: field.is_list() || field.is_map(),
        });
        let fields = fields.collect();
        self.messages.push(Message {
            name: name.clone(),
            fields,
        });
        name
    }

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
            let number = u32::try_from(fields.len()).map_or(u32::MAX, |before| before + 1);
            fields.push(Field {
                name: name_of_field,
                number,
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
                        number: 1,
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
            let known = self.known.iter().map(|(_, name)| name);
            messages
                .chain(named)
                .chain(known)
                .any(|taken| taken == name)
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

/// The type of a field that is no message. Enums travel as numbers of 32 bits.
fn scalar_of(kind: &prost_reflect::Kind) -> Type {
    use prost_reflect::Kind as Known;
    match kind {
        Known::Double => Type::Double,
        Known::Float => Type::Float,
        Known::Int32 | Known::Enum(_) => Type::Int32,
        Known::Int64 => Type::Int64,
        Known::Uint32 => Type::Uint32,
        Known::Uint64 => Type::Uint64,
        Known::Sint32 => Type::Sint32,
        Known::Sint64 => Type::Sint64,
        Known::Fixed32 => Type::Fixed32,
        Known::Fixed64 => Type::Fixed64,
        Known::Sfixed32 => Type::Sfixed32,
        Known::Sfixed64 => Type::Sfixed64,
        Known::Bool => Type::Bool,
        Known::String => Type::String,
        Known::Bytes | Known::Message(_) => Type::Bytes,
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
            for field in &message.fields {
                let repeated = if field.repeated { "repeated " } else { "" };
                let kind = match &field.kind {
                    Kind::Scalar(ty) => ty.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
                    Kind::Message(name) => name.clone(),
                };
                let (name, number) = (&field.name, field.number);
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
