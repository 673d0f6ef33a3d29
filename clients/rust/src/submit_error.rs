//! Why the server was not even asked.

use crate::submit::BadSubmit;

/// Why a job was not submitted, a job is not watched, or a topic not subscribed to: the server was not asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// No server would take it.
    #[error(transparent)]
    Bad(#[from] BadSubmit),
    /// The client has as many live jobs as it may.
    #[error(
        "the client has {most} live jobs, its limit; wait until some have ended, or raise `jobs_max`"
    )]
    TooManyJobs {
        /// How many it may have.
        most: usize,
    },
    /// So many bytes of jobs wait for the server that there is no room for this one.
    #[error(
        "the job has {bytes} bytes, and of {most} for what the server has not accepted too many are taken; wait, or raise `unsent_bytes_max`"
    )]
    NoRoom {
        /// What the job takes.
        bytes: usize,
        /// How many there are in all.
        most: usize,
    },
    /// A text is out of bounds.
    #[error("the {what} has {bytes} bytes; it must have 1 to {most}")]
    Name {
        /// `topic` or `batch`.
        what: &'static str,
        /// How many it has.
        bytes: usize,
        /// How many it may have.
        most: usize,
    },
    /// The client is closed.
    #[error("the client is closed")]
    Closed,
}
