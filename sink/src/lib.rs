//! The end of the pipeline: results come in from workers, events go out to browsers.
//!
//! [`accept_lanes`] reads the connections of the results port and hands what workers say to the
//! pipeline in batches. [`Mailboxes`] takes the events for all sessions; each session's [`Writer`]
//! owns the write half of its WebSocket and sends what has gathered with one flush.
//!
//! Neither decides anything about a job: that is the scheduler's. What comes in from browsers is
//! the ventilator's, of which nothing here knows.

#[cfg(feature = "spans")]
mod deliveries;
mod history;
mod lanes;
mod mailbox;
mod mailboxes;
mod outlet;
mod topics;
mod writer;

#[cfg(feature = "spans")]
pub use deliveries::Deliveries;
pub use history::KeptElsewhere;
pub use lanes::{ResultsKey, accept_lanes};
pub use mailboxes::Mailboxes;
pub use outlet::{Inlet, Outlet, Pressure, outlet};
pub use topics::Topics;
pub use writer::{WriteEnd, Writer, encode};

use acequia_gate::ConnectionHandle;
use acequia_wire::worker::FromWorker;

/// What the sink tells the pipeline.
#[derive(Debug)]
pub enum Input {
    /// A worker has connected to the results port.
    LaneOpened {
        /// The connection.
        results: ResultsKey,
        /// The means to promote and to close it.
        handle: ConnectionHandle,
    },
    /// A worker says these, in this order.
    Messages {
        /// The connection.
        results: ResultsKey,
        /// What it says.
        messages: Vec<FromWorker>,
    },
    /// A results connection is over, and all that came on it has been handed on.
    LaneClosed {
        /// The connection.
        results: ResultsKey,
    },
}
