//! Jobs and batches that somebody else submitted: whoever asks is told of them, and of no more.

use acequia_wire::client::{Event as ClientEvent, JobEvent, Refusal, Watched};
use acequia_wire::code::RejectCode;
use acequia_wire::limits::WATCHERS_MAX;
use acequia_wire::{CorrelationId, JobId};

use crate::event::Sight;
use crate::ids::{ClientId, SessionId};
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::job::Job;
use crate::state::watchers::{Place, Watcher};

/// Whether one more may be told of a job.
pub(crate) fn check_watchers(job: &Job) -> Result<(), Refusal> {
    if job.watchers.len() < WATCHERS_MAX {
        return Ok(());
    }
    let message = format!("{WATCHERS_MAX} are told of this job already, the limit");
    Err(Refusal::new(RejectCode::TooManyJobs, message))
}

impl Scheduler {
    /// A session wants to be told of what is there: what is past, and what comes.
    pub(crate) fn watch(
        &mut self,
        step: &mut Step<'_>,
        session: SessionId,
        id: CorrelationId,
        what: &Watched,
        sight: Sight,
    ) {
        let Some(open) = self.clients.look_at(session) else { return };
        let client = self.clients.id_of(open.client);
        let watched = match what {
            Watched::Job(job) => {
                self.watch_job(step, session, &id, *job, (sight == Sight::Own).then_some(client))
            }
            Watched::Batch(name) => self.watch_batch(session, client, name, sight),
        };
        if let Err(Refusal { code, message, .. }) = watched {
            step.tell(session, ClientEvent::Error { id: Some(id), code, message });
        }
    }

    fn watch_job(
        &mut self,
        step: &mut Step<'_>,
        session: SessionId,
        id: &CorrelationId,
        job: JobId,
        only_of: Option<ClientId>,
    ) -> Result<(), Refusal> {
        let is_visible = |of: ClientId| only_of.is_none_or(|only| only == of);
        let watcher = Watcher { id, at: Place::looking_on(session) };
        let live = self.by_id.find(&self.jobs, job);
        if let Some(key) = live
            && is_visible(self.clients.id_of(self.jobs[key].client()))
        {
            return self.look_on(step, key, watcher);
        }
        if let Some(retained) = self.outcomes.of_job(job).filter(|of| is_visible(of.client)) {
            let (outcome, traceparent) = (retained.outcome.clone(), retained.traceparent.clone());
            step.tell_of_job(watcher, job, outcome, traceparent);
            return Ok(());
        }
        let message = format!(
            "watch: no job {job} of this client is live, and no outcome of it is kept: it never was, \
             or ended too long ago"
        );
        Err(Refusal::new(RejectCode::NotFound, message))
    }

    /// One more looks on at a live job. That counts as a live job of its own client, whoever's the
    /// job is, so that it is no way around the limit, and nobody's way to use up another's.
    fn look_on(
        &mut self,
        step: &mut Step<'_>,
        key: usize,
        watcher: Watcher<'_>,
    ) -> Result<(), Refusal> {
        let session = watcher.at.session;
        let Some(open) = self.clients.look_at(session) else { return Ok(()) };
        if let Some(known) = open.jobs.find(&self.jobs, watcher.id) {
            // A client that came back, and does not know whether its watch did too, says it again.
            if known == key {
                return Ok(());
            }
            let message = format!("{} is the id of a live job of this session", watcher.id);
            return Err(Refusal::new(RejectCode::DuplicateId, message));
        }
        let client = open.client;
        check_watchers(&self.jobs[key])?;
        self.clients.check_jobs(session, self.config.limits.client_jobs)?;
        self.clients.job_is_watched(client);
        self.begin_to_tell(step, key, watcher);
        Ok(())
    }

    /// From now on a session is told of a live job, at once of what is past.
    pub(crate) fn begin_to_tell(&mut self, step: &mut Step<'_>, key: usize, watcher: Watcher<'_>) {
        self.jobs[key].watchers.add(watcher);
        if let Some(open) = self.clients.session(watcher.at.session) {
            open.jobs.join(watcher.id, key);
        }
        self.tell_past(step, key, watcher);
    }

    /// Tells of a live job what is past.
    pub(crate) fn tell_past(&self, step: &mut Step<'_>, key: usize, watcher: Watcher<'_>) {
        let job = &self.jobs[key];
        if job.accepted {
            step.tell_of_job(watcher, job.id, JobEvent::Accepted, self.traceparent(job));
        }
        if let Some(started) = self.started(key).filter(|_| job.start_told) {
            step.tell_of_job(watcher, job.id, started, None);
        }
    }

    fn watch_batch(
        &mut self,
        session: SessionId,
        client: ClientId,
        name: &str,
        sight: Sight,
    ) -> Result<(), Refusal> {
        let own = self.batches.find(client, name);
        let batch = own.or_else(|| match sight {
            Sight::Own => None,
            Sight::All { batches_of } => self.batches.find(batches_of, name),
        });
        let Some(batch) = batch else {
            let message = format!(
                "watch: no job of a batch {name:?} of this client is live: the batch never began, or \
                 is over"
            );
            return Err(Refusal::new(RejectCode::NotFound, message));
        };
        self.attend(session, batch);
        Ok(())
    }
}
