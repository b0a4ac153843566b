//! The meaning of a record's bytes, in a form that travels between processes.
//!
//! A record type comes from the debug information of a codelet's object or from a Rust type
//! ([`RecordType::of`]). If a channel has one from each, they must agree: see
//! [`RecordType::disagreement`]. A type from outside, in an object or in a message, is checked
//! once, at the place where it enters ([`RecordType::check`]). So code that shows or reads a
//! record never goes beyond the record's bytes.

use core::fmt;

use jbpf_hooks::layout;
use serde::{Deserialize, Serialize};

/// The deepest nesting of structs and arrays.
const MAX_DEPTH: u32 = 32;

/// The most descriptions of each byte of a record. Only unions and bit fields describe a byte more
/// than once.
const MAX_PARTS_A_BYTE: u64 = 64;

/// The layout of a record, value or key. A deserialized one has passed its [`check`](Self::check).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct RecordType {
    /// The name that the source gives it: a struct's, a typedef's, or a number's.
    pub name: String,
    /// Size in bytes.
    pub size: u32,
    /// The fields by offset. Anonymous structs and unions are flattened; the fields of a union
    /// overlap. A type that is no struct has one field without a name.
    pub fields: Vec<RecordField>,
}

/// A [`RecordType`] from outside that is not checked yet.
#[derive(Deserialize)]
struct Unchecked {
    name: String,
    size: u32,
    fields: Vec<RecordField>,
}

/// Why no record can have a layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the layout of `{record}` is none that a record can have: {problem}")]
pub struct BadLayout {
    /// The type's name.
    record: String,
    problem: &'static str,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordField {
    /// The field's name.
    pub name: String,
    /// Offset of its first byte.
    pub offset: u32,
    /// The type of its value.
    #[serde(rename = "type")]
    pub ty: FieldType,
}

/// The type of a field's value. Numbers are little-endian.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// A number of 1, 2, 4, 8 or 16 bytes.
    Number {
        /// The meaning of its bits.
        kind: NumberKind,
        /// Size in bytes.
        size: u32,
    },
    /// The bits from `first_bit` to `first_bit + width` of the number at the field's offset,
    /// counted from the lowest.
    Bits {
        /// The meaning of the bits.
        kind: NumberKind,
        /// The lowest bit, 0 to 7.
        first_bit: u32,
        /// The number of bits, 1 to 64.
        width: u32,
    },
    /// Elements in a row.
    Array {
        /// The type of one element.
        element: Box<FieldType>,
        /// The number of elements.
        len: u32,
    },
    /// A struct or union.
    Struct(RecordType),
    /// Bytes without a known meaning: pointers, and types that debug information does not
    /// describe.
    Opaque {
        /// The number of bytes.
        size: u32,
    },
}

/// The meaning of a number's bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberKind {
    /// Unsigned.
    Unsigned,
    /// Signed, two's complement.
    Signed,
    /// A `char` of one byte. An array of them is text.
    Char,
    /// 0 or 1.
    Bool,
    /// IEEE 754.
    Float,
}

/// Two descriptions of one record that cannot both be right. It displays as a sentence, then shows
/// both side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// The record type that the channel has.
    pub known: Box<RecordType>,
    /// The record type that was declared later.
    pub other: Box<RecordType>,
    /// The first difference, in words.
    pub reason: String,
}

