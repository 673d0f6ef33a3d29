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
use crate::state::job::Job;
use crate::state::lanes::{Look, Removed, Run};
use crate::state::lines::End;
use crate::state::list::{Links, List};
use crate::void::VoidReason;

impl Scheduler {
    pub(crate) fn lane_ready(&mut self, step: &mut Step<'_>, lane: LaneKey, offer: LaneOffer) {
        if self.lanes.get(lane).is_some() {
            return;
        }
        let queues = &mut self.queues;
        // One without slots only publishes; no queue is its own.
        let offered = offer.queues.iter().filter(|_| offer.slots > 0);
        let mut keys: Vec<usize> = offered.map(|name| queues.find_or_open(name)).collect();
        keys.sort_unstable();
        keys.dedup();
        let (group, new) = self.lanes.add(lane, offer.name, offer.slots, keys.clone(), step.now);
        if new {
            for queue in keys {
                self.queues.serve(queue, group);
            }
        }
        self.take_up(step, lane, offer.holds);
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
            self.is_suspicion_stale |= self.suspects > 0;
            step.out.push(Action::SayBye { lane: key });
        }
    }

    pub(crate) fn lane_closed(&mut self, step: &mut Step<'_>, key: LaneKey) {
        let Some(Removed { lane, orphaned }) = self.lanes.remove(key) else { return };
        if let Some(at) = lane.look_at {
            self.timers.clear_look(at, key);
        }
        for queue in orphaned {
            self.queues.desert(queue, lane.group);
            self.queues.forget_if_unused(queue);
        }
        self.is_suspicion_stale |= self.suspects > 0;
        let held = lane.held.len();
        let mut lost = Vec::new();
        for (id, run) in lane.held {
            match run {
                Run::Live { job } => {
                    // The list that it was in has gone with the lane.
                    self.jobs[job].in_turn = Links::default();
                    lost.push(job);
                }
                Run::Void { .. } => self.forget_void(key, id),
                Run::Unclaimed => {}
            }
        }
        self.forget_unclaimed(step, key);
        self.lose(step, &lane.name, lost, held == 1);
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
            self.look_out(lane);
            self.fill(step, lane);
        }
    }

    pub(crate) fn beat(&mut self, lane: LaneKey) {
        if self.lanes.beat(lane) {
            self.look_out(lane);
        }
    }

    /// Sees to it that a lane is looked at in time, if there is something to be looked at.
    pub(crate) fn look_out(&mut self, key: LaneKey) {
        let next = self.lanes.next_look(key, self.config.lease, self.patience());
        let set = self.lanes.get(key).and_then(|lane| lane.look_at);
        let Some((at, _)) = next.filter(|(at, _)| set.is_none_or(|set| *at < set)) else { return };
        if let Some(set) = set {
            self.timers.clear_look(set, key);
        }
        self.lanes.look_at(key, Some(at));
        self.timers.set_look(at, key);
    }

    /// A lane is looked at. If its time has come for nothing, it is looked at later.
    pub(crate) fn lane_due(&mut self, step: &mut Step<'_>, key: LaneKey) {
        let next = self.lanes.next_look(key, self.config.lease, self.patience());
        // Not `now`: what was due before the end of this lease comes before it.
        let looked_at = self.lanes.get(key).and_then(|lane| lane.look_at);
        self.lanes.look_at(key, None);
        match next.filter(|(at, _)| Some(*at) <= looked_at) {
            Some((_, Look::Lease)) => self.lease_is_over(step, key),
            Some((_, Look::Remind)) => {
                self.silence(key);
                if let Some(job) = self.lanes.remind(key) {
                    step.out.push(Action::Remind { lane: key, job });
                }
            }
            Some((_, Look::End)) => {
                step.out.push(Action::EndLane { lane: key });
                return self.lane_closed(step, key);
            }
            None => {}
        }
        self.look_out(key);
    }

    fn silence(&mut self, key: LaneKey) {
        self.lanes.silence(key);
        self.is_suspicion_stale |= self.suspects > 0;
    }

    /// The lease of a lane has run out. Its runs are void, and what its worker says of them when it
    /// wakes is too late.
    fn lease_is_over(&mut self, step: &mut Step<'_>, key: LaneKey) {
        self.silence(key);
        let Some(lane) = self.lanes.get(key) else { return };
        let (name, was_alone) = (lane.name.clone(), lane.held.len() == 1);
        let mut lost = Vec::with_capacity(lane.live);
        let mut next = lane.runs.front();
        while let Some(job) = next {
            lost.push(job);
            next = List::after(&mut self.jobs, job, Job::in_turn);
        }
        self.lose(step, &name, lost, was_alone);
    }

    /// The runs of these jobs are lost with their worker. One that was alone with it, with no void
    /// run beside it either, may be why, and is taken to be if it was lost as often before.
    fn lose(
        &mut self,
        step: &mut Step<'_>,
        worker: &Arc<str>,
        mut lost: Vec<usize>,
        was_alone: bool,
    ) {
        // The order in which a queue would hand them out. Those in the slots have none.
        lost.sort_unstable_by_key(|job| {
            let job = &self.jobs[*job];
            (Reverse(job.priority), job.ticket)
        });
        let mut back_in_line = Vec::new();
        for job in lost {
            let ran = self.abandon(step, job, VoidReason::Lost);
            self.jobs[job].losses.add_one();
            let losses = self.jobs[job].losses.get();
            if was_alone && losses > LOSSES_MAX {
                let before = losses - 1;
                let message = format!(
                    "the worker {worker} was lost with this job alone, and {before} before"
                );
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
        jobs.retain(|job| {
            let is_suspect = self.jobs[*job].share().is_some();
            if is_suspect {
                self.wait_apart(step, *job);
            }
            !is_suspect
        });
        jobs.retain(|job| !self.run_at_once(step, *job));
        for job in jobs.into_iter().rev() {
            self.wait(step, job, End::Front);
        }
    }
}
