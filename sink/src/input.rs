//! What the pipeline hears from the sink.

use acequia_gate::ConnectionHandle;
use acequia_wire::worker::{BadMessage, FromWorker};
use tokio::sync::OwnedSemaphorePermit;

use crate::valve::Valve;

/// A results connection; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResultsKey(pub u64);

/// What the sink tells the pipeline.
#[derive(Debug)]
pub enum Input {
    /// A worker has connected to the results port.
    LaneOpened {
        /// The connection.
        results: ResultsKey,
        /// The means to promote and to close it.
        handle: ConnectionHandle,
        /// The means to hold it back.
        valve: Valve,
    },
    /// A worker says these, in this order.
    Messages {
        /// The connection.
        results: ResultsKey,
        /// What it says.
        messages: Vec<Result<FromWorker, BadMessage>>,
        /// Dropped once the pipeline has taken them: then the next may come.
        turn: OwnedSemaphorePermit,
    },
    /// A results connection is over, and all that came on it has been handed on.
    LaneClosed {
        /// The connection.
        results: ResultsKey,
    },
}
