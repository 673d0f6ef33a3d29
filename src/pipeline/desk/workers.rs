//! Workers: what each serves and holds.

use acequia_gate::Peer;
use acequia_scheduler::{Event, LaneDetails, LaneKey};
use acequia_wire::QueueName;
use serde::Serialize;

use super::Desk;

/// A worker, as it is told.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Worker {
    pub(crate) worker: u64,
    name: String,
    queues: Vec<QueueName>,
    slots: u32,
    busy: usize,
    state: &'static str,
    /// Its end of its jobs connection, over TCP.
    address: Option<String>,
    /// Its process, over ipc.
    pid: Option<i32>,
    since_ms: u64,
    done: u64,
    failed: u64,
    /// The runs that jobs wait for, the longest first.
    jobs: Vec<Run>,
    /// Slots that it has not given back although their runs are void.
    slots_held: usize,
    /// These, the longest first.
    held: Vec<Held>,
    /// Whether it takes only jobs that may have cost other workers their lives.
    apart: bool,
}

#[derive(Clone, Debug, Serialize)]
struct Run {
    job: String,
    queue: QueueName,
    since_ms: u64,
    attempt: u32,
}

/// A slot whose run is void, for which the worker has not said `done` or `fail` yet.
#[derive(Clone, Debug, Serialize)]
struct Held {
    job: String,
    since_ms: u64,
    /// `timeout`, `cancelled`, `lost` or `bad_message`.
    why: &'static str,
}

impl Worker {
    fn new(lane: LaneDetails, peer: Option<Peer>) -> Self {
        let LaneDetails { stats, queues, since, done, failed, runs, held } = lane;
        let state = match (stats.draining, stats.silent) {
            (_, true) => "silent",
            (true, _) => "draining",
            _ => "ready",
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
            why: held.why.as_str(),
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
        Some(Worker::new(self.scheduler.lane(worker)?, self.pairing.peer(worker)))
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
            let peer = self.pairing.peer(lane.stats.lane);
            Worker::new(lane, peer)
        };
        (lanes.into_iter().map(told).collect(), more)
    }

    pub(crate) fn drain_worker(&mut self, lane: LaneKey) -> Option<Worker> {
        self.handle(Event::DrainLane { lane });
        self.worker(lane)
    }
}
