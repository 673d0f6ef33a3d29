//! What a client is told.

use std::sync::Arc;

use crate::client::op::Refusal;
use crate::code::{FailCode, RejectCode};
use crate::content::Payload;
use crate::id::{CorrelationId, JobId};
use crate::limits::Limits;
use crate::trace::TraceParent;
use crate::worker::Progress;

/// One message of the server to a client.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The answer to `hello`.
    Welcome(Box<Welcome>),
    /// Something about a job.
    Job {
        /// The client's name for the job.
        id: CorrelationId,
        /// The server's name for the job.
        job: JobId,
        /// What is the matter.
        what: JobEvent,
        /// The job's span, if it is part of a trace and this is `accepted` or the outcome.
        traceparent: Option<Box<TraceParent>>,
    },
    /// A job was not taken.
    Rejected {
        /// The client's name for the job.
        id: CorrelationId,
        /// Why.
        code: RejectCode,
        /// Why, for people.
        message: String,
        /// After how many milliseconds another try is worth while, if waiting helps.
        retry_after_ms: Option<u32>,
    },
    /// An op was not understood; the connection lives.
    Error {
        /// The op's correlation id, if it had one.
        id: Option<CorrelationId>,
        /// Why.
        code: RejectCode,
        /// Why, for people.
        message: String,
    },
    /// A message on a topic.
    Message {
        /// The topic.
        topic: Arc<str>,
        /// What was published.
        data: Payload,
    },
    /// The last live job of a batch has ended.
    Batch(Box<Batch>),
    /// Events that the mailbox could not keep.
    Gap {
        /// How many.
        missed: u64,
        /// If it is the one that told the outcome of a job: which, as its client and as the server
        /// calls it.
        outcome_of: Option<(CorrelationId, JobId)>,
    },
    /// The server closes this connection.
    Bye {
        /// Why.
        reason: String,
        /// After how many milliseconds to come back.
        reconnect_in_ms: u32,
        /// The close code that follows.
        close: u16,
    },
}

/// What happened to a job.
#[derive(Clone, Debug, PartialEq)]
pub enum JobEvent {
    /// The job is durable.
    Accepted,
    /// A run has begun.
    Started {
        /// Which run, from 1.
        attempt: u32,
        /// The worker's name.
        worker: Arc<str>,
    },
    /// How far the run is.
    Progress(Box<Progress>),
    /// A part of the result.
    Chunk {
        /// Which part of this run, from 1.
        n: u32,
        /// The part.
        data: Payload,
    },
    /// A run ended without a result; another follows.
    Retrying(Box<Retry>),
    /// The job's outcome: its result.
    Done {
        /// The result.
        result: Payload,
    },
    /// The job's outcome: it failed for good.
    Failed {
        /// Why.
        code: FailCode,
        /// Why, for people.
        message: Box<str>,
        /// The run that was the last, from 1; 0 if there was none.
        attempt: u32,
    },
    /// The job's outcome: its client did not want it any more.
    Cancelled,
}

/// Why and when a job runs again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The run that comes, from 2.
    pub attempt: u32,
    /// Why the last one ended.
    pub code: FailCode,
    /// Why, for people.
    pub message: Box<str>,
    /// After how many milliseconds the job may run again.
    pub in_ms: u32,
}

/// What became of the jobs of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The client's name for the batch.
    pub name: Box<str>,
    /// How many jobs it had.
    pub jobs: u32,
    /// How many of them ended in `done`.
    pub done: u32,
    /// How many in `failed`.
    pub failed: u32,
    /// How many in `cancelled`.
    pub cancelled: u32,
    /// How many milliseconds passed from its first submit to its last outcome.
    pub elapsed_ms: u64,
}

/// The answer to `hello`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The secret of a session that can be resumed.
    pub session: Option<String>,
    /// Whether the session that was asked for goes on.
    pub resumed: bool,
    /// What the server allows.
    pub limits: Limits,
}

impl Event {
    /// The length of the bytes that the event carries for others: payload, chunk or message.
    pub fn payload_len(&self) -> usize {
        match self {
            Self::Job {
                what: JobEvent::Done { result: data } | JobEvent::Chunk { data, .. },
                ..
            }
            | Self::Message { data, .. } => data.bytes().len(),
            _ => 0,
        }
    }

    /// Whether the event is one that a full mailbox gives up first: it tells of something on the
    /// way, not of an end.
    pub fn may_be_dropped(&self) -> bool {
        matches!(
            self,
            Self::Job { what: JobEvent::Progress(_) | JobEvent::Chunk { .. }, .. }
                | Self::Message { .. }
        )
    }
}

impl JobEvent {
    /// Whether it is told with the job's span.
    pub fn tells_trace(&self) -> bool {
        matches!(self, Self::Accepted) || self.is_outcome()
    }

    /// Whether the job has ended with this.
    pub fn is_outcome(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Failed { .. } | Self::Cancelled)
    }
}

impl From<Refusal> for Event {
    fn from(refusal: Refusal) -> Self {
        let Refusal { id, submit, code, message, retry_after_ms } = refusal;
        match id {
            Some(id) if submit => Self::Rejected { id, code, message, retry_after_ms },
            id => Self::Error { id, code, message },
        }
    }
}
