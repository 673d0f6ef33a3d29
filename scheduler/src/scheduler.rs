//! The state, and the one `match` over what may happen to it.

use std::collections::VecDeque;

use crate::chunks::Chunks;
use acequia_wire::client::{self, JobEvent};
use acequia_wire::{JobId, TraceParent};

use crate::action::{Action, Measure};
use crate::batches::Batches;
use crate::clients::Clients;
use crate::config::Config;
use crate::dead_letters::DeadLetters;
use crate::event::{Event, SessionId, Ticket};
use crate::job::Job;
use crate::keys::Keys;
use crate::lanes::Lanes;
use crate::lookup::ById;
use crate::outcomes::Outcomes;
use crate::queue::Queues;
use crate::time::Time;
use crate::timers::Timers;
use crate::watchers::Watcher;

/// The scheduler. See the crate's documentation for the rules that it keeps.
#[derive(Debug)]
pub struct Scheduler {
    pub(crate) config: Config,
    pub(crate) jobs: Chunks<Job>,
    pub(crate) by_id: ById,
    pub(crate) payload_bytes: usize,
    /// Jobs with a worker that wait for their run.
    pub(crate) running: usize,
    pub(crate) clients: Clients,
    pub(crate) queues: Queues,
    pub(crate) lanes: Lanes,
    pub(crate) keys: Keys,
    pub(crate) outcomes: Outcomes,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) batches: Batches,
    pub(crate) timers: Timers,
    /// Jobs whose records are on their way to the disk, in the order of their tickets. A key may
    /// be another job's by now, so the ticket must be compared.
    pub(crate) undurable: VecDeque<(Ticket, usize)>,
    pub(crate) last_ticket: Ticket,
    pub(crate) draining: bool,
    /// Records cannot be written.
    pub(crate) storage_failed: bool,
    pub(crate) jitter: Jitter,
}

/// What one call of `handle` works with.
pub(crate) struct Step<'a> {
    pub(crate) now: Time,
    pub(crate) out: &'a mut Vec<Action>,
}

impl Step<'_> {
    pub(crate) fn tell(&mut self, session: SessionId, event: client::Event) {
        self.out.push(Action::Tell { session, event });
    }

    pub(crate) fn tell_of_job(
        &mut self,
        watcher: Watcher<'_>,
        job: JobId,
        what: JobEvent,
        traceparent: Option<Box<TraceParent>>,
    ) {
        let event = client::Event::Job { id: watcher.id.clone(), job, what, traceparent };
        self.tell(watcher.at.session, event);
    }

    pub(crate) fn measure(&mut self, measure: Measure) {
        self.out.push(Action::Measure(measure));
    }
}

impl Scheduler {
    /// An empty scheduler.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            jobs: Chunks::new(),
            by_id: ById::default(),
            payload_bytes: 0,
            running: 0,
            clients: Clients::default(),
            queues: Queues::default(),
            lanes: Lanes::default(),
            keys: Keys::default(),
            outcomes: Outcomes::default(),
            dead_letters: DeadLetters::default(),
            batches: Batches::default(),
            timers: Timers::default(),
            undurable: VecDeque::new(),
            last_ticket: Ticket(0),
            draining: false,
            storage_failed: false,
            jitter: Jitter::new(config.seed),
        }
    }

    /// Takes in what happened at `now` and appends what is to be done. `now` never goes back.
    pub fn handle(&mut self, now: Time, event: Event, out: &mut Vec<Action>) {
        let step = &mut Step { now, out };
        match event {
            Event::Submit { session, job, spec } => self.submit(step, session, job, spec),
            Event::Cancel { session, id } => self.cancel(step, session, id),
            Event::Done { lane, job, body } => {
                self.heed(step, lane, |it, step| it.done(step, lane, job, body));
            }
            Event::Fail { lane, job, code, message, retry } => {
                let fail = |it: &mut Self, step: &mut Step<'_>| {
                    it.fail(step, lane, job, code, message, retry);
                };
                self.heed(step, lane, fail);
            }
            Event::Progress { lane, job, progress } => {
                self.heed(step, lane, |it, step| it.progress(step, lane, job, progress));
            }
            Event::Chunk { lane, job, body } => {
                self.heed(step, lane, |it, step| it.chunk(step, lane, job, body));
            }
            Event::Beat { lane } => self.heed(step, lane, |it, _| it.beat(lane)),
            Event::Heard { lane } => self.heed(step, lane, |_, _| ()),
            Event::Durable { up_to } => self.durable(step, up_to),
            Event::LaneReady { lane, offer } => self.lane_ready(step, lane, offer),
            Event::LaneDraining { lane } => {
                self.heed(step, lane, |it, step| it.lane_draining(step, lane));
            }
            Event::LaneClosed { lane } => self.lane_closed(step, lane),
            Event::SessionOpened { session, client } => self.clients.open(session, client),
            Event::SessionLimited { session, jobs } => {
                if let Some(open) = self.clients.session(session) {
                    open.jobs_max = jobs;
                }
            }
            Event::SessionAbsent { session } => self.session_absent(step, session),
            Event::SessionBack { session } => self.session_back(session),
            Event::SessionClosed { session } => self.session_closed(step, session),
            Event::StorageFailed => self.storage_failed = true,
            Event::StorageBack => self.storage_failed = false,
            Event::Recovered(recovered) => self.recovered(step, recovered),
            Event::RecoveredOutcome(retained) => self.recovered_outcome(step, retained),
            Event::RecoveredDeadLetter(letter) => self.recovered_dead_letter(step, letter),
            Event::Redrive { job, as_job } => self.redrive(step, job, as_job),
            Event::DropDeadLetter { job } => self.drop_dead_letter(step, job),
            Event::CancelJob { job } => self.cancel_job(step, job),
            Event::DrainLane { lane } => self.lane_draining(step, lane),
            Event::PauseQueue { queue } => self.pause(&queue),
            Event::ResumeQueue { queue } => self.resume(step, &queue),
            Event::Drain => self.drain(step),
            Event::Tick => self.tick(step),
        }
    }

    /// When [`Event::Tick`] is due; `None` if nothing waits for time to pass.
    pub fn next_deadline(&self) -> Option<Time> {
        self.timers.next().into_iter().chain(self.outcomes.next(&self.config)).min()
    }

    /// Whether no job is with a worker.
    pub fn is_idle(&self) -> bool {
        self.lanes.busy == 0
    }

    fn drain(&mut self, step: &mut Step<'_>) {
        self.draining = true;
        let mut lanes: Vec<_> = self.lanes.iter().map(|(key, _)| *key).collect();
        lanes.sort_unstable();
        for lane in lanes {
            self.lane_draining(step, lane);
        }
    }
}

