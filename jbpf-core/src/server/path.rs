//! The path of the socket, the users that may reach it, and the process that serves it already.
//!
//! The folder is opened once, and everything else happens by name in that open folder: its path
//! may lead elsewhere a moment later, and the process may change its working directory. No link is
//! followed. Nothing is changed or removed by name unless it is known to be this module's own:
//! others that can write to the folder can put anything there at any time.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File, Permissions};
use std::io::{Error, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use jbpf_channel::credentials::open_private_folder;
use jbpf_channel::limits::check_file_size;
use rustix::fs::{
    AtFlags, FileType, FlockOperation, Mode, OFlags, Stat, fchmod, flock, fstat, open, openat,
    statat, unlinkat,
};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};
use rustix::process::geteuid;

use crate::runtime::ParentsAlone;

/// Clients that may wait for the server to notice them.
const BACKLOG: i32 = 128;

/// The content of a lock file, which tells it from files of others.
const LOCK_MARK: &[u8] = b"jbpf\n";

/// How often others may take the lock file away while it is locked here.
const LOCK_ATTEMPTS: usize = 1000;

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
    /// The listener and the lock.
    _parents_alone: [Option<ParentsAlone>; 2],
    pub(super) listener: UnixListener,
    folder: OwnedFd,
    name: OsString,
    /// The socket in the folder: whatever has its name later is another one if it is not this.
    node: OwnedFd,
    /// Locked as long as the socket is served. The lock file of a crashed process is not locked.
    lock: File,
    lock_name: OsString,
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
        /// The path of that file.
        path: PathBuf,
    },
    /// Its lock file would be in the place of a file that is none.
    #[error("`{}` would be locked while the socket is served, and is somebody else's file; give the socket another name", path.display())]
    NotALock {
        /// The path of that file.
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
        /// The system's error.
        source: Error,
    },
}

impl Endpoint {
    /// Serves `path`, in place of a socket that a process left behind. The default folder is made,
    /// and must be this user's alone.
    ///
    /// With `open_to_all`, the socket lets every user connect; credentials decide which clients
    /// may stay.
    pub(super) fn new(path: &Path, open_to_all: bool) -> Result<Self, SocketError> {
        let system = |source: Error| SocketError::System {
            path: path.to_owned(),
            source,
        };
        let (folder, name) = place(path)?;
        let lock_name = lock_name(&name);
        let lock = match lock(&folder, &lock_name).map_err(system)? {
            Locked::Here(lock) => lock,
            Locked::Elsewhere => {
                return Err(SocketError::Live {
                    path: path.to_owned(),
                });
            }
            Locked::NoLock => {
                return Err(SocketError::NotALock {
                    path: path.with_file_name(&lock_name),
                });
            }
        };
        let served = remove_stale(path, &folder, &name)
            .and_then(|()| listener(path).map_err(system))
            .and_then(|listener| {
                let node = node(&folder, &name).map_err(system)?;
                Ok((listener, node))
            });
        let (listener, node) = match served {
            Ok(served) => served,
            Err(error) => {
                remove_lock(&folder, &lock_name, &lock);
                return Err(error);
            }
        };
        let endpoint = Self {
            _parents_alone: [ParentsAlone::new(&listener), ParentsAlone::new(&lock)],
            listener,
            folder,
            name,
            node,
            lock,
            lock_name,
        };
        if open_to_all {
            open_up(&endpoint.node).map_err(system)?;
        }
        Ok(endpoint)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // If the files stay, the next server cannot connect to the socket, and replaces it.
        remove_own(&self.folder, &self.name, &self.node);
        remove_lock(&self.folder, &self.lock_name, &self.lock);
    }
}

/// The folder of a socket, and its name in there.
fn place(path: &Path) -> Result<(OwnedFd, OsString), SocketError> {
    let error = |errno: Errno| SocketError::System {
        path: path.to_owned(),
        source: errno.into(),
    };
    let name = path.file_name().ok_or_else(|| error(Errno::ISDIR))?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let default = default_folder();
    let folder = if parent == default {
        private_folder(&default)?
    } else {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        open(parent, flags, Mode::empty()).map_err(error)?
    };
    Ok((folder, name.to_owned()))
}

/// `app.lock` for `app.sock`.
fn lock_name(name: &OsStr) -> OsString {
    let name = Path::new(name);
    match name.extension() {
        Some(extension) if extension != "lock" => name.with_extension("lock").into(),
        _ => {
            let mut name = name.as_os_str().to_owned();
            name.push(".lock");
            name
        }
    }
}

/// Makes the folder, or opens it. The one in `/tmp` has a name that anybody can guess and make
/// first.
fn private_folder(folder: &Path) -> Result<OwnedFd, SocketError> {
    let system = |source: Error| SocketError::System {
        path: folder.to_owned(),
        source,
    };
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(system(error)),
        _ => {}
    }
    open_private_folder(folder).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => SocketError::Folder {
            path: folder.to_owned(),
        },
        _ => system(error),
    })
}

