//! A job may have begun under another server that had not written it yet. Its run is *unclaimed* until
//! its submit is said again, as long as there is the wait for adoption.
//!
//! Its slot is taken as by any run. The worker's last word frees it, and waits for the submit as the
//! run would. There is one such word of a run that was declared, and it goes with its lane, so there is
//! a bound to what is kept. All else that is said of the run is dropped: nobody is there to be told.

use acequia_wire::JobId;

use crate::action::{Action, Dropped, Measure};
use crate::event::Hold;
use crate::ids::LaneKey;
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::unclaimed::{LastWord, Unclaimed};
use crate::void::VoidReason;

impl Scheduler {
    /// Keeps the run that a lane has of a job that is not there, if a submit may still claim it.
    /// Returns whether it does.
    pub(crate) fn keep_for_submit(&mut self, lane: LaneKey, hold: Hold) -> bool {
        let Hold { job: id, attempt, chunks } = hold;
        let has_ended =
            || self.outcomes.of_job(id).is_some() || self.dead_letters.get(id).is_some();
        if !self.adoption.is_on() || self.unclaimed.contains_key(&id) || has_ended() {
            return false;
        }
        self.lanes.hold_unclaimed(lane, id);
        self.unclaimed.insert(id, Unclaimed { lane, attempt, chunks, word: None });
        true
    }

    /// A job that has just begun goes on with the run that a worker has of it, if one has. Returns
    /// whether one has.
    pub(crate) fn claim(&mut self, step: &mut Step<'_>, key: usize) -> bool {
        let id = self.jobs[key].id;
        let Some(Unclaimed { lane, attempt, chunks, word }) = self.unclaimed.remove(&id) else {
            return false;
        };
        if word.is_none() {
            self.lanes.release(lane, &mut self.jobs, id, None);
        }
        self.adopt(step, key, lane, Hold { job: id, attempt, chunks });
        if let Some(word) = word {
            // It was counted when it came.
            self.lanes.release(lane, &mut self.jobs, id, None);
            self.end_run(step, key, word);
        }
        true
    }

    /// The last word on an unclaimed run waits for the submit.
    pub(crate) fn set_aside(&mut self, id: JobId, word: LastWord) {
        if let Some(run) = self.unclaimed.get_mut(&id) {
            run.word = Some(word);
        }
    }

    /// A chunk that nobody heard may be one of an unclaimed run: those after it have higher numbers.
    pub(crate) fn pass_over_chunk(&mut self, lane: LaneKey, id: JobId) {
        if let Some(run) = self.unclaimed.get_mut(&id)
            && run.lane == lane
            && run.word.is_none()
        {
            run.chunks = run.chunks.saturating_add(1);
        }
    }

    /// No submit claims a run any more: those that are left are void, and what was said of others
    /// came too late.
    pub(crate) fn give_up_unclaimed(&mut self, step: &mut Step<'_>) {
        for (id, run) in std::mem::take(&mut self.unclaimed) {
            if run.word.is_some() {
                step.measure(Measure::Dropped(Dropped::Late));
                continue;
            }
            self.lanes.release(run.lane, &mut self.jobs, id, None);
            self.hold_stray(step, run.lane, id);
            self.look_out(run.lane);
        }
    }

    /// A lane is over, and what it has of unclaimed runs with it.
    pub(crate) fn forget_unclaimed(&mut self, step: &mut Step<'_>, lane: LaneKey) {
        self.unclaimed.retain(|_, run| {
            let goes = run.lane == lane;
            if goes && run.word.is_some() {
                step.measure(Measure::Dropped(Dropped::Late));
            }
            !goes
        });
    }

    /// A lane has a run of a job that is not there: it is void, and its worker is told so.
    pub(crate) fn hold_stray(&mut self, step: &mut Step<'_>, lane: LaneKey, id: JobId) {
        self.lanes.add_stray(id, lane);
        self.hold_takeover(step, lane, id);
    }

    /// A lane has a run from before a takeover that no job waits for.
    pub(crate) fn hold_takeover(&mut self, step: &mut Step<'_>, lane: LaneKey, id: JobId) {
        self.lanes.hold_void(lane, id, (step.now, VoidReason::Takeover));
        step.out.push(Action::CancelRun { lane, job: id });
    }
}
