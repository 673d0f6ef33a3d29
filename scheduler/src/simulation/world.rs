//! The world around one scheduler: clients and workers who come, go, lie, double and delay.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::client::OnDisconnect;
use acequia_wire::{Body, JobId, QueueName};

use super::doors::Doors;
use super::journal::Journal;
use super::model::Model;
use super::parts::State;
use super::plan::{Plan, queue};
use super::proof::Proof;
use super::random::Random;
use crate::action::Action;
use crate::config::Config;
use crate::event::Event;
use crate::ids::{LaneKey, SessionId};
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
    pub(super) journal: Journal,
    pub(super) doors: Doors,
    pub(super) proof: Proof,
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
            adoption: Duration::from_millis(plan.adoption_ms),
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
            journal: Journal::new(config.retention),
            doors: Doors::default(),
            proof: Proof::default(),
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
            if self.plan.fails_over_at.pop_if(|at| self.step >= *at).is_some() {
                self.fail_over();
            }
            if self.random.percent(self.plan.haste) {
                self.come();
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
        self.close_doors();
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
        self.journal.flush_steps(self.step);
        self.model.compare(&mut self.scheduler);
        if self.model.draining {
            // What waits stays in the journal, for the next server.
            let waits = |state| matches!(state, State::Waiting);
            assert!(self.model.jobs.values().all(|job| waits(job.state)));
        } else {
            self.scheduler.assert_empty();
            assert!(self.journal.kept.jobs.is_empty(), "each job has one outcome");
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

    /// The server is killed, and another goes on with what the journal has. The doors stay.
    fn fail_over(&mut self) {
        let config = self.model.config;
        let durable = self.journal.durable.min(self.step);
        let written = match self.random.below(4) {
            0 => durable,
            1 => self.step,
            _ => self.random.within(durable.max(self.step.saturating_sub(12)), self.step),
        };
        self.journal.flush_steps(written);
        self.journal.lose_rest();
        self.part(written);
        let mut before = std::mem::replace(&mut self.model, Model::new(config));
        self.scheduler = Scheduler::new(config);
        self.zeal.clear();
        let all = self.plan.sessions_live_on;
        before.sessions.retain(|session, _| all || session.0 % 2 == 0);
        let goes_on = |session: &SessionId| before.sessions.contains_key(session);
        for job in self.journal.kept.jobs.values_mut() {
            job.session = job.session.filter(goes_on);
        }
        self.journal.kept.jobs.retain(|_, job| {
            job.spec.on_disconnect != OnDisconnect::Cancel || job.session.is_some()
        });
        let jobs: Vec<Recovered> = self.journal.kept.jobs.values().cloned().collect();
        self.model.ended = before.ended;
        for job in &jobs {
            self.model.ended.remove(&job.job);
        }
        self.proof.begin(jobs.iter().cloned());
        for queue in before.paused {
            self.happen(Event::PauseQueue { queue });
        }
        for (session, client) in before.sessions {
            self.happen(Event::SessionOpened { session, client });
        }
        for retained in self.journal.kept.outcomes.clone().into_values() {
            self.happen(Event::RecoveredOutcome(retained));
        }
        for letter in self.journal.kept.letters.clone().into_values() {
            self.happen(Event::RecoveredDeadLetter(letter));
        }
        for job in jobs {
            self.happen(Event::Recovered(job));
        }
        for mut tally in self.journal.kept.tallies.clone().into_values() {
            let sessions = Arc::make_mut(&mut tally.sessions);
            sessions.retain(|session| self.model.sessions.contains_key(session));
            self.happen(Event::RecoveredTally(tally));
        }
        for session in self.model.sessions.keys().copied().collect::<Vec<_>>() {
            self.happen(Event::SessionAbsent { session });
        }
        self.submit_again(written);
    }

    pub(super) fn happen(&mut self, event: Event) {
        self.step += 1;
        self.history.push_back((self.now, event.clone(), Vec::new()));
        let lanes = &self.model.lanes;
        let holds = |lane, job| lanes.get(&lane).is_some_and(|lane| lane.held.contains_key(&job));
        self.doors.hear(self.step, &event, holds);
        if let Event::Durable { up_to } = event {
            self.journal.flush(up_to);
        }
        if self.history.len() > HISTORY_EVENTS {
            self.history.pop_front();
        }
        let mut actions = Vec::new();
        self.scheduler.handle(self.now, event.clone(), &mut actions);
        if let Some((.., told)) = self.history.back_mut() {
            *told = actions;
            self.proof.look(&event, &self.model);
            self.model.step(self.now, &event, told);
            self.proof.see(&event, self.model.adopts(), told);
            self.journal.write(self.step, told);
            for action in &*told {
                if let Action::Run { lane, job } = action {
                    self.past.push((*lane, job.job));
                }
                self.doors.see(action);
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
