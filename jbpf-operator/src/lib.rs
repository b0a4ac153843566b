//! The operator's side of jbpf: the questions to a running application, and the way they travel.
//!
//! A program that loads codelets from another process, shows the loaded ones, or passes records on
//! builds on this crate. The crate knows no engine: it verifies, compiles and runs nothing.
//!
//! The rooms, each naming only those before it:
//! * [`nearest`]: the name that a user may have meant;
//! * [`stream`]: directions, and the stream ids that requests leave out;
//! * [`stats`] and [`info`]: counts, times and descriptions of what is loaded, in the application
//!   and on the way;
//! * [`request`]: load requests, from YAML or built in Rust, one validation for both;
//! * [`protocol`]: the messages of the control socket; `docs/protocol.md` describes each;
//! * [`client`]: a blocking connection, one question at a time.

pub mod client;
pub mod info;
pub mod nearest;
pub mod protocol;
pub mod request;
pub mod stats;
pub mod stream;
