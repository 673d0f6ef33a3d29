//! What lives on when a server dies: the doors, which hold workers and clients, and say again to the next
//! server what this one may not have written.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use acequia_wire::JobId;
use acequia_wire::client::Submit;

use super::parts::Held;
use super::world::World;
use crate::action::Action;
use crate::event::{Event, Hold, LaneOffer};
use crate::ids::{LaneKey, SessionId};

/// Submits of a session that are said again at most.
const SUBMITS_KEPT: usize = 40;

/// All that the doors know.
#[derive(Default)]
pub(super) struct Doors {
    /// The last run of a job that a lane was given, and the chunks that it has sent of it.
    given: BTreeMap<(LaneKey, JobId), Hold>,
    /// What was said of jobs, and in which step. A job that is given again leaves nothing to be said
    /// of the run before.
    words: Vec<(u32, Word)>,
    /// The last submits, and when they were said.
    submits: VecDeque<(u32, Submitted)>,
    /// Lanes that the next server does not know yet.
    coming: Vec<Coming>,
    /// Submits are said again when all lanes are there.
    lanes_first: bool,
    /// What is said again, in this order.
    pub(super) again: VecDeque<Event>,
}

/// A worker's word of a run that it had.
#[derive(Clone)]
struct Word {
    lane: LaneKey,
    job: JobId,
    /// It said no more of the run after it.
    is_last: bool,
    event: Event,
}

#[derive(Clone)]
struct Submitted {
    session: SessionId,
    job: JobId,
    spec: Arc<Submit>,
}

/// A lane that outlives its server.
struct Coming {
    offer: LaneOffer,
    words: Vec<Word>,
    zeal: u32,
    beats: bool,
    drains: bool,
}

impl Doors {
    /// Takes in what is about to be said of what lanes hold.
    pub(super) fn hear(
        &mut self,
        step: u32,
        event: &Event,
        holds: impl Fn(LaneKey, JobId) -> bool,
    ) {
        match event {
            Event::Submit { session, job, spec } => {
                let submitted = Submitted { session: *session, job: *job, spec: spec.clone() };
                self.submits.push_back((step, submitted));
                if self.submits.len() > SUBMITS_KEPT {
                    self.submits.pop_front();
                }
            }
            Event::LaneReady { lane, offer } => {
                for hold in &offer.holds {
                    self.given.entry((*lane, hold.job)).or_insert(*hold);
                }
            }
            Event::Chunk { lane, job, .. } => {
                if let Some(hold) = self.given.get_mut(&(*lane, *job)) {
                    hold.chunks = hold.chunks.saturating_add(1);
                }
            }
            _ => {}
        }
        if let Some((lane, job, is_last)) =
            word_of(event).filter(|(lane, job, _)| holds(*lane, *job))
        {
            let event = event.clone();
            self.words.push((step, Word { lane, job, is_last, event }));
        }
    }

    /// Takes in what the server does.
    pub(super) fn see(&mut self, action: &Action) {
        if let Action::Run { lane, job } = action {
            let hold = Hold { job: job.job, attempt: job.attempt, chunks: 0 };
            self.given.insert((*lane, job.job), hold);
            self.words.retain(|(_, word)| (word.lane, word.job) != (*lane, job.job));
        }
    }

    /// Whether a worker has said its last word of a run, and will say it again.
    pub(super) fn has_said(&self, of: LaneKey, id: JobId) -> bool {
        let words = self.again.iter().filter_map(word_of);
        words.into_iter().any(|(lane, job, is_last)| is_last && (lane, job) == (of, id))
    }
}

impl World {
    /// The server is gone, and of what it did all up to this step is written. Some of the workers
    /// live on.
    pub(super) fn part(&mut self, written: u32) {
        let doors = &mut self.doors;
        doors.again.clear();
        doors.coming.clear();
        doors.words.retain(|(step, _)| *step > written);
        let words: Vec<Word> =
            std::mem::take(&mut doors.words).into_iter().map(|of| of.1).collect();
        for (key, lane) in &self.model.lanes {
            if !self.random.percent(self.plan.lanes_live_on) {
                continue;
            }
            let mut words = words.clone();
            words.retain(|word| word.lane == *key);
            // What it has, and what it has done and nobody has written.
            let done = words.iter().filter(|word| word.is_last).map(|word| word.job);
            let mut held: Vec<JobId> = lane.held.keys().copied().chain(done).collect();
            held.sort_unstable();
            held.dedup();
            // What will be said again is not told as sent.
            let again = |id: JobId| {
                let is_it =
                    |word: &&Word| word.job == id && matches!(word.event, Event::Chunk { .. });
                u32::try_from(words.iter().filter(is_it).count()).unwrap()
            };
            let hold = |job| {
                let hold = self.doors.given[&(*key, job)];
                Hold { chunks: hold.chunks.saturating_sub(again(job)), ..hold }
            };
            let mut holds: Vec<Hold> = held.into_iter().map(hold).collect();
            if self.random.percent(10) {
                self.random.lie(&mut holds);
            }
            let (name, slots, queues) = (lane.name.clone(), lane.slots, lane.queues.clone());
            self.doors.coming.push(Coming {
                offer: LaneOffer { name, slots, queues, holds },
                words,
                zeal: self.zeal[key],
                beats: lane.beats,
                drains: lane.draining,
            });
        }
        self.doors.given.clear();
    }

