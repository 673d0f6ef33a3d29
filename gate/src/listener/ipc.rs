//! Socket files: whose they are, who may open them, and who removes them.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixListener;

use crate::config::BACKLOG;
use crate::endpoint::Endpoint;
use crate::error::GateError;

/// Whoever may open the socket may run as a worker: the owner alone.
const MODE: u32 = 0o600;

/// A socket file of ours; removed on drop, if it still is.
pub(super) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
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

/// Binds a path. A socket file that nobody listens on is left from a process that was killed, and
/// is replaced.
pub(super) fn bind_path(
    endpoint: &Endpoint,
    path: &Path,
) -> Result<(UnixListener, SocketFile), GateError> {
    let failed = |source| GateError::of_bind(endpoint, source);
    let listener = match bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            remove_stale(endpoint, path)?;
            bind(path)
        }
        bound => bound,
    };
    let listener = listener.map_err(failed)?;
    let file = SocketFile::of(path).map_err(failed)?;
    fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(failed)?;
    Ok((listen(listener).map_err(failed)?, file))
}

fn remove_stale(endpoint: &Endpoint, path: &Path) -> Result<(), GateError> {
    let failed = |source| GateError::of_bind(endpoint, source);
    if !fs::symlink_metadata(path).map_err(failed)?.file_type().is_socket() {
        return Err(GateError::NotASocket { endpoint: endpoint.clone() });
    }
    match net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        // Whatever else it says, somebody may be there.
        _ => Err(GateError::LiveSocket { endpoint: endpoint.clone() }),
    }
}

fn bind(path: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // On Linux the file takes the mode of its socket, so there is no moment at which others may
    // open it. Systems that know no such thing get the mode right after the bind, and nobody can
    // connect before the call of `listen` that follows it.
    let file = File::from(OwnedFd::from(socket));
    let _ = file.set_permissions(Permissions::from_mode(MODE));
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
pub(super) fn bind_abstract(name: &str) -> io::Result<UnixListener> {
    let mut path = vec![0];
    path.extend_from_slice(name.as_bytes());
    let path = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&path);
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    listen(socket)
}

/// Binds a name in the abstract namespace, which is Linux's.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn bind_abstract(_name: &str) -> io::Result<UnixListener> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux has abstract sockets: use a path"))
}
