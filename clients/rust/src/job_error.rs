//! How a job ends that gives no result.

use std::sync::Arc;
use std::time::Duration;

/// Why a job gave no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// It failed for good.
    #[error("the job failed: {message} ({code})")]
    Failed {
        /// Why: a code of the server, such as `timeout` or `worker_lost`, or the worker's own.
        code: Arc<str>,
        /// Why, for people.
        message: Arc<str>,
        /// The run that was the last, from 1; 0 if there was none.
        attempt: u32,
    },
    /// It was cancelled, here or elsewhere.
    #[error("the job was cancelled")]
    Cancelled,
    /// The server did not take it: nothing has run, and nothing will. Of a job or a batch that is watched:
    /// the server does not let it be watched.
    #[error("it was refused: {message} ({code})")]
    Rejected {
        /// Why: a code of the server, such as `queue_full`, `forbidden` or `not_found`.
        code: Arc<str>,
        /// Why, for people.
        message: Arc<str>,
        /// When another try is worth while, if waiting helps.
        retry_after: Option<Duration>,
    },
    /// No word of its outcome can come here any more: it may have run, run now, or never run.
    #[error("the job's outcome is lost: {message}")]
    Lost {
        /// What happened.
        why: Loss,
        /// The same, for people.
        message: Arc<str>,
    },
    /// The client was closed before it ended. What the server does with it is its `on_disconnect`.
    #[error("the client was closed before the job ended")]
    Closed,
}

/// Why no word of a job can come any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// The job has ended, and the server does not know any more how.
    Outcome,
    /// The server does not know the session any more.
    Session,
    /// The connection went, and the session was none that can be resumed; or it went before the server had
    /// accepted the job, which was not to be sent again.
    Connection,
    /// Another connection goes on with the session, and its jobs.
    TakenOver,
    /// The time of the client's token is over, and there is no other.
    Unauthorized,
}

impl JobError {
    /// The code of what failed or was refused, as it stands on the wire.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Failed { code, .. } | Self::Rejected { code, .. } => Some(code),
            Self::Cancelled | Self::Lost { .. } | Self::Closed => None,
        }
    }

    pub(crate) fn lost(why: Loss, message: &str) -> Self {
        Self::Lost { why, message: message.into() }
    }
}
