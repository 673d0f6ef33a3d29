//! What the scheduler does, held against what it owes.

use std::sync::Arc;
use std::time::Duration;

use acequia_wire::client::{self, JobEvent};
use acequia_wire::code::RejectCode;
use acequia_wire::{JobId, TraceParent};

use super::model::Model;
use super::parts::{Held, Job, Lane, Owed, State, Told};
use crate::action::{Action, Measure};
use crate::event::Event;
use crate::ids::{LaneKey, SessionId, Ticket};
use crate::records::{Past, Retained};
use crate::time::Time;

impl Model {
    pub(super) fn see(&mut self, event: &Event, action: &Action) {
        match action {
            Action::Tell { session, event } => self.see_tell(*session, event),
            Action::Run { lane, job } => {
                let (id, run) = (job.job, job);
                let job = self.jobs.get(&id).expect("a run is of a live job");
                assert_eq!(run.attempt, job.runs.saturating_add(1), "attempts count runs");
                assert_eq!(run.queue, job.spec.queue);
                assert_eq!(run.content_type, *job.spec.payload.content_type());
                let timeout_ms = job.spec.timeout_ms.or(self.config.default_timeout_ms);
                assert_eq!(run.timeout_ms, timeout_ms.map(u64::from));
                assert_eq!(run.body, *job.spec.payload.bytes());
                let span = self.span(id, job).map(|span| span.to_string());
                let meta = span.map(|span| ("traceparent".to_owned(), span));
                assert!(run.meta.iter().eq(&meta));
                self.see_run(event, *lane, id);
            }
            Action::CancelRun { lane, job } => self.pay(&Owed::CancelRun(*lane, *job)),
            Action::Remind { lane, job } => self.pay(&Owed::Remind(*lane, *job)),
            Action::EndLane { lane } => self.pay(&Owed::EndLane(*lane)),
            Action::SayBye { lane } => self.pay(&Owed::SayBye(*lane)),
            Action::Record { ticket, job, client, session, submitted, spec } => {
                self.pay(&Owed::Record(*job));
                let recorded = &self.jobs[job];
                assert_eq!((*client, *submitted), (recorded.client, self.now));
                assert_eq!(*session, recorded.watchers.first().map(|of| of.session));
                self.last_ticket = Ticket(self.last_ticket.0 + 1);
                assert_eq!(*ticket, self.last_ticket);
                assert!(Arc::ptr_eq(spec, &self.jobs[job].spec));
                self.recorded.insert(*ticket, *job);
            }
            Action::Count { ticket, runs, failures, losses, not_before } => {
                let id = self.job_at(*ticket);
                let job = &self.jobs[&id];
                assert_eq!((*runs, *failures, *losses), (job.runs, job.failures, job.losses));
                let begins = matches!(job.state, State::Running { .. });
                let adopts = matches!(event, Event::LaneReady { .. } | Event::Submit { .. });
                let is_first = job.runs == 1 || adopts;
                assert!(!begins || is_first && not_before.is_none());
                self.pay(&Owed::Count(id));
                if !begins {
                    self.comes_back(id, *not_before);
                }
            }
            Action::Settle { ticket, job, session, retain, .. } => {
                let id = self.job_at(*ticket);
                assert_eq!((*job, *session), (id, self.jobs[&id].began_in()));
                self.see_settled(id, retain.clone());
            }
            Action::Tally(tally) => self.pay(&Owed::Tally(tally.clone())),
            Action::GiveUp { retained } => self.pay(&Owed::GiveUp(retained.job)),
            Action::BatchOver { tally, elapsed, is_recorded } => {
                let is_told =
                    |owed: &Owed| matches!(owed, Owed::Batch(_, of) if *of.name == *tally.name);
                assert!(!self.owed.iter().any(is_told), "its end was told before");
                self.pay(&Owed::BatchOver(tally.clone(), *elapsed, *is_recorded));
            }
            Action::Bury { letter } => self.see_buried(letter),
            #[cfg(feature = "spans")]
            Action::Span(span) => self.see_span(span),
            Action::Exhume { ticket } => self.pay(&Owed::Exhume(*ticket)),
            Action::Measure(measure) => self.pay(&match measure.clone() {
                Measure::Submitted { queue } => Owed::Submitted(queue),
                Measure::Started { queue, waited } => Owed::RunMeasured(queue, waited),
                Measure::Ended { outcome, ran, total, .. } => Owed::Ended(outcome, ran, total),
                Measure::Redelivered { queue } => Owed::Redelivered(queue),
                Measure::LetterEvicted { queue } => Owed::LetterEvicted(queue),
                Measure::Dropped(why) => Owed::Dropped(why),
            }),
        }
    }

