//! What the model is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::client::{self, OnDisconnect, Submit};
use acequia_wire::code::RejectCode;
use acequia_wire::{CorrelationId, JobId, QueueName};
use bytes::Bytes;

use crate::action::Dropped;
use crate::event::Event;
use crate::ids::{ClientId, LaneKey, SessionId, Ticket};
use crate::outcome::Outcome;
use crate::records::Tally;
use crate::time::Time;
use crate::void::VoidReason;

/// Who is told about a job.
pub(super) struct Watcher {
    pub(super) session: SessionId,
    pub(super) id: CorrelationId,
    /// `None` of one that only looks on.
    pub(super) on_disconnect: Option<OnDisconnect>,
    /// Whether it was told of this run's start.
    pub(super) knows_start: bool,
    /// It began the job.
    pub(super) began: bool,
}

/// A live job.
pub(super) struct Job {
    pub(super) watchers: Vec<Watcher>,
    /// A session that is over, or an operator, wanted it to run all the same.
    pub(super) kept: bool,
    /// When it is cancelled, unless a watcher comes back.
    pub(super) forsaken: Option<Time>,
    /// Whoever submitted it may ask for its outcome in any case.
    pub(super) asked_for: bool,
    pub(super) client: ClientId,
    pub(super) spec: Arc<Submit>,
    pub(super) ticket: Ticket,
    pub(super) submitted: Time,
    pub(super) state: State,
    /// Since when it could run.
    pub(super) ready: Time,
    pub(super) runs: u32,
    pub(super) failures: u32,
    pub(super) losses: u32,
    pub(super) chunks: u32,
    pub(super) accepted: bool,
    pub(super) start_told: bool,
    /// The journal kept it.
    pub(super) recovered: bool,
    /// A run of it has begun since, or goes on from before.
    pub(super) begun: bool,
    /// It waits for adoption.
    pub(super) held_back: bool,
    /// Who has the last run.
    pub(super) worker: Arc<str>,
}

impl Job {
    /// With how many others of its kind it may be on a lane, if it is under suspicion.
    pub(super) fn share(&self) -> Option<usize> {
        match self.losses {
            0 | 1 => None,
            2 => Some(8),
            _ => Some(1),
        }
    }

    /// Those who are told of it and do not only look on.
    pub(super) fn submits(&self) -> impl Iterator<Item = &Watcher> {
        self.watchers.iter().filter(|of| of.on_disconnect.is_some())
    }

    /// The session that began it, if it is still told.
    pub(super) fn began_in(&self) -> Option<SessionId> {
        let began = self.watchers.iter().find(|of| of.began);
        began.map(|of| of.session)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Delayed {
        until: Time,
    },
    Waiting,
    Running {
        lane: LaneKey,
        since: Time,
        deadline: Option<Time>,
    },
    /// Within a step: it has left one state and not yet reached the next.
    Between,
}

/// Whether jobs that the journal kept wait for workers that have them, and runs for their jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// They may come back.
    Begins,
    /// They wait until this time.
    Until(Time),
    Over,
}

/// What is due, in the order in which it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A lane is over its lease, or its patience.
    Lane(LaneKey, u8),
    /// Nothing waits for adoption any longer.
    Adoption,
    /// What of the job, and which job.
    Job(u8, Ticket, JobId),
}

pub(super) struct Lane {
    pub(super) name: Arc<str>,
    pub(super) slots: u32,
    /// Sorted.
    pub(super) queues: Vec<QueueName>,
    pub(super) draining: bool,
    pub(super) held: BTreeMap<JobId, Held>,
    /// What it has from before a takeover.
    pub(super) declared: BTreeSet<JobId>,
    pub(super) beats: bool,
    /// When it was last heard, or got something to do after it had nothing.
    pub(super) heard: Time,
    /// When it was last heard.
    pub(super) spoken: Time,
    /// Since when it has void runs.
    pub(super) void_since: Time,
    /// It was reminded of one, and said nothing since.
    pub(super) reminded: bool,
    pub(super) silent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Live,
    Void(VoidReason, Time),
    /// Its job is not known yet.
    Unclaimed,
}

/// A run of a job that is not known yet.
pub(super) struct Unclaimed {
    pub(super) lane: LaneKey,
    pub(super) attempt: u32,
    pub(super) chunks: u32,
    /// What its worker said last of it.
    pub(super) word: Option<Event>,
}

impl Lane {
    pub(super) fn takes_jobs(&self) -> bool {
        !self.draining && !self.silent
    }

    pub(super) fn is_free(&self) -> bool {
        self.takes_jobs() && self.held.len() < self.slots as usize
    }

    pub(super) fn has_void(&self) -> bool {
        self.held.values().any(|held| matches!(held, Held::Void(..)))
    }

    pub(super) fn is_idle(&self) -> bool {
        self.held.values().all(|held| *held != Held::Live)
    }

    pub(super) fn load(&self) -> u64 {
        ((self.held.len() as u64) << 32) / u64::from(self.slots)
    }
}

/// What a watcher is told of a job.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    Accepted,
    Started,
    Progress,
    Chunk(u32, Bytes),
    Retrying(String),
    Done(Bytes),
    Failed(String),
    Cancelled,
}

/// An action that the events so far call for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Owed {
    Rejected(SessionId, CorrelationId, RejectCode),
    Error(SessionId, CorrelationId, RejectCode),
    Tell(SessionId, CorrelationId, JobId, Told),
    Batch(SessionId, client::Batch),
    Submitted(QueueName),
    Record(JobId),
    Count(JobId),
    Settle(JobId, Option<Told>),
    Tally(Tally),
    GiveUp(JobId),
    BatchOver(Tally, Duration, bool),
    Bury(JobId, String),
    Exhume(Ticket),
    LetterEvicted(QueueName),
    Ended(Outcome, Option<Duration>, Duration),
    RunMeasured(QueueName, Duration),
    Redelivered(QueueName),
    Dropped(Dropped),
    CancelRun(LaneKey, JobId),
    Remind(LaneKey, JobId),
    EndLane(LaneKey),
    SayBye(LaneKey),
    /// A part of a traced job's life, and when it began.
    #[cfg(feature = "spans")]
    Span(JobId, &'static str, Time),
}

/// The jobs of a client under one name.
pub(super) struct Batch {
    pub(super) sessions: BTreeSet<SessionId>,
    pub(super) began: Time,
    pub(super) live: u32,
    pub(super) ended: Vec<Outcome>,
}
