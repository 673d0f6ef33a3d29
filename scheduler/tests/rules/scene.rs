//! A scheduler to talk with. What it does comes back as lines of text: `run 7 on 1` sends job 7 to
//! lane 1, `7 done` tells the client of job 7, and `8 of 7 done` tells a second submit of it, whose
//! correlation id is 8.

use std::collections::BTreeMap;
use std::sync::Arc;

use acequia_scheduler::{
    Action, ClientId, Config, DeadLetter, Event, Found, Hold, LaneKey, LaneOffer, Measure,
    Recovered, Retained, Scheduler, SessionId, Tally, Ticket, Time,
};
use acequia_wire::client::{self, JobEvent, OnDisconnect, Submit};
use acequia_wire::{Body, ContentType, CorrelationId, JobId, Limits, Payload, QueueName};

pub(crate) struct Scene {
    pub(crate) scheduler: Scheduler,
    /// What the journal was to keep beside the jobs, until it is looked at.
    pub(crate) journal: Vec<String>,
    /// What it was to retain.
    pub(crate) retained: Vec<Arc<Retained>>,
    /// The dead letters that it was to keep and not yet to forget.
    pub(crate) letters: BTreeMap<Ticket, Arc<DeadLetter>>,
    /// What it was to keep of batches.
    pub(crate) tallies: BTreeMap<String, Tally>,
    /// The jobs by the places of their records.
    recorded: BTreeMap<Ticket, u32>,
    now_ms: u64,
}

pub(crate) fn queue(name: &str) -> QueueName {
    name.parse().unwrap()
}

/// A plain job; its correlation id and its job id are the same number.
pub(crate) fn job(id: u32) -> Submit {
    Submit {
        id: CorrelationId::Int(id.into()),
        payload: Payload::new(ContentType::Json, "[1]".into()).unwrap(),
        queue: QueueName::default(),
        priority: 4,
        delay_ms: 0,
        timeout_ms: None,
        ttl_ms: None,
        attempts: 1,
        key: None,
        on_disconnect: OnDisconnect::Keep,
        batch: None,
        traceparent: None,
    }
}

pub(crate) fn job_id(id: u32) -> JobId {
    let mut bytes = [0; 16];
    bytes[12..].copy_from_slice(&id.to_be_bytes());
    JobId::from_bytes(bytes)
}

fn number_of(id: JobId) -> u32 {
    u32::from_be_bytes(id.as_bytes()[12..].try_into().unwrap())
}

/// Job `id` of client 1 as it was when the other server ended, a second ago.
pub(crate) fn recovered(id: u32, spec: Submit) -> Recovered {
    Recovered {
        job: job_id(id),
        client: ClientId(1),
        session: None,
        ticket: Ticket(id.into()),
        spec: Arc::new(spec),
        submitted: Time::default(),
        runs: 0,
        failures: 0,
        losses: 0,
        not_before: None,
    }
}