/// Spreads retries, the same way from the same seed. Nobody can gain by guessing it.
#[derive(Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    fn new(seed: u64) -> Self {
        // Zero is the one state that the generator cannot leave.
        Self(seed | 1)
    }

    /// `ms`, a quarter more or less.
    pub(crate) fn spread(&mut self, ms: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let quarter = u64::from(ms / 4);
        let by = self.0 % (2 * quarter + 1);
        u32::try_from(u64::from(ms) - quarter + by).unwrap_or(u32::MAX)
    }

    /// The most that `ms` can be spread to.
    pub(crate) const fn most(ms: u32) -> u32 {
        ms.saturating_add(ms / 4)
    }
}

#[cfg(test)]
impl Scheduler {
    /// That everything that is kept twice is the same in both places.
    pub(crate) fn assert_consistent(&mut self) {
        use crate::job::State;
        use crate::lanes::Run;

        self.by_id.assert_consistent(&self.jobs);
        self.queues.assert_consistent(&mut self.jobs);
        self.clients.assert_consistent(&self.jobs);
        self.lanes.assert_consistent(&self.queues, self.config.lease);
        let client_of = |client| self.clients.id_of(client);
        self.keys.assert_consistent(&self.jobs, client_of, &self.outcomes);
        self.outcomes.assert_consistent(&self.config);
        self.dead_letters.assert_consistent(&self.config);
        let attends = |session, batch| self.clients.attends(session, batch);
        self.batches.assert_consistent(&self.jobs, attends);
        assert_eq!(self.batches.sessions(), self.clients.attended());
        let (mut running, mut timers) = (0, 0);
        for (key, job) in self.jobs.iter() {
            timers += usize::from(job.expires().is_some());
            timers += usize::from(job.forsaken().is_some());
            match job.state {
                State::Delayed { .. } => timers += 1,
                State::Waiting { .. } => {}
                State::Running { lane, .. } => {
                    running += 1;
                    timers += usize::from(job.deadline().is_some());
                    let run = self.lanes.get(lane).and_then(|lane| lane.held.get(&job.id));
                    assert_eq!(run, Some(&Run::Live { job: key }));
                }
            }
            for lane in job.void_on() {
                let run = self.lanes.get(*lane).and_then(|lane| lane.held.get(&job.id));
                assert_eq!(run, Some(&Run::Void { job: key }));
            }
        }
        let leases = self.lanes.iter().filter(|(_, lane)| lane.look_at.is_some()).count();
        assert_eq!((self.running, self.timers.len()), (running, (timers, leases)));
        let payloads = self.jobs.iter().map(|(_, job)| job.payload.bytes().len());
        assert_eq!(self.payload_bytes, payloads.sum::<usize>());
        for (_, lane) in self.lanes.iter() {
            for (id, run) in &lane.held {
                let Run::Live { job } = run else { continue };
                assert_eq!(self.jobs[*job].id, *id);
            }
        }
    }

    /// That nothing is left of anybody.
    pub(crate) fn assert_empty(&self) {
        assert!(self.jobs.len() == 0 && self.undurable.is_empty());
        assert_eq!(self.timers.len(), (0, 0));
        assert_eq!((self.payload_bytes, self.running), (0, 0));
        self.queues.assert_empty();
        self.clients.assert_empty();
        self.keys.assert_empty();
        self.outcomes.assert_empty();
        self.dead_letters.assert_empty();
        self.batches.assert_empty();
        self.lanes.assert_empty();
    }
}