    fn see_tell(&mut self, session: SessionId, event: &client::Event) {
        let (correlation, id, what) = match event.clone() {
            client::Event::Job { id, job, what, traceparent } => {
                self.check_traceparent(job, &what, traceparent);
                (id, job, what)
            }
            client::Event::Rejected { id, code, retry_after_ms, .. } => {
                let helps = !matches!(code, RejectCode::DuplicateId);
                assert!(!helps || retry_after_ms.is_some(), "{code} passes");
                return self.pay(&Owed::Rejected(session, id, code));
            }
            client::Event::Error { id, code, .. } => {
                return self.pay(&Owed::Error(session, id.unwrap(), code));
            }
            client::Event::Batch(batch) => return self.pay(&Owed::Batch(session, *batch)),
            other => panic!("not the scheduler's to say: {other:?}"),
        };
        let told = self.told(id, &what);
        if let Some(job) = self.jobs.get_mut(&id)
            && let Some(watcher) =
                job.watchers.iter_mut().find(|of| (of.session, &of.id) == (session, &correlation))
        {
            match what {
                JobEvent::Started { .. } => {
                    let is_late = matches!(job.state, State::Waiting | State::Delayed { .. });
                    assert!(!is_late, "started is told while the run matters");
                    assert!(!std::mem::replace(&mut watcher.knows_start, true), "started twice");
                }
                JobEvent::Progress(_) | JobEvent::Chunk { .. } => {
                    assert!(watcher.knows_start, "started comes first");
                }
                _ => {}
            }
        }
        self.pay(&Owed::Tell(session, correlation, id, told));
    }

    /// What is to be told of the span of a job.
    pub(super) fn span(&self, id: JobId, job: &Job) -> Option<Box<TraceParent>> {
        self.config.traces.span(id, job.spec.traceparent.as_deref()).map(Box::new)
    }

    fn check_traceparent(&self, id: JobId, what: &JobEvent, told: Option<Box<TraceParent>>) {
        let is_end =
            matches!(what, JobEvent::Done { .. } | JobEvent::Failed { .. } | JobEvent::Cancelled);
        let live = || self.jobs.get(&id).map(|job| self.span(id, job));
        let retained = || match self.retained.iter().rfind(|of| of.job == id) {
            Some(retained) => retained.traceparent.clone(),
            None => self.letter(id).expect("it is kept somewhere").spec.traceparent.clone(),
        };
        let tells = is_end || *what == JobEvent::Accepted;
        assert_eq!(told, tells.then(|| live().unwrap_or_else(retained)).flatten());
    }

    /// What an event says, once all in it that can be known is seen to be right.
    fn told(&self, id: JobId, what: &JobEvent) -> Told {
        let job = self.jobs.get(&id);
        let live = || job.expect("only live jobs are on their way");
        match what.clone() {
            JobEvent::Accepted => Told::Accepted,
            JobEvent::Started { attempt, worker } => {
                assert_eq!((attempt, &worker), (live().runs, &live().worker));
                Told::Started
            }
            JobEvent::Progress(_) => Told::Progress,
            JobEvent::Chunk { n, data } => Told::Chunk(n, data.into_bytes()),
            JobEvent::Retrying(retry) => {
                assert_eq!(retry.attempt, live().runs.saturating_add(1));
                let due = match live().state {
                    State::Delayed { until } => until,
                    _ => self.now,
                };
                assert_eq!(self.now.plus_ms(retry.in_ms), due);
                Told::Retrying(retry.code.as_str().to_owned())
            }
            JobEvent::Done { result } => Told::Done(result.into_bytes()),
            JobEvent::Failed { code, attempt, .. } => {
                assert!(job.is_none_or(|job| job.runs == attempt));
                Told::Failed(code.as_str().to_owned())
            }
            JobEvent::Cancelled => Told::Cancelled,
        }
    }

