//! The word to a running handler that nobody waits for its job.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

const LIVE: u8 = 0;
const CANCELLED: u8 = 1;
const VOID: u8 = 2;

/// Whether a job still matters. It only ever goes forward: live, cancelled, void.
#[derive(Default)]
pub(crate) struct Signal {
    state: AtomicU8,
    changed: Notify,
}

impl Signal {
    /// The server cancelled the job; it still wants to hear of its end, which frees the slot.
    pub(crate) fn cancel(&self) {
        self.raise(CANCELLED);
    }

    /// The lane that brought the job is gone; nothing of it is sent any more.
    pub(crate) fn void(&self) {
        self.raise(VOID);
    }

    fn raise(&self, state: u8) {
        self.state.fetch_max(state, Ordering::AcqRel);
        self.changed.notify_waiters();
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.state.load(Ordering::Acquire) != LIVE
    }

    pub(crate) fn is_void(&self) -> bool {
        self.state.load(Ordering::Acquire) == VOID
    }

    /// Resolves once the job is cancelled or void; at once if it is.
    pub(crate) async fn raised(&self) {
        let mut changed = std::pin::pin!(self.changed.notified());
        // Registered before the look at the state, so that no change falls between the two.
        changed.as_mut().enable();
        if !self.is_raised() {
            changed.await;
        }
    }
}
