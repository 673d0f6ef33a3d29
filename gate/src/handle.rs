//! The handle of one connection: promotes it, closes it, tells of its end.

use std::fmt;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use crate::reason::CloseReason;
use crate::registry::Registry;

/// The other end of a connection, as far as the operating system knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A process of this host.
    Ipc {
        /// Its process id, where the system tells.
        pid: Option<i32>,
    },
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Ipc { pid: Some(pid) } => write!(f, "ipc (process {pid})"),
            Self::Ipc { pid: None } => f.write_str("ipc"),
        }
    }
}

/// What the task of a connection, its owner and the registry share.
pub(crate) struct Shared {
    id: u64,
    peer: Peer,
    /// 0 while open, else the index of the reason plus one. The first reason stays.
    reason: AtomicU8,
    /// Whether the large limits apply.
    promoted: AtomicBool,
    /// The task that relays; it looks at `reason` whenever it is woken.
    pub(crate) relay: AtomicWaker,
    ended: Notify,
    registry: Arc<Registry>,
}

/// A cloneable handle to one connection. It keeps nothing open: a handle may outlive its
/// connection, and dropping one does nothing.
#[derive(Clone)]
pub struct ConnectionHandle {
    pub(crate) shared: Arc<Shared>,
}

impl ConnectionHandle {
    pub(crate) fn new(id: u64, peer: Peer, registry: Arc<Registry>) -> Self {
        let shared = Shared {
            id,
            peer,
            reason: AtomicU8::new(0),
            promoted: AtomicBool::new(false),
            relay: AtomicWaker::new(),
            ended: Notify::new(),
            registry,
        };
        Self { shared: Arc::new(shared) }
    }

    /// The number of this connection, unique within its gate and rising in order of arrival.
    pub fn id(&self) -> u64 {
        self.shared.id
    }

    /// The other end.
    pub fn peer(&self) -> Peer {
        self.shared.peer
    }

    /// Says that this connection is ready: the large limits apply from its next frame on, and it
    /// is no longer evicted for a newcomer. Does nothing a second time, or after the end.
    pub fn promote(&self) {
        self.shared.promoted.store(true, Ordering::Release);
        self.shared.registry.forget_not_ready(self.shared.id);
    }

    /// Closes the connection at once, unless it has ended already: the first reason stays. What
    /// was sent and not yet relayed to the worker is lost; for an orderly end of a jobs
    /// connection see [`JobsConnection::finish`](crate::JobsConnection::finish). What a results
    /// connection already holds can still be received.
    pub fn close(&self, reason: CloseReason) {
        // `index` is below 19, so the cast loses nothing.
        let state = reason.index() as u8 + 1;
        let shared = &self.shared;
        if shared.reason.compare_exchange(0, state, Ordering::AcqRel, Ordering::Acquire).is_err() {
            return;
        }
        shared.registry.count_end(shared.id, reason);
        if reason.is_refusal() {
            tracing::debug!(connection = shared.id, peer = %shared.peer, %reason, "refused");
        }
        shared.relay.wake();
        shared.ended.notify_waiters();
    }

    /// Why the connection ended; `None` while it is open.
    pub fn close_reason(&self) -> Option<CloseReason> {
        let state = self.shared.reason.load(Ordering::Acquire);
        CloseReason::ALL.get(usize::from(state).checked_sub(1)?).copied()
    }

    /// Waits until the connection has ended. Cancel-safe; any number of tasks may wait. It
    /// resolves as soon as the end is known: a results connection may then still hold messages
    /// that came before the end.
    pub async fn closed(&self) -> CloseReason {
        let mut ended = pin!(self.shared.ended.notified());
        loop {
            // Before the look at the reason, or an end in between would be missed.
            ended.as_mut().enable();
            if let Some(reason) = self.close_reason() {
                return reason;
            }
            ended.as_mut().await;
            ended.set(self.shared.ended.notified());
        }
    }

    pub(crate) fn is_promoted(&self) -> bool {
        self.shared.promoted.load(Ordering::Acquire)
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.shared.registry
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
