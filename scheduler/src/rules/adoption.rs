//! Runs go on when another server takes over: the jobs that the journal kept wait for the workers that
//! have them, and nothing is sent to a worker that does.
//!
//! A run that goes on was counted as begun by the server that began it, so it is not counted again:
//! nor did its job wait for a slot, as far as anybody here knows. That it `started` is told with the
//! first thing that comes of it, as of any run whose start was not told yet: a client that knows is
//! told again what it knows, and none is told of a run of which it was never told that it began.

use crate::action::Action;
use crate::event::{Event, Hold};
use crate::ids::LaneKey;
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::adoption::Adoption;
use crate::time::Time;
use crate::void::VoidReason;

impl Event {
    /// Whether it brings back what was before a restart or a takeover, or says that somebody has not
    /// come back yet.
    fn is_of_recovery(&self) -> bool {
        matches!(
            self,
            Self::Recovered(_)
                | Self::RecoveredOutcome(_)
                | Self::RecoveredDeadLetter(_)
                | Self::RecoveredTally(_)
                | Self::SessionAbsent { .. }
        )
    }
}

impl Scheduler {
    /// A job comes back from the journal. It and its like wait, if they are to.
    pub(crate) fn begin_adoption(&mut self) {
        if self.adoption == Adoption::None && !self.config.adoption.is_zero() {
            self.adoption = Adoption::Recovering;
        }
    }

    /// From the first event on that is not one of recovery, which may take its time, the wait has
    /// an end.
    pub(crate) fn limit_adoption(&mut self, now: Time, event: &Event) {
        if self.adoption == Adoption::Recovering && !event.is_of_recovery() {
            self.adoption = Adoption::On;
            self.timers.adoption = Some(now + self.config.adoption);
        }
    }

    /// Whether a job that may run waits for a worker that has it.
    pub(crate) fn waits_for_adoption(&self, key: usize) -> bool {
        self.adoption.is_on() && self.jobs[key].recovered
    }

    /// All that waits for a worker that has it may begin, as if it had come back only now and all
    /// workers with it.
    pub(crate) fn adoption_is_over(&mut self, step: &mut Step<'_>) {
        self.timers.adoption = None;
        if !std::mem::replace(&mut self.adoption, Adoption::Over).is_on() {
            return;
        }
        self.suspects += self.queues.release(&mut self.jobs);
        if self.suspects > 0 {
            self.look_at_suspects(step);
        }
        self.fill_all(step);
    }

    /// Fills the free slots of all lanes with what waits, those of the least loaded lane first.
    fn fill_all(&mut self, step: &mut Step<'_>) {
        let (mut groups, mut passed_over) = (self.lanes.groups(), Vec::new());
        while !self.draining
            && let Some(lane) = self.lanes.least_loaded(&groups, &passed_over)
        {
            if let Some(job) = self.take_for(lane) {
                self.start(step, job, lane);
                continue;
            }
            let Some(group) = self.lanes.get(lane).map(|lane| lane.group) else { return };
            let waits = |queue: &usize| {
                let queue = &self.queues[*queue];
                queue.in_line() > 0 && !queue.is_paused
            };
            if self.lanes.queues_of(group).iter().any(waits) {
                // It holds a void run of each job that waits.
                passed_over.push(lane);
            } else {
                groups.retain(|of| *of != group);
            }
        }
    }

    /// A worker that is ready has runs from before a takeover. Those for which jobs wait go on; the
    /// others are void, and the worker is told so.
    ///
    /// They may be more than its slots: of some it has said its last word, which nobody has written
    /// yet and which it says again. Nothing else goes to it until it has a free slot.
    pub(crate) fn take_up(&mut self, step: &mut Step<'_>, lane: LaneKey, holds: Vec<Hold>) {
        if holds.is_empty() {
            return;
        }
        for Hold { job: id, attempt, chunks } in holds {
            let Some(open) = self.lanes.get(lane) else { return };
            if open.held.contains_key(&id) {
                // Named twice: it is one run, since the worker has one word for both.
                continue;
            }
            let live = self.by_id.find(&self.jobs, id);
            match live {
                Some(key) if self.jobs[key].goes_on_with(attempt) => {
                    self.adopt(step, key, lane, attempt);
                    self.jobs[key].chunks = chunks;
                    continue;
                }
                Some(key) => self.jobs[key].rare_mut().void_on.push(lane),
                None => self.lanes.add_stray(id, lane),
            }
            self.lanes.hold_void(lane, id, (step.now, VoidReason::Takeover));
            step.out.push(Action::CancelRun { lane, job: id });
        }
        self.lanes.keep_apart(lane);
        self.look_out(lane);
    }

    /// A job that waits goes on with a run that began under another server.
    fn adopt(&mut self, step: &mut Step<'_>, key: usize, lane: LaneKey, attempt: u32) {
        self.leave(step, key);
        let begins = self.occupy(step.now, key, lane, attempt);
        #[cfg(feature = "spans")]
        self.is_run_by(key, lane);
        if begins {
            self.count_beginning(step, key);
        }
    }
}
