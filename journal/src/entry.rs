//! What the pipeline tells the journal, and what it gets back after a restart.

use std::sync::Arc;

use acequia_wire::client::Submit;
use acequia_wire::code::FailCode;
use acequia_wire::{CorrelationId, JobId, Payload, QueueName, TraceParent};

/// One fact about a job.
///
/// Jobs go by their ticket here: it says in one number which job it is and how old it is among
/// all others, so a job can be found without a table from job ids to places.
///
/// ```text
///  Admitted ──▶ Counted ──▶ Counted … ──▶ Settled
///      │                                     ▲
///      └─────────────────────────────────────┘
///        if both come before the group is handed over, nothing of the job is written
/// ```
#[derive(Clone, Debug)]
pub enum Entry {
    /// The job was admitted.
    Admitted(Admitted),
    /// The job goes back to its queue after a run that failed or was lost; so that neither its
    /// attempts nor its losses begin anew with the server.
    Counted {
        /// The job.
        ticket: u64,
        /// All its runs so far.
        counts: Counts,
    },
    /// The job has ended.
    Settled {
        /// The job.
        ticket: u64,
        /// What is to be kept of it; `None` where its client has no way to ask for it.
        outcome: Option<Box<Kept>>,
    },
    /// A session that can be resumed begins.
    SessionBegan(Session),
    /// A session is over, and with it all that only it could ask for.
    SessionEnded {
        /// The session.
        session: u64,
    },
    /// A job that failed is kept as a dead letter, which is a record of its own: the job's is
    /// settled as that of any other, and may never have been written.
    Buried(Box<DeadLetter>),
    /// A dead letter leaves. If it was redriven, the new job is to be admitted in the same group.
    Exhumed {
        /// The letter.
        ticket: u64,
    },
    /// A job of a batch has ended, and others of it are live. The last one counts.
    Tallied(Box<Tally>),
    /// An outcome is kept no longer, before its time.
    GivenUp {
        /// Its place.
        ticket: u64,
        /// Its job.
        job: JobId,
        /// Whether its name stays, for a session that may come back for it.
        is_missed: bool,
    },
    /// All jobs of a batch have ended: its tally may go.
    BatchOver {
        /// Whose it was.
        client: u64,
        /// What its client called it.
        name: Arc<str>,
    },
    /// The end of a batch was told to a session that can be resumed. It is kept until the client has
    /// seen it or the session is over.
    EndTold(Box<BatchEnd>),
    /// Ends of batches that were told to a session need not be kept any more.
    EndsSeen {
        /// The session.
        session: u64,
        /// The number of the last event of which that is so.
        up_to: u64,
    },
    /// A queue is paused, or no longer.
    Paused {
        /// The queue.
        queue: QueueName,
        /// Whether it is from now on.
        is_paused: bool,
    },
}

/// A session that can be resumed, also after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name; never 0.
    pub session: u64,
    /// Whose it is.
    pub client: u64,
    /// The SHA-256 of the secret that it is resumed with. The secret itself is not written.
    pub secret_hash: [u8; 32],
}

/// What became of those jobs of a batch that have ended, while others of it are live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Whose the batch is.
    pub client: u64,
    /// What its client calls it.
    pub name: Arc<str>,
    /// When the first of its jobs was submitted, in milliseconds since 1970.
    pub began_ms: u64,
    /// Jobs that ended with a result.
    pub done: u32,
    /// Jobs that failed.
    pub failed: u32,
    /// Jobs that were cancelled.
    pub cancelled: u32,
    /// The sessions that wait for its end.
    pub sessions: Vec<u64>,
}

/// The end of a batch, as it was told to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchEnd {
    /// The session.
    pub session: u64,
    /// The number of the event that told it.
    pub seq: u64,
    /// What the client calls the batch.
    pub name: Arc<str>,
    /// Jobs that ended with a result.
    pub done: u32,
    /// Jobs that failed.
    pub failed: u32,
    /// Jobs that were cancelled.
    pub cancelled: u32,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
}

/// A job as it was admitted.
///
/// In the file, under its ticket; numbers are LEB128, text is its length and itself:
///
/// ```text
///  version 1 │ job, 16 bytes │ client │ session │ submitted_ms │ flags, 1 byte
///  │ priority, 1 byte │ delay_ms │ attempts │ [timeout_ms] │ [ttl_ms] │ [cancel_after_ms]
///  │ id │ queue │ [key] │ [batch] │ [traceparent, 25 bytes]
///  │ content type │ payload, all the rest
/// ```
///
/// Flags: 1 `timeout_ms`, 2 `ttl_ms`, 4 `key`, 8 `batch` are there; 16 `on_disconnect` is
/// `cancel`; 32 it is `cancel_after_ms`, which is there; 64
/// `traceparent` is there: trace id, parent id and flags. An id is 0 and a zigzag number, or 1 and a text. A content type is 0 JSON,
/// 1 MessagePack, 2 octets, 3 text, or 4 and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Its place, from 1. Each job's is higher than that of any job admitted before it, also
    /// before a restart.
    pub ticket: u64,
    /// Its name.
    pub job: JobId,
    /// Whose it is.
    pub client: u64,
    /// The session that is told about it, if that can be resumed; else 0.
    pub session: u64,
    /// When it was submitted, in milliseconds of the journal's time.
    pub submitted_ms: u64,
    /// The job as its client described it.
    pub spec: Arc<Submit>,
}

