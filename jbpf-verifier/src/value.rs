//! The value in a register or a piece of the stack: a number or a typed pointer.

use std::collections::HashMap;
use std::fmt;

use crate::insn::Reg;
use crate::number::Number;
use crate::scalar::Width;

/// Names a thing that several values have in common: the number that they are copies of, or the
/// object that they point into. 0 names nothing.
pub(crate) type Id = u32;

/// The source of ids that were never used before.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    last: Id,
    /// The ids of low halves, zero- and sign-extended, by the whole number. No state holds these
    /// relations, so that a proof must not rest on them: checkpoints forget them.
    low_halves: HashMap<Link, Id>,
    signed_halves: HashMap<Link, Id>,
}

impl Ids {
    pub(crate) fn fresh(&mut self) -> Id {
        // An instruction takes few ids. The budget ends long before the number wraps.
        self.last = self.last.wrapping_add(1);
        self.last
    }

    /// Forgets the names of halves. A state that a proof behind a checkpoint is compared with may
    /// have halves of other numbers in their place.
    pub(crate) fn forget_halves(&mut self) {
        self.low_halves = HashMap::new();
        self.signed_halves = HashMap::new();
    }

    /// The name of a number's low half. It stays the same from one checkpoint to the next.
    pub(crate) fn low_half(&mut self, link: Link) -> Link {
        let fresh = self.last.wrapping_add(1);
        let half = named(&mut self.low_halves, link, fresh);
        self.last = self.last.max(half.id);
        half
    }

    /// The name of a number's low half, sign-extended.
    pub(crate) fn signed_half(&mut self, link: Link) -> Link {
        let fresh = self.last.wrapping_add(1);
        let half = named(&mut self.signed_halves, link, fresh);
        self.last = self.last.max(half.id);
        half
    }
}

/// The name of a number derived from `link`, which becomes `fresh` if it has none yet.
fn named(names: &mut HashMap<Link, Id>, link: Link, fresh: Id) -> Link {
    if link.exists() {
        Link::to(*names.entry(link).or_insert(fresh))
    } else {
        Link::NONE
    }
}

/// A value together with its sources.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub(crate) kind: Kind,
    pub(crate) source: Source,
    /// The instruction that made it.
    pub(crate) origin: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Never written on this path. On the stack, it may hold a part of a pointer, and may not be
    /// read.
    Uninit,
    Number(Num),
    Pointer(Pointer),
    /// Only on the stack: written, and known to hold no pointer.
    Bytes,
}

/// A number, perhaps a copy of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Num {
    pub(crate) number: Number,
    pub(crate) link: Link,
    pub(crate) part: Part,
}

impl Num {
    /// A number without a relation to another one.
    pub(crate) fn new(number: Number) -> Self {
        Self::linked(number, Link::NONE)
    }

    /// Whether any number would do in its place.
    pub(crate) fn is_any(&self) -> bool {
        self.number.is_unknown() && !self.link.exists() && self.part == Part::None
    }

    /// A number that may be a copy of another.
    pub(crate) fn linked(number: Number, link: Link) -> Self {
        Self {
            number,
            link,
            part: Part::None,
        }
    }
}

/// The relation of a number to another one that has copies. Compilers compute some results in
/// several instructions, and this keeps the relation between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    None,
    /// The other number shifted left by 32, on its way to its low half.
    Shifted(Link),
    /// The other number, which has 32 bits at most, shifted left by 32, on its way back.
    ShiftedWhole(Link),
    /// The low half of the other number.
    Low(Link),
    /// The other number divided by a constant, unsigned.
    Quotient(Link, i64),
    /// That quotient times the divisor, or times its negative, modulo 2 to the width.
    Multiple(Link, i64, Width),
    /// The low bits of the other number, so many. A sum that may wrap in these bits is made of it.
    Wrapped(Link, u32),
}

