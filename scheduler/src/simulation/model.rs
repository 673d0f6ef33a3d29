//! What must be true of the scheduler, worked out from its events and actions alone, slowly and
//! plainly.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::{JobId, QueueName};

use super::parts::{Batch, Job, Lane, Owed, State, Timer, Unclaimed, Wait};
use super::turns::Turns;
use crate::action::Action;
use crate::config::Config;
use crate::event::Event;
use crate::ids::{ClientId, LaneKey, SessionId, Ticket};
use crate::records::{DeadLetter, Recovered, Retained, Tally};
use crate::time::Time;

pub(super) struct Model {
    pub(super) config: Config,
    pub(super) now: Time,
    pub(super) draining: bool,
    pub(super) sessions: BTreeMap<SessionId, ClientId>,
    /// Sessions whose clients may have fewer live jobs than others.
    pub(super) limited: BTreeMap<SessionId, u32>,
    /// Sessions whose clients may ask for outcomes in any case.
    pub(super) asking: BTreeSet<SessionId>,
    /// Those of them whose clients are away.
    pub(super) absent: BTreeSet<SessionId>,
    pub(super) jobs: BTreeMap<JobId, Job>,
    pub(super) ended: BTreeSet<JobId>,
    pub(super) lanes: BTreeMap<LaneKey, Lane>,
    pub(super) turns: Turns,
    pub(super) batches: BTreeMap<(ClientId, Box<str>), Batch>,
    /// What the journal knows of them.
    pub(super) tallies: BTreeMap<(ClientId, Box<str>), Tally>,
    /// In the order in which they ended.
    pub(super) retained: Vec<Arc<Retained>>,
    pub(super) letters: BTreeMap<Ticket, Arc<DeadLetter>>,
    pub(super) adoption: Wait,
    pub(super) unclaimed: BTreeMap<JobId, Unclaimed>,
    /// The last word on the run that goes on with the job that begins in this step.
    pub(super) word: Option<Event>,
    /// The turns that those will have that wait for it.
    pub(super) held_back: Turns,
    /// What waited for it begins.
    pub(super) releases: bool,
    pub(super) storage_failed: bool,
    pub(super) paused: BTreeSet<QueueName>,
    pub(super) recorded: BTreeMap<Ticket, JobId>,
    pub(super) last_ticket: Ticket,
    pub(super) durable: Ticket,
    pub(super) owed: Vec<Owed>,
    /// What lost its worker in this step.
    pub(super) lost: BTreeSet<JobId>,
    /// A job may have had its turn or not, by what can be seen.
    pub(super) turns_are_blurred: bool,
}

impl Model {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            now: Time::default(),
            draining: false,
            sessions: BTreeMap::new(),
            limited: BTreeMap::new(),
            asking: BTreeSet::new(),
            absent: BTreeSet::new(),
            jobs: BTreeMap::new(),
            ended: BTreeSet::new(),
            lanes: BTreeMap::new(),
            turns: Turns::default(),
            batches: BTreeMap::new(),
            tallies: BTreeMap::new(),
            retained: Vec::new(),
            letters: BTreeMap::new(),
            adoption: if config.adoption.is_zero() { Wait::Over } else { Wait::Begins },
            unclaimed: BTreeMap::new(),
            word: None,
            held_back: Turns::default(),
            releases: false,
            storage_failed: false,
            paused: BTreeSet::new(),
            recorded: BTreeMap::new(),
            last_ticket: Ticket(0),
            durable: Ticket(0),
            owed: Vec::new(),
            lost: BTreeSet::new(),
            turns_are_blurred: false,
        }
    }

    /// Takes in one step of the scheduler.
    pub(super) fn step(&mut self, now: Time, event: &Event, actions: &[Action]) {
        self.now = now;
        self.lost.clear();
        self.turns.step();
        self.releases = false;
        self.limit_adoption(event);
        let mut actions = actions.iter().peekable();
        if matches!(event, Event::Tick) {
            self.expire_retained();
            while let Some((_, timer)) = self.first_timer().filter(|(at, _)| *at <= now) {
                let (job, lost) = match timer {
                    Timer::Lane(lane, 0) => (None, self.expect_silence(lane)),
                    Timer::Lane(lane, _) => (None, self.expect_impatience(lane)),
                    Timer::Adoption => {
                        self.release();
                        (None, Vec::new())
                    }
                    Timer::Job(kind, _, job) => {
                        self.expect_timer(kind, job);
                        (Some(job), Vec::new())
                    }
                };
                while !self.owed.is_empty()
                    || actions.peek().is_some_and(|next| self.is_run_of(&lost, next))
                {
                    self.see(event, actions.next().unwrap_or_else(|| self.missing()));
                }
                self.releases = false;
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
            if let Some(word) = self.word.take() {
                while !self.owed.is_empty() {
                    self.see(event, actions.next().unwrap_or_else(|| self.missing()));
                }
                self.expect_last_word(&word);
            }
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

    /// Whether one of these jobs, which have lost their workers, runs now, or one of all that wait
    /// where those do that waited for adoption.
    fn is_run_of(&self, lost: &[JobId], action: &Action) -> bool {
        let Action::Run { job: run, .. } = action else { return false };
        let waits = || self.jobs.get(&run.job).is_some_and(|job| job.state == State::Waiting);
        lost.contains(&run.job) || self.releases && waits()
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
        let adopts = self.adopts();
        let job = self.jobs.get_mut(&id).unwrap();
        job.state = State::Waiting;
        job.ready = self.now;
        if job.recovered && !job.begun {
            job.held_back = adopts;
        }
        let turns = if job.held_back { &mut self.held_back } else { &mut self.turns };
        if job.share().is_none() {
            let is_clean = self.lanes.values().all(|lane| !lane.held.contains_key(&id));
            turns.join_back(id, &self.jobs[&id], is_clean);
        }
    }

    /// When time is next of importance, for whom and in which order: at one time, first the leases, then what waits for adoption;
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
            on_lease.map(|(key, lane)| (lane.heard + self.config.lease, Timer::Lane(*key, 0)));
        let patience = self.lanes.iter().filter(|(_, lane)| lane.has_void()).map(|(key, lane)| {
            let answer = if lane.reminded { self.config.answer_within } else { Duration::ZERO };
            let quiet_since = lane.spoken.max(lane.void_since);
            (quiet_since + self.config.remind_after + answer, Timer::Lane(*key, 1))
        });
        let adoption = match self.adoption {
            Wait::Until(at) => Some((at, Timer::Adoption)),
            Wait::Begins | Wait::Over => None,
        };
        timers.chain(leases).chain(patience).chain(adoption).min()
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
