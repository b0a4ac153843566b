//! Helper 11: messages of codelets, as events of the `tracing` crate.
#![expect(
    unsafe_code,
    reason = "reads a codelet's format and environment by address"
)]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "an address is computed and used under one proof"
)]

use std::mem::MaybeUninit;

use jbpf_object::visible::escaped;

use super::format::{BadFormat, FORMAT_SIZE, Message};
use crate::containment::contain;
use crate::engine::CodeletEnvironment;
use crate::map::{Status, payload};

/// The target of the events, for filters.
pub const PRINTF_TARGET: &str = "jbpf::codelet";

/// 11: an event of level debug with the codelet's name and the message, without the line ends that
/// close it. Without a subscriber that wants it, nothing is formatted.
///
/// # Safety
/// Called by verified code alone, which proves that `format` is readable for `size` bytes;
/// `codelet` is the environment of the caller.
pub(super) unsafe extern "C" fn printf(
    format: *const u8,
    size: u64,
    first: u64,
    second: u64,
    third: u64,
    codelet: *const CodeletEnvironment,
) -> u64 {
    if !is_wanted() {
        return Status::Success.to_register();
    }
    // SAFETY: proved by the verifier; the environment lives as long as the code that calls.
    let emitted = unsafe { emit(format, size, [first, second, third], &(*codelet).name) };
    match emitted {
        Ok(()) => Status::Success.to_register(),
        Err(BadFormat) => Status::Error.to_register(),
    }
}

/// Whether a subscriber wants messages. The first question registers this place with `tracing`,
/// which takes a lock. A load asks it, so that no hook call is the first.
pub(super) fn is_wanted() -> bool {
    // The subscriber is the application's; a panic in it must not unwind into machine code.
    let wanted = contain(|| tracing::enabled!(target: PRINTF_TARGET, tracing::Level::DEBUG));
    wanted.unwrap_or_default()
}

/// # Safety
/// As [`printf`].
#[cold]
unsafe fn emit(
    format: *const u8,
    size: u64,
    args: [u64; 3],
    codelet: &str,
) -> Result<(), BadFormat> {
    let mut copy = [const { MaybeUninit::<u8>::uninit() }; FORMAT_SIZE];
    let len = usize::try_from(size).map_or(FORMAT_SIZE, |size| size.min(FORMAT_SIZE));
    // SAFETY: `len` is at most the size of either.
    unsafe { payload::copy(format, copy.as_mut_ptr().cast(), len) };
    let copied = copy.get(..len).unwrap_or_default();
    // SAFETY: `payload::copy` wrote these bytes.
    let message = Message::new(unsafe { copied.assume_init_ref() }, &args)?;
    let text = String::from_utf8_lossy(without_line_ends(message.as_bytes()));
    // Logs are read on terminals, and line by line.
    let text = escaped(&text);
    // As above.
    contain(|| tracing::debug!(target: PRINTF_TARGET, codelet, "{text}")).ok_or(BadFormat)
}

/// Without the line ends at its end: an event is a line of its own.
fn without_line_ends(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., b'\n' | b'\r'] = text {
        text = rest;
    }
    text
}