impl Part {
    /// The other number.
    pub(crate) fn link(self) -> Link {
        match self {
            Self::None => Link::NONE,
            Self::Shifted(link)
            | Self::ShiftedWhole(link)
            | Self::Low(link)
            | Self::Quotient(link, _)
            | Self::Multiple(link, _, _)
            | Self::Wrapped(link, _) => link,
        }
    }

    /// The same relation to another link.
    pub(crate) fn with_link(self, link: Link) -> Self {
        match self {
            Self::None => Self::None,
            Self::Shifted(_) => Self::Shifted(link),
            Self::ShiftedWhole(_) => Self::ShiftedWhole(link),
            Self::Low(_) => Self::Low(link),
            Self::Quotient(_, by) => Self::Quotient(link, by),
            Self::Multiple(_, by, width) => Self::Multiple(link, by, width),
            Self::Wrapped(_, bits) => Self::Wrapped(link, bits),
        }
    }
}

/// Values with the same id are the same unknown number, each plus its own distance (modulo 2^64).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    pub(crate) id: Id,
    pub(crate) distance: i64,
}

impl Link {
    pub(crate) const NONE: Self = Self { id: 0, distance: 0 };

    pub(crate) fn to(id: Id) -> Self {
        Self { id, distance: 0 }
    }

    pub(crate) fn exists(self) -> bool {
        self.id != 0
    }
}

/// The memory that a pointer points into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Space {
    Context,
    /// The stack frame of this depth. Offsets count from its frame pointer.
    Stack {
        frame: u8,
    },
    /// The data region. Offsets count from its start.
    Region,
    /// The end of the data region. Offsets count from there.
    RegionEnd,
    /// The low half of a pointer into the data region, or to its end. It is no address, and
    /// nothing but its 32-bit distance from another half is defined.
    RegionHalf,
    RegionEndHalf,
    /// A map itself: an argument of helpers, never an address.
    Map {
        map: usize,
    },
    MapValue {
        map: usize,
    },
    OutputBuffer {
        map: usize,
    },
    /// An output buffer that was sent.
    Released {
        map: usize,
    },
}

/// The address `start of the object + offset + variable` (modulo 2^64). If the start is null, it
/// is that sum with 0 as the start.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Pointer {
    pub(crate) space: Space,
    pub(crate) offset: i64,
    /// Zero, or more than one number.
    pub(crate) variable: Number,
    /// The id of the number `variable`, or 0 if it is zero.
    pub(crate) variable_id: Id,
    /// The object, if the space has several.
    pub(crate) object: Id,
    pub(crate) or_null: bool,
}

impl Space {
    /// The space of the low half of a pointer, if that is followed.
    pub(crate) fn half(self) -> Option<Self> {
        match self {
            Self::Region | Self::RegionHalf => Some(Self::RegionHalf),
            Self::RegionEnd | Self::RegionEndHalf => Some(Self::RegionEndHalf),
            _ => None,
        }
    }

    /// The space of the pointer that a half was made of; any other space itself.
    pub(crate) fn whole(self) -> Self {
        match self {
            Self::RegionHalf => Self::Region,
            Self::RegionEndHalf => Self::RegionEnd,
            other => other,
        }
    }

    pub(crate) fn is_half(self) -> bool {
        matches!(self, Self::RegionHalf | Self::RegionEndHalf)
    }
}

impl Pointer {
    pub(crate) fn to(space: Space) -> Self {
        Self {
            space,
            offset: 0,
            variable: Number::ZERO,
            variable_id: 0,
            object: 0,
            or_null: false,
        }
    }

    pub(crate) fn stack(frame: u8) -> Self {
        Self::to(Space::Stack { frame })
    }

    /// The offset, if it is one number.
    pub(crate) fn fixed_offset(&self) -> Option<i64> {
        (self.variable == Number::ZERO).then_some(self.offset)
    }