impl FieldType {
    /// Size in bytes. For bits it is the size of the bytes that they touch.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Number { size, .. } | Self::Opaque { size } => u64::from(*size),
            Self::Bits {
                first_bit, width, ..
            } => (u64::from(*first_bit) + u64::from(*width)).div_ceil(8),
            Self::Array { element, len } => element.size().saturating_mul(u64::from(*len)),
            Self::Struct(record) => u64::from(record.size),
        }
    }

    /// The number of parts in which it is shown, at least one.
    fn parts(&self, depth: u32) -> Result<u64, &'static str> {
        let inside = || depth.checked_sub(1).ok_or("it nests too deep");
        let parts = match self {
            Self::Number { size, .. } if !matches!(size, 1 | 2 | 4 | 8 | 16) => {
                return Err("no number has such a size");
            }
            Self::Bits {
                first_bit, width, ..
            } if *first_bit > 7 || !(1..=64).contains(width) => {
                return Err("no bits lie there");
            }
            Self::Array { element, len } => {
                if *len > 0 && element.size() == 0 {
                    return Err("an array's elements have no size");
                }
                element.parts(inside()?)?.saturating_mul(u64::from(*len))
            }
            Self::Struct(record) => record.parts(inside()?)?,
            Self::Number { .. } | Self::Bits { .. } | Self::Opaque { .. } => 1,
        };
        Ok(parts.max(1))
    }

    fn of(ty: &layout::Type, text: bool) -> Self {
        match ty {
            layout::Type::Scalar(scalar) => Self::scalar(*scalar, text),
            layout::Type::Array { element, len } => Self::Array {
                element: Box::new(Self::of(element, text)),
                len: saturate(*len),
            },
            layout::Type::Struct(layout) => Self::Struct(RecordType::of_layout(layout)),
        }
    }

    fn scalar(scalar: layout::Scalar, text: bool) -> Self {
        use layout::Scalar as S;
        let kind = match scalar {
            S::U8 | S::I8 if text => NumberKind::Char,
            S::U8 | S::U16 | S::U32 | S::U64 | S::U128 => NumberKind::Unsigned,
            S::I8 | S::I16 | S::I32 | S::I64 | S::I128 => NumberKind::Signed,
            S::Bool => NumberKind::Bool,
            S::F32 | S::F64 => NumberKind::Float,
        };
        Self::Number {
            kind,
            size: saturate(scalar.size()),
        }
    }

    /// Whether the same bytes mean the same under both. Opaque bytes and bits agree with anything
    /// of the same size.
    fn agrees_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Opaque { .. } | Self::Bits { .. }, _)
            | (_, Self::Opaque { .. } | Self::Bits { .. }) => self.size() == other.size(),
            (Self::Number { kind, size }, Self::Number { kind: k, size: s }) => {
                size == s && kind.agrees_with(*k)
            }
            (Self::Array { element, len }, Self::Array { element: e, len: l }) => {
                len == l && element.agrees_with(e)
            }
            (Self::Struct(one), Self::Struct(two)) => one.parting(two).is_none(),
            _ => false,
        }
    }
}

impl NumberKind {
    /// Whether the same bits may mean the same under both. `char` is a byte of either sign. C has
    /// `bool` where Rust has `u8`, because a Rust type whose every byte pattern is valid cannot
    /// have a `bool`.
    fn agrees_with(self, other: Self) -> bool {
        use NumberKind::{Bool, Char, Signed, Unsigned};
        self == other
            || matches!(
                (self, other),
                (Char, Signed | Unsigned)
                    | (Signed | Unsigned, Char)
                    | (Bool, Unsigned)
                    | (Unsigned, Bool)
            )
    }
}

impl RecordType {
    /// The layout of a Rust type.
    #[must_use]
    pub fn of<T: layout::FieldType>() -> Self {
        match T::TYPE {
            layout::Type::Struct(layout) => Self::of_layout(layout),
            ty => {
                let ty = FieldType::of(&ty, false);
                Self {
                    name: ty.to_string(),
                    size: u32::try_from(ty.size()).unwrap_or(u32::MAX),
                    fields: vec![RecordField {
                        name: String::new(),
                        offset: 0,
                        ty,
                    }],
                }
            }
        }
    }

    /// The layout of a Rust struct.
    #[must_use]
    pub fn of_layout(layout: &layout::DataLayout) -> Self {
        let field = |field: &layout::Field| RecordField {
            name: field.name.to_owned(),
            offset: saturate(field.offset),
            ty: FieldType::of(&field.ty, field.text),
        };
        Self {
            name: layout.name.to_owned(),
            size: saturate(layout.size),
            fields: layout.fields.iter().map(field).collect(),
        }
    }

