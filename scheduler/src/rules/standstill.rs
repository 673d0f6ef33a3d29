//! Time in which nobody listened does not count: not as the silence of a worker, nor for a run whose
//! end may lie unread, nor as the absence of a client that could not come back; and who could not be
//! heard to hold a job may still say so.

use std::time::Duration;

use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::job::{Job, State};
use crate::state::list::List;
use crate::state::timers::TimerKind;

impl Scheduler {
    /// Nobody has listened for so long, until now. Walks over all that runs and all timers, which is
    /// little beside such a time.
    pub(crate) fn stood_still(&mut self, step: &Step<'_>, gap: Duration) {
        self.lanes.forgive(gap, step.now);
        let mut next = self.runs.front();
        while let Some(key) = next {
            let job = &mut self.jobs[key];
            let early = job.deadline(&self.config);
            if let State::Running { since, .. } = &mut job.state {
                *since = (*since + gap).min(step.now);
            }
            if let (Some(early), Some(late)) = (early, job.deadline(&self.config)) {
                self.timers.clear(early, TimerKind::Timeout, job.ticket, key);
                self.timers.set(late, TimerKind::Timeout, job.ticket, key);
            }
            next = List::after(&mut self.jobs, key, Job::in_arrival);
        }
        self.timers.adoption = self.timers.adoption.map(|until| until + gap);
        for (key, until) in self.timers.defer(TimerKind::Forsaken, gap) {
            self.jobs[key].rare_mut().forsaken = Some(until);
        }
    }
}
