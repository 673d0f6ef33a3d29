//! Where the values are from that were not typed.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use clap::Id;

/// Of each such value its flag, and where it is from.
#[derive(Default)]
pub(super) struct Told(HashMap<Id, (String, Source)>);

/// Where a value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Default,
    File { path: PathBuf, line: usize },
    Variable(String),
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(f, "default"),
            Self::File { path, line } => write!(f, "from {}:{line}", path.display()),
            Self::Variable(name) | Self::Flag(name) => write!(f, "from {name}"),
        }
    }
}

impl Told {
    /// Takes in where the value of a flag is from.
    pub(super) fn add(&mut self, arg: Id, flag: String, source: Source) {
        self.0.insert(arg, (flag, source));
    }

    /// Where the value of this argument is from.
    pub(super) fn of(&self, arg: &Id) -> Option<&Source> {
        self.0.get(arg).map(|(_, source)| source)
    }

    /// On an error that names flags: where their values are from, unless they were typed.
    pub(super) fn note(&self, error: &str) -> String {
        let mut notes: Vec<_> = self
            .0
            .values()
            .filter(|(flag, _)| names(error, flag))
            .map(|(flag, source)| format!("note: the value of {flag} is {source}\n"))
            .collect();
        notes.sort();
        notes.concat()
    }
}

/// Whether a text names a flag, and not one that only begins like it.
fn names(text: &str, flag: &str) -> bool {
    text.match_indices(flag).any(|(at, _)| {
        let next = text[at + flag.len()..].chars().next();
        !next.is_some_and(|next| next == '-' || next.is_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_begin_alike_are_told_apart() {
        assert!(names("'--jwt-keys-file <FILE>' is odd", "--jwt-keys-file"));
        assert!(names("--log: what", "--log") && names("is --log", "--log"));
        assert!(!names("--session-s 3", "--session") && !names("--logs", "--log"));
    }
}
