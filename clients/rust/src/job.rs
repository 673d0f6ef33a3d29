//! One job as its submitter, or who watches it, sees it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use acequia_wire::JobId;
use futures_util::Stream;
use tokio::sync::{mpsc, watch};

use crate::command::Command;
use crate::job_error::JobError;
use crate::job_event::{JobEvent, Outcome};
use crate::known::Known;
use crate::mailbox::{Mailbox, Read};

/// A job that was submitted, or is watched. To await it is to await its result:
///
/// ```no_run
/// # async fn run(client: acequia_client::Acequia) -> Result<(), Box<dyn std::error::Error>> {
/// let job = client.submit("upper", &"hello")?;
/// let shouted: String = job.await?.read()?;
/// # Ok(())
/// # }
/// ```
///
/// To drop it is not to cancel it: the job goes on, and is submitted again if it has to be. Only nobody hears
/// of it.
#[must_use = "a job that is dropped goes on, and nobody hears of it"]
pub struct Job {
    pub(crate) id: i64,
    pub(crate) is_watched: bool,
    pub(crate) known: watch::Receiver<Known>,
    pub(crate) mailbox: Arc<Mailbox<JobEvent>>,
    pub(crate) commands: mpsc::UnboundedSender<Command>,
}

impl Job {
    /// The server's name for the job, once it is known: anybody who may can watch it by that.
    pub fn id(&self) -> Option<JobId> {
        self.known.borrow().job
    }

    /// Waits until the server has the job, or its outcome is there, and returns the server's name for it.
    ///
    /// # Errors
    /// If the server never had it, or that is not known.
    pub async fn accepted(&self) -> Result<JobId, JobError> {
        let mut known = self.known.clone();
        let seen = known.wait_for(|known| known.is_accepted || known.outcome.is_some()).await;
        let seen = seen.map_err(|_| JobError::Closed)?;
        match (seen.job, &seen.outcome) {
            (Some(job), _) => Ok(job),
            (None, Some(Err(error))) => Err(error.clone()),
            (None, _) => Err(JobError::Closed),
        }
    }

    /// Waits for the outcome. It can be asked for again; what happens on the way is kept for
    /// [`events`](Self::events) meanwhile, as far as there is room.
    ///
    /// # Errors
    /// If the job ends without a result, or nothing can be heard of it any more.
    pub fn result(&self) -> impl Future<Output = Outcome> + Send + use<> {
        outcome(self.known.clone())
    }

    /// The outcome, if it is known.
    pub fn outcome(&self) -> Option<Outcome> {
        self.known.borrow().outcome.clone()
    }

    /// What happens to the job, from its beginning on; it ends with the outcome. There is one queue of events for a
    /// job: of two streams, each event goes to one.
    ///
    /// Where nobody reads them, at most 1,000 events and 16 MiB of a job are kept, and 64 MiB of all jobs and
    /// subscriptions of the client: beyond that progress and chunks are given up, and
    /// [`Missed`](JobEvent::Missed) says how many.
    pub fn events(&self) -> JobEvents {
        JobEvents { mailbox: Arc::clone(&self.mailbox) }
    }

    /// Asks for the job's end. It then ends with [`JobError::Cancelled`], unless it was faster.
    pub fn cancel(&self) {
        // A client that is closed has ended its jobs.
        _ = self.commands.send(Command::Cancel(self.id));
    }
}

async fn outcome(mut known: watch::Receiver<Known>) -> Outcome {
    let seen = known.wait_for(|known| known.outcome.is_some()).await;
    // Whoever would have told it is gone.
    seen.ok().and_then(|known| known.outcome.clone()).unwrap_or(Err(JobError::Closed))
}

impl IntoFuture for Job {
    type Output = Outcome;
    type IntoFuture = Pin<Box<dyn Future<Output = Outcome> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        // Nobody will read what happens on the way, unless there is a stream of it.
        if Arc::strong_count(&self.mailbox) == 1 {
            self.mailbox.abandon();
        }
        Box::pin(async move { outcome(self.known.clone()).await })
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if self.is_watched {
            _ = self.commands.send(Command::Forget(self.id));
        }
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Known { job, outcome, .. } = &*self.known.borrow();
        f.debug_struct("Job").field("id", job).field("outcome", outcome).finish_non_exhaustive()
    }
}

/// What happens to a job, as it happens.
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is read"]
pub struct JobEvents {
    mailbox: Arc<Mailbox<JobEvent>>,
}

impl Stream for JobEvents {
    type Item = JobEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<JobEvent>> {
        self.mailbox.poll(cx).map(|read| {
            read.map(|read| match read {
                Read::Item(event) => event,
                Read::Missed(events) => JobEvent::Missed { events },
            })
        })
    }
}
