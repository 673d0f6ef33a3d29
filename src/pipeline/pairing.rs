//! Which jobs connection and which results connection make a lane.
//!
//! A jobs connection gets a lane with a secret id; the `ready` that names this id, and the results
//! connection that it comes on, complete the lane. Pure bookkeeping: no IO.

use acequia_gate::{CloseReason, ConnectionHandle, Peer};
use acequia_scheduler::LaneKey;
use acequia_sink::ResultsKey;
use acequia_wire::LaneId;
use rustc_hash::FxHashMap;

#[derive(Debug)]
struct Lane {
    id: LaneId,
    /// The worker's end of the jobs connection.
    peer: Peer,
    results: Option<ResultsKey>,
}

#[derive(Debug)]
struct Results {
    handle: ConnectionHandle,
    lane: Option<LaneKey>,
    /// Closed by us: what its worker says is not to be heard.
    turned_away: bool,
}

/// All connections of workers.
#[derive(Debug, Default)]
pub(crate) struct Pairing {
    lanes: FxHashMap<LaneKey, Lane>,
    by_id: FxHashMap<LaneId, LaneKey>,
    results: FxHashMap<ResultsKey, Results>,
    /// A results connection ended that no lane was ready on: it may have taken a `ready` along.
    lost_a_word: bool,
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
    Twice,
}

impl Pairing {
    pub(crate) fn jobs_opened(&mut self, lane: LaneKey, id: LaneId, peer: Peer) {
        self.lanes.insert(lane, Lane { id, peer, results: None });
        self.by_id.insert(id, lane);
    }

    /// The worker's end of the jobs connection of a lane.
    pub(crate) fn peer(&self, lane: LaneKey) -> Option<Peer> {
        Some(self.lanes.get(&lane)?.peer)
    }

    /// Returns the lanes whose workers are to be greeted once more: what they answered to the first
    /// greeting may be lost, and this may be one of them that is back.
    pub(crate) fn results_opened(
        &mut self,
        results: ResultsKey,
        handle: ConnectionHandle,
    ) -> Vec<LaneKey> {
        self.results.insert(results, Results { handle, lane: None, turned_away: false });
        if !std::mem::take(&mut self.lost_a_word) {
            return Vec::new();
        }
        let not_ready = self.lanes.iter().filter(|(_, lane)| lane.results.is_none());
        not_ready.map(|(key, _)| *key).collect()
    }

    /// A `ready` for the lane `id` came on `results`.
    pub(crate) fn ready(
        &mut self,
        results: ResultsKey,
        id: LaneId,
    ) -> Result<Completed, NotCompleted> {
        let key = *self.by_id.get(&id).ok_or(NotCompleted::UnknownLane)?;
        let lane = self.lanes.get_mut(&key).ok_or(NotCompleted::UnknownLane)?;
        let connection = self.results.get_mut(&results).ok_or(NotCompleted::UnknownLane)?;
        if lane.results.is_some() {
            return Err(NotCompleted::Twice);
        }
        lane.results = Some(results);
        let superseded = connection.lane.replace(key);
        connection.handle.promote();
        self.ready += 1;
        Ok(Completed { lane: key, superseded, nth: self.ready })
    }

    /// The lane of this id, if its worker was greeted and is not ready.
    pub(crate) fn greeted(&self, id: LaneId) -> Option<LaneKey> {
        let key = self.by_id.get(&id)?;
        self.lanes.get(key).filter(|lane| lane.results.is_none()).map(|_| *key)
    }

    /// Closes a results connection whose worker did not prove who it is. Returns where that is,
    /// the first time.
    pub(crate) fn turn_away(&mut self, results: ResultsKey) -> Option<Peer> {
        let connection = self.results.get_mut(&results)?;
        connection.handle.close(CloseReason::Unauthorized);
        let again = std::mem::replace(&mut connection.turned_away, true);
        (!again).then(|| connection.handle.peer())
    }

    /// The lane whose worker speaks on `results`.
    pub(crate) fn lane_of(&self, results: ResultsKey) -> Option<LaneKey> {
        self.results.get(&results)?.lane
    }

    /// Whether `id` names this lane.
    pub(crate) fn is_named(&self, lane: LaneKey, id: LaneId) -> bool {
        self.lanes.get(&lane).is_some_and(|lane| lane.id == id)
    }

    /// Whether results of this lane may still come.
    pub(crate) fn may_still_speak(&self, lane: LaneKey) -> bool {
        self.lanes.get(&lane).is_some_and(|lane| lane.results.is_some())
    }

    /// A results connection is over. Returns the lane that is over with it.
    pub(crate) fn results_closed(&mut self, results: ResultsKey) -> Option<LaneKey> {
        let Results { lane, turned_away, .. } = self.results.remove(&results)?;
        self.lost_a_word |= lane.is_none() && !turned_away;
        lane
    }

    /// Forgets a lane. Returns whether it was known.
    pub(crate) fn remove(&mut self, key: LaneKey) -> bool {
        let Some(lane) = self.lanes.remove(&key) else { return false };
        self.by_id.remove(&lane.id);
        if let Some(results) = lane.results
            && let Some(connection) = self.results.get_mut(&results)
            && connection.lane == Some(key)
        {
            connection.lane = None;
        }
        true
    }
}
