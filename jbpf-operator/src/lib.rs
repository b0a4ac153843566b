//! The operator's side of jbpf: what is asked of a running application, and how.
//!
//! Whoever loads codelets from another process, shows what is loaded, or passes records on builds on this crate. It knows
//! no engine: nothing is verified, compiled or run here.
//!
//! The rooms, each naming only those before it:
//! * [`nearest`]: the name that somebody may have meant;
//! * [`stream`]: directions, and the stream ids that requests leave out;
//! * [`request`]: load requests, from YAML or built in Rust, one validation for both;
//! * [`protocol`]: the messages of the control socket; `docs/protocol.md` describes each;
//! * [`client`]: a blocking connection, one question at a time.

pub mod client;
pub mod nearest;
pub mod protocol;
pub mod request;
pub mod stream;
