//! Who is in, who of them is not ready, and who has to go when it gets crowded.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::{EVICTIONS_UNDER_WAY_MAX, GateConfig};
use crate::connection::Lease;
use crate::handle::{ConnectionHandle, Peer};
use crate::reason::CloseReason;
use crate::stats::Counters;

/// The connections of one gate. The lock is taken when a connection comes, is promoted or goes,
/// never for a message.
pub(crate) struct Registry {
    pub(crate) config: GateConfig,
    pub(crate) counters: Arc<Counters>,
    next_id: AtomicU64,
    /// By id, which is by age.
    not_ready: Mutex<BTreeMap<u64, ConnectionHandle>>,
}

/// A place among the connections: given back when the last holder drops it.
pub(crate) struct Place {
    counters: Arc<Counters>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counters.open.fetch_sub(1, Relaxed);
    }
}

impl Registry {
    pub(crate) fn new(config: GateConfig) -> Self {
        Self {
            config,
            counters: Arc::default(),
            next_id: AtomicU64::new(1),
            not_ready: Mutex::default(),
        }
    }

    /// Gives a newcomer a place, if need be at the cost of the oldest connection that is not
    /// ready. `None`: refused and counted.
    pub(crate) fn admit(self: &Arc<Self>, peer: Peer) -> Option<Lease> {
        self.counters.accepted.fetch_add(1, Relaxed);
        let id = self.next_id.fetch_add(1, Relaxed);
        let handle = ConnectionHandle::new(id, peer, Arc::clone(self));
        let open = self.counters.open.load(Relaxed);
        let full = open >= self.config.connections_max;
        let crowded = self.not_ready().len() >= self.config.not_ready_max;
        let evicted = full || crowded;
        if open >= self.config.connections_max.saturating_add(EVICTIONS_UNDER_WAY_MAX)
            || (evicted && !self.evict_oldest())
        {
            handle.close(CloseReason::ConnectionLimit);
            return None;
        }
        self.counters.open.fetch_add(1, Relaxed);
        self.not_ready().insert(id, handle.clone());
        self.counters.not_ready.fetch_add(1, Relaxed);
        let place = Arc::new(Place { counters: Arc::clone(&self.counters) });
        Some(Lease::new(handle, place))
    }

    /// Takes a connection out of those that are not ready, if it is one.
    pub(crate) fn forget_not_ready(&self, id: u64) {
        if self.not_ready().remove(&id).is_some() {
            self.counters.not_ready.fetch_sub(1, Relaxed);
        }
    }

    /// Notes the end of a connection.
    pub(crate) fn count_end(&self, id: u64, reason: CloseReason) {
        self.counters.count_closed(reason);
        self.forget_not_ready(id);
    }

    fn evict_oldest(&self) -> bool {
        // A statement of its own: `close` takes the lock as well.
        let oldest = self.not_ready().first_key_value().map(|(_, handle)| handle.clone());
        match oldest {
            Some(handle) => {
                handle.close(CloseReason::Evicted);
                true
            }
            None => false,
        }
    }

    fn not_ready(&self) -> MutexGuard<'_, BTreeMap<u64, ConnectionHandle>> {
        // A map is whole after every call, so a panic elsewhere says nothing against it.
        self.not_ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
