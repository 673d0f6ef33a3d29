//! The handle of one connection: promotes it, closes it, tells of its end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::peer::Peer;
use crate::reason::CloseReason;
use crate::registry::Registry;
use crate::state::State;

/// A cloneable handle to one connection. It keeps nothing open: a handle may outlive its
/// connection, and dropping one does nothing.
#[derive(Clone)]
pub struct ConnectionHandle {
    pub(crate) state: Arc<State>,
    pub(crate) registry: Arc<Registry>,
}

impl ConnectionHandle {
    pub(crate) fn new(state: Arc<State>, registry: Arc<Registry>) -> Self {
        Self { state, registry }
    }

    /// The number of this connection, unique within its gate and rising in order of arrival.
    pub fn id(&self) -> u64 {
        self.state.id
    }

    /// The other end.
    pub fn peer(&self) -> Peer {
        self.state.peer
    }

    /// Says that this connection is ready: the large limits apply from its next frame on, and it
    /// is no longer evicted for a newcomer. Does nothing a second time, or after the end.
    pub fn promote(&self) {
        self.state.promote();
        self.registry.forget_not_ready(self.state.id);
    }

    /// Closes the connection at once, unless it has ended already: the first reason stays. What
    /// was sent and not yet relayed to the worker is lost; for an orderly end of a jobs
    /// connection see [`JobsConnection::finish`](crate::JobsConnection::finish). What a results
    /// connection already holds can still be received.
    pub fn close(&self, reason: CloseReason) {
        self.close_late(reason, Duration::ZERO);
    }

    /// The same, but the worker's side of the connection is held open for this long, with nothing
    /// read from it and nothing sent: stock ZeroMQ would be back at once. Only so many connections
    /// are held at a time; beyond that it is closed at once too.
    pub fn close_late(&self, reason: CloseReason, held: Duration) {
        self.registry.close(&self.state, reason, held);
    }

    /// Closes the connection, unless it has ended already, for something that its owner found
    /// wrong in what it says. `why` goes into the log, once a minute for each host and reason. From
    /// the fourth time on that a host did something wrong, the connection is closed late.
    pub fn refuse(&self, reason: CloseReason, why: fmt::Arguments<'_>) {
        self.registry.refuse_wrong(&self.state, reason, why);
    }

    /// Says in the log what its owner found wrong with the connection, which goes on: once a minute
    /// for each host and `about`.
    pub fn tell(&self, about: &'static str, why: fmt::Arguments<'_>) {
        self.registry.tell(&self.state, about, why);
    }

    /// How long the worker's side is held open beyond the end; zero while there is no end.
    pub fn held(&self) -> Duration {
        self.state.held()
    }

    /// Why the connection ended; `None` while it is open.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.state.close_reason()
    }

    /// Waits until the connection has ended. Cancel-safe; any number of tasks may wait. It
    /// resolves as soon as the end is known: a results connection may then still hold messages
    /// that came before the end.
    pub async fn closed(&self) -> CloseReason {
        self.state.closed().await
    }
}

impl fmt::Debug for ConnectionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionHandle")
            .field("id", &self.id())
            .field("peer", &self.peer())
            .field("close_reason", &self.close_reason())
            .finish_non_exhaustive()
    }
}
