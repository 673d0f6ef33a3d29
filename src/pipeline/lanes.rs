//! Lanes: those of this server's own workers, and those of doors. What their workers say, and how they begin
//! and end.

mod far;

use std::time::Duration;

use acequia_gate::Peer;
use acequia_link::FromOwner;
use acequia_scheduler::{Event, LaneKey, LaneOffer, Time};
use acequia_sink::{ResultsKey, Valve};
use acequia_wire::JobId;
use acequia_wire::worker::{BadMessage, FromWorker, JobMessage, Word};
use tokio::time::Instant;

use self::far::FarLanes;
pub(crate) use self::far::{FarInput, FarWay, far_lane};
use super::Pipeline;
use crate::workers::{Said, Workers};

/// All of them.
pub(crate) struct Lanes {
    near: Workers,
    far: FarLanes,
}

impl Lanes {
    pub(super) fn new(near: Workers) -> Self {
        Self { near, far: FarLanes::default() }
    }

    /// The server's own workers.
    pub(super) fn near(&mut self) -> &mut Workers {
        &mut self.near
    }

    /// The worker's end of a lane.
    pub(crate) fn peer(&self, lane: LaneKey) -> Option<Peer> {
        self.far.peer(lane).or_else(|| self.near.peer(lane))
    }

    /// Whether workers of this server itself are ready.
    pub(super) fn has_near(&self) -> bool {
        self.near.has_ready()
    }

    /// Whether the worker of a lane is at a door.
    pub(super) fn is_far(&self, lane: LaneKey) -> bool {
        self.far.way(lane).is_some()
    }

    pub(super) fn run(&mut self, lane: LaneKey, job: JobMessage) {
        match self.far.way(lane) {
            Some(way) => way.send(|lane| FromOwner::Run { lane, job }),
            None => self.near.run(lane, job),
        }
    }

    pub(super) fn cancel(&mut self, lane: LaneKey, job: JobId) {
        match self.far.way(lane) {
            Some(way) => way.send(|lane| FromOwner::Cancel { lane, job }),
            None => self.near.cancel(lane, job),
        }
    }

    pub(super) fn bye(&mut self, lane: LaneKey, reason: &str) {
        match self.far.way(lane) {
            Some(way) => way.send(|lane| FromOwner::Bye { lane, reason: reason.to_owned() }),
            None => self.near.bye(lane, reason),
        }
    }

    /// Closes what is left of a lane, so that its worker begins anew. Returns whether it was there.
    pub(super) fn close(&mut self, lane: LaneKey) -> bool {
        match self.far.remove(lane) {
            Some(way) => {
                way.send(|lane| FromOwner::End { lane });
                true
            }
            None => self.near.close(lane),
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.near.due()
    }

    pub(super) fn forgive(&mut self, gap: Duration) {
        self.near.forgive(gap);
    }

    pub(super) fn flush(&mut self, now: Instant) {
        self.near.flush(now);
    }

    pub(super) async fn finish(self) {
        self.near.finish().await;
    }
}

impl Pipeline {
    /// A lane is over: its jobs go elsewhere, and a connection that is left of it is closed, so
    /// that its worker begins anew.
    pub(super) fn end_lane(&mut self, now: Time, lane: LaneKey) {
        if self.lanes.close(lane) {
            self.handle(now, Event::LaneClosed { lane });
        }
    }

    pub(super) fn take_message(
        &mut self,
        now: Time,
        results: ResultsKey,
        message: Result<FromWorker, BadMessage>,
    ) {
        match self.lanes.near().hear(results, message) {
            Some(Said::Word { lane, word }) => self.take_word(now, lane, word),
            Some(Said::Ready { lane, offer, superseded }) => {
                if let Some(superseded) = superseded {
                    self.end_lane(now, superseded);
                }
                self.handle(now, Event::LaneReady { lane, offer });
            }
            None => {}
        }
    }

    pub(super) fn take_word(&mut self, now: Time, lane: LaneKey, word: Word) {
        let event = match word {
            Word::Done { job, body } => Event::Done { lane, job, body },
            Word::Fail { job, code, message, retry } => {
                Event::Fail { lane, job, code, message, retry }
            }
            Word::Progress { job, progress } => Event::Progress { lane, job, progress },
            Word::Chunk { job, body } => Event::Chunk { lane, job, body },
            Word::Bad { job, last, message } => Event::BadMessage { lane, job, last, message },
            Word::Publish { topic, body } => {
                self.publish_for_worker(&topic, body);
                Event::Heard { lane }
            }
            Word::Beat => Event::Beat { lane },
            Word::Heard => Event::Heard { lane },
            Word::Bye => Event::LaneDraining { lane },
        };
        self.handle(now, event);
    }

    /// What came of the words of a worker is done, and it may be too much for somebody.
    pub(super) fn press(&mut self, instant: Instant, results: ResultsKey) {
        // Before the next batch may come.
        self.act(instant);
        for session in self.pressed.drain(..) {
            self.pressure.press(session, results, instant);
        }
    }

    /// A door says something of its workers.
    pub(super) fn take_far(&mut self, now: Time, instant: Instant, input: FarInput) {
        match input {
            FarInput::Ready { lane, offer, peer, way } => {
                let told = way.clone();
                let valve = Valve::far(move |is_open| {
                    told.send(|lane| match is_open {
                        true => FromOwner::LetGo { lane },
                        false => FromOwner::Hold { lane },
                    });
                });
                self.pressure.opened(ResultsKey(lane.0), valve);
                self.lanes.far.insert(lane, way, peer);
                self.far_ready(now, lane, offer);
            }
            FarInput::Said { lane, words, turn: _turn } => {
                for word in words {
                    self.take_word(now, lane, word);
                }
                self.press(instant, ResultsKey(lane.0));
            }
            FarInput::Ended { lane } => {
                self.pressure.closed(ResultsKey(lane.0));
                if self.lanes.far.remove(lane).is_some() {
                    self.handle(now, Event::LaneClosed { lane });
                }
            }
            FarInput::Mark { number, out } => {
                self.handled.add(self.durability.group_of_all(), number, out);
            }
        }
    }

    fn far_ready(&mut self, now: Time, lane: LaneKey, offer: LaneOffer) {
        let (name, slots, queues) = (&offer.name, offer.slots, &offer.queues);
        tracing::debug!(%name, slots, ?queues, "a worker is ready at a door");
        self.handle(now, Event::LaneReady { lane, offer });
    }
}
