//! Jobs come in, and leave before they run: submit, cancel, sessions, durability.

use std::sync::Arc;

use acequia_wire::client::{Event as ClientEvent, JobEvent, OnDisconnect, Refusal, Submit};
use acequia_wire::code::RejectCode;
use acequia_wire::limits::QUEUES_MAX;
use acequia_wire::{CorrelationId, JobId};

use crate::action::{Action, Measure};
use crate::event::{SessionId, Ticket};
use crate::job::{Job, State};
use crate::list::Links;
use crate::scheduler::{Scheduler, Step};
use crate::timers::TimerKind;

/// When a client may try again that has too much in flight, or finds the queues full: long enough
/// for some jobs to have ended.
const RETRY_AFTER_MS: u32 = 1_000;

impl Scheduler {
    pub(crate) fn submit(
        &mut self,
        step: &mut Step<'_>,
        session: SessionId,
        id: JobId,
        spec: Arc<Submit>,
    ) {
        // A session that has just ended: its last ops may still come.
        let Some(open) = self.clients.session(session) else { return };
        let (client, duplicate) = (open.client, open.jobs.contains_key(&spec.id));
        if let Err(refusal) = self.admit(client, duplicate, &spec) {
            step.tell(session, refusal.of_submit(spec.id.clone()).into());
            return;
        }
        let queue = self.queues.find_or_open(&spec.queue);
        self.payload_bytes += spec.payload.bytes().len();
        self.queues[queue].live += 1;
        self.clients.job_begins(client);
        step.measure(Measure::Submitted { queue: spec.queue.clone() });

        let due = step.now.plus_ms(spec.delay_ms);
        let expires = spec.ttl_ms.map(|ttl_ms| step.now.plus_ms(ttl_ms));
        let correlation = spec.id.clone();
        self.last_ticket = Ticket(self.last_ticket.0 + 1);
        let ticket = self.last_ticket;
        let job = self.jobs.insert(Job {
            id,
            session,
            client,
            queue,
            state: State::Delayed { until: due },
            ticket,
            submitted: step.now,
            waiting_since: due,
            expires,
            runs: 0,
            failures: 0,
            losses: 0,
            chunks: 0,
            accepted: false,
            start_told: false,
            void_on: Vec::new(),
            in_turn: Links::default(),
            in_arrival: Links::default(),
            spec: spec.clone(),
        });
        if let Some(open) = self.clients.session(session) {
            open.jobs.insert(correlation, job);
        }
        if let Some(at) = expires {
            self.timers.set(at, TimerKind::Expire, ticket, job);
        }
        self.undurable.push_back((ticket, job));
        step.out.push(Action::Record { ticket, job: id, spec });
        if due > step.now {
            self.timers.set(due, TimerKind::Due, ticket, job);
        } else {
            self.run_or_wait(step, job);
        }
    }

    fn admit(&self, client: usize, duplicate: bool, spec: &Submit) -> Result<(), Refusal> {
        let limits = &self.config.limits;
        let later = |code, message| Refusal {
            retry_after_ms: Some(RETRY_AFTER_MS),
            ..Refusal::new(code, message)
        };
        if self.draining {
            return Err(later(RejectCode::Draining, "the server is about to stop".to_owned()));
        }
        if duplicate {
            let message = format!("{} is the id of a live job of this session", spec.id);
            return Err(Refusal::new(RejectCode::DuplicateId, message));
        }
        if self.clients.jobs_of(client) >= limits.client_jobs {
            let message = format!(
                "this client has {} live jobs, the limit; submit more when some have ended",
                limits.client_jobs
            );
            return Err(later(RejectCode::TooManyJobs, message));
        }
        let full = |what: String| later(RejectCode::QueueFull, format!("{what}; try again later"));
        if self.jobs.len() - self.running >= limits.waiting_jobs {
            return Err(full(format!("{} jobs are waiting, the limit", limits.waiting_jobs)));
        }
        if self.payload_bytes + spec.payload.bytes().len() > limits.payloads_bytes {
            let limit = limits.payloads_bytes;
            return Err(full(format!("live jobs hold all of the {limit} bytes for payloads")));
        }
        if self.queues.len() >= QUEUES_MAX && self.queues.find(&spec.queue).is_none() {
            return Err(full(format!("{QUEUES_MAX} queues are in use, the limit")));
        }
        Ok(())
    }

    pub(crate) fn durable(&mut self, step: &mut Step<'_>, up_to: Ticket) {
        while let Some((ticket, job)) = self.undurable.pop_front_if(|(ticket, _)| *ticket <= up_to)
        {
            let Some(live) = self.jobs.get_mut(job).filter(|live| live.ticket == ticket) else {
                // It has ended already, and its outcome has told more than `accepted` would.
                continue;
            };
            live.accepted = true;
            self.tell(step, job, JobEvent::Accepted);
            self.tell_start(step, job);
        }
    }

    pub(crate) fn cancel(&mut self, step: &mut Step<'_>, session: SessionId, id: CorrelationId) {
        let Some(open) = self.clients.session(session) else { return };
        match open.jobs.get(&id) {
            Some(job) => {
                let job = *job;
                self.end_cancelled(step, job);
            }
            None => {
                let message = format!("cancel: no live job has the id {id}; it may have ended");
                let code = RejectCode::BadRequest;
                step.tell(session, ClientEvent::Error { id: Some(id), code, message });
            }
        }
    }

    pub(crate) fn session_closed(&mut self, step: &mut Step<'_>, session: SessionId) {
        let mut jobs = self.clients.close(session);
        // A map keeps no order, and what follows must not depend on its whims.
        jobs.sort_unstable();
        for job in jobs {
            if self.jobs[job].spec.on_disconnect == OnDisconnect::Cancel {
                self.end_cancelled(step, job);
            }
        }
    }

    fn end_cancelled(&mut self, step: &mut Step<'_>, job: usize) {
        let ran = self.abandon(step, job);
        self.end(step, job, JobEvent::Cancelled, ran);
    }
}
