//! Runs go on when another server takes over: the jobs that the journal kept wait for the workers that
//! have them, and nothing is sent to a worker that does.
//!
//! A run that goes on was counted as begun by the server that began it, so it is not counted again:
//! nor did its job wait for a slot, as far as anybody here knows. That it `started` is told with the
//! first thing that comes of it, as of any run whose start was not told yet: a client that knows is
//! told again what it knows, and none is told of a run of which it was never told that it began.

use crate::event::{Event, Hold};
use crate::ids::LaneKey;
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::adoption::Adoption;
use crate::time::Time;

impl Event {
    /// Whether it brings back what was before a restart or a takeover, may do so, or says that somebody
    /// has not come back yet. No worker is heard in it.
    fn is_of_recovery(&self) -> bool {
        matches!(
            self,
            Self::Recovered(_)
                | Self::RecoveredOutcome(_)
                | Self::RecoveredDeadLetter(_)
                | Self::RecoveredTally(_)
                | Self::PauseQueue { .. }
                | Self::SessionOpened { .. }
                | Self::SessionAbsent { .. }
        )
    }
}

impl Scheduler {
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
        self.give_up_unclaimed(step);
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

    /// A worker that is ready has runs from before a takeover. Those for which jobs wait go on, and
    /// those wait whose jobs may still come; the others are void, and the worker is told so.
    ///
    /// They may be more than its slots: of some it has said its last word, which nobody has written
    /// yet and which it says again. Nothing else goes to it until it has a free slot.
    pub(crate) fn take_up(&mut self, step: &mut Step<'_>, lane: LaneKey, holds: Vec<Hold>) {
        if holds.is_empty() {
            return;
        }
        for hold in holds {
            let Some(open) = self.lanes.get(lane) else { return };
            if open.held.contains_key(&hold.job) {
                // Named twice: it is one run, since the worker has one word for both.
                continue;
            }
            match self.by_id.find(&self.jobs, hold.job) {
                Some(key) if self.jobs[key].goes_on_with(hold.attempt) => {
                    self.adopt(step, key, lane, hold);
                }
                Some(key) => {
                    self.jobs[key].rare_mut().void_on.push(lane);
                    self.hold_takeover(step, lane, hold.job);
                }
                None if self.keep_for_submit(lane, hold) => {}
                None => self.hold_stray(step, lane, hold.job),
            }
        }
        self.lanes.keep_apart(lane);
        self.look_out(lane);
    }

    /// A job that waits goes on with a run that began under another server.
    pub(crate) fn adopt(&mut self, step: &mut Step<'_>, key: usize, lane: LaneKey, hold: Hold) {
        self.leave(step, key);
        let begins = self.occupy(step.now, key, lane, hold.attempt);
        self.jobs[key].chunks = hold.chunks;
        #[cfg(feature = "spans")]
        self.is_run_by(key, lane);
        if begins {
            self.count_beginning(step, key);
        }
    }
}
