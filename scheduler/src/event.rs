//! What happens to the scheduler.

use std::sync::Arc;
use std::time::Duration;

use acequia_wire::client::{Submit, Watched};
use acequia_wire::worker::Progress;
use acequia_wire::{Body, CorrelationId, JobId, QueueName};

use crate::ids::{ClientId, LaneKey, SessionId, Ticket};
use crate::records::{DeadLetter, Recovered, Retained, Tally};

/// What a worker offers on its lane.
#[derive(Clone, Debug)]
pub struct LaneOffer {
    /// What people call the worker.
    pub name: Arc<str>,
    /// How many jobs it holds at a time. One that has none only publishes.
    pub slots: u32,
    /// The queues that it serves, each once.
    pub queues: Vec<QueueName>,
    /// The runs that it has from before the owner of the journal was another; see
    /// [adoption](crate#adoption).
    pub holds: Vec<Hold>,
}

/// A run that a worker has, which another server gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The job.
    pub job: JobId,
    /// Which of its runs, from 1.
    pub attempt: u32,
    /// Parts of its result that it has sent: those that come are numbered from there.
    pub chunks: u32,
}

/// Whose jobs and batches a session may watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Those of its own client.
    Own,
    /// Jobs of anybody: their ids cannot be guessed. Batches of its own client, or of this one.
    All {
        /// Whose batches.
        batches_of: ClientId,
    },
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A client's session begins.
    SessionOpened {
        /// Its name.
        session: SessionId,
        /// Whose it is.
        client: ClientId,
    },
    /// Submits of a session are taken only while its client has fewer live jobs than this, and
    /// than all clients may have. What is live already stays. The last word counts.
    SessionLimited {
        /// Its name.
        session: SessionId,
        /// How many; `u32::MAX` for as many as all clients may have.
        jobs: u32,
    },
    /// The client of a session is told the names of its jobs whatever becomes of them, and may ask for
    /// their outcomes later: those of jobs that it submits from now on are kept, also if they end before
    /// they are accepted.
    SessionAsksLater {
        /// Its name.
        session: SessionId,
    },
    /// The client of a session is gone, and may come back; its jobs go on or are cancelled as they
    /// asked.
    SessionAbsent {
        /// Its name.
        session: SessionId,
    },
    /// It is back.
    SessionBack {
        /// Its name.
        session: SessionId,
    },
    /// A session is over; its jobs go on or are cancelled as they asked.
    SessionClosed {
        /// Its name.
        session: SessionId,
    },
    /// A client wants a job done. If a job of this name is there, live or ended, this is that one,
    /// said again: by whoever does not know whether a server before this one had written it. If none
    /// is, and a worker has a run of it from before, the job goes on with that one.
    Submit {
        /// Whose job it is.
        session: SessionId,
        /// The name that the job gets.
        job: JobId,
        /// The job.
        spec: Arc<Submit>,
    },
    /// A client does not want a job any more.
    Cancel {
        /// Whose job it is.
        session: SessionId,
        /// Its correlation id.
        id: CorrelationId,
    },
    /// A client wants to be told of a job or batch that is there, whoever submitted it.
    Watch {
        /// Who is to be told.
        session: SessionId,
        /// What it is to be called there.
        id: CorrelationId,
        /// What is watched.
        what: Watched,
        /// Whose it may be.
        sight: Sight,
    },
    /// All records up to this one are on disk.
    Durable {
        /// The last one.
        up_to: Ticket,
    },
    /// Records cannot be written: nothing new is taken. All that was taken goes on.
    StorageFailed,
    /// Records can be written again.
    StorageBack,
    /// A job that the journal kept goes on. Only at the start, before any lane and after the
    /// sessions that go on, and in the order of tickets; a job that was to be cancelled with its
    /// session is not among them.
    Recovered(Recovered),
    /// An outcome that the journal kept, as [`Action::Settle`](crate::Action::Settle) gave it to
    /// retain. Only at the start, in the order in which the jobs ended, and before the jobs that go
    /// on: their keys are theirs, also where an earlier outcome still claims one.
    RecoveredOutcome(Arc<Retained>),
    /// A dead letter that the journal kept, as [`Action::Bury`](crate::Action::Bury) gave it. Only
    /// at the start, in the order of their tickets.
    RecoveredDeadLetter(Arc<DeadLetter>),
    /// What had become of a batch, as [`Action::Tally`](crate::Action::Tally) told it last. Only at
    /// the start, after the jobs: a batch of which none is live any more is over.
    RecoveredTally(Tally),
    /// All workers have said what they hold from before a takeover, and all clients what may not have
    /// been written: nothing need wait for them any longer; see [adoption](crate#adoption).
    AdoptionOver,
    /// An operator has a job that failed run again, as a new one. Nothing happens unless
    /// [`Scheduler::check_redrive`](crate::Scheduler::check_redrive) says that it can.
    Redrive {
        /// The job that failed.
        job: JobId,
        /// The name that the new job gets.
        as_job: JobId,
    },
    /// An operator does not want a job that failed to be kept any more.
    DropDeadLetter {
        /// The job.
        job: JobId,
    },
    /// An operator does not want a live job any more. Whoever is told about it is told.
    CancelJob {
        /// The job.
        job: JobId,
    },
    /// An operator wants no more jobs on a lane: its worker is told, and what it holds may end.
    DrainLane {
        /// The lane.
        lane: LaneKey,
    },
    /// An operator wants no job of a queue to begin, until it is resumed. Jobs are taken all the
    /// same, and what runs may end. One that is not in use is paused too, if there is room for it.
    PauseQueue {
        /// The queue.
        queue: QueueName,
    },
    /// Jobs of a queue that was paused begin again.
    ResumeQueue {
        /// The queue.
        queue: QueueName,
    },
    /// A worker takes jobs. Said once; of a lane that is open already it changes nothing.
    LaneReady {
        /// Its lane.
        lane: LaneKey,
        /// What it offers.
        offer: LaneOffer,
    },
    /// A worker beats. From its first beat on its jobs are on a lease, which all that is heard
    /// from it renews; one that never beats holds its jobs as long as its lane lives.
    Beat {
        /// Its lane.
        lane: LaneKey,
    },
    /// A worker says something that is not about a job. What is about one renews a lease too.
    Heard {
        /// Its lane.
        lane: LaneKey,
    },
    /// A worker takes no more jobs.
    LaneDraining {
        /// Its lane.
        lane: LaneKey,
    },
    /// A lane is over, and what its worker held is lost.
    LaneClosed {
        /// The lane.
        lane: LaneKey,
    },
    /// A worker tells how far it is.
    Progress {
        /// Its lane.
        lane: LaneKey,
        /// The job.
        job: JobId,
        /// How far.
        progress: Progress,
    },
    /// A worker has a part of a result.
    Chunk {
        /// Its lane.
        lane: LaneKey,
        /// The job.
        job: JobId,
        /// The part.
        body: Body,
    },
    /// A worker has finished a job.
    Done {
        /// Its lane.
        lane: LaneKey,
        /// The job.
        job: JobId,
        /// The result.
        body: Body,
    },
    /// A worker could not do a job.
    Fail {
        /// Its lane.
        lane: LaneKey,
        /// The job.
        job: JobId,
        /// Its own code.
        code: Option<String>,
        /// What happened, for people.
        message: String,
        /// Whether another attempt may help.
        retry: bool,
    },
    /// A worker says something of a job that cannot be understood: the job fails.
    BadMessage {
        /// Its lane.
        lane: LaneKey,
        /// The job.
        job: JobId,
        /// Whether it was its last word of the job, which frees the slot.
        last: bool,
        /// What is wrong with it, for people.
        message: String,
    },
    /// Nobody listened to clients and workers for so long, until now, since the process was stopped
    /// or had no time. What could have come meanwhile may still come: leases, runs and absences
    /// have so much longer.
    StoodStill {
        /// How long.
        gap: Duration,
    },
    /// The server is about to stop: nothing new is taken or started.
    Drain,
    /// Time has passed; due at [`Scheduler::next_deadline`](crate::Scheduler::next_deadline).
    Tick,
}
