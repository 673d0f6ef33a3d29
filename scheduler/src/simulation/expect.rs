//! What each event calls for.

use std::time::Duration;

use acequia_wire::client::{OnDisconnect, Submit};
use acequia_wire::code::RejectCode;
use acequia_wire::{Body, JobId};

use super::model::{Held, Job, Lane, Model, Owed, State};
use crate::{Dropped, Event, LaneKey, LaneOffer, Outcome, SessionId, Ticket};

impl Model {
    pub(super) fn expect(&mut self, event: &Event) {
        if let Event::Beat { lane }
        | Event::Heard { lane }
        | Event::LaneDraining { lane }
        | Event::Progress { lane, .. }
        | Event::Chunk { lane, .. }
        | Event::Done { lane, .. }
        | Event::Fail { lane, .. } = event
            && let Some(lane) = self.lanes.get_mut(lane)
        {
            (lane.heard, lane.silent) = (self.now, false);
        }
        match event {
            Event::SessionOpened { session, client } => {
                self.sessions.insert(*session, *client);
            }
            Event::SessionClosed { session } => self.expect_session_closed(*session),
            Event::Submit { session, job, spec } => self.expect_submit(*session, *job, spec),
            Event::Cancel { session, id } => {
                if !self.sessions.contains_key(session) {
                    return;
                }
                match self.job_of(*session, id) {
                    Some(job) => self.expect_cancelled(job),
                    None => self.owed.push(Owed::Error(*session, id.clone())),
                }
            }
            Event::Durable { up_to } => {
                let still = self.recorded.split_off(&Ticket(up_to.0 + 1));
                for id in std::mem::replace(&mut self.recorded, still).into_values() {
                    let Some(job) = self.jobs.get(&id) else { continue };
                    self.owed.push(Owed::Accepted(id));
                    if matches!(job.state, State::Running { .. }) && !job.start_told {
                        self.owed.push(Owed::Started(id));
                    }
                }
                self.durable = self.durable.max(*up_to);
            }
            Event::LaneReady { lane, offer } => self.expect_lane(*lane, offer),
            Event::Beat { lane } => {
                if let Some(lane) = self.lanes.get_mut(lane) {
                    lane.beats = true;
                }
            }
            Event::Heard { .. } => {}
            Event::LaneDraining { lane } => {
                if let Some(drained) = self.lanes.get_mut(lane).filter(|lane| !lane.draining) {
                    drained.draining = true;
                    self.owed.push(Owed::SayBye(*lane));
                }
            }
            Event::LaneClosed { lane } => self.expect_lane_closed(*lane),
            Event::Progress { lane, job, .. } => {
                if self.expect_heard(*lane, *job) {
                    self.owed.push(Owed::Progress(*job));
                }
            }
            Event::Chunk { lane, job, body } => self.expect_chunk(*lane, *job, body),
            Event::Done { lane, job, body } => {
                if let Some(ran) = self.expect_report(*lane, *job) {
                    let told = match self.is_good(*job, body) {
                        true => Owed::Done(*job, body.bytes().clone()),
                        false => Owed::Failed(*job, "bad_result".to_owned()),
                    };
                    self.expect_end(*job, told, Some(ran));
                }
            }
            Event::Fail { lane, job, code, retry, .. } => {
                if let Some(ran) = self.expect_report(*lane, *job) {
                    let code = code.as_deref().unwrap_or("worker_error");
                    self.expect_failure(*job, code, *retry, ran);
                }
            }
            Event::Drain => {
                self.draining = true;
                for (key, lane) in self.lanes.iter_mut().filter(|(_, lane)| !lane.draining) {
                    lane.draining = true;
                    self.owed.push(Owed::SayBye(*key));
                }
            }
            Event::Tick => unreachable!("timers are taken one by one"),
        }
    }

    pub(super) fn job_of(
        &self,
        session: SessionId,
        id: &acequia_wire::CorrelationId,
    ) -> Option<JobId> {
        let is_it = |job: &Job| job.session == session && job.spec.id == *id;
        self.jobs.iter().find(|(_, job)| is_it(job)).map(|(id, _)| *id)
    }

