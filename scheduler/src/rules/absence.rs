//! Clients that are gone, for a while or for good, and what becomes of their jobs: they go on, are
//! cancelled, or are cancelled unless somebody comes back in time.

use acequia_wire::client::OnDisconnect;

use crate::ids::SessionId;
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::clients::Closed;
use crate::state::timers::TimerKind;
use crate::state::watchers::Watcher;

impl Scheduler {
    /// The client of a session is not there, and may come back.
    pub(crate) fn session_absent(&mut self, step: &mut Step<'_>, session: SessionId) {
        let Some(open) = self.clients.session(session) else { return };
        if std::mem::replace(&mut open.is_absent, true) {
            return;
        }
        for job in open.jobs.keys() {
            if self.is_wanted_by(session, job) {
                self.forsake(step, job, None);
            }
        }
    }

    /// The client of a session is there again.
    pub(crate) fn session_back(&mut self, session: SessionId) {
        let Some(open) = self.clients.session(session) else { return };
        open.is_absent = false;
        for job in open.jobs.keys() {
            if self.is_wanted_by(session, job) {
                self.wanted_again(job);
            }
        }
    }

    /// Whether a session submitted a job, rather than only look on.
    fn is_wanted_by(&self, session: SessionId, job: usize) -> bool {
        self.jobs[job].watchers.submits().any(|watcher| watcher.at.session == session)
    }

    pub(crate) fn session_closed(&mut self, step: &mut Step<'_>, session: SessionId) {
        let Closed { client, jobs, batches, was_absent } = self.clients.close(session);
        for batch in batches {
            self.batches.leave(batch, session);
        }
        for key in jobs {
            let was_wanted = self.is_wanted_by(session, key);
            let job = &mut self.jobs[key];
            let counted = job.watchers.count_as_jobs();
            let leaves = |watcher: Watcher<'_>| watcher.at.session == session;
            let leaving = || job.watchers.iter().filter(|of| leaves(*of));
            let looked_on = leaving().filter(|watcher| watcher.at.looks_on()).count();
            let patience = most_patient(leaving());
            job.watchers.remove(leaves);
            self.clients.jobs_end(job.client(), counted - job.watchers.count_as_jobs());
            if let Some(client) = client {
                self.clients.jobs_end(client, looked_on);
            }
            if !was_wanted {
                continue;
            }
            self.jobs[key].kept |= patience.is_none();
            // If it was absent, what comes of that was decided when it became so.
            if !was_absent {
                self.forsake(step, key, patience);
            }
        }
    }

    /// Somebody who was told about a job is gone. If nobody else is there, that may be its end:
    /// after the longest time that anybody would have wanted it to wait, of those who are away, and
    /// of the one who is gone for good, if one is.
    pub(crate) fn forsake(&mut self, step: &mut Step<'_>, key: usize, gone_for_good: Option<u32>) {
        let job = &self.jobs[key];
        let is_there = |watcher: Watcher<'_>| {
            self.clients.look_at(watcher.at.session).is_some_and(|open| !open.is_absent)
        };
        if job.kept || job.watchers.submits().any(is_there) {
            return;
        }
        let is_away = job.watchers.submits().next().is_some();
        let away = is_away.then(|| most_patient(job.watchers.iter()));
        let patience = match away {
            Some(None) => None,
            Some(Some(ms)) => Some(ms.max(gone_for_good.unwrap_or(0))),
            None => gone_for_good,
        };
        match patience {
            None => {}
            Some(0) => self.end_cancelled(step, key),
            Some(ms) => {
                self.wanted_again(key);
                let at = step.now.plus_ms(ms);
                self.jobs[key].rare_mut().forsaken = Some(at);
                self.timers.set(at, TimerKind::Forsaken, self.jobs[key].ticket, key);
            }
        }
    }

    /// Somebody wants to hear of this job again.
    pub(crate) fn wanted_again(&mut self, key: usize) {
        let job = &mut self.jobs[key];
        if let Some(at) = job.forsaken() {
            job.rare_mut().forsaken = None;
            self.timers.clear(at, TimerKind::Forsaken, job.ticket, key);
        }
    }
}

/// For how many milliseconds a job waits for those of these who want it; `None` if for ever.
fn most_patient<'a>(all: impl Iterator<Item = Watcher<'a>>) -> Option<u32> {
    let wishes = all.filter_map(|watcher| watcher.at.on_disconnect);
    wishes.map(OnDisconnect::patience_ms).try_fold(0, |most, ms| Some(ms?.max(most)))
}
