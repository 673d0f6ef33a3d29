//! What happens to a job on its way.

use std::sync::Arc;
use std::time::Duration;

use acequia_wire::{JobId, TraceParent};

use crate::data::Data;
use crate::job_error::JobError;

/// How a job ends.
pub type Outcome = Result<Data, JobError>;

/// Something that happened to a job. The last one is [`Ended`](Self::Ended).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum JobEvent {
    /// The server has it on disk, unless it keeps no journal. Left out if the outcome comes first; the others
    /// may come before it.
    Accepted {
        /// The server's name for the job.
        job: JobId,
        /// The job's own span, if it is part of a trace.
        traceparent: Option<TraceParent>,
    },
    /// A run has begun.
    Started {
        /// Which, from 1.
        attempt: u32,
        /// The worker's name.
        worker: Arc<str>,
    },
    /// How far the run is.
    Progress {
        /// How much is done.
        done: Option<f64>,
        /// Of how much.
        total: Option<f64>,
        /// In words.
        note: Option<String>,
    },
    /// A part of the result.
    Chunk {
        /// Which part of this run, from 1. A 1 in the middle means that the job was begun anew, and what
        /// came before is void.
        n: u32,
        /// The part.
        data: Data,
    },
    /// A run ended without a result, and another follows.
    Retrying {
        /// The run that comes, from 2.
        attempt: u32,
        /// Why the last one ended.
        code: Arc<str>,
        /// Why, for people.
        message: Arc<str>,
        /// When the job may run again at the earliest.
        after: Duration,
    },
    /// So many events were given up, since the server or this client would have had to keep too much: here,
    /// of this job; at the server, of this session, so that they may have been others'.
    Missed {
        /// How many.
        events: u64,
    },
    /// The outcome. Nothing comes after it.
    Ended(Outcome),
}

impl JobEvent {
    /// Whether it may be given up where too much waits to be read.
    pub(crate) fn may_be_dropped(&self) -> bool {
        matches!(self, Self::Progress { .. } | Self::Chunk { .. })
    }

    /// What it takes to keep it, in bytes, about.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Chunk { data, .. } | Self::Ended(Ok(data)) => data.bytes().len(),
                Self::Progress { note: Some(note), .. } => note.len(),
                Self::Retrying { message, .. } => message.len(),
                _ => 0,
            }
    }
}