    /// Smallest and largest offset.
    pub(crate) fn offsets(&self) -> (i128, i128) {
        let offset = i128::from(self.offset);
        (
            offset + i128::from(self.variable.smin()),
            offset + i128::from(self.variable.smax()),
        )
    }

    /// The pointer moved by a number; `id` names the number.
    pub(crate) fn moved(&self, by: &Num, id: impl FnOnce() -> Id) -> Self {
        if let Some(constant) = by.number.as_constant() {
            return Self {
                offset: self.offset.wrapping_add(constant as i64),
                ..self.clone()
            };
        }
        if self.variable == Number::ZERO && by.link.exists() {
            return Self {
                offset: self.offset.wrapping_add(by.link.distance),
                variable: by.number.add_constant(by.link.distance.wrapping_neg()),
                variable_id: by.link.id,
                ..self.clone()
            };
        }
        self.with_variable(self.variable.add(&by.number), id())
    }

    /// The pointer with another variable part. A constant is added to the offset instead.
    pub(crate) fn with_variable(&self, variable: Number, id: Id) -> Self {
        let mut pointer = self.clone();
        if let Some(constant) = variable.as_constant() {
            pointer.offset = pointer.offset.wrapping_add(constant as i64);
            pointer.variable = Number::ZERO;
            pointer.variable_id = 0;
        } else {
            pointer.variable = variable;
            pointer.variable_id = id;
        }
        pointer
    }
}

impl Kind {
    pub(crate) fn number(number: Number) -> Self {
        Self::Number(Num::new(number))
    }

    pub(crate) fn constant(value: u64) -> Self {
        Self::number(Number::Constant(value))
    }
}

impl Value {
    /// A value that depends on nothing that came before.
    pub(crate) fn new(kind: Kind, segment: u32, origin: usize) -> Self {
        Self::derived(kind, Source::new(segment, Places::NONE), origin)
    }

    pub(crate) fn derived(kind: Kind, source: Source, origin: usize) -> Self {
        Self {
            kind,
            source,
            origin: origin as u32,
        }
    }

    pub(crate) const UNINIT: Self = Self {
        kind: Kind::Uninit,
        source: Source::OLD,
        origin: 0,
    };
}

/// The places at the start of the path's current segment that a value was made of.
///
/// A segment is the stretch of a path after a checkpoint. A value that is older than its segment
/// stands for itself: its source is its own place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    segment: u32,
    places: Places,
}

impl Source {
    /// The source of values older than any segment.
    pub(crate) const OLD: Self = Self {
        segment: u32::MAX,
        places: Places::NONE,
    };

    pub(crate) fn new(segment: u32, places: Places) -> Self {
        Self { segment, places }
    }

    /// The source of two neighbours, if both are of one segment. `own` and `other_own` are their
    /// places.
    pub(crate) fn merged(self, other: Self, own: Places, other_own: Places) -> Option<Self> {
        (self.segment == other.segment).then(|| {
            let places = self.places(self.segment, own) | other.places(self.segment, other_own);
            Self::new(self.segment, places)
        })
    }

    /// The places at the start of `segment`. `own` is the value's place.
    pub(crate) fn places(self, segment: u32, own: Places) -> Places {
        if self.segment == segment {
            self.places
        } else {
            own
        }
    }
}

/// A set of places in a state: registers, stack slots, and the facts of the region.
///
/// It has 128 bits, and places of deep frames share bits with others. Sharing is safe, because
/// sets only say what must be compared: too large a set prunes less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Places([u64; 2]);

impl Places {
    pub(crate) const NONE: Self = Self([0; 2]);
    pub(crate) const ALL: Self = Self([u64::MAX; 2]);
    /// The known limits of the region.
    pub(crate) const LIMITS: Self = Self::bit(125);
    /// The known size of the region.
    pub(crate) const REGION: Self = Self::bit(126);
    /// The known ranges behind variable offsets into the region.
    pub(crate) const RANGES: Self = Self::bit(127);

