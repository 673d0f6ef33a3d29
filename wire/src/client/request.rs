//! What a client asks of the pipeline: an op that was read, and looked at.

use std::sync::Arc;

use crate::client::op::{HelloOp, Refusal, Submit, Watched};
use crate::id::{CorrelationId, JobId};

/// One op, ready for the pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A job, and the name that it gets.
    Submit {
        /// The name.
        job: JobId,
        /// The job.
        spec: Arc<Submit>,
    },
    /// A job is no longer wanted.
    Cancel {
        /// Its correlation id.
        id: CorrelationId,
    },
    /// What becomes of a job or batch that is there already.
    Watch {
        /// What the client calls it here.
        id: CorrelationId,
        /// What is watched.
        what: Watched,
    },
    /// Who the client is.
    Hello(HelloOp),
    /// What its token allows; no op of the client.
    Limited {
        /// Live jobs, if all clients may have as many.
        jobs: u32,
        /// Ops in a second, if all clients may send as many.
        ops_per_s: u32,
    },
    /// Events that may be forgotten.
    Ack {
        /// The last of them.
        seq: u64,
    },
    /// Messages on this topic.
    Subscribe {
        /// The topic.
        topic: String,
    },
    /// No more messages on this topic.
    Unsubscribe {
        /// The topic.
        topic: String,
    },
    /// An op that was not understood or is not allowed.
    Refused(Refusal),
}
