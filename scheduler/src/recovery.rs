//! What the journal kept comes back.

use acequia_wire::JobId;

use crate::admission::New;
use crate::event::{Recovered, Retain};
use crate::scheduler::{Scheduler, Step};
use crate::time::Time;
use crate::timers::TimerKind;
use crate::watchers::Watchers;

impl Scheduler {
    /// A job goes on where the journal knows it to be. Nobody watches it until a submit names its
    /// key; no limit is asked, since it was admitted once.
    pub(crate) fn recovered(&mut self, step: &mut Step<'_>, recovered: Recovered) {
        let Recovered { job: id, client, ticket, spec, submitted, .. } = recovered;
        self.last_ticket = self.last_ticket.max(ticket);
        let client = self.clients.find_or_add(client);
        let delayed = submitted.plus_ms(spec.delay_ms);
        let due = recovered.not_before.map_or(delayed, |not_before| delayed.max(not_before));
        let new = New { id, client, ticket, submitted, due, spec };
        let key = self.begin(new, Watchers::default());
        let job = &mut self.jobs[key];
        job.kept = true;
        job.accepted = true;
        (job.runs, job.failures) = (recovered.runs, recovered.failures);
        job.losses = recovered.losses;
        // It had started, so it does not expire.
        if job.runs > 0
            && let Some(at) = job.expires.take()
        {
            self.timers.clear(at, TimerKind::Expire, ticket, key);
        }
        self.run_when_due(step, key);
    }

    pub(crate) fn recovered_outcome(
        &mut self,
        step: &Step<'_>,
        retain: Retain,
        job: JobId,
        ended: Time,
    ) {
        if ended + self.config.retention > step.now {
            let Retain { client, key, outcome, .. } = retain;
            self.keys.retain((client, key), job, outcome, ended, &self.config);
        }
    }
}
