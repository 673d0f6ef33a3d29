//! What the journal kept comes back.

use std::sync::Arc;

use acequia_wire::CorrelationId;

use crate::ids::{SessionId, Ticket};
use crate::records::{Recovered, Retained};
use crate::rules::admission::New;
use crate::rules::endings::RETRY_MS_MAX;
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::jitter::Jitter;
use crate::state::timers::TimerKind;
use crate::state::watchers::{Watcher, Watchers};

impl Scheduler {
    /// Records up to this ticket were written before; the next one gets a higher one.
    pub fn start_after(&mut self, ticket: Ticket) {
        self.last_ticket = self.last_ticket.max(ticket);
    }

    /// A job goes on where the journal knows it to be. If its session does not go on, nobody watches
    /// it until a submit names its key. No limit is asked, since it was admitted once.
    pub(crate) fn recovered(&mut self, step: &mut Step<'_>, recovered: Recovered) {
        let Recovered { job: id, client, ticket, spec, submitted, .. } = recovered;
        self.start_after(ticket);
        let client = self.clients.find_or_add(client);
        // A clock that was ahead before the restart must not hold a job back for as long.
        let submitted = submitted.min(step.now);
        let latest_retry = step.now.plus_ms(Jitter::most(RETRY_MS_MAX));
        let not_before = recovered.not_before.unwrap_or_default().min(latest_retry);
        let due = submitted.plus_ms(spec.delay_ms).max(not_before);
        let new = New { id, client, ticket, submitted, due, spec };
        let session = recovered.session.filter(|session| self.clients.session(*session).is_some());
        if let Some(session) = session {
            self.give_up_id(session, &new.spec.id);
        }
        let watchers = match session {
            Some(session) => Watchers::one(Watcher::of(session, &new.spec)),
            None => Watchers::none(&new.spec.id),
        };
        let key = self.begin(&new, watchers);
        if let Some(session) = session {
            if let Some(open) = self.clients.session(session) {
                open.jobs.begin(&self.jobs, key);
            }
            if let Some(batch) = self.jobs[key].batch() {
                self.attend(session, batch);
            }
        }
        let job = &mut self.jobs[key];
        let expires = job.expires();
        let patience_ms = new.spec.on_disconnect.patience_ms();
        job.kept = session.is_none() && patience_ms.is_none();
        job.accepted = true;
        job.recovered = true;
        job.runs = recovered.runs;
        (job.failures, job.losses) = (recovered.failures.into(), recovered.losses.into());
        // It had started, so it does not expire.
        if job.runs > 0
            && let Some(at) = expires
        {
            self.timers.clear(at, TimerKind::Expire, ticket, key);
        }
        if session.is_none() {
            self.forsake(step, key, patience_ms);
        }
        if self.jobs.contains(key) {
            self.run_when_due(step, key);
        }
    }

    /// A session gave this id to another job since: it had cancelled the one that it called so before,
    /// which others wanted still. The journal does not know, so that one has come back as its own.
    fn give_up_id(&mut self, session: SessionId, id: &CorrelationId) {
        let Some(open) = self.clients.session(session) else { return };
        let Some(key) = open.jobs.find(&self.jobs, id) else { return };
        open.jobs.remove(id, key);
        let job = &mut self.jobs[key];
        job.watchers.remove(|watcher| watcher.at.session == session && watcher.id == id);
        // Whoever else wanted it says so when it submits its key again.
        job.kept = true;
    }

    pub(crate) fn recovered_outcome(&mut self, step: &mut Step<'_>, mut retained: Arc<Retained>) {
        self.start_after(retained.ticket);
        self.last_id = self.last_id.max(Some(retained.job));
        if retained.ended > step.now {
            Arc::make_mut(&mut retained).ended = step.now;
        }
        if retained.ended + self.config.retention > step.now {
            self.keep(retained);
            // There may be other limits now.
            self.give_up(step);
        }
    }
}