/// The result of locking.
#[derive(Debug)]
enum Locked {
    Here(File),
    /// Another process has the lock.
    Elsewhere,
    /// The file of that name is no lock file of this user.
    NoLock,
}

fn lock(folder: &OwnedFd, name: &OsStr) -> Result<Locked, Error> {
    for _ in 0..LOCK_ATTEMPTS {
        let locked = lock_what_is_there(folder, name)?;
        let Locked::Here(file) = &locked else {
            return Ok(locked);
        };
        // The process that held the lock may have removed the file after it was opened here. Then
        // the next process locks another file, and this lock means nothing.
        match is_there(folder, name, file) {
            Ok(true) => return Ok(locked),
            Ok(false) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::other("others keep taking its lock file away"))
}

fn lock_what_is_there(folder: &OwnedFd, name: &OsStr) -> Result<Locked, Error> {
    // Opening a FIFO would wait, and a terminal would become the process's own.
    let flags = OFlags::RDWR
        | OFlags::CREATE
        | OFlags::NOFOLLOW
        | OFlags::NONBLOCK
        | OFlags::NOCTTY
        | OFlags::CLOEXEC;
    let opened = match openat(folder, name, flags, Mode::RUSR | Mode::WUSR) {
        Err(Errno::LOOP | Errno::ISDIR | Errno::NXIO) => return Ok(Locked::NoLock),
        // Either the file cannot be opened, or none can be made.
        Err(Errno::ACCESS) if statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() => {
            return Ok(Locked::NoLock);
        }
        opened => opened?,
    };
    let found = fstat(&opened)?;
    // The owner alone can have opened it then.
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile
        || found.st_uid != geteuid().as_raw()
        || found.st_mode & 0o077 != 0
    {
        return Ok(Locked::NoLock);
    }
    match flock(&opened, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Ok(Locked::Elsewhere),
        Err(error) => return Err(error.into()),
    }
    let mut file = File::from(opened);
    let mut content = Vec::new();
    (&file)
        .take(LOCK_MARK.len() as u64 + 1)
        .read_to_end(&mut content)?;
    // An empty one was made by a process that died before it wrote.
    if content.is_empty() {
        check_file_size(LOCK_MARK.len() as u64)?;
        file.write_all(LOCK_MARK)?;
    } else if content != LOCK_MARK {
        return Ok(Locked::NoLock);
    }
    Ok(Locked::Here(file))
}

/// Whether the name still stands for the open file.
fn is_there(folder: &OwnedFd, name: &OsStr, opened: impl AsFd) -> Result<bool, Errno> {
    let there = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let here = fstat(opened)?;
    Ok(is_same(&there, &here))
}

fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// Removes the name if it still stands for the open file.
fn remove_own(folder: &OwnedFd, name: &OsStr, opened: impl AsFd) {
    if is_there(folder, name, opened) == Ok(true) {
        // It stays if the folder cannot be written to any more.
        let _ = unlinkat(folder, name, AtFlags::empty());
    }
}

fn remove_lock(folder: &OwnedFd, name: &OsStr, lock: &File) {
    remove_own(folder, name, lock);
}

/// Removes a socket that nobody serves. A socket that is served without our lock file is live all
/// the same.
fn remove_stale(path: &Path, folder: &OwnedFd, name: &OsStr) -> Result<(), SocketError> {
    let system = |errno: Errno| SocketError::System {
        path: path.to_owned(),
        source: errno.into(),
    };
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(system(error)),
        Ok(found) if FileType::from_raw_mode(found.st_mode) != FileType::Socket => {
            return Err(SocketError::NotASocket {
                path: path.to_owned(),
            });
        }
        Ok(_) => {}
    }
    let found = node(folder, name).map_err(|source| SocketError::System {
        path: path.to_owned(),
        source,
    })?;
    match connect_at_once(path) {
        Err(Errno::CONNREFUSED) => {
            remove_own(folder, name, &found);
            Ok(())
        }
        Err(Errno::NOENT) => Ok(()),
        // There is no room for one more connection: a process serves the socket, and hangs.
        Ok(_) | Err(Errno::AGAIN) => Err(SocketError::Live {
            path: path.to_owned(),
        }),
        Err(error) => Err(system(error)),
    }
}

/// Connects without waiting for the listener.
fn connect_at_once(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

/// A listening socket that has mode 0600 from its first moment: the mode is set before it has a
/// name. Binding follows no link in the place of the name.
fn listener(path: &Path) -> Result<UnixListener, Error> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, BACKLOG)?;
    Ok(UnixListener::from(socket))
}

/// The socket of this name: a descriptor that stands for it, whatever has the name later.
fn node(folder: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Error> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let node = openat(folder, name, flags, Mode::empty())?;
    let found = fstat(&node)?;
    if FileType::from_raw_mode(found.st_mode) == FileType::Socket {
        return Ok(node);
    }
    Err(Error::other("somebody has put something else in its place"))
}

