//! Lanes come and go, some fall silent, and what a lane held goes elsewhere.

use std::cmp::Reverse;
use std::sync::Arc;

use acequia_wire::code::ServerFailCode;
use acequia_wire::limits::LOSSES_MAX;

use crate::action::{Action, Measure};
use crate::event::LaneOffer;
use crate::ids::LaneKey;
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::lanes::{Removed, Run};
use crate::state::queue::End;

impl Scheduler {
    pub(crate) fn lane_ready(&mut self, step: &mut Step<'_>, lane: LaneKey, offer: LaneOffer) {
        if self.lanes.get(lane).is_some() {
            return;
        }
        let queues = &mut self.queues;
        let mut keys: Vec<usize> =
            offer.queues.iter().map(|name| queues.find_or_open(name)).collect();
        keys.sort_unstable();
        keys.dedup();
        let (group, new) = self.lanes.add(lane, offer.name, offer.slots, keys.clone(), step.now);
        if new {
            for queue in keys {
                self.queues[queue].groups.push(group);
            }
        }
        if self.draining {
            self.lane_draining(step, lane);
        }
        self.fill(step, lane);
    }

    /// No job goes to this lane any more, and its worker is told so: also one that asked for it,
    /// since it cannot know by itself whether a job is still on its way.
    pub(crate) fn lane_draining(&mut self, step: &mut Step<'_>, key: LaneKey) {
        if self.lanes.get(key).is_some_and(|lane| !lane.draining) {
            self.lanes.drain(key);
            step.out.push(Action::SayBye { lane: key });
        }
    }

    pub(crate) fn lane_closed(&mut self, step: &mut Step<'_>, key: LaneKey) {
        let Some(Removed { lane, orphaned }) = self.lanes.remove(key) else { return };
        if let Some(at) = lane.look_at {
            self.timers.clear_lease(at, key);
        }
        for queue in orphaned {
            self.queues[queue].groups.retain(|group| *group != lane.group);
            self.queues.forget_if_unused(queue);
        }
        let mut lost = Vec::new();
        for (id, run) in lane.held {
            match run {
                Run::Live { job } => lost.push(job),
                Run::Void { job } => self.forget_void(key, job, id),
            }
        }
        self.lose(step, &lane.name, lost);
    }

    /// Does what a worker's message calls for. It proves that the worker lives: one that was silent
    /// takes jobs again, after what it has to say.
    pub(crate) fn heed(
        &mut self,
        step: &mut Step<'_>,
        lane: LaneKey,
        act: impl FnOnce(&mut Self, &mut Step<'_>),
    ) {
        let takes_jobs_again = self.lanes.hear(lane, step.now);
        act(self, step);
        if takes_jobs_again {
            self.fill(step, lane);
        }
    }

    pub(crate) fn beat(&mut self, lane: LaneKey) {
        if self.lanes.beat(lane) {
            self.look_at_lease(lane);
        }
    }

    /// Sets the timer of a lane that has none, if it is on a lease.
    pub(crate) fn look_at_lease(&mut self, lane: LaneKey) {
        let end = self.lanes.lease_end(lane, self.config.lease);
        self.lanes.look_at(lane, end);
        if let Some(at) = end {
            self.timers.set_lease(at, lane);
        }
    }

    /// The lease of a lane is looked at: it goes on, does not matter, or has run out. Then its runs
    /// are void, and what its worker says of them when it wakes is too late.
    pub(crate) fn lease_due(&mut self, step: &mut Step<'_>, key: LaneKey) {
        let end = self.lanes.lease_end(key, self.config.lease);
        // Not `now`: what was due before the end of this lease comes before it.
        let looked_at = self.lanes.get(key).and_then(|lane| lane.look_at);
        if end.is_none() || end > looked_at {
            return self.look_at_lease(key);
        }
        self.lanes.look_at(key, None);
        self.lanes.silence(key);
        let Some(lane) = self.lanes.get(key) else { return };
        let name = lane.name.clone();
        let live = |run: &Run| match run {
            Run::Live { job } => Some(*job),
            Run::Void { .. } => None,
        };
        let lost = lane.held.values().filter_map(live).collect();
        self.lose(step, &name, lost);
    }

    /// The runs of these jobs are lost with their worker.
    fn lose(&mut self, step: &mut Step<'_>, worker: &Arc<str>, mut lost: Vec<usize>) {
        // The order in which a queue would hand them out. Those in the slots have none.
        lost.sort_unstable_by_key(|job| {
            let job = &self.jobs[*job];
            (Reverse(job.priority), job.ticket)
        });
        let mut back_in_line = Vec::new();
        for job in lost {
            let ran = self.abandon(step, job);
            self.jobs[job].losses.add_one();
            if self.jobs[job].losses.get() > LOSSES_MAX {
                let message = format!("the worker {worker} was lost, and {LOSSES_MAX} before");
                self.end_failed(step, job, ServerFailCode::WorkerLost, message, ran);
            } else {
                let message = format!("the worker {worker} was lost");
                let code = ServerFailCode::WorkerLost.into();
                self.count(step, job, None);
                #[cfg(feature = "spans")]
                self.has_run(step, job, ran, Some(&code));
                self.tell_retry(step, job, code, message, 0);
                let queue = self.queues[self.jobs[job].queue()].name.clone();
                step.measure(Measure::Redelivered { queue });
                back_in_line.push(job);
            }
        }
        self.redeliver(step, back_in_line);
    }

    /// Runs lost jobs again at once, the first first; those that find no slot go to the front of
    /// their lines in the same order.
    fn redeliver(&mut self, step: &mut Step<'_>, mut jobs: Vec<usize>) {
        jobs.retain(|job| !self.run_at_once(step, *job));
        for job in jobs.into_iter().rev() {
            self.wait(step, job, End::Front);
        }
    }
}
