//! Queues that an operator pauses: their jobs wait.

use acequia_wire::QueueName;
use acequia_wire::limits::QUEUES_MAX;

use crate::rules::step::Step;
use crate::scheduler::Scheduler;

impl Scheduler {
    pub(crate) fn pause(&mut self, name: &QueueName) {
        // However many names clients have made up, an operator can pause.
        if self.queues.find(name).is_some() || self.queues.paused() < QUEUES_MAX {
            let queue = self.queues.find_or_open(name);
            self.queues.set_paused(queue, true);
            self.is_suspicion_stale |= self.queues[queue].suspects() > 0;
        }
    }

    pub(crate) fn resume(&mut self, step: &mut Step<'_>, name: &QueueName) {
        let Some(queue) = self.queues.find(name) else { return };
        self.queues.set_paused(queue, false);
        self.is_suspicion_stale |= self.queues[queue].suspects() > 0;
        self.hand_out(step, queue);
        self.queues.forget_if_unused(queue);
    }

    /// Fills free slots with jobs of a queue, those of the least loaded lane first.
    fn hand_out(&mut self, step: &mut Step<'_>, queue: usize) {
        let mut passed_over = Vec::new();
        while self.queues[queue].in_line() > 0 && !self.draining {
            let lane = self.lanes.least_loaded(&self.queues[queue].groups, &passed_over);
            let Some(lane) = lane else { return };
            match self.queues[queue].take(&mut self.jobs, lane) {
                Some(job) => self.start(step, job, lane),
                // It still holds a void run of each job that waits.
                None => passed_over.push(lane),
            }
        }
    }
}
