//! What a bench is to do.

use std::time::Duration;

use acequia_client::ServerUrl;
use acequia_wire::QueueName;
use acequia_wire::client::Encoding;

/// All that a bench is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is measured.
    pub mode: Mode,
    /// A running server that is loaded, instead of one of the bench's own.
    pub server: Option<Running>,
    /// The journal of the own server: a file, or `none`.
    pub journal: String,
    /// WebSocket connections.
    pub connections: u32,
    /// Jobs that each connection keeps in flight.
    pub in_flight: u32,
    /// Bytes of a payload.
    pub payload: usize,
    /// How the sessions write their messages.
    pub encoding: Encoding,
    /// How long a round measures, if not as long as the mode does by itself.
    pub time: Option<Duration>,
    /// Load before each measurement that is not counted.
    pub warmup: Duration,
    /// Rounds of each server where several are loaded in turn.
    pub rounds: u32,
    /// Slots of each own worker.
    pub slots: u32,
    /// Own workers.
    pub workers: u32,
    /// Whether the own workers take and give many jobs in one message.
    pub packed: bool,
    /// The queue of the jobs.
    pub queue: QueueName,
    /// Whether the report is JSON.
    pub json: bool,
    /// How much there is of what [`Mode::Scale`] has much of.
    pub sizes: Sizes,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Throughput, latency and CPU of one server.
    Single,
    /// The same beside a bare WebSocket echo server.
    Echo,
    /// That for packed and single messages, one job in flight, and a naive gateway.
    Suite,
    /// What a journal costs.
    Durable,
    /// What doors cost and save.
    Cluster,
    /// What it costs to measure jobs and to be watched.
    Measures,
    /// Memory of so many idle sessions.
    Idle(u32),
    /// Short jobs beside long ones.
    Mixed,
    /// One job at a time on each connection, over WebSocket and over HTTP.
    Http,
    /// One client beside others that do their worst.
    Hostile,
    /// Much of something: waiting jobs, workers, clients.
    Scale,
}

/// A server that runs already.
#[derive(Clone, Debug)]
pub struct Running {
    /// Where it is, with what is shown to it.
    pub url: ServerUrl,
    /// Its process, if its CPU and memory are to be measured.
    pub process: Option<u32>,
}

/// How much of each there is.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Jobs that wait while others are run.
    pub backlog: u32,
    /// Workers that are connected.
    pub many_workers: u32,
    /// Clients with a job each, beside one with ten jobs for each of theirs.
    pub many_clients: u32,
}