impl Scene {
    /// A scheduler with session 1 of client 1.
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        Self::of(Config { limits, seed: 1, ..Config::default() })
    }

    pub(crate) fn of(config: Config) -> Self {
        let mut scene = Self::empty(config);
        scene.open(1, 1);
        scene
    }

    /// A scheduler without anybody.
    pub(crate) fn empty(config: Config) -> Self {
        let scheduler = Scheduler::new(config);
        Self {
            scheduler,
            journal: Vec::new(),
            retained: Vec::new(),
            letters: BTreeMap::new(),
            tallies: BTreeMap::new(),
            recorded: BTreeMap::new(),
            now_ms: 1_000,
        }
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_micros(self.now_ms * 1_000)
    }

    pub(crate) fn handle(&mut self, event: Event) -> Vec<String> {
        if let Event::Recovered(recovered) = &event {
            self.recorded.insert(recovered.ticket, number_of(recovered.job));
        }
        if let Event::RecoveredTally(tally) = &event {
            self.tallies.insert(tally.name.to_string(), tally.clone());
        }
        if let Event::RecoveredDeadLetter(letter) = &event {
            self.letters.insert(letter.ticket, letter.clone());
        }
        let mut actions = Vec::new();
        self.scheduler.handle(self.now(), event, &mut actions);
        let mut lines = Vec::new();
        for action in &actions {
            match action {
                Action::Record { ticket, job, .. } => {
                    self.recorded.insert(*ticket, number_of(*job));
                    lines.push(format!("record {}", number_of(*job)));
                }
                Action::Count { ticket, runs, failures, losses, not_before } => {
                    let in_ms = not_before.map(|at| (at - self.now()).as_millis());
                    let (job, counts) = (self.recorded[ticket], (runs, failures, losses));
                    self.journal.push(format!("{job} {counts:?} {in_ms:?}"));
                }
                Action::Settle { ticket, retain, .. } => {
                    self.retained.extend(retain.clone());
                    lines.push(format!("settle {}", self.recorded[ticket]));
                }
                Action::Tally(tally) => {
                    self.tallies.insert(tally.name.to_string(), tally.clone());
                }
                Action::BatchOver { tally, is_recorded, .. } => {
                    let before = self.tallies.remove(&*tally.name);
                    assert_eq!(before.is_some(), *is_recorded);
                }
                Action::GiveUp { retained } => {
                    self.retained.retain(|of| of.job != retained.job);
                    lines.push(format!("give up {}", number_of(retained.job)));
                }
                Action::Bury { letter } => {
                    self.letters.insert(letter.ticket, letter.clone());
                }
                Action::Exhume { ticket } => {
                    self.letters.remove(ticket).expect("it was buried");
                }
                other => lines.extend(line(other)),
            }
        }
        lines
    }

    pub(crate) fn open(&mut self, session: u64, client: u64) {
        let (session, client) = (SessionId(session), ClientId(client));
        assert!(self.handle(Event::SessionOpened { session, client }).is_empty());
    }

    pub(crate) fn limit(&mut self, session: u64, jobs: u32) -> Vec<String> {
        self.handle(Event::SessionLimited { session: SessionId(session), jobs })
    }

    pub(crate) fn absent(&mut self, session: u64) -> Vec<String> {
        self.handle(Event::SessionAbsent { session: SessionId(session) })
    }

    pub(crate) fn back(&mut self, session: u64) {
        assert!(self.handle(Event::SessionBack { session: SessionId(session) }).is_empty());
    }

    pub(crate) fn close(&mut self, session: u64) -> Vec<String> {
        self.handle(Event::SessionClosed { session: SessionId(session) })
    }

    /// Session 1 submits.
    pub(crate) fn submit(&mut self, spec: Submit) -> Vec<String> {
        self.submit_as(1, spec)
    }

    pub(crate) fn submit_as(&mut self, session: u64, spec: Submit) -> Vec<String> {
        let CorrelationId::Int(id) = spec.id else { panic!("jobs have numbers here") };
        self.submit_named(session, u32::try_from(id).unwrap(), spec)
    }

    /// A session submits a job that it does not call by its number.
    pub(crate) fn submit_named(&mut self, session: u64, id: u32, spec: Submit) -> Vec<String> {
        let (session, job) = (SessionId(session), job_id(id));
        self.handle(Event::Submit { session, job, spec: Arc::new(spec) })
    }

    pub(crate) fn cancel(&mut self, id: u32) -> Vec<String> {
        self.cancel_as(1, id)
    }

    pub(crate) fn cancel_as(&mut self, session: u64, id: u32) -> Vec<String> {
        let id = CorrelationId::Int(id.into());
        self.handle(Event::Cancel { session: SessionId(session), id })
    }

    pub(crate) fn durable(&mut self, up_to: u64) -> Vec<String> {
        self.handle(Event::Durable { up_to: Ticket(up_to) })
    }

    /// A worker becomes ready to take jobs from the queue `default`.
    pub(crate) fn lane(&mut self, lane: u64, slots: u32) -> Vec<String> {
        self.lane_of(lane, slots, &["default"])
    }

    pub(crate) fn lane_of(&mut self, lane: u64, slots: u32, queues: &[&str]) -> Vec<String> {
        self.lane_with(lane, slots, queues, &[])
    }

    /// A worker of the queue `default` becomes ready that has runs of jobs from before a takeover, each
    /// the job's nth.
    pub(crate) fn lane_holds(&mut self, lane: u64, slots: u32, runs: &[(u32, u32)]) -> Vec<String> {
        self.lane_with(lane, slots, &["default"], runs)
    }

    pub(crate) fn lane_with(
        &mut self,
        lane: u64,
        slots: u32,
        queues: &[&str],
        runs: &[(u32, u32)],
    ) -> Vec<String> {
        let name = format!("w{lane}").into();
        let queues = queues.iter().map(|name| queue(name)).collect();
        let hold =
            |(job, attempt): &(u32, u32)| Hold { job: job_id(*job), attempt: *attempt, chunks: 0 };
        let holds = runs.iter().map(hold).collect();
        let offer = LaneOffer { name, slots, queues, holds };
        self.handle(Event::LaneReady { lane: LaneKey(lane), offer })
    }

    pub(crate) fn lane_drains(&mut self, lane: u64) -> Vec<String> {
        self.handle(Event::LaneDraining { lane: LaneKey(lane) })
    }

    pub(crate) fn beat(&mut self, lane: u64) -> Vec<String> {
        self.handle(Event::Beat { lane: LaneKey(lane) })
    }

    /// A worker says something that is not about a job.
    pub(crate) fn heard(&mut self, lane: u64) -> Vec<String> {
        self.handle(Event::Heard { lane: LaneKey(lane) })
    }

    pub(crate) fn lane_ends(&mut self, lane: u64) -> Vec<String> {
        self.handle(Event::LaneClosed { lane: LaneKey(lane) })
    }

    pub(crate) fn done(&mut self, lane: u64, job: u32) -> Vec<String> {
        self.done_with(lane, job, Body::new(None, "2".into()))
    }

    pub(crate) fn done_with(&mut self, lane: u64, job: u32, body: Body) -> Vec<String> {
        self.handle(Event::Done { lane: LaneKey(lane), job: job_id(job), body })
    }

    pub(crate) fn fail(&mut self, lane: u64, job: u32, retry: bool) -> Vec<String> {
        let (lane, job, message) = (LaneKey(lane), job_id(job), "no water".to_owned());
        self.handle(Event::Fail { lane, job, code: Some("dry".to_owned()), message, retry })
    }

    pub(crate) fn chunk(&mut self, lane: u64, job: u32, text: &'static str) -> Vec<String> {
        let body = Body::new(None, text.into());
        self.handle(Event::Chunk { lane: LaneKey(lane), job: job_id(job), body })
    }

    pub(crate) fn bad_message(&mut self, lane: u64, job: u32, last: bool) -> Vec<String> {
        let (lane, job, message) = (LaneKey(lane), job_id(job), "mud".to_owned());
        self.handle(Event::BadMessage { lane, job, last, message })
    }

    pub(crate) fn progress(&mut self, lane: u64, job: u32) -> Vec<String> {
        let (lane, job) = (LaneKey(lane), job_id(job));
        self.handle(Event::Progress { lane, job, progress: Default::default() })
    }

    /// The jobs of which the journal has dead letters, which are those of which the scheduler has.
    pub(crate) fn dead(&self) -> Vec<u32> {
        assert!(self.scheduler.dead_letters(None, ..).eq(self.letters.values()));
        self.letters.values().map(|letter| number_of(letter.job)).collect()
    }

    pub(crate) fn redrive(&mut self, job: u32, as_job: u32) -> Vec<String> {
        let (job, as_job) = (job_id(job), job_id(as_job));
        self.handle(Event::Redrive { job, as_job })
    }

    pub(crate) fn drop_letter(&mut self, job: u32) -> Vec<String> {
        self.handle(Event::DropDeadLetter { job: job_id(job) })
    }

    pub(crate) fn drain(&mut self) -> Vec<String> {
        self.handle(Event::Drain)
    }

    pub(crate) fn find(&self, job: u32) -> Option<Found> {
        self.scheduler.find(self.now(), job_id(job))
    }

    /// Lets time pass, and nothing is done.
    pub(crate) fn wait_ms(&mut self, ms: u64) {
        self.now_ms += ms;
    }

    /// Lets time pass and does what is then due.
    pub(crate) fn pass_ms(&mut self, ms: u64) -> Vec<String> {
        self.wait_ms(ms);
        self.handle(Event::Tick)
    }

    /// In how many milliseconds something is due.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        let next = self.scheduler.next_deadline()?;
        Some(u64::try_from((next - self.now()).as_millis()).unwrap())
    }
}

