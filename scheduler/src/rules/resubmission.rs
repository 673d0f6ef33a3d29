//! A submit that is said again, with the name of the job that it began: by a door, which does not know
//! whether the server that it said it to before had written it. It is no second job.

use std::sync::Arc;

use acequia_wire::client::{JobEvent, Refusal, Submit};
use acequia_wire::code::RejectCode;
use acequia_wire::{JobId, TraceParent};

use crate::ids::{ClientId, SessionId};
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::watchers::Watcher;

impl Scheduler {
    /// Whether a submit is that of a job that is there, live or ended; then it is answered.
    pub(crate) fn answer_by_id(
        &mut self,
        step: &mut Step<'_>,
        session: SessionId,
        id: JobId,
        spec: &Arc<Submit>,
    ) -> bool {
        if self.last_id < Some(id) {
            return false;
        }
        let answered = match self.by_id.find(&self.jobs, id) {
            Some(key) => self.submit_again(step, session, key, spec),
            None => match self.outcome_of(id) {
                Some((client, told)) => self.tell_again(step, session, (id, client), told, spec),
                None => return false,
            },
        };
        if let Err(refusal) = answered {
            step.tell(session, refusal.of_submit(spec.id.clone()).into());
        }
        true
    }

    /// What became of a job, whose it was, and its span, if that is known still.
    fn outcome_of(&self, id: JobId) -> Option<(ClientId, Told)> {
        if let Some(retained) = self.outcomes.of_job(id) {
            let told = (retained.outcome.clone(), retained.traceparent.clone());
            return Some((retained.client, told));
        }
        let letter = self.dead_letters.get(id)?;
        let (code, message) = (letter.code.clone(), letter.message.clone());
        let outcome = JobEvent::Failed { code, message, attempt: letter.runs };
        Some((letter.client, (outcome, letter.spec.traceparent.clone())))
    }

    fn tell_again(
        &self,
        step: &mut Step<'_>,
        session: SessionId,
        (id, client): (JobId, ClientId),
        (outcome, traceparent): Told,
        spec: &Arc<Submit>,
    ) -> Result<(), Refusal> {
        let Some(open) = self.clients.look_at(session) else { return Ok(()) };
        let is_taken = open.jobs.find(&self.jobs, &spec.id).is_some();
        if is_taken || self.clients.id_of(open.client) != client {
            return Err(not_that_job(spec));
        }
        step.tell_of_job(Watcher::of(session, spec), id, outcome, traceparent);
        Ok(())
    }

    /// The submit of a live job is said again. Its session is told as if it had just been accepted,
    /// if it was, and is told of the job from then on, if it was not before.
    fn submit_again(
        &mut self,
        step: &mut Step<'_>,
        session: SessionId,
        key: usize,
        spec: &Arc<Submit>,
    ) -> Result<(), Refusal> {
        let Some(open) = self.clients.look_at(session) else { return Ok(()) };
        let (known, asks_later) = (open.jobs.find(&self.jobs, &spec.id), open.asks_later);
        if known.is_some_and(|known| known != key) || open.client != self.jobs[key].client() {
            return Err(not_that_job(spec));
        }
        let watcher = Watcher::of(session, spec);
        if known.is_some() {
            let job = &self.jobs[key];
            if job.accepted {
                step.tell_of_job(watcher, job.id, JobEvent::Accepted, self.traceparent(job));
            }
        } else {
            self.join(session, key, spec)?;
            self.watch_again(step, key, watcher);
        }
        self.jobs[key].asked_for |= asks_later;
        Ok(())
    }

    /// The one that began a job is told of it again, as such; any other as one that joined.
    fn watch_again(&mut self, step: &mut Step<'_>, key: usize, watcher: Watcher<'_>) {
        if !self.jobs[key].watchers.begin_again(watcher) {
            return self.begin_to_tell(step, key, watcher);
        }
        if let Some(open) = self.clients.session(watcher.at.session) {
            open.jobs.begin(&self.jobs, key);
        }
        self.tell_past(step, key, watcher);
    }
}

/// An outcome as it is told, and the span of its job.
type Told = (JobEvent, Option<Box<TraceParent>>);

/// What a submit gets whose job is another's, or whose session calls another job so.
fn not_that_job(spec: &Submit) -> Refusal {
    let message = format!("{} is submitted again, and is the id of another job", spec.id);
    Refusal::new(RejectCode::DuplicateId, message)
}
