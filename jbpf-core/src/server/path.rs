//! Where the socket is, who may reach it, and whether somebody serves it already.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{Error, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _,
    PermissionsExt as _,
};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, fchmod, flock};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};

/// Clients that may wait for the server to notice them.
const BACKLOG: i32 = 128;

/// The socket of the application `name` of this user.
#[must_use]
pub fn default_path(name: &str) -> PathBuf {
    jbpf_channel::protocol::socket_path(name)
}

/// The folder of this user's sockets: `$XDG_RUNTIME_DIR/jbpf`, else `/tmp/jbpf-<uid>`.
#[must_use]
pub fn default_folder() -> PathBuf {
    jbpf_channel::protocol::socket_folder()
}

/// A socket that this process serves. Dropping it removes the files.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// Locked as long as the socket is served: what a crashed process leaves behind is not.
    _lock: File,
    lock_path: PathBuf,
}

/// Why a socket cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// Another process serves it.
    #[error("another process serves the socket `{}`; give this one another name or path", path.display())]
    Live {
        /// The socket.
        path: PathBuf,
    },
    /// Something else is in its place.
    #[error("`{}` exists and is not a socket", path.display())]
    NotASocket {
        /// What is there.
        path: PathBuf,
    },
    /// Others could put their own socket in its place.
    #[error("the folder `{}` must belong to this user and be closed to others (mode 0700)", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot serve the socket `{}`: {source}", path.display())]
    System {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: Error,
    },
}

impl Endpoint {
    /// Serves `path`, in place of a socket that a process left behind. The default folder is made, and
    /// must be this user's alone.
    ///
    /// With `open_to_all`, the socket lets every user connect; who may stay is decided by credentials.
    pub(super) fn new(path: &Path, open_to_all: bool) -> Result<Self, SocketError> {
        let system = |source: Error| SocketError::System {
            path: path.to_owned(),
            source,
        };
        let folder = default_folder();
        if path.parent() == Some(&folder) {
            make_private_folder(&folder)?;
        }
        let lock_path = path.with_extension("lock");
        let lock = lock(&lock_path)
            .map_err(system)?
            .ok_or_else(|| SocketError::Live {
                path: path.to_owned(),
            })?;
        remove_stale(path)?;
        let listener = listener(path).map_err(system)?;
        if open_to_all {
            let mode = Permissions::from_mode(0o666);
            std::fs::set_permissions(path, mode).map_err(system)?;
        }
        Ok(Self {
            listener,
            path: path.to_owned(),
            _lock: lock,
            lock_path,
        })
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // Whoever cannot connect to what stays will replace it.
        let _ = std::fs::remove_file(&self.path);
        let _ = std::fs::remove_file(&self.lock_path);
    }
}

/// The folder in `/tmp` has a name that anybody can guess and make first.
fn make_private_folder(folder: &Path) -> Result<(), SocketError> {
    let system = |source: Error| SocketError::System {
        path: folder.to_owned(),
        source,
    };
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(system(error)),
        _ => {}
    }
    let metadata = std::fs::symlink_metadata(folder).map_err(system)?;
    let private = metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw();
    if private && metadata.mode() & 0o077 == 0 {
        Ok(())
    } else {
        Err(SocketError::Folder {
            path: folder.to_owned(),
        })
    }
}

/// The locked file, or `None` when another process holds it.
fn lock(path: &Path) -> Result<Option<File>, Error> {
    loop {
        let Some(file) = lock_what_is_there(path)? else {
            return Ok(None);
        };
        // Whoever held it may have removed it after it was opened here: then the next one locks another file.
        let here = file.metadata()?;
        match std::fs::symlink_metadata(path) {
            Ok(there) if (there.dev(), there.ino()) == (here.dev(), here.ino()) => {
                return Ok(Some(file));
            }
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
}

fn lock_what_is_there(path: &Path) -> Result<Option<File>, Error> {
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(no_follow)
        .open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Removes a socket that nobody serves. One that is served without our lock file is live all the same.
fn remove_stale(path: &Path) -> Result<(), SocketError> {
    let system = |source: Error| SocketError::System {
        path: path.to_owned(),
        source,
    };
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(system(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(SocketError::NotASocket {
                path: path.to_owned(),
            });
        }
        Ok(_) => {}
    }
    match connect_at_once(path) {
        Err(Errno::CONNREFUSED) => std::fs::remove_file(path).map_err(system),
        Err(Errno::NOENT) => Ok(()),
        // Without room for one more connection: somebody is there, and hangs.
        Ok(_) | Err(Errno::AGAIN) => Err(SocketError::Live {
            path: path.to_owned(),
        }),
        Err(error) => Err(system(error.into())),
    }
}

/// Connects without waiting for whoever listens.
fn connect_at_once(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

/// A listening socket that has mode 0600 from its first moment: the mode is set before it has a name.
fn listener(path: &Path) -> Result<UnixListener, Error> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, BACKLOG)?;
    Ok(UnixListener::from(socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_socket_is_its_users_alone() {
        let folder = folder();
        let path = folder.path().join("app.sock");
        let endpoint = Endpoint::new(&path, false).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(endpoint);
        let endpoint = Endpoint::new(&path, true).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o666);
        drop(endpoint);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn live_sockets_stay_and_stale_ones_are_replaced() {
        let folder = folder();
        let path = folder.path().join("app.sock");
        let live = Endpoint::new(&path, false).unwrap();
        assert!(matches!(
            Endpoint::new(&path, false),
            Err(SocketError::Live { .. })
        ));
        drop(live);

        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "closing a listener leaves its socket");
        drop(Endpoint::new(&path, false).unwrap());

        let foreign = UnixListener::bind(&path).unwrap();
        assert!(matches!(
            Endpoint::new(&path, false),
            Err(SocketError::Live { .. })
        ));
        drop(foreign);

        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        assert!(matches!(
            Endpoint::new(&path, false),
            Err(SocketError::NotASocket { .. })
        ));
    }

    #[test]
    fn a_socket_whose_process_hangs_is_live_and_keeps_nobody_waiting() {
        let folder = folder();
        let path = folder.path().join("app.sock");
        let hanging = listener(&path).unwrap();
        let mut waiting = Vec::new();
        while let Ok(connection) = connect_at_once(&path) {
            waiting.push(connection);
        }
        assert!(waiting.len() > 100, "what it lets wait, and no more");
        assert!(matches!(
            Endpoint::new(&path, false),
            Err(SocketError::Live { .. })
        ));
        drop(hanging);
    }

    #[test]
    fn of_those_that_come_and_go_one_has_the_lock_at_a_time() {
        use std::sync::atomic::{AtomicU32, Ordering};

        let folder = folder();
        let path = folder.path().join("app.lock");
        let (holding, held) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5000 {
                        if let Some(file) = lock(&path).unwrap() {
                            assert_eq!(holding.fetch_add(1, Ordering::SeqCst), 0);
                            held.fetch_add(1, Ordering::SeqCst);
                            holding.fetch_sub(1, Ordering::SeqCst);
                            std::fs::remove_file(&path).unwrap();
                            drop(file);
                        }
                    }
                });
            }
        });
        assert!(held.load(Ordering::SeqCst) > 0);
    }

    #[test]
    fn sockets_lie_in_the_default_folder() {
        assert_eq!(default_path("app"), default_folder().join("app.sock"));
    }

    #[test]
    fn a_folder_open_to_others_is_refused() {
        let folder = folder();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(
            make_private_folder(folder.path()),
            Err(SocketError::Folder { .. })
        ));
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
        make_private_folder(folder.path()).unwrap();
    }
}
