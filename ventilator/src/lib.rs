//! The front of the pipeline: ops come in from browsers, jobs go out to workers.
//!
//! [`Reader`] owns the read half of a WebSocket: it turns messages into [`Request`]s and hands
//! them to the pipeline in batches. [`JobLanes`] owns the connections of the jobs port and packs
//! what goes to each lane in one pass of the pipeline into as few messages as the worker takes.
//!
//! Neither decides anything about a job: that is the scheduler's. What goes back to browsers is
//! the sink's, of which nothing here knows.

mod lanes;
mod reader;
mod silence;

pub use lanes::{JobLanes, accept_lanes};
pub use reader::{LARGE_MESSAGE_BYTES, ReadEnd, Reader, Request};

use acequia_gate::JobsConnection;
use acequia_scheduler::LaneKey;

/// The connection of a client, named by whoever accepts it; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

/// What the ventilator tells the pipeline.
#[derive(Debug)]
pub enum Input {
    /// A client wants things, in this order.
    Requests {
        /// Its connection.
        connection: ConnectionId,
        /// What it wants.
        requests: Vec<Request>,
    },
    /// Nothing has come from a client for a while: it is to be pinged.
    Quiet {
        /// Its connection.
        connection: ConnectionId,
    },
    /// A worker has connected to the jobs port.
    LaneOpened(Box<JobsConnection>),
    /// A jobs connection is over.
    LaneClosed(LaneKey),
}
