//! A job on its way to its end.

use std::time::Duration;

use acequia::client::{Client, ServerUrl};
use acequia_wire::client::{Event, JobEvent, Op};
use acequia_wire::{CorrelationId, JobId, QueueName};
use tokio::time::timeout;

use super::display::Display;
use super::failure::{
    INTERRUPTED, Left, gone_with, incomplete, left, lost_with, outcome_lost, rejected, unwritable,
};
use super::waiting::{For, Waiting};
use crate::failure::{FAILED, Failure, Outcome};
use crate::stop::{self, Signal};

/// How long a cancelled job may take to say so.
const CANCEL_TIME_MAX: Duration = Duration::from_secs(2);
/// The one job of this session.
pub(crate) const ID: CorrelationId = CorrelationId::Int(1);

/// Who wants the job.
pub(crate) enum Whose<'a> {
    /// This command: it is cancelled with it.
    Own {
        queue: &'a QueueName,
        /// It does not start before.
        delay: Duration,
    },
    /// Somebody else: it goes on without this command.
    Another(JobId),
}

/// The one job of a session.
pub(crate) struct Following<'a> {
    client: Client,
    display: &'a mut Display,
    whose: Whose<'a>,
    /// `http://HOST:PORT`.
    server: String,
    job: Option<JobId>,
    waiting: Waiting,
    /// Whether events were lost. There is one job, so they were of it.
    has_gap: bool,
}

impl<'a> Following<'a> {
    pub(crate) fn new(
        client: Client,
        display: &'a mut Display,
        server: &ServerUrl,
        whose: Whose<'a>,
    ) -> Self {
        let scheme = if server.is_secure() { "https" } else { "http" };
        let server = format!("{scheme}://{}", server.authority());
        let (job, what) = match whose {
            Whose::Own { .. } => (None, For::Acceptance),
            Whose::Another(job) => {
                display.joins_late();
                (Some(job), For::Nothing)
            }
        };
        let waiting = Waiting::new(what, Duration::ZERO);
        Self { client, display, whose, server, job, waiting, has_gap: false }
    }

    /// Submits or watches the job by this op, and shows what happens to it until it ends or a signal comes.
    pub(crate) async fn run(&mut self, op: &Op) -> Outcome<()> {
        let is_own = matches!(self.whose, Whose::Own { .. });
        let begun = async {
            self.send(op).await?;
            self.follow().await
        };
        let (ended, why) = tokio::select! {
            ended = begun => (Some(ended), "what it returns cannot be written"),
            signal = stop::first() => match signal {
                Signal::Interrupt if is_own => (None, "Ctrl-C"),
                other => return Err(left(other, &self.left())),
            },
        };
        match ended {
            Some(Err(Unfollowed::Unwritable(failure))) => {
                if is_own {
                    // Nobody is there for what the job would go on to make.
                    _ = self.cancel(why).await;
                }
                Err(failure)
            }
            Some(Err(Unfollowed::Ended(failure))) => Err(failure),
            Some(Ok(())) => Ok(()),
            None => self.cancel(why).await,
        }
    }

    pub(crate) async fn close(self) {
        self.client.close().await;
    }

