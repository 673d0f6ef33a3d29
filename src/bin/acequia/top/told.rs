//! What a server tells, as far as it is shown. Every text of it is [`Plain`].

use serde::Deserialize;

use super::plain::Plain;

/// The last ten minutes.
#[derive(Debug, Deserialize)]
pub(super) struct History {
    pub(super) interval_ms: u64,
    pub(super) until_ms: u64,
    pub(super) points: usize,
    pub(super) all: Lists,
}

/// A number for each interval, the newest last.
#[derive(Debug, Deserialize)]
pub(super) struct Lists {
    pub(super) done: Vec<f64>,
    pub(super) failed: Vec<f64>,
    pub(super) waiting: Vec<f64>,
}

/// Everything at one moment.
#[derive(Debug, Deserialize)]
pub(super) struct Tick {
    pub(super) at_ms: u64,
    pub(super) server: Server,
    pub(super) point: PointOfAll,
    pub(super) queues: Vec<Queue>,
    pub(super) workers: Vec<Worker>,
    pub(super) more_workers: bool,
    pub(super) pools: Vec<Pool>,
    pub(super) failures: Vec<Failure>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PointOfAll {
    pub(super) all: Point,
}

/// What the lists go on with.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Point {
    pub(super) done: f64,
    pub(super) failed: f64,
    pub(super) waiting: f64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Server {
    pub(super) version: Plain,
    pub(super) uptime_ms: u64,
    pub(super) state: Plain,
    pub(super) why: Option<Plain>,
    pub(super) sessions: u64,
    pub(super) live_jobs: u64,
    pub(super) payload_bytes: u64,
    pub(super) dead_letters: u64,
    pub(super) workers: u64,
    pub(super) slots: u64,
    pub(super) slots_busy: u64,
    pub(super) journal: Journal,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Journal {
    pub(super) kind: Plain,
    pub(super) writable: bool,
    pub(super) waiting_bytes: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Queue {
    pub(super) queue: Plain,
    pub(super) waiting: u64,
    pub(super) running: u64,
    pub(super) delayed: u64,
    pub(super) oldest_ms: Option<u64>,
    pub(super) paused: bool,
    pub(super) slots: u64,
    pub(super) slots_busy: u64,
    pub(super) dead_letters: u64,
    pub(super) recent: Option<Recent>,
}

/// The last ten seconds of a queue.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Recent {
    pub(super) seconds: f64,
    pub(super) done: f64,
    pub(super) failed: f64,
    pub(super) waiting_p50_ms: Option<f64>,
    pub(super) waiting_p99_ms: Option<f64>,
    pub(super) running_p50_ms: Option<f64>,
    pub(super) running_p99_ms: Option<f64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Worker {
    pub(super) worker: u64,
    pub(super) name: Plain,
    pub(super) queues: Vec<Plain>,
    pub(super) slots: u64,
    pub(super) busy: u64,
    pub(super) state: Plain,
    pub(super) address: Option<Plain>,
    pub(super) pid: Option<i64>,
    pub(super) since_ms: u64,
    pub(super) done: u64,
    pub(super) failed: u64,
    pub(super) jobs: Vec<Run>,
}

/// A job that a worker holds.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Run {
    pub(super) job: Plain,
    pub(super) queue: Plain,
    pub(super) since_ms: u64,
    pub(super) attempt: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Pool {
    pub(super) pool: Plain,
    pub(super) queues: Vec<Plain>,
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) processes: u64,
    pub(super) starting: u64,
    pub(super) stopping: u64,
    pub(super) failing: Option<Plain>,
    pub(super) host: Plain,
    pub(super) pid: u64,
}

/// A dead letter.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Failure {
    pub(super) job: Plain,
    pub(super) queue: Plain,
    pub(super) code: Plain,
    pub(super) message: Plain,
    pub(super) attempt: u64,
    pub(super) failed_ms: u64,
}
