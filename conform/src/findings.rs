//! What a case has found, with the conversation up to there.

use acequia_plain::plain;
use serde::Serialize;

/// How many lines of a conversation a finding shows.
const TALK_LINES: usize = 8;
/// How many findings of one rule a case keeps: the same mistake is made at each job.
const FINDINGS_MAX: usize = 2;

/// A rule was broken.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    /// In which case.
    pub(crate) case: &'static str,
    /// What came, or did not come.
    pub(crate) came: String,
    /// The last lines of the conversation before.
    pub(crate) conversation: Vec<String>,
}

/// The findings of one case, and its conversation.
#[derive(Debug)]
pub(crate) struct Findings {
    case: &'static str,
    broken: Vec<(&'static str, Finding)>,
    talk: Vec<String>,
}

impl Findings {
    pub(crate) fn new(case: &'static str) -> Self {
        Self { case, broken: Vec::new(), talk: Vec::new() }
    }

    /// Something was said, or done: a line of the conversation.
    pub(crate) fn note(&mut self, line: String) {
        self.talk.push(plain(line).to_string());
    }

    /// The rule was broken, by what came.
    pub(crate) fn broke(&mut self, rule: &'static str, came: impl Into<String>) {
        if self.broken.iter().filter(|(broken, _)| *broken == rule).count() < FINDINGS_MAX {
            let conversation = self.talk[self.talk.len().saturating_sub(TALK_LINES)..].to_vec();
            let finding =
                Finding { case: self.case, came: plain(came.into()).to_string(), conversation };
            self.broken.push((rule, finding));
        }
    }

    /// Whether it was found that the rule is broken.
    pub(crate) fn has(&self, rule: &str) -> bool {
        self.broken.iter().any(|(broken, _)| *broken == rule)
    }

    pub(crate) fn into_broken(self) -> Vec<(&'static str, Finding)> {
        self.broken
    }
}
