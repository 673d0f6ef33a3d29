//! What a client asks for.

use crate::code::RejectCode;
use crate::content::Payload;
use crate::id::{CorrelationId, JobId};
use crate::limits::OPS_PER_MESSAGE_MAX;
use crate::name::QueueName;
use crate::trace::TraceParent;

/// One request of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Who the client is, and whether its session shall outlive the connection.
    Hello(HelloOp),
    /// A job.
    Submit(Submit),
    /// The outcome of this job is no longer wanted.
    Cancel {
        /// The job's correlation id.
        id: CorrelationId,
    },
    /// What becomes of a job or of a batch that is there already, please.
    Watch {
        /// What the client calls it here.
        id: CorrelationId,
        /// What is watched.
        what: Watched,
    },
    /// All events up to this one may be forgotten.
    Ack {
        /// The highest `seq` that the client has seen.
        seq: u64,
    },
    /// Messages on this topic, please.
    Subscribe {
        /// The topic.
        topic: String,
    },
    /// No more messages on this topic.
    Unsubscribe {
        /// The topic.
        topic: String,
    },
}

/// What a client watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// The job that the server calls so.
    Job(JobId),
    /// The batch that its client calls so.
    Batch(Box<str>),
}

/// The fields of `hello`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HelloOp {
    /// A JWT.
    pub token: Option<String>,
    /// Whether, and which, session is to be resumed.
    pub resume: Option<Resume>,
}

/// What a client wants of its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resume {
    /// A new session that can be resumed later.
    New,
    /// The session with this secret, from after the event `last`.
    Session {
        /// The secret from `welcome`.
        secret: String,
        /// The highest `seq` that the client has seen.
        last: u64,
    },
}

/// A job as its client describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit {
    /// The client's name for the job, unique among its live jobs.
    pub id: CorrelationId,
    /// What the worker gets.
    pub payload: Payload,
    /// Where it waits.
    pub queue: QueueName,
    /// From 0 to 9; higher goes first.
    pub priority: u8,
    /// Not before so many milliseconds have passed.
    pub delay_ms: u32,
    /// After how many milliseconds a run is given up.
    pub timeout_ms: Option<u32>,
    /// If it has not started within so many milliseconds, it has failed.
    pub ttl_ms: Option<u32>,
    /// How often it may be tried.
    pub attempts: u32,
    /// The same key again is the same job.
    pub key: Option<Box<str>>,
    /// What becomes of it when its client goes.
    pub on_disconnect: OnDisconnect,
    /// The batch that it belongs to.
    pub batch: Option<Box<str>>,
    /// The span that the job's own is below.
    pub traceparent: Option<Box<TraceParent>>,
}

/// What becomes of a job when its client is gone: the connection is over, also if the session is
/// not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDisconnect {
    /// It runs all the same.
    #[default]
    Keep,
    /// It is cancelled.
    Cancel,
    /// It is cancelled if the client is not back by then.
    CancelAfter {
        /// For how many milliseconds the client may be away.
        ms: u32,
    },
}

impl OnDisconnect {
    /// For how many milliseconds the client may be away before the job is cancelled; `None` if it
    /// is not.
    pub const fn patience_ms(self) -> Option<u32> {
        match self {
            Self::Keep => None,
            Self::Cancel => Some(0),
            Self::CancelAfter { ms } => Some(ms),
        }
    }
}

/// Why an op was not taken: `rejected` where it is known which job, `error` where it is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// The op's correlation id, as far as one could be read.
    pub id: Option<CorrelationId>,
    /// Whether the op was a `submit`, so that a job will not come.
    pub submit: bool,
    /// Why.
    pub code: RejectCode,
    /// Why, for people: the thing, the limit, the remedy.
    pub message: String,
    /// After how many milliseconds another try is worth while, if waiting helps.
    pub retry_after_ms: Option<u32>,
}

impl Refusal {
    /// An op that was not understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(RejectCode::BadRequest, message)
    }

    /// A refusal that names no job.
    pub fn new(code: RejectCode, message: impl Into<String>) -> Self {
        Self { id: None, submit: false, code, message: message.into(), retry_after_ms: None }
    }

    /// More ops in a message than there may be.
    pub(super) fn too_many_ops(count: usize) -> Self {
        let message = format!(
            "{count} ops in one message; the limit is {OPS_PER_MESSAGE_MAX}: send several messages"
        );
        Self::new(RejectCode::TooLarge, message)
    }

    /// The same, about the job with this correlation id.
    #[must_use]
    pub fn of_submit(mut self, id: CorrelationId) -> Self {
        self.id = Some(id);
        self.submit = true;
        self
    }
}
