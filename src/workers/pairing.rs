//! Which jobs connection and which results connection make a lane.
//!
//! A jobs connection gets a lane with a secret id; the `ready` that names this id, and the results
//! connection that it comes on, complete the lane. Pure bookkeeping: no IO.

use std::fmt;
use std::time::Duration;

use acequia_gate::{CloseReason, ConnectionHandle, Peer};
use acequia_scheduler::LaneKey;
use acequia_sink::ResultsKey;
use acequia_wire::LaneId;
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::time::Instant;

/// How many workers that share a results connection wait for their turn, and are asked again. The
/// others are closed with the first connection that is.
const WAITING_MAX: usize = 64;

#[derive(Debug)]
struct Lane {
    id: LaneId,
    /// Of the jobs connection.
    handle: ConnectionHandle,
    results: Option<ResultsKey>,
    /// How long its results connection is held open beyond its end.
    held: Duration,
}

#[derive(Debug)]
struct Results {
    handle: ConnectionHandle,
    lane: Option<LaneKey>,
    /// A lane was ready on it at some time.
    was_ready: bool,
    /// A worker was ready on it while the jobs connection of another was open. That may be a
    /// connection whose end nobody has noticed; a second time it is two workers that share it.
    taken_over: bool,
    /// Lanes whose workers share it with the one that is ready, and have to wait for its end.
    waiting: Vec<LaneKey>,
    /// Closed by us: what its worker says is not to be heard.
    turned_away: bool,
}

/// All connections of workers.
#[derive(Debug, Default)]
pub(crate) struct Pairing {
    lanes: FxHashMap<LaneKey, Lane>,
    by_id: FxHashMap<LaneId, LaneKey>,
    /// Lanes whose workers were greeted and are not ready.
    greeted: FxHashSet<LaneKey>,
    results: FxHashMap<ResultsKey, Results>,
    /// When the last results connection ended that no lane was ready on: it may have taken a `ready`
    /// along.
    lost_a_word: Option<Instant>,
    /// Counts the lanes that got ready, for the names of workers that have none.
    ready: u64,
}

/// A lane that has become complete.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Completed {
    pub(crate) lane: LaneKey,
    /// The lane that this results connection belonged to before. The worker has begun anew, so it
    /// is over.
    pub(crate) superseded: Option<LaneKey>,
    /// How many lanes got ready so far.
    pub(crate) nth: u64,
}

/// Why a `ready` is not heeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotCompleted {
    /// No jobs connection has this lane; it may just have ended.
    UnknownLane,
    /// The lane is complete already.
    Twice(LaneKey),
    /// Another worker is ready on the same results connection, and was before: this one waits.
    Shared(LaneKey),
}

/// What is left to do for a lane that was removed.
#[derive(Debug, Default)]
pub(crate) struct Removed {
    /// How long its results connection is held open beyond its end.
    pub(crate) held: Duration,
    /// Lanes that waited for its end: their workers are to be greeted again.
    pub(crate) waiting: Vec<LaneKey>,
}

/// The lanes whose workers may have to be greeted again.
#[derive(Debug)]
pub(crate) struct Unanswered {
    /// When an answer may have been lost with a connection that broke.
    pub(crate) lost: Option<Instant>,
    pub(crate) lanes: Vec<LaneKey>,
}

impl Pairing {
    pub(crate) fn jobs_opened(&mut self, lane: LaneKey, id: LaneId, handle: ConnectionHandle) {
        self.lanes.insert(lane, Lane { id, handle, results: None, held: Duration::ZERO });
        self.by_id.insert(id, lane);
        self.greeted.insert(lane);
    }

    /// The worker's end of the jobs connection of a lane.
    pub(crate) fn peer(&self, lane: LaneKey) -> Option<Peer> {
        Some(self.lanes.get(&lane)?.handle.peer())
    }

    /// Returns the lanes whose workers were greeted and are not ready: what one of them answered
    /// may be lost, and this may be its new connection.
    pub(crate) fn results_opened(
        &mut self,
        results: ResultsKey,
        handle: ConnectionHandle,
    ) -> Unanswered {
        let connection = Results {
            handle,
            lane: None,
            was_ready: false,
            taken_over: false,
            waiting: Vec::new(),
            turned_away: false,
        };
        self.results.insert(results, connection);
        let lost = self.lost_a_word.take();
        Unanswered { lost, lanes: self.greeted.iter().copied().collect() }
    }

