//! The layout of data that codelets see, collected at compile time.
//!
//! One description serves the verifier's region types, the C header for codelet authors and the
//! JSON view of a record. [`#[jbpf_data]`](crate::jbpf_data) and
//! [`JbpfData`](derive@crate::JbpfData) write it; nobody writes it by hand.

/// A type of the application whose memory codelets may see.
///
/// Derived with [`#[jbpf_data]`](crate::jbpf_data) or `#[derive(JbpfData)]`, which assert the
/// rules (`repr(C)`, no padding, fields of known layout) a field at a time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not data that codelets can see",
    label = "its layout is not known",
    note = "declare the struct with `#[jbpf_data]`"
)]
pub trait JbpfData {
    /// Size, alignment and fields of the type.
    const LAYOUT: DataLayout;
}

/// A type that may stand as a field of a [`JbpfData`] type: integers, floats, `bool`, arrays of
/// them, and other [`JbpfData`] types.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not data that codelets can see",
    label = "its layout is not known",
    note = "codelets see integers, floats, `bool`, arrays of them, and structs declared with `#[jbpf_data]`"
)]
pub trait FieldType {
    /// The type of the field.
    const TYPE: Type;
}

/// Size, alignment and fields of a [`JbpfData`] type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataLayout {
    /// The type's name, without path.
    pub name: &'static str,
    /// Size in bytes.
    pub size: usize,
    /// Alignment in bytes, a power of two.
    pub align: usize,
    /// The fields in the order of their offsets.
    pub fields: &'static [Field],
    /// The type's doc comment, lines joined by newlines.
    pub docs: &'static str,
}

/// A declared [`JbpfData`] type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataInfo {
    /// The parts of the type.
    pub layout: &'static DataLayout,
    /// The module that declares it.
    pub module: &'static str,
}

/// One field of a [`DataLayout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The field's name, or the index of a tuple struct's field.
    pub name: &'static str,
    /// Offset from the start of the type, in bytes.
    pub offset: usize,
    /// The type of the field.
    pub ty: Type,
    /// Whether it is marked `#[jbpf(text)]`: bytes that print as text up to the first zero.
    pub text: bool,
}

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A number.
    Scalar(Scalar),
    /// `len` elements in a row.
    Array {
        /// The type of one element.
        element: &'static Type,
        /// The number of elements.
        len: usize,
    },
    /// Another [`JbpfData`] type.
    Struct(&'static DataLayout),
}

/// A number's representation. All are little-endian on the targets that codelets run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is the Rust type of its name")]
pub enum Scalar {
    U8,
    U16,
    U32,
    U64,
    U128,
    I8,
    I16,
    I32,
    I64,
    I128,
    Bool,
    F32,
    F64,
}

impl Scalar {
    /// Size in bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
            Self::U128 | Self::I128 => 16,
        }
    }
}

impl Type {
    /// Size in bytes.
    #[must_use]
    pub const fn size(&self) -> usize {
        match self {
            Self::Scalar(scalar) => scalar.size(),
            Self::Array { element, len } => element.size() * *len,
            Self::Struct(layout) => layout.size,
        }
    }
}

macro_rules! scalar_field_types {
    ($($ty:ty => $scalar:ident),* $(,)?) => {$(
        impl FieldType for $ty {
            const TYPE: Type = Type::Scalar(Scalar::$scalar);
        }
    )*};
}

scalar_field_types! {
    u8 => U8, u16 => U16, u32 => U32, u64 => U64, u128 => U128,
    i8 => I8, i16 => I16, i32 => I32, i64 => I64, i128 => I128,
    bool => Bool, f32 => F32, f64 => F64,
}

impl<T: FieldType, const N: usize> FieldType for [T; N] {
    const TYPE: Type = Type::Array {
        element: &T::TYPE,
        len: N,
    };
}
