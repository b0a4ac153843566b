//! From what `jbpf-hooks` declares to what the verifier checks against.

use jbpf_hooks::context::{ContextLayout, RegionLayout};
use jbpf_hooks::helper::{HelperArgument, HelperInfo, HelperReturn};
use jbpf_hooks::hook::HookInfo;

use crate::types::{
    ArgKind, ContextDef, ContextFieldDef, EntryKind, HelperProto, HelperTable, MapKinds, RegionDef,
    ReturnKind, Work,
};

/// Offset and size of `meta_data` in every context.
const META_DATA: (u32, u32) = (16, 8);

impl ContextDef {
    /// The context that stands for every hook when none is at hand (ABI: `jbpf_generic_ctx`).
    #[must_use]
    pub fn generic() -> Self {
        Self::offline("jbpf_generic_ctx", "ctx_id")
    }

    /// The same for statistics hooks (ABI: `jbpf_stats_ctx`).
    #[must_use]
    pub fn stats() -> Self {
        Self::offline("jbpf_stats_ctx", "meas_period")
    }

    /// No context: r1 points at `len` writable bytes, 8-byte aligned, and r2 is `len`. Test vectors
    /// of the instruction set are written for this.
    #[must_use]
    pub fn memory(len: u64) -> Self {
        Self {
            name: "memory".to_owned(),
            entry: EntryKind::Memory,
            readable: 0,
            region: RegionDef {
                known_size: len,
                sized_by_end: false,
                writable: true,
                align: 8,
            },
            fields: Vec::new(),
            max_instructions: None,
        }
    }

    fn offline(name: &str, field: &str) -> Self {
        Self {
            name: name.to_owned(),
            entry: EntryKind::Context,
            readable: 28,
            region: RegionDef {
                known_size: 0,
                sized_by_end: true,
                writable: true,
                align: 8,
            },
            fields: vec![
                meta_data(),
                ContextFieldDef {
                    name: field.to_owned(),
                    offset: 24,
                    size: 4,
                    writable: false,
                },
            ],
            max_instructions: None,
        }
    }
}

fn meta_data() -> ContextFieldDef {
    ContextFieldDef {
        name: "meta_data".to_owned(),
        offset: META_DATA.0,
        size: META_DATA.1,
        writable: true,
    }
}

/// No layout that a compiler accepts comes near the limit; one that did would be cut, not widened.
fn narrow(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

impl From<&ContextLayout> for ContextDef {
    fn from(layout: &ContextLayout) -> Self {
        let application = layout.fields.iter().map(|field| ContextFieldDef {
            name: field.name.to_owned(),
            offset: narrow(field.offset),
            size: narrow(field.scalar.size()),
            writable: field.writable,
        });
        Self {
            name: layout.name.to_owned(),
            entry: EntryKind::Context,
            readable: narrow(layout.readable),
            region: RegionDef::from(&layout.region),
            fields: std::iter::once(meta_data()).chain(application).collect(),
            max_instructions: None,
        }
    }
}

impl From<&HookInfo> for ContextDef {
    fn from(hook: &HookInfo) -> Self {
        Self {
            max_instructions: hook.max_instructions,
            ..Self::from(hook.context)
        }
    }
}

impl From<&RegionLayout> for RegionDef {
    fn from(layout: &RegionLayout) -> Self {
        match *layout {
            RegionLayout::None => Self {
                known_size: 0,
                sized_by_end: false,
                writable: false,
                align: 1,
            },
            RegionLayout::Value {
                size,
                align,
                writable,
                ..
            } => Self {
                known_size: size as u64,
                sized_by_end: false,
                writable,
                align: align as u64,
            },
            RegionLayout::Slice {
                align, writable, ..
            } => Self {
                known_size: 0,
                sized_by_end: true,
                writable,
                align: align as u64,
            },
        }
    }
}

impl From<&HelperInfo> for HelperProto {
    fn from(info: &HelperInfo) -> Self {
        let mut args = Vec::new();
        // What the function does is the application's to know; what it is given is copied for it.
        let mut work = Vec::new();
        // All sizes, once.
        let given = |work: &mut Vec<Work>| {
            if !work.contains(&Work::Given) {
                work.push(Work::Given);
            }
        };
        for argument in info.arguments {
            match *argument {
                HelperArgument::Number(_) => args.push(ArgKind::Number),
                HelperArgument::Readable { size, .. } => {
                    args.push(ArgKind::ReadableFixed(narrow(size)));
                    work.push(Work::Bytes(narrow(size)));
                }
                HelperArgument::Writable { size, .. } => {
                    args.push(ArgKind::WritableFixed(narrow(size)));
                    // In and out.
                    work.extend([Work::Bytes(narrow(size)); 2]);
                }
                HelperArgument::Bytes => {
                    args.extend([ArgKind::Readable, ArgKind::Size]);
                    given(&mut work);
                }
                HelperArgument::Map => {
                    args.push(ArgKind::Map(MapKinds::Any));
                    work.extend([Work::Key, Work::Value]);
                }
                HelperArgument::BytesUpTo(max) => {
                    args.extend([ArgKind::Readable, ArgKind::SizeUpTo(max)]);
                    given(&mut work);
                }
            }
        }
        Self {
            id: info.id,
            name: info.name.to_owned(),
            args,
            returns: match info.returns {
                HelperReturn::Unit => ReturnKind::Number { min: 0, max: 0 },
                HelperReturn::U64 => ReturnKind::AnyNumber,
                HelperReturn::I32 => ReturnKind::Number {
                    min: i32::MIN.into(),
                    max: i32::MAX.into(),
                },
            },
            work,
        }
    }
}

impl HelperTable {
    /// The built-in helpers and the application's own; one of those may replace a built-in of its id.
    #[must_use]
    pub fn with_declared<'a>(declared: impl IntoIterator<Item = &'a HelperInfo>) -> Self {
        let mut table = Self::builtin();
        for info in declared {
            table.insert(info.into());
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use jbpf_hooks::context::ContextField;
    use jbpf_hooks::layout::{Scalar, Type};

    use super::*;

    #[test]
    fn a_context_keeps_its_fields_and_gains_meta_data() {
        static FIELDS: [ContextField; 1] = [ContextField {
            name: "ctx_id",
            offset: 24,
            scalar: Scalar::U32,
            writable: true,
        }];
        let layout = ContextLayout {
            name: "ExampleContext",
            readable: 28,
            size: 32,
            region: RegionLayout::Slice {
                element: Type::Scalar(Scalar::U8),
                stride: 1,
                align: 1,
                writable: false,
            },
            fields: &FIELDS,
        };
        let context = ContextDef::from(&layout);
        assert_eq!(context.readable, 28);
        let names: Vec<_> = context
            .fields
            .iter()
            .map(|f| (f.name.as_str(), f.offset, f.writable))
            .collect();
        assert_eq!(names, [("meta_data", 16, true), ("ctx_id", 24, true)]);
        assert!(context.region.sized_by_end);
        assert!(!context.region.writable);
        assert_eq!(context.region.known_size, 0);
    }

    #[test]
    fn a_value_region_needs_no_comparison() {
        let region = RegionDef::from(&RegionLayout::Value {
            ty: Type::Scalar(Scalar::U64),
            size: 8,
            align: 8,
            writable: true,
        });
        assert_eq!(
            region,
            RegionDef {
                known_size: 8,
                sized_by_end: false,
                writable: true,
                align: 8
            }
        );
    }
}
