//! BTF: source lines and record types that the compiler left in the object.
