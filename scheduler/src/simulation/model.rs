//! What must be true of the scheduler, worked out from its events and actions alone, slowly and
//! plainly.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::client::{self, OnDisconnect, Submit};
use acequia_wire::code::RejectCode;
use acequia_wire::{CorrelationId, JobId, QueueName};
use bytes::Bytes;

use super::turns::Turns;
use crate::time::Time;
use crate::{
    Action, ClientId, Config, DeadLetter, Dropped, Event, LaneKey, Outcome, Recovered, Retained,
    SessionId, Ticket,
};

/// Who is told about a job.
pub(super) struct Watcher {
    pub(super) session: SessionId,
    pub(super) id: CorrelationId,
    pub(super) on_disconnect: OnDisconnect,
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
    /// The letter that it was, until this server ends.
    pub(super) redriven: Option<Arc<DeadLetter>>,
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
    /// What the journal knows of how far it is.
    pub(super) counted: Counted,
    /// Who has the last run.
    pub(super) worker: Arc<str>,
}

/// What the journal knows of how far a job is: runs, failures, losses, and when it may go on.
pub(super) type Counted = (u32, u32, u32, Option<Time>);

impl Job {
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

/// What is due, in the order in which it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Lease(LaneKey),
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
    pub(super) beats: bool,
    /// When it was last heard, or got something to do after it had nothing.
    pub(super) heard: Time,
    pub(super) silent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Live,
    Void,
}

impl Lane {
    pub(super) fn is_free(&self) -> bool {
        !self.draining && !self.silent && self.held.len() < self.slots as usize
    }

    pub(super) fn is_idle(&self) -> bool {
        self.held.values().all(|held| *held == Held::Void)
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
    Error(SessionId, CorrelationId),
    Tell(SessionId, CorrelationId, JobId, Told),
    Batch(SessionId, client::Batch),
    Submitted(QueueName),
    Record(JobId),
    Count(JobId),
    Settle(JobId, Option<Told>),
    Bury(JobId, String),
    Exhume(Ticket),
    LetterEvicted(QueueName),
    Ended(Outcome, Option<Duration>, Duration),
    RunMeasured(QueueName, Duration),
    Redelivered(QueueName),
    Dropped(Dropped),
    CancelRun(LaneKey, JobId),
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

pub(super) struct Model {
    pub(super) config: Config,
    pub(super) now: Time,
    pub(super) draining: bool,
    pub(super) sessions: BTreeMap<SessionId, ClientId>,
    /// Sessions whose clients may have fewer live jobs than others.
    pub(super) limited: BTreeMap<SessionId, u32>,
    /// Those of them whose clients are away.
    pub(super) absent: BTreeSet<SessionId>,
    pub(super) jobs: BTreeMap<JobId, Job>,
    pub(super) ended: BTreeSet<JobId>,
    pub(super) lanes: BTreeMap<LaneKey, Lane>,
    pub(super) turns: Turns,
    pub(super) batches: BTreeMap<(ClientId, Box<str>), Batch>,
    /// In the order in which they ended.
    pub(super) retained: Vec<Arc<Retained>>,
    /// Keys that were theirs and that others have taken, by job; the journal does not know.
    pub(super) taken_keys: BTreeMap<JobId, Box<str>>,
    pub(super) letters: BTreeMap<Ticket, Arc<DeadLetter>>,
    pub(super) storage_failed: bool,
    pub(super) paused: BTreeSet<QueueName>,
    pub(super) recorded: BTreeMap<Ticket, JobId>,
    pub(super) last_ticket: Ticket,
    pub(super) durable: Ticket,
    pub(super) owed: Vec<Owed>,
}

impl Model {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            now: Time::default(),
            draining: false,
            sessions: BTreeMap::new(),
            limited: BTreeMap::new(),
            absent: BTreeSet::new(),
            jobs: BTreeMap::new(),
            ended: BTreeSet::new(),
            lanes: BTreeMap::new(),
            turns: Turns::default(),
            batches: BTreeMap::new(),
            retained: Vec::new(),
            taken_keys: BTreeMap::new(),
            letters: BTreeMap::new(),
            storage_failed: false,
            paused: BTreeSet::new(),
            recorded: BTreeMap::new(),
            last_ticket: Ticket(0),
            durable: Ticket(0),
            owed: Vec::new(),
        }
    }

