//! What the journal keeps for the scheduler, beside how far a job is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::client::{Batch as Summary, JobEvent, Submit};
use acequia_wire::code::FailCode;
use acequia_wire::{CorrelationId, JobId, QueueName, TraceParent};

use crate::ids::{ClientId, SessionId, Ticket};
use crate::outcome::Outcome;
use crate::time::Time;

/// A job as the journal kept it.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The job.
    pub job: JobId,
    /// Whose job it is.
    pub client: ClientId,
    /// Who is told about it, if that session goes on too. It must be open.
    pub session: Option<SessionId>,
    /// The place of its record.
    pub ticket: Ticket,
    /// The job as its client described it.
    pub spec: Arc<Submit>,
    /// When it was submitted.
    pub submitted: Time,
    /// As in the last [`Action::Count`](crate::Action::Count) of it, or none.
    pub runs: u32,
    /// Likewise.
    pub failures: u32,
    /// Likewise.
    pub losses: u32,
    /// Likewise.
    pub not_before: Option<Time>,
}

/// The outcome of a job, kept for whoever asks for it later.
#[derive(Clone, Debug, PartialEq)]
pub struct Retained {
    /// The place of its own record: the later a job ended, the higher. Those that were written
    /// together may have one place after a restart.
    pub ticket: Ticket,
    /// The job.
    pub job: JobId,
    /// Whose it was.
    pub client: ClientId,
    /// Who was told of it, of those who submitted it the first.
    pub session: Option<SessionId>,
    /// What the submit that began the job called it.
    pub id: CorrelationId,
    /// The key that the outcome answers to.
    pub key: Option<Box<str>>,
    /// When the job ended.
    pub ended: Time,
    /// `done`, `failed` or `cancelled`.
    pub outcome: JobEvent,
    /// The job's span, if it was part of a trace.
    pub traceparent: Option<Box<TraceParent>>,
    /// What it was; unknown of one that a server of an earlier version kept.
    pub past: Option<Past>,
}

/// What a job was that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Its queue.
    pub queue: QueueName,
    /// When it was submitted.
    pub submitted: Time,
    /// Runs begun.
    pub runs: u32,
}

/// A job that failed, with all that it takes to run it again.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// The place of the letter's own record: the later a job failed, the higher. It is no other
    /// record's, so it also says where a page of letters ends.
    pub ticket: Ticket,
    /// The job.
    pub job: JobId,
    /// Whose it was.
    pub client: ClientId,
    /// The job as its client described it, but that it need not wait, that nobody's going ends it,
    /// and that its span is below that of the job that failed.
    pub spec: Arc<Submit>,
    /// When it was submitted.
    pub submitted: Time,
    /// When it failed.
    pub failed: Time,
    /// Why.
    pub code: FailCode,
    /// Why, for people.
    pub message: Box<str>,
    /// Runs begun.
    pub runs: u32,
    /// Runs that failed or timed out.
    pub failures: u32,
    /// Runs lost with their workers.
    pub losses: u32,
}

/// What became of those jobs of a batch that have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Whose the batch is.
    pub client: ClientId,
    /// What its client calls it.
    pub name: Arc<str>,
    /// When the first of its jobs was submitted.
    pub began: Time,
    /// How many have ended each way, in the order of [`Outcome::ALL`].
    pub ended: [u32; Outcome::ALL.len()],
    /// The sessions that submitted to it and were not over. They are told when all have ended.
    pub sessions: Arc<BTreeSet<SessionId>>,
}

const _: () = assert!(
    matches!(Outcome::ALL, [Outcome::Done, Outcome::Failed, Outcome::Cancelled]),
    "a summary takes them in this order"
);

impl Tally {
    /// What is told of the batch, if it is over after so long.
    pub fn summary(&self, elapsed: Duration) -> Summary {
        let [done, failed, cancelled] = self.ended;
        Summary {
            name: (&*self.name).into(),
            jobs: done.saturating_add(failed).saturating_add(cancelled),
            done,
            failed,
            cancelled,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        }
    }
}
