//! The two sockets of a connection to the server, and how they are dialled and left.
//!
//! Of the `zeromq` crate this relies on, and works around:
//! - a connecting socket does not reconnect, so each pair is used for one connection only;
//! - `connect` tries a refused port again by itself and for ever, so it runs under a limit of
//!   time, and what it leaves is thrown away;
//! - a socket tells of its peer's end only through its monitor;
//! - a PULL that is dropped leaves its connection open: its backend has to be shut down;
//! - a PUSH that is dropped still writes what it has queued, and its monitor ends after that.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::time::timeout;
use zeromq::{
    PullSocket, PushSocket, Socket, SocketEvent, SocketOptions, SocketRecv, SocketSend, ZmqError,
    ZmqMessage,
};

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("no answer within {0:?}")]
    Time(Duration),
    #[error(transparent)]
    Socket(#[from] ZmqError),
}

/// Dials both endpoints and gives up after `time_max`.
pub(crate) async fn dial(
    jobs: &str,
    results: &str,
    time_max: Duration,
) -> Result<(Pull, Push), DialError> {
    let mut pull = Pull::new();
    let mut push = Push::new();
    let both = async {
        tokio::try_join!(pull.socket.connect(jobs), push.socket.connect(results)).map(drop)
    };
    timeout(time_max, both).await.map_err(|_| DialError::Time(time_max))??;
    Ok((pull, push))
}

/// Whether a server still takes connections for jobs: dials it, and leaves again at once.
pub(crate) async fn reach(jobs: String, time_max: Duration) -> Result<(), DialError> {
    let mut pull = Pull::new();
    timeout(time_max, pull.socket.connect(&jobs))
        .await
        .map_err(|_| DialError::Time(time_max))??;
    Ok(())
}

fn options() -> SocketOptions {
    let mut options = SocketOptions::default();
    options.no_connect_timeout();
    options
}

/// Resolves when the peer of a monitored socket is gone, or the socket itself.
async fn gone(monitor: &mut BoxStream<'static, SocketEvent>) {
    while let Some(event) = monitor.next().await {
        if matches!(event, SocketEvent::Disconnected(_)) {
            return;
        }
    }
}

/// Where jobs come from.
pub(crate) struct Pull {
    socket: PullSocket,
    monitor: BoxStream<'static, SocketEvent>,
}

impl Pull {
    fn new() -> Self {
        let mut socket = PullSocket::with_options(options());
        let monitor = socket.monitor().boxed();
        Self { socket, monitor }
    }

    /// The frames of the next message; `None` once the connection has ended and all that came
    /// before is read. May be cancelled.
    pub(crate) async fn recv(&mut self) -> Option<Vec<Bytes>> {
        tokio::select! {
            biased;
            message = self.socket.recv() => message.ok().map(ZmqMessage::into_vec),
            () = gone(&mut self.monitor) => None,
        }
    }
}

impl Drop for Pull {
    fn drop(&mut self) {
        self.socket.backend().shutdown();
    }
}

/// Where results go.
pub(crate) struct Push {
    socket: PushSocket,
    monitor: BoxStream<'static, SocketEvent>,
}

impl Push {
    fn new() -> Self {
        let mut socket = PushSocket::with_options(options());
        let monitor = socket.monitor().boxed();
        Self { socket, monitor }
    }

    /// Queues a message. Must not be cancelled: the socket might lose its peer over it.
    pub(crate) async fn send(&mut self, frames: Vec<Bytes>) -> Result<(), ZmqError> {
        match ZmqMessage::try_from(frames) {
            Ok(message) => self.socket.send(message).await,
            Err(_) => Ok(()),
        }
    }

    /// Resolves once a write has found the connection gone. May be cancelled.
    pub(crate) async fn gone(&mut self) {
        gone(&mut self.monitor).await;
    }

    /// Resolves once all that was queued is with the operating system and the connection is
    /// closed, or has ended.
    pub(crate) async fn flush_and_close(self) {
        let Self { socket, mut monitor } = self;
        drop(socket);
        // The task that writes holds the last handle of the monitor's other end. It ends when its
        // queue is empty, which no one can fill any more, or when a write fails.
        while monitor.next().await.is_some() {}
    }
}