    fn left(&self) -> Left<'_> {
        Left { server: &self.server, job: self.job }
    }

    async fn send(&mut self, op: &Op) -> Outcome<()> {
        let sent = self.client.send(op).await;
        sent.map_err(|error| lost_with(&error, &self.left()))
    }

    /// Shows what happens to the job until it ends.
    async fn follow(&mut self) -> Result<(), Unfollowed> {
        loop {
            let event = tokio::select! {
                event = self.client.recv() => event,
                (what, waited) = self.waiting.long() => {
                    self.say_that_it_waits(what, waited);
                    continue;
                }
            };
            match event.map_err(|error| lost_with(&error, &self.left()))? {
                Event::Job { job, what, .. } => {
                    self.job = Some(job);
                    if self.see(job, what)? {
                        return Ok(());
                    }
                }
                Event::Rejected { code, message, retry_after_ms, .. } => {
                    return Err(rejected(code, &message, retry_after_ms).into());
                }
                Event::Error { code, message, .. } => {
                    return Err(rejected(code, &message, None).into());
                }
                Event::Bye { reason, .. } => return Err(gone_with(&reason, &self.left()).into()),
                Event::Gap { outcome_of: Some(_), .. } => return Err(outcome_lost().into()),
                Event::Gap { .. } => self.has_gap = true,
                Event::Welcome(_) | Event::Batch(_) | Event::Message { .. } => {}
            }
        }
    }

    /// Takes in what happened to the job; whether it is done.
    fn see(&mut self, job: JobId, what: JobEvent) -> Result<bool, Unfollowed> {
        let ms = |ms: u32| Duration::from_millis(ms.into());
        match what {
            JobEvent::Accepted => {
                self.display.state(&format!("accepted: job {job}"));
                let delay = match self.whose {
                    Whose::Own { delay, .. } => delay,
                    Whose::Another(_) => Duration::ZERO,
                };
                self.waiting = Waiting::new(For::Start, delay);
            }
            JobEvent::Started { attempt, worker } => {
                self.display.started(attempt, &worker);
                self.waiting = Waiting::new(For::Nothing, Duration::ZERO);
            }
            JobEvent::Progress(progress) => self.display.progress(&progress),
            JobEvent::Chunk { n, data } => {
                let written = self.display.chunk(n, &data);
                written.map_err(|error| Unfollowed::Unwritable(unwritable(&error)))?;
            }
            JobEvent::Retrying(retry) => {
                self.display.retrying(&retry);
                self.waiting = Waiting::new(For::Start, ms(retry.in_ms));
            }
            JobEvent::Done { result } => {
                self.display.result(&result).map_err(|error| unwritable(&error))?;
                if self.has_gap || !self.display.is_complete() {
                    return Err(incomplete().into());
                }
                return Ok(true);
            }
            JobEvent::Failed { code, message, .. } => {
                let message = format!("failed: {}: {message}", code.as_str());
                return Err(Failure(FAILED, message).into());
            }
            JobEvent::Cancelled => {
                return Err(Failure(INTERRUPTED, "the job was cancelled".to_owned()).into());
            }
        }
        Ok(false)
    }

    fn say_that_it_waits(&self, what: For, waited: Duration) {
        match (what, &self.whose) {
            (For::Acceptance, _) => self.display.state(&format!(
                "the server has not accepted the job for {waited:?}; its journal may be slow"
            )),
            (For::Start, Whose::Own { queue, .. }) => self.display.state(&format!(
                "the job waits: no worker has begun it for {waited:?}. Does one serve the queue {queue}, has \
                 it a free slot, and is the queue not paused? One more: acequia worker --queue {queue} -- CMD"
            )),
            (For::Start, Whose::Another(_)) => self.display.state(&format!(
                "the job waits: no worker has begun it for {waited:?}. Does one serve its queue, has it a free \
                 slot, and is the queue not paused? The job may have a delay, too"
            )),
            (For::Nothing, _) => {}
        }
    }

    /// Ends the job, and waits for its end.
    async fn cancel(&mut self, why: &str) -> Outcome<()> {
        self.display.state(&format!("{why}: cancelling the job"));
        let cancelled = async {
            self.send(&Op::Cancel { id: ID }).await?;
            self.follow().await
        };
        match timeout(CANCEL_TIME_MAX, cancelled).await {
            // It was done just then: a result is a result.
            Ok(ended) => ended.map_err(Failure::from),
            Err(_) => {
                let message = "asked the server to cancel the job, and got no answer in time";
                Err(Failure(INTERRUPTED, message.to_owned()))
            }
        }
    }
}

/// Why a job is not followed any more.
enum Unfollowed {
    /// A part of it cannot be written, and it goes on.
    Unwritable(Failure),
    /// Anything else.
    Ended(Failure),
}

impl From<Failure> for Unfollowed {
    fn from(failure: Failure) -> Self {
        Self::Ended(failure)
    }
}

impl From<Unfollowed> for Failure {
    fn from(why: Unfollowed) -> Self {
        match why {
            Unfollowed::Unwritable(failure) | Unfollowed::Ended(failure) => failure,
        }
    }
}
