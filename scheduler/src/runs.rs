//! Jobs run, and runs end: slots, results, failures, retries, lost lanes, timers.

use acequia_wire::client::{Event as ClientEvent, JobEvent, Retry};
use acequia_wire::code::{FailCode, ServerFailCode};
use acequia_wire::limits::LOSSES_MAX;
use acequia_wire::worker::{JobMessage, Progress};
use acequia_wire::{Body, JobId, Payload};

use crate::action::{Action, Dropped, Measure, Outcome};
use crate::event::{LaneKey, LaneOffer};
use crate::job::State;
use crate::lanes::{Removed, Run};
use crate::queue::End;
use crate::scheduler::{Scheduler, Step};
use crate::timers::TimerKind;

/// How long the first retry waits; each further one waits twice as long.
const RETRY_MS_FIRST: u32 = 200;
/// How long a retry waits at most.
const RETRY_MS_MAX: u32 = 60_000;

impl Scheduler {
    // --- A job finds a slot, or a slot a job ---

    /// Runs a job that may run, on the least loaded free lane, or puts it into its queue.
    ///
    /// A lane is free only while nothing waits that it could run, so nobody is overtaken.
    pub(crate) fn run_or_wait(&mut self, step: &mut Step<'_>, job: usize, end: End) {
        let waiting = &mut self.jobs[job];
        waiting.waiting_since = step.now;
        let queue = &mut self.queues[waiting.queue];
        match self.lanes.least_loaded(&queue.groups, &waiting.void_on) {
            Some(lane) if !self.draining => self.start(step, job, lane),
            _ => {
                waiting.state = State::Waiting;
                queue.push(&mut self.jobs, job, end);
            }
        }
    }

    /// Fills the free slots of a lane with what waits.
    fn fill(&mut self, step: &mut Step<'_>, lane: LaneKey) {
        while !self.draining && self.lanes.is_free(lane) {
            let Some(job) = self.take_for(lane) else { return };
            self.start(step, job, lane);
        }
    }

    /// Takes the next job for a lane out of its queues, which take turns.
    fn take_for(&mut self, lane: LaneKey) -> Option<usize> {
        let group = self.lanes.get(lane)?.group;
        let group = self.lanes.group(group);
        let count = group.queues.len();
        for nth in 0..count {
            let at = (group.cursor + nth) % count;
            if let Some(job) = self.queues[group.queues[at]].take(&mut self.jobs, lane) {
                group.cursor = (at + 1) % count;
                return Some(job);
            }
        }
        None
    }

    fn start(&mut self, step: &mut Step<'_>, key: usize, lane: LaneKey) {
        let job = &mut self.jobs[key];
        if let Some(at) = job.expires.take() {
            self.timers.clear(at, TimerKind::Expire, key);
        }
        let deadline = job.spec.timeout_ms.map(|ms| step.now.plus_ms(ms));
        if let Some(at) = deadline {
            self.timers.set(at, TimerKind::Timeout, key);
        }
        job.state = State::Running { lane, since: step.now, deadline };
        job.runs += 1;
        job.chunks = 0;
        job.start_told = false;
        self.running += 1;
        self.queues[job.queue].running += 1;
        self.lanes.hold(lane, job.id, Run::Live { job: key });
        let message = JobMessage {
            job: job.id,
            queue: job.spec.queue.clone(),
            attempt: job.runs,
            content_type: job.spec.payload.content_type().clone(),
            timeout_ms: job.spec.timeout_ms.map(u64::from),
            meta: Vec::new(),
            body: job.spec.payload.bytes().clone(),
        };
        let (queue, waited) = (job.spec.queue.clone(), step.now - job.waiting_since);
        step.out.push(Action::Run { lane, job: message });
        step.measure(Measure::Started { queue, waited });
        if self.jobs[key].accepted {
            self.tell_start(step, key);
        }
    }

    /// Tells the client of the run's start, once.
    pub(crate) fn tell_start(&mut self, step: &mut Step<'_>, key: usize) {
        let job = &mut self.jobs[key];
        let State::Running { lane, .. } = job.state else { return };
        if job.start_told {
            return;
        }
        job.start_told = true;
        let attempt = job.runs;
        if let Some(lane) = self.lanes.get(lane) {
            let worker = lane.name.clone();
            self.tell(step, key, JobEvent::Started { attempt, worker });
        }
    }

    pub(crate) fn tell(&self, step: &mut Step<'_>, key: usize, what: JobEvent) {
        let job = &self.jobs[key];
        let event = ClientEvent::Job { id: job.spec.id.clone(), job: job.id, what };
        step.tell(job.session, event);
    }

    // --- What workers say ---