    /// Submits are said again, of those sessions that go on: most of those that were not written, and
    /// some that were, all up to this step.
    pub(super) fn submit_again(&mut self, written: u32) {
        for (step, Submitted { session, job, spec }) in self.doors.submits.clone() {
            let chance = if step > written { 90 } else { 30 };
            if self.model.sessions.contains_key(&session) && self.random.percent(chance) {
                self.doors.again.push_back(Event::Submit { session, job, spec });
            }
        }
        // Whatever a lane says, a session does not wait for it; it may be slower all the same.
        self.doors.lanes_first = self.random.percent(40);
        if !self.doors.lanes_first && self.random.percent(50) {
            while let Some(event) = self.doors.again.pop_front() {
                self.happen(event);
            }
        }
    }

    /// A submit from a while ago is said again, by its session or by another.
    pub(super) fn repeat_submit(&mut self) {
        if self.doors.submits.is_empty() {
            return;
        }
        let nth = self.random.below(self.doors.submits.len());
        let Submitted { mut session, job, spec } = self.doors.submits[nth].1.clone();
        if self.random.percent(20) {
            session = self.random.key(&self.model.sessions).unwrap_or(session);
        }
        self.happen(Event::Submit { session, job, spec });
    }

    /// A lane that has lived on comes to the server, or something is said again.
    pub(super) fn come(&mut self) {
        let waits = |event: &Event| {
            let lanes_first = self.doors.lanes_first && !self.doors.coming.is_empty();
            lanes_first && matches!(event, Event::Submit { .. })
        };
        if let Some(event) = self.doors.again.front().filter(|event| !waits(event)).cloned()
            && self.random.percent(60)
        {
            self.doors.again.pop_front();
            return self.say_again(event);
        }
        if self.doors.coming.is_empty() {
            return;
        }
        let nth = self.random.below(self.doors.coming.len());
        let Coming { offer, words, zeal, beats, drains } = self.doors.coming.swap_remove(nth);
        let lane = LaneKey(self.name());
        self.zeal.insert(lane, zeal);
        self.happen(Event::LaneReady { lane, offer });
        if beats {
            self.happen(Event::Beat { lane });
        }
        if drains {
            self.happen(Event::LaneDraining { lane });
        }
        let words = words.into_iter().map(|word| said_by(lane, word.event));
        if self.random.percent(50) {
            self.doors.again.extend(words);
        } else {
            // Before the submits that are still to be said.
            words.rev().for_each(|word| self.doors.again.push_front(word));
        }
        let is_said = self.doors.again.is_empty();
        if self.doors.coming.is_empty() && self.random.percent(if is_said { 40 } else { 5 }) {
            self.happen(Event::AdoptionOver);
        }
    }

    fn say_again(&mut self, event: Event) {
        let word = word_of(&event);
        let goes_on = word.filter(|(lane, job, is_last)| {
            let held = self.model.lanes.get(lane).and_then(|lane| lane.held.get(job));
            *is_last && held == Some(&Held::Live)
        });
        let is_done = matches!(event, Event::Done { .. });
        self.happen(event);
        if let Some((_, job, _)) = goes_on {
            self.proof.seen.said_again += 1;
            // The job has its outcome now, if that was no failure that is tried again.
            assert!(!is_done || !self.model.jobs.contains_key(&job), "what was done is done again");
        }
    }

    /// Nobody who has not come yet comes any more.
    pub(super) fn close_doors(&mut self) {
        while !self.doors.again.is_empty() || !self.doors.coming.is_empty() {
            self.come();
        }
    }
}

/// The lane and job of a word about a run, and whether it is the last.
fn word_of(event: &Event) -> Option<(LaneKey, JobId, bool)> {
    match event {
        Event::Done { lane, job, .. } | Event::Fail { lane, job, .. } => Some((*lane, *job, true)),
        Event::Progress { lane, job, .. } | Event::Chunk { lane, job, .. } => {
            Some((*lane, *job, false))
        }
        Event::BadMessage { lane, job, last, .. } => Some((*lane, *job, *last)),
        _ => None,
    }
}

/// The same word by another name of the lane.
fn said_by(by: LaneKey, mut event: Event) -> Event {
    if let Event::Done { lane, .. }
    | Event::Fail { lane, .. }
    | Event::Progress { lane, .. }
    | Event::Chunk { lane, .. }
    | Event::BadMessage { lane, .. } = &mut event
    {
        *lane = by;
    }
    event
}
