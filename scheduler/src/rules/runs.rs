//! A job finds a slot, or a slot a job.

use std::time::Duration;

use acequia_wire::TraceParent;
use acequia_wire::client::JobEvent;
use acequia_wire::worker::JobMessage;

use crate::action::{Action, Measure};
use crate::ids::LaneKey;
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::job::{Job, State};
use crate::state::lines::End;
use crate::state::timers::TimerKind;
use crate::time::Time;

impl Scheduler {
    /// Runs a job that may run now, or puts it into its queue.
    pub(crate) fn run_or_wait(&mut self, step: &mut Step<'_>, job: usize) {
        if self.waits_for_adoption(job) {
            self.jobs[job].state = State::Waiting { since: step.now };
            self.queues[self.jobs[job].queue()].hold_back(&mut self.jobs, job);
        } else if self.jobs[job].share().is_some() {
            self.wait_apart(step, job);
        } else if !self.run_at_once(step, job) {
            self.wait(step, job, End::Back);
        }
    }

    /// Runs a job that may run now on the least loaded free lane, if there is one.
    ///
    /// A lane is free only while nothing waits that it could run, so nobody is overtaken.
    pub(crate) fn run_at_once(&mut self, step: &mut Step<'_>, key: usize) -> bool {
        let job = &self.jobs[key];
        let queue = &self.queues[job.queue()];
        let free = self.lanes.least_loaded(&queue.groups, job.void_on());
        let free = free.filter(|_| !self.draining && !queue.is_paused);
        if let Some(lane) = free {
            self.start(step, key, lane);
        }
        free.is_some()
    }

    pub(crate) fn wait(&mut self, step: &Step<'_>, key: usize, end: End) {
        let job = &mut self.jobs[key];
        job.state = State::Waiting { since: step.now };
        self.suspects += usize::from(job.share().is_some());
        self.queues[job.queue()].push(&mut self.jobs, key, end);
    }

    /// Fills the free slots of a lane with what waits.
    pub(crate) fn fill(&mut self, step: &mut Step<'_>, lane: LaneKey) {
        if (self.suspects > 0 || self.lanes.apart > 0) && self.fill_apart(step, lane) {
            return;
        }
        while !self.draining && self.lanes.is_free(lane) {
            let Some(job) = self.take_for(lane) else { return };
            self.start(step, job, lane);
        }
    }

    /// Takes the next job for a lane out of its queues, which take turns.
    pub(crate) fn take_for(&mut self, lane: LaneKey) -> Option<usize> {
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

    pub(crate) fn start(&mut self, step: &mut Step<'_>, key: usize, lane: LaneKey) {
        let job = &self.jobs[key];
        let waited = job.waiting_since().map_or(Duration::ZERO, |since| step.now - since);
        let begins = self.occupy(step.now, key, lane, job.runs.saturating_add(1));
        let job = &self.jobs[key];
        let queue = self.queues[job.queue()].name.clone();
        let traceparent = self.config.traces.span(job.id, job.given_traceparent());
        let message = JobMessage {
            job: job.id,
            queue: queue.clone(),
            attempt: job.runs,
            content_type: job.payload.content_type().clone(),
            timeout_ms: job.timeout_ms(&self.config).map(u64::from),
            meta: traceparent.map(meta).into_iter().collect(),
            body: job.payload.bytes().clone(),
        };
        step.out.push(Action::Run { lane, job: message });
        step.measure(Measure::Started { queue, waited });
        #[cfg(feature = "spans")]
        self.has_waited(step, key, lane, waited);
        if begins {
            self.count_beginning(step, key);
        }
        if self.jobs[key].accepted {
            self.tell_start(step, key);
        }
    }

    /// Puts a job that has left its state into a slot, for its `nth` run or one after it. Returns
    /// whether none of its runs has begun before.
    pub(crate) fn occupy(&mut self, now: Time, key: usize, lane: LaneKey, nth: u32) -> bool {
        let job = &mut self.jobs[key];
        if let Some(at) = job.expires() {
            self.timers.clear(at, TimerKind::Expire, job.ticket, key);
        }
        job.state = State::Running { lane, since: now };
        if let Some(at) = job.deadline(&self.config) {
            self.timers.set(at, TimerKind::Timeout, job.ticket, key);
        }
        let begins = job.runs == 0;
        job.runs = job.runs.max(nth).max(1);
        job.chunks = 0;
        job.start_told = false;
        job.recovered = false;
        self.running += 1;
        self.clients.run_begins(job.client());
        self.queues[job.queue()].running += 1;
        self.runs.push_back(&mut self.jobs, key, Job::in_arrival);
        if self.lanes.hold(lane, &mut self.jobs, key, now) {
            self.look_out(lane);
        }
        begins
    }

    /// Another server must know that a job has begun that could expire, or it would do so there.
    pub(crate) fn count_beginning(&mut self, step: &mut Step<'_>, key: usize) {
        if self.jobs[key].ttl_ms().is_some() {
            self.count(step, key, None);
        }
    }

    /// Tells of the run's start, once.
    pub(crate) fn tell_start(&mut self, step: &mut Step<'_>, key: usize) {
        if self.jobs[key].start_told {
            return;
        }
        if let Some(started) = self.started(key) {
            self.jobs[key].start_told = true;
            self.tell(step, key, started);
        }
    }

    /// What is told of the start of a job that runs.
    pub(crate) fn started(&self, key: usize) -> Option<JobEvent> {
        let job = &self.jobs[key];
        let State::Running { lane, .. } = job.state else { return None };
        let worker = self.lanes.get(lane)?.name.clone();
        Some(JobEvent::Started { attempt: job.runs, worker })
    }

    /// The span of a job that is part of a trace.
    pub(crate) fn traceparent(&self, job: &Job) -> Option<Box<TraceParent>> {
        self.config.traces.span(job.id, job.given_traceparent()).map(Box::new)
    }

    /// Tells all who watch a job.
    pub(crate) fn tell(&self, step: &mut Step<'_>, key: usize, what: JobEvent) {
        let job = &self.jobs[key];
        let mut watchers = job.watchers.iter();
        let Some(mut watcher) = watchers.next() else { return };
        let traceparent = what.tells_trace().then(|| self.traceparent(job)).flatten();
        for next in watchers {
            step.tell_of_job(watcher, job.id, what.clone(), traceparent.clone());
            watcher = next;
        }
        step.tell_of_job(watcher, job.id, what, traceparent);
    }
}

/// How a worker is told of the span that its own are to be below.
fn meta(traceparent: TraceParent) -> (String, String) {
    ("traceparent".to_owned(), traceparent.to_string())
}
