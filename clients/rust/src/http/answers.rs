//! What a server answers.

use acequia_wire::JobId;
use serde::{Deserialize, Deserializer, de};

use super::error::Problem;
use crate::job_error::JobError;

/// A job that the server has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Submitted {
    /// The server's name for it.
    #[serde(deserialize_with = "job_id")]
    pub job: JobId,
    /// Where it is.
    pub state: JobState,
}

/// Where a job is, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Not to be run yet.
    Delayed,
    /// For a worker.
    Waiting,
    /// On a worker.
    Running,
    /// It gave a result.
    Done,
    /// It gave none.
    Failed,
    /// Nobody wanted it any more.
    Cancelled,
}

/// What is known of a job.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Status {
    /// The server's name for it.
    #[serde(deserialize_with = "job_id")]
    pub job: JobId,
    /// Where it is.
    pub state: JobState,
    /// Where it waits or waited, if that is known.
    pub queue: Option<String>,
    /// How many runs have begun, if that is known.
    pub attempt: Option<u32>,
    /// When it was submitted, in milliseconds since 1970.
    pub submitted_ms: u64,
    /// Until when it is delayed.
    pub until_ms: Option<u64>,
    /// Since when it waits or runs.
    pub since_ms: Option<u64>,
    /// Who runs it.
    pub worker: Option<String>,
    /// When it ended.
    pub ended_ms: Option<u64>,
    /// The type of its result.
    pub result_type: Option<String>,
    /// Why it failed, if it did.
    pub code: Option<String>,
    /// The same, for people.
    pub message: Option<String>,
}

impl JobState {
    /// Whether it has ended so.
    pub fn is_outcome(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

impl Status {
    pub(super) fn failure(self) -> JobError {
        JobError::Failed {
            code: self.code.unwrap_or_default().into(),
            message: self.message.unwrap_or_default().into(),
            attempt: self.attempt.unwrap_or_default(),
        }
    }
}

/// What stands in an array of answers.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOfMany {
    Taken(Submitted),
    Refused(Problem),
}

impl From<OneOfMany> for Result<Submitted, Problem> {
    fn from(one: OneOfMany) -> Self {
        match one {
            OneOfMany::Taken(submitted) => Ok(submitted),
            OneOfMany::Refused(problem) => Err(problem),
        }
    }
}

fn job_id<'de, D: Deserializer<'de>>(from: D) -> Result<JobId, D::Error> {
    String::deserialize(from)?.parse().map_err(de::Error::custom)
}
