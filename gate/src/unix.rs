//! Unix sockets: whose their files are, who may open them, and who removes them.

use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net;
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixListener;
use tokio::time::{sleep, timeout};

use crate::config::BACKLOG;

/// Longest path or name of a socket, in bytes: `sun_path` holds 108, one of them a zero.
pub(crate) const PATH_BYTES_MAX: usize = 107;

/// How long others are waited for who make a socket in the same folder. It takes them no time.
const TURN_TIME_MAX: Duration = Duration::from_secs(1);
/// How often is looked whether they have.
const TURN_LOOK: Duration = Duration::from_millis(2);

/// Who may connect to a socket, by the mode of its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SocketAccess {
    /// Its owner alone: 0600.
    #[default]
    Owner,
    /// The file's group, too: 0660.
    Group,
    /// Every user of this machine: 0666.
    All,
}

impl SocketAccess {
    fn mode(self) -> Permissions {
        Permissions::from_mode(match self {
            Self::Owner => 0o600,
            Self::Group => 0o660,
            Self::All => 0o666,
        })
    }
}

/// Why there is no socket at a path. The operator can mend each; the message says how.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// Another process listens there.
    #[error("another process listens at {}: stop it, or choose another path", path.display())]
    Live {
        /// Where.
        path: PathBuf,
    },
    /// There is a file, and it is no socket, so it is left alone.
    #[error("{} exists and is not a socket: remove it, or choose another path", path.display())]
    NotASocket {
        /// Where.
        path: PathBuf,
    },
    /// The path is too long for any system.
    #[error(
        "{} has {} bytes, and the path of a socket at most {PATH_BYTES_MAX}: choose a shorter one, such as \
         one below /run",
        path.display(), path.as_os_str().len()
    )]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// The system does not allow it, or lacks something.
    #[error("no socket can be made at {}: {source}{}", path.display(), hint(source))]
    System {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// What to do about a failure to bind.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; choose a folder that this user may write to",
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "; make its folder first",
        _ => "",
    }
}

/// A socket file of ours; removed on drop, if it still is.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    /// Listens at a path. A socket file that nobody listens on is left from a process that was killed, and
    /// is replaced; any other file is left alone. At no moment can others
    /// open it than `access` says.
    ///
    /// # Errors
    /// If there is something else, or somebody listens there.
    pub async fn listen(
        path: &Path,
        access: SocketAccess,
    ) -> Result<(UnixListener, Self), SocketError> {
        if path.as_os_str().as_bytes().len() > PATH_BYTES_MAX {
            return Err(SocketError::TooLong { path: path.into() });
        }
        let failed = |source| SocketError::System { path: path.into(), source };
        let _turn = turn(path).await;
        let socket = match bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                remove_stale(path)?;
                bind(path)
            }
            bound => bound,
        };
        let socket = socket.map_err(failed)?;
        let file = Self::of(path).map_err(failed)?;
        fs::set_permissions(path, access.mode()).map_err(failed)?;
        Ok((listen(socket).map_err(failed)?, file))
    }

    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(path)?;
        // Absolute, for the process may change its directory before the drop.
        let path = std::path::absolute(path)?;
        Ok(Self { path, device: metadata.dev(), inode: metadata.ino() })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|found| found.dev() == self.device && found.ino() == self.inode);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, path = %self.path.display(), "a socket file stays behind");
        }
    }
}

/// A turn among those who make sockets in the same folder: two that find the same stale file, or one that
/// nobody listens on yet, would each take it for their own. Where folders cannot be locked there are none.
async fn turn(path: &Path) -> Option<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new("."))).ok()?;
    let taken = async {
        while matches!(folder.try_lock(), Err(TryLockError::WouldBlock)) {
            sleep(TURN_LOOK).await;
        }
    };
    // Whoever keeps it for longer is after something else.
    _ = timeout(TURN_TIME_MAX, taken).await;
    Some(folder)
}

fn remove_stale(path: &Path) -> Result<(), SocketError> {
    let failed = |source| SocketError::System { path: path.into(), source };
    if !fs::symlink_metadata(path).map_err(failed)?.file_type().is_socket() {
        return Err(SocketError::NotASocket { path: path.into() });
    }
    match net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        // Whatever else it says, somebody may be there.
        _ => Err(SocketError::Live { path: path.into() }),
    }
}

fn bind(path: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // On Linux the file takes the mode of its socket, so there is no moment at which others may
    // open it. Systems that know no such thing get the mode right after the bind, and nobody can
    // connect before the call of `listen` that follows it.
    let file = File::from(OwnedFd::from(socket));
    let _ = file.set_permissions(SocketAccess::Owner.mode());
    let socket = Socket::from(OwnedFd::from(file));
    socket.bind(&SockAddr::unix(path)?)?;
    Ok(socket)
}

fn listen(socket: Socket) -> io::Result<UnixListener> {
    socket.listen(BACKLOG as i32)?;
    socket.set_nonblocking(true)?;
    UnixListener::from_std(net::UnixListener::from(OwnedFd::from(socket)))
}

/// Binds a name in the abstract namespace.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn bind_abstract(name: &str) -> io::Result<UnixListener> {
    let mut path = vec![0];
    path.extend_from_slice(name.as_bytes());
    let path = std::ffi::OsStr::from_bytes(&path);
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    listen(socket)
}

/// Binds a name in the abstract namespace, which is Linux's.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn bind_abstract(_name: &str) -> io::Result<UnixListener> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux has abstract sockets: use a path"))
}
