//! What a gate hands out: one socket with one peer, and nothing left of it once dropped.

use std::task::{Context, Poll, Waker};

use zeromq::{
    PullSocket, PushSocket, Socket, SocketEvent, SocketRecv, SocketSend, ZmqError, ZmqMessage,
};

use crate::handle::ConnectionHandle;
use crate::lease::Lease;
use crate::peer::Peer;
use crate::private::Monitor;
use crate::reason::CloseReason;

/// The connection is closed, for this reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection is closed: {0}")]
pub struct Closed(
    /// Why it was closed.
    pub CloseReason,
);

/// A worker's connection to the jobs port: messages go out. Dropping it closes it at once.
pub struct JobsConnection {
    lease: Lease,
    /// Taken only by [`finish`](Self::finish).
    socket: Option<PushSocket>,
}

impl JobsConnection {
    pub(crate) fn new(lease: Lease, socket: PushSocket) -> Self {
        Self { lease, socket: Some(socket) }
    }

    /// The number of this connection, unique within its gate.
    pub fn id(&self) -> u64 {
        self.lease.handle.id()
    }

    /// The other end.
    pub fn peer(&self) -> Peer {
        self.lease.handle.peer()
    }

    /// The handle of this connection.
    pub fn handle(&self) -> &ConnectionHandle {
        &self.lease.handle
    }

    /// Queues a message for the worker and never waits. `Ok` means queued in memory, nothing
    /// more.
    ///
    /// # Errors
    /// [`Closed`] if the connection has ended, or ends with this call because the socket's queue
    /// (100,000 messages) is full: a send that waited and was given up would silently cost the
    /// socket its peer.
    pub fn try_send(&mut self, message: ZmqMessage) -> Result<(), Closed> {
        let handle = &self.lease.handle;
        if let Some(reason) = handle.close_reason() {
            return Err(Closed(reason));
        }
        let Some(socket) = &mut self.socket else {
            return Err(self.end(CloseReason::ClosedByServer));
        };
        let sent = socket.send(message).as_mut().poll(&mut Context::from_waker(Waker::noop()));
        match sent {
            Poll::Ready(Ok(())) => Ok(()),
            Poll::Ready(Err(_)) => Err(self.end(CloseReason::PeerClosed)),
            Poll::Pending => Err(self.end(CloseReason::Stalled)),
        }
    }

    /// Closes the connection after all that was sent has been handed to the worker's connection.
    /// A worker that does not read makes this wait: bound it with a timeout, which closes the
    /// connection at once. Returns how it ended.
    pub async fn finish(mut self) -> CloseReason {
        // The socket writes what it holds and then closes its end, which ends the relay.
        drop(self.socket.take());
        self.lease.handle.closed().await
    }

    /// Closes with `reason`, unless another came first.
    fn end(&self, reason: CloseReason) -> Closed {
        let handle = &self.lease.handle;
        if reason.is_refusal() {
            handle.registry.refuse(&handle.state, reason);
        } else {
            handle.close(reason);
        }
        Closed(self.lease.handle.close_reason().unwrap_or(reason))
    }
}

impl Drop for JobsConnection {
    fn drop(&mut self) {
        self.lease.handle.close(CloseReason::ClosedByServer);
    }
}

impl std::fmt::Debug for JobsConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("JobsConnection").field(&self.lease.handle).finish()
    }
}

/// A worker's connection to the results port: messages come in. Dropping it closes it at once.
pub struct ResultsConnection {
    lease: Lease,
    socket: PullSocket,
    /// Tells of the end, which the socket's `recv` does not.
    monitor: Monitor,
    drained: bool,
}

impl ResultsConnection {
    pub(crate) fn new(lease: Lease, socket: PullSocket, monitor: Monitor) -> Self {
        Self { lease, socket, monitor, drained: false }
    }

    /// The number of this connection, unique within its gate.
    pub fn id(&self) -> u64 {
        self.lease.handle.id()
    }

    /// The other end.
    pub fn peer(&self) -> Peer {
        self.lease.handle.peer()
    }

    /// The handle of this connection.
    pub fn handle(&self) -> &ConnectionHandle {
        &self.lease.handle
    }

    /// The next message. `None`, and from then on always, once the connection has ended and all
    /// that came before the end has been returned. Cancel-safe.
    pub async fn recv(&mut self) -> Option<ZmqMessage> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Waits for a message and appends it to `messages` with those that are at hand behind it, at
    /// most `count_max`, and none behind the one that brings them to `bytes_max`. Returns how many; 0
    /// only where [`recv`](Self::recv) would return `None`, or if `count_max` is 0. Cancel-safe.
    pub async fn recv_many(
        &mut self,
        messages: &mut Vec<ZmqMessage>,
        count_max: usize,
        bytes_max: usize,
    ) -> usize {
        if count_max == 0 {
            return 0;
        }
        std::future::poll_fn(|cx| {
            let (mut count, mut bytes) = (0, 0);
            while count < count_max && bytes < bytes_max {
                match self.poll_recv(cx) {
                    Poll::Ready(Some(message)) => {
                        bytes += message.iter().map(|frame| frame.len()).sum::<usize>();
                        messages.push(message);
                    }
                    Poll::Ready(None) => break,
                    Poll::Pending if count == 0 => return Poll::Pending,
                    Poll::Pending => break,
                }
                count += 1;
            }
            Poll::Ready(count)
        })
        .await
    }

    /// A message that is at hand, without waiting. `None` says nothing about the end.
    pub fn try_recv(&mut self) -> Option<ZmqMessage> {
        match self.poll_recv(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(message) => message,
            Poll::Pending => None,
        }
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<ZmqMessage>> {
        if self.drained {
            return Poll::Ready(None);
        }
        // The socket's future keeps no state of its own, so a new one each time loses nothing.
        let received = self.socket.recv().as_mut().poll(cx);
        match received {
            Poll::Ready(Ok(message)) => return Poll::Ready(Some(message)),
            Poll::Ready(Err(error)) => return self.end_drained(&error),
            Poll::Pending => {}
        }
        // The socket reports the end only after it has yielded all it read, and within the poll
        // above: so this order loses no message and no end.
        loop {
            match self.monitor.as_mut().poll_next(cx) {
                Poll::Ready(Some(SocketEvent::Disconnected(_)) | None) => {
                    self.drained = true;
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(_)) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The stream ended within a message, or with an error: its connection is over either way.
    fn end_drained(&mut self, error: &ZmqError) -> Poll<Option<ZmqMessage>> {
        tracing::debug!(connection = self.id(), %error, "a message was cut off");
        self.drained = true;
        self.lease.handle.close(CloseReason::PeerClosed);
        Poll::Ready(None)
    }
}

impl Drop for ResultsConnection {
    fn drop(&mut self) {
        self.lease.handle.close(CloseReason::ClosedByServer);
        // A PULL, unlike a PUSH, does not do this by itself: its writer task would wait for ever
        // on a queue that the task itself keeps open.
        self.socket.backend().shutdown();
    }
}

impl std::fmt::Debug for ResultsConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ResultsConnection").field(&self.lease.handle).finish()
    }
}
