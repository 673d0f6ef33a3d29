//! What a server tells, as far as it is shown. Every text of it is [`Plain`].

use acequia_plain::Plain;
use serde::Deserialize;

/// The last ten minutes.
#[derive(Debug, Deserialize)]
pub(crate) struct History {
    pub(crate) interval_ms: u64,
    pub(crate) until_ms: u64,
    pub(crate) points: usize,
    pub(crate) all: Lists,
}

/// A number for each interval, the newest last.
#[derive(Debug, Deserialize)]
pub(crate) struct Lists {
    pub(crate) done: Vec<f64>,
    pub(crate) failed: Vec<f64>,
    pub(crate) waiting: Vec<f64>,
}

/// Everything at one moment.
#[derive(Debug, Deserialize)]
pub(crate) struct Tick {
    pub(crate) at_ms: u64,
    pub(crate) server: Server,
    pub(crate) point: PointOfAll,
    pub(crate) queues: Vec<Queue>,
    pub(crate) workers: Vec<Worker>,
    pub(crate) more_workers: bool,
    pub(crate) pools: Vec<Pool>,
    pub(crate) failures: Vec<Failure>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PointOfAll {
    pub(crate) all: Point,
}

/// What the lists go on with.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Point {
    pub(crate) done: f64,
    pub(crate) failed: f64,
    pub(crate) waiting: f64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Server {
    pub(crate) version: Plain,
    pub(crate) uptime_ms: u64,
    pub(crate) state: Plain,
    pub(crate) why: Option<Plain>,
    pub(crate) sessions: u64,
    pub(crate) live_jobs: u64,
    pub(crate) payload_bytes: u64,
    pub(crate) dead_letters: u64,
    pub(crate) workers: u64,
    pub(crate) slots: u64,
    pub(crate) slots_busy: u64,
    pub(crate) journal: Journal,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Journal {
    pub(crate) kind: Plain,
    pub(crate) writable: bool,
    pub(crate) waiting_bytes: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Queue {
    pub(crate) queue: Plain,
    pub(crate) waiting: u64,
    pub(crate) running: u64,
    pub(crate) delayed: u64,
    pub(crate) oldest_ms: Option<u64>,
    pub(crate) paused: bool,
    pub(crate) slots: u64,
    pub(crate) slots_busy: u64,
    pub(crate) dead_letters: u64,
    pub(crate) recent: Option<Recent>,
}

/// The last ten seconds of a queue.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Recent {
    pub(crate) seconds: f64,
    pub(crate) done: f64,
    pub(crate) failed: f64,
    pub(crate) waiting_p50_ms: Option<f64>,
    pub(crate) waiting_p99_ms: Option<f64>,
    pub(crate) running_p50_ms: Option<f64>,
    pub(crate) running_p99_ms: Option<f64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Worker {
    pub(crate) worker: u64,
    pub(crate) name: Plain,
    pub(crate) queues: Vec<Plain>,
    pub(crate) slots: u64,
    pub(crate) busy: u64,
    pub(crate) state: Plain,
    pub(crate) address: Option<Plain>,
    pub(crate) pid: Option<i64>,
    pub(crate) since_ms: u64,
    pub(crate) done: u64,
    pub(crate) failed: u64,
    pub(crate) jobs: Vec<Run>,
    /// Slots whose runs are void, and that it has not given back. A server that is a little older says
    /// nothing of them.
    #[serde(default)]
    pub(crate) slots_held: u64,
    #[serde(default)]
    pub(crate) held: Vec<Held>,
}

/// A job that a worker holds.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Run {
    pub(crate) job: Plain,
    pub(crate) queue: Plain,
    pub(crate) since_ms: u64,
    pub(crate) attempt: u64,
}

/// A void run that still has its slot.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Held {
    pub(crate) job: Plain,
    pub(crate) since_ms: u64,
    pub(crate) why: Plain,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Pool {
    pub(crate) pool: Plain,
    pub(crate) queues: Vec<Plain>,
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) processes: u64,
    pub(crate) starting: u64,
    pub(crate) stopping: u64,
    pub(crate) failing: Option<Plain>,
    pub(crate) host: Plain,
    pub(crate) pid: u64,
}

/// A dead letter.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Failure {
    pub(crate) job: Plain,
    pub(crate) queue: Plain,
    pub(crate) code: Plain,
    pub(crate) message: Plain,
    pub(crate) attempt: u64,
    pub(crate) failed_ms: u64,
}
