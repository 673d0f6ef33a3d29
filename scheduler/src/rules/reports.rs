//! What workers say of the jobs that they hold.

use acequia_wire::client::JobEvent;
use acequia_wire::code::{FailCode, ServerFailCode};
use acequia_wire::worker::Progress;
use acequia_wire::{Body, JobId, Payload};

use crate::action::{Dropped, Measure};
use crate::ids::LaneKey;
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::lanes::Run;
use crate::state::unclaimed::LastWord;
use crate::void::VoidReason;

impl Scheduler {
    /// A worker is through with a run, which frees its slot.
    pub(crate) fn last_word(
        &mut self,
        step: &mut Step<'_>,
        lane: LaneKey,
        id: JobId,
        word: LastWord,
    ) {
        match self.lanes.release(lane, &mut self.jobs, id, Some(word.kind())) {
            Some(Run::Live { job }) => self.end_run(step, job, word),
            Some(Run::Void { .. }) => {
                self.forget_void(lane, id);
                step.measure(Measure::Dropped(Dropped::Late));
            }
            Some(Run::Unclaimed) => self.set_aside(id, word),
            None => return step.measure(Measure::Dropped(Dropped::NotHeld)),
        }
        self.fill(step, lane);
    }

    /// A job gets the last word on the run that it waited for, whose slot is free.
    pub(crate) fn end_run(&mut self, step: &mut Step<'_>, key: usize, word: LastWord) {
        // Whatever comes next, the client has then seen who ran it.
        self.tell_start(step, key);
        let ran = self.leave(step, key);
        match word {
            LastWord::Done(body) => match self.check(key, body) {
                Ok(result) => self.end(step, key, JobEvent::Done { result }, ran),
                Err(message) => {
                    self.fail_for_good(step, key, ServerFailCode::BadResult.into(), message, ran);
                }
            },
            LastWord::Failed { code, message, retry } => {
                let code = code.map_or(ServerFailCode::WorkerError.into(), FailCode::of_worker);
                if retry {
                    self.retry_or_fail(step, key, code, message, ran);
                } else {
                    self.fail_for_good(step, key, code, message, ran);
                }
            }
            LastWord::Bad(message) => {
                self.fail_for_good(step, key, ServerFailCode::BadMessage.into(), message, ran);
            }
        }
    }

    /// A worker said something of a run that cannot be understood, and may say more of it.
    pub(crate) fn bad_message(
        &mut self,
        step: &mut Step<'_>,
        lane: LaneKey,
        id: JobId,
        message: String,
    ) {
        if let Some(key) = self.held(step, lane, id) {
            let ran = self.abandon(step, key, VoidReason::BadMessage);
            self.fail_for_good(step, key, ServerFailCode::BadMessage.into(), message, ran);
        }
    }

    pub(crate) fn forget_void(&mut self, lane: LaneKey, id: JobId) {
        match self.by_id.find(&self.jobs, id) {
            Some(live) => self.jobs[live].rare_mut().void_on.retain(|held| *held != lane),
            None => self.lanes.forget_stray(id, lane),
        }
    }

    pub(crate) fn progress(
        &mut self,
        step: &mut Step<'_>,
        lane: LaneKey,
        id: JobId,
        progress: Progress,
    ) {
        if let Some(key) = self.held(step, lane, id) {
            self.tell_start(step, key);
            self.tell(step, key, JobEvent::Progress(Box::new(progress)));
        }
    }

    pub(crate) fn chunk(&mut self, step: &mut Step<'_>, lane: LaneKey, id: JobId, body: Body) {
        let Some(key) = self.held(step, lane, id) else {
            return self.pass_over_chunk(lane, id);
        };
        match self.check(key, body) {
            Ok(data) => {
                self.tell_start(step, key);
                // A door may say that there were as many as there can be.
                let n = self.jobs[key].chunks.saturating_add(1);
                self.jobs[key].chunks = n;
                self.tell(step, key, JobEvent::Chunk { n, data });
            }
            Err(message) => {
                let ran = self.abandon(step, key, VoidReason::BadMessage);
                self.fail_for_good(step, key, ServerFailCode::BadResult.into(), message, ran);
            }
        }
    }

    /// The job of a run that a lane holds and that is not void.
    fn held(&self, step: &mut Step<'_>, lane: LaneKey, id: JobId) -> Option<usize> {
        let run = self.lanes.get(lane).and_then(|lane| lane.held.get(&id));
        match run {
            Some(Run::Live { job }) => return Some(*job),
            Some(Run::Void { .. } | Run::Unclaimed) => {
                step.measure(Measure::Dropped(Dropped::Late));
            }
            None => step.measure(Measure::Dropped(Dropped::NotHeld)),
        }
        None
    }

    /// The result or chunk of a job, if it is what it says and within the limit.
    fn check(&self, key: usize, body: Body) -> Result<Payload, String> {
        let (bytes, limit) = (body.bytes().len(), self.config.limits.result_bytes);
        if bytes > limit {
            return Err(format!("the result has {bytes} bytes; the limit is {limit}"));
        }
        body.resolve(self.jobs[key].payload.content_type())
            .map_err(|bad| format!("the result is {bad}"))
    }
}
