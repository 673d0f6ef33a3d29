//! What is known of one connection by all who have to do with it: whether it is ready, whether and
//! why it has ended. It knows nothing of the others.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use crate::peer::Peer;
use crate::reason::CloseReason;

/// What the task of a connection, its owner and the registry share.
pub(crate) struct State {
    pub(crate) id: u64,
    pub(crate) peer: Peer,
    /// 0 while open, else the index of the reason plus one. The first reason stays.
    reason: AtomicU8,
    /// How long the worker's side is held open beyond the end, in ms.
    held_ms: AtomicU64,
    /// Whether the large limits apply.
    promoted: AtomicBool,
    /// The task that relays; it looks at `reason` whenever it is woken.
    pub(crate) relay: AtomicWaker,
    ended: Notify,
}

impl State {
    pub(crate) fn new(id: u64, peer: Peer) -> Self {
        Self {
            id,
            peer,
            reason: AtomicU8::new(0),
            held_ms: AtomicU64::new(0),
            promoted: AtomicBool::new(false),
            relay: AtomicWaker::new(),
            ended: Notify::new(),
        }
    }

    /// Notes that the connection has ended, for the first reason that is given. Returns whether it
    /// is this one.
    pub(crate) fn end(&self, reason: CloseReason, held: Duration) -> bool {
        // Before the reason, which is what others look at. If another end comes in between, its
        // worker waits as long as it had to by this one.
        self.held_ms.fetch_max(held.as_millis() as u64, Ordering::AcqRel);
        // `index` is far below 255, so the cast loses nothing.
        let state = reason.index() as u8 + 1;
        self.reason.compare_exchange(0, state, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Tells those who wait that the connection has ended.
    pub(crate) fn tell_of_end(&self) {
        self.relay.wake();
        self.ended.notify_waiters();
    }

    /// Why the connection ended; `None` while it is open.
    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        let state = self.reason.load(Ordering::Acquire);
        CloseReason::ALL.get(usize::from(state).checked_sub(1)?).copied()
    }

    /// Waits until the connection has ended. Cancel-safe; any number of tasks may wait.
    pub(crate) async fn closed(&self) -> CloseReason {
        let mut ended = pin!(self.ended.notified());
        loop {
            // Before the look at the reason, or an end in between would be missed.
            ended.as_mut().enable();
            if let Some(reason) = self.close_reason() {
                return reason;
            }
            ended.as_mut().await;
            ended.set(self.ended.notified());
        }
    }

    /// How long the worker's side stays open beyond the end, so that it is not back at once.
    pub(crate) fn held(&self) -> Duration {
        Duration::from_millis(self.held_ms.load(Ordering::Acquire))
    }

    pub(crate) fn promote(&self) {
        self.promoted.store(true, Ordering::Release);
    }

    pub(crate) fn is_promoted(&self) -> bool {
        self.promoted.load(Ordering::Acquire)
    }
}
