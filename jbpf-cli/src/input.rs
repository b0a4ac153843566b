//! Files that the command is given: no more of them than anything here takes, whatever they are.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::output::Failure;

/// Bytes of a file: an object has no more, and devices never end.
const MOST_BYTES: u64 = 64 << 20;

/// A file's bytes.
pub(crate) fn file(path: &Path) -> Result<Vec<u8>, Failure> {
    named(path, File::open(path).and_then(all))
}

/// A file's bytes; those of standard input when it is named `-`.
pub(crate) fn file_or_stdin(path: &Path) -> Result<Vec<u8>, Failure> {
    if path == Path::new("-") {
        named(path, all(io::stdin().lock()))
    } else {
        file(path)
    }
}

fn named(path: &Path, bytes: io::Result<Vec<u8>>) -> Result<Vec<u8>, Failure> {
    bytes.map_err(|source| Failure::Unreadable {
        path: path.to_owned(),
        source,
    })
}

fn all(from: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = from.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if read as u64 > MOST_BYTES {
        let message = format!("it is larger than {MOST_BYTES} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}
