//! What adoption calls for: who waits for it, for how long, and what becomes of what workers hold.

use acequia_wire::JobId;

use super::model::Model;
use super::parts::{Held, Job, Owed, State, Wait};
use crate::event::{Event, Hold};
use crate::ids::LaneKey;
use crate::void::VoidReason;

impl Job {
    /// Whether the run that a worker has may be the one that it waits for.
    fn goes_on_with(&self, attempt: u32) -> bool {
        let has_failed = self.failures + self.losses > 0;
        !self.begun && (attempt > self.runs || !has_failed)
    }
}

impl Model {
    /// The wait has an end from the first event on that brings nothing back.
    pub(super) fn limit_adoption(&mut self, event: &Event) {
        let brings_back = matches!(
            event,
            Event::Recovered(_)
                | Event::RecoveredOutcome(_)
                | Event::RecoveredDeadLetter(_)
                | Event::RecoveredTally(_)
                | Event::SessionAbsent { .. }
        );
        if self.adoption == Wait::Begins && !brings_back {
            self.adoption = Wait::Until(self.now + self.config.adoption);
        }
    }

    /// Whether jobs that the journal kept wait.
    pub(super) fn adopts(&self) -> bool {
        matches!(self.adoption, Wait::Begins | Wait::Until(_))
    }

    /// The wait is over.
    pub(super) fn release(&mut self) {
        self.adoption = Wait::Over;
        self.releases = true;
        self.jobs.values_mut().for_each(|job| job.held_back = false);
        self.turns.release(std::mem::take(&mut self.held_back));
    }

    pub(super) fn leave_held_back(&mut self, id: JobId) {
        let job = self.jobs.get_mut(&id).unwrap();
        job.held_back = false;
        if job.share().is_none() {
            self.held_back.leave(id, &self.jobs[&id]);
        }
    }

    /// What becomes of the runs that a worker has from before.
    pub(super) fn expect_holds(&mut self, key: LaneKey, holds: &[Hold]) {
        for Hold { job: id, attempt, chunks } in holds {
            let lane = &self.lanes[&key];
            if lane.held.contains_key(id) {
                continue;
            }
            let goes_on = self.jobs.get(id).is_some_and(|job| job.goes_on_with(*attempt));
            self.lanes.get_mut(&key).unwrap().declared.insert(*id);
            if goes_on {
                self.expect_adopted(key, *id, *attempt);
                self.jobs.get_mut(id).unwrap().chunks = *chunks;
                continue;
            }
            self.owed.push(Owed::CancelRun(key, *id));
            self.turns.soil(*id);
            self.held_back.soil(*id);
            let held = Held::Void(VoidReason::Takeover, self.now);
            self.lanes.get_mut(&key).unwrap().held.insert(*id, held);
        }
    }

    fn expect_adopted(&mut self, key: LaneKey, id: JobId, attempt: u32) {
        let job = &self.jobs[&id];
        match job.state {
            State::Waiting if job.held_back => self.leave_held_back(id),
            State::Waiting if job.share().is_none() => self.turns.leave(id, job),
            State::Waiting | State::Delayed { .. } => {}
            state => panic!("a job that has not begun is {state:?}"),
        }
        self.begin_run(key, id, attempt);
    }
}
