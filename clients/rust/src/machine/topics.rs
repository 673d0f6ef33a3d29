//! The topics that somebody here listens to.

use std::collections::BTreeSet;
use std::sync::Arc;

use acequia_wire::client::Op;
use acequia_wire::code::RejectCode;
use acequia_wire::limits::TOPICS_PER_SESSION_MAX;

use super::out::{Effect, Out};
use super::refusal::Refusal;

#[derive(Debug, Default)]
pub(super) struct Topics(BTreeSet<Arc<str>>);

impl Topics {
    /// `is_open`: there is a connection to say so on.
    pub(super) fn add(&mut self, topic: Arc<str>, is_open: bool, out: &mut Out) {
        if self.0.contains(&topic) {
            return;
        }
        if self.0.len() >= TOPICS_PER_SESSION_MAX {
            let message = format!(
                "a client has at most {TOPICS_PER_SESSION_MAX} topics; drop another subscription first"
            );
            let refusal = Refusal::new(RejectCode::TooLarge, &message);
            return refuse(topic, &refusal, out);
        }
        if is_open {
            out.outbox.op(&Op::Subscribe { topic: topic.as_ref().into() });
        }
        self.0.insert(topic);
    }

    pub(super) fn remove(&mut self, topic: &str, is_open: bool, out: &mut Out) {
        if self.0.remove(topic) && is_open {
            out.outbox.op(&Op::Unsubscribe { topic: topic.into() });
        }
    }

    pub(super) fn has(&self, topic: &str) -> bool {
        self.0.contains(topic)
    }

    /// A new connection, or one of them may have been refused for being one too many in its second.
    pub(super) fn say(&self, out: &mut Out) {
        self.0.iter().for_each(|topic| {
            out.outbox.op(&Op::Subscribe { topic: topic.as_ref().into() });
        });
    }

    /// Whether an `error` without an id is about one of these, which it then names.
    pub(super) fn refused(&mut self, refusal: &Refusal, out: &mut Out) -> bool {
        if !refusal.is(RejectCode::Forbidden) {
            return false;
        }
        let named = self.0.iter().filter(|topic| refusal.message.contains(&format!("{topic:?}")));
        let Some(topic) = named.max_by_key(|topic| topic.len()).cloned() else { return false };
        self.0.remove(&topic);
        refuse(topic, refusal, out);
        true
    }
}

fn refuse(topic: Arc<str>, refusal: &Refusal, out: &mut Out) {
    let (code, message) = (Arc::clone(&refusal.code), Arc::clone(&refusal.message));
    out.effects.push(Effect::TopicRefused { topic, code, message });
}
