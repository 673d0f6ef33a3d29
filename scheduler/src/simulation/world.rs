//! The world around one scheduler: clients and workers who come, go, lie, double and delay.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::client::OnDisconnect;
use acequia_wire::{Body, JobId, QueueName};

use super::model::Model;
use super::parts::{Job, State};
use super::plan::{Plan, queue};
use super::random::Random;
use crate::action::Action;
use crate::config::Config;
use crate::event::Event;
use crate::ids::LaneKey;
use crate::records::Recovered;
use crate::scheduler::Scheduler;
use crate::time::Time;

/// How much is printed of what led to a failure.
const HISTORY_EVENTS: usize = 30;
/// Steps in which all must come to an end once everybody wants it to.
const END_STEPS_MAX: u32 = 1_000_000;

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) plan: Plan,
    pub(super) random: Random,
    pub(super) scheduler: Scheduler,
    pub(super) model: Model,
    pub(super) now: Time,
    pub(super) step: u32,
    pub(super) history: VecDeque<(Time, Event, Vec<Action>)>,
    pub(super) digest: std::hash::DefaultHasher,
    /// How likely each worker answers, in a hundred; some never do.
    pub(super) zeal: BTreeMap<LaneKey, u32>,
    /// Runs from a while ago, to be spoken of once more.
    pub(super) past: Vec<(LaneKey, JobId)>,
    pub(super) names_given: u64,
}

impl World {
    pub(super) fn new(seed: u64, plan: Plan) -> Self {
        let config = Config {
            limits: plan.limits,
            queue_names: plan.queue_names,
            lease: Duration::from_millis(plan.lease_ms),
            remind_after: Duration::from_millis(plan.remind_ms),
            answer_within: Duration::from_millis(plan.answer_ms),
            default_timeout_ms: plan.default_timeout_ms,
            retention: Duration::from_millis(plan.retention_ms),
            retained_jobs: plan.retained_jobs,
            retained_bytes: plan.retained_bytes,
            dead_letters: plan.dead_letters,
            dead_letters_bytes: plan.dead_letters_bytes,
            traces: plan.traces,
            #[cfg(feature = "spans")]
            spans: true,
            seed,
        };
        Self {
            seed,
            plan,
            random: Random::new(seed),
            scheduler: Scheduler::new(config),
            model: Model::new(config),
            now: Time::default(),
            step: 0,
            history: VecDeque::new(),
            digest: std::hash::DefaultHasher::new(),
            zeal: BTreeMap::new(),
            past: Vec::new(),
            names_given: 0,
        }
    }

    /// What the scheduler did in this world, in one number.
    pub(super) fn digest(&self) -> u64 {
        self.digest.finish()
    }

    /// The world as its plan says.
    pub(super) fn live(&mut self) {
        let total = self.plan.weights.iter().map(|(_, weight)| weight).sum();
        while self.step < self.plan.steps {
            if self.plan.drains_at.is_some_and(|at| self.step >= at) {
                self.plan.drains_at = None;
                self.happen(Event::Drain);
            }
            if self.plan.crashes_at.is_some_and(|at| self.step >= at) {
                self.plan.crashes_at = None;
                self.crash();
            }
            let mut lot = self.random.within(1, total);
            let chosen = self.plan.weights.iter().find(|(_, weight)| {
                let is_it = lot <= *weight;
                lot = lot.saturating_sub(*weight);
                is_it
            });
            let (habit, _) = *chosen.unwrap();
            self.pursue(habit);
            if self.random.percent(60) {
                self.tick_if_due();
            }
        }
    }

    /// Everybody finishes and goes; nothing may be left.
    pub(super) fn end(&mut self) {
        self.plan.compare_every = self.plan.compare_every.max(10);
        let queues: Vec<QueueName> = (0..self.plan.queues).map(queue).collect();
        if !self.model.draining {
            self.add_lane(queues, 8);
        }
        for queue in self.model.paused.clone() {
            self.happen(Event::ResumeQueue { queue });
        }
        let last_step = self.step + END_STEPS_MAX;
        while !self.is_over() {
            assert!(self.step < last_step, "some jobs never end");
            for lane in self.model.lanes.keys().copied().collect::<Vec<_>>() {
                for job in self.held(lane) {
                    self.happen(Event::Done { lane, job, body: Body::new(None, "1".into()) });
                }
            }
            if let Some(at) = self.scheduler.next_deadline() {
                self.now = self.now.max(at);
                self.happen(Event::Tick);
            }
        }
        for lane in self.model.lanes.keys().copied().collect::<Vec<_>>() {
            self.happen(Event::LaneClosed { lane });
        }
        for session in self.model.sessions.keys().copied().collect::<Vec<_>>() {
            self.happen(Event::SessionClosed { session });
        }
        for letter in self.model.letters.clone().into_values() {
            self.happen(Event::DropDeadLetter { job: letter.job });
        }
        self.happen(Event::Durable { up_to: self.model.last_ticket });
        self.model.compare(&mut self.scheduler);
        if self.model.draining {
            // What waits stays in the journal, for the next server.
            let waits = |state| matches!(state, State::Waiting);
            assert!(self.model.jobs.values().all(|job| waits(job.state)));
        } else {
            self.scheduler.assert_empty();
        }
    }

