//! Messages on topics, from workers and from clients, to all who subscribed.

use acequia_scheduler::SessionId;
use acequia_sink::{NoRoom, Subscribed};
use acequia_wire::client::{Event as ClientEvent, Refusal};
use acequia_wire::code::RejectCode;
use acequia_wire::limits::TOPICS_PER_SESSION_MAX;
use acequia_wire::{Body, ContentType, Payload};
use tokio::time::Instant;

use super::Pipeline;
use super::input::Publish;
use super::rates::too_fast;
use crate::metrics::DroppedMessage;

impl Pipeline {
    pub(super) fn subscribe(&mut self, session: SessionId, topic: &str) {
        match self.topics.subscribe(session, topic) {
            Subscribed::Already => {}
            Subscribed::Now(None) => {}
            Subscribed::Now(Some(kept)) => _ = self.mailboxes.put(session, kept),
            Subscribed::TooMany => {
                let message = format!(
                    "no subscription to {topic:?}: this session has {TOPICS_PER_SESSION_MAX} topics, the limit; \
                     unsubscribe from one first"
                );
                self.tell(session, Refusal::new(RejectCode::TooLarge, message).into());
            }
        }
    }

    pub(super) fn publish_for_worker(&mut self, topic: &str, body: Body) {
        match body.resolve(&ContentType::Json) {
            Ok(data) => _ = self.publish(topic, &data),
            Err(_) => self.metrics.dropped(DroppedMessage::BadPublish),
        }
    }

    pub(super) fn publish_for(&mut self, instant: Instant, publish: Publish) {
        let Publish { client, ops_per_s, topic, data, retain, answer } = publish;
        let ops_per_s = ops_per_s.min(self.limits.ops_per_s);
        let published = if self.rates.take(client, 1, ops_per_s, instant) == 0 {
            Err(too_fast(ops_per_s))
        } else if retain && let Err(no_room) = self.topics.retain(&topic, &data) {
            self.metrics.rejected(RejectCode::QueueFull);
            Err(Refusal::new(RejectCode::QueueFull, full(&no_room)))
        } else {
            Ok(self.publish(&topic, &data))
        };
        // Whoever asked may have gone.
        _ = answer.send(published);
    }

    /// Returns how many are told.
    fn publish(&mut self, topic: &str, data: &Payload) -> usize {
        let Some((topic, sessions)) = self.topics.subscribers(topic) else { return 0 };
        for session in sessions {
            let message = ClientEvent::Message { topic: topic.clone(), data: data.clone() };
            // Messages may be given up, so no session ends by one.
            _ = self.mailboxes.put(*session, message);
        }
        sessions.len()
    }
}

fn full(no_room: &NoRoom) -> String {
    format!("{no_room}; publish nothing with `retain` to topics whose last message may go")
}
