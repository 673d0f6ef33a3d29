//! What workers say, and how their lanes begin and end.

use acequia_scheduler::{Event, LaneKey, Time};
use acequia_sink::ResultsKey;
use acequia_wire::worker::{BadMessage, FromWorker, Word};

use super::Pipeline;
use crate::workers::Said;

impl Pipeline {
    /// A lane is over: its jobs go elsewhere, and a connection that is left of it is closed, so
    /// that its worker begins anew.
    pub(super) fn end_lane(&mut self, now: Time, lane: LaneKey) {
        if self.workers.close(lane) {
            self.handle(now, Event::LaneClosed { lane });
        }
    }

    pub(super) fn take_message(
        &mut self,
        now: Time,
        results: ResultsKey,
        message: Result<FromWorker, BadMessage>,
    ) {
        match self.workers.hear(results, message) {
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

    fn take_word(&mut self, now: Time, lane: LaneKey, word: Word) {
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
}
