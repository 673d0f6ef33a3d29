//! The world around one scheduler: clients and workers who come, go, lie, double and delay.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::client::{OnDisconnect, Submit};
use acequia_wire::worker::Progress;
use acequia_wire::{Body, ContentType, CorrelationId, JobId, Payload, QueueName};
use bytes::Bytes;

use super::model::{Model, State};
use super::plan::{Habit, Plan};
use super::random::Random;
use crate::time::Time;
use crate::{
    Action, ClientId, Config, Event, LaneKey, LaneOffer, Recovered, Scheduler, SessionId, Ticket,
};

/// How much is printed of what led to a failure.
const HISTORY_EVENTS: usize = 30;
/// Steps in which all must come to an end once everybody wants it to.
const END_STEPS_MAX: u32 = 1_000_000;

pub(super) struct World {
    seed: u64,
    plan: Plan,
    random: Random,
    scheduler: Scheduler,
    model: Model,
    now: Time,
    step: u32,
    history: VecDeque<(Time, Event, Vec<Action>)>,
    digest: std::hash::DefaultHasher,
    /// How likely each worker answers, in a hundred; some never do.
    zeal: BTreeMap<LaneKey, u32>,
    /// Runs from a while ago, to be spoken of once more.
    past: Vec<(LaneKey, JobId)>,
    names_given: u64,
}