    /// A run is over and another follows, at once or at its time.
    fn comes_back(&mut self, id: JobId, not_before: Option<Time>) {
        let job = self.jobs.get_mut(&id).unwrap();
        assert_eq!(job.state, State::Between);
        let Some(until) = not_before else {
            (job.state, job.ready) = (State::Waiting, self.now);
            self.lost.insert(id);
            if job.share().is_some() {
                return;
            }
            let is_clean = self.lanes.values().all(|lane| !lane.held.contains_key(&id));
            return self.turns.join_front(id, &self.jobs[&id], is_clean);
        };
        let gap = 200.0 * 2_f64.powi(job.failures.cast_signed() - 1);
        let gap = gap.min(60_000.0);
        let (allowed, in_ms) = (gap * 0.75..=gap * 1.25, (until - self.now).as_secs_f64() * 1e3);
        assert!(allowed.contains(&in_ms), "{in_ms} ms is not in {allowed:?}");
        job.state = State::Delayed { until };
    }

    #[cfg(feature = "spans")]
    fn see_span(&mut self, span: &crate::span::Span) {
        use crate::span::Part;

        let job = &self.jobs[&span.job];
        assert_eq!(Some(Box::new(span.of)), self.span(span.job, job));
        assert_eq!((&span.queue, span.ended), (&job.spec.queue, self.now));
        let part = match &span.part {
            Part::Whole { parent, runs, .. } => {
                assert_eq!((parent.as_ref(), *runs), (job.spec.traceparent.as_deref(), job.runs));
                "whole"
            }
            Part::Waiting { .. } => "waiting",
            Part::Running { worker, .. } => {
                assert!(!worker.is_empty(), "somebody runs it");
                "running"
            }
        };
        self.pay(&Owed::Span(span.job, part, span.began));
    }

    /// If the trace of a job is recorded, a span of it is owed.
    #[cfg(feature = "spans")]
    pub(super) fn owe_span(&mut self, id: JobId, part: &'static str, began: Time) {
        let span = self.span(id, &self.jobs[&id]);
        if span.is_some_and(|span| span.is_sampled()) {
            self.owed.push(Owed::Span(id, part, began));
        }
    }

    fn see_settled(&mut self, id: JobId, retain: Option<Arc<Retained>>) {
        let told = |owed: &Owed| matches!(owed, Owed::Tell(_, _, of, _) if *of == id);
        assert!(!self.owed.iter().any(told), "settled before its outcome was told");
        let buried = |owed: &Owed| matches!(owed, Owed::Bury(of, _) if *of == id);
        assert!(!self.owed.iter().any(buried), "settled before it was buried");
        let outcome = retain.as_ref().map(|retain| self.told(id, &retain.outcome));
        self.pay(&Owed::Settle(id, outcome));
        let job = self.jobs.remove(&id).unwrap();
        assert!(self.ended.insert(id), "settled twice");
        if let Some(retain) = retain {
            let cancelled = matches!(retain.outcome, JobEvent::Cancelled);
            assert_eq!(retain.key, job.spec.key.clone().filter(|_| !cancelled));
            assert_eq!((retain.job, retain.client, &retain.id), (id, job.client, &job.spec.id));
            self.last_ticket = Ticket(self.last_ticket.0 + 1);
            assert_eq!((retain.ticket, retain.ended), (self.last_ticket, self.now));
            assert_eq!(retain.session, job.began_in());
            assert_eq!(retain.traceparent, self.span(id, &job));
            let (queue, submitted, runs) = (job.spec.queue.clone(), job.submitted, job.runs);
            assert_eq!(retain.past, Some(Past { queue, submitted, runs }));
            self.retain(retain);
        }
    }

    /// That of the free lanes which may run this job none has less to do.
    fn assert_least_loaded(&self, lane: &Lane, id: JobId) {
        let queue = &self.jobs[&id].spec.queue;
        for other in self.lanes.values() {
            let may = other.is_free() && other.queues.contains(queue);
            let suspect =
                |job: &Job| job.share().is_some() && other.queues.contains(&job.spec.queue);
            let may_be_apart = self.jobs.values().any(suspect);
            if may && !may_be_apart && !other.held.contains_key(&id) {
                assert!(lane.load() <= other.load(), "the least loaded lane comes first");
            }
        }
    }

