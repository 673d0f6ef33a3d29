//! Who subscribed to what.

use std::sync::Arc;

use acequia_scheduler::SessionId;
use acequia_wire::limits::TOPICS_PER_SESSION_MAX;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeSet, HashMap};

/// The sessions of each topic, and the topics of each session.
#[derive(Debug, Default)]
pub struct Topics {
    /// The names are the clients' choice, so the hasher is one that cannot be played against.
    sessions: HashMap<Arc<str>, BTreeSet<SessionId>>,
    topics: FxHashMap<SessionId, FxHashSet<Arc<str>>>,
}

impl Topics {
    /// Adds a session to a topic. Returns `false` if it has as many topics as it may.
    #[must_use]
    pub fn subscribe(&mut self, session: SessionId, topic: &str) -> bool {
        let topics = self.topics.entry(session).or_default();
        if topics.contains(topic) {
            return true;
        }
        if topics.len() >= TOPICS_PER_SESSION_MAX {
            return false;
        }
        let topic: Arc<str> = match self.sessions.get_key_value(topic) {
            Some((known, _)) => known.clone(),
            None => topic.into(),
        };
        topics.insert(topic.clone());
        self.sessions.entry(topic).or_default().insert(session);
        true
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
    use super::*;

    #[test]
    fn nothing_is_left_of_a_closed_session() {
        let mut topics = Topics::default();
        let (a, b) = (SessionId(1), SessionId(2));
        assert!(topics.subscribe(a, "news") && topics.subscribe(b, "news"));
        assert!(topics.subscribe(a, "news"), "twice is once");
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
            assert!(topics.subscribe(SessionId(1), &format!("t{n}")));
        }
        assert!(!topics.subscribe(SessionId(1), "one more"));
        topics.unsubscribe(SessionId(1), "t0");
        assert!(topics.subscribe(SessionId(1), "one more"));
    }
}
