//! Who is in, who of them is not ready, and who has to go when it gets crowded.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::{EVICTIONS_UNDER_WAY_MAX, GateConfig};
use crate::peer::Peer;
use crate::reason::CloseReason;
use crate::state::State;
use crate::stats::Counters;

/// The connections of one gate. The lock is taken when a connection comes, is promoted or goes,
/// never for a message.
pub(crate) struct Registry {
    pub(crate) config: GateConfig,
    pub(crate) counters: Arc<Counters>,
    next_id: AtomicU64,
    /// By id, which is by age.
    not_ready: Mutex<BTreeMap<u64, Arc<State>>>,
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
    pub(crate) fn admit(&self, peer: Peer) -> Option<(Arc<State>, Place)> {
        self.counters.accepted.fetch_add(1, Relaxed);
        let id = self.next_id.fetch_add(1, Relaxed);
        let state = Arc::new(State::new(id, peer));
        let open = self.counters.open.load(Relaxed);
        let full = open >= self.config.connections_max;
        let crowded = self.not_ready().len() >= self.config.not_ready_max;
        let evicted = full || crowded;
        if open >= self.config.connections_max.saturating_add(EVICTIONS_UNDER_WAY_MAX)
            || (evicted && !self.evict_oldest())
        {
            self.close(&state, CloseReason::ConnectionLimit);
            return None;
        }
        self.counters.open.fetch_add(1, Relaxed);
        self.not_ready().insert(id, Arc::clone(&state));
        self.counters.not_ready.fetch_add(1, Relaxed);
        Some((state, Place { counters: Arc::clone(&self.counters) }))
    }

    /// Takes a connection out of those that are not ready, if it is one.
    pub(crate) fn forget_not_ready(&self, id: u64) {
        if self.not_ready().remove(&id).is_some() {
            self.counters.not_ready.fetch_sub(1, Relaxed);
        }
    }

    /// Ends a connection, unless it has ended already.
    pub(crate) fn close(&self, connection: &State, reason: CloseReason) {
        if !connection.end(reason) {
            return;
        }
        self.counters.count_closed(reason);
        self.forget_not_ready(connection.id);
        if reason.is_refusal() {
            tracing::debug!(connection = connection.id, peer = %connection.peer, %reason, "refused");
        }
        connection.tell_of_end();
    }

    fn evict_oldest(&self) -> bool {
        // A statement of its own: `close` takes the lock as well.
        let oldest = self.not_ready().first_key_value().map(|(_, state)| Arc::clone(state));
        match oldest {
            Some(state) => {
                self.close(&state, CloseReason::Evicted);
                true
            }
            None => false,
        }
    }

    fn not_ready(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<State>>> {
        // A map is whole after every call, so a panic elsewhere says nothing against it.
        self.not_ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