    fn refusal(&self, session: SessionId, spec: &Submit) -> Option<RejectCode> {
        let client = self.sessions[&session];
        let of_client = self.jobs.values().filter(|job| job.client == client).count();
        let running = |job: &&Job| matches!(job.state, State::Running { .. });
        let waiting = self.jobs.len() - self.jobs.values().filter(running).count();
        let bytes = self.payload_bytes() + spec.payload.bytes().len();
        if self.draining {
            Some(RejectCode::Draining)
        } else if self.job_of(session, &spec.id).is_some() {
            Some(RejectCode::DuplicateId)
        } else if of_client >= self.limits.client_jobs {
            Some(RejectCode::TooManyJobs)
        } else if waiting >= self.limits.waiting_jobs || bytes > self.limits.payloads_bytes {
            Some(RejectCode::QueueFull)
        } else {
            None
        }
    }

    fn expect_submit(&mut self, session: SessionId, id: JobId, spec: &std::sync::Arc<Submit>) {
        let Some(client) = self.sessions.get(&session).copied() else { return };
        if let Some(code) = self.refusal(session, spec) {
            return self.owed.push(Owed::Rejected(session, spec.id.clone(), code));
        }
        let due = self.now.plus_ms(spec.delay_ms);
        let delayed = State::Delayed { until: due };
        let job = Job {
            session,
            client,
            spec: spec.clone(),
            ticket: Ticket(self.last_ticket.0 + 1),
            submitted: self.now,
            state: if due > self.now { delayed } else { State::Between },
            ready: due,
            runs: 0,
            failures: 0,
            losses: 0,
            chunks: 0,
            accepted: false,
            start_told: false,
            worker: "".into(),
        };
        self.jobs.insert(id, job);
        self.owed.extend([Owed::Submitted(spec.queue.clone()), Owed::Record(id)]);
    }

    fn expect_session_closed(&mut self, session: SessionId) {
        self.sessions.remove(&session);
        let cancelled =
            |job: &Job| job.session == session && job.spec.on_disconnect == OnDisconnect::Cancel;
        let cancelled = self.jobs.iter().filter(|(_, job)| cancelled(job)).map(|(id, _)| *id);
        for id in cancelled.collect::<Vec<_>>() {
            self.expect_cancelled(id);
        }
    }

    fn expect_cancelled(&mut self, id: JobId) {
        let ran = self.expect_abandoned(id);
        self.expect_end(id, Owed::Cancelled(id), ran);
    }

    fn expect_lane(&mut self, key: LaneKey, offer: &LaneOffer) {
        let mut queues = offer.queues.clone();
        queues.sort();
        let (name, slots) = (offer.name.clone(), offer.slots);
        let lane = Lane {
            name,
            slots,
            queues,
            draining: self.draining,
            held: std::collections::BTreeMap::new(),
            beats: false,
            heard: self.now,
            silent: false,
        };
        self.lanes.insert(key, lane);
        if self.draining {
            self.owed.push(Owed::SayBye(key));
        }
    }

    fn expect_lane_closed(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.remove(&key) else { return };
        if self.lanes.values().all(|other| other.queues != lane.queues) {
            self.turns.forget_lanes_of(&lane.queues);
        }
        let live = lane.held.iter().filter(|(_, held)| **held == Held::Live);
        for id in live.map(|(id, _)| *id).collect::<Vec<_>>() {
            let ran = self.expect_run_over(id);
            self.expect_lost(id, ran);
        }
    }

    /// The lease of a lane has run out. Returns the jobs that it has lost.
    pub(super) fn expect_silence(&mut self, key: LaneKey) -> Vec<JobId> {
        let lane = self.lanes.get_mut(&key).unwrap();
        lane.silent = true;
        self.turns.step();
        let live = lane.held.iter().filter(|(_, held)| **held == Held::Live);
        let lost: Vec<_> = live.map(|(id, _)| *id).collect();
        for id in &lost {
            let ran = self.expect_abandoned(*id).unwrap();
            self.expect_lost(*id, ran);
        }
        lost
    }

    fn expect_lost(&mut self, id: JobId, ran: Duration) {
        let job = self.jobs.get_mut(&id).unwrap();
        job.losses += 1;
        if job.losses > 3 {
            self.expect_end(id, Owed::Failed(id, "worker_lost".to_owned()), Some(ran));
        } else {
            self.owed.push(Owed::Redelivered(job.spec.queue.clone()));
            self.owed.push(Owed::Retrying(id, "worker_lost".to_owned()));
        }
    }

