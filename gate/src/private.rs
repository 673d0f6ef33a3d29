//! The private stream between the gate and the socket of one connection.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::time::timeout;
use zeromq::{Endpoint, Socket, SocketEvent, ZmqError};

/// What a socket tells of its one peer.
pub(crate) type Monitor = Pin<Box<dyn Stream<Item = SocketEvent> + Send>>;

/// Of the directory of a private socket. Whoever may enter could dial the socket before the gate
/// does, and pass as a worker that nobody judges. By itself the directory would take its mode from
/// the umask.
const DIRECTORY_MODE: u32 = 0o700;

/// How long [`PrivateSocket::discard`] waits for the socket's word on its handshake. It comes at
/// once, for the stream is closed; the bound is for a system that is out of open files.
const VERDICT_TIME_MAX: Duration = Duration::from_secs(1);

/// A fresh socket and our end of the only stream it will ever accept.
pub(crate) struct PrivateSocket<S> {
    pub(crate) socket: S,
    pub(crate) monitor: Monitor,
    endpoint: Endpoint,
    /// Each socket has its own, which is gone a moment later, so that a server that is killed
    /// leaves none behind.
    directory: TempDir,
}

impl<S: Socket> PrivateSocket<S> {
    /// Makes a socket and dials it. The path exists until [`seal`](Self::seal) or
    /// [`discard`](Self::discard), in a directory that only this user may enter.
    pub(crate) async fn open() -> Result<(Self, UnixStream), ZmqError> {
        let directory = tempfile::Builder::new()
            .prefix("acequia-")
            .permissions(Permissions::from_mode(DIRECTORY_MODE))
            .tempdir()?;
        let path = directory.path().join("socket");
        let listener = net::UnixListener::bind(&path)?;
        // The listener's backlog takes the call, so this does not wait.
        let stream = dial(&path)?;
        let mut socket = S::new();
        let monitor = socket.monitor().boxed();
        let endpoint = socket.bind_listener(listener).await?;
        Ok((Self { socket, monitor, endpoint, directory }, stream))
    }

    /// Stops to accept, once the one stream was. The socket removes the path itself; done by
    /// anyone else, it would log a warning.
    pub(crate) async fn seal(mut self) -> (S, Monitor) {
        self.unbind().await;
        drop(self.directory);
        (self.socket, self.monitor)
    }

    /// Takes the socket down in the midst of its handshake. Our end of the stream must be closed
    /// before. Just dropping the socket is not enough: a handshake that comes to its end after
    /// the drop would leave a task behind for ever.
    pub(crate) async fn discard(mut self) {
        let verdict = async {
            while let Some(event) = self.monitor.next().await {
                if matches!(event, SocketEvent::Accepted(..) | SocketEvent::AcceptFailed(_)) {
                    break;
                }
            }
        };
        if timeout(VERDICT_TIME_MAX, verdict).await.is_err() {
            tracing::debug!("a private socket did not tell how its handshake ended");
        }
        self.unbind().await;
        drop(self.directory);
        self.socket.backend().shutdown();
    }

    async fn unbind(&mut self) {
        if let Err(error) = self.socket.unbind(self.endpoint.clone()).await {
            tracing::debug!(%error, "a private socket did not unbind");
        }
    }
}

fn dial(path: &Path) -> io::Result<UnixStream> {
    let stream = net::UnixStream::connect(path)?;
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_directory_is_the_owners_alone_and_goes_once_the_socket_is_dialled() {
        let (private, stream) = PrivateSocket::<zeromq::PullSocket>::open().await.unwrap();
        let directory = private.directory.path().to_owned();
        assert_eq!(directory.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        drop(stream);
        let sealed = private.seal().await;
        assert!(!directory.exists());
        drop(sealed);
    }
}