/// What an action is, in short; most of what is only counted is left out.
fn line(action: &Action) -> Option<String> {
    Some(match action {
        Action::Tell { event, .. } => told(event),
        Action::Run { lane, job } => format!("run {} on {}", number_of(job.job), lane.0),
        Action::CancelRun { lane, job } => format!("void {} on {}", number_of(*job), lane.0),
        Action::Remind { lane, job } => format!("remind {} of {}", lane.0, number_of(*job)),
        Action::EndLane { lane } => format!("end {}", lane.0),
        Action::SayBye { lane } => format!("bye {}", lane.0),
        Action::Measure(Measure::Dropped(why)) => format!("dropped {}", why.as_str()),
        Action::Measure(_) => return None,
        #[cfg(feature = "spans")]
        Action::Span(_) => return None,
        Action::Record { .. }
        | Action::Count { .. }
        | Action::Settle { .. }
        | Action::GiveUp { .. }
        | Action::Bury { .. }
        | Action::Tally(_)
        | Action::BatchOver { .. }
        | Action::Exhume { .. } => {
            unreachable!("these are told with the number of the job")
        }
    })
}

fn told(event: &client::Event) -> String {
    let (job, what) = match event {
        client::Event::Job { id, job, what, .. } => {
            let job = number_of(*job);
            let is_own = *id == CorrelationId::Int(job.into());
            (if is_own { job.to_string() } else { format!("{id} of {job}") }, what)
        }
        client::Event::Batch(batch) => {
            let client::Batch { name, jobs, done, failed, cancelled, elapsed_ms } = &**batch;
            let counts = format!("{done} + {failed} + {cancelled}");
            return format!("batch {name}: {jobs} = {counts} in {elapsed_ms} ms");
        }
        client::Event::Rejected { id, code, .. } => return format!("{id} rejected: {code}"),
        client::Event::Error { id: Some(id), code, .. } => return format!("{id} error: {code}"),
        other => panic!("not the scheduler's to say: {other:?}"),
    };
    match what {
        JobEvent::Accepted => format!("{job} accepted"),
        JobEvent::Started { attempt, worker } => format!("{job} started: {attempt} by {worker}"),
        JobEvent::Progress(_) => format!("{job} progress"),
        JobEvent::Chunk { n, .. } => format!("{job} chunk {n}"),
        JobEvent::Retrying(retry) => format!("{job} retrying: {}", retry.code.as_str()),
        JobEvent::Done { .. } => format!("{job} done"),
        JobEvent::Failed { code, attempt, .. } => {
            format!("{job} failed {attempt}: {}", code.as_str())
        }
        JobEvent::Cancelled => format!("{job} cancelled"),
    }
}

/// Those lines that say which job runs where.
pub(crate) fn runs(lines: &[String]) -> Vec<&str> {
    lines.iter().filter_map(|line| line.strip_prefix("run ")).collect()
}
