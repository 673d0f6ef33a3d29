//! Who is in, who of them is not ready, and who has to go when it gets crowded.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::config::{EVICTIONS_UNDER_WAY_MAX, GateConfig, HELD_MAX};
use crate::peer::Peer;
use crate::reason::CloseReason;
use crate::refusals::Refusals;
use crate::shortage::Shortage;
use crate::spoken::Spoken;
use crate::state::State;
use crate::stats::Counters;

/// The connections of one gate. The lock is taken when a connection comes, is promoted or goes,
/// never for a message.
pub(crate) struct Registry {
    pub(crate) config: GateConfig,
    pub(crate) counters: Arc<Counters>,
    pub(crate) refusals: Refusals,
    pub(crate) shortage: Shortage,
    /// Places for connections that are held open beyond their end.
    held: Arc<Semaphore>,
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
    pub(crate) fn new(port: &'static str, config: GateConfig) -> Self {
        Self {
            config,
            counters: Arc::default(),
            refusals: Refusals::new(port),
            shortage: Shortage::default(),
            held: Arc::new(Semaphore::new(HELD_MAX)),
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
            self.refuse(&state, CloseReason::ConnectionLimit);
            return None;
        }
        self.counters.open.fetch_add(1, Relaxed);
        self.not_ready().insert(id, Arc::clone(&state));
        self.counters.not_ready.fetch_add(1, Relaxed);
        Some((state, Place { counters: Arc::clone(&self.counters) }))
    }

    /// A place for a connection that is held open beyond its end, if there is one.
    pub(crate) fn hold(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.held).try_acquire_owned().ok()
    }

    /// Takes a connection out of those that are not ready, if it is one.
    pub(crate) fn forget_not_ready(&self, id: u64) {
        if self.not_ready().remove(&id).is_some() {
            self.counters.not_ready.fetch_sub(1, Relaxed);
        }
    }

    /// Turns a connection away for a reason that says it all.
    pub(crate) fn refuse(&self, connection: &State, reason: CloseReason) {
        self.refuse_because(connection, reason, None, format_args!("{}", reason.advice()));
    }

    /// Turns a connection away that did not get through the handshake.
    pub(crate) fn refuse_for(
        &self,
        connection: &State,
        reason: CloseReason,
        spoken: Spoken,
        why: impl fmt::Display,
    ) {
        self.refuse_because(connection, reason, Some(spoken), format_args!("{why}"));
    }

    /// Turns a connection away whose owner found fault with what it says. If that happens again and
    /// again, the worker's side is held open for a while.
    pub(crate) fn refuse_wrong(
        &self,
        connection: &State,
        reason: CloseReason,
        why: fmt::Arguments<'_>,
    ) {
        if connection.close_reason().is_none() {
            let now = Instant::now().into_std();
            let held = self.refusals.spoke_wrongly(connection.peer, now);
            self.refusals.tell(connection.peer, reason.as_str(), None, why, now);
            self.close(connection, reason, held);
        }
    }

    /// Says in the log what is wrong with a connection that goes on.
    pub(crate) fn tell(&self, connection: &State, about: &'static str, why: fmt::Arguments<'_>) {
        self.refusals.tell(connection.peer, about, None, why, Instant::now().into_std());
    }

    fn refuse_because(
        &self,
        connection: &State,
        reason: CloseReason,
        spoken: Option<Spoken>,
        why: fmt::Arguments<'_>,
    ) {
        if connection.close_reason().is_none() {
            let now = Instant::now().into_std();
            self.refusals.tell(connection.peer, reason.as_str(), spoken, why, now);
            self.close(connection, reason, Duration::ZERO);
        }
    }

    /// Ends a connection, unless it has ended already. The worker's side is held open for so long.
    pub(crate) fn close(&self, connection: &State, reason: CloseReason, held: Duration) {
        if !connection.end(reason, held) {
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
                self.refuse(&state, CloseReason::Evicted);
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
