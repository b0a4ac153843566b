//! The types of records, values and keys, from the annotations that the map macros leave in the
//! object.
//!
//! `jbpf_ringbuf_map(outmap, Packet, 16)` also defines `outmap__record`, an empty array of
//! `Packet` in section `.jbpf.types`. The array takes no bytes, and its type is in the BTF.
//! `__key` does the same for keys.

use std::collections::{BTreeMap, BTreeSet};

use jbpf_channel::record::{FieldType, NumberKind, RecordField, RecordType};
use jbpf_verifier::types::MapDef;

use crate::btf::{Btf, BtfType, Words, kind};
use crate::elf::Elf;
use crate::error::ObjectError;

/// The section of the annotations.
const SECTION: &str = ".jbpf.types";
/// The deepest nesting of structs and arrays.
const MAX_DEPTH: u32 = 16;
/// Fields of all types of one object together.
const MAX_FIELDS: u32 = 1 << 14;
/// Bytes that a type may take as JSON. An answer has to fit into a line, and the type is only one
/// part of it. Long names make a type large.
const MAX_JSON: usize = 256 << 10;

/// The types that the annotations of an object give, by map.
#[derive(Debug, Default)]
pub(crate) struct Annotations {
    pub(crate) records: BTreeMap<String, RecordType>,
    pub(crate) keys: BTreeMap<String, RecordType>,
}

/// Collects the annotations that belong to one of these maps, have its size, are a possible layout
/// of a record, and are no longer than [`MAX_JSON`].
pub(crate) fn annotations(btf: &Btf<'_>, maps: &[MapDef]) -> Annotations {
    let mut annotations = Annotations::default();
    let mut types = Types {
        btf,
        fields_left: MAX_FIELDS,
    };
    let sections = btf
        .types()
        .iter()
        .filter(|ty| ty.kind == kind::DATASEC && btf.name(ty.name) == SECTION);
    let variables = sections.flat_map(|section| {
        section.rest.chunks_exact(12).filter_map(|entry| {
            let variable = btf.type_by_id(Words(entry).u32()?)?;
            (variable.kind == kind::VAR).then_some(variable)
        })
    });
    // Each map has at most two annotations. The limit bounds the work on a hostile file.
    for variable in variables.take(2 * maps.len()) {
        let name = btf.name(variable.name);
        let (map, is_key) = match (name.strip_suffix("__record"), name.strip_suffix("__key")) {
            (Some(map), _) => (map, false),
            (None, Some(map)) => (map, true),
            (None, None) => continue,
        };
        let Some(def) = maps.iter().find(|def| def.name == map) else {
            continue;
        };
        let size = if is_key { def.key_size } else { def.value_size };
        if let Some(record) = types.annotated(variable)
            && record.size == size
            && is_possible(&record)
        {
            let place = if is_key {
                &mut annotations.keys
            } else {
                &mut annotations.records
            };
            place.insert(map.to_owned(), record);
        }
    }
    annotations
}

/// A type of the object's debug information, by its name: a struct's tag, or a typedef.
///
/// # Errors
/// The object cannot be read, or has no such type that a record may have.
pub fn named(bytes: &[u8], name: &str) -> Result<RecordType, TypeError> {
    let elf = Elf::parse(bytes).map_err(TypeError::Object)?;
    let (btf, _) = Btf::read(&elf);
    let is_type = |kind| {
        matches!(
            kind,
            kind::STRUCT | kind::UNION | kind::TYPEDEF | kind::INT | kind::ENUM | kind::ENUM64
        )
    };
    let mut types = Types {
        btf: &btf,
        fields_left: MAX_FIELDS,
    };
    let candidates = || {
        (1_u32..)
            .zip(btf.types())
            .filter(|(_, ty)| is_type(ty.kind))
    };
    for (id, _) in candidates().filter(|(_, ty)| btf.name(ty.name) == name) {
        if let Some(mut record) = types.record(id)
            && is_possible(&record)
        {
            name.clone_into(&mut record.name);
            return Ok(record);
        }
    }
    let names = candidates().map(|(_, ty)| btf.name(ty.name));
    let names: BTreeSet<_> = names.filter(|name| !name.is_empty()).collect();
    Err(TypeError::Unknown {
        wanted: name.to_owned(),
        existing: names.into_iter().map(str::to_owned).collect(),
    })
}

/// Why there is no type of a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TypeError {
    /// The object cannot be read.
    #[error(transparent)]
    Object(ObjectError),
    /// The debug information has no such type.
    #[error("the object's debug information has no type `{wanted}`")]
    Unknown {
        /// The name.
        wanted: String,
        /// The names that it has, in their order.
        existing: Vec<String>,
    },
}

/// Whether records can have this layout, and an answer has room for it.
fn is_possible(record: &RecordType) -> bool {
    record.check().is_ok() && serde_json::to_vec(record).is_ok_and(|json| json.len() <= MAX_JSON)
}

