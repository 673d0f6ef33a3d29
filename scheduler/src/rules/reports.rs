//! What workers say of the jobs that they hold.

use acequia_wire::client::JobEvent;
use acequia_wire::code::{FailCode, ServerFailCode};
use acequia_wire::worker::Progress;
use acequia_wire::{Body, JobId, Payload};

use crate::action::{Dropped, Measure};
use crate::ids::LaneKey;
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::lanes::{Run, Word};
use crate::void::VoidReason;

impl Scheduler {
    pub(crate) fn done(&mut self, step: &mut Step<'_>, lane: LaneKey, id: JobId, body: Body) {
        let Some(key) = self.report(step, lane, id, Word::Done) else { return };
        let ran = self.leave(step, key);
        match self.check(key, body) {
            Ok(result) => self.end(step, key, JobEvent::Done { result }, ran),
            Err(message) => {
                self.fail_for_good(step, key, ServerFailCode::BadResult.into(), message, ran);
            }
        }
        self.fill(step, lane);
    }

    pub(crate) fn fail(
        &mut self,
        step: &mut Step<'_>,
        lane: LaneKey,
        id: JobId,
        code: Option<String>,
        message: String,
        retry: bool,
    ) {
        let Some(key) = self.report(step, lane, id, Word::Failed) else { return };
        let ran = self.leave(step, key);
        let code = code.map_or(ServerFailCode::WorkerError.into(), FailCode::of_worker);
        if retry {
            self.retry_or_fail(step, key, code, message, ran);
        } else {
            self.fail_for_good(step, key, code, message, ran);
        }
        self.fill(step, lane);
    }

    pub(crate) fn bad_message(
        &mut self,
        step: &mut Step<'_>,
        lane: LaneKey,
        id: JobId,
        last: bool,
        message: String,
    ) {
        let code = ServerFailCode::BadMessage.into();
        if last {
            let Some(key) = self.report(step, lane, id, Word::Failed) else { return };
            let ran = self.leave(step, key);
            self.fail_for_good(step, key, code, message, ran);
            self.fill(step, lane);
        } else if let Some(key) = self.held(step, lane, id) {
            let ran = self.abandon(step, key, VoidReason::BadMessage);
            self.fail_for_good(step, key, code, message, ran);
        }
    }

    /// Frees the slot of a run that the worker reports on. Returns its job, if it still waits for
    /// this run.
    fn report(
        &mut self,
        step: &mut Step<'_>,
        lane: LaneKey,
        id: JobId,
        word: Word,
    ) -> Option<usize> {
        match self.lanes.release(lane, &mut self.jobs, id, word) {
            Some(Run::Live { job }) => {
                // Whatever comes next, the client has then seen who ran it.
                self.tell_start(step, job);
                return Some(job);
            }
            Some(Run::Void { .. }) => {
                self.forget_void(lane, id);
                step.measure(Measure::Dropped(Dropped::Late));
                self.fill(step, lane);
            }
            None => step.measure(Measure::Dropped(Dropped::NotHeld)),
        }
        None
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
        let Some(key) = self.held(step, lane, id) else { return };
        match self.check(key, body) {
            Ok(data) => {
                self.tell_start(step, key);
                self.jobs[key].chunks += 1;
                let n = self.jobs[key].chunks;
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
            Some(Run::Void { .. }) => step.measure(Measure::Dropped(Dropped::Late)),
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
