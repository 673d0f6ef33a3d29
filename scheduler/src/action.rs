//! What the scheduler wants done.

use std::sync::Arc;
use std::time::Duration;

use acequia_wire::client::{self, Submit};
use acequia_wire::worker::JobMessage;
use acequia_wire::{JobId, QueueName};

use crate::ids::{ClientId, LaneKey, SessionId, Ticket};
use crate::outcome::Outcome;
use crate::records::{DeadLetter, Retained, Tally};
#[cfg(feature = "spans")]
use crate::span::Span;
use crate::time::Time;

/// One thing to do, in the order given.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// Put an event into a session's mailbox.
    Tell {
        /// The session; it may be over by now.
        session: SessionId,
        /// The event.
        event: client::Event,
    },
    /// Send a job to a worker.
    Run {
        /// The worker's lane.
        lane: LaneKey,
        /// The job.
        job: JobMessage,
    },
    /// Tell a worker that a run is void.
    CancelRun {
        /// The worker's lane.
        lane: LaneKey,
        /// The job.
        job: JobId,
    },
    /// Tell a worker once more that a run is void, of which it has said nothing for long: anything
    /// that it says proves that it lives.
    Remind {
        /// The worker's lane.
        lane: LaneKey,
        /// The job.
        job: JobId,
    },
    /// A worker that holds void runs does not answer: close its lane, which is over, so that it
    /// begins anew.
    EndLane {
        /// The lane.
        lane: LaneKey,
    },
    /// Tell a worker that no job follows.
    SayBye {
        /// The worker's lane.
        lane: LaneKey,
    },
    /// Write a job into the journal; [`Event::Durable`](crate::Event::Durable) answers.
    Record {
        /// The record's place.
        ticket: Ticket,
        /// The job.
        job: JobId,
        /// Whose job it is.
        client: ClientId,
        /// Who is told about it; nobody of one that was redriven.
        session: Option<SessionId>,
        /// When it was submitted.
        submitted: Time,
        /// The job as its client described it.
        spec: Arc<Submit>,
    },
    /// Write into the journal how far a job has come, for a server that goes on with it.
    Count {
        /// The job, by the place of its record.
        ticket: Ticket,
        /// Runs begun.
        runs: u32,
        /// Runs that failed or timed out.
        failures: u32,
        /// Runs lost with their workers.
        losses: u32,
        /// When the next run may begin, if it has to wait.
        not_before: Option<Time>,
    },
    /// The journal may forget a job, but for what it is to retain.
    Settle {
        /// The job, by the place of its record.
        ticket: Ticket,
        /// The job.
        job: JobId,
        /// The session that began it, if it still watches it: it has just been told.
        session: Option<SessionId>,
        /// Whether it was part of a batch.
        in_batch: bool,
        /// Its outcome, to be kept for as long as
        /// [`Config::retention`](crate::Config::retention) says.
        retain: Option<Arc<Retained>>,
    },
    /// An outcome is kept no longer, before its time: there were too many. The journal may forget
    /// it too.
    GiveUp {
        /// The outcome that was retained.
        retained: Arc<Retained>,
    },
    /// Write a dead letter into the journal. It holds all of its job, whose own record is settled
    /// with it, be it written or not.
    Bury {
        /// The letter.
        letter: Arc<DeadLetter>,
    },
    /// Write into the journal what has become of a batch so far; the last one counts. It belongs to
    /// the [`Settle`](Self::Settle) before it: both must be written or neither.
    Tally(Tally),
    /// All jobs of a batch have ended. It belongs to the [`Settle`](Self::Settle) before it.
    BatchOver {
        /// What has become of it. Its sessions have just been told.
        tally: Tally,
        /// How long it took.
        elapsed: Duration,
        /// Whether the journal was told of it before, which it may forget.
        is_recorded: bool,
    },
    /// The journal may forget a dead letter. If it was redriven, the record of the new job comes
    /// with this; both must be written or neither, as all that one event brings about.
    Exhume {
        /// The place of its record.
        ticket: Ticket,
    },
    /// Something to count.
    Measure(Measure),
    /// A part of the life of a traced job is over. Only if [`Config::spans`](crate::Config::spans)
    /// asks for it.
    #[cfg(feature = "spans")]
    Span(Box<Span>),
}

/// Something to count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    /// A job was admitted.
    Submitted {
        /// Its queue.
        queue: QueueName,
    },
    /// A run has begun.
    Started {
        /// The job's queue.
        queue: QueueName,
        /// How long the job had been able to run and did not.
        waited: Duration,
    },
    /// A job has ended.
    Ended {
        /// Its queue.
        queue: QueueName,
        /// How.
        outcome: Outcome,
        /// How long its last run took, if it ended in one.
        ran: Option<Duration>,
        /// How long it took from its submit.
        total: Duration,
    },
    /// A job goes back to its queue since its worker was lost.
    Redelivered {
        /// Its queue.
        queue: QueueName,
    },
    /// A dead letter was given up for want of room: for newer ones, or since it is too large.
    LetterEvicted {
        /// The queue of its job.
        queue: QueueName,
    },
    /// A worker's message was dropped.
    Dropped(Dropped),
}

/// Why a worker's message about a job was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// The lane does not hold this job.
    NotHeld,
    /// The run is void: the job was cancelled, timed out or otherwise moved on.
    Late,
}

impl Dropped {
    /// The word for it in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotHeld => "not_held",
            Self::Late => "late",
        }
    }
}