    /// The number of places that are told apart.
    pub(crate) const COUNT: usize = 128;
    /// The place of a number below [`Self::COUNT`].
    pub(crate) const fn bit(number: u32) -> Self {
        let number = number % 128;
        if number < 64 {
            Self([1 << number, 0])
        } else {
            Self([0, 1 << (number - 64)])
        }
    }

    pub(crate) const fn register(frame: usize, reg: Reg) -> Self {
        Self::bit((frame as u32 % 2) * 10 + reg.number() as u32)
    }

    /// The 8-byte slots of the bytes from `start` up to `end`, as offsets from the frame pointer.
    pub(crate) fn stack(frame: usize, start: i32, end: i32) -> Self {
        let first = (-end).max(0) / 8;
        let last = (-start - 1).max(0) / 8;
        if first == last {
            return Self::bit(20 + (frame as u32 * 64 + first as u32) % 105);
        }
        (first..=last).fold(Self::NONE, |places, slot| {
            places | Self::bit(20 + (frame as u32 * 64 + slot as u32) % 105)
        })
    }

    /// The numbers of the places, ascending.
    pub(crate) fn numbers(self) -> impl Iterator<Item = usize> {
        let [low, high] = self.0;
        let of = |mut bits: u64, first: usize| {
            std::iter::from_fn(move || {
                let place = bits.trailing_zeros() as usize;
                // Clears the lowest one.
                bits &= bits.checked_sub(1)?;
                Some(first + place)
            })
        };
        of(low, 0).chain(of(high, 64))
    }

    /// The places that are registers.
    pub(crate) const fn registers_only(self) -> Self {
        Self([self.0[0] & 0xf_ffff, 0])
    }

    /// The places that are stack slots.
    pub(crate) const fn stack_only(self) -> Self {
        Self([self.0[0] & !0xf_ffff, self.0[1] & !(0b111 << 61)])
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0[0] == 0 && self.0[1] == 0
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self([self.0[0] & !other.0[0], self.0[1] & !other.0[1]])
    }

    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0[0] & other.0[0] != 0 || self.0[1] & other.0[1] != 0
    }
}

impl std::ops::BitOr for Places {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self([self.0[0] | other.0[0], self.0[1] | other.0[1]])
    }
}

impl std::ops::BitOrAssign for Places {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uninit => f.write_str("never written"),
            Self::Number(num) => write!(f, "number {}", num.number),
            Self::Pointer(pointer) => pointer.fmt(f),
            Self::Bytes => f.write_str("bytes"),
        }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = match self.space {
            Space::Context => "ctx",
            Space::Stack { .. } => "fp",
            Space::Region | Space::RegionHalf => "data",
            Space::RegionEnd | Space::RegionEndHalf => "data_end",
            Space::Map { map } => return write!(f, "map {map}"),
            Space::MapValue { .. } => "value",
            Space::OutputBuffer { .. } => "buffer",
            Space::Released { .. } => return f.write_str("output buffer that was sent"),
        };
        match self.space {
            Space::Context => f.write_str("pointer to the context: ")?,
            Space::Stack { frame } => write!(f, "pointer to stack frame {frame}: ")?,
            Space::MapValue { map } => write!(f, "pointer to a value of map {map}: ")?,
            Space::OutputBuffer { map } => {
                write!(f, "pointer to the output buffer of map {map}: ")?
            }
            Space::RegionHalf | Space::RegionEndHalf => {
                f.write_str("half of a pointer into the region: ")?
            }
            _ => f.write_str("pointer into the region: ")?,
        }
        f.write_str(base)?;
        if self.offset != 0 {
            write!(f, "{:+}", self.offset)?;
        }
        if self.variable != Number::ZERO {
            write!(f, "+({})", self.variable)?;
        }
        if self.or_null {
            f.write_str(", or null")?;
        }
        Ok(())
    }
}