    pub(crate) fn done(&mut self, step: &mut Step<'_>, lane: LaneKey, id: JobId, body: Body) {
        let Some(key) = self.report(step, lane, id) else { return };
        let ran = self.leave(step, key);
        match self.check(key, body) {
            Ok(result) => self.end(step, key, JobEvent::Done { result }, ran),
            Err(message) => self.end_failed(step, key, ServerFailCode::BadResult, message, ran),
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
        let Some(key) = self.report(step, lane, id) else { return };
        let ran = self.leave(step, key);
        let code = code.map_or(ServerFailCode::WorkerError.into(), FailCode::of_worker);
        if retry {
            self.retry_or_fail(step, key, code, message, ran);
        } else {
            self.end_failed(step, key, code, message, ran);
        }
        self.fill(step, lane);
    }

    /// Frees the slot of a run that the worker reports on. Returns its job, if it still waits for
    /// this run.
    fn report(&mut self, step: &mut Step<'_>, lane: LaneKey, id: JobId) -> Option<usize> {
        match self.lanes.release(lane, id) {
            Some(Run::Live { job }) => {
                // Whatever comes next, the client has then seen who ran it.
                self.tell_start(step, job);
                return Some(job);
            }
            Some(Run::Void { job }) => {
                self.forget_void(lane, job, id);
                step.measure(Measure::Dropped(Dropped::Late));
                self.fill(step, lane);
            }
            None => step.measure(Measure::Dropped(Dropped::NotHeld)),
        }
        None
    }

    fn forget_void(&mut self, lane: LaneKey, job: usize, id: JobId) {
        if let Some(live) = self.jobs.get_mut(job).filter(|live| live.id == id) {
            live.void_on.retain(|held| *held != lane);
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
                let ran = self.abandon(step, key);
                self.end_failed(step, key, ServerFailCode::BadResult, message, ran);
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
        body.resolve(self.jobs[key].spec.payload.content_type())
            .map_err(|bad| format!("the result is {bad}"))
    }

    // --- Lanes come and go ---

    pub(crate) fn lane_ready(&mut self, step: &mut Step<'_>, lane: LaneKey, offer: LaneOffer) {
        let queues = &mut self.queues;
        let mut keys: Vec<usize> =
            offer.queues.iter().map(|name| queues.find_or_open(name)).collect();
        keys.sort_unstable();
        keys.dedup();
        let (group, new) = self.lanes.add(lane, offer.name, offer.slots, keys.clone());
        if new {
            for queue in keys {
                self.queues[queue].groups.push(group);
            }
        }
        if self.draining {
            self.lanes.drain(lane);
            step.out.push(Action::SayBye { lane });
        }
        self.fill(step, lane);
    }

    pub(crate) fn lane_closed(&mut self, step: &mut Step<'_>, key: LaneKey) {
        let Some(Removed { lane, orphaned }) = self.lanes.remove(key) else { return };
        let mut lost = Vec::new();
        for (id, run) in lane.held {
            match run {
                Run::Live { job } => lost.push(job),
                Run::Void { job } => self.forget_void(key, job, id),
            }
        }
        // A map keeps no order; the oldest shall run again first.
        lost.sort_unstable_by_key(|job| (self.jobs[*job].submitted, *job));
        let mut back_in_line = Vec::new();
        for job in lost {
            let ran = self.leave(step, job);
            self.jobs[job].losses += 1;
            if self.jobs[job].losses > LOSSES_MAX {
                let message = format!("the worker {} was lost, and {LOSSES_MAX} before", lane.name);
                self.end_failed(step, job, ServerFailCode::WorkerLost, message, ran);
            } else {
                let message = format!("the worker {} was lost", lane.name);
                self.tell_retry(step, job, ServerFailCode::WorkerLost.into(), message, 0);
                step.measure(Measure::Redelivered { queue: self.jobs[job].spec.queue.clone() });
                back_in_line.push(job);
            }
        }
        self.redeliver(step, back_in_line);
        for queue in orphaned {
            self.queues[queue].groups.retain(|group| *group != lane.group);
            self.queues.forget_if_unused(queue);
        }
    }

    /// Runs lost jobs again at once, the first first; those that find no slot go to the front of
    /// their lines in the same order.
    fn redeliver(&mut self, step: &mut Step<'_>, jobs: Vec<usize>) {
        for job in &jobs {
            let queue = &self.queues[self.jobs[*job].queue];
            let free = self.lanes.least_loaded(&queue.groups, &self.jobs[*job].void_on);
            if let Some(lane) = free.filter(|_| !self.draining) {
                self.jobs[*job].waiting_since = step.now;
                self.start(step, *job, lane);
            }
        }
        for job in jobs.into_iter().rev() {
            if !matches!(self.jobs[job].state, State::Running { .. }) {
                self.run_or_wait(step, job, End::Front);
            }
        }
    }

    // --- Runs and jobs end ---

    /// Takes a job out of its state. If it was running, the slot must have been released; returns
    /// how long the run took.
    fn leave(&mut self, step: &Step<'_>, key: usize) -> Option<std::time::Duration> {
        let job = &mut self.jobs[key];
        let (state, queue) = (job.state, &mut self.queues[job.queue]);
        // Nothing is due at this time; the caller says what comes next.
        job.state = State::Delayed { until: step.now };
        match state {
            State::Delayed { until } => {
                self.timers.clear(until, TimerKind::Due, key);
                None
            }
            State::Waiting => {
                queue.remove(&mut self.jobs, key);
                None
            }
            State::Running { since, deadline, .. } => {
                if let Some(at) = deadline {
                    self.timers.clear(at, TimerKind::Timeout, key);
                }
                queue.running -= 1;
                self.running -= 1;
                Some(step.now - since)
            }
        }
    }

    /// Takes a job out of its state; a run of it becomes void, and its worker is told.
    pub(crate) fn abandon(
        &mut self,
        step: &mut Step<'_>,
        key: usize,
    ) -> Option<std::time::Duration> {
        let job = &mut self.jobs[key];
        if let State::Running { lane, .. } = job.state {
            self.lanes.make_void(lane, job.id);
            job.void_on.push(lane);
            step.out.push(Action::CancelRun { lane, job: job.id });
        }
        self.leave(step, key)
    }

    /// Another attempt later, if the job has one left.
    fn retry_or_fail(
        &mut self,
        step: &mut Step<'_>,
        key: usize,
        code: FailCode,
        message: String,
        ran: Option<std::time::Duration>,
    ) {
        let job = &mut self.jobs[key];
        job.failures += 1;
        if job.failures >= job.spec.attempts {
            return self.end_failed(step, key, code, message, ran);
        }
        let doublings = (job.failures - 1).min(16);
        let in_ms =
            self.jitter.spread(RETRY_MS_FIRST.saturating_mul(1 << doublings).min(RETRY_MS_MAX));
        let until = step.now.plus_ms(in_ms);
        job.state = State::Delayed { until };
        self.timers.set(until, TimerKind::Due, key);
        self.tell_retry(step, key, code, message, in_ms);
    }

    fn tell_retry(
        &self,
        step: &mut Step<'_>,
        key: usize,
        code: FailCode,
        message: String,
        in_ms: u32,
    ) {
        let (attempt, message) = (self.jobs[key].runs + 1, message.into_boxed_str());
        let retry = Retry { attempt, code, message, in_ms };
        self.tell(step, key, JobEvent::Retrying(Box::new(retry)));
    }

    fn end_failed(
        &mut self,
        step: &mut Step<'_>,
        key: usize,
        code: impl Into<FailCode>,
        message: String,
        ran: Option<std::time::Duration>,
    ) {
        let (code, message) = (code.into(), message.into_boxed_str());
        let attempt = self.jobs[key].runs;
        self.end(step, key, JobEvent::Failed { code, message, attempt }, ran);
    }

    /// Ends a job that has left its state: `outcome` is the last that is heard of it.
    pub(crate) fn end(
        &mut self,
        step: &mut Step<'_>,
        key: usize,
        outcome: JobEvent,
        ran: Option<std::time::Duration>,
    ) {
        let measured = match outcome {
            JobEvent::Done { .. } => Outcome::Done,
            JobEvent::Cancelled => Outcome::Cancelled,
            _ => Outcome::Failed,
        };
        self.tell(step, key, outcome);
        let job = self.jobs.remove(key);
        if let Some(at) = job.expires {
            self.timers.clear(at, TimerKind::Expire, key);
        }
        if let Some(session) = self.clients.session(job.session) {
            session.jobs.remove(&job.spec.id);
        }
        self.clients.job_ends(job.client);
        self.payload_bytes -= job.spec.payload.bytes().len();
        self.queues[job.queue].live -= 1;
        self.queues.forget_if_unused(job.queue);
        step.out.push(Action::Settle { job: job.id });
        let (queue, total) = (job.spec.queue.clone(), step.now - job.submitted);
        step.measure(Measure::Ended { queue, outcome: measured, ran, total });
    }

    // --- Time passes ---

    pub(crate) fn tick(&mut self, step: &mut Step<'_>) {
        while let Some((kind, key)) = self.timers.pop_due(step.now) {
            match kind {
                TimerKind::Due => self.run_or_wait(step, key, End::Back),
                TimerKind::Expire => {
                    self.jobs[key].expires = None;
                    let ran = self.leave(step, key);
                    let ttl_ms = self.jobs[key].spec.ttl_ms.unwrap_or_default();
                    let message = format!("not started within {ttl_ms} ms");
                    self.end_failed(step, key, ServerFailCode::Expired, message, ran);
                }
                TimerKind::Timeout => {
                    let ran = self.abandon(step, key);
                    let timeout_ms = self.jobs[key].spec.timeout_ms.unwrap_or_default();
                    let message = format!("the run took longer than {timeout_ms} ms");
                    let code = ServerFailCode::Timeout.into();
                    self.retry_or_fail(step, key, code, message, ran);
                }
            }
        }
    }
}
