//! Workers: what each serves and holds.

use acequia_gate::Peer;
use acequia_scheduler::{Event, LaneDetails, LaneKey};
use acequia_wire::QueueName;
use serde::Serialize;

use super::Desk;

/// Runs that are told of one worker.
const RUNS_TOLD: usize = 100;

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
    jobs: Vec<Run>,
}

#[derive(Clone, Debug, Serialize)]
struct Run {
    job: String,
    queue: QueueName,
    since_ms: u64,
    attempt: u32,
}

impl Worker {
    fn new(lane: LaneDetails, peer: Option<Peer>) -> Self {
        let LaneDetails { stats, queues, since, done, failed, runs } = lane;
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
        let jobs = runs.into_iter().take(RUNS_TOLD).map(|run| Run {
            job: run.job.to_string(),
            queue: run.queue,
            since_ms: run.since.as_millis(),
            attempt: run.attempt,
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
