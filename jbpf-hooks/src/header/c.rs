//! Types and names in C.

use core::fmt::Write as _;

use crate::helper::HelperArgument;
use crate::layout::{DataLayout, Field, Scalar, Type};

pub fn parameter(name: &str, argument: &HelperArgument) -> String {
    match argument {
        HelperArgument::Number(number) => format!("{} {name}", scalar(*number)),
        HelperArgument::Readable { ty, .. } => format!("const {}", pointer(name, ty)),
        HelperArgument::Writable { ty, .. } => pointer(name, ty),
        HelperArgument::Bytes | HelperArgument::BytesUpTo(_) => {
            format!("const void *{name}, uint64_t {name}_size")
        }
        HelperArgument::Map => format!("void *{name}"),
    }
}

/// A parameter that points at a value. An array shows its length.
fn pointer(name: &str, ty: &Type) -> String {
    match ty {
        Type::Array { .. } => declaration(name, ty),
        _ => format!("{} *{name}", base(ty)),
    }
}

pub fn field_declaration(field: &Field) -> String {
    let name = member(field.name);
    match field.ty {
        Type::Array { len, .. } if field.text => format!("char {name}[{len}]"),
        ty => declaration(&name, &ty),
    }
}

pub fn declaration(name: &str, ty: &Type) -> String {
    let mut text = format!("{} {name}", base(ty));
    let mut ty = ty;
    while let Type::Array { element, len } = ty {
        // Writing to a string does not fail.
        let _ = write!(text, "[{len}]");
        ty = element;
    }
    text
}

/// The type of the innermost elements.
fn base(ty: &Type) -> String {
    match ty {
        Type::Scalar(number) => scalar(*number).to_owned(),
        Type::Array { element, .. } => base(element),
        Type::Struct(layout) => identifier(layout.name),
    }
}

pub const fn scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::U8 => "uint8_t",
        Scalar::U16 => "uint16_t",
        Scalar::U32 => "uint32_t",
        Scalar::U64 => "uint64_t",
        Scalar::U128 => "unsigned __int128",
        Scalar::I8 => "int8_t",
        Scalar::I16 => "int16_t",
        Scalar::I32 => "int32_t",
        Scalar::I64 => "int64_t",
        Scalar::I128 => "__int128",
        Scalar::Bool => "bool",
        Scalar::F32 => "float",
        Scalar::F64 => "double",
    }
}

/// The alignment that C gives the struct by itself.
pub fn natural_alignment(layout: &DataLayout) -> usize {
    layout
        .fields
        .iter()
        .map(|field| alignment(&field.ty))
        .max()
        .unwrap_or(1)
}

fn alignment(ty: &Type) -> usize {
    match ty {
        Type::Scalar(scalar) => scalar.size(),
        Type::Array { element, .. } => alignment(element),
        Type::Struct(layout) => layout.align,
    }
}

/// A field's name in C.
pub fn member(name: &str) -> String {
    if KEYWORDS.contains(&name) {
        return format!("{name}_");
    }
    identifier(name)
}

/// A name in C. Each character that C names cannot have becomes `_`.
pub fn identifier(name: &str) -> String {
    let mut text: String = name
        .chars()
        .map(|character| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => character,
            _ => '_',
        })
        .collect();
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        text.insert(0, '_');
    }
    text
}

/// Words that are names of fields in Rust and none in C: those of C11, 6.4.1, and those that the
/// included headers define.
const KEYWORDS: [&str; 42] = [
    "_Alignas",
    "_Alignof",
    "_Atomic",
    "_Bool",
    "_Complex",
    "_Generic",
    "_Imaginary",
    "_Noreturn",
    "_Static_assert",
    "_Thread_local",
    "asm",
    "auto",
    "bool",
    "case",
    "char",
    "default",
    "do",
    "double",
    "false",
    "float",
    "goto",
    "inline",
    "int",
    "long",
    "offsetof",
    "register",
    "restrict",
    "short",
    "signed",
    "sizeof",
    "switch",
    "true",
    "typedef",
    "typeof",
    "union",
    "unsigned",
    "void",
    "volatile",
    "NULL",
    "int32_t",
    "uint32_t",
    "uint64_t",
];
