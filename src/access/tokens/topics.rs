//! Which topics a token is for.

/// A topic, or all that begin in one way: `user-42/*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicPattern {
    begin: String,
    /// Whether any rest may follow.
    is_open: bool,
}

impl From<String> for TopicPattern {
    fn from(text: String) -> Self {
        match text.strip_suffix('*') {
            Some(begin) => Self { begin: begin.to_owned(), is_open: true },
            None => Self { begin: text, is_open: false },
        }
    }
}

impl TopicPattern {
    pub(super) fn matches(&self, topic: &str) -> bool {
        if self.is_open { topic.starts_with(&self.begin) } else { topic == self.begin }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_at_the_end_is_any_rest() {
        let matches = |pattern: &str, topic| TopicPattern::from(pattern.to_owned()).matches(topic);
        assert!(matches("news", "news") && !matches("news", "news/today"));
        assert!(matches("user-42/*", "user-42/orders") && matches("user-42/*", "user-42/"));
        assert!(!matches("user-42/*", "user-421/orders") && !matches("user-42/*", "user-42"));
        assert!(matches("*", "anything"));
        assert!(matches("a*b", "a*b") && !matches("a*b", "axb"), "elsewhere it is a star");
    }
}
