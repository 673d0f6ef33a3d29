//! What workers say, and how their lanes begin and end.

use acequia_gate::{CloseReason, JobsConnection};
use acequia_scheduler::{Event, LaneKey, LaneOffer, Time};
use acequia_sink::ResultsKey;
use acequia_wire::client::Event as ClientEvent;
use acequia_wire::worker::{FromWorker, Ready};
use acequia_wire::{Body, ContentType, LaneId};

use super::Pipeline;
use super::pairing::NotCompleted;
use crate::metrics::DroppedMessage;

impl Pipeline {
    pub(super) fn open_lane(&mut self, jobs: JobsConnection) {
        let (lane, peer) = (LaneKey(jobs.id()), jobs.peer());
        if let Some(id) = self.job_lanes.open(jobs) {
            self.pairing.jobs_opened(lane, id, peer);
        }
    }

    /// A lane is over: its jobs go elsewhere, and a connection that is left of it is closed, so
    /// that its worker begins anew.
    pub(super) fn end_lane(&mut self, now: Time, lane: LaneKey) {
        if self.close_lane(lane) {
            self.handle(now, Event::LaneClosed { lane });
        }
    }

    /// Closes what is left of a lane. Returns whether it was there.
    pub(super) fn close_lane(&mut self, lane: LaneKey) -> bool {
        let was_there = self.pairing.remove(lane);
        if was_there {
            self.ending.retain(|(_, ending)| *ending != lane);
            self.job_lanes.close(lane, CloseReason::ClosedByServer);
            self.job_lanes.remove(lane);
        }
        was_there
    }

    pub(super) fn take_message(&mut self, now: Time, results: ResultsKey, message: FromWorker) {
        let event = match (message, self.pairing.lane_of(results)) {
            (FromWorker::Ready(ready), _) => return self.lane_ready(now, results, ready),
            (_, None) => return self.metrics.dropped(DroppedMessage::NotReady),
            (FromWorker::Done { job, body }, Some(lane)) => Event::Done { lane, job, body },
            (FromWorker::Fail { job, code, message, retry }, Some(lane)) => {
                Event::Fail { lane, job, code, message, retry }
            }
            (FromWorker::Progress { job, progress }, Some(lane)) => {
                Event::Progress { lane, job, progress }
            }
            (FromWorker::Chunk { job, body }, Some(lane)) => Event::Chunk { lane, job, body },
            (FromWorker::Bye { lane: id }, Some(lane)) if self.is_of(lane, id) => {
                Event::LaneDraining { lane }
            }
            (FromWorker::Publish { lane: id, topic, body }, Some(lane)) if self.is_of(lane, id) => {
                self.publish(&topic, body);
                Event::Heard { lane }
            }
            (FromWorker::Beat { lane: id }, Some(lane)) if self.is_of(lane, id) => {
                Event::Beat { lane }
            }
            // It names another lane, and proves that the worker of this one lives.
            (
                FromWorker::Bye { .. } | FromWorker::Publish { .. } | FromWorker::Beat { .. },
                Some(lane),
            ) => Event::Heard { lane },
        };
        self.handle(now, event);
    }

    /// Whether a message that came on `lane` also names it.
    fn is_of(&self, lane: LaneKey, id: LaneId) -> bool {
        let own = self.pairing.is_named(lane, id);
        if !own {
            self.metrics.dropped(DroppedMessage::OtherLane);
        }
        own
    }

    fn lane_ready(&mut self, now: Time, results: ResultsKey, ready: Ready) {
        if !self.may_work(results, &ready) {
            return;
        }
        let completed = match self.pairing.ready(results, ready.lane) {
            Ok(completed) => completed,
            Err(NotCompleted::UnknownLane) => {
                return self.metrics.dropped(DroppedMessage::UnknownLane);
            }
            Err(NotCompleted::Twice) => return self.metrics.dropped(DroppedMessage::ReadyTwice),
        };
        if let Some(superseded) = completed.superseded {
            self.end_lane(now, superseded);
        }
        let lane = completed.lane;
        let name = ready.name.unwrap_or_else(|| format!("worker-{}", completed.nth));
        tracing::info!(%name, slots = ready.slots, queues = ?ready.queues, "a worker is ready");
        self.job_lanes.ready(lane, ready.pack);
        let offer = LaneOffer { name: name.into(), slots: ready.slots, queues: ready.queues };
        self.handle(now, Event::LaneReady { lane, offer });
    }

    fn publish(&mut self, topic: &str, body: Body) {
        let Ok(data) = body.resolve(&ContentType::Json) else {
            return self.metrics.dropped(DroppedMessage::BadPublish);
        };
        let Some((topic, sessions)) = self.topics.subscribers(topic) else { return };
        for session in sessions {
            let message = ClientEvent::Message { topic: topic.clone(), data: data.clone() };
            // Messages may be given up, so no session ends by one.
            _ = self.mailboxes.put(*session, message);
        }
    }
}
