//! What each event calls for.

use std::time::Duration;

use acequia_wire::{Body, JobId};

use super::model::Model;
use super::parts::{Held, Job, Lane, Owed, State, Told, Wait};
use crate::action::Dropped;
use crate::event::{Event, LaneOffer};
use crate::ids::{LaneKey, Ticket};
use crate::outcome::Outcome;
use crate::void::VoidReason;

impl Model {
    pub(super) fn expect(&mut self, event: &Event) {
        if let Event::Beat { lane }
        | Event::Heard { lane }
        | Event::LaneDraining { lane }
        | Event::Progress { lane, .. }
        | Event::Chunk { lane, .. }
        | Event::Done { lane, .. }
        | Event::Fail { lane, .. }
        | Event::BadMessage { lane, .. } = event
            && let Some(lane) = self.lanes.get_mut(lane)
        {
            (lane.heard, lane.spoken) = (self.now, self.now);
            (lane.reminded, lane.silent) = (false, false);
        }
        match event {
            Event::SessionOpened { session, client } => {
                self.sessions.insert(*session, *client);
            }
            Event::SessionLimited { session, jobs } => {
                if self.sessions.contains_key(session) {
                    self.limited.insert(*session, *jobs);
                }
            }
            Event::SessionAsksLater { session } => {
                if self.sessions.contains_key(session) {
                    self.asking.insert(*session);
                }
            }
            Event::StorageFailed => self.storage_failed = true,
            Event::StorageBack => self.storage_failed = false,
            Event::Recovered(recovered) => self.expect_recovered(recovered),
            Event::RecoveredOutcome(retained) => {
                self.last_ticket = self.last_ticket.max(retained.ticket);
                if retained.ended + self.config.retention > self.now {
                    self.retain(retained.clone());
                }
            }
            Event::RecoveredDeadLetter(letter) => {
                self.last_ticket = self.last_ticket.max(letter.ticket);
                self.durable = self.durable.max(letter.ticket);
                self.keep_letter(letter.clone());
            }
            Event::RecoveredTally(tally) => self.expect_tally(tally),
            Event::AdoptionOver => self.release(),
            Event::Redrive { job, as_job } => self.expect_redrive(*job, *as_job),
            Event::DropDeadLetter { job } => self.expect_exhumed(*job),
            Event::CancelJob { job } => {
                if self.jobs.contains_key(job) {
                    self.expect_cancelled(*job);
                }
            }
            Event::PauseQueue { queue } => _ = self.paused.insert(queue.clone()),
            Event::ResumeQueue { queue } => {
                self.paused.remove(queue);
                self.turns.resume(queue);
            }
            Event::SessionAbsent { session } => self.expect_session_absent(*session),
            Event::SessionBack { session } => {
                self.absent.remove(session);
                let watched = |job: &&mut Job| job.submits().any(|of| of.session == *session);
                self.jobs.values_mut().filter(watched).for_each(|job| job.forsaken = None);
            }
            Event::SessionClosed { session } => self.expect_session_closed(*session),
            Event::Submit { session, job, spec } => self.expect_submit(*session, *job, spec),
            Event::Cancel { session, id } => self.expect_cancel(*session, id),
            Event::Watch { session, id, what, sight } => {
                self.expect_watch(*session, id, what, *sight);
            }
            Event::Durable { up_to } => {
                let still = self.recorded.split_off(&Ticket(up_to.0 + 1));
                for (ticket, id) in std::mem::replace(&mut self.recorded, still) {
                    // It may have ended, and have been submitted again since.
                    let job = self.jobs.get_mut(&id).filter(|job| job.ticket == ticket);
                    let Some(job) = job else { continue };
                    job.accepted = true;
                    let runs = matches!(job.state, State::Running { .. });
                    self.owe(id, &Told::Accepted);
                    if runs {
                        self.expect_start_told(id);
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
            Event::LaneDraining { lane } | Event::DrainLane { lane } => {
                if let Some(drained) = self.lanes.get_mut(lane).filter(|lane| !lane.draining) {
                    drained.draining = true;
                    self.owed.push(Owed::SayBye(*lane));
                }
            }
            Event::LaneClosed { lane } => self.expect_lane_closed(*lane),
            Event::Progress { lane, job, .. } => {
                if self.expect_heard(*lane, *job) {
                    self.owe(*job, &Told::Progress);
                }
            }
            Event::Chunk { lane, job, body } => self.expect_chunk(*lane, *job, body),
            Event::Done { .. } | Event::Fail { .. } | Event::BadMessage { last: true, .. } => {
                self.expect_last_word(event);
            }
            Event::BadMessage { lane, job, last: false, .. } => {
                if self.expect_held(*lane, *job) {
                    let ran = self.expect_abandoned(*job, VoidReason::BadMessage).unwrap();
                    self.expect_failure(*job, "bad_message", false, ran);
                }
            }
            Event::StoodStill { gap } => self.expect_standstill(*gap),
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

    /// What a worker's last word on a run calls for.
    pub(super) fn expect_last_word(&mut self, word: &Event) {
        match word {
            Event::Done { lane, job, body } => {
                if let Some(ran) = self.expect_report(*lane, *job, word) {
                    if self.is_good(*job, body) {
                        self.expect_end(*job, Told::Done(body.bytes().clone()), Some(ran));
                    } else {
                        self.expect_failure(*job, "bad_result", false, ran);
                    }
                }
            }
            Event::Fail { lane, job, code, retry, .. } => {
                if let Some(ran) = self.expect_report(*lane, *job, word) {
                    let code = code.as_deref().unwrap_or("worker_error");
                    self.expect_failure(*job, code, *retry, ran);
                }
            }
            Event::BadMessage { lane, job, last: true, .. } => {
                if let Some(ran) = self.expect_report(*lane, *job, word) {
                    self.expect_failure(*job, "bad_message", false, ran);
                }
            }
            other => panic!("no last word: {other:?}"),
        }
    }

    fn expect_lane(&mut self, key: LaneKey, offer: &LaneOffer) {
        let mut queues = if offer.slots > 0 { offer.queues.clone() } else { Vec::new() };
        queues.sort();
        let (name, slots) = (offer.name.clone(), offer.slots);
        let lane = Lane {
            name,
            slots,
            queues,
            draining: self.draining,
            held: std::collections::BTreeMap::new(),
            declared: std::collections::BTreeSet::new(),
            beats: false,
            heard: self.now,
            spoken: self.now,
            void_since: self.now,
            reminded: false,
            silent: false,
        };
        self.lanes.insert(key, lane);
        self.expect_holds(key, &offer.holds);
        if self.draining {
            self.owed.push(Owed::SayBye(key));
        }
    }

    fn expect_lane_closed(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.remove(&key) else { return };
        self.forget_unclaimed(key);
        if self.lanes.values().all(|other| other.queues != lane.queues) {
            self.turns.forget_lanes_of(&lane.queues);
        }
        let live = lane.held.iter().filter(|(_, held)| **held == Held::Live);
        for id in live.map(|(id, _)| *id).collect::<Vec<_>>() {
            let ran = self.expect_run_over(id);
            self.expect_lost(id, ran, lane.held.len() == 1);
        }
    }

    /// A lane has said nothing for long that holds void runs. Returns the jobs that it has lost.
    pub(super) fn expect_impatience(&mut self, key: LaneKey) -> Vec<JobId> {
        let lane = self.lanes.get_mut(&key).unwrap();
        if lane.reminded {
            self.owed.push(Owed::EndLane(key));
            let lost = lane.held.iter().filter(|(_, held)| **held == Held::Live);
            let lost = lost.map(|(id, _)| *id).collect();
            self.turns.step();
            self.expect_lane_closed(key);
            return lost;
        }
        (lane.reminded, lane.silent) = (true, true);
        let void = lane.held.iter().filter_map(|(id, held)| match held {
            Held::Void(_, since) => Some((*since, *id)),
            Held::Live | Held::Unclaimed => None,
        });
        self.owed.push(Owed::Remind(key, void.min().unwrap().1));
        Vec::new()
    }

    /// Nobody has listened for so long.
    fn expect_standstill(&mut self, gap: Duration) {
        let now = self.now;
        for lane in self.lanes.values_mut() {
            for time in [&mut lane.heard, &mut lane.spoken, &mut lane.void_since] {
                *time = (*time + gap).min(now);
            }
        }
        for job in self.jobs.values_mut() {
            if let State::Running { since, deadline, .. } = &mut job.state {
                let later = (*since + gap).min(now);
                let by = later - *since;
                *since = later;
                *deadline = deadline.map(|at| at + by);
            }
            job.forsaken = job.forsaken.map(|at| at + gap);
        }
        if let Wait::Until(at) = &mut self.adoption {
            *at = *at + gap;
        }
    }

    /// The lease of a lane has run out. Returns the jobs that it has lost.
    pub(super) fn expect_silence(&mut self, key: LaneKey) -> Vec<JobId> {
        let lane = self.lanes.get_mut(&key).unwrap();
        lane.silent = true;
        self.turns.step();
        let live = lane.held.iter().filter(|(_, held)| **held == Held::Live);
        let lost: Vec<_> = live.map(|(id, _)| *id).collect();
        let was_alone = lane.held.len() == 1;
        for id in &lost {
            let ran = self.expect_abandoned(*id, VoidReason::Lost).unwrap();
            self.expect_lost(*id, ran, was_alone);
        }
        lost
    }

    fn expect_lost(&mut self, id: JobId, ran: Duration, was_alone: bool) {
        let job = self.jobs.get_mut(&id).unwrap();
        job.losses += 1;
        if was_alone && job.losses > 3 {
            self.expect_end(id, Told::Failed("worker_lost".to_owned()), Some(ran));
        } else {
            self.owed.extend([Owed::Redelivered(job.spec.queue.clone()), Owed::Count(id)]);
            self.owe(id, &Told::Retrying("worker_lost".to_owned()));
        }
    }

    /// What the timer of a job calls for.
    pub(super) fn expect_timer(&mut self, kind: u8, id: JobId) {
        let job = self.jobs.get_mut(&id).unwrap();
        match kind {
            0 => job.state = State::Between,
            3 => self.expect_cancelled(id),
            1 => {
                assert!(job.runs == 0, "what has begun does not expire");
                let ran = self.expect_abandoned(id, VoidReason::Lost);
                self.expect_end(id, Told::Failed("expired".to_owned()), ran);
            }
            _ => {
                let ran = self.expect_abandoned(id, VoidReason::Timeout).unwrap();
                self.expect_failure(id, "timeout", true, ran);
            }
        }
    }

    /// A run is over: another attempt follows, or the end.
    fn expect_failure(&mut self, id: JobId, code: &str, retry: bool, ran: Duration) {
        let job = self.jobs.get_mut(&id).unwrap();
        job.failures += 1;
        if retry && job.failures < job.spec.attempts {
            self.owed.push(Owed::Count(id));
            self.owe(id, &Told::Retrying(code.to_owned()));
        } else {
            self.expect_end(id, Told::Failed(code.to_owned()), Some(ran));
        }
    }

    pub(super) fn expect_end(&mut self, id: JobId, told: Told, ran: Option<Duration>) {
        let outcome = match told {
            Told::Done(..) => Outcome::Done,
            Told::Cancelled => Outcome::Cancelled,
            _ => Outcome::Failed,
        };
        self.owe(id, &told);
        if let Told::Failed(code) = &told {
            self.expect_buried(id, code);
        }
        let job = &self.jobs[&id];
        let total = self.now - job.submitted;
        let answers = job.spec.key.is_some() && outcome != Outcome::Cancelled;
        let is_counted = job.spec.batch.is_some() && !self.config.adoption.is_zero();
        let keeps = answers || job.accepted || job.asked_for || is_counted;
        let settle = Owed::Settle(id, keeps.then_some(told));
        self.owed.extend([settle, Owed::Ended(outcome, ran, total)]);
        #[cfg(feature = "spans")]
        self.owe_span(id, "whole", self.jobs[&id].submitted);
        self.expect_end_in_batch(id, outcome);
    }

    /// All who watch a job are owed this.
    pub(super) fn owe(&mut self, id: JobId, told: &Told) {
        for of in &self.jobs[&id].watchers {
            self.owed.push(Owed::Tell(of.session, of.id.clone(), id, told.clone()));
        }
    }

    /// A job leaves its state, and a run that a worker has of it becomes void.
    pub(super) fn expect_abandoned(&mut self, id: JobId, why: VoidReason) -> Option<Duration> {
        let job = self.jobs.get_mut(&id).unwrap();
        match std::mem::replace(&mut job.state, State::Between) {
            State::Waiting if self.jobs[&id].held_back => self.leave_held_back(id),
            State::Waiting if self.jobs[&id].share().is_some() => {}
            State::Waiting => self.turns.leave(id, &self.jobs[&id]),
            State::Running { lane, since, .. } => {
                self.owed.push(Owed::CancelRun(lane, id));
                let lane = self.lanes.get_mut(&lane).unwrap();
                if !lane.has_void() {
                    lane.void_since = self.now;
                }
                lane.held.insert(id, Held::Void(why, self.now));
                #[cfg(feature = "spans")]
                self.owe_span(id, "running", since);
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
        #[cfg(feature = "spans")]
        self.owe_span(id, "running", since);
        self.now - since
    }

    /// A worker's last word on a run frees its slot; it counts if the run is not void.
    fn expect_report(&mut self, lane: LaneKey, id: JobId, word: &Event) -> Option<Duration> {
        let held = self.lanes.get_mut(&lane).and_then(|lane| lane.held.remove(&id));
        match held {
            Some(Held::Live) => {
                self.expect_start_told(id);
                return Some(self.expect_run_over(id));
            }
            Some(Held::Void(..)) => self.owed.push(Owed::Dropped(Dropped::Late)),
            Some(Held::Unclaimed) => {
                self.unclaimed.get_mut(&id).unwrap().word = Some(word.clone());
            }
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
    pub(super) fn expect_start_told(&mut self, id: JobId) {
        if !std::mem::replace(&mut self.jobs.get_mut(&id).unwrap().start_told, true) {
            self.owe(id, &Told::Started);
        }
    }

    fn expect_held(&mut self, lane: LaneKey, id: JobId) -> bool {
        match self.lanes.get(&lane).and_then(|lane| lane.held.get(&id)) {
            Some(Held::Live) => return true,
            Some(Held::Void(..) | Held::Unclaimed) => {
                self.owed.push(Owed::Dropped(Dropped::Late));
            }
            None => self.owed.push(Owed::Dropped(Dropped::NotHeld)),
        }
        false
    }

    fn expect_chunk(&mut self, lane: LaneKey, id: JobId, body: &Body) {
        if !self.expect_held(lane, id) {
            let run = self.unclaimed.get_mut(&id);
            if let Some(run) = run.filter(|run| run.lane == lane && run.word.is_none()) {
                run.chunks = run.chunks.saturating_add(1);
            }
            return;
        }
        if self.is_good(id, body) {
            self.expect_start_told(id);
            let job = self.jobs.get_mut(&id).unwrap();
            job.chunks = job.chunks.saturating_add(1);
            let chunk = Told::Chunk(job.chunks, body.bytes().clone());
            self.owe(id, &chunk);
        } else {
            let ran = self.expect_abandoned(id, VoidReason::BadMessage).unwrap();
            self.expect_failure(id, "bad_result", false, ran);
        }
    }

    fn is_good(&self, id: JobId, body: &Body) -> bool {
        let of_job = self.jobs[&id].spec.payload.content_type();
        body.bytes().len() <= self.config.limits.result_bytes
            && body.clone().resolve(of_job).is_ok()
    }
}
