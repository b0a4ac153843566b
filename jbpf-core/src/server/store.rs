//! The folder of codelets that an application lets operators load by name.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use jbpf_operator::protocol::ErrorCode;
use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2};
use rustix::io::Errno;

/// Most bytes that are read for one request.
pub(super) const MAX_READ: u64 = 64 << 20;

/// An open folder. Renaming it or replacing it afterwards changes nothing.
#[derive(Debug)]
pub(super) struct Store {
    folder: OwnedFd,
}

/// Why a stored codelet was not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error(
        "this application takes codelets as bytes only: it has no codelet store to read `{0}` from"
    )]
    NoStore(String),
    #[error(
        "`{0}` leads out of the codelet store; paths in it are relative and go through no links"
    )]
    Outside(String),
    #[error("`{0}` is not a regular file")]
    NotAFile(String),
    #[error("`{path}` makes the objects of the request larger than {MAX_READ} bytes")]
    TooLarge { path: String },
    #[error("cannot read `{path}` from the codelet store: {source}")]
    System { path: String, source: io::Error },
}

impl StoreError {
    pub(super) fn code(&self) -> ErrorCode {
        match self {
            Self::NoStore(_) => ErrorCode::NoStore,
            Self::Outside(_) => ErrorCode::OutsideStore,
            Self::NotAFile(_) => ErrorCode::NotAFile,
            Self::TooLarge { .. } => ErrorCode::ObjectTooLarge,
            Self::System { .. } => ErrorCode::UnreadableObject,
        }
    }
}

/// A codelet store that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the codelet store `{}`: {source}", path.display())]
pub struct OpenStoreError {
    /// The folder.
    pub path: PathBuf,
    /// The system's error.
    pub source: io::Error,
}

impl Store {
    pub(super) fn open(path: &Path) -> Result<Self, OpenStoreError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = open(path, flags, Mode::empty());
        folder
            .map(|folder| Self { folder })
            .map_err(|error| OpenStoreError {
                path: path.to_owned(),
                source: error.into(),
            })
    }

    /// The contents of a file below the folder, of so many bytes at most. No link is followed, and
    /// nothing but a regular file is read.
    pub(super) fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, StoreError> {
        let system = |error: io::Error| StoreError::System {
            path: path.to_owned(),
            source: error,
        };
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
        // Without `NONBLOCK`, opening a FIFO would wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let found = openat2(&self.folder, path, flags, Mode::empty(), resolve).map_err(
            |errno| match errno {
                Errno::XDEV | Errno::LOOP => StoreError::Outside(path.to_owned()),
                Errno::NXIO => StoreError::NotAFile(path.to_owned()),
                other => system(other.into()),
            },
        )?;
        let file = File::from(found);
        if !file.metadata().map_err(system)?.is_file() {
            return Err(StoreError::NotAFile(path.to_owned()));
        }
        let mut bytes = Vec::new();
        let read = file
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(system)?;
        if read as u64 > limit {
            return Err(StoreError::TooLarge {
                path: path.to_owned(),
            });
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType};
    use std::os::unix::fs::symlink;

    #[test]
    fn only_regular_files_below_the_folder_are_read() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret.o"), "secret").unwrap();
        let folder = outside.path().join("store");
        std::fs::create_dir_all(folder.join("deeper")).unwrap();
        std::fs::write(folder.join("deeper/a.o"), "object").unwrap();
        symlink(outside.path().join("secret.o"), folder.join("absolute")).unwrap();
        symlink("../secret.o", folder.join("relative")).unwrap();
        symlink("..", folder.join("folder")).unwrap();
        symlink("deeper/a.o", folder.join("inside")).unwrap();
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(CWD, folder.join("fifo"), FileType::Fifo, mode, 0).unwrap();

        let store = Store::open(&folder).unwrap();
        assert_eq!(store.read("deeper/a.o", MAX_READ).unwrap(), b"object");
        assert_eq!(
            store.read("deeper/../deeper/a.o", MAX_READ).unwrap(),
            b"object"
        );
        assert_eq!(store.read("deeper/a.o", 6).unwrap(), b"object");
        let large = store.read("deeper/a.o", 5).unwrap_err();
        assert!(matches!(large, StoreError::TooLarge { .. }), "{large}");
        let absolute = folder.join("deeper/a.o");
        for path in [
            "../secret.o",
            "deeper/../../secret.o",
            "absolute",
            "relative",
            "folder/secret.o",
            "inside",
            "/proc/self/fd/0",
            absolute.to_str().unwrap(),
        ] {
            let error = store.read(path, MAX_READ).unwrap_err();
            assert!(matches!(error, StoreError::Outside(_)), "{path}: {error}");
        }
        for path in ["fifo", "deeper", "."] {
            let error = store.read(path, MAX_READ).unwrap_err();
            assert!(matches!(error, StoreError::NotAFile(_)), "{path}: {error}");
        }
        for path in ["", "none", "deeper/a.o/b", "zero\0byte"] {
            let error = store.read(path, MAX_READ).unwrap_err();
            assert!(
                matches!(error, StoreError::System { .. }),
                "{path}: {error}"
            );
        }
    }

    #[test]
    fn a_store_that_does_not_exist_is_refused() {
        let error = Store::open(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }
}
