//! What adoption calls for: who waits for it, for how long, and what becomes of what workers hold.

use acequia_wire::JobId;

use super::model::Model;
use super::parts::{Held, Job, Owed, State, Unclaimed, Wait};
use crate::action::Dropped;
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
                | Event::PauseQueue { .. }
                | Event::SessionOpened { .. }
                | Event::SessionAbsent { .. }
        );
        if self.adoption == Wait::Begins && !brings_back {
            self.adoption = Wait::Until(self.now + self.config.adoption);
        }
    }

    /// Whether jobs that the journal kept wait, and runs of others.
    pub(super) fn adopts(&self) -> bool {
        matches!(self.adoption, Wait::Begins | Wait::Until(_))
    }

    /// The wait is over.
    pub(super) fn release(&mut self) {
        self.adoption = Wait::Over;
        for (id, run) in std::mem::take(&mut self.unclaimed) {
            match run.word {
                Some(_) => self.owed.push(Owed::Dropped(Dropped::Late)),
                None => self.expect_takeover(run.lane, id),
            }
        }
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
        for hold in holds {
            let (lane, id) = (&self.lanes[&key], hold.job);
            if lane.held.contains_key(&id) {
                continue;
            }
            let job = self.jobs.get(&id);
            let goes_on = job.is_some_and(|job| job.goes_on_with(hold.attempt));
            let may_come = job.is_none() && self.may_come(id);
            let lane = self.lanes.get_mut(&key).unwrap();
            lane.declared.insert(id);
            if goes_on {
                self.expect_adopted(key, *hold);
            } else if may_come {
                lane.held.insert(id, Held::Unclaimed);
                let Hold { attempt, chunks, .. } = *hold;
                self.unclaimed.insert(id, Unclaimed { lane: key, attempt, chunks, word: None });
            } else {
                self.expect_takeover(key, id);
            }
        }
    }

    /// Whether a job that is not there may be submitted again, whose run nobody else has.
    pub(super) fn may_come(&self, id: JobId) -> bool {
        self.adopts() && !self.unclaimed.contains_key(&id) && self.outcome(id).is_none()
    }

    /// A worker has a run from before that no job waits for.
    fn expect_takeover(&mut self, key: LaneKey, id: JobId) {
        self.owed.push(Owed::CancelRun(key, id));
        self.turns.soil(id);
        self.held_back.soil(id);
        let lane = self.lanes.get_mut(&key).unwrap();
        if !lane.has_void() {
            lane.void_since = self.now;
        }
        lane.held.insert(id, Held::Void(VoidReason::Takeover, self.now));
    }

    /// A job begins of which a worker has a run already, if one has.
    pub(super) fn expect_claimed(&mut self, id: JobId) {
        let Some(run) = self.unclaimed.remove(&id) else { return };
        let Unclaimed { lane, attempt, chunks, word } = run;
        self.expect_adopted(lane, Hold { job: id, attempt, chunks });
        self.word = word;
    }

    /// A lane is over.
    pub(super) fn forget_unclaimed(&mut self, key: LaneKey) {
        for (_, run) in self.unclaimed.extract_if(.., |_, run| run.lane == key) {
            self.owed.extend(run.word.map(|_| Owed::Dropped(Dropped::Late)));
        }
    }

    fn expect_adopted(&mut self, key: LaneKey, hold: Hold) {
        let Hold { job: id, attempt, chunks } = hold;
        let job = &self.jobs[&id];
        match job.state {
            State::Waiting if job.held_back => self.leave_held_back(id),
            State::Waiting if job.share().is_none() => self.turns.leave(id, job),
            State::Waiting | State::Delayed { .. } | State::Between => {}
            state => panic!("a job that has not begun is {state:?}"),
        }
        self.begin_run(key, id, attempt);
        self.jobs.get_mut(&id).unwrap().chunks = chunks;
    }
}
