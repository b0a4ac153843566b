//! The rejection as a person reads it in a terminal.
