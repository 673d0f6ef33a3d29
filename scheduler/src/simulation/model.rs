//! What must be true of the scheduler, worked out from its events and actions alone, slowly and
//! plainly.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::client::{self, JobEvent, Submit};
use acequia_wire::code::RejectCode;
use acequia_wire::{CorrelationId, JobId, Limits, QueueName};
use bytes::Bytes;

use super::turns::Turns;
use crate::time::Time;
use crate::{
    Action, ClientId, Dropped, Event, LaneKey, Measure, Outcome, Scheduler, SessionId, Ticket,
};

/// A live job.
pub(super) struct Job {
    pub(super) session: SessionId,
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
    /// Who has the last run.
    pub(super) worker: Arc<str>,
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

    fn load(&self) -> u64 {
        ((self.held.len() as u64) << 32) / u64::from(self.slots)
    }
}

/// An action that the events so far call for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Owed {
    Rejected(SessionId, CorrelationId, RejectCode),
    Error(SessionId, CorrelationId),
    Submitted(QueueName),
    Record(JobId),
    Accepted(JobId),
    Started(JobId),
    Progress(JobId),
    Chunk(JobId, Bytes),
    Retrying(JobId, String),
    Done(JobId, Bytes),
    Failed(JobId, String),
    Cancelled(JobId),
    Settle(JobId),
    Ended(Outcome, Option<Duration>, Duration),
    RunMeasured(QueueName, Duration),
    Redelivered(QueueName),
    Dropped(Dropped),
    CancelRun(LaneKey, JobId),
    SayBye(LaneKey),
}

pub(super) struct Model {
    pub(super) limits: Limits,
    lease: Duration,
    pub(super) now: Time,
    pub(super) draining: bool,
    pub(super) sessions: BTreeMap<SessionId, ClientId>,
    pub(super) jobs: BTreeMap<JobId, Job>,
    pub(super) ended: BTreeSet<JobId>,
    pub(super) lanes: BTreeMap<LaneKey, Lane>,
    pub(super) turns: Turns,
    pub(super) recorded: BTreeMap<Ticket, JobId>,
    pub(super) last_ticket: Ticket,
    pub(super) durable: Ticket,
    pub(super) owed: Vec<Owed>,
}

