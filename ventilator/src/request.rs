//! What a client asks of the pipeline.

use std::sync::Arc;

use acequia_wire::client::{HelloOp, Op, Refusal, Submit, Watched};
use acequia_wire::{CorrelationId, JobId};

/// One op, ready for the pipeline.
#[derive(Debug)]
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

/// The request that an op of a message of `within` bytes makes.
pub(crate) fn request(op: Op, within: usize) -> Request {
    match op {
        Op::Submit(submit) => {
            let payload = submit.payload.owned_if_small(within);
            let spec = Arc::new(Submit { payload, ..submit });
            Request::Submit { job: JobId::now(), spec }
        }
        Op::Cancel { id } => Request::Cancel { id },
        Op::Watch { id, what } => Request::Watch { id, what },
        Op::Hello(hello) => Request::Hello(hello),
        Op::Ack { seq } => Request::Ack { seq },
        Op::Subscribe { topic } => Request::Subscribe { topic },
        Op::Unsubscribe { topic } => Request::Unsubscribe { topic },
    }
}
