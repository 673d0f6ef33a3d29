//! Handlers of both kinds behind one trait, and what all of them need.

use std::any::Any;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use crate::failure::Failure;
use crate::finish::{Finished, Outcome, deliver};
use crate::job::Job;

/// The code of a handler that panicked.
const PANIC_CODE: &str = "worker_panic";

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
    /// Starts jobs that came in one message, all of one lane, and returns at once.
    fn start(&self, jobs: Vec<Job>, running: &Running);
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
    fn start(&self, jobs: Vec<Job>, running: &Running) {
        for job in jobs {
            let (handler, threads) = (Arc::clone(&self.handler), Arc::clone(&self.threads));
            let running = running.clone();
            tokio::spawn(async move {
                let outcome = run_blocking(handler, threads, job.clone()).await;
                deliver([Finished::new(job, outcome)]).await;
                drop(running);
            });
        }
    }
}

async fn run_blocking<H>(handler: Arc<H>, threads: Arc<Semaphore>, job: Job) -> Outcome
where
    H: Fn(Job) -> Outcome + Send + Sync + 'static,
{
    // It is never closed.
    let permit = threads.acquire_owned().await;
    let running_job = job.clone();
    let run = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        handler(running_job)
    });
    run.await.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => Err(panicked(&job, panic)),
        // The runtime is shutting down, and nothing is sent any more.
        Err(_) => Err(Failure::cancelled()),
    })
}

/// Says that no handler serves the jobs' queue, which the server should not have asked for.
pub(crate) fn refuse(jobs: Vec<Job>, running: &Running) {
    let running = running.clone();
    tokio::spawn(async move {
        for job in jobs {
            let message = format!("this worker does not serve the queue `{}`", job.queue());
            let failure = Failure::new("unknown_queue", message);
            deliver([Finished::new(job, Err(failure))]).await;
        }
        drop(running);
    });
}

/// The failure of a job whose handler panicked.
pub(crate) fn panicked(job: &Job, panic: Box<dyn Any + Send>) -> Failure {
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
