//! The copies that threads have of a map's values, as one: numbers are added up.

use std::collections::HashMap;

use jbpf_channel::record::{FieldType, NumberKind, RecordType};
use jbpf_operator::protocol::Element;

use crate::record::{float, little_endian};

/// Whether copies of this layout can be added up: it consists of numbers.
pub(crate) fn is_sum(layout: &RecordType) -> bool {
    layout.fields.iter().all(|field| is_number(&field.ty))
}

fn is_number(ty: &FieldType) -> bool {
    match ty {
        FieldType::Number { kind, size } => match kind {
            NumberKind::Unsigned | NumberKind::Signed => *size <= 8,
            NumberKind::Float => matches!(size, 4 | 8),
            NumberKind::Bool | NumberKind::Char => false,
        },
        FieldType::Array { element, .. } => is_number(element),
        FieldType::Struct(layout) => is_sum(layout),
        FieldType::Bits { .. } | FieldType::Opaque { .. } => false,
    }
}

/// How two numbers become one.
#[derive(Clone, Copy)]
enum Way {
    Sum,
    Least,
    Most,
}

impl Way {
    /// The way of a field, by a word in its name: the least of `min_ns` is wanted, and not the
    /// sum.
    fn of(name: &str, otherwise: Self) -> Self {
        let has = |wanted: &str| {
            name.split('_')
                .any(|word| word.eq_ignore_ascii_case(wanted))
        };
        match () {
            () if has("min") => Self::Least,
            () if has("max") => Self::Most,
            () => otherwise,
        }
    }
}

/// The keys of a map in the order in which they came, each with the total of its values.
#[derive(Default)]
pub(crate) struct Totals {
    places: HashMap<Vec<u8>, usize>,
    entries: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Totals {
    /// Adds a thread's copy. Copies of nothing but zeros hold nothing yet, so they change no
    /// minimum.
    pub(crate) fn add(&mut self, element: &Element, layout: Option<&RecordType>) {
        let (key, value) = (&element.key.0, &element.value.0);
        let known = self
            .places
            .get(key)
            .and_then(|at| self.entries.get_mut(*at));
        let Some((_, total)) = known else {
            self.places.insert(key.clone(), self.entries.len());
            self.entries.push((key.clone(), value.clone()));
            return;
        };
        let is_empty = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        if is_empty(total) {
            total.clone_from(value);
        } else if let Some(layout) = layout
            && !is_empty(value)
        {
            add_record(layout, total, value, Way::Sum);
        }
    }

    /// All of them, those of arrays in the order of their indexes.
    pub(crate) fn entries(mut self, is_array: bool) -> Vec<(Vec<u8>, Vec<u8>)> {
        if is_array {
            self.entries
                .sort_by_key(|(key, _)| little_endian(key.get(..4).unwrap_or_default()));
        }
        self.entries
    }
}

fn add_record(layout: &RecordType, total: &mut [u8], value: &[u8], otherwise: Way) {
    for field in &layout.fields {
        let way = Way::of(&field.name, otherwise);
        add_field(&field.ty, field.offset as usize, total, value, way);
    }
}

fn add_field(ty: &FieldType, at: usize, total: &mut [u8], value: &[u8], way: Way) {
    let size = usize::try_from(ty.size()).unwrap_or(usize::MAX);
    let end = at.saturating_add(size);
    let (Some(total), Some(value)) = (total.get_mut(at..end), value.get(at..end)) else {
        return;
    };
    match ty {
        FieldType::Number { kind, .. } => add_number(*kind, total, value, way),
        FieldType::Array { element, .. } => {
            let each = usize::try_from(element.size()).unwrap_or(0).max(1);
            for (total, value) in total.chunks_exact_mut(each).zip(value.chunks_exact(each)) {
                add_field(element, 0, total, value, way);
            }
        }
        FieldType::Struct(layout) => add_record(layout, total, value, way),
        FieldType::Bits { .. } | FieldType::Opaque { .. } => {}
    }
}

/// Sums wrap as the codelet's own counters do.
fn add_number(kind: NumberKind, total: &mut [u8], value: &[u8], way: Way) {
    let (one, other) = (little_endian(total), little_endian(value));
    let unused = 128_usize.saturating_sub(8 * total.len()).min(127) as u32;
    let order = match kind {
        NumberKind::Float => float(total).total_cmp(&float(value)),
        NumberKind::Signed => (one << unused)
            .cast_signed()
            .cmp(&(other << unused).cast_signed()),
        _ => one.cmp(&other),
    };
    let result = match (way, kind) {
        (Way::Sum, NumberKind::Float) if total.len() == 4 => {
            let sum = float(total) + float(value);
            u128::from((sum as f32).to_bits())
        }
        (Way::Sum, NumberKind::Float) => u128::from((float(total) + float(value)).to_bits()),
        (Way::Sum, _) => one.wrapping_add(other),
        (Way::Least, _) if order.is_le() => one,
        (Way::Most, _) if order.is_ge() => one,
        (Way::Least | Way::Most, _) => other,
    };
    for (byte, new) in total.iter_mut().zip(result.to_le_bytes()) {
        *byte = new;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{array, field, layout, num};
    use jbpf_operator::protocol::Bytes;

    #[test]
    fn numbers_are_added_and_extremes_kept() {
        let layout = RecordType {
            name: "times".to_owned(),
            size: 24,
            fields: vec![
                field("calls", 0, num(NumberKind::Unsigned, 4)),
                field("min_ns", 4, num(NumberKind::Signed, 2)),
                field("ns_max", 6, num(NumberKind::Unsigned, 2)),
                field("hist", 8, array(num(NumberKind::Unsigned, 4), 2)),
                field("load", 16, num(NumberKind::Float, 8)),
            ],
        };
        assert!(is_sum(&layout));
        let value = |calls: u32, min: i16, max: u16, hist: [u32; 2], load: f64| {
            let mut bytes = Vec::new();
            bytes.extend(calls.to_le_bytes());
            bytes.extend(min.to_le_bytes());
            bytes.extend(max.to_le_bytes());
            for count in hist {
                bytes.extend(count.to_le_bytes());
            }
            bytes.extend(load.to_le_bytes());
            bytes
        };
        let mut totals = Totals::default();
        for (thread, key, value) in [
            (0, 7, value(0, 0, 0, [0, 0], 0.0)),
            (1, 7, value(u32::MAX, -3, 9, [1, 2], 0.5)),
            (2, 7, value(3, -2, 4, [10, 20], 0.25)),
            (3, 7, value(0, 0, 0, [0, 0], 0.0)),
            (0, 1, value(1, 1, 1, [1, 1], 1.0)),
        ] {
            let element = Element {
                thread,
                key: Bytes(u32::to_le_bytes(key).to_vec()),
                value: Bytes(value),
            };
            totals.add(&element, Some(&layout));
        }
        assert_eq!(
            totals.entries(true),
            [
                (vec![1, 0, 0, 0], value(1, 1, 1, [1, 1], 1.0)),
                (vec![7, 0, 0, 0], value(2, -3, 9, [11, 22], 0.75)),
            ]
        );
    }

    #[test]
    fn text_and_bits_are_not_added() {
        assert!(!is_sum(&layout()));
    }
}
