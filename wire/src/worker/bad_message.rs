//! What is wrong with a message that harms nothing but what it is about.

use crate::id::{JobId, LaneId};

/// A message of a worker that cannot be understood, though it is known what it is about. Its lane
/// lives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct BadMessage {
    /// What it is about.
    pub about: About,
    /// What is wrong with it, the limit if it is over one, for people. Short.
    pub why: String,
}

/// What a [`BadMessage`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A job, which cannot go on: it fails with `bad_message`.
    Job {
        /// The job.
        job: JobId,
        /// Whether it was the worker's last word of the job, so that its slot is free: it is,
        /// unless the message is known for one that others follow.
        last: bool,
    },
    /// Something for the topics: it is dropped.
    Topic(LaneId),
}
