//! The application's declarations with `jbpf-hooks`, as definitions that the verifier checks
//! against.

use jbpf_hooks::context::{ContextLayout, RegionLayout};
use jbpf_hooks::helper::{HelperArgument, HelperInfo, HelperReturn};
use jbpf_hooks::hook::HookInfo;
use jbpf_verifier::types::{
    ArgKind, ContextDef, ContextFieldDef, EntryKind, HelperProto, HelperTable, MapKinds, RegionDef,
    ReturnKind, SenselessHelper, Work,
};

/// No layout that a compiler accepts comes near the limit. A layout that did would be cut, not
/// widened.
fn narrow(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// The context of a layout.
#[must_use]
pub fn context(layout: &ContextLayout) -> ContextDef {
    let application = layout.fields.iter().map(|field| ContextFieldDef {
        name: field.name.to_owned(),
        offset: narrow(field.offset),
        size: narrow(field.scalar.size()),
        writable: field.writable,
    });
    ContextDef {
        name: layout.name.to_owned(),
        entry: EntryKind::Context,
        readable: narrow(layout.readable),
        region: region(&layout.region),
        fields: std::iter::once(ContextFieldDef::meta_data())
            .chain(application)
            .collect(),
        max_instructions: None,
    }
}

/// The context of a hook, with its limit of instructions.
#[must_use]
pub fn context_of(hook: &HookInfo) -> ContextDef {
    ContextDef {
        max_instructions: hook.max_instructions,
        ..context(hook.context)
    }
}

fn region(layout: &RegionLayout) -> RegionDef {
    match *layout {
        RegionLayout::None => RegionDef {
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
        } => RegionDef {
            known_size: size as u64,
            sized_by_end: false,
            writable,
            align: align as u64,
        },
        RegionLayout::Slice {
            align, writable, ..
        } => RegionDef {
            known_size: 0,
            sized_by_end: true,
            writable,
            align: align as u64,
        },
    }
}

/// The prototype of a helper of the application.
#[must_use]
pub fn prototype(info: &HelperInfo) -> HelperProto {
    let mut args = Vec::new();
    // The verifier counts the copies of the helper's arguments. The work of the function itself is
    // the application's to know.
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
    HelperProto {
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

/// The built-in helpers and the application's own; one of those may replace a built-in of its id.
///
/// # Errors
/// A declaration makes no sense, or two helpers have one name.
pub fn helpers<'a>(
    declared: impl IntoIterator<Item = &'a HelperInfo>,
) -> Result<HelperTable, SenselessHelper> {
    let mut table = HelperTable::builtin();
    for info in declared {
        table.insert(prototype(info))?;
    }
    Ok(table)
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
        let context = context(&layout);
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
        let region = region(&RegionLayout::Value {
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
