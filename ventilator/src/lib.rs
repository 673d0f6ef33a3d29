//! The front of the pipeline: ops come in from browsers, jobs go out to workers.
//!
//! [`Reader`] owns the read half of a WebSocket: it turns messages into [`Request`]s and hands
//! them to the pipeline in batches. [`JobLanes`] owns the connections of the jobs port and packs
//! what goes to each lane in one pass of the pipeline into as few messages as the worker takes.
//!
//! Neither decides anything about a job: that is the scheduler's. What goes back to browsers is
//! the sink's, of which nothing here knows.

mod input;
mod lanes;
mod reader;
mod request;
mod silence;
mod unread;

pub use input::{ConnectionId, Input};
pub use lanes::{JobLanes, accept_lanes};
pub use reader::{LARGE_MESSAGE_BYTES, ReadEnd, Reader};