impl Model {
    pub(super) fn new(limits: Limits, lease: Duration) -> Self {
        Self {
            limits,
            lease,
            now: Time::default(),
            draining: false,
            sessions: BTreeMap::new(),
            jobs: BTreeMap::new(),
            ended: BTreeSet::new(),
            lanes: BTreeMap::new(),
            turns: Turns::default(),
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
        if let Event::Submit { job, .. } = event
            && self.jobs.get(job).is_some_and(|job| job.state == State::Between)
        {
            self.wait(*job);
        }
        let (lanes, jobs) = (&self.lanes, &self.jobs);
        self.turns.forget_queues_but(|queue| {
            lanes.values().any(|lane| lane.queues.contains(queue))
                || jobs.values().any(|job| job.spec.queue == *queue)
        });
    }

    fn missing(&self) -> ! {
        panic!("these actions did not come: {:?}", self.owed)
    }

    fn pay(&mut self, paid: &Owed) {
        let at = self.owed.iter().position(|owed| owed == paid);
        let at = at.unwrap_or_else(|| panic!("{paid:?} came, owed were {:?}", self.owed));
        self.owed.remove(at);
    }

    fn wait(&mut self, id: JobId) {
        let job = self.jobs.get_mut(&id).unwrap();
        job.state = State::Waiting;
        job.ready = self.now;
        let is_clean = self.lanes.values().all(|lane| !lane.held.contains_key(&id));
        self.turns.join_back(id, &self.jobs[&id], is_clean);
    }

    fn see(&mut self, event: &Event, action: &Action) {
        match action {
            Action::Tell { session, event } => self.see_tell(*session, event),
            Action::Run { lane, job } => {
                let (id, run) = (job.job, job);
                let job = self.jobs.get(&id).expect("a run is of a live job");
                assert_eq!(run.attempt, job.runs + 1, "attempts count runs");
                assert_eq!(run.queue, job.spec.queue);
                assert_eq!(run.content_type, *job.spec.payload.content_type());
                assert_eq!(run.timeout_ms, job.spec.timeout_ms.map(u64::from));
                assert_eq!(run.body, *job.spec.payload.bytes());
                self.see_run(event, *lane, id);
            }
            Action::CancelRun { lane, job } => self.pay(&Owed::CancelRun(*lane, *job)),
            Action::SayBye { lane } => self.pay(&Owed::SayBye(*lane)),
            Action::Record { ticket, job, spec } => {
                self.pay(&Owed::Record(*job));
                self.last_ticket = Ticket(self.last_ticket.0 + 1);
                assert_eq!(*ticket, self.last_ticket);
                assert!(Arc::ptr_eq(spec, &self.jobs[job].spec));
                self.recorded.insert(*ticket, *job);
            }
            Action::Settle { job } => {
                assert!(self.ended.contains(job), "settled before its outcome was told");
                self.pay(&Owed::Settle(*job));
            }
            Action::Measure(measure) => self.pay(&match measure.clone() {
                Measure::Submitted { queue } => Owed::Submitted(queue),
                Measure::Started { queue, waited } => Owed::RunMeasured(queue, waited),
                Measure::Ended { outcome, ran, total, .. } => Owed::Ended(outcome, ran, total),
                Measure::Redelivered { queue } => Owed::Redelivered(queue),
                Measure::Dropped(why) => Owed::Dropped(why),
            }),
        }
    }

    fn see_tell(&mut self, session: SessionId, event: &client::Event) {
        let (correlation, id, what) = match event.clone() {
            client::Event::Job { id, job, what } => (id, job, what),
            client::Event::Rejected { id, code, .. } => {
                return self.pay(&Owed::Rejected(session, id, code));
            }
            client::Event::Error { id, code: RejectCode::BadRequest, .. } => {
                return self.pay(&Owed::Error(session, id.unwrap()));
            }
            other => panic!("not the scheduler's to say: {other:?}"),
        };
        let job = self.jobs.get_mut(&id).expect("only live jobs are told of");
        assert_eq!((session, &correlation), (job.session, &job.spec.id));
        let paid = match what {
            JobEvent::Accepted => {
                assert!(!std::mem::replace(&mut job.accepted, true), "accepted twice");
                Owed::Accepted(id)
            }
            JobEvent::Started { attempt, worker } => {
                let is_late = matches!(job.state, State::Waiting | State::Delayed { .. });
                assert!(!is_late, "started is told while the run matters");
                assert_eq!((attempt, &worker), (job.runs, &job.worker));
                assert!(!std::mem::replace(&mut job.start_told, true), "started twice");
                Owed::Started(id)
            }
            JobEvent::Progress(_) => {
                assert!(job.start_told, "started comes first");
                Owed::Progress(id)
            }
            JobEvent::Chunk { n, data } => {
                assert!(job.start_told, "started comes first");
                job.chunks += 1;
                assert_eq!(n, job.chunks);
                Owed::Chunk(id, data.into_bytes())
            }
            JobEvent::Retrying(retry) => {
                assert_eq!(retry.attempt, job.runs + 1);
                let code = retry.code.as_str().to_owned();
                self.comes_back(id, &code, retry.in_ms);
                Owed::Retrying(id, code)
            }
            JobEvent::Done { result } => Owed::Done(id, result.into_bytes()),
            JobEvent::Failed { code, attempt, .. } => {
                assert_eq!(attempt, job.runs);
                Owed::Failed(id, code.as_str().to_owned())
            }
            JobEvent::Cancelled => Owed::Cancelled(id),
        };
        self.pay(&paid);
        if matches!(paid, Owed::Done(..) | Owed::Failed(..) | Owed::Cancelled(_)) {
            self.jobs.remove(&id);
            self.ended.insert(id);
        }
    }

    fn comes_back(&mut self, id: JobId, code: &str, in_ms: u32) {
        let job = self.jobs.get_mut(&id).unwrap();
        assert_eq!(job.state, State::Between);
        if code == "worker_lost" {
            assert_eq!(in_ms, 0);
            (job.state, job.ready) = (State::Waiting, self.now);
            let is_clean = self.lanes.values().all(|lane| !lane.held.contains_key(&id));
            self.turns.join_front(id, &self.jobs[&id], is_clean);
            return;
        }
        let gap = 200.0 * 2_f64.powi(job.failures.cast_signed() - 1);
        let gap = gap.min(60_000.0);
        let allowed = gap * 0.75..=gap * 1.25;
        assert!(allowed.contains(&f64::from(in_ms)), "{in_ms} ms is not in {allowed:?}");
        job.state = State::Delayed { until: self.now.plus_ms(in_ms) };
    }

    fn see_run(&mut self, event: &Event, key: LaneKey, id: JobId) {
        assert!(!self.draining, "nothing starts while the server drains");
        let lane = self.lanes.get(&key).expect("a run goes to an open lane");
        assert!(!lane.draining, "a draining lane gets no job");
        assert!(!lane.silent, "a silent lane gets no job");
        assert!(lane.held.len() < lane.slots as usize, "all slots are taken");
        assert!(!lane.held.contains_key(&id), "the lane holds a void run of this job");
        let job = &self.jobs[&id];
        assert!(lane.queues.contains(&job.spec.queue), "the lane does not serve the queue");
        assert!(self.now >= job.submitted.plus_ms(job.spec.delay_ms), "before its delay is over");
        assert!(matches!(job.state, State::Waiting | State::Between), "it is {:?}", job.state);

        let holds = |of: JobId| lane.held.contains_key(&of);
        if matches!(event, Event::Submit { .. } | Event::Tick | Event::LaneClosed { .. }) {
            self.turns.assert_priority(job, holds);
            for other in self.lanes.values() {
                let may = other.is_free() && other.queues.contains(&job.spec.queue);
                if may && !other.held.contains_key(&id) {
                    assert!(lane.load() <= other.load(), "the least loaded lane comes first");
                }
            }
        } else {
            if self.turns.is_aged(&job.spec.queue) {
                self.turns.assert_oldest(job, holds);
            } else {
                self.turns.assert_priority(job, holds);
                self.turns.assert_turn(id, job, holds);
            }
            self.turns.assert_queue_turn(job, &lane.queues);
            self.turns.serve(job, &lane.queues);
        }
        let waited = match job.state {
            State::Waiting => {
                self.turns.leave(id, job);
                self.now - job.ready
            }
            _ => Duration::ZERO,
        };
        self.owed.push(Owed::RunMeasured(job.spec.queue.clone(), waited));
        let lane = self.lanes.get_mut(&key).unwrap();
        if lane.is_idle() {
            lane.heard = self.now;
        }
        lane.held.insert(id, Held::Live);
        let job = self.jobs.get_mut(&id).unwrap();
        job.worker = lane.name.clone();
        let deadline = job.spec.timeout_ms.map(|ms| self.now.plus_ms(ms));
        job.state = State::Running { lane: key, since: self.now, deadline };
        job.runs += 1;
        (job.chunks, job.start_told) = (0, false);
        if job.accepted {
            self.owed.push(Owed::Started(id));
        }
    }

    /// When time is next of importance, for whom and in which order: at one time, first the leases;
    /// then what is due before what expires, and that before what takes too long; then the older
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
            let all = [due, expires, timeout].into_iter().flatten();
            all.map(|(at, kind)| (at, Timer::Job(kind, job.ticket, *id)))
        });
        let on_lease = self.lanes.iter().filter(|(_, lane)| lane.beats && !lane.is_idle());
        let leases = on_lease.map(|(key, lane)| (lane.heard + self.lease, Timer::Lease(*key)));
        timers.chain(leases).min()
    }

    /// That the scheduler and its numbers are in the state that its actions tell of.
    pub(super) fn compare(&self, scheduler: &mut Scheduler) {
        scheduler.assert_consistent();
        for (key, lane) in &self.lanes {
            assert!(lane.held.len() <= lane.slots as usize);
            for (id, _) in lane.held.iter().filter(|(_, held)| **held == Held::Live) {
                let state = self.jobs[id].state;
                assert!(matches!(state, State::Running { lane, .. } if lane == *key));
            }
            let holds = |id: JobId| lane.held.contains_key(&id);
            if lane.is_free() && !self.draining {
                self.turns.assert_none_waits(&lane.queues, holds);
            }
        }
        let stats = scheduler.stats(self.now);
        assert_eq!(stats.sessions, self.sessions.len());
        assert_eq!(stats.live_jobs, self.jobs.len());
        assert_eq!(stats.payload_bytes, self.payload_bytes());
        let mut queues: BTreeMap<&QueueName, (usize, usize, Option<Duration>)> = BTreeMap::new();
        for name in self.lanes.values().flat_map(|lane| &lane.queues) {
            queues.entry(name).or_default();
        }
        for job in self.jobs.values() {
            let (waiting, running, oldest) = queues.entry(&job.spec.queue).or_default();
            match job.state {
                State::Waiting => {
                    *waiting += 1;
                    *oldest = (*oldest).max(Some(self.now - job.ready));
                }
                State::Running { lane, .. } => {
                    *running += 1;
                    assert!(self.lanes.contains_key(&lane));
                }
                State::Delayed { .. } => {}
                State::Between => panic!("a job is lost between two states"),
            }
        }
        let told = stats.queues.iter().map(|q| (&q.name, (q.waiting, q.running, q.oldest)));
        assert_eq!(told.collect::<BTreeMap<_, _>>(), queues);
        for told in &stats.lanes {
            let lane = &self.lanes[&told.lane];
            assert_eq!((told.slots, told.busy), (lane.slots, lane.held.len()));
            assert_eq!((told.draining, &told.name), (lane.draining, &lane.name));
            assert_eq!(told.silent, lane.silent);
        }
        assert_eq!(stats.lanes.len(), self.lanes.len());
        assert_eq!(scheduler.is_idle(), self.lanes.values().all(|lane| lane.held.is_empty()));
        // A lease may be looked at before its end; that is all that is due too early.
        let (due, deadline) = (self.first_timer().map(|(at, _)| at), scheduler.next_deadline());
        let beats = self.lanes.values().any(|lane| lane.beats);
        assert!(due == deadline || beats && deadline < due.or(deadline.map(|at| at.plus_ms(1))));
    }

    pub(super) fn payload_bytes(&self) -> usize {
        self.jobs.values().map(|job| job.spec.payload.bytes().len()).sum()
    }
}
