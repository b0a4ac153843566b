//! The 512 bytes of one stack frame, each tracked: pieces in order, and gaps of bytes never
//! written between them.

use std::rc::Rc;

use crate::number::Number;
use crate::value::{Kind, Num, Places, Source, Value};

/// Bytes of a frame.
pub(crate) const FRAME_SIZE: i32 = jbpf_abi::object::FRAME_SIZE.cast_signed();

/// The value in some consecutive bytes.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// Offset of the first byte from the frame pointer, negative.
    pub(crate) start: i32,
    /// One past the last byte.
    pub(crate) end: i32,
    /// A number of up to eight bytes, a pointer of eight, or bytes of any length.
    pub(crate) value: Value,
}

impl Cell {
    /// The part of the cell between two offsets inside it.
    fn part(&self, start: i32, end: i32) -> Self {
        let kind = match &self.value.kind {
            Kind::Number(num) => {
                let first = (start - self.start) as u8;
                Kind::number(num.number.bytes(first, (end - start) as u8))
            }
            Kind::Pointer(_) | Kind::Uninit => Kind::Uninit,
            Kind::Bytes => Kind::Bytes,
        };
        Self {
            start,
            end,
            value: Value {
                kind,
                ..self.value.clone()
            },
        }
    }
}

/// The reason why bytes cannot be read as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// The byte at this offset was never written.
    NeverWritten { offset: i32 },
    /// The byte at this offset belongs to a pointer stored by this instruction.
    Pointer { offset: i32, origin: u32 },
    /// The byte at this offset belongs to the rest of such a pointer.
    TornPointer { offset: i32, origin: u32 },
}

/// A frame's bytes. Copies share the cells that neither copy has changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stack {
    /// Ascending, without overlap.
    cells: Rc<Vec<Cell>>,
}