    /// What the timer of a job calls for.
    pub(super) fn expect_timer(&mut self, kind: u8, id: JobId) {
        let job = self.jobs.get_mut(&id).unwrap();
        match kind {
            0 => job.state = State::Between,
            1 => {
                let ran = self.expect_abandoned(id);
                self.expect_end(id, Owed::Failed(id, "expired".to_owned()), ran);
            }
            _ => {
                let ran = self.expect_abandoned(id).unwrap();
                self.expect_failure(id, "timeout", true, ran);
            }
        }
    }

    /// A run is over: another attempt follows, or the end.
    fn expect_failure(&mut self, id: JobId, code: &str, retry: bool, ran: Duration) {
        let job = self.jobs.get_mut(&id).unwrap();
        job.failures += 1;
        if retry && job.failures < job.spec.attempts {
            self.owed.push(Owed::Retrying(id, code.to_owned()));
        } else {
            self.expect_end(id, Owed::Failed(id, code.to_owned()), Some(ran));
        }
    }

    fn expect_end(&mut self, id: JobId, told: Owed, ran: Option<Duration>) {
        let outcome = match told {
            Owed::Done(..) => Outcome::Done,
            Owed::Cancelled(_) => Outcome::Cancelled,
            _ => Outcome::Failed,
        };
        let total = self.now - self.jobs[&id].submitted;
        self.owed.extend([told, Owed::Settle(id), Owed::Ended(outcome, ran, total)]);
    }

    /// A job leaves its state, and a run that a worker has of it becomes void.
    fn expect_abandoned(&mut self, id: JobId) -> Option<Duration> {
        let job = self.jobs.get_mut(&id).unwrap();
        match std::mem::replace(&mut job.state, State::Between) {
            State::Waiting => self.turns.leave(id, &self.jobs[&id]),
            State::Running { lane, since, .. } => {
                self.owed.push(Owed::CancelRun(lane, id));
                self.lanes.get_mut(&lane).unwrap().held.insert(id, Held::Void);
                return Some(self.now - since);
            }
            State::Delayed { .. } | State::Between => {}
        }
        None
    }

    fn expect_run_over(&mut self, id: JobId) -> Duration {
        let job = self.jobs.get_mut(&id).unwrap();
        let state = std::mem::replace(&mut job.state, State::Between);
        let State::Running { since, .. } = state else { panic!("held live and not running") };
        self.now - since
    }

    /// A worker's last word on a run frees its slot; it counts if the run is not void.
    fn expect_report(&mut self, lane: LaneKey, id: JobId) -> Option<Duration> {
        let held = self.lanes.get_mut(&lane).and_then(|lane| lane.held.remove(&id));
        match held {
            Some(Held::Live) => {
                self.expect_start_told(id);
                return Some(self.expect_run_over(id));
            }
            Some(Held::Void) => self.owed.push(Owed::Dropped(Dropped::Late)),
            None => self.owed.push(Owed::Dropped(Dropped::NotHeld)),
        }
        None
    }

    /// Whether a worker's word on a run on its way counts.
    fn expect_heard(&mut self, lane: LaneKey, id: JobId) -> bool {
        let counts = self.expect_held(lane, id);
        if counts {
            self.expect_start_told(id);
        }
        counts
    }

    /// What comes from a run is told after its start.
    fn expect_start_told(&mut self, id: JobId) {
        if !self.jobs[&id].start_told {
            self.owed.push(Owed::Started(id));
        }
    }

    fn expect_held(&mut self, lane: LaneKey, id: JobId) -> bool {
        match self.lanes.get(&lane).and_then(|lane| lane.held.get(&id)) {
            Some(Held::Live) => return true,
            Some(Held::Void) => self.owed.push(Owed::Dropped(Dropped::Late)),
            None => self.owed.push(Owed::Dropped(Dropped::NotHeld)),
        }
        false
    }

    fn expect_chunk(&mut self, lane: LaneKey, id: JobId, body: &Body) {
        if !self.expect_held(lane, id) {
            return;
        }
        if self.is_good(id, body) {
            self.expect_start_told(id);
            self.owed.push(Owed::Chunk(id, body.bytes().clone()));
        } else {
            let ran = self.expect_abandoned(id);
            self.expect_end(id, Owed::Failed(id, "bad_result".to_owned()), ran);
        }
    }

    fn is_good(&self, id: JobId, body: &Body) -> bool {
        let of_job = self.jobs[&id].spec.payload.content_type();
        body.bytes().len() <= self.limits.result_bytes && body.clone().resolve(of_job).is_ok()
    }
}
