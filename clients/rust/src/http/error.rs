//! What goes wrong over HTTP.

use std::io;
use std::time::Duration;

use serde::Deserialize;

use crate::call::{CallError, Fault};
use crate::connect::ConnectError;
use crate::job_error::JobError;
use crate::publish::PublishError;
use crate::submit::BadSubmit;

/// Why a call did not do what it was to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// No server would take the job.
    #[error(transparent)]
    Bad(#[from] BadSubmit),
    /// There is no such topic, or no such type of a message.
    #[error(transparent)]
    Publish(PublishError),
    /// There is no answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Whoever makes tokens made none.
    #[error("there is no token: {0}")]
    Token(Fault),
    /// The server says no.
    #[error("{} ({})", .0.detail, .0.code)]
    Problem(Problem),
    /// The job that was waited for ended without a result.
    #[error(transparent)]
    Job(#[from] JobError),
}

/// What a server says of a call that it refuses (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// A word for programs, such as `queue_full`.
    pub code: String,
    /// What is wrong and what to do, for people.
    pub detail: String,
    /// The server's name for the job that it is about, if there is one.
    pub job: Option<String>,
    /// The run in which that failed; 0 if there was none.
    pub attempt: Option<u32>,
    retry_after_ms: Option<u64>,
}

impl Problem {
    /// When another try is worth while, if waiting helps.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after_ms.map(Duration::from_millis)
    }

    pub(super) fn into_failure(self) -> JobError {
        let Self { code, detail, attempt, .. } = self;
        let attempt = attempt.unwrap_or_default();
        JobError::Failed { code: code.into(), message: detail.into(), attempt }
    }
}

impl CallError {
    /// Whether another try may help.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Connect(ConnectError::Unreachable { source, .. }) => {
                // There is no such host, or no such address; that may be mended, but not by waiting.
                !matches!(source.kind(), io::ErrorKind::InvalidInput)
            }
            Self::Connect(ConnectError::Time { .. }) | Self::Broken { .. } | Self::Time { .. } => {
                true
            }
            _ => false,
        }
    }
}
