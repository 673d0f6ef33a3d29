//! Who subscribed to what.

use std::sync::Arc;

use acequia_scheduler::SessionId;
use acequia_wire::Payload;
use acequia_wire::client::Event;
use acequia_wire::limits::TOPICS_PER_SESSION_MAX;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeSet, HashMap};

/// Topics that may have a last message that is kept, and bytes of all those.
const RETAINED_MAX: usize = 10_000;
const RETAINED_BYTES_MAX: usize = 64 << 20;

/// What came of a wish to subscribe.
#[derive(Debug, PartialEq)]
pub enum Subscribed {
    /// It is so from now on, and this is the message that was kept for those who come later.
    Now(Option<Event>),
    /// It was so before.
    Already,
    /// The session has as many topics as it may.
    TooMany,
}

/// The last message of a topic cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// Those of too many others are.
    #[error("{RETAINED_MAX} topics have a message that is kept, the limit")]
    Topics,
    /// They are too large.
    #[error("messages that are kept may have {RETAINED_BYTES_MAX} bytes in all")]
    Bytes,
}

/// The sessions of each topic, and the topics of each session; and the last message of topics that
/// are to keep it.
#[derive(Debug, Default)]
pub struct Topics {
    /// The names are the clients' choice, so the hasher is one that cannot be played against.
    sessions: HashMap<Arc<str>, BTreeSet<SessionId>>,
    topics: FxHashMap<SessionId, FxHashSet<Arc<str>>>,
    retained: HashMap<Arc<str>, Payload>,
    retained_bytes: usize,
}

impl Topics {
    /// Adds a session to a topic.
    pub fn subscribe(&mut self, session: SessionId, topic: &str) -> Subscribed {
        let topics = self.topics.entry(session).or_default();
        if topics.contains(topic) {
            return Subscribed::Already;
        }
        if topics.len() >= TOPICS_PER_SESSION_MAX {
            return Subscribed::TooMany;
        }
        let topic: Arc<str> = match self.sessions.get_key_value(topic) {
            Some((known, _)) => known.clone(),
            None => topic.into(),
        };
        topics.insert(topic.clone());
        let kept = self.retained.get(&topic).cloned();
        let kept = kept.map(|data| Event::Message { topic: topic.clone(), data });
        self.sessions.entry(topic).or_default().insert(session);
        Subscribed::Now(kept)
    }

    /// Keeps the last message of a topic for those who subscribe later. One without bytes is not
    /// kept, and nor is the one before it.
    ///
    /// # Errors
    /// If there is no room for it; the one before it stays.
    pub fn retain(&mut self, topic: &str, data: &Payload) -> Result<(), NoRoom> {
        let weight = |data: &Payload| topic.len() + data.bytes().len();
        let before = self.retained.get(topic);
        let bytes = self.retained_bytes - before.map_or(0, weight);
        if data.bytes().is_empty() {
            (_, self.retained_bytes) = (self.retained.remove(topic), bytes);
            return Ok(());
        }
        if before.is_none() && self.retained.len() >= RETAINED_MAX {
            return Err(NoRoom::Topics);
        }
        if bytes + weight(data) > RETAINED_BYTES_MAX {
            return Err(NoRoom::Bytes);
        }
        self.retained_bytes = bytes + weight(data);
        self.retained.insert(topic.into(), data.detached());
        Ok(())
    }

    /// Takes a session out of a topic, if it is in it.
    pub fn unsubscribe(&mut self, session: SessionId, topic: &str) {
        if let Some(topics) = self.topics.get_mut(&session) {
            topics.remove(topic);
            if topics.is_empty() {
                self.topics.remove(&session);
            }
        }
        self.leave(session, topic);
    }

    /// Takes a session out of all its topics.
    pub fn close(&mut self, session: SessionId) {
        for topic in self.topics.remove(&session).unwrap_or_default() {
            self.leave(session, &topic);
        }
    }

    /// The topic and its sessions, if anyone subscribed to it.
    pub fn subscribers(&self, topic: &str) -> Option<(&Arc<str>, &BTreeSet<SessionId>)> {
        self.sessions.get_key_value(topic)
    }

    fn leave(&mut self, session: SessionId, topic: &str) {
        if let Some(sessions) = self.sessions.get_mut(topic) {
            sessions.remove(&session);
            if sessions.is_empty() {
                self.sessions.remove(topic);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use acequia_wire::ContentType;

    use super::*;

    #[test]
    fn nothing_is_left_of_a_closed_session() {
        let mut topics = Topics::default();
        let (a, b) = (SessionId(1), SessionId(2));
        assert_eq!(topics.subscribe(a, "news"), Subscribed::Now(None));
        assert_eq!(topics.subscribe(b, "news"), Subscribed::Now(None));
        assert_eq!(topics.subscribe(a, "news"), Subscribed::Already);
        topics.unsubscribe(b, "news");
        let (_, sessions) = topics.subscribers("news").expect("a is in it");
        assert_eq!(sessions.iter().collect::<Vec<_>>(), [&a]);
        topics.close(a);
        assert!(topics.sessions.is_empty() && topics.topics.is_empty());
    }

    #[test]
    fn topics_of_a_session_are_bounded() {
        let mut topics = Topics::default();
        for n in 0..TOPICS_PER_SESSION_MAX {
            assert_eq!(topics.subscribe(SessionId(1), &format!("t{n}")), Subscribed::Now(None));
        }
        assert_eq!(topics.subscribe(SessionId(1), "one more"), Subscribed::TooMany);
        topics.unsubscribe(SessionId(1), "t0");
        assert_eq!(topics.subscribe(SessionId(1), "one more"), Subscribed::Now(None));
    }

    fn text(text: &'static str) -> Payload {
        Payload::new(ContentType::Text, text.into()).expect("text")
    }

    #[test]
    fn the_last_message_is_kept_for_those_who_come_later() {
        let mut topics = Topics::default();
        assert_eq!(topics.retain("news", &text("old")), Ok(()));
        assert_eq!(topics.retain("news", &text("new")), Ok(()));
        let kept = Event::Message { topic: "news".into(), data: text("new") };
        assert_eq!(topics.subscribe(SessionId(1), "news"), Subscribed::Now(Some(kept)));
        assert_eq!(topics.retain("news", &text("")), Ok(()));
        assert_eq!(topics.subscribe(SessionId(2), "news"), Subscribed::Now(None));
        assert_eq!((topics.retained.len(), topics.retained_bytes), (0, 0));
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_bytes() {
        let mut topics = Topics::default();
        for n in 0..RETAINED_MAX {
            assert_eq!(topics.retain(&format!("t{n}"), &text("x")), Ok(()));
        }
        assert_eq!(topics.retain("one more", &text("x")), Err(NoRoom::Topics));
        assert_eq!(topics.retain("t0", &text("y")), Ok(()), "that of a topic which has one");
        let large = Payload::new(ContentType::Octets, vec![0; RETAINED_BYTES_MAX].into());
        assert_eq!(topics.retain("t0", &large.expect("octets")), Err(NoRoom::Bytes));
    }
}
