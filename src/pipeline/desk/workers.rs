//! Workers: what each serves and holds.

use acequia_gate::Peer;
use acequia_scheduler::{Event, LaneDetails, LaneKey, RUNS_TOLD, VoidReason};
use acequia_wire::QueueName;
use serde::Serialize;
use utoipa::ToSchema;

use super::Desk;
use crate::schema;

schema::described! {
    /// What a worker holds, as far as it is told.
    Runs of Run = schema::list_of::<Run>(RUNS_TOLD);
    /// The void runs in its slots, as far as they are told.
    HeldRuns of Held = schema::list_of::<Held>(RUNS_TOLD);
}

/// A worker, as it is told.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Worker {
    /// Its number; a worker that reconnects gets another.
    pub(crate) worker: u64,
    /// What people call it.
    name: String,
    /// The queues that it serves.
    #[schema(value_type = Vec<schema::QueueName>)]
    queues: Vec<QueueName>,
    /// Jobs that it holds at a time; one that has none only publishes.
    slots: u32,
    /// Jobs that it holds.
    busy: usize,
    /// `draining`: it gets no more jobs; `silent`: nothing is heard of it, and it gets none until something is.
    #[schema(inline)]
    state: State,
    /// Its end of its jobs connection, over TCP.
    #[schema(required = true)]
    address: Option<String>,
    /// Its process, over ipc.
    #[schema(required = true)]
    pid: Option<i32>,
    /// When it was ready (milliseconds since 1970).
    since_ms: u64,
    /// Runs that it said to be done.
    done: u64,
    /// Runs that it said to have failed.
    failed: u64,
    /// What it holds, the longest first.
    #[schema(value_type = Runs)]
    jobs: Vec<Run>,
    /// Slots that it has not given back although their runs are void.
    slots_held: usize,
    /// These, the longest first.
    #[schema(value_type = HeldRuns)]
    held: Vec<Held>,
    /// Whether it takes only jobs that may have cost other workers their lives.
    apart: bool,
}

/// What becomes of a worker.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    Ready,
    Draining,
    Silent,
}

/// A job that a worker holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Run {
    /// The job.
    #[schema(value_type = schema::JobId)]
    job: String,
    /// Its queue.
    #[schema(value_type = schema::QueueName)]
    queue: QueueName,
    /// When the run began (milliseconds since 1970).
    since_ms: u64,
    /// Which run this is.
    #[schema(minimum = 1)]
    attempt: u32,
}

/// A slot whose run is void, for which the worker has not said `done` or `fail` yet.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Held {
    /// The job that it ran.
    #[schema(value_type = schema::JobId)]
    job: String,
    /// Since when the run is void (milliseconds since 1970).
    since_ms: u64,
    /// Why it is void.
    #[schema(inline)]
    why: Why,
}

/// Why a run is void.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Why {
    Timeout,
    Cancelled,
    Lost,
    BadMessage,
    Takeover,
}

impl From<VoidReason> for Why {
    fn from(why: VoidReason) -> Self {
        match why {
            VoidReason::Timeout => Self::Timeout,
            VoidReason::Cancelled => Self::Cancelled,
            VoidReason::Lost => Self::Lost,
            VoidReason::BadMessage => Self::BadMessage,
            VoidReason::Takeover => Self::Takeover,
        }
    }
}

impl Worker {
    fn new(lane: LaneDetails, peer: Option<Peer>) -> Self {
        let LaneDetails { stats, queues, since, done, failed, runs, held } = lane;
        let state = match (stats.draining, stats.silent) {
            (_, true) => State::Silent,
            (true, _) => State::Draining,
            _ => State::Ready,
        };
        let (address, pid) = match peer {
            Some(Peer::Tcp(address)) => (Some(address.to_string()), None),
            Some(Peer::Ipc { pid }) => (None, pid),
            None => (None, None),
        };
        let jobs = runs.into_iter().map(|run| Run {
            job: run.job.to_string(),
            queue: run.queue,
            since_ms: run.since.as_millis(),
            attempt: run.attempt,
        });
        let held = held.into_iter().map(|held| Held {
            job: held.job.to_string(),
            since_ms: held.since.as_millis(),
            why: held.why.into(),
        });
        Self {
            worker: stats.lane.0,
            name: stats.name.to_string(),
            queues,
            slots: stats.slots,
            busy: stats.busy,
            state,
            address,
            pid,
            since_ms: since.as_millis(),
            done,
            failed,
            jobs: jobs.collect(),
            slots_held: stats.held,
            held: held.collect(),
            apart: stats.apart,
        }
    }
}

impl Desk<'_> {
    pub(crate) fn worker(&self, worker: LaneKey) -> Option<Worker> {
        Some(Worker::new(self.scheduler.lane(worker)?, self.lanes.peer(worker)))
    }

    /// The first workers after one of them, of one queue or of all, and whether there are more.
    pub(crate) fn workers(
        &self,
        queue: Option<&QueueName>,
        after: Option<LaneKey>,
        limit: usize,
    ) -> (Vec<Worker>, bool) {
        let (lanes, more) = self.scheduler.lanes(queue, after, limit);
        let told = |lane: LaneDetails| {
            let peer = self.lanes.peer(lane.stats.lane);
            Worker::new(lane, peer)
        };
        (lanes.into_iter().map(told).collect(), more)
    }

    pub(crate) fn drain_worker(&mut self, lane: LaneKey) -> Option<Worker> {
        self.handle(Event::DrainLane { lane });
        self.worker(lane)
    }
}