    /// Checks that a record can have this layout. Numbers must have sizes, and bits positions,
    /// that exist; each part must lie inside the whole; and there must not be many more parts than
    /// bytes.
    ///
    /// # Errors
    ///
    /// The rule that the layout breaks.
    pub fn check(&self) -> Result<(), BadLayout> {
        let bad = |problem| BadLayout {
            record: self.name.chars().take(64).collect(),
            problem,
        };
        let parts = self.parts(MAX_DEPTH).map_err(bad)?;
        if parts > u64::from(self.size).saturating_mul(MAX_PARTS_A_BYTE) {
            return Err(bad("it has far more parts than bytes"));
        }
        Ok(())
    }

    /// The number of parts in which it is shown.
    fn parts(&self, depth: u32) -> Result<u64, &'static str> {
        let mut parts: u64 = 0;
        for field in &self.fields {
            if field.end() > u64::from(self.size) {
                return Err("a field ends behind it");
            }
            parts = parts.saturating_add(field.ty.parts(depth)?);
        }
        Ok(parts)
    }

    /// The place at which the two types disagree, or `None` if the same bytes mean the same under
    /// both.
    ///
    /// Names of types are not compared. Names of fields are, since nothing else shows that two
    /// fields of the same type were swapped. Fields whose names begin with `_` are padding. Rust
    /// types of channels have no unions and no bit fields. A record with one of them is compared
    /// by its size alone.
    #[must_use]
    pub fn disagreement(&self, other: &Self) -> Option<Disagreement> {
        let reason = self.parting(other)?;
        Some(Disagreement {
            known: Box::new(self.clone()),
            other: Box::new(other.clone()),
            reason,
        })
    }

    fn parting(&self, other: &Self) -> Option<String> {
        if self.size != other.size {
            return Some(format!("{} bytes and {} bytes", self.size, other.size));
        }
        if !self.is_plain() || !other.is_plain() {
            return None;
        }
        let (mut mine, mut theirs) = (self.meaningful(), other.meaningful());
        loop {
            match (mine.next(), theirs.next()) {
                (None, None) => return None,
                (Some(one), Some(two)) if one.agrees_with(two) => {}
                (Some(one), Some(two)) => return Some(format!("{one} and {two}")),
                (Some(one), None) | (None, Some(one)) => {
                    return Some(format!("only one of them has {one}"));
                }
            }
        }
    }

    fn meaningful(&self) -> impl Iterator<Item = &RecordField> {
        self.fields
            .iter()
            .filter(|field| !field.name.starts_with('_'))
    }

    /// Whether it has neither bit fields nor overlapping fields.
    fn is_plain(&self) -> bool {
        let mut end = 0;
        self.fields.iter().all(|field| {
            let apart = u64::from(field.offset) >= end;
            end = field.end();
            apart && !matches!(field.ty, FieldType::Bits { .. })
        })
    }
}

impl TryFrom<Unchecked> for RecordType {
    type Error = BadLayout;

    fn try_from(unchecked: Unchecked) -> Result<Self, BadLayout> {
        let Unchecked { name, size, fields } = unchecked;
        let record = Self { name, size, fields };
        record.check()?;
        Ok(record)
    }
}

impl RecordField {
    /// Offset of the byte after the field, from the record's start; `u64::MAX` if the offset does
    /// not fit 64 bits. Anybody may send a layout, and arrays of arrays may have such sizes.
    #[must_use]
    pub fn end(&self) -> u64 {
        u64::from(self.offset).saturating_add(self.ty.size())
    }

    fn agrees_with(&self, other: &Self) -> bool {
        (self.name == other.name || self.name.is_empty() || other.name.is_empty())
            && self.offset == other.offset
            && self.ty.agrees_with(&other.ty)
    }
}

fn saturate(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl fmt::Display for FieldType {
    /// Writes the type as Rust does: `u32`, `[i8; 4]`, a struct by its name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { kind, size } => match kind {
                NumberKind::Unsigned => write!(f, "u{}", u64::from(*size) * 8),
                NumberKind::Signed => write!(f, "i{}", u64::from(*size) * 8),
                NumberKind::Float => write!(f, "f{}", u64::from(*size) * 8),
                NumberKind::Char => f.write_str("char"),
                NumberKind::Bool => f.write_str("bool"),
            },
            Self::Bits { width, .. } => write!(f, "{width} bits"),
            Self::Array { element, len } => write!(f, "[{element}; {len}]"),
            Self::Struct(record) => f.write_str(&record.name),
            Self::Opaque { size } => write!(f, "{size} bytes"),
        }
    }
}