impl World {
    pub(super) fn new(seed: u64, plan: Plan) -> Self {
        let config = Config {
            limits: plan.limits,
            lease: Duration::from_millis(plan.lease_ms),
            retention: Duration::from_millis(plan.retention_ms),
            retained_jobs: plan.retained_jobs,
            retained_bytes: plan.retained_bytes,
            dead_letters: plan.dead_letters,
            dead_letters_bytes: plan.dead_letters_bytes,
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
        kept.retain(|(_, job)| {
            job.ticket <= before.durable && job.spec.on_disconnect == OnDisconnect::Keep
        });
        kept.sort_by_key(|(_, job)| job.ticket);
        for (id, job) in kept {
            let (runs, failures, losses, not_before) = job.counted;
            self.happen(Event::Recovered(Recovered {
                job: id,
                client: job.client,
                ticket: job.ticket,
                spec: job.spec,
                submitted: job.submitted,
                runs,
                failures,
                losses,
                not_before,
            }));
        }
    }

    fn happen(&mut self, event: Event) {
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

    fn pursue(&mut self, habit: Habit) {
        match habit {
            Habit::OpenSession if self.model.sessions.len() < self.plan.sessions_max => {
                let session = SessionId(self.name());
                let client = ClientId(self.random.within(1, self.plan.clients).into());
                self.happen(Event::SessionOpened { session, client });
            }
            Habit::CloseSession => {
                // Now and then one that is over already.
                let session = self.random.key(&self.model.sessions).unwrap_or(SessionId(0));
                self.happen(Event::SessionClosed { session });
            }
            Habit::Submit => self.submit(),
            Habit::Cancel => self.cancel(),
            Habit::AddLane if self.model.lanes.len() < self.plan.lanes_max => {
                let mut queues: Vec<QueueName> = (0..self.plan.queues).map(queue).collect();
                queues.retain(|_| self.random.percent(60));
                if queues.is_empty() {
                    queues.push(queue(self.random.within(0, self.plan.queues - 1)));
                }
                if self.random.percent(50) {
                    queues.reverse();
                }
                let slots = self.random.within(1, self.plan.slots_max);
                self.add_lane(queues, slots);
            }
            Habit::DrainLane => {
                let lane = self.random.key(&self.model.lanes).unwrap_or(LaneKey(0));
                self.happen(Event::LaneDraining { lane });
            }
            Habit::CloseLane => {
                let lane = self.random.key(&self.model.lanes).unwrap_or(LaneKey(0));
                self.happen(Event::LaneClosed { lane });
            }
            Habit::Beat => {
                let lane = self.random.key(&self.model.lanes).unwrap_or(LaneKey(0));
                let beats = self.random.percent(70);
                self.happen(if beats { Event::Beat { lane } } else { Event::Heard { lane } });
            }
            Habit::Answer => self.answer(),
            Habit::Durable => {
                let (from, to) = (self.model.durable.0, self.model.last_ticket.0);
                let up_to = self.random.within(0, u32::try_from(to - from).unwrap());
                self.happen(Event::Durable { up_to: Ticket(from + u64::from(up_to)) });
            }
            Habit::Storage => {
                let failed = self.model.storage_failed;
                self.happen(if failed { Event::StorageBack } else { Event::StorageFailed });
            }
            Habit::Redrive => self.redrive(),
            Habit::DropLetter => {
                let job = self.some_letter();
                self.happen(Event::DropDeadLetter { job });
            }
            Habit::Wait => self.wait(),
            Habit::OpenSession | Habit::AddLane => {}
        }
    }

    fn wait(&mut self) {
        match self.scheduler.next_deadline() {
            Some(at) if self.random.percent(50) => {
                self.now = self.now.max(at);
                self.happen(Event::Tick);
            }
            _ => {
                let micros = self.random.within(1, 1_000 * self.plan.wait_ms_max);
                self.now = self.now + Duration::from_micros(micros.into());
            }
        }
    }

    fn submit(&mut self) {
        // One session sends many at once, often.
        let session = self.random.key(&self.model.sessions).unwrap_or(SessionId(0));
        let burst = if self.random.percent(20) { self.random.within(2, 8) } else { 1 };
        for _ in 0..burst {
            let spec = Arc::new(self.spec());
            let job = self.new_job();
            self.happen(Event::Submit { session, job, spec });
        }
    }

    fn new_job(&mut self) -> JobId {
        let mut job = [0; 16];
        job[..8].copy_from_slice(&self.name().to_le_bytes());
        JobId::from_bytes(job)
    }

    /// The job of a letter, or now and then one that has none.
    fn some_letter(&mut self) -> JobId {
        let letter = self.random.key(&self.model.letters).filter(|_| self.random.percent(90));
        match letter {
            Some(ticket) => self.model.letters[&ticket].job,
            None => self.random.key(&self.model.jobs).unwrap_or(JobId::from_bytes([255; 16])),
        }
    }

    /// An operator redrives one letter, or all there are.
    fn redrive(&mut self) {
        let jobs: Vec<JobId> = match self.random.percent(20) {
            true => self.model.letters.values().map(|letter| letter.job).collect(),
            false => vec![self.some_letter()],
        };
        for job in jobs {
            let as_job = self.new_job();
            self.happen(Event::Redrive { job, as_job });
        }
    }

    fn spec(&mut self) -> Submit {
        let ms = self.plan.wait_ms_max;
        let random = &mut self.random;
        let payload = match random.below(3) {
            0 => (ContentType::Json, "[1,2]"),
            1 => (ContentType::Octets, "\u{1}"),
            _ => (ContentType::Text, "some words to be worked on"),
        };
        let mut sometimes = |chance| random.percent(chance).then(|| random.within(0, ms));
        let (delay_ms, timeout_ms) = (sometimes(20).unwrap_or(0), sometimes(25));
        let ttl_ms = sometimes(20);
        let key = random.percent(40).then(|| format!("key {}", random.within(1, 8)).into());
        let batch = random.percent(40).then(|| format!("batch {}", random.within(1, 3)).into());
        Submit {
            // Few enough that ids are used again, and some while they are still live.
            id: CorrelationId::Int(random.within(1, 40).into()),
            payload: Payload::new(payload.0, payload.1.into()).unwrap(),
            queue: queue(random.within(0, self.plan.queues - 1)),
            priority: u8::try_from(random.within(0, self.plan.priorities - 1)).unwrap(),
            delay_ms,
            timeout_ms,
            ttl_ms,
            attempts: random.within(1, 4),
            key,
            on_disconnect: random.pick(&[OnDisconnect::Keep, OnDisconnect::Cancel]),
            batch,
        }
    }

    fn cancel(&mut self) {
        let of_live = self.random.key(&self.model.jobs).filter(|_| self.random.percent(80));
        let watched = of_live.map(|job| &self.model.jobs[&job].watchers);
        let (session, id) = match watched.filter(|watchers| !watchers.is_empty()) {
            Some(watchers) => {
                let watcher = &watchers[self.random.below(watchers.len())];
                (watcher.session, watcher.id.clone())
            }
            None => {
                let session = self.random.key(&self.model.sessions).unwrap_or(SessionId(0));
                (session, CorrelationId::Int(self.random.within(1, 50).into()))
            }
        };
        self.happen(Event::Cancel { session, id });
    }

    fn add_lane(&mut self, queues: Vec<QueueName>, slots: u32) {
        let lane = LaneKey(self.name());
        self.zeal.insert(lane, self.random.pick(&[0, 5, 50, 100]));
        let name = format!("worker {}", lane.0).into();
        self.happen(Event::LaneReady { lane, offer: LaneOffer { name, slots, queues } });
    }

    fn held(&self, lane: LaneKey) -> Vec<JobId> {
        self.model.lanes[&lane].held.keys().copied().collect()
    }

    /// A worker says something, mostly about what it holds.
    fn answer(&mut self) {
        if self.random.percent(5) {
            return self.answer_nonsense();
        }
        let Some(lane) = self.random.key(&self.model.lanes) else { return };
        let zeal = self.zeal[&lane];
        // A good worker empties all of its slots in one go, from time to time.
        let answers = if self.random.percent(zeal / 10) { self.plan.slots_max } else { 1 };
        for _ in 0..answers {
            let held = self.held(lane);
            if held.is_empty() || !self.random.percent(zeal) {
                return;
            }
            let job = self.random.pick(&held);
            self.speak(lane, job);
        }
    }

    /// About a job of another lane, one long over, or none.
    fn answer_nonsense(&mut self) {
        let lane = self.random.key(&self.model.lanes).unwrap_or(LaneKey(0));
        let (lane, job) = match self.random.below(3) {
            0 if !self.past.is_empty() => self.random.pick(&self.past),
            1 => match self.random.key(&self.model.jobs) {
                Some(job) => (lane, job),
                None => return,
            },
            _ => (lane, JobId::from_bytes([255; 16])),
        };
        self.speak(lane, job);
    }

    fn speak(&mut self, lane: LaneKey, job: JobId) {
        let event = match self.random.within(1, 20) {
            1..=10 => Event::Done { lane, job, body: self.body() },
            11..=13 => Event::Fail {
                lane,
                job,
                code: self.random.percent(50).then(|| "too_dry".to_owned()),
                message: "no water".to_owned(),
                retry: self.random.percent(80),
            },
            14..=16 => Event::Chunk { lane, job, body: self.body() },
            _ => Event::Progress { lane, job, progress: Progress::default() },
        };
        self.happen(event);
    }

    fn body(&mut self) -> Body {
        match self.random.within(1, 20) {
            1 => Body::new(None, "{not JSON".into()),
            2 => Body::new(Some(ContentType::MsgPack), Bytes::from_static(b"\xc1")),
            3 => Body::new(Some(ContentType::Text), "fourteen bytes".into()),
            _ => Body::new(None, "[1]".into()),
        }
    }

    /// A name that nobody had before.
    fn name(&mut self) -> u64 {
        self.names_given += 1;
        self.names_given
    }
}

fn queue(nth: u32) -> QueueName {
    format!("queue-{nth}").parse().unwrap()
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
