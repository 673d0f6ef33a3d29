//! A rule of a protocol document, and where it is written.

use serde::Serialize;

use crate::rules;

/// Whom a rule binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// A worker: the rules W1, W2 and so on.
    Worker,
    /// A client library: the rules C1, C2 and so on.
    Client,
}

/// How strict a rule is, as in RFC 2119.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// Who breaks it does not conform.
    Must,
    /// Who breaks it is warned.
    Should,
}

/// Whether the kit finds out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tested {
    /// It does, in this way.
    By(&'static str),
    /// It does not, for this reason.
    Not(&'static str),
}

/// A rule that a program can break.
///
/// A number is never given twice: a new rule gets the next one, and that of a rule that is gone
/// stays empty.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rule {
    /// Such as `W12`; it stands in square brackets in the document.
    pub number: &'static str,
    /// How strict it is.
    pub level: Level,
    /// The anchor of the heading under which it stands in the document.
    pub section: &'static str,
    /// The rule, in a sentence.
    pub says: &'static str,
    /// How it is tested, or why it is not.
    pub tested: Tested,
}

/// A rule, as a row of the registry.
pub(crate) const fn rule(
    number: &'static str,
    level: Level,
    section: &'static str,
    says: &'static str,
    tested: Tested,
) -> Rule {
    Rule { number, level, section, says, tested }
}

impl Side {
    /// All rules, by their numbers.
    pub const fn rules(self) -> &'static [Rule] {
        match self {
            Self::Worker => rules::WORKER,
            Self::Client => rules::CLIENT,
        }
    }

    /// The document that has the rules, as a path from the root of the repository.
    pub const fn document(self) -> &'static str {
        match self {
            Self::Worker => "docs/worker-protocol.md",
            Self::Client => "docs/client-protocol.md",
        }
    }

    /// The rule with this number.
    pub fn rule(self, number: &str) -> Option<&'static Rule> {
        self.rules().iter().find(|rule| rule.number.eq_ignore_ascii_case(number))
    }
}

impl Level {
    /// As RFC 2119 spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
        }
    }
}

impl Rule {
    /// Where to read it: the document and the anchor of its heading.
    pub fn place(&self, side: Side) -> String {
        format!("{}#{}", side.document(), self.section)
    }
}