/// Lets every user connect to the socket, which has just been made, and to no other file.
fn open_up(node: &OwnedFd) -> Result<(), Error> {
    let found = fstat(node)?;
    if found.st_uid != geteuid().as_raw() || found.st_nlink != 1 {
        let message = "somebody has put another socket in its place";
        return Err(Error::other(message));
    }
    // By the descriptor: its path would be looked up once more, and links followed.
    let by_descriptor = format!("/proc/self/fd/{}", node.as_raw_fd());
    std::fs::set_permissions(by_descriptor, Permissions::from_mode(0o666))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

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
        let open = OFlags::PATH | OFlags::DIRECTORY;
        let opened = rustix::fs::open(folder.path(), open, Mode::empty()).unwrap();
        let name = OsStr::new("app.lock");
        let (holding, held) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5000 {
                        if let Locked::Here(file) = lock(&opened, name).unwrap() {
                            assert_eq!(holding.fetch_add(1, Ordering::SeqCst), 0);
                            held.fetch_add(1, Ordering::SeqCst);
                            holding.fetch_sub(1, Ordering::SeqCst);
                            remove_lock(&opened, name, &file);
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
            private_folder(folder.path()),
            Err(SocketError::Folder { .. })
        ));
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
        private_folder(folder.path()).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    /// Acts as a process that can write to the folder, between two steps.
    #[test]
    fn what_takes_the_sockets_place_is_neither_opened_up_nor_removed() {
        let folder = folder();
        let path = folder.path().join("app.sock");
        let victim = folder.path().join("victim");
        std::fs::write(&victim, "secret").unwrap();
        std::fs::set_permissions(&victim, Permissions::from_mode(0o600)).unwrap();
        let endpoint = Endpoint::new(&path, false).unwrap();
        std::fs::remove_file(&path).unwrap();
        symlink(&victim, &path).unwrap();
        open_up(&endpoint.node).unwrap_err();
        assert_eq!(mode(&victim), 0o600);
        assert!(node(&endpoint.folder, &endpoint.name).is_err(), "a link");
        let lock = folder.path().join("app.lock");
        std::fs::remove_file(&lock).unwrap();
        std::fs::write(&lock, "another").unwrap();
        drop(endpoint);
        assert!(path.is_symlink() && lock.exists(), "they are not its own");
    }

    #[test]
    fn files_of_others_are_no_locks_and_stay() {
        let folder = folder();
        let path = folder.path().join("app.sock");
        let lock = folder.path().join("app.lock");
        let refused = |what: &str| {
            let refused = Endpoint::new(&path, false);
            assert!(
                matches!(refused, Err(SocketError::NotALock { .. })),
                "{what}: {refused:?}"
            );
            assert!(lock.symlink_metadata().is_ok(), "{what}");
            assert!(!path.exists(), "{what}");
        };
        let private = |content: &str| {
            std::fs::write(&lock, content).unwrap();
            std::fs::set_permissions(&lock, Permissions::from_mode(0o600)).unwrap();
        };
        private("version = 4");
        refused("a file of another program");
        assert_eq!(std::fs::read(&lock).unwrap(), b"version = 4");
        std::fs::set_permissions(&lock, Permissions::from_mode(0o644)).unwrap();
        refused("a file that others can lock");
        std::fs::remove_file(&lock).unwrap();
        symlink("victim", &lock).unwrap();
        refused("a link");
        assert!(!folder.path().join("victim").exists());
        std::fs::remove_file(&lock).unwrap();
        let fifo = FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &lock, fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        refused("a FIFO");
        std::fs::remove_file(&lock).unwrap();
        std::fs::create_dir(&lock).unwrap();
        refused("a folder");
        std::fs::remove_dir(&lock).unwrap();
        for left_behind in ["jbpf\n", ""] {
            private(left_behind);
            drop(Endpoint::new(&path, false).unwrap());
            assert!(!lock.exists(), "it was left behind by a crash");
        }
    }

    #[test]
    fn the_lock_is_never_the_socket_itself() {
        for (socket, lock) in [
            ("app.sock", "app.lock"),
            ("app", "app.lock"),
            ("app.lock", "app.lock.lock"),
        ] {
            assert_eq!(lock_name(OsStr::new(socket)), lock);
        }
    }

    /// Its path may lead elsewhere by then, as a relative one does in another working directory.
    #[test]
    fn files_are_removed_where_they_were_made() {
        let folder = folder();
        let (before, after) = (folder.path().join("before"), folder.path().join("after"));
        std::fs::create_dir(&before).unwrap();
        let path = before.join("app.sock");
        let endpoint = Endpoint::new(&path, false).unwrap();
        std::fs::rename(&before, &after).unwrap();
        std::fs::create_dir(&before).unwrap();
        for name in ["app.sock", "app.lock"] {
            std::fs::write(before.join(name), "precious").unwrap();
        }
        drop(endpoint);
        assert_eq!(std::fs::read_dir(&after).unwrap().count(), 0);
        assert_eq!(std::fs::read_dir(&before).unwrap().count(), 2);
    }
}
