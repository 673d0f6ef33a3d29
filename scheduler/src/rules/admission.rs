//! Jobs come in, and leave before they run: submit, cancel, sessions, durability.

use std::sync::Arc;

use acequia_restraint::{NoShare, Share};
use acequia_wire::client::{Event as ClientEvent, JobEvent, Refusal, Submit};
use acequia_wire::code::RejectCode;
use acequia_wire::{CorrelationId, JobId};

use crate::action::{Action, Measure};
use crate::ids::{SessionId, Ticket};
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::clients::Clients;
use crate::state::job::{Belongs, Count, Job, Rare, State};
use crate::state::keys::Keyed;
use crate::state::list::Links;
use crate::state::timers::TimerKind;
use crate::state::watchers::{Watcher, Watchers};
use crate::time::Time;
use crate::void::VoidReason;

/// When a client may try again that has too much in flight, or finds the queues full: long enough
/// for some jobs to have ended.
const RETRY_AFTER_MS: u32 = 1_000;

/// A job that begins.
pub(crate) struct New {
    pub(crate) id: JobId,
    pub(crate) client: usize,
    pub(crate) ticket: Ticket,
    pub(crate) submitted: Time,
    /// When it may run.
    pub(crate) due: Time,
    pub(crate) spec: Arc<Submit>,
}

/// Whether a client may have `more` of what all share; `full` says that nothing of it is left, and
/// `what` is what there is so much of.
fn share(
    share: Share,
    more: usize,
    full: impl FnOnce() -> String,
    what: impl FnOnce() -> String,
) -> Result<(), Refusal> {
    let Err(why) = share.take(more) else { return Ok(()) };
    let Share { pool, held, .. } = share;
    let message = match why {
        NoShare::Full => format!("{}; try again later", full()),
        NoShare::TooMuch => format!(
            "this client has {held} of the {pool} {}, and may not have more than is left for all \
             others; submit more when some of its jobs have ended",
            what()
        ),
    };
    Err(later(RejectCode::QueueFull, message))
}

/// A refusal that waiting helps against.
fn later(code: RejectCode, message: String) -> Refusal {
    Refusal { retry_after_ms: Some(RETRY_AFTER_MS), ..Refusal::new(code, message) }
}

impl Clients {
    /// Whether the client of a session may have another live job, by this session.
    pub(crate) fn check_jobs(&self, session: SessionId, limit: usize) -> Result<(), Refusal> {
        let Some((client, own_limit)) = self.quota(session) else { return Ok(()) };
        let limit = limit.min(own_limit);
        if self.jobs_of(client) < limit {
            return Ok(());
        }
        let message = format!(
            "this client has {limit} live jobs, the limit; submit more when some have ended"
        );
        Err(later(RejectCode::TooManyJobs, message))
    }
}

