//! Why a run ends before its end.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// An act that no accepted program commits.
    Fault(String),
    /// It goes on by a number that another run has otherwise, or by the order of values in one
    /// map.
    Chance(&'static str),
    /// It decides by the places of objects. No accepted program does that either.
    Layout(&'static str),
}

pub fn fault(what: impl Into<String>) -> Stop {
    Stop::Fault(what.into())
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(what) => f.write_str(what),
            Self::Chance(what) => write!(f, "goes on by chance: {what}"),
            Self::Layout(what) => write!(f, "goes on by where objects lie: {what}"),
        }
    }
}