impl Stack {
    pub(crate) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Whether this stack is a copy of the other, and neither has changed since.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.cells, &other.cells)
    }

    /// Gives access to values in place. The starts and ends of cells must stay.
    pub(crate) fn cells_mut(&mut self) -> &mut [Cell] {
        let cells: &mut Vec<Cell> = Rc::make_mut(&mut self.cells);
        cells
    }

    /// The cells that have a byte between two offsets.
    pub(crate) fn overlapping(&self, start: i32, end: i32) -> &[Cell] {
        let first = self.cells.partition_point(|cell| cell.end <= start);
        let last = self.cells.partition_point(|cell| cell.start < end);
        self.cells.get(first..last).unwrap_or_default()
    }

    /// The sources of the bytes between two offsets.
    pub(crate) fn places(&self, frame: usize, segment: u32, start: i32, end: i32) -> Places {
        let mut places = Places::NONE;
        let mut next = start;
        for cell in self.overlapping(start, end) {
            let (from, to) = (cell.start.max(start), cell.end.min(end));
            if from > next {
                places |= Places::stack(frame, next, from);
            }
            let own = Places::stack(frame, from, to);
            places |= cell.value.source.places(segment, own);
            next = to;
        }
        if next < end {
            places |= Places::stack(frame, next, end);
        }
        places
    }

    /// The ranges between two offsets that were never written.
    pub(crate) fn gaps(&self, start: i32, end: i32) -> Vec<(i32, i32)> {
        let mut gaps = Vec::new();
        let mut next = start;
        for cell in self.overlapping(start, end) {
            if cell.start > next {
                gaps.push((next, cell.start));
            }
            next = cell.end;
        }
        if next < end {
            gaps.push((next, end));
        }
        gaps
    }

    /// The ranges between two offsets that may never have been written: gaps, and rests of
    /// pointers, which merged paths may not have written.
    pub(crate) fn unreadable(&self, start: i32, end: i32) -> Vec<(i32, i32)> {
        let torn = self.overlapping(start, end).iter();
        let torn = torn.filter(|cell| cell.value.kind == Kind::Uninit);
        let torn = torn.map(|cell| (cell.start.max(start), cell.end.min(end)));
        torn.chain(self.gaps(start, end)).collect()
    }

    /// Whether every byte between two offsets is part of a number.
    pub(crate) fn check_readable(&self, start: i32, end: i32) -> Result<(), Unreadable> {
        let mut next = start;
        for cell in self.overlapping(start, end) {
            if cell.start > next {
                break;
            }
            let offset = cell.start.max(start);
            let origin = cell.value.origin;
            match cell.value.kind {
                Kind::Number(_) | Kind::Bytes => {}
                Kind::Pointer(_) => return Err(Unreadable::Pointer { offset, origin }),
                Kind::Uninit => return Err(Unreadable::TornPointer { offset, origin }),
            }
            next = cell.end;
        }
        if next < end {
            return Err(Unreadable::NeverWritten { offset: next });
        }
        Ok(())
    }

    /// Reads `size` bytes as a number. It keeps its link if it is still that number.
    pub(crate) fn number(&self, start: i32, size: u8) -> Result<Num, Unreadable> {
        let end = start + i32::from(size);
        self.check_readable(start, end)?;
        let cells = self.overlapping(start, end);
        if let [cell] = cells
            && cell.start == start
            && let Kind::Number(num) = &cell.value.kind
        {
            let number = num.number.truncate(size);
            if number == num.number {
                return Ok(num.clone());
            }
            return Ok(Num::new(number));
        }
        let mut number = Number::ZERO;
        let mut have = 0;
        for cell in cells {
            let (from, to) = (cell.start.max(start), cell.end.min(end));
            let len = (to - from) as u8;
            let piece = match &cell.value.kind {
                Kind::Number(num) => num.number.bytes((from - cell.start) as u8, len),
                _ => Number::of_size(len),
            };
            number = if have == 0 {
                piece
            } else {
                number.with_upper(have, &piece)
            };
            have += len;
        }
        Ok(Num::new(number))
    }

    /// The pointer that fills exactly the eight bytes from `start` on.
    pub(crate) fn pointer(&self, start: i32) -> Option<&Cell> {
        match self.overlapping(start, start + 8) {
            [cell] if cell.start == start && matches!(cell.value.kind, Kind::Pointer(_)) => {
                Some(cell)
            }
            _ => None,
        }
    }

    /// Puts a value into the bytes between two offsets. A pointer that loses a part is lost as a
    /// whole.
    pub(crate) fn write(&mut self, frame: usize, start: i32, end: i32, value: Value) {
        let cells = Rc::make_mut(&mut self.cells);
        let first = cells.partition_point(|cell| cell.end <= start);
        let last = cells.partition_point(|cell| cell.start < end);
        let before = cells
            .get(first)
            .filter(|cell| first < last && cell.start < start)
            .map(|cell| cell.part(cell.start, start));
        let after = last
            .checked_sub(1)
            .and_then(|at| cells.get(at))
            .filter(|cell| first < last && cell.end > end)
            .map(|cell| cell.part(end, cell.end));
        let cell = Cell { start, end, value };
        let is_bytes = cell.value.kind == Kind::Bytes;
        let new = before.into_iter().chain([cell]).chain(after);
        cells.splice(first..last, new);
        if is_bytes {
            merge_bytes(cells, frame, first.saturating_sub(1));
        }
    }

    /// Applies a store somewhere between two offsets: written bytes stay written, but their value
    /// is unknown.
    pub(crate) fn blur(&mut self, frame: usize, start: i32, end: i32, made: Made) {
        let cells = Rc::make_mut(&mut self.cells);
        let first = cells.partition_point(|cell| cell.end <= start);
        let mut at = first;
        while let Some(cell) = cells.get(at).filter(|cell| cell.start < end) {
            let (from, to) = (cell.start.max(start), cell.end.min(end));
            let own = Places::stack(frame, from, to);
            let places = made.places | cell.value.source.places(made.segment, own);
            let source = Source::new(made.segment, places);
            let torn = matches!(cell.value.kind, Kind::Pointer(_) | Kind::Uninit);
            let (from, to) = if torn {
                (cell.start, cell.end)
            } else {
                (from, to)
            };
            let blurred = Cell {
                start: from,
                end: to,
                value: Value {
                    kind: if torn { Kind::Uninit } else { Kind::Bytes },
                    source,
                    origin: if torn { cell.value.origin } else { made.origin },
                },
            };
            let before = (cell.start < from).then(|| cell.part(cell.start, from));
            let after = (cell.end > to).then(|| cell.part(to, cell.end));
            let pieces = 1 + usize::from(before.is_some()) + usize::from(after.is_some());
            let new = before.into_iter().chain([blurred]).chain(after);
            cells.splice(at..=at, new);
            at += pieces;
        }
    }

    /// Applies a helper that may have written all bytes between two offsets. Unwritten bytes count
    /// as written too, because the engine zeroed them.
    pub(crate) fn fill(&mut self, frame: usize, start: i32, end: i32, made: Made) {
        self.blur(frame, start, end, made);
        for (from, to) in self.gaps(start, end) {
            let places = made.places | Places::stack(frame, from, to);
            let value = Value {
                kind: Kind::Bytes,
                source: Source::new(made.segment, places),
                origin: made.origin,
            };
            self.write(frame, from, to, value);
        }
    }
}

/// The sources, the segment and the instruction of a write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Made {
    pub(crate) places: Places,
    pub(crate) segment: u32,
    pub(crate) origin: u32,
}

/// Merges neighbouring cells around `at` that hold bytes and belong to one segment.
fn merge_bytes(cells: &mut Vec<Cell>, frame: usize, at: usize) {
    let mut at = at;
    for _ in 0..2 {
        let merged = match cells.get(at..at + 2) {
            Some([left, right])
                if left.end == right.start
                    && left.value.kind == Kind::Bytes
                    && right.value.kind == Kind::Bytes =>
            {
                left.value
                    .source
                    .merged(
                        right.value.source,
                        Places::stack(frame, left.start, left.end),
                        Places::stack(frame, right.start, right.end),
                    )
                    .map(|source| Cell {
                        start: left.start,
                        end: right.end,
                        value: Value {
                            source,
                            ..left.value.clone()
                        },
                    })
            }
            _ => None,
        };
        match merged {
            Some(cell) => {
                cells.splice(at..at + 2, [cell]);
            }
            None => at += 1,
        }
    }
}
