//! Whether anybody is still there: a connection that froze says nothing, not even that it has ended.

use super::time::Ms;

/// After so long a silence the server is asked.
const SILENCE_MS: Ms = 20_000;
/// And so long after something was sent, and nothing heard since.
const UNANSWERED_MS: Ms = 5_000;
/// It has so long to answer.
const ANSWER_MS: Ms = 10_000;

/// ```text
/// quiet ──silence, or something sent and not answered──▶ asked ──no answer──▶ dead
///   ▲                                                      │
///   └───────────────────── anything heard ◀────────────────┘
/// ```
#[derive(Debug, Default)]
pub(super) struct Liveness {
    heard: Ms,
    /// The first thing that was sent since something was heard.
    sent: Option<Ms>,
    asked: Option<Ms>,
}

/// What the silence asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// The server is to be asked for a word.
    Ask,
    /// Nobody is there.
    Dead,
}

impl Liveness {
    pub(super) fn heard(&mut self, now: Ms) {
        *self = Self { heard: now, sent: None, asked: None };
    }

    pub(super) fn sent(&mut self, now: Ms) {
        self.sent.get_or_insert(now);
    }

    pub(super) fn due(&self) -> Ms {
        match (self.asked, self.sent) {
            (Some(asked), _) => asked + ANSWER_MS,
            (None, Some(sent)) => (sent + UNANSWERED_MS).min(self.heard + SILENCE_MS),
            (None, None) => self.heard + SILENCE_MS,
        }
    }

    pub(super) fn look(&mut self, now: Ms) -> Option<Silence> {
        if now < self.due() {
            return None;
        }
        if self.asked.is_some() {
            return Some(Silence::Dead);
        }
        self.asked = Some(now);
        Some(Silence::Ask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_after_a_silence_and_gives_up_without_an_answer() {
        let mut liveness = Liveness::default();
        liveness.heard(100);
        assert_eq!(liveness.look(100 + SILENCE_MS - 1), None);
        assert_eq!(liveness.look(100 + SILENCE_MS), Some(Silence::Ask));
        assert_eq!(liveness.look(100 + SILENCE_MS + ANSWER_MS - 1), None);
        assert_eq!(liveness.look(100 + SILENCE_MS + ANSWER_MS), Some(Silence::Dead));
        liveness.heard(50_000);
        assert_eq!(liveness.look(50_000 + SILENCE_MS - 1), None);
    }

    #[test]
    fn what_is_not_answered_makes_it_ask_sooner() {
        let mut liveness = Liveness::default();
        liveness.heard(0);
        liveness.sent(1_000);
        liveness.sent(5_000);
        assert_eq!(liveness.due(), 1_000 + UNANSWERED_MS);
        liveness.heard(2_000);
        assert_eq!(liveness.due(), 2_000 + SILENCE_MS);
    }
}
