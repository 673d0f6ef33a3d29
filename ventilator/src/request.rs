//! From an op to what the pipeline is asked.

use std::sync::Arc;

use acequia_wire::JobId;
use acequia_wire::client::{Op, Request, Submit};

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