/// What a job has been through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Runs begun.
    pub runs: u32,
    /// Runs that failed or timed out.
    pub failures: u32,
    /// Runs lost with their lanes.
    pub losses: u32,
    /// Not to run before this time, in milliseconds of the journal's time; 0 if it may run at once.
    pub not_before_ms: u64,
}

/// A job that was live when the server stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveJob {
    /// The job as it was admitted.
    pub admitted: Admitted,
    /// What it has been through. A run that was under way when the server stopped is in it only
    /// if an earlier one had been counted.
    pub counts: Counts,
}

/// A job that failed, with all that it takes to run it again.
///
/// In the file, under its ticket:
///
/// ```text
///  version 1 │ failed_ms │ runs │ failures │ losses │ code │ message │ the job's record, all the rest
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The job as it was admitted, but for the ticket, which is the letter's own: it takes its
    /// place among the jobs when it is buried, so the later a job failed, the higher it is.
    pub job: Admitted,
    /// When it failed, in milliseconds of the journal's time.
    pub failed_ms: u64,
    /// Why.
    pub code: FailCode,
    /// Why, for people.
    pub message: Box<str>,
    /// Runs begun.
    pub runs: u32,
    /// Runs that failed or timed out.
    pub failures: u32,
    /// Runs lost with their lanes.
    pub losses: u32,
}

/// What is kept of a job that has ended, for a client that asks later.
///
/// In the file, in a block with others of its time:
///
/// ```text
///  version 1 │ job, 16 bytes │ client │ session │ seq │ ended_ms │ id │ flags, 1 byte
///  │ [key] │ [traceparent, 25 bytes] │ [queue │ submitted_ms │ runs]
///  │ 0 done:      content type │ result, all the rest
///  │ 1 failed:    attempt │ code │ message
///  │ 2 cancelled
///  │ 3 given up
/// ```
///
/// Flags: 1 `key`, 2 `traceparent`, 4 what it was are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its place: the later a job ended, the higher. In the file it is known to its block alone, so
    /// all of a block come back with that of the first of them.
    pub ticket: u64,
    /// The job.
    pub job: JobId,
    /// Whose it was.
    pub client: u64,
    /// The session that is told, if that can be resumed; else 0.
    pub session: u64,
    /// The number of the event that tells it; 0 if it has none yet.
    pub seq: u64,
    /// The client's own name for it.
    pub id: CorrelationId,
    /// Its idempotency key.
    pub key: Option<Box<str>>,
    /// When it ended, in milliseconds of the journal's time. It is kept from here on.
    pub ended_ms: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Its span, if it was part of a trace.
    pub traceparent: Option<Box<TraceParent>>,
    /// What it was; unknown where an earlier version wrote the record.
    pub past: Option<Past>,
}

/// What a job was that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Its queue.
    pub queue: QueueName,
    /// When it was submitted, in milliseconds of the journal's time.
    pub submitted_ms: u64,
    /// Runs begun.
    pub runs: u32,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With a result.
    Done {
        /// The result.
        result: Payload,
    },
    /// Without one.
    Failed {
        /// Why.
        code: FailCode,
        /// Why, for people.
        message: Box<str>,
        /// The run that was the last, from 1; 0 if there was none.
        attempt: u32,
    },
    /// Its client did not want it any more.
    Cancelled,
    /// That is not kept any more; only that there was one, for a session that may come back for it.
    GivenUp,
}

impl Admitted {
    /// Bytes that it holds while it waits, about: most of it is shared with the scheduler.
    pub(crate) fn weight(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_deref().map_or(0, str::len);
        size_of::<Self>()
            + size_of::<Submit>()
            + self.spec.payload.bytes().len()
            + text(&self.spec.key)
            + text(&self.spec.batch)
            + self.spec.traceparent.as_deref().map_or(0, size_of_val)
    }
}

impl DeadLetter {
    /// Bytes that it holds while it waits, about: most of it is shared with the scheduler.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>() - size_of::<Admitted>()
            + self.job.weight()
            + self.code.as_str().len()
            + self.message.len()
    }
}

impl BatchEnd {
    /// Bytes that it holds while it waits, about.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>() + self.name.len()
    }
}

impl Kept {
    /// It is not kept any more, but for its name.
    pub(crate) fn give_up(&mut self) {
        (self.outcome, self.key, self.traceparent) = (Outcome::GivenUp, None, None);
        self.past = None;
    }

    /// Bytes that it holds while it waits, about.
    pub(crate) fn weight(&self) -> usize {
        let outcome = match &self.outcome {
            Outcome::Done { result } => result.bytes().len(),
            Outcome::Failed { code, message, .. } => code.as_str().len() + message.len(),
            Outcome::Cancelled | Outcome::GivenUp => 0,
        };
        let traceparent = self.traceparent.as_deref().map_or(0, size_of_val);
        size_of::<Self>() + self.key.as_deref().map_or(0, str::len) + outcome + traceparent
    }
}
