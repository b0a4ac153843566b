//! The runtime of a process: what is loaded, and how it comes and goes.
