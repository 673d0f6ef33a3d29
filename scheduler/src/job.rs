//! One live job.

use std::sync::Arc;

use acequia_wire::JobId;
use acequia_wire::client::Submit;

use crate::event::{LaneKey, Ticket};
use crate::list::Links;
use crate::time::Time;
use crate::watchers::Watchers;

/// A live job: everything from its submit to its outcome.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    /// Who is told about it.
    pub(crate) watchers: Watchers,
    /// A session that is over wanted it to run all the same.
    pub(crate) kept: bool,
    /// It failed before, and whoever had it run again may ask what became of it.
    pub(crate) redriven: bool,
    /// Whose turn it takes: a key of `Clients`.
    pub(crate) client: usize,
    /// A key of `Queues`.
    pub(crate) queue: usize,
    /// A key of `Batches`.
    pub(crate) batch: Option<usize>,
    pub(crate) spec: Arc<Submit>,
    pub(crate) state: State,
    /// The place of its record, and its age among all jobs: many are submitted at the same time.
    pub(crate) ticket: Ticket,
    pub(crate) submitted: Time,
    /// Since when it could run.
    pub(crate) waiting_since: Time,
    /// When it expires, until it has started.
    pub(crate) expires: Option<Time>,
    /// Runs begun.
    pub(crate) runs: u32,
    /// Runs that failed or timed out; bounded by the job's `attempts`.
    pub(crate) failures: u32,
    /// Runs lost with their lanes.
    pub(crate) losses: u32,
    /// Chunks of this run.
    pub(crate) chunks: u32,
    /// Whether its record is durable, and its client knows.
    pub(crate) accepted: bool,
    /// Whether its client was told of this run's start.
    pub(crate) start_told: bool,
    /// Lanes that hold a void run of this job. It does not run there until that is over, or the
    /// worker's word on the one run could be taken for the other's.
    pub(crate) void_on: Vec<LaneKey>,
    /// Its neighbours among its client's jobs, while it waits.
    pub(crate) in_turn: Links,
    /// Its neighbours among all that wait in its queue, while it waits.
    pub(crate) in_arrival: Links,
}

/// Where a job is; the picture is in the crate's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Not to run before this time.
    Delayed { until: Time },
    /// In its queue.
    Waiting,
    /// With a worker.
    Running {
        lane: LaneKey,
        since: Time,
        /// When the run is given up.
        deadline: Option<Time>,
    },
}

impl Job {
    pub(crate) fn in_turn(&mut self) -> &mut Links {
        &mut self.in_turn
    }

    pub(crate) fn in_arrival(&mut self) -> &mut Links {
        &mut self.in_arrival
    }
}
