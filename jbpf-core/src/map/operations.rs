//! The operations of the application's helpers on a map that a codelet passes them.
#![expect(
    unsafe_code,
    reason = "promises the layout of `Map`, and passes on byte strings of the right size"
)]

use jbpf_hooks::helper::{MapError, MapHandle, MapOperations};
use jbpf_hooks::reclaim;

use super::access::Contents;
use super::status::Status;
use super::{Map, Storage};

/// How a helper finds the operations of a map.
pub(super) const HANDLE: MapHandle = MapHandle::of::<Map>();

// SAFETY: `Map` is `repr(C)` and starts with `HANDLE`; everything behind it is made for concurrent
// use.
unsafe impl MapOperations for Map {
    fn name(&self) -> &str {
        &self.def.name
    }

    fn kind(&self) -> u32 {
        self.def.kind.number()
    }

    fn key_size(&self) -> usize {
        self.def.key_size as usize
    }

    fn value_size(&self) -> usize {
        self.def.value_size as usize
    }

    fn max_entries(&self) -> usize {
        self.def.max_entries as usize
    }

    fn lookup(&self, key: &[u8], value: &mut [u8]) -> Result<(), MapError> {
        check_size(MapOperations::key_size(self), key)?;
        check_size(MapOperations::value_size(self), value)?;
        // SAFETY: the sizes are right.
        match unsafe { callers_contents(self)?.read(key, value) } {
            Ok(true) => Ok(()),
            Ok(false) => Err(MapError::NotFound),
            Err(status) => self.outcome(status),
        }
    }

    fn update(&self, key: &[u8], value: &[u8]) -> Result<(), MapError> {
        check_size(MapOperations::key_size(self), key)?;
        check_size(MapOperations::value_size(self), value)?;
        // SAFETY: the sizes are right.
        self.outcome(unsafe { callers_contents(self)?.write(key, value) })
    }

    fn delete(&self, key: &[u8]) -> Result<(), MapError> {
        check_size(MapOperations::key_size(self), key)?;
        match callers_contents(self)? {
            Contents::Array { .. } => Err(MapError::Unsupported),
            // SAFETY: the size is right.
            contents => self.outcome(unsafe { contents.remove(key) }),
        }
    }

    fn clear(&self) -> Result<(), MapError> {
        self.outcome(callers_contents(self)?.clear())
    }
}

/// The calling thread's copy, or the values that all threads share.
fn callers_contents(map: &Map) -> Result<Contents<'_>, MapError> {
    let slot = match &map.storage {
        Storage::PerThreadArray(_) | Storage::PerThreadHash(_) | Storage::Application(_) => {
            let slot = reclaim::slot().or_else(reclaim::prepare_thread);
            slot.ok_or(MapError::Unsupported)?
        }
        _ if map.def.kind.is_channel() => return Err(MapError::Unsupported),
        _ => 0,
    };
    map.contents_of(slot).ok_or(MapError::Full)
}

fn check_size(expected: usize, bytes: &[u8]) -> Result<(), MapError> {
    if bytes.len() == expected {
        return Ok(());
    }
    Err(MapError::WrongSize {
        expected,
        given: bytes.len(),
    })
}

impl Map {
    fn outcome(&self, status: Status) -> Result<(), MapError> {
        match self.counted(status) {
            Status::Success => Ok(()),
            Status::Error => Err(MapError::NotFound),
            Status::Busy => Err(MapError::Busy),
            Status::Full => Err(MapError::Full),
        }
    }
}