    /// Whether no job will go on without another worker.
    fn is_over(&self) -> bool {
        let idle = self.model.lanes.values().all(|lane| lane.held.is_empty());
        let waits = |state| matches!(state, State::Waiting);
        let may_wait = self.model.draining;
        idle && self.scheduler.next_deadline().is_none()
            && self.model.jobs.values().all(|job| may_wait && waits(job.state))
    }

    /// The server is killed, and another goes on with what the journal has.
    fn crash(&mut self) {
        let config = self.model.config;
        let before = std::mem::replace(&mut self.model, Model::new(config));
        self.scheduler = Scheduler::new(config);
        self.zeal.clear();
        self.model.ended = before.ended;
        for queue in before.paused {
            self.happen(Event::PauseQueue { queue });
        }
        let mut taken_keys = before.taken_keys;
        for mut retained in before.retained {
            if let Some(key) = taken_keys.remove(&retained.job) {
                Arc::make_mut(&mut retained).key = Some(key);
            }
            self.happen(Event::RecoveredOutcome(retained));
        }
        let mut letters = before.letters;
        for job in before.jobs.values().filter(|job| job.ticket > before.durable) {
            // Its record and the end of its letter are in one group, which was not written.
            letters.extend(job.redriven.iter().map(|letter| (letter.ticket, letter.clone())));
        }
        for letter in letters.into_values() {
            self.happen(Event::RecoveredDeadLetter(letter));
        }
        let mut kept: Vec<_> = before.jobs.into_iter().collect();
        // Every other session can be resumed.
        for (session, client) in before.sessions.iter().filter(|(session, _)| session.0 % 2 == 0) {
            self.happen(Event::SessionOpened { session: *session, client: *client });
        }
        let goes_on = |job: &Job| job.began_in().filter(|session| session.0 % 2 == 0);
        kept.retain(|(_, job)| {
            let is_wanted =
                job.spec.on_disconnect != OnDisconnect::Cancel || goes_on(job).is_some();
            job.ticket <= before.durable && is_wanted
        });
        kept.sort_by_key(|(_, job)| job.ticket);
        for (id, job) in kept {
            let (runs, failures, losses, not_before) = job.counted;
            self.happen(Event::Recovered(Recovered {
                job: id,
                client: job.client,
                session: goes_on(&job),
                ticket: job.ticket,
                spec: job.spec,
                submitted: job.submitted,
                runs,
                failures,
                losses,
                not_before,
            }));
        }
        for tally in before.tallies.into_values() {
            self.happen(Event::RecoveredTally(tally));
        }
        for session in self.model.sessions.keys().copied().collect::<Vec<_>>() {
            self.happen(Event::SessionAbsent { session });
        }
    }

    pub(super) fn happen(&mut self, event: Event) {
        self.step += 1;
        self.history.push_back((self.now, event.clone(), Vec::new()));
        if self.history.len() > HISTORY_EVENTS {
            self.history.pop_front();
        }
        let mut actions = Vec::new();
        self.scheduler.handle(self.now, event.clone(), &mut actions);
        if let Some((.., told)) = self.history.back_mut() {
            *told = actions;
            self.model.step(self.now, &event, told);
            for action in &*told {
                if let Action::Run { lane, job } = action {
                    self.past.push((*lane, job.job));
                }
                if self.seed < 100 {
                    format!("{action:?}").hash(&mut self.digest);
                }
            }
        }
        if self.step.is_multiple_of(self.plan.compare_every) {
            self.model.compare(&mut self.scheduler);
        }
    }

    fn tick_if_due(&mut self) {
        if self.scheduler.next_deadline().is_some_and(|at| at <= self.now) {
            self.happen(Event::Tick);
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for (at, event, actions) in &self.history {
            eprintln!("{at:?} {event:?}");
            for action in actions {
                eprintln!("        {action:?}");
            }
        }
        let (seed, step) = (self.seed, self.step);
        eprintln!("at step {step}; again with ACEQUIA_SIM_SEED={seed}");
    }
}