    /// Takes in one step of the scheduler.
    pub(super) fn step(&mut self, now: Time, event: &Event, actions: &[Action]) {
        self.now = now;
        self.turns.step();
        let mut actions = actions.iter().peekable();
        if matches!(event, Event::Tick) {
            self.expire_retained();
            while let Some((_, timer)) = self.first_timer().filter(|(at, _)| *at <= now) {
                let (job, lost) = match timer {
                    Timer::Lease(lane) => (None, self.expect_silence(lane)),
                    Timer::Job(kind, _, job) => {
                        self.expect_timer(kind, job);
                        (Some(job), Vec::new())
                    }
                };
                let runs = |next: &&&Action| matches!(next, Action::Run { job, .. } if lost.contains(&job.job));
                while !self.owed.is_empty() || actions.peek().filter(runs).is_some() {
                    self.see(event, actions.next().unwrap_or_else(|| self.missing()));
                }
                let Some(job) = job else { continue };
                if self.jobs.get(&job).is_some_and(|job| job.state == State::Between) {
                    let runs = |next: &&&Action| matches!(next, Action::Run { job: run, .. } if run.job == job);
                    if actions.peek().filter(runs).is_some() {
                        self.see(event, actions.next().unwrap());
                        while !self.owed.is_empty() {
                            self.see(event, actions.next().unwrap_or_else(|| self.missing()));
                        }
                    } else {
                        self.wait(job);
                    }
                }
            }
        } else {
            self.expect(event);
        }
        for action in actions {
            self.see(event, action);
        }
        if !self.owed.is_empty() {
            self.missing();
        }
        if let Event::Submit { job, .. }
        | Event::Redrive { as_job: job, .. }
        | Event::Recovered(Recovered { job, .. }) = event
            && self.jobs.get(job).is_some_and(|job| job.state == State::Between)
        {
            self.wait(*job);
        }
        let (lanes, jobs, paused) = (&self.lanes, &self.jobs, &self.paused);
        self.turns.forget_queues_but(|queue| {
            paused.contains(queue)
                || lanes.values().any(|lane| lane.queues.contains(queue))
                || jobs.values().any(|job| job.spec.queue == *queue)
        });
    }

    pub(super) fn missing(&self) -> ! {
        panic!("these actions did not come: {:?}", self.owed)
    }

    pub(super) fn pay(&mut self, paid: &Owed) {
        let at = self.owed.iter().position(|owed| owed == paid);
        let at = at.unwrap_or_else(|| panic!("{paid:?} came, owed were {:?}", self.owed));
        self.owed.remove(at);
    }

    pub(super) fn wait(&mut self, id: JobId) {
        let job = self.jobs.get_mut(&id).unwrap();
        job.state = State::Waiting;
        job.ready = self.now;
        let is_clean = self.lanes.values().all(|lane| !lane.held.contains_key(&id));
        self.turns.join_back(id, &self.jobs[&id], is_clean);
    }

    /// When time is next of importance, for whom and in which order: at one time, first the leases;
    /// then what is due before what expires, that before what takes too long, and that before what
    /// nobody came back for; then the older
    /// job.
    pub(super) fn first_timer(&self) -> Option<(Time, Timer)> {
        let timers = self.jobs.iter().flat_map(|(id, job)| {
            let due = match job.state {
                State::Delayed { until } => Some((until, 0)),
                _ => None,
            };
            let expires = job.spec.ttl_ms.filter(|_| job.runs == 0);
            let expires = expires.map(|ms| (job.submitted.plus_ms(ms), 1));
            let timeout = match job.state {
                State::Running { deadline: Some(at), .. } => Some((at, 2)),
                _ => None,
            };
            let forsaken = job.forsaken.map(|at| (at, 3));
            let all = [due, expires, timeout, forsaken].into_iter().flatten();
            all.map(|(at, kind)| (at, Timer::Job(kind, job.ticket, *id)))
        });
        let on_lease = self.lanes.iter().filter(|(_, lane)| lane.beats && !lane.is_idle());
        let leases =
            on_lease.map(|(key, lane)| (lane.heard + self.config.lease, Timer::Lease(*key)));
        timers.chain(leases).min()
    }

    /// The live job whose record has this place.
    pub(super) fn job_at(&self, ticket: Ticket) -> JobId {
        let found = self.jobs.iter().find(|(_, job)| job.ticket == ticket);
        *found.expect("a ticket is a live job's").0
    }

    pub(super) fn payload_bytes(&self) -> usize {
        self.jobs.values().map(|job| job.spec.payload.bytes().len()).sum()
    }
}
