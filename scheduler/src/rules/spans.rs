//! What a trace tells of jobs: a span for each part of a job's life, once it is over.
//!
//! There is nothing to keep for it but who runs a job, and nothing of a job whose trace nobody
//! records. A span that began before a restart of the server is told as any other.

use std::time::Duration;

use acequia_wire::TraceParent;
use acequia_wire::client::JobEvent;
use acequia_wire::code::FailCode;

use crate::action::Action;
use crate::ids::LaneKey;
use crate::outcome::Outcome;
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::span::{Part, Span};
use crate::time::Time;

impl Scheduler {
    /// The span of a job that is to be told of.
    fn recorded(&self, key: usize) -> Option<TraceParent> {
        if !self.config.spans {
            return None;
        }
        let job = &self.jobs[key];
        let span = self.config.traces.span(job.id, job.given_traceparent());
        span.filter(TraceParent::is_sampled)
    }

    fn tell_span(&self, step: &mut Step<'_>, key: usize, of: TraceParent, began: Time, part: Part) {
        let job = &self.jobs[key];
        let queue = self.queues[job.queue()].name.clone();
        let span = Span { job: job.id, queue, of, began, ended: step.now, part };
        step.out.push(Action::Span(Box::new(span)));
    }

    /// The worker that has a run is known when that is over.
    pub(crate) fn is_run_by(&mut self, key: usize, lane: LaneKey) {
        if self.recorded(key).is_some() {
            let worker = self.lanes.get(lane).map(|lane| lane.name.clone());
            self.jobs[key].rare_mut().worker = worker;
        }
    }

    /// A run has begun, after the job has waited for so long.
    pub(crate) fn has_waited(
        &mut self,
        step: &mut Step<'_>,
        key: usize,
        lane: LaneKey,
        waited: Duration,
    ) {
        let Some(of) = self.recorded(key) else { return };
        self.is_run_by(key, lane);
        let attempt = self.jobs[key].runs;
        let part = Part::Waiting { attempt };
        self.tell_span(step, key, of, before(step.now, waited), part);
    }

    /// A run is over that took so long, if there was one.
    pub(crate) fn has_run(
        &mut self,
        step: &mut Step<'_>,
        key: usize,
        ran: Option<Duration>,
        error: Option<&FailCode>,
    ) {
        let (Some(of), Some(ran)) = (self.recorded(key), ran) else { return };
        let attempt = self.jobs[key].runs;
        let worker = self.jobs[key].rare_mut().worker.take().unwrap_or_default();
        let part = Part::Running { attempt, worker, error: error.cloned() };
        self.tell_span(step, key, of, before(step.now, ran), part);
    }

    /// A job ends, and with it its last run, if it does.
    pub(crate) fn has_ended(
        &mut self,
        step: &mut Step<'_>,
        key: usize,
        (outcome, told): (Outcome, &JobEvent),
        ran: Option<Duration>,
    ) {
        let Some(of) = self.recorded(key) else { return };
        let error = match told {
            JobEvent::Failed { code, .. } => Some(code.clone()),
            _ => None,
        };
        self.has_run(step, key, ran, error.as_ref());
        let job = &self.jobs[key];
        let (parent, priority, runs) = (job.given_traceparent().copied(), job.priority, job.runs);
        let (payload_bytes, began) = (job.payload.bytes().len(), job.submitted);
        let part = Part::Whole { parent, outcome, error, priority, payload_bytes, runs };
        self.tell_span(step, key, of, began, part);
    }
}

/// The time so long before another.
fn before(time: Time, by: Duration) -> Time {
    let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
    Time::from_micros(time.as_micros().saturating_sub(by))
}
