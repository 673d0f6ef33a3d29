//! Handlers that are async functions, and how their jobs are spread over tasks.
//!
//! A task for each job costs more than a small job itself, and results that come one by one are
//! sent one by one. So where a handler has shown that its jobs end at once, those that came in
//! one message share a task and their results leave together. Any other handler has a task for
//! each job, and so has this one again as soon as one of its jobs takes longer or waits.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::{FutureExt, poll};

use crate::finish::{Finished, Outcome, deliver};
use crate::handler::{Handler, Running, panicked};
use crate::job::Job;
use crate::lane::Soon;
use crate::outbox::OUTBOX_MAX;

/// A job that takes longer, or waits for anything, does not end at once.
const QUICK_TIME_MAX: Duration = Duration::from_micros(10);
/// So many jobs in a row have to end at once before others share a task.
const QUICK_JOBS_MIN: u32 = 32;
/// Most jobs that share a task. More tasks than one, so that other threads can help.
const SHARE_MAX: usize = 32;

const _: () = assert!(SHARE_MAX <= OUTBOX_MAX);

/// A handler that is an async function.
pub(crate) struct AsyncHandler<H>(Arc<Inner<H>>);

struct Inner<H> {
    handler: H,
    /// Jobs in a row that ended at once.
    quick: AtomicU32,
}

impl<H> AsyncHandler<H> {
    pub(crate) fn new(handler: H) -> Self {
        Self(Arc::new(Inner { handler, quick: AtomicU32::new(0) }))
    }
}

impl<H, F> Handler for AsyncHandler<H>
where
    H: Fn(Job) -> F + Send + Sync + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    fn start(&self, mut jobs: Vec<Job>, running: &Running) {
        if jobs.len() < 2 || !self.0.is_quick() {
            jobs.into_iter().for_each(|job| start_alone(&self.0, job, running));
            return;
        }
        while !jobs.is_empty() {
            let rest = jobs.split_off(jobs.len().min(SHARE_MAX));
            let soon = Soon::new(Arc::clone(jobs[0].line().lane()), jobs.len());
            tokio::spawn(run_shared(Arc::clone(&self.0), jobs, running.clone(), soon));
            jobs = rest;
        }
    }
}

impl<H, F> Inner<H>
where
    H: Fn(Job) -> F,
    F: Future<Output = Outcome>,
{
    async fn run(&self, job: Job) -> Finished {
        // In a block of its own, so that a handler that panics before its first `await`, while it
        // makes its future, is caught as well.
        let run = AssertUnwindSafe(async { (self.handler)(job.clone()).await });
        let outcome = run.catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&job, panic)));
        Finished::new(job, outcome)
    }
}

impl<H> Inner<H> {
    fn is_quick(&self) -> bool {
        self.quick.load(Ordering::Relaxed) >= QUICK_JOBS_MIN
    }

    fn note(&self, quick: bool) {
        let jobs = if quick { self.quick.load(Ordering::Relaxed).saturating_add(1) } else { 0 };
        self.quick.store(jobs, Ordering::Relaxed);
    }
}

/// Runs one job in a task of its own.
fn start_alone<H, F>(handler: &Arc<Inner<H>>, job: Job, running: &Running)
where
    H: Fn(Job) -> F + Send + Sync + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    let (handler, running) = (Arc::clone(handler), running.clone());
    let mut soon = handler.is_quick().then(|| Soon::new(Arc::clone(job.line().lane()), 1));
    tokio::spawn(async move {
        let began = Instant::now();
        let mut run = pin!(handler.run(job));
        let finished = match poll!(run.as_mut()) {
            Poll::Ready(finished) => {
                handler.note(began.elapsed() <= QUICK_TIME_MAX);
                finished
            }
            Poll::Pending => {
                handler.note(false);
                soon = None;
                run.await
            }
        };
        deliver([finished]).await;
        drop((soon, running));
    });
}

/// Runs jobs one after the other, as long as they end at once.
async fn run_shared<H, F>(handler: Arc<Inner<H>>, jobs: Vec<Job>, running: Running, soon: Soon)
where
    H: Fn(Job) -> F + Send + Sync + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    let mut finished = Vec::with_capacity(jobs.len());
    let mut jobs = jobs.into_iter();
    let mut began = Instant::now();
    for job in jobs.by_ref() {
        let mut run = {
            let handler = Arc::clone(&handler);
            Box::pin(async move { handler.run(job).await })
        };
        let polled = poll!(run.as_mut());
        let ended = Instant::now();
        let quick = polled.is_ready() && ended - began <= QUICK_TIME_MAX;
        began = ended;
        handler.note(quick);
        match polled {
            Poll::Ready(one) => finished.push(one),
            Poll::Pending => {
                let running = running.clone();
                tokio::spawn(async move {
                    deliver([run.await]).await;
                    drop(running);
                });
            }
        }
        if !quick {
            break;
        }
    }
    for job in jobs {
        start_alone(&handler, job, &running);
    }
    deliver(finished).await;
    drop(soon);
}