    /// A `ready` for the lane `id` came on `results`.
    pub(crate) fn ready(
        &mut self,
        results: ResultsKey,
        id: LaneId,
    ) -> Result<Completed, NotCompleted> {
        let Some(key) = self.by_id.get(&id).copied() else {
            if let Some(connection) = self.results.get(&results).filter(|of| !of.was_ready) {
                connection.handle.tell(
                    "unknown_lane",
                    format_args!(
                        "a worker answers for a lane that is not there: it may just have ended; or both \
                         connections of the worker have to lead to the same server"
                    ),
                );
            }
            return Err(NotCompleted::UnknownLane);
        };
        let connection = self.results.get_mut(&results).ok_or(NotCompleted::UnknownLane)?;
        let is_alive = |lane: &LaneKey| {
            self.lanes.get(lane).is_some_and(|lane| lane.handle.close_reason().is_none())
        };
        let takes_over = connection.lane.as_ref().is_some_and(is_alive);
        let lane = self.lanes.get_mut(&key).ok_or(NotCompleted::UnknownLane)?;
        if lane.results.is_some() {
            return Err(NotCompleted::Twice(key));
        }
        if takes_over && connection.taken_over {
            if !connection.waiting.contains(&key) && connection.waiting.len() < WAITING_MAX {
                connection.waiting.push(key);
            }
            connection.handle.tell(
                "shared_results",
                format_args!(
                    "several workers answer on one results connection, and only one of them gets \
                     jobs: give each its own PUSH socket beside its PULL"
                ),
            );
            return Err(NotCompleted::Shared(key));
        }
        lane.results = Some(results);
        self.greeted.remove(&key);
        let superseded = connection.lane.replace(key);
        (connection.was_ready, connection.taken_over) = (true, takes_over);
        connection.handle.promote();
        self.ready += 1;
        Ok(Completed { lane: key, superseded, nth: self.ready })
    }

    /// The lane of this id, if its worker was greeted and is not ready.
    pub(crate) fn greeted(&self, id: LaneId) -> Option<LaneKey> {
        let key = self.by_id.get(&id)?;
        self.lanes.get(key).filter(|lane| lane.results.is_none()).map(|_| *key)
    }

    /// Closes a results connection whose worker did not prove who it is, and says so in the log.
    /// Returns how long it is held open beyond that.
    pub(crate) fn turn_away(&mut self, results: ResultsKey, why: impl fmt::Display) -> Duration {
        let Some(connection) = self.results.get_mut(&results) else { return Duration::ZERO };
        connection.turned_away = true;
        connection.handle.refuse(
            CloseReason::Unauthorized,
            format_args!(
                "a worker is turned away ({why}); give it the token that --worker-token-file has"
            ),
        );
        connection.handle.held()
    }

    /// A worker speaks that is not ready. What it says is dropped, which is in order if it was
    /// ready before, and otherwise said in the log.
    pub(crate) fn spoke_before_ready(&self, results: ResultsKey) {
        if let Some(connection) = self.results.get(&results).filter(|of| !of.was_ready) {
            connection.handle.tell(
                "not_ready",
                format_args!(
                    "what a worker says is dropped, since it did not say `ready` on this results \
                     connection: one lane has one results connection, so connect its PUSH once"
                ),
            );
        }
    }

    /// The lane whose worker speaks on `results`.
    pub(crate) fn lane_of(&self, results: ResultsKey) -> Option<LaneKey> {
        self.results.get(&results)?.lane
    }

    /// Whether any lane is complete.
    pub(crate) fn has_ready(&self) -> bool {
        self.lanes.values().any(|lane| lane.results.is_some())
    }

    /// Whether `id` names this lane.
    pub(crate) fn is_named(&self, lane: LaneKey, id: LaneId) -> bool {
        self.lanes.get(&lane).is_some_and(|lane| lane.id == id)
    }

    /// The results connection of a lane, if it has one.
    pub(crate) fn results_of(&self, lane: LaneKey) -> Option<ResultsKey> {
        self.lanes.get(&lane)?.results
    }

    /// Whether results of this lane may still come.
    pub(crate) fn may_still_speak(&self, lane: LaneKey) -> bool {
        self.lanes.get(&lane).is_some_and(|lane| lane.results.is_some())
    }

    /// A results connection is over. Returns the lane that is over with it.
    pub(crate) fn results_closed(&mut self, results: ResultsKey, now: Instant) -> Option<LaneKey> {
        let Results { handle, lane, turned_away, .. } = self.results.remove(&results)?;
        if lane.is_none() && !turned_away {
            self.lost_a_word = Some(now);
        }
        if let Some(lane) = lane.and_then(|lane| self.lanes.get_mut(&lane)) {
            lane.held = handle.held();
        }
        lane
    }

    /// Forgets a lane. Returns what is left to do, if it was known.
    pub(crate) fn remove(&mut self, key: LaneKey) -> Option<Removed> {
        let lane = self.lanes.remove(&key)?;
        self.by_id.remove(&lane.id);
        self.greeted.remove(&key);
        let mut removed = Removed { held: lane.held, waiting: Vec::new() };
        if let Some(results) = lane.results
            && let Some(connection) = self.results.get_mut(&results)
            && connection.lane == Some(key)
        {
            connection.lane = None;
            connection.taken_over = false;
            removed.waiting = std::mem::take(&mut connection.waiting);
        }
        Some(removed)
    }
}
