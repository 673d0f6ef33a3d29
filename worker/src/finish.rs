//! The end of a run: its outcome becomes one `done` or `fail`, and its slot is free.

use acequia_wire::worker::FromWorker;

use crate::failure::Failure;
use crate::job::Job;
use crate::outbox::Outgoing;
use crate::reply::Reply;

/// What a handler returns.
pub(crate) type Outcome = Result<Reply, Failure>;

/// A job whose handler has returned, and what is to be said of it.
pub(crate) struct Finished {
    job: Job,
    message: FromWorker,
}

impl Finished {
    pub(crate) fn new(job: Job, outcome: Outcome) -> Self {
        let body = outcome.and_then(|reply| reply.into_body("result", job.max_body()));
        let message = match body {
            Ok(body) => FromWorker::Done { job: job.id(), body },
            Err(failure) => {
                let (code, message, retry) = failure.into_parts();
                tracing::debug!(job = %job.id(), queue = %job.queue(), ?code, "failed: {message}");
                FromWorker::Fail { job: job.id(), code, message, retry }
            }
        };
        Self { job, message }
    }
}

/// Hands what is finished to the sender at one time, as far as the lane still holds it. All are
/// jobs of one lane, and no more than the outbox has room for.
pub(crate) async fn deliver(
    finished: impl IntoIterator<Item = Finished, IntoIter: ExactSizeIterator>,
) {
    let finished = finished.into_iter();
    let len = finished.len();
    let mut finished = finished.peekable();
    let Some(line) = finished.peek().map(|first| first.job.line().clone()) else { return };
    let lane = line.lane();
    // The places come before the release: who sees the lane idle can rely on it that the last
    // result is in the outbox, or has its place there.
    if let Ok(mut places) = line.outbox().reserve_many(len).await {
        for Finished { job, message } in finished {
            if lane.release(job.id())
                && let Some(place) = places.next()
            {
                place.send(Outgoing::Message(message));
            }
        }
    }
    lane.note_idle();
}
