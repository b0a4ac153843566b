//! Cases that cannot be, as errors with a place.

use std::fmt;
use std::panic::Location;

/// A case that cannot be, unless this code has a mistake. It is an error with the file and line
/// that found it. A default in its place (a size of 0, a stack of 0 bytes) would hide the mistake,
/// and let a check pass that has nothing to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bug {
    what: &'static str,
    place: &'static Location<'static>,
}

impl Bug {
    /// The case, as a noun. The place is the caller's.
    #[track_caller]
    #[must_use]
    pub const fn new(what: &'static str) -> Self {
        let place = Location::caller();
        Self { what, place }
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, line) = (self.place.file(), self.place.line());
        write!(f, "{file}:{line}: {}", self.what)
    }
}

impl std::error::Error for Bug {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_names_the_place_that_found_it() {
        let (bug, line) = (Bug::new("a map that does not exist"), line!());
        let expected = format!("{}:{line}: a map that does not exist", file!());
        assert_eq!(bug.to_string(), expected);
    }
}