impl Scheduler {
    pub(crate) fn submit(
        &mut self,
        step: &mut Step<'_>,
        session: SessionId,
        id: JobId,
        spec: Arc<Submit>,
    ) {
        if self.answer_by_id(step, session, id, &spec) {
            return;
        }
        // A session that has just ended: its last ops may still come.
        let Some(open) = self.clients.session(session) else { return };
        let (client, duplicate) = (open.client, open.jobs.find(&self.jobs, &spec.id).is_some());
        let refuse = |step: &mut Step<'_>, refusal: Refusal| {
            step.tell(session, refusal.of_submit(spec.id.clone()).into());
        };
        if let Err(refusal) = self.listen(duplicate, &spec) {
            return refuse(step, refusal);
        }
        if self.answer_by_key(step, session, client, &spec) {
            return;
        }
        if let Err(refusal) = self.admit(session, client, &spec) {
            return refuse(step, refusal);
        }
        step.measure(Measure::Submitted { queue: spec.queue.clone() });
        let ticket = self.next_ticket();
        let due = step.now.plus_ms(spec.delay_ms);
        let new = New { id, client, ticket, submitted: step.now, due, spec };
        let job = self.begin(&new, Watchers::one(Watcher::of(session, &new.spec)));
        if let Some(open) = self.clients.session(session) {
            open.jobs.begin(&self.jobs, job);
            self.jobs[job].asked_for = open.asks_later;
        }
        if let Some(batch) = self.jobs[job].batch() {
            self.attend(session, batch);
        }
        self.record(step, job, new.spec);
        self.run_when_due(step, job);
    }

    pub(crate) fn next_ticket(&mut self) -> Ticket {
        self.last_ticket = self.last_ticket.next();
        self.last_ticket
    }

    /// Has the journal write a job that has just begun.
    pub(crate) fn record(&mut self, step: &mut Step<'_>, key: usize, spec: Arc<Submit>) {
        let job = &self.jobs[key];
        let (id, ticket, submitted) = (job.id, job.ticket, job.submitted);
        self.undurable.push_back((ticket, key));
        let (client, session) = (self.clients.id_of(job.client()), job.watchers.began_in());
        step.out.push(Action::Record { ticket, job: id, client, session, submitted, spec });
    }

    /// A job begins, and everything that is counted counts it.
    pub(crate) fn begin(&mut self, new: &New, watchers: Watchers) -> usize {
        let New { id, client, ticket, submitted, due, ref spec } = *new;
        let queue = self.queues.find_or_open(&spec.queue);
        let bytes = spec.payload.bytes().len();
        self.payload_bytes += bytes;
        self.queues[queue].live += 1;
        self.clients.job_begins(client, queue, bytes);
        let batch = spec.batch.as_deref().map(|name| {
            let client = self.clients.id_of(client);
            self.batches.join(client, name, submitted)
        });
        let (key, ttl_ms, traceparent) = (spec.key.clone(), spec.ttl_ms, spec.traceparent.clone());
        let void_on = self.lanes.take_strays(id);
        let is_rare = key.is_some()
            || batch.is_some()
            || ttl_ms.is_some()
            || traceparent.is_some()
            || !void_on.is_empty();
        let rare = Rare { key, batch, ttl_ms, traceparent, void_on, ..Rare::default() };
        let rare = is_rare.then(|| Box::new(rare));
        let job = self.jobs.insert(Job {
            id,
            watchers,
            belongs: Belongs::new(client, queue),
            payload: spec.payload.clone(),
            state: State::Delayed { until: due },
            ticket,
            submitted,
            priority: spec.priority,
            attempts: spec.attempts.into(),
            timeout_ms: spec.timeout_ms.into(),
            runs: 0,
            failures: Count::default(),
            losses: Count::default(),
            chunks: 0,
            kept: false,
            asked_for: false,
            accepted: false,
            start_told: false,
            recovered: false,
            in_turn: Links::default(),
            in_arrival: Links::default(),
            rare,
        });
        self.by_id.insert(&self.jobs, job);
        self.last_id = self.last_id.max(Some(id));
        if let Some(key) = &spec.key {
            self.claim_key(self.clients.id_of(client), key, Keyed::Live(job));
        }
        if let Some(at) = self.jobs[job].expires() {
            self.timers.set(at, TimerKind::Expire, ticket, job);
        }
        job
    }

    /// Runs a job that has just begun, has it wait, or sets its timer; if a worker has it already, it
    /// goes on there.
    pub(crate) fn run_when_due(&mut self, step: &mut Step<'_>, key: usize) {
        if self.claim(step, key) {
            return;
        }
        let job = &self.jobs[key];
        let State::Delayed { until } = job.state else { return };
        if until > step.now {
            self.timers.set(until, TimerKind::Due, job.ticket, key);
        } else {
            self.run_or_wait(step, key);
        }
    }

    /// Whether a submit is looked at at all.
    fn listen(&self, duplicate: bool, spec: &Submit) -> Result<(), Refusal> {
        if self.draining {
            return Err(later(RejectCode::Draining, "the server is about to stop".to_owned()));
        }
        if duplicate {
            let message = format!("{} is the id of a live job of this session", spec.id);
            return Err(Refusal::new(RejectCode::DuplicateId, message));
        }
        Ok(())
    }

    /// Whether there is room for another job, and its client may have that.
    fn admit(&self, session: SessionId, client: usize, spec: &Submit) -> Result<(), Refusal> {
        let limits = &self.config.limits;
        if self.storage_failed {
            let message = "the server cannot write its journal; try again later".to_owned();
            return Err(later(RejectCode::Storage, message));
        }
        self.clients.check_jobs(session, limits.client_jobs)?;
        let holds = self.clients.holds(client);

        let pool = limits.waiting_jobs;
        let waiting = Share { pool, used: self.jobs.len() - self.running, held: holds.waiting };
        let full = || format!("{pool} jobs are waiting, the limit");
        share(waiting, 1, full, || "jobs that may wait".to_owned())?;

        let (pool, name) = (limits.queue_jobs, &spec.queue);
        if let Some(queue) = self.queues.find(name) {
            let (used, held) = (self.queues[queue].live, holds.in_queues.of(queue));
            let full = || format!("the queue {name} has {pool} live jobs, the limit");
            let what = || format!("live jobs that the queue {name} may have");
            share(Share { pool, used, held }, 1, full, what)?;
        } else {
            let (pool, held) = (self.config.queue_names, holds.in_queues.queues());
            let names = Share { pool, used: self.queues.made_up(), held };
            let full = || format!("{pool} queues that no worker serves are in use, the limit");
            share(names, 1, full, || "queues that may be in use".to_owned())?;
        }

        let pool = limits.payloads_bytes;
        let payloads = Share { pool, used: self.payload_bytes, held: holds.payload_bytes };
        let full = || format!("live jobs hold {} of the {pool} bytes for payloads", payloads.used);
        share(payloads, spec.payload.bytes().len(), full, || "bytes for payloads".to_owned())
    }

    pub(crate) fn durable(&mut self, step: &mut Step<'_>, up_to: Ticket) {
        while let Some((ticket, job)) = self.undurable.pop_front_if(|(ticket, _)| *ticket <= up_to)
        {
            let Some(live) = self.jobs.get_mut(job).filter(|live| live.ticket == ticket) else {
                // It has ended already, and its outcome has told more than `accepted` would.
                continue;
            };
            live.accepted = true;
            if !matches!(live.state, State::Running { .. }) {
                // Its record was the last to share it. It may wait for long.
                live.payload.unshare();
            }
            self.tell(step, job, JobEvent::Accepted);
            self.tell_start(step, job);
        }
    }

    pub(crate) fn cancel(&mut self, step: &mut Step<'_>, session: SessionId, id: CorrelationId) {
        let Some(open) = self.clients.session(session) else { return };
        match open.jobs.find(&self.jobs, &id) {
            Some(job) => {
                if !self.unwatch(step, session, &id, job) {
                    self.end_cancelled(step, job);
                }
            }
            None => {
                let message = format!("cancel: no live job has the id {id}; it may have ended");
                let code = RejectCode::BadRequest;
                step.tell(session, ClientEvent::Error { id: Some(id), code, message });
            }
        }
    }

    /// As if each who is told about it had cancelled it.
    pub(crate) fn cancel_job(&mut self, step: &mut Step<'_>, job: JobId) {
        if let Some(key) = self.by_id.find(&self.jobs, job) {
            self.end_cancelled(step, key);
        }
    }

    pub(crate) fn end_cancelled(&mut self, step: &mut Step<'_>, job: usize) {
        let ran = self.abandon(step, job, VoidReason::Cancelled);
        self.end(step, job, JobEvent::Cancelled, ran);
    }
}