struct Types<'a, 'data> {
    btf: &'a Btf<'data>,
    fields_left: u32,
}

impl<'data> Types<'_, 'data> {
    /// The element type of an annotation, which is an empty array.
    fn annotated(&mut self, variable: &BtfType<'data>) -> Option<RecordType> {
        let (_, array) = self.unqualified(variable.size_or_type)?;
        if array.kind != kind::ARRAY {
            return None;
        }
        self.record(Words(array.rest).u32()?)
    }

    /// A type as that of a record.
    fn record(&mut self, element: u32) -> Option<RecordType> {
        let (name, _) = self.unqualified(element)?;
        let record = match self.resolve(element, MAX_DEPTH)? {
            FieldType::Struct(record) => record,
            ty => RecordType {
                name: name.to_owned(),
                size: u32::try_from(ty.size()).ok()?,
                fields: vec![RecordField {
                    name: String::new(),
                    offset: 0,
                    ty,
                }],
            },
        };
        Some(record)
    }

    /// A type without typedefs and qualifiers, and the outermost name on the way.
    fn unqualified(&self, mut id: u32) -> Option<(&'data str, BtfType<'data>)> {
        let mut name = "";
        for _ in 0..32 {
            let ty = *self.btf.type_by_id(id)?;
            if name.is_empty() && ty.kind != kind::TYPE_TAG {
                name = self.btf.name(ty.name);
            }
            match ty.kind {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    id = ty.size_or_type;
                }
                _ => return Some((name, ty)),
            }
        }
        None
    }

    fn resolve(&mut self, id: u32, depth: u32) -> Option<FieldType> {
        let depth = depth.checked_sub(1)?;
        let (name, ty) = self.unqualified(id)?;
        Some(match ty.kind {
            kind::INT => integer(name, &ty)?,
            kind::ENUM | kind::ENUM64 => FieldType::Number {
                kind: if ty.flag {
                    NumberKind::Signed
                } else {
                    NumberKind::Unsigned
                },
                size: number_size(&ty)?,
            },
            kind::FLOAT => FieldType::Number {
                kind: NumberKind::Float,
                size: number_size(&ty)?,
            },
            kind::PTR => FieldType::Opaque { size: 8 },
            kind::ARRAY => {
                let mut words = Words(ty.rest);
                let (element, _index, len) = (words.u32()?, words.u32()?, words.u32()?);
                let element = Box::new(self.resolve(element, depth)?);
                FieldType::Array { element, len }
            }
            kind::STRUCT | kind::UNION => {
                let mut fields = Vec::new();
                self.members(&ty, 0, depth, &mut fields)?;
                FieldType::Struct(RecordType {
                    name: name.to_owned(),
                    size: ty.size_or_type,
                    fields,
                })
            }
            _ => return None,
        })
    }

    /// Appends the members of a struct or union that begins at byte `base`.
    fn members(
        &mut self,
        ty: &BtfType<'data>,
        base: u32,
        depth: u32,
        fields: &mut Vec<RecordField>,
    ) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        for member in ty.rest.chunks_exact(12) {
            self.fields_left = self.fields_left.checked_sub(1)?;
            let mut words = Words(member);
            let (name, id, place) = (words.u32()?, words.u32()?, words.u32()?);
            let (bit, width) = if ty.flag {
                (place & 0x00ff_ffff, place >> 24)
            } else {
                (place, 0)
            };
            let offset = base.checked_add(bit / 8)?;
            let name = self.btf.name(name);
            let (_, inner) = self.unqualified(id)?;
            if name.is_empty() && matches!(inner.kind, kind::STRUCT | kind::UNION) {
                self.members(&inner, offset, depth, fields)?;
                continue;
            }
            let mut field = self.resolve(id, depth)?;
            if width != 0 {
                let FieldType::Number { kind, .. } = field else {
                    return None;
                };
                field = FieldType::Bits {
                    kind,
                    first_bit: bit % 8,
                    width: width.min(64),
                };
            }
            fields.push(RecordField {
                name: name.to_owned(),
                offset,
                ty: field,
            });
        }
        Some(())
    }
}

/// An integer type. Its last word gives the encoding of the bits. Compilers mark `char` by its
/// name alone.
fn integer(name: &str, ty: &BtfType<'_>) -> Option<FieldType> {
    let encoding = Words(ty.rest).u32()?;
    let size = number_size(ty)?;
    let kind = match encoding >> 24 & 0xf {
        4 => NumberKind::Bool,
        _ if name == "char" && size == 1 => NumberKind::Char,
        2 => NumberKind::Char,
        1 => NumberKind::Signed,
        _ => NumberKind::Unsigned,
    };
    Some(FieldType::Number { kind, size })
}

fn number_size(ty: &BtfType<'_>) -> Option<u32> {
    Some(ty.size_or_type).filter(|size| matches!(size, 1 | 2 | 4 | 8 | 16))
}