impl fmt::Display for RecordField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            write!(f, "`{}` at {}", self.ty, self.offset)
        } else {
            write!(f, "`{}: {}` at {}", self.name, self.ty, self.offset)
        }
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = |record: &RecordType| -> Vec<String> {
            let head = format!("{} ({} bytes)", record.name, record.size);
            let fields = record.fields.iter().map(|field| {
                let RecordField { name, offset, ty } = field;
                format!("{offset:>5}  {name}: {ty}")
            });
            core::iter::once(head).chain(fields).collect()
        };
        let (left, right) = (column(&self.known), column(&self.other));
        let width = left
            .iter()
            .map(|line| line.chars().count())
            .max()
            .unwrap_or(0);
        f.write_str(&self.reason)?;
        for at in 0..left.len().max(right.len()) {
            let cell = |lines: &[String]| lines.get(at).cloned().unwrap_or_default();
            write!(f, "\n    {:width$}  |  {}", cell(&left), cell(&right))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jbpf_hooks::jbpf_data;

    #[jbpf_data]
    struct Inner {
        a: u16,
        b: [i16; 3],
    }

    #[jbpf_data]
    struct Packet {
        seq_no: i32,
        value: u32,
        #[jbpf(text)]
        name: [u8; 8],
        inner: [Inner; 2],
    }

    fn field(record: &mut RecordType, name: &str) -> usize {
        let at = record.fields.iter().position(|field| field.name == name);
        at.unwrap()
    }

    #[test]
    fn a_rust_type_describes_itself() {
        let packet = RecordType::of::<Packet>();
        assert_eq!((packet.name.as_str(), packet.size), ("Packet", 32));
        let fields: Vec<_> = packet.fields.iter().map(ToString::to_string).collect();
        assert_eq!(
            fields,
            [
                "`seq_no: i32` at 0",
                "`value: u32` at 4",
                "`name: [char; 8]` at 8",
                "`inner: [Inner; 2]` at 16"
            ]
        );
        assert_eq!(RecordType::of::<u64>().name, "u64");
        let json = serde_json::to_string(&packet).unwrap();
        assert_eq!(serde_json::from_str::<RecordType>(&json).unwrap(), packet);
        assert_eq!(packet.disagreement(&packet), None);
    }

    #[test]
    fn a_disagreement_says_where_and_shows_both() {
        let packet = RecordType::of::<Packet>();
        let mut other = packet.clone();
        other.name = "struct packet".to_owned();
        assert_eq!(
            packet.disagreement(&other),
            None,
            "types may have other names"
        );
        let at = field(&mut other, "value");
        other.fields[at].ty = FieldType::Number {
            kind: NumberKind::Float,
            size: 4,
        };
        let text = packet.disagreement(&other).unwrap().to_string();
        assert!(
            text.starts_with("`value: u32` at 4 and `value: f32` at 4\n"),
            "{text}"
        );
        assert!(text.contains("Packet (32 bytes)"), "{text}");
        assert!(text.contains("|      4  value: f32"), "{text}");
        other.size = 40;
        let text = packet.disagreement(&other).unwrap().to_string();
        assert!(text.starts_with("32 bytes and 40 bytes"), "{text}");
    }

    fn refused(record: &RecordType) -> String {
        let json = serde_json::to_string(record).unwrap();
        let error = serde_json::from_str::<RecordType>(&json).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&record.check().unwrap_err().to_string())
        );
        error.to_string()
    }

    #[test]
    fn what_no_record_can_have_is_refused_where_it_enters() {
        let packet = RecordType::of::<Packet>();
        packet.check().unwrap();
        let with = |at: usize, ty: FieldType| {
            let mut record = packet.clone();
            record.fields[at].ty = ty;
            record
        };
        let byte = FieldType::Number {
            kind: NumberKind::Unsigned,
            size: 1,
        };
        let bits = |first_bit, width| FieldType::Bits {
            kind: NumberKind::Unsigned,
            first_bit,
            width,
        };
        let array = |element: &FieldType, len| FieldType::Array {
            element: Box::new(element.clone()),
            len,
        };
        let nothing = FieldType::Opaque { size: 0 };
        let three = FieldType::Number {
            kind: NumberKind::Unsigned,
            size: 3,
        };
        let mut far = packet.clone();
        far.fields[3].offset = u32::MAX;
        for (record, problem) in [
            (far, "a field ends behind it"),
            (with(0, three), "no number has such a size"),
            (with(0, bits(8, 1)), "no bits lie there"),
            (with(0, bits(0, 0)), "no bits lie there"),
            (with(0, bits(0, 65)), "no bits lie there"),
            (with(3, array(&byte, 17)), "a field ends behind it"),
            (
                with(3, array(&array(&byte, u32::MAX), u32::MAX)),
                "a field ends behind it",
            ),
            (
                // 4 * 2^62 bytes are 2^64. If the size wrapped, the field would end inside the
                // record.
                with(3, array(&array(&array(&byte, 1 << 31), 1 << 31), 4)),
                "a field ends behind it",
            ),
            (
                with(0, array(&nothing, u32::MAX)),
                "an array's elements have no size",
            ),
        ] {
            assert!(refused(&record).contains(problem), "{problem}");
        }
        assert_eq!(with(0, array(&nothing, 0)).check(), Ok(()));
        assert_eq!(with(0, bits(7, 25)).check(), Ok(()));

        // An array of unions, each with as many members as a byte may have descriptions.
        let union = |members: u64| RecordType {
            fields: (0..members)
                .map(|_| RecordField {
                    name: String::new(),
                    offset: 0,
                    ty: byte.clone(),
                })
                .collect(),
            name: "union".to_owned(),
            size: 1,
        };
        let of_unions = |members| with(3, array(&FieldType::Struct(union(members)), 16));
        of_unions(MAX_PARTS_A_BYTE).check().unwrap();
        union(MAX_PARTS_A_BYTE).check().unwrap();
        assert!(refused(&union(MAX_PARTS_A_BYTE + 1)).contains("parts"));

        let mut nested = byte.clone();
        for _ in 0..=MAX_DEPTH {
            nested = array(&nested, 1);
        }
        assert!(refused(&with(0, nested)).contains("nests too deep"));
    }

    #[test]
    fn swapped_fields_and_changed_insides_disagree() {
        let packet = RecordType::of::<Packet>();
        let mut swapped = packet.clone();
        swapped.fields[0].name = "value".to_owned();
        swapped.fields[1].name = "seq_no".to_owned();
        assert!(packet.disagreement(&swapped).is_some());
        let mut inside = packet.clone();
        let FieldType::Array { element, .. } = &mut inside.fields[3].ty else {
            panic!("an array")
        };
        let FieldType::Struct(inner) = &mut **element else {
            panic!("a struct")
        };
        inner.fields[0].ty = FieldType::Number {
            kind: NumberKind::Signed,
            size: 2,
        };
        assert!(packet.disagreement(&inside).is_some());
    }

    #[test]
    fn what_c_leaves_open_or_pads_agrees() {
        let packet = RecordType::of::<Packet>();
        let mut padded = packet.clone();
        padded.fields.insert(
            2,
            RecordField {
                name: "_reserved".to_owned(),
                offset: 8,
                ty: FieldType::Opaque { size: 0 },
            },
        );
        padded.fields[1].ty = FieldType::Opaque { size: 4 };
        assert_eq!(packet.disagreement(&padded), None);
        let mut bytes = packet.clone();
        bytes.fields[2].ty = FieldType::Array {
            element: Box::new(FieldType::Number {
                kind: NumberKind::Unsigned,
                size: 1,
            }),
            len: 8,
        };
        assert_eq!(packet.disagreement(&bytes), None, "char and u8");
        let mut union = packet.clone();
        union.fields[1].offset = 0;
        assert_eq!(packet.disagreement(&union), None, "by size alone");
    }
}
