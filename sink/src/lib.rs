//! The end of the pipeline: results come in from workers, events go out to browsers.
//!
//! [`accept_lanes`] reads the connections of the results port and hands what workers say to the
//! pipeline in batches. [`Mailboxes`] takes the events for all sessions; each session's [`Writer`]
//! owns the write half of its WebSocket and sends what has gathered with one flush.
//!
//! Neither decides anything about a job: that is the scheduler's. What comes in from browsers is
//! the ventilator's, of which nothing here knows.

mod absent;
#[cfg(feature = "spans")]
mod deliveries;
mod history;
mod input;
mod kept;
mod lanes;
mod listener;
mod mailbox;
mod mailboxes;
mod outlet;
mod topics;
mod valve;
mod writer;

#[cfg(feature = "spans")]
pub use deliveries::Deliveries;
pub use history::{KeptElsewhere, Left, LookUp};
pub use input::{Input, ResultsKey};
pub use lanes::accept_lanes;
pub use listener::{Heard, Listener};
pub use mailbox::Put;
pub use mailboxes::Mailboxes;
pub use outlet::{
    Carry, Inlet, Outlet, Parcel, Pressure, Reason, Written, far_inlet, outlet, weight,
};
pub use topics::{NoRoom, Subscribed, Topics};
pub use valve::Valve;
pub use writer::{WriteEnd, Writer, encode};
