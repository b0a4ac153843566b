//! Channels of jbpf: records out of codelets, control into them.
//!
//! A channel is a bounded ring of fixed-size, numbered records. Sending never blocks, allocates or
//! waits; what does not fit is dropped and counted.
