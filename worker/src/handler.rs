//! Runs handlers: each job in a task of its own, and whatever comes of it is one `done` or `fail`.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use acequia_wire::worker::FromWorker;
use futures_util::FutureExt;
use tokio::sync::{Semaphore, mpsc};

use crate::outbox::Outgoing;
use crate::{Failure, Job, Reply};

/// The code of a handler that panicked.
const PANIC_CODE: &str = "worker_panic";

/// What a handler returns.
pub(crate) type Outcome = Result<Reply, Failure>;

/// Held by each running handler. When all are dropped, the other end of the channel is told.
#[derive(Clone)]
pub(crate) struct Running {
    _alive: mpsc::Sender<()>,
}

impl Running {
    /// The guard, and what resolves (to `None`) once no clone of it is left.
    pub(crate) fn new() -> (Self, mpsc::Receiver<()>) {
        let (alive, ended) = mpsc::channel(1);
        (Self { _alive: alive }, ended)
    }
}

/// The handler of a queue, whatever kind it is.
pub(crate) trait Handler: Send + Sync {
    /// Starts the job and returns at once.
    fn start(&self, job: Job, running: Running);
}

/// A handler that is an async function.
pub(crate) struct AsyncHandler<H>(Arc<H>);

impl<H> AsyncHandler<H> {
    pub(crate) fn new(handler: H) -> Self {
        Self(Arc::new(handler))
    }
}

impl<H, F> Handler for AsyncHandler<H>
where
    H: Fn(Job) -> F + Send + Sync + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    fn start(&self, job: Job, running: Running) {
        let handler = Arc::clone(&self.0);
        tokio::spawn(async move {
            let run = AssertUnwindSafe(async { handler(job.clone()).await }).catch_unwind().await;
            finish(&job, run.unwrap_or_else(|panic| Err(panicked(&job, panic)))).await;
            drop(running);
        });
    }
}

/// A handler that is a plain function, run on threads where it may block.
pub(crate) struct BlockingHandler<H> {
    handler: Arc<H>,
    /// As many as there are slots. A handler that ignores the end of its lane still runs when the
    /// next lane brings jobs; they then wait for it, and the number of threads stays bounded.
    threads: Arc<Semaphore>,
}

impl<H> BlockingHandler<H> {
    pub(crate) fn new(handler: H, threads: Arc<Semaphore>) -> Self {
        Self { handler: Arc::new(handler), threads }
    }
}

impl<H> Handler for BlockingHandler<H>
where
    H: Fn(Job) -> Outcome + Send + Sync + 'static,
{
    fn start(&self, job: Job, running: Running) {
        let handler = Arc::clone(&self.handler);
        let threads = Arc::clone(&self.threads);
        tokio::spawn(async move {
            // It is never closed.
            let permit = threads.acquire_owned().await;
            let running_job = job.clone();
            let run = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                handler(running_job)
            });
            let outcome = run.await.unwrap_or_else(|error| match error.try_into_panic() {
                Ok(panic) => Err(panicked(&job, panic)),
                // The runtime is shutting down, and nothing is sent any more.
                Err(_) => Err(Failure::cancelled()),
            });
            finish(&job, outcome).await;
            drop(running);
        });
    }
}

/// Says that no handler serves the job's queue, which the server should not have asked for.
pub(crate) fn refuse(job: Job, running: Running) {
    tokio::spawn(async move {
        let message = format!("this worker does not serve the queue `{}`", job.queue());
        finish(&job, Err(Failure::new("unknown_queue", message))).await;
        drop(running);
    });
}

fn panicked(job: &Job, panic: Box<dyn Any + Send>) -> Failure {
    let text = match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => match panic.downcast::<&'static str>() {
            Ok(text) => (*text).to_owned(),
            Err(_) => "no message".to_owned(),
        },
    };
    tracing::error!(job = %job.id(), queue = %job.queue(), "a handler panicked: {text}");
    Failure::new(PANIC_CODE, format_args!("the handler panicked: {text}"))
}

/// Hands the outcome to the sender, if the lane still holds the job, and frees its slot.
async fn finish(job: &Job, outcome: Outcome) {
    let lane = job.lane();
    let body = outcome.and_then(|reply| reply.into_body("result", lane.max_body()));
    let message = match body {
        Ok(body) => FromWorker::Done { job: job.id(), body },
        Err(failure) => {
            let (code, message, retry) = failure.into_parts();
            tracing::debug!(job = %job.id(), queue = %job.queue(), ?code, "failed: {message}");
            FromWorker::Fail { job: job.id(), code, message, retry }
        }
    };
    // The place comes before the release: who sees the lane idle can rely on it that the last
    // result is in the outbox, or has its place there.
    if let Ok(place) = lane.outbox().reserve().await
        && lane.release(job)
    {
        place.send(Outgoing::Message(message));
    }
    lane.note_idle();
}