    /// That it is the turn of a job that a lane gets, or that it may run without waiting for one.
    fn see_turn(&mut self, event: &Event, key: LaneKey, id: JobId) {
        let (lane, job) = (&self.lanes[&key], &self.jobs[&id]);
        let holds = |of: JobId| lane.held.contains_key(&of);
        let at_once = match event {
            Event::Submit { .. } | Event::Redrive { .. } => true,
            // A lane that waits no longer for those under suspicion takes what waits in turn.
            Event::Tick | Event::LaneClosed { .. } => {
                job.state == State::Between || self.lost.contains(&id)
            }
            _ => false,
        };
        let any_suspect = || self.jobs.values().any(|job| job.share().is_some());
        self.turns_are_blurred |= self.lost.contains(&id) && any_suspect();
        if self.turns_are_blurred {
            if !at_once {
                self.turns.serve(job, &lane.queues);
            }
        } else if at_once {
            self.turns.assert_priority(job, holds);
            self.assert_least_loaded(lane, id);
        } else {
            if self.turns.is_aged(&job.spec.queue) {
                self.turns.assert_oldest(job, holds);
            } else {
                self.turns.assert_priority(job, holds);
                self.turns.assert_turn(id, job, holds);
            }
            if self.releases {
                self.assert_least_loaded(lane, id);
            }
            if matches!(event, Event::ResumeQueue { .. }) {
                self.assert_least_loaded(lane, id);
                self.turns.serve_client(job);
            } else {
                let open = lane.queues.iter().filter(|queue| !self.paused.contains(*queue));
                self.turns.assert_queue_turn(job, &lane.queues, open);
                self.turns.serve(job, &lane.queues);
            }
        }
    }

    fn see_run(&mut self, event: &Event, key: LaneKey, id: JobId) {
        assert!(!self.draining, "nothing starts while the server drains");
        let lane = self.lanes.get(&key).expect("a run goes to an open lane");
        assert!(!lane.draining, "a draining lane gets no job");
        assert!(!lane.silent, "a silent lane gets no job");
        assert!(lane.held.len() < lane.slots as usize, "all slots are taken");
        assert!(!lane.held.contains_key(&id), "the lane holds a void run of this job");
        let job = &self.jobs[&id];
        assert!(lane.queues.contains(&job.spec.queue), "the lane does not serve the queue");
        assert!(self.now >= job.submitted.plus_ms(job.spec.delay_ms), "before its delay is over");
        assert!(matches!(job.state, State::Waiting | State::Between), "it is {:?}", job.state);
        assert!(!job.held_back, "it waits for the worker that has it");

        assert!(!self.paused.contains(&job.spec.queue), "no job of a paused queue begins");
        let live = || lane.held.iter().filter(|(_, held)| **held == Held::Live);
        if let Some(share) = job.share() {
            for (beside, _) in live() {
                let share = self.jobs[beside].share();
                let shares = share.is_some_and(|share| live().count() < share);
                assert!(shares, "a job runs beside one under suspicion");
            }
            assert!(live().count() < share, "too many are beside a job under suspicion");
        } else {
            let suspects = live().filter(|(beside, _)| self.jobs[*beside].share().is_some());
            assert_eq!(suspects.count(), 0, "a job runs beside one under suspicion");
            self.see_turn(event, key, id);
        }
        let job = &self.jobs[&id];
        let waited = match job.state {
            State::Waiting => {
                if job.share().is_none() {
                    self.turns.leave(id, job);
                }
                self.now - job.ready
            }
            _ => Duration::ZERO,
        };
        self.owed.push(Owed::RunMeasured(job.spec.queue.clone(), waited));
        #[cfg(feature = "spans")]
        self.owe_span(
            id,
            "waiting",
            Time::from_micros(self.now.as_micros() - waited.as_micros() as u64),
        );
        self.begin_run(key, id, self.jobs[&id].runs.saturating_add(1));
        if self.jobs[&id].accepted {
            self.expect_start_told(id);
        }
    }

    /// A job is with a lane from now on, for its `nth` run or one after it.
    pub(super) fn begin_run(&mut self, key: LaneKey, id: JobId, nth: u32) {
        let lane = self.lanes.get_mut(&key).unwrap();
        if lane.is_idle() {
            lane.heard = self.now;
        }
        lane.held.insert(id, Held::Live);
        let job = self.jobs.get_mut(&id).unwrap();
        job.worker = lane.name.clone();
        let timeout_ms = job.spec.timeout_ms.or(self.config.default_timeout_ms);
        let deadline = timeout_ms.map(|ms| self.now.plus_ms(ms));
        job.state = State::Running { lane: key, since: self.now, deadline };
        let begins = job.runs == 0 && job.spec.ttl_ms.is_some();
        job.runs = job.runs.max(nth).max(1);
        (job.chunks, job.start_told, job.begun) = (0, false, true);
        job.watchers.iter_mut().for_each(|watcher| watcher.knows_start = false);
        self.owed.extend(begins.then_some(Owed::Count(id)));
    }
}
