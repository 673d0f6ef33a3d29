//! What workers say, and how their lanes begin and end.

use acequia_gate::{CloseReason, JobsConnection};
use acequia_scheduler::{Event, LaneKey, LaneOffer, Time};
use acequia_sink::ResultsKey;
use acequia_wire::LaneId;
use acequia_wire::worker::{About, BadMessage, FromWorker, Ready};
use tokio::time::Instant;

use super::Pipeline;
use super::pairing::NotCompleted;
use crate::metrics::DroppedMessage;

/// What a worker is told that has to wait for another one's end.
const SHARED_RESULTS: &str = "another worker answers on the same results connection, so this one gets \
                              no jobs: give each worker its own PUSH socket";

/// What a worker said, if it is understood.
type Said = Result<FromWorker, BadMessage>;

impl Pipeline {
    pub(super) fn open_lane(&mut self, jobs: JobsConnection) {
        let (lane, handle) = (LaneKey(jobs.id()), jobs.handle().clone());
        if let Some(id) = self.job_lanes.open(jobs) {
            self.pairing.jobs_opened(lane, id, handle);
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
        let Some(removed) = self.pairing.remove(lane) else { return false };
        self.ending.retain(|(_, ending)| *ending != lane);
        self.job_lanes.close(lane, CloseReason::ClosedByServer, removed.held);
        self.job_lanes.remove(lane);
        for waiting in removed.waiting {
            let now = Instant::now();
            self.job_lanes.greet_again(waiting, Some(now), now);
        }
        true
    }

    pub(super) fn take_message(&mut self, now: Time, results: ResultsKey, message: Said) {
        let message = match message {
            Ok(message) => message,
            Err(bad) => return self.take_bad(now, results, bad),
        };
        let event = match (message, self.pairing.lane_of(results)) {
            (FromWorker::Ready(ready), _) => return self.lane_ready(now, results, ready),
            (_, None) => {
                self.pairing.spoke_before_ready(results);
                return self.metrics.dropped(DroppedMessage::NotReady);
            }
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
                self.publish_for_worker(&topic, body);
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

    /// A message that is not understood ends the job that it is about, and nothing else.
    fn take_bad(&mut self, now: Time, results: ResultsKey, bad: BadMessage) {
        let Some(lane) = self.pairing.lane_of(results) else {
            self.pairing.spoke_before_ready(results);
            return self.metrics.dropped(DroppedMessage::NotReady);
        };
        let event = match bad.about {
            About::Job { job, last } => Event::BadMessage { lane, job, last, message: bad.why },
            About::Topic(id) => {
                if self.is_of(lane, id) {
                    self.metrics.dropped(DroppedMessage::BadPublish);
                }
                Event::Heard { lane }
            }
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
            // It was asked twice.
            Err(NotCompleted::Twice(lane)) if self.job_lanes.was_greeted_again(lane) => return,
            Err(NotCompleted::Twice(_)) => return self.metrics.dropped(DroppedMessage::ReadyTwice),
            Err(NotCompleted::Shared(lane)) => {
                self.job_lanes.bye(lane, SHARED_RESULTS);
                return self.metrics.dropped(DroppedMessage::SharedResults);
            }
        };
        if let Some(superseded) = completed.superseded {
            self.end_lane(now, superseded);
        }
        let lane = completed.lane;
        let name = ready.name.unwrap_or_else(|| format!("worker-{}", completed.nth));
        if let Some(more) = self.ready_lines.line(name.clone(), Instant::now().into_std()) {
            let (slots, queues) = (ready.slots, &ready.queues);
            tracing::info!(%name, slots, ?queues, "a worker is ready{more}");
        }
        self.job_lanes.ready(lane, ready.pack);
        let offer = LaneOffer {
            name: name.into(),
            slots: ready.slots,
            queues: ready.queues,
            holds: Vec::new(),
        };
        self.handle(now, Event::LaneReady { lane, offer });
    }
}
