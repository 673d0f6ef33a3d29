//! What the pipeline hears from the ventilator.

use acequia_gate::JobsConnection;
use acequia_scheduler::LaneKey;
use acequia_wire::client::Request;
use tokio::sync::OwnedSemaphorePermit;

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
        /// Dropped once the pipeline has taken them: then the next may come.
        turn: OwnedSemaphorePermit,
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
